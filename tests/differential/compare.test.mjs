// The comparison can fail: each way in which two verdicts must not differ is a problem. And the other library does judge.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { STRICTER, compare, summary, tally } from './compare.mjs';
import { ambiguous } from './evidence.mjs';
import { judge } from './jose.mjs';

const NOW = 1_800_000_000;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256', use: 'sig' };
const rules = { issuer: 'https://issuer.example', client: 'client', audience: 'api', now: NOW, skew: 60, lifetime: 86_400, jwks: { keys: [jwk] } };
const right = { iss: rules.issuer, aud: rules.client, sub: 'ann', iat: NOW, exp: NOW + 3600 };

function token(claims, header = {}) {
  const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256', kid: 'ec', ...header })}.${part(claims)}`;
  return `${signed}.${sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function compared(verdict, theirs, claims = right, header = {}) {
  const counts = tally();
  compare(counts, rules, { verdict, kind: 'id', made: 'forged', token: token(claims, header) }, theirs);
  return counts;
}

test('a token that we take and the other library refuses favours the attacker', () => {
  const { favours, problems } = compared('taken', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
  assert.equal(favours, 1);
  assert.match(problems[0], /^favours the attacker: .*ERR_JWS_SIGNATURE_VERIFICATION_FAILED.*forged/);
});

test('a refusal that only we pronounce needs a reason that we are known for, and evidence in the token', () => {
  for (const reason of ['bad_signature', 'wrong_issuer', 'other_algorithm', 'not_yet_valid', 'a_new_one', 'toString']) {
    assert.match(compared(reason, 'taken').problems.join(), /^locks somebody out/, reason);
  }
  for (const reason of Object.keys(STRICTER).filter((name) => name !== 'wrong_authorized_party')) {
    assert.match(compared(reason, 'taken').problems.join(), /^locks somebody out/, `${reason} without evidence`);
  }
  const evidence = [
    ['unexpected_header', right, { jku: 'https://evil.example' }],
    ['bad_type', right, { typ: ['JWT'] }],
    ['bad_payload', `{"sub":"bob",${JSON.stringify(right).slice(1)}`],
    ['bad_claim', { ...right, nbf: 0, sub: ' ' }],
    ['wrong_audience', { ...right, aud: ['client', 'other'] }],
    ['wrong_authorized_party', { ...right, azp: 'other' }],
    ['wrong_kind', { ...right, scope: 'openid' }],
    ['bound_to_key', { ...right, cnf: null }],
    ['lives_too_long', { ...right, exp: NOW + 100_000 }],
    ['expired', { ...right, exp: NOW - 59.5 }],
  ];
  for (const [reason, claims, header] of evidence) {
    const { stricter, problems } = compared(reason, 'taken', claims, header);
    assert.deepEqual([stricter, problems], [{ [reason]: 1 }, []], reason);
  }
});

test('verdicts that agree are counted', () => {
  assert.equal(compared('taken', 'taken').bothTaken, 1);
  assert.equal(compared('expired', 'ERR_JWT_EXPIRED').bothRefused, 1);
  const counts = compared('taken', 'taken');
  assert.match(summary({ ...counts, stricter: { bad_type: 2, too_long: 3 } }), /both take +1\n(.*\n)+.*reason.* 5\n +too_long +3\n +bad_type +2\n.*attacker +0$/);
});

test('evidence of a JSON text that two parsers read in two ways', () => {
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"x":{"b":[{"c":1,"c":2}]}}', '\ufeff{}', '{"a":1e400}', '{"a":"\\ud800"}', `{"a":${'['.repeat(16)}${']'.repeat(16)}}`]) {
    assert.equal(ambiguous(text), true, text);
  }
  for (const text of ['{"a":{"a":1},"b":{"a":1}}', '{"a":"a","b":"a:a"}', '{"a":"\\"a\\":1,\\"a\\":2"}', '{"a":"\\ud83d\\udc4b"}', '[{"a":1},{"a":1}]']) {
    assert.equal(ambiguous(text), false, text);
  }
});

test('the other library takes a right token, and refuses one by one what is wrong', async () => {
  const verdict = judge(rules);
  const said = async (claims, header, kind = 'id') => verdict({ kind, token: token(claims, header) });
  assert.equal(await said(right), 'taken');
  assert.equal(await said({ ...right, aud: 'api' }, {}, 'access'), 'taken');
  for (const wrong of [
    { iss: 'https://evil.example' }, { aud: 'other' }, { aud: 'api' }, { exp: NOW - 60 }, { exp: undefined }, { sub: undefined }, { iat: undefined },
    { iat: NOW + 61 }, { nbf: NOW + 61 }, { exp: '1' },
  ]) {
    assert.match(await said({ ...right, ...wrong }), /^ERR_J/, JSON.stringify(wrong));
  }
  assert.match(await said(right, { alg: 'none' }), /^ERR_J/);
  assert.match(await said(right, { crit: ['x'], x: 1 }), /^ERR_J/);
  const [header, claims, signature] = token(right).split('.');
  const other = Buffer.from(JSON.stringify({ ...right, sub: 'bob' })).toString('base64url');
  assert.match(await verdict({ kind: 'id', token: `${header}.${other}.${signature}` }), /^ERR_J/);
  assert.match(await verdict({ kind: 'id', token: `${header}.${claims}.` }), /^ERR_J/);
});
