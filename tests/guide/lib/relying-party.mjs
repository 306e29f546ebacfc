// A small relying party with the demo client's own credentials. It shows what the provider does when nobody is in
// between, and gets ID tokens to use as bearers.
import { createHash, randomBytes } from 'node:crypto';

const random = () => randomBytes(32).toString('base64url');

export class RelyingParty {
  constructor({ issuer, clientId, clientSecret, redirectUri }) {
    Object.assign(this, { issuer, clientId, clientSecret, redirectUri });
  }

  /** The address that starts a login, and what is needed to finish it. */
  authorization({ scope = 'openid groups email profile', ...more } = {}) {
    const flow = { verifier: random(), state: random(), nonce: random() };
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      scope,
      state: flow.state,
      nonce: flow.nonce,
      code_challenge: createHash('sha256').update(flow.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...more,
    });
    return { ...flow, url: `${this.issuer}/v1/authorize?${query}` };
  }

  /** Follows redirects up to the callback, which is read and not opened. */
  async untilCallback(client, answer) {
    while (answer.redirect && !answer.redirect.href.startsWith(`${this.redirectUri}?`)) answer = await client.open(answer.redirect);
    if (!answer.redirect) return { page: answer };
    return { callback: Object.fromEntries(answer.redirect.searchParams) };
  }

  /** Signs in with e-mail and password, and gets the tokens. */
  async tokens(client, { email, password, ...options }) {
    const flow = this.authorization(options);
    const { page, callback = (await this.#signIn(client, page, { email, password })).callback }
      = await this.untilCallback(client, await client.open(flow.url));
    return this.exchange(client, { grant_type: 'authorization_code', code: callback.code, redirect_uri: this.redirectUri, code_verifier: flow.verifier });
  }

  async #signIn(client, page, fields) {
    const form = page.form();
    return this.untilCallback(client, await client.open(form.action, { form: { ...form.fields, ...fields } }));
  }

  exchange(client, form) {
    const authorization = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString('base64')}`;
    return client.request(`${this.issuer}/v1/token`, { form, headers: { authorization } });
  }
}

/** The parts of a JWT, unverified. */
export function decode(jwt) {
  const [header, payload] = jwt.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return { header, payload };
}
