// One refresh for a session over all replicas, also where one of them dies in the middle of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../guide/lib/wait.mjs';
import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';

/** ID tokens are refreshed at half their life, so that there is half of it for everything below. */
const LIFE = 16;
const PARALLEL = 200;

let replicas;
let redis;

before(async () => {
  replicas = await Replicas.prepare('refresh');
  redis = await Standalone.of(replicas.world, 'redis');
  await redis.start();
  await replicas.start({ session: `store: redis, redis: ${redis.settings}`, idTokenSeconds: LIFE, refreshGraceSeconds: 30, clockSkew: '1s' });
});

after(() => replicas?.stop());

/** Somebody who has just signed in, and when a refresh is due. */
async function signedIn() {
  const jar = await replicas.signedIn(0);
  const now = Date.now();
  return { jar, due: now + (LIFE / 2 + 1) * 1000, expired: now + (LIFE + 2) * 1000 };
}

const at = (time) => pause(Math.max(0, time - Date.now()));

/** Many requests at once, to all replicas in turn: how often each status came. */
async function burst(jar) {
  const cookie = jar.header(new URL(replicas.address));
  const answers = await Promise.all(Array.from({ length: PARALLEL }, () => replicas.visitor().fetch(replicas.address, { headers: { cookie } })));
  const statuses = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  return statuses;
}

/** The replica whose refresh is held, once there is one. */
function holding(when) {
  const held = replicas.each.map(({ door }) => door.hold(when));
  const reached = Promise.race(held.map(async (each, index) => {
    await each.reached;
    return index;
  }));
  return { reached, release: () => held.forEach((each) => each.release()) };
}

async function killed(index) {
  const { part } = replicas.each[index];
  part.signal('SIGKILL');
  await part.exited;
}

async function revived(index, jar) {
  await replicas.each[index].part.start();
  await until('the gateway to reach it', async () => (await replicas.status(index, jar)) === 200);
}

/** How many refreshes were asked for once there are no more to come. */
async function rested() {
  let last = -1;
  while (replicas.refreshes.length !== last) {
    last = replicas.refreshes.length;
    await pause(500);
  }
  return last;
}

test(`${PARALLEL} parallel requests over three replicas, when a refresh is due: one call to the token endpoint`, async () => {
  const { jar, due } = await signedIn();
  await at(due);
  replicas.forget();
  const answers = await burst(jar);
  const calls = await rested();
  console.log(`refresh due, ${PARALLEL} parallel requests: ${JSON.stringify(answers)}, ${calls} call to the token endpoint`);
  assert.deepEqual(answers, { 200: PARALLEL });
  assert.equal(calls, 1);
  // All have its outcome: nobody asks again.
  assert.deepEqual(await burst(jar), { 200: PARALLEL });
  assert.equal(await rested(), 1);
});

test(`${PARALLEL} parallel requests when the identity has expired, and all must wait: one call to the token endpoint`, async () => {
  const { jar, expired } = await signedIn();
  await at(expired);
  replicas.forget();
  const answers = await burst(jar);
  const calls = await rested();
  console.log(`identity expired, ${PARALLEL} parallel requests: ${JSON.stringify(answers)}, ${calls} call to the token endpoint`);
  assert.deepEqual(answers, { 200: PARALLEL });
  assert.equal(calls, 1);
});

test('a replica that does not refresh is killed meanwhile: one call', async () => {
  const { jar, due } = await signedIn();
  await at(due);
  replicas.forget();
  const { reached, release } = holding('before');
  const answers = burst(jar);
  const holder = await reached;
  const other = (holder + 1) % 3;
  await killed(other);
  release();
  assert.deepEqual(await answers, { 200: PARALLEL });
  const calls = await rested();
  console.log(`another replica killed while one refreshes: ${JSON.stringify(await answers)}, ${calls} call to the token endpoint`);
  assert.equal(calls, 1);
  await revived(other, jar);
});

for (const [when, heard] of [['before', 1], ['after', 2]]) {
  test(`the replica that refreshes is killed ${when} the provider has answered it: another one does it, and the session goes on`, async () => {
    const { jar, due, expired } = await signedIn();
    await at(due);
    replicas.forget();
    const { reached, release } = holding(when);
    const answers = burst(jar);
    const holder = await reached;
    await killed(holder);
    const from = performance.now();
    // The other replicas' own turn is not to be held.
    const survivors = [0, 1, 2].filter((each) => each !== holder);
    for (const each of survivors) replicas.each[each].door.hold(undefined);
    assert.deepEqual(Object.keys(await answers), ['200'], JSON.stringify(await answers));
    const statuses = new Set();
    await until('another replica to refresh', async () => {
      for (const each of survivors) statuses.add(await replicas.status(each, jar));
      return replicas.refreshes.length > 1;
    }, { within: expired - Date.now(), every: 100 });
    const took = Math.round(performance.now() - from);
    release();
    await burst(jar);
    const calls = await rested();
    const known = replicas.refreshes.filter((each) => each.heard).length;
    console.log(`the refreshing replica killed ${when} the provider's answer: ${calls} calls, ${known} of them heard by the provider; the second one after ${took} ms`);
    assert.deepEqual([calls, known], [2, heard]);
    // With the new identity, past the end of the old one.
    await at(expired);
    for (const each of survivors) statuses.add(await replicas.status(each, jar));
    assert.deepEqual([...statuses], [200]);
    await revived(holder, jar);
  });
}

test('a provider without a grace for used refresh tokens: a replica that dies with the new one costs a login, no more', async () => {
  await replicas.world.provider.stop();
  replicas.world.provider.env.PROVIDER_REFRESH_GRACE_SECONDS = 0;
  await replicas.world.provider.start();
  const { jar, due, expired } = await until('a login', () => signedIn(), { every: 500, within: 60_000 });
  await at(due);
  replicas.forget();
  const { reached, release } = holding('after');
  const answers = burst(jar);
  const holder = await reached;
  await killed(holder);
  const survivors = [0, 1, 2].filter((each) => each !== holder);
  for (const each of survivors) replicas.each[each].door.hold(undefined);
  await answers;
  await until('the session to end', async () => (await replicas.status(survivors[0], jar)) === 401, { within: expired + 5000 - Date.now() });
  release();
  await until('the other one to know', async () => (await replicas.status(survivors[1], jar)) === 401);
  const page = await replicas.visitor(survivors[0], jar).navigate(replicas.address);
  assert.deepEqual([page.status, page.url.href], [200, replicas.address], 'signed in again without a question');
  console.log(`no grace at the provider, and the replica with the new refresh token killed: ${replicas.refreshes.length} calls, then a login that asks nothing`);
});
