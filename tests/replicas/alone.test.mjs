// What replicas with sealed cookies do not do for one another: where they share nothing, and where they share what is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';
import { signOut } from './lib/shared.mjs';

const LIFE = 6;

for (const bus of [false, true]) {
  test(`store cookie ${bus ? 'with' : 'without'} the bus: a session is good on every replica, and each of them refreshes it`, async (context) => {
    const replicas = await Replicas.prepare(`alone-${bus}`);
    context.after(() => replicas.stop());
    const redis = await Standalone.of(replicas.world, 'redis');
    if (bus) await redis.start();
    await replicas.start({ session: bus ? `redis: ${redis.settings}` : 'lifetime: 8h', idTokenSeconds: LIFE, refreshGraceSeconds: 30 });
    const jar = await replicas.signedIn(0);
    await pause((LIFE / 2 + 1) * 1000);
    const cookie = jar.header(new URL(replicas.address));
    const answers = await Promise.all(Array.from({ length: 60 }, () => replicas.visitor().fetch(replicas.address, { headers: { cookie } })));
    assert.ok(answers.every(({ status }) => status === 200));
    await pause(500);
    console.log(`store cookie ${bus ? 'with' : 'without'} the bus, refresh due, ${answers.length} parallel requests: ${replicas.refreshes.length} calls to the token endpoint`);
    assert.equal(replicas.refreshes.length, 3);
    if (bus) return;
    const fresh = await replicas.signedIn(1);
    await signOut(replicas, 0, fresh);
    await pause(1000);
    assert.deepEqual(await Promise.all([0, 1, 2].map((replica) => replicas.status(replica, fresh))), [401, 200, 200]);
  });
}
