// What somebody who reads all of Redis, and all that it is told, learns of people and their sessions: nothing that gets them in.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { CookieJar } from '../guide/lib/cookies.mjs';
import { insider, logIn, outsider } from '../guide/lib/people.mjs';
import { decode } from '../guide/lib/relying-party.mjs';
import { until } from '../guide/lib/wait.mjs';
import { Monitor, unescaped } from './lib/monitor.mjs';
import { Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';
import { signedInEverywhere, signOut } from './lib/shared.mjs';

/** The third replica has cookies and the bus; the second one remembers nothing by itself. */
const SESSIONS = ['store: redis, redis: $', 'store: redis, redis: $0', 'store: cookie, redis: $'];

let replicas;
let redis;
let server;
let monitor;

before(async () => {
  replicas = await Replicas.prepare('secrets');
  redis = await Standalone.of(replicas.world, 'redis', { user: 'portcullis' });
  await redis.start();
  [server] = redis.servers;
  monitor = await Monitor.of(server);
  const forgetful = redis.settings.replace(' }', ', cache_time: 0s }');
  await replicas.start({ session: ({ index }) => SESSIONS[index].replace('$0', forgetful).replace('$', redis.settings), idTokenSeconds: 10 });
});

after(async () => {
  monitor?.stop();
  await replicas?.stop();
});

test('no name, subject, token, code, session id or cookie is readable in Redis, or in anything that it is told', async () => {
  const jars = [await signedInEverywhere(replicas), await replicas.signedIn(1), await replicas.signedIn(2)];
  const users = await Promise.all(jars.map(async (jar, replica) => (await replicas.answer(replica, jar, `${replicas.api}/.auth/userinfo`)).json()));
  assert.deepEqual(users.map(({ email }) => email), Array(3).fill(insider.email));
  // A refresh, and the logouts of both stores.
  await pause(5200);
  await until('a refresh', async () => (await replicas.status(0, jars[0])) === 200 && replicas.refreshes.length > 0);
  for (const replica of [1, 2]) await signOut(replicas, replica, jars[replica]);
  await monitor.caughtUp(server);

  const needles = new Map();
  const add = (what, value) => needles.set(`${what} ${needles.size}`, value);
  for (const { door } of replicas.each) for (const secret of door.secrets) add('token, code or verifier', secret);
  for (const { sub } of users) add('subject', sub);
  for (const token of [...needles.values()].filter((value) => value.split('.').length === 3)) add('session id of the provider', decode(token).payload.sid);
  add('e-mail', insider.email);
  add('name', 'Ines Insider');
  add('group', 'PetstoreUsers');
  add('client secret', replicas.world.demo.clientSecret);
  add('sealing key', readFileSync(replicas.world.file('session.keys'), 'utf8').trim());
  for (const jar of jars) for (const { name, value } of jar.for(new URL(replicas.api))) if (value.length > 16) add(`cookie ${name}`, value);
  for (const [what, value] of needles) assert.ok(value?.length >= 8, what);
  assert.ok(needles.size > 20, `${needles.size}`);

  assert.deepEqual(found(await haystacks(), needles), []);
  // That it would be found: each of them once, in each form, in a value or only told.
  for (const form of Object.keys(FORMS)) {
    const planted = FORMS[form](insider.email).toString('latin1');
    await server.ask('SET', 'planted', planted);
    await server.ask('PUBLISH', 'planted', planted);
    await monitor.caughtUp(server);
    assert.ok(found(await haystacks(), needles).some((each) => each.startsWith('told: e-mail')), form);
    assert.ok(found(await haystacks(), needles).some((each) => each.startsWith('kept: e-mail')), form);
    await server.ask('DEL', 'planted');
    monitor.heard = monitor.heard.filter(({ text }) => !text.includes('planted'));
  }
  console.log(`${needles.size} secrets in ${Object.keys(FORMS).length} forms, ${monitor.heard.length} commands, ${(await redis.dump()).length} keys: none found`);
});

test('everything that is kept in Redis ends by itself', async () => {
  const kept = await redis.dump();
  assert.ok(kept.length > 0);
  for (const { key, ttl } of kept) assert.ok(ttl > 0 && ttl <= 31 * 24 * 3600 * 1000, `${key}: ${ttl}`);
});

test('a check is one round trip at most, and none while its session is remembered', async () => {
  const CHECKS = 50;
  for (const [replica, what, most] of [[0, 'cache_time 2s', 5], [1, 'cache_time 0s', CHECKS], [2, 'store cookie', 0]]) {
    const jar = await replicas.signedIn(replica);
    assert.equal(await replicas.status(replica, jar), 200);
    await rested();
    await monitor.caughtUp(server);
    monitor.forget();
    const [refreshes, from] = [replicas.refreshes.length, performance.now()];
    for (let each = 0; each < CHECKS; each += 1) assert.equal(await replicas.status(replica, jar), 200);
    const seconds = (performance.now() - from) / 1000;
    await monitor.caughtUp(server);
    assert.equal(replicas.refreshes.length, refreshes, 'nothing but checks');
    const counts = {};
    for (const { command } of monitor.heard) counts[command] = (counts[command] ?? 0) + 1;
    console.log(`${CHECKS} checks in ${seconds.toFixed(1)} s, ${what}: ${JSON.stringify(counts)} by all three replicas`);
    assert.ok((counts.GET ?? 0) <= most, JSON.stringify(counts));
    if (replica === 1) assert.ok(counts.GET > CHECKS / 2, 'nobody asked');
    // All else is by the clock, whoever asks for what: each replica looks after its connections and at the log of what is over.
    const rest = monitor.heard.length - (counts.GET ?? 0);
    assert.ok(rest <= 30 * (seconds + 1), JSON.stringify(counts));
  }
});

/** Until no refresh is under way: one has round trips of its own. */
async function rested() {
  for (let last = -1; last !== replicas.refreshes.length;) {
    last = replicas.refreshes.length;
    await pause(300);
  }
}

test('whoever may write to Redis cannot give one person\'s record to another', async () => {
  const others = [await replicas.signedIn(1), await replicas.signedIn(1)];
  const before = new Set((await redis.dump()).map(({ key }) => key));
  const jar = new CookieJar();
  await logIn(replicas.visitor(1, jar), replicas.address, outsider);
  assert.equal(await replicas.status(1, jar), 403);
  const own = (await redis.dump()).map(({ key }) => key).filter((key) => !before.has(key));
  assert.ok(own.length > 0);
  for (const target of own) {
    for (const source of before) {
      await server.ask('COPY', source, target, 'REPLACE');
      const status = await replicas.status(1, jar);
      assert.notEqual(status, 200, `${source} as ${target}`);
    }
  }
  assert.deepEqual(await Promise.all(others.map((each) => replicas.status(1, each))), [200, 200]);
});

const FORMS = {
  plain: (value) => Buffer.from(value),
  base64: (value) => Buffer.from(Buffer.from(value).toString('base64').replace(/=+$/, '')),
  base64url: (value) => Buffer.from(Buffer.from(value).toString('base64url')),
  hex: (value) => Buffer.from(Buffer.from(value).toString('hex')),
};

/** Which secrets are in which place, in which form; cookies and keys also as the bytes that they stand for. */
function found(places, needles) {
  const hits = [];
  for (const [what, value] of needles) {
    const meant = /^(cookie|sealing key)/.test(what) ? [value, Buffer.from(value.replace(/^.*\./, ''), 'base64url')] : [value];
    for (const each of meant.filter(({ length }) => length >= 8)) {
      for (const [form, encode] of Object.entries(FORMS)) {
        const needle = encode(each).toString('latin1');
        for (const [place, text] of Object.entries(places)) if (text.includes(needle)) hits.push(`${place}: ${what}, ${form}`);
      }
    }
  }
  return hits;
}

/** All that was told, all that is kept, and the file that it is kept in. */
async function haystacks() {
  const kept = (await redis.dump()).map(({ key, value }) => `${key}\n${unescaped(value)}`).join('\n');
  const folder = path.join(server.folder, 'appendonlydir');
  const file = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'latin1')).join('\n');
  return { told: monitor.heard.map(({ text }) => text).join('\n'), kept: `${kept}\n${file}` };
}
