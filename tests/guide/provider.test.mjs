// The demo's provider by itself: it must behave as the guide's Okta, or the guide proves nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/client.mjs';
import { RelyingParty, decode } from './lib/relying-party.mjs';
import { until } from './lib/wait.mjs';

const MAIN = fileURLToPath(new URL('../../deploy/demo/provider/main.mjs', import.meta.url));
const PORTAL = 'http://portal.petstore.localhost:10000/';
const insider = { email: 'insider@example.com', password: 'petstore' };

let provider;
let issuer;
let party;

before(async () => {
  const port = await freePort();
  issuer = `http://okta.localhost:${port}/oauth2/default`;
  provider = spawn(process.execPath, [MAIN], { env: { ...process.env, PROVIDER_PORT: port, PROVIDER_ISSUER: issuer }, stdio: 'ignore' });
  party = new RelyingParty({ issuer, clientId: '0oaPetstore', clientSecret: 'demo-secret-of-the-petstore-client', redirectUri: `${PORTAL}callback` });
  await until('the provider', discovery);
});

after(() => provider.kill());

test('discovery names the issuer, PKCE, iss and the sign-up prompt', async () => {
  const document = await discovery();
  assert.equal(document.issuer, issuer);
  assert.deepEqual(document.code_challenge_methods_supported, ['S256']);
  assert.equal(document.authorization_response_iss_parameter_supported, true);
  assert.ok(document.prompt_values_supported.includes('create'));
  assert.ok(document.end_session_endpoint.startsWith(issuer));
});

test('code flow: iss in the answer, groups filtered, e-mail in the ID token', async () => {
  const client = new Client();
  const flow = party.authorization();
  const { page } = await party.untilCallback(client, await client.open(flow.url));
  const form = page.form();
  const { callback } = await party.untilCallback(client, await client.open(form.action, { form: insider }));
  assert.equal(callback.iss, issuer);
  assert.equal(callback.state, flow.state);

  const answer = await party.exchange(client, { grant_type: 'authorization_code', code: callback.code, redirect_uri: party.redirectUri, code_verifier: flow.verifier });
  const { payload } = decode(answer.json().id_token);
  assert.equal(payload.nonce, flow.nonce);
  assert.deepEqual(payload.groups, ['PetstoreUsers']);
  assert.equal(payload.email, insider.email);
  assert.equal(payload.email_verified, true);
  assert.ok(payload.sid, 'a session id for logout notices');
  const { access_token: accessToken } = answer.json();
  assert.equal(payload.at_hash, createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url'));

  const userinfo = await client.request(`${issuer}/v1/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.deepEqual(Object.keys(userinfo.json()).sort(), ['email', 'email_verified', 'groups', 'name', 'preferred_username', 'sub']);
  assert.equal(answer.json().refresh_token, undefined, 'no refresh token unless asked for');
});

test('a request without PKCE is refused', async () => {
  const client = new Client();
  const url = new URL(party.authorization().url);
  url.searchParams.delete('code_challenge');
  url.searchParams.delete('code_challenge_method');
  const { callback } = await party.untilCallback(client, await client.open(url));
  assert.equal(callback.error, 'invalid_request');
});

test('prompt=create opens the sign-up form, and a new user is in PetstoreUsers', async () => {
  const client = new Client();
  const flow = party.authorization({ prompt: 'create', scope: 'openid groups email offline_access' });
  const { page } = await party.untilCallback(client, await client.open(flow.url));
  assert.match(page.body, /Register/);
  const fields = { email: 'new@example.com', name: 'New', password: 'correct horse' };
  const { callback } = await party.untilCallback(client, await client.open(page.form().action, { form: fields }));
  const answer = await party.exchange(client, { grant_type: 'authorization_code', code: callback.code, redirect_uri: party.redirectUri, code_verifier: flow.verifier });
  assert.deepEqual(decode(answer.json().id_token).payload.groups, ['PetstoreUsers']);
});

test('a user who is not assigned comes back with an error', async () => {
  const client = new Client();
  const { page } = await party.untilCallback(client, await client.open(party.authorization().url));
  const { callback } = await party.untilCallback(client, await client.open(page.form().action, { form: { email: 'unassigned@example.com', password: 'petstore' } }));
  assert.equal(callback.error, 'access_denied');
});

test('claims of the other prepared users', async () => {
  const groups = async (email) => decode((await party.tokens(new Client(), { email, password: 'petstore' })).json().id_token).payload.groups;
  assert.equal(await groups('outsider@example.com'), undefined);
  assert.equal(await groups('single@example.com'), 'PetstoreUsers');
  assert.deepEqual(await groups('almost@example.com'), ['Petstoreusers']);
});

test('refresh tokens rotate, and one used twice ends them all', async () => {
  const client = new Client();
  const first = (await party.tokens(client, { ...insider, scope: 'openid groups offline_access' })).json();
  const second = await party.exchange(client, { grant_type: 'refresh_token', refresh_token: first.refresh_token });
  assert.equal(second.status, 200);
  assert.notEqual(second.json().refresh_token, first.refresh_token);
  assert.deepEqual(decode(second.json().id_token).payload.groups, ['PetstoreUsers']);

  const reused = await party.exchange(client, { grant_type: 'refresh_token', refresh_token: first.refresh_token });
  assert.equal(reused.json().error, 'invalid_grant');
  const after = await party.exchange(client, { grant_type: 'refresh_token', refresh_token: second.json().refresh_token });
  assert.equal(after.json().error, 'invalid_grant');
});

test('SIGUSR1 rotates the signing key; sessions and the old key stay', async () => {
  const client = new Client();
  const before = decode((await party.tokens(client, insider)).json().id_token).header.kid;
  provider.kill('SIGUSR1');
  const kids = await until('the new key', async () => {
    const { keys } = (await client.request(`${issuer}/v1/keys`)).json();
    return keys[0].kid !== before && keys.map(({ kid }) => kid);
  });
  assert.equal(kids[1], before);

  // The provider's session holds: no form this time.
  const after = decode((await party.tokens(client, insider)).json().id_token).header.kid;
  assert.equal(after, kids[0]);
});

test('end-session ends the session without a question and leads back to the portal', async () => {
  const client = new Client();
  const { id_token } = (await party.tokens(client, insider)).json();
  const query = new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: PORTAL, state: 'bye' });
  const page = await client.open(`${issuer}/v1/logout?${query}`);
  const form = page.form();
  const answer = await client.open(form.action, { form: form.fields });
  assert.equal(answer.redirect.href, `${PORTAL}?state=bye`);

  const { callback } = await party.untilCallback(client, await client.open(party.authorization({ prompt: 'none' }).url));
  assert.equal(callback.error, 'login_required');
});

test('the published keys may be cached', async () => {
  const answer = await new Client().request(`${issuer}/v1/keys`);
  assert.match(answer.headers['cache-control'], /max-age=\d+/);
});

async function discovery() {
  return (await new Client().request(`${issuer}/.well-known/openid-configuration`)).json();
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
