// What replicas that share a Redis hold together, whatever the store: the same tests for records in Redis and for sealed cookies
// with the bus.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CookieJar } from '../../guide/lib/cookies.mjs';
import { decode } from '../../guide/lib/relying-party.mjs';
import { WITHIN } from './replicas.mjs';

const ALL = [0, 1, 2];

/** `replicas()` is there once the tests run; `what` names the store. */
export function shared(what, replicas) {
  test(`${what}: signed in by one replica, served by the next, signed out by a third; all refuse within a second`, async () => {
    const slowest = [];
    // Whoever is asked for the logout, and at the API's host or at the portal's.
    for (const [by, host] of [[2, 'api'], [0, 'portal'], [1, 'api']]) {
      const jar = await signedInEverywhere(replicas());
      for (const replica of ALL) assert.equal(await replicas().status(replica, jar), 200, `replica ${replica + 1}`);
      const from = performance.now();
      const { took } = await signOut(replicas(), by, jar, host);
      const all = await replicas().refusals(jar, ALL, { from: from + took });
      slowest.push(`by replica ${by + 1} at the ${host}: ${all.join(', ')} ms`);
      assert.ok(Math.max(...all) < WITHIN, all.join(', '));
      // And they do not come back, nor does one that is asked late.
      for (const replica of ALL) assert.equal(await replicas().status(replica, jar), 401);
    }
    console.log(`${what}: from the answer of a logout until replicas 1, 2, 3 refuse: ${slowest.join('; ')}`);
  });

  test(`${what}: a logout ends no other session, of this person or of another`, async () => {
    const [jar, same] = [await replicas().signedIn(0), await replicas().signedIn(1)];
    await signOut(replicas(), 2, jar, 'api');
    await replicas().refusals(jar, ALL);
    for (const replica of ALL) assert.equal(await replicas().status(replica, same), 200);
  });

  test(`${what}: the provider's back-channel logout comes to one replica, and counts on all within a second`, async () => {
    const jar = await signedInEverywhere(replicas());
    for (const replica of ALL) assert.equal(await replicas().status(replica, jar), 200);
    const browser = replicas().visitor(undefined, jar);
    const page = await browser.navigate(`${replicas().world.demo.issuer}/v1/logout`);
    assert.match(page.body, /Signing out/);
    await browser.submit(page, { logout: 'yes' });
    const all = await replicas().refusals(jar, ALL);
    console.log(`${what}: from the end of the sign-out at the provider until replicas 1, 2, 3 refuse: ${all.join(', ')} ms`);
    assert.ok(Math.max(...all) < WITHIN, all.join(', '));
  });

  test(`${what}: an ID token of a session that was ended is no bearer any more, on any replica`, async () => {
    const jar = await signedInEverywhere(replicas());
    // The same person in the same browser: the provider gives its ID tokens the same session id.
    const answer = await replicas().world.party.tokens(replicas().visitor(undefined, jar), {});
    const token = answer.json().id_token;
    assert.ok(decode(token).payload.sid);
    const bearer = (replica) => replicas().visitor(replica, new CookieJar()).request(replicas().address, { headers: { authorization: `Bearer ${token}` } });
    for (const replica of ALL) assert.equal((await bearer(replica)).status, 200);
    await signOut(replicas(), 0, jar, 'api');
    await replicas().refusals(jar, ALL);
    for (const replica of ALL) assert.equal((await bearer(replica)).status, 401, `replica ${replica + 1}`);
  });
}

/** A jar with sessions at both hosts, as somebody has who comes by the portal. */
export async function signedInEverywhere(replicas) {
  const jar = await replicas.signedIn(0);
  const page = await replicas.visitor(1, jar).navigate(`${replicas.portal}/.auth/login?return_to=/`);
  assert.equal(page.status, 200);
  return jar;
}

/** Signs out by one replica, as a script of this host does; the jar keeps its cookies, as a thief's would. Returns the time that it took. */
export async function signOut(replicas, replica, jar, host = 'api') {
  const address = `${replicas[host]}/.auth/logout`;
  const from = performance.now();
  const answer = await replicas.visitor(replica, new CookieJar()).fetch(address, { method: 'POST', headers: { cookie: jar.header(new URL(address)) } });
  return { answer, took: performance.now() - from };
}
