// Faults and changes while people are signed in: new signing keys, a provider that is not there.
import assert from 'node:assert/strict';

import { Client } from './lib/client.mjs';
import { insider, logIn } from './lib/people.mjs';
import { decode } from './lib/relying-party.mjs';
import { until } from './lib/wait.mjs';

/** A provider that comes back is noticed within this time. */
const RECOVERY = 60_000;

export async function faults({ demo, report, party }) {
  const { api, portal } = demo;

  await report.step('also', 'an ID token as bearer is accepted; a spoiled one is refused', async () => {
    const { id_token: token } = (await party.tokens(new Client(), insider)).json();
    assert.equal((await withBearer(token)).status, 200);
    const spoiled = await withBearer(token.slice(0, -6) + (token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'));
    assert.equal(spoiled.status, 401);
    assert.match(spoiled.headers['www-authenticate'], /error="invalid_token"/);
  });

  await report.step('also', 'a restart of the service with the same sealing keys signs nobody out', async () => {
    const session = new Client();
    await logIn(session, `${api}/api/pets`, insider);
    for (const service of demo.services) await service.stop();
    for (const service of demo.services) await service.start();
    assert.equal((await session.fetch(`${api}/api/pets`)).status, 200);
  });

  await report.step('also', 'the provider rotates its signing key, and no request fails', async () => {
    const session = new Client();
    await logIn(session, `${api}/api/pets`, insider);
    const before = (await party.tokens(new Client(), insider)).json().id_token;

    const failures = [];
    let requests = 0;
    let rotating = true;
    const traffic = (async () => {
      while (rotating) {
        for (const { status } of [await session.fetch(`${api}/api/pets`), await withBearer(before)]) {
          requests += 1;
          if (status !== 200) failures.push(status);
        }
      }
    })();
    try {
      demo.part('provider').signal('SIGUSR1');
      const after = await until('a token signed with the new key', async () => {
        const { id_token: token } = (await party.tokens(new Client(), insider)).json();
        return kid(token) !== kid(before) && token;
      });
      assert.equal((await withBearer(after)).status, 200, 'a bearer signed with the new key');
      assert.equal((await logIn(new Client(), `${api}/api/pets`, insider)).status, 200, 'a login with the new key');
    } finally {
      rotating = false;
      await traffic;
    }
    assert.ok(requests > 10, `only ${requests} requests`);
    assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
  });

  await report.step('also', 'a provider that is down at start: ready all the same, logins answer 503 with a page', async () => {
    for (const service of demo.services) await service.stop();
    await demo.part('provider').stop();
    // Returns once /readyz answers 200.
    for (const service of demo.services) await service.start();
    const page = await new Client().open(`${portal}/.auth/login?return_to=/`);
    assert.deepEqual([page.status, page.type], [503, 'text/html']);
    assert.match(page.body, /provider_unavailable/);
    assert.ok(page.headers['retry-after']);
    assert.equal((await new Client().open(`${portal}/`)).status, 200, 'the page for visitors needs no provider');
  });

  await report.step('also', 'and recovers by itself when the provider comes', async () => {
    if (!demo.part('provider').running) await demo.part('provider').start();
    await until('a login', async () => (await new Client().open(`${portal}/.auth/login?return_to=/`)).status === 302, { within: RECOVERY });
    // With several replicas each of them finds out by itself.
    await until('a login to its end', async () => (await logIn(new Client(), `${api}/api/pets`, insider)).status === 200, { within: RECOVERY });
  });

  function withBearer(token) {
    return new Client().request(`${api}/api/pets`, { headers: { authorization: `Bearer ${token}` } });
  }
}

function kid(token) {
  return decode(token).header.kid;
}
