// Texts that stand where a credential belongs, as long as one.

/** Bytes of each kind. */
export const BYTES = {
  // A compact RS256 access token.
  bearer: 1215,
  // A sealed session with its count, and one in two cookies.
  session: 1236,
  'session-first': 3802,
  'session-second': 3420,
  // A login that is under way: the end of its cookie's name, its cookie, and what comes back from the provider.
  'login-id': 8,
  login: 420,
  state: 43,
  code: 64,
};

/** The text of a kind: its name over and over, in letters that a cookie and a query may hold. */
export function placeholder(kind) {
  const text = `${kind}.placeholder.`;
  return text.repeat(Math.ceil(BYTES[kind] / text.length)).slice(0, BYTES[kind]);
}

/** The kinds that stand in a message. */
export function kindsIn(message) {
  return Object.keys(BYTES).filter((kind) => message.includes(placeholder(kind)));
}
