// The provider's signing keys, newest first: the first one signs, all of them are published.
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** How many are published: the one before the newest too, so that tokens signed with it still verify. */
const KEPT = 2;

export class SigningKeys {
  #keys = [];

  /** Puts a new key first. Nobody waits meanwhile: making an RSA key takes long enough to be noticed. */
  async rotate() {
    this.#keys = [await newKey(), ...this.#keys].slice(0, KEPT);
  }

  /** The private JWK set, in the shape that the provider's configuration wants. */
  get jwks() {
    return { keys: structuredClone(this.#keys) };
  }

  get newest() {
    return this.#keys[0].kid;
  }
}

async function newKey() {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: randomBytes(12).toString('base64url') };
}
