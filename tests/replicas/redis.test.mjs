// Three replicas that keep sessions in Redis, behind one Envoy: they are one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../guide/lib/wait.mjs';
import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';
import { shared, signOut } from './lib/shared.mjs';

let replicas;
let redis;

before(async () => {
  replicas = await Replicas.prepare('redis');
  redis = await Standalone.of(replicas.world, 'redis');
  await redis.start();
  await replicas.start({ session: `store: redis, redis: ${redis.settings}` });
});

after(() => replicas?.stop());

shared('store redis', () => replicas);

test('sessions outlive every replica, and so do logouts', async () => {
  const [jar, gone] = [await replicas.signedIn(0), await replicas.signedIn(1)];
  await signOut(replicas, 2, gone);
  await replicas.refusals(gone, [0, 1, 2]);
  for (const { part } of replicas.each) part.signal('SIGKILL');
  for (const { part } of replicas.each) await part.exited;
  for (const { part } of replicas.each) await part.start();
  await until('the gateway to reach them', async () => (await replicas.status(0, jar)) !== 503);
  for (const replica of [0, 1, 2]) {
    await until('the gateway to reach it', async () => (await replicas.status(replica, jar)) !== 503);
    assert.deepEqual([await replicas.status(replica, jar), await replicas.status(replica, gone)], [200, 401], `replica ${replica + 1}`);
  }
});

test('news that do not come are no hole: what was remembered is looked up again', async () => {
  const jar = await replicas.signedIn(0);
  for (const replica of [0, 1, 2]) assert.equal(await replicas.status(replica, jar), 200);
  const undo = await redis.cutNews();
  await signOut(replicas, 0, jar);
  const all = await replicas.refusals(jar, [0, 1, 2]);
  await undo();
  console.log(`store redis, without news: from the answer of a logout until replicas 1, 2, 3 refuse: ${all.join(', ')} ms`);
  // cache_time, and what it takes to ask.
  assert.ok(Math.max(...all) < 3000, all.join(', '));
});
