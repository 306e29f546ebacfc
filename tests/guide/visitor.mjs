// Rows 13 to 16 once more, by plain HTTP: what a browser does there, header by header.
import assert from 'node:assert/strict';

import { Client } from './lib/client.mjs';
import { insider, logIn } from './lib/people.mjs';
import { assertProblem } from './rows.mjs';

const OURS = '__Host-portcullis';

export async function visitor({ demo, report }) {
  const { api, portal, issuer } = demo;

  await report.step('row 13', 'a visitor gets the portal\'s page, no session from userinfo, and a login on request', async () => {
    const client = new Client();
    const page = await client.open(`${portal}/`);
    assert.equal(page.status, 200);
    assert.match(page.body, /Log in/);
    assertProblem(await client.fetch(`${portal}/.auth/userinfo`), 401, 'no_credentials');
    const login = await client.open(`${portal}/.auth/login?return_to=/`);
    assert.equal(login.status, 302);
    assert.ok(login.redirect.href.startsWith(`${issuer}/`));
  });

  await report.step('row 14', 'sign-up asks the provider for its own form', async () => {
    const { redirect } = await new Client().open(`${portal}/.auth/signup?return_to=/`);
    assert.match(redirect.searchParams.get('prompt'), /\bcreate\b/);
  });

  await report.step('row 15', 'userinfo and x-user-email carry the e-mail', async () => {
    const client = new Client();
    await logIn(client, `${portal}/.auth/login?return_to=/`, insider);
    const user = (await client.fetch(`${portal}/.auth/userinfo`)).json();
    assert.deepEqual([user.iss, user.email, user.email_verified, user.groups], [issuer, insider.email, true, ['PetstoreUsers']]);
    const echo = (await client.navigate(`${api}/api/echo`)).json();
    assert.deepEqual([echo.headers['x-user-email'], echo.headers['x-user-id']], [[insider.email], [user.sub]]);
  });

  for (const [kind, spoil] of Object.entries(SPOILED)) {
    await report.step('row 16', `a session cookie that is ${kind}: cleared, and the page comes all the same`, async () => {
      const client = new Client();
      const address = `${api}/api/pets/2`;
      await logIn(client, address, insider);
      const spoiled = await spoil(client, demo);
      assert.ok(spoiled.length > 0);

      putInstead(client, api, spoiled);
      assertProblem(await client.fetch(address), 401, 'invalid_session');
      const left = ours(client, api).map(([, value]) => value);
      assert.ok(!spoiled.some(([, value]) => left.includes(value)), 'the spoiled cookie was not cleared');

      putInstead(client, api, spoiled);
      const page = await client.navigate(address);
      assert.deepEqual([page.status, page.url.href], [200, address]);
    });
  }
}

/** Cookies of a session on the API host that do not hold, made from those that do. */
const SPOILED = {
  garbage: (client, { api }) => ours(client, api).map(([name]) => [name, 'garbage']),
  truncated: (client, { api }) => ours(client, api).map(([name, value]) => [name, value.slice(0, value.length / 2)]),
  'another host\'s': async (client, { portal }) => {
    await client.navigate(`${portal}/.auth/login?return_to=/`);
    return ours(client, portal);
  },
};

/** Our cookies for a host, as `[name, value]`. */
function ours(client, host) {
  return client.jar.for(new URL(host)).filter(({ name }) => name.startsWith(OURS)).map(({ name, value }) => [name, value]);
}

function putInstead(client, host, cookies) {
  const url = new URL(host);
  client.jar.clear(url.hostname);
  client.jar.store(url, cookies.map(([name, value]) => `${name}=${value}; Path=/; Secure`));
}
