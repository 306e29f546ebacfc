// Rows 3 to 12 of the guide: what the platform engineer sets up, seen by plain HTTP clients.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { Client } from './lib/client.mjs';
import { almost, insider, logIn, outsider, single, stranger, unassigned } from './lib/people.mjs';

export async function rows({ demo, report }) {
  const { api, portal, open, issuer } = demo;

  await report.step('also', '`portcullis lint` has no problem with the guide\'s resources', async () => {
    execFileSync(demo.portcullis, ['lint', '--config', path.join(demo.run, 'portcullis.yaml')], { encoding: 'utf8', stdio: 'pipe' });
  });

  await report.step('row 3', 'without the filter the API answers anyone; with it, nobody by default', async () => {
    const curl = new Client();
    assert.equal((await curl.request(`${open}/api/pets`)).status, 200);
    const refused = await curl.request(`${api}/api/pets`);
    assertProblem(refused, 401, 'no_credentials');
    assert.match(refused.headers['www-authenticate'], /^Bearer realm="/);
  });

  await report.step('row 4', 'the redirect URI is the portal\'s /callback, and is answered inside the check', async () => {
    const browser = new Client();
    assert.equal((await authorizationRequest(browser, demo)).get('redirect_uri'), `${portal}/callback`);
    const answer = await browser.open(`${portal}/callback`);
    assert.equal(answer.status, 400, 'the route behind it would say 404');
    assert.equal(answer.type, 'text/html');
  });

  await report.step('row 5', 'a user in PetstoreUsers gets in; one in Petstoreusers does not', async () => {
    const page = await logIn(new Client(), `${api}/api/pets`, insider);
    assert.deepEqual([page.status, page.url.href], [200, `${api}/api/pets`]);
    assert.equal((await logIn(new Client(), `${api}/api/pets`, almost)).status, 403);
  });

  await report.step('row 6', 'a groups claim that is one string counts as a list of one', async () => {
    assert.equal((await logIn(new Client(), `${api}/api/pets`, single)).status, 200);
  });

  await report.step('row 7', 'only names that start with Petstore are in the claim; no claim means no groups', async () => {
    assert.deepEqual(await groupsOf(insider, demo), ['PetstoreUsers']);
    assert.deepEqual(await groupsOf(outsider, demo), []);
  });

  await report.step('row 8', 'who signs up is in PetstoreUsers and calls the API at once', async () => {
    const browser = new Client();
    const person = stranger();
    const form = await browser.navigate(`${portal}/.auth/signup?return_to=/`);
    assert.match(form.body, /Register/, 'the sign-up form opens directly');
    const home = await browser.submit(form, person);
    assert.deepEqual([home.status, home.url.href], [200, `${portal}/`]);
    const pets = await browser.navigate(`${api}/api/pets`);
    assert.deepEqual([pets.status, pets.url.href], [200, `${api}/api/pets`]);
  });

  await report.step('row 9', 'a user who is not assigned to the application reads why at the callback', async () => {
    const browser = new Client();
    const page = await logIn(browser, `${portal}/.auth/login?return_to=/`, unassigned);
    assert.deepEqual([page.status, page.type, page.url.pathname], [403, 'text/html', '/callback']);
    assert.match(page.body, /bad_callback/);
    assert.equal((await browser.fetch(`${portal}/.auth/userinfo`)).status, 401);
  });

  await report.step('row 10', 'a client secret that ends in a newline works', async () => {
    const file = readFileSync(path.join(demo.run, 'resources/portal.yaml'), 'utf8');
    const secret = Buffer.from(/client_secret: (\S+=)/.exec(file)[1], 'base64').toString();
    assert.equal(secret, `${demo.clientSecret}\n`);
    assert.equal((await logIn(new Client(), `${portal}/.auth/login?return_to=/`, insider)).status, 200);
  });

  await report.step('row 11', 'the login asks the Portal\'s issuer for the Portal\'s client and scopes, with PKCE', async () => {
    const query = await authorizationRequest(new Client(), demo);
    assert.equal(query.get('client_id'), demo.clientId);
    assert.equal(query.get('response_type'), 'code');
    assert.equal(query.get('code_challenge_method'), 'S256');
    assert.ok(query.get('state') && query.get('nonce') && query.get('code_challenge'));
    assert.deepEqual(query.get('scope').split(' ').sort(), ['email', 'groups', 'offline_access', 'openid', 'profile']);
  });

  await report.step('row 12', 'the Group resource is what grants the product on the API, and what the portal shows', async () => {
    const browser = new Client();
    await logIn(browser, `${portal}/.auth/login?return_to=/`, insider);
    const { products } = (await browser.fetch(`${portal}/.auth/userinfo`)).json();
    assert.equal(products.length, 1);
    assert.match(products[0].name, /^petstore-product/);
    assert.match(products[0].environment, /^dev/);

    const echo = (await browser.navigate(`${api}/api/echo`)).json();
    assert.deepEqual(echo.headers['x-portcullis-product'], ['petstore-product.default']);
    assert.deepEqual(echo.headers['x-portcullis-environment'], ['dev.default']);
    assert.deepEqual(echo.headers['x-user-groups'], ['PetstoreUsers']);
  });

  await report.step('also', 'a user outside the group: 403 with the reason, as a page or as problem+json', async () => {
    const browser = new Client();
    const page = await logIn(browser, `${api}/api/pets`, outsider);
    assert.deepEqual([page.status, page.type, page.url.href], [403, 'text/html', `${api}/api/pets`]);
    assert.match(page.body, /not_granted/);
    assertProblem(await browser.fetch(`${api}/api/pets`, { origin: portal }), 403, 'not_granted');
  });

  await report.step('also', 'issuer and endpoints come from discovery', async () => {
    const { redirect } = await new Client().open(`${portal}/.auth/login?return_to=/`);
    assert.equal(redirect.origin + redirect.pathname, `${issuer}/v1/authorize`);
  });
}

export function assertProblem(answer, status, reason) {
  assert.deepEqual([answer.status, answer.type], [status, 'application/problem+json']);
  assert.equal(answer.json().reason, reason);
  assert.match(answer.headers['cache-control'], /no-store/);
}

/** The query of the redirect to the provider that starts a login at the portal. */
async function authorizationRequest(client, { portal }) {
  const { status, redirect } = await client.open(`${portal}/.auth/login?return_to=/`);
  assert.equal(status, 302);
  return redirect.searchParams;
}

async function groupsOf(person, { portal }) {
  const client = new Client();
  await logIn(client, `${portal}/.auth/login?return_to=/`, person);
  return (await client.fetch(`${portal}/.auth/userinfo`)).json().groups;
}
