// The kinds of checks that are counted, in the order in which they are shown.

/** Kinds that verify no signature, or a known one: beside the reference. */
export const CHECKS = {
  bearer: 'cached bearer, product by host',
  bearer_context: 'cached bearer, product by context',
  bearer_misses: 'cached bearer, 1 % new tokens',
  session: 'sealed session',
  redirect: 'redirect to the login',
  unauthorized: '401, no credential',
  forbidden: '403, not granted',
  hostile: 'hostile input',
  routes_10: 'cached bearer, 10 products',
  routes_100000: 'cached bearer, 100,000 products',
  keys_10: 'API key, one of 10',
  keys_100000: 'API key, one of 100,000',
};

/** Kinds that verify a signature each time: beside the signature alone. */
export const UNCACHED = {
  rs256: 'new RS256 token',
  es256: 'new ES256 token',
};

/** What stands beside them. */
export const BESIDE = {
  reference: 'no-op tonic: decodes, says OK',
  bare_rs256: 'RS256 signature alone',
  bare_es256: 'ES256 signature alone',
};

/** What a kind is held against on a machine that its budget was not taken on. */
export const besideOf = (kind) => (kind in UNCACHED ? `bare_${kind}` : 'reference');

/** Kinds that have a budget, the reference's own baseline aside. */
export const BUDGETED = [...Object.keys(CHECKS), ...Object.keys(UNCACHED)];

export const thousands = (number) => Math.round(number).toString().replace(/\B(?=(\d{3})+$)/g, ',');
