// Three replicas that keep sessions in sealed cookies, and tell one another over Redis whose are over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../guide/lib/wait.mjs';
import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';
import { shared, signOut } from './lib/shared.mjs';

let replicas;
let redis;

before(async () => {
  replicas = await Replicas.prepare('cookies');
  redis = await Standalone.of(replicas.world, 'redis');
  await redis.start();
  await replicas.start({ session: `store: cookie, redis: ${redis.settings}` });
});

after(() => replicas?.stop());

shared('store cookie with the bus', () => replicas);

test('a replica that is restarted, or was away meanwhile, knows of logouts that it never heard', async () => {
  const [before, meanwhile, live] = [await replicas.signedIn(0), await replicas.signedIn(0), await replicas.signedIn(0)];
  await signOut(replicas, 0, before);
  await replicas.refusals(before, [0, 1, 2]);
  const { part } = replicas.each[2];
  part.signal('SIGKILL');
  await part.exited;
  await signOut(replicas, 0, meanwhile);
  await part.start();
  await until('the gateway to reach it', async () => (await replicas.status(2, live)) !== 503);
  assert.deepEqual(await Promise.all([before, meanwhile, live].map((jar) => replicas.status(2, jar))), [401, 401, 200]);
});
