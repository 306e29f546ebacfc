// One refresh for a session over all replicas, also where one of them dies in the middle of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../guide/lib/wait.mjs';
import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';

/** Seconds that an ID token lives. It is refreshed at half of that, and a lease that nobody renews lapses well within the rest. */
const LIFE = 16;
const PARALLEL = 200;

/** When whom a test is about signs in, in milliseconds from the start: each has a refresh due just when its turn comes. */
const AHEAD = { due: 0, 'another killed': 1000, 'killed before': 4000, expired: 5000, 'killed after': 15_000, stopped: 25_000 };

let replicas;
let redis;
const people = {};

before(async () => {
  replicas = await Replicas.prepare('refresh');
  redis = await Standalone.of(replicas.world, 'redis');
  await redis.start();
  await replicas.start({ session: `store: redis, redis: ${redis.settings}`, idTokenSeconds: LIFE, refreshGraceSeconds: 30, clockSkew: '1s' });
  for (const [who, delay] of Object.entries(AHEAD)) {
    people[who] = pause(delay).then(() => signedIn());
    // Whoever waits for it hears of it.
    people[who].catch(() => {});
  }
});

after(() => replicas?.stop());

/** Somebody who has just signed in, when a refresh is due, and when the identity has expired. */
async function signedIn(life = LIFE) {
  const jar = await replicas.signedIn();
  const now = Date.now();
  return { jar, due: now + (life / 2 + 1) * 1000, expired: now + (life + 2) * 1000 };
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
  const { jar, due } = await people.due;
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

test('a replica that does not refresh is killed meanwhile: one call', async () => {
  const { jar, due } = await people['another killed'];
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

/** The replica that refreshes is killed, or stopped, at this moment; another one does it, and nobody is signed out. */
async function overtaken(who, when, signal, heard) {
  const { jar, due, expired } = await people[who];
  await at(due);
  replicas.forget();
  const { reached, release } = holding(when);
  const answers = burst(jar);
  const holder = await reached;
  const { part } = replicas.each[holder];
  part.signal(signal);
  if (signal === 'SIGKILL') await part.exited;
  const from = performance.now();
  const survivors = [0, 1, 2].filter((each) => each !== holder);
  // The others' own turn is not to be held.
  for (const each of survivors) replicas.each[each].door.hold(undefined);
  const statuses = new Set();
  await until('another replica to refresh', async () => {
    for (const each of survivors) statuses.add(await replicas.status(each, jar));
    return replicas.refreshes.length > 1;
  }, { within: expired - Date.now(), every: 100 });
  const took = Math.round(performance.now() - from);
  // Until its record is there: who goes on before that cannot know of it.
  await until('it to be done', () => replicas.refreshes.some(({ answered }) => answered));
  await pause(500);
  release();
  if (signal === 'SIGSTOP') part.signal('SIGCONT');
  await answers;
  const calls = await rested();
  const known = replicas.refreshes.filter((each) => each.heard).length;
  console.log(`the replica that refreshes gets ${signal} ${when} the provider's answer: ${calls} calls, of which the provider heard ${known}; the second one after ${took} ms; ${JSON.stringify(await answers)}`);
  assert.deepEqual([calls, known], [2, heard]);
  if (signal === 'SIGKILL') assert.deepEqual(Object.keys(await answers), ['200']);
  else await until('it to answer again', async () => (await replicas.status(holder, jar)) === 200);
  // With the new identity, past the end of the old one.
  await at(expired);
  for (const each of signal === 'SIGKILL' ? survivors : [0, 1, 2]) statuses.add(await replicas.status(each, jar));
  assert.deepEqual([...statuses], [200]);
  assert.equal(await rested(), 2, 'nobody asks again');
  if (signal === 'SIGKILL') await revived(holder, jar);
}

test('the replica that refreshes is killed before the provider hears of it: another one does it', () => overtaken('killed before', 'before', 'SIGKILL', 1));

test(`${PARALLEL} parallel requests when the identity has expired, and all must wait: one call to the token endpoint`, async () => {
  const { jar, expired } = await people.expired;
  await at(expired);
  replicas.forget();
  const answers = await burst(jar);
  const calls = await rested();
  console.log(`identity expired, ${PARALLEL} parallel requests: ${JSON.stringify(answers)}, ${calls} call to the token endpoint`);
  assert.deepEqual(answers, { 200: PARALLEL });
  assert.equal(calls, 1);
});

test('the replica that refreshes is killed when the provider has answered: another one does it, within the grace of the provider', () => overtaken('killed after', 'after', 'SIGKILL', 2));

test('the replica that refreshes stands still until another one has done it, and then goes on: it takes over what is there', () => overtaken('stopped', 'after', 'SIGSTOP', 2));

test('a provider without a grace for used refresh tokens: a replica that dies with the new one costs a login, no more', async () => {
  await replicas.world.provider.stop();
  Object.assign(replicas.world.provider.env, { PROVIDER_REFRESH_GRACE_SECONDS: 0, PROVIDER_ID_TOKEN_SECONDS: 6 });
  await replicas.world.provider.start();
  const { jar, due, expired } = await until('a login', () => signedIn(6), { every: 500, within: 60_000 });
  await at(due);
  replicas.forget();
  const { reached, release } = holding('after');
  const answers = burst(jar);
  const holder = await reached;
  await killed(holder);
  const survivors = [0, 1, 2].filter((each) => each !== holder);
  for (const each of survivors) replicas.each[each].door.hold(undefined);
  await answers;
  await until('the session to end', async () => (await replicas.status(survivors[0], jar)) === 401, { within: expired + 10_000 - Date.now() });
  release();
  await until('the other one to know', async () => (await replicas.status(survivors[1], jar)) === 401);
  const page = await replicas.visitor(survivors[0], jar).navigate(replicas.address);
  assert.deepEqual([page.status, page.url.href], [200, replicas.address], 'signed in again without a question');
  console.log(`no grace at the provider, and the replica with the new refresh token killed: ${replicas.refreshes.length} calls, then a login that asks nothing`);
});
