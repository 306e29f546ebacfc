// What the npm package jose says of a token: WebCrypto of Node (OpenSSL) and a JSON parser of its own, so nothing of
// it is shared with the service.
import { load } from '../../deploy/demo/lib/npm.mjs';

const { createLocalJWKSet, jwtVerify } = await load('jose');

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384'];

/** Returns a function that says `taken`, or why not. The rules are the first line of the file of tokens. */
export function judge({ issuer, client, audience, now, skew, lifetime, jwks }) {
  const keys = createLocalJWKSet(jwks);
  const common = {
    issuer,
    algorithms: ALGORITHMS,
    clockTolerance: skew,
    currentDate: new Date(now * 1000),
    requiredClaims: ['exp', 'sub'],
    // It has no rule for `exp - iat`: what expires in time was issued no longer ago than that.
    maxTokenAge: lifetime + skew,
  };
  const audiences = { id: client, access: audience };
  return async ({ kind, token }) => {
    try {
      await jwtVerify(token, keys, { ...common, audience: audiences[kind] });
      return 'taken';
    } catch (error) {
      return error.code ?? error.name;
    }
  };
}
