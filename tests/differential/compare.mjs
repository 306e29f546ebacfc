// Two verdicts on one token, compared: pure, so that its own test can feed it anything.
import { ambiguous, parts } from './evidence.mjs';

/**
 * Reasons of ours that the other library does not have, each with the evidence that it holds for this token. A refusal
 * that only we pronounce, without evidence, locks somebody out.
 */
export const STRICTER = {
  // RFC 7515 §2: base64url without padding, white space or spare bits; another text would be another cache key.
  bad_character: ({ token }) => /[^\w.-]/.test(token),
  bad_encoding: ({ token }) => token.split('.').some((part) => Buffer.from(part, 'base64url').toString('base64url') !== part),
  too_long: ({ token }) => token.length > 8192,
  // What two parsers read in two ways.
  bad_header: ({ texts }) => ambiguous(texts[0]),
  bad_payload: ({ texts }) => ambiguous(texts[1]),
  // Members that nobody has to understand, and which have changed meanings before.
  unexpected_header: ({ header }) => Object.keys(header).some((name) => !['alg', 'kid', 'typ'].includes(name)),
  bad_key_id: ({ header }) => typeof header.kid !== 'string' || header.kid === '' || header.kid.length > 256,
  bad_type: ({ header }) => 'typ' in header && !(typeof header.typ === 'string' && /^(application\/)?(at\+|logout\+|global-token-revocation\+)?jwt$/i.test(header.typ)),
  // A key that does not say its algorithm is not taken from a key set.
  unknown_key: ({ header }, { jwks }) => jwks.keys.some(({ kid, alg }) => kid === header.kid && !alg),
  // Whole seconds: the part of one that is left does not count.
  expired: ({ claims }, { now, skew }) => !Number.isInteger(claims.exp) && Math.floor(claims.exp) <= now - skew,
  lives_too_long: ({ claims }, { lifetime, skew }) => claims.exp - claims.iat > lifetime + skew,
  bad_claim: ({ claims, kind }) => Object.entries(WELL_FORMED).some(([name, holds]) => name in claims && !holds(claims[name])) || (kind === 'access' && claims.uid === ''),
  wrong_audience: ({ claims, kind }, rules) => new Set([claims.aud].flat()).size > 1 || (kind === 'access' && claims.aud === rules.client),
  wrong_authorized_party: ({ claims, kind }, { client }) => kind === 'id' && claims.azp !== client,
  // The kinds exclude each other, by what each has (RFC 8725 §3.12).
  wrong_kind: ({ header, claims, kind }) => OTHER_TYPES[kind].test(header.typ ?? '') || FOREIGN[kind].some((name) => name in claims)
    || (kind === 'access' && !('cid' in claims && 'scp' in claims)),
  bound_to_key: ({ claims }) => 'cnf' in claims,
  no_principal: ({ claims, kind }) => kind === 'access' && !('uid' in claims) && claims.sub !== claims.cid,
};

const text = (value) => typeof value === 'string';
const texts = (value) => Array.isArray(value) && value.every(text);
const time = (value) => typeof value === 'number' && value >= 0 && value < 2 ** 64;
const WELL_FORMED = {
  iss: text, nonce: text, at_hash: text, c_hash: text, azp: text, sid: text, jti: text, acr: text, cid: text, uid: text,
  client_id: text, scope: text, scp: texts, exp: time, nbf: time, iat: time, auth_time: time,
  aud: (value) => (text(value) && value !== '') || (texts(value) && value.length > 0 && !value.includes('')),
  sub: (value) => text(value) && /^[\x21-\x7e]{1,255}$/.test(value),
  email: (value) => value === null || text(value),
};
const OTHER_TYPES = { id: /(at|logout|revocation)\+jwt$/i, access: /(logout|revocation)\+jwt$/i };
const FOREIGN = { id: ['scp', 'scope', 'cid', 'events'], access: ['nonce', 'at_hash', 'c_hash', 'events'] };

/** A tally of verdicts; `problems` has what must not be. */
export function tally() {
  return { tokens: 0, bothTaken: 0, bothRefused: 0, stricter: {}, favours: 0, problems: [] };
}

/** Adds one token: our verdict stands in it. */
export function compare(counts, rules, line, theirs) {
  counts.tokens += 1;
  const [weTake, theyTake] = [line.verdict, theirs].map((verdict) => verdict === 'taken');
  if (weTake && theyTake) counts.bothTaken += 1;
  else if (!weTake && !theyTake) counts.bothRefused += 1;
  else if (weTake) {
    counts.favours += 1;
    counts.problems.push(`favours the attacker: we take what jose refuses (${theirs}): ${shown(line)}`);
  } else if (Object.hasOwn(STRICTER, line.verdict) && holds(line, rules)) {
    counts.stricter[line.verdict] = (counts.stricter[line.verdict] ?? 0) + 1;
  } else {
    counts.problems.push(`locks somebody out: jose takes what we refuse (${line.verdict}), and nothing in it says why: ${shown(line)}`);
  }
}

function holds(line, rules) {
  return STRICTER[line.verdict]({ ...line, ...parts(line.token) }, rules);
}

const shown = ({ made, kind, token }) => `${kind}; ${made}; ${token}`;

/** What is printed. */
export function summary({ tokens, bothTaken, bothRefused, stricter, favours }) {
  const row = (name, count) => `${name.padEnd(60)}${`${count}`.padStart(8)}`;
  const reasons = Object.entries(stricter).toSorted(([, one], [, other]) => other - one);
  return [
    row('differential test against npm jose: tokens', tokens),
    row('both take', bothTaken),
    row('both refuse', bothRefused),
    row('we alone refuse, for a reason that only we have', reasons.reduce((sum, [, count]) => sum + count, 0)),
    ...reasons.map(([reason, count]) => row(`  ${reason}`, count)),
    row('disagreements that favour the attacker', favours),
  ].join('\n');
}
