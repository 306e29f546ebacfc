// What reaches the upstream, and what does not.
import assert from 'node:assert/strict';

import { Client } from './lib/client.mjs';
import { insider, logIn, unverified } from './lib/people.mjs';

const FORGED = {
  'x-user-email': 'boss@example.com',
  x_user_email: 'boss@example.com',
  'X-User-Groups': 'Admins',
  'x-user-id': '1',
  'x-portcullis-product': 'another.default',
};

export async function headers({ demo, report }) {
  const { api, portal, open } = demo;

  await report.step('also', 'a forged x-user-email (or x_user_email) never reaches the upstream', async () => {
    const unguarded = (await new Client().request(`${open}/api/echo`, { headers: FORGED })).json();
    assert.deepEqual(unguarded.headers['x-user-email'], ['boss@example.com'], 'without the filter it would');

    const client = new Client();
    await logIn(client, `${api}/api/echo`, insider);
    const echo = (await client.fetch(`${api}/api/echo`, { headers: FORGED })).json();
    assert.deepEqual(echo.headers['x-user-email'], [insider.email]);
    assert.deepEqual(echo.headers['x-user-groups'], ['PetstoreUsers']);
    assert.deepEqual(echo.headers['x-portcullis-product'], ['petstore-product.default']);
    assert.ok(!JSON.stringify(echo).includes('boss@example.com'));
  });

  await report.step('also', 'nor where we have no value of our own: e-mail not verified, visitor without a session', async () => {
    const client = new Client();
    await logIn(client, `${api}/api/echo`, unverified);
    const echo = (await client.fetch(`${api}/api/echo`, { headers: FORGED })).json();
    assert.equal(echo.headers['x-user-email'], undefined);
    assert.equal((await new Client().fetch(`${api}/api/echo`, { headers: FORGED })).status, 401);
  });

  await report.step('also', 'cookies of ours stay at the gateway, the application\'s own pass', async () => {
    const client = new Client();
    await logIn(client, `${portal}/.auth/login?return_to=/`, insider);
    await client.navigate(`${api}/api/echo`);
    const url = new URL(`${api}/api/echo`);
    assert.ok(client.jar.for(url).some(({ name }) => name.startsWith('__Host-portcullis')), 'the session cookie has our prefix');
    client.jar.store(url, ['theme=dark; Path=/']);
    const echo = (await client.fetch(url)).json();
    assert.deepEqual(echo.headers.cookie, ['theme=dark']);
  });

  await report.step('also', 'session cookies are host-only, HttpOnly, Secure and SameSite=Lax', async () => {
    const client = new Client();
    await logIn(client, `${api}/api/pets`, insider);
    const ours = client.jar.for(new URL(`${api}/`)).filter(({ name }) => name.includes('portcullis'));
    assert.ok(ours.length > 0);
    for (const { name, secure, httpOnly, sameSite } of ours) {
      assert.deepEqual([secure, httpOnly, sameSite], [true, true, 'Lax'], name);
      assert.ok(name.startsWith('__Host-'), name);
    }
  });
}
