// Redis fails in every way that it can, in each of the ways to run it: nobody gets in who should not, and nobody is signed out.
//
// One replica refuses while the store is down, one goes on with the sessions that it remembers (`store_down`).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../guide/lib/wait.mjs';
import { Load } from '../gateway/lib/load.mjs';
import { Cluster, Sentinel, Standalone } from './lib/redis.mjs';
import { Replicas } from './lib/replicas.mjs';
import { signOut } from './lib/shared.mjs';
import { line, title } from './lib/table.mjs';

const MODES = {
  standalone: (world) => Standalone.of(world, 'redis'),
  'TLS, ACL user': (world) => Standalone.of(world, 'redis', { tls: true }),
  Sentinel: (world) => Sentinel.of(world, 'redis'),
  Cluster: (world) => Cluster.of(world, 'redis'),
};

/** What is done to Redis, and whether it is away meanwhile; `failOver` is for those that can. */
const FAULTS = {
  killed: { inject: (redis) => redis.kill(), away: true },
  restarted: { inject: (redis) => redis.restart() },
  'failed over': { inject: (redis) => redis.failOver(), fits: (redis) => redis.failOver },
  paused: { inject: (redis) => redis.pause(), away: true },
  'filled up': { inject: (redis) => redis.fill(), full: true },
  'wrong password': { inject: (redis) => redis.changePassword(), away: true },
  'news cut': { inject: (redis) => redis.cutNews() },
};

const WHEN_DOWN = ['refuse', 'local'];
const BOTH = [0, 1];
/** How long a fault lasts, in milliseconds. */
const LASTS = 1500;
/** Until all is as before, on a machine that has other things to do. */
const RECOVERED = 30_000;

const lines = [title()];

after(() => console.log(`\n${lines.join('\n')}\n`));

for (const [mode, of] of Object.entries(MODES)) {
  test(`Redis ${mode}: whatever happens to it, nobody gets in, and nobody is signed out`, async (context) => {
    const replicas = await Replicas.prepare(`faults-${mode.replace(/\W+/g, '-')}`, { count: 2 });
    context.after(() => replicas.stop());
    const redis = await of(replicas.world);
    await redis.start();
    // Remembered for a shorter time than a fault lasts: otherwise no replica would have to ask meanwhile.
    const settings = redis.settings.replace(' }', `, cache_time: ${LASTS / 3}ms }`);
    await replicas.start({ session: ({ index }) => `store: redis, store_down: ${WHEN_DOWN[index]}, redis: ${settings}`, level: 'warn' });
    for (const [fault, what] of Object.entries(FAULTS)) {
      if (what.fits && !what.fits(redis)) continue;
      await context.test(fault, () => suffered(replicas, redis, { mode, fault, ...what }));
    }
  });
}

/** One fault, under load by everybody who could get in wrongly, or be signed out wrongly. */
async function suffered(replicas, redis, { mode, fault, inject, away, full }) {
  const cast = await people(replicas);
  const loads = BOTH.map((replica) => new Judged(replicas, replica, cast));
  let late;
  try {
    late = await underLoad(replicas, redis, { inject, cast, loads });
  } finally {
    // What goes on asking would keep this process.
    await Promise.all(loads.map((load) => load.stop()));
  }
  for (const [replica, { seen }] of loads.entries()) {
    lines.push(line({ mode, fault, down: WHEN_DOWN[replica], ...seen, logout: late[replica] }));
  }
  for (const [replica, { seen }] of loads.entries()) {
    const what = `${fault}, ${WHEN_DOWN[replica]}: ${JSON.stringify(seen)}`;
    assert.deepEqual([seen.allowed, seen.loggedOut, seen.odd], [0, 0, 0], what);
    assert.ok(seen.checks > 100, what);
    // Otherwise nothing was shown: the fault was felt by who refuses, and got over by who need not.
    if (away && WHEN_DOWN[replica] === 'refuse') assert.ok(seen.unavailable > 10, what);
    if (away && WHEN_DOWN[replica] === 'local') assert.ok(seen.servedMeanwhile > 10, what);
    if (full) assert.ok(seen.servedMeanwhile > 10, what);
  }
  const statuses = await Promise.all(BOTH.flatMap((replica) => [cast.live, cast.gone].map((jar) => replicas.status(replica, jar))));
  assert.deepEqual(statuses, [200, 401, 200, 401]);
}

/** The fault from its beginning to its end, and some time before and after. Returns what two logouts meanwhile were answered. */
async function underLoad(replicas, redis, { inject, cast, loads }) {
  await pause(300);
  for (const load of loads) load.phase = 'during';
  const undo = await inject(redis);
  const late = await Promise.all(BOTH.map((replica) => signOut(replicas, replica, cast.leaving[replica]).then(({ answer }) => answer.status)));
  await pause(LASTS);
  await undo();
  for (const load of loads) load.phase = 'after';
  for (const replica of BOTH) await until(`replica ${replica + 1} to have its store again`, async () => (await replicas.status(replica, cast.live)) === 200, { within: RECOVERED });
  // Whoever heard that the logout is done is out, everywhere, and stays so.
  for (const replica of BOTH) if (late[replica] < 400) await replicas.refusals(cast.leaving[replica], BOTH);
  await pause(300);
  return late;
}

/** Who is asked for: somebody signed in, somebody signed out, two who sign out meanwhile. Both replicas have served all of them. */
async function people(replicas) {
  const [live, gone, ...leaving] = await Promise.all([0, 1, 0, 1].map((replica) => replicas.signedIn(replica)));
  for (const replica of BOTH) for (const jar of [live, gone, ...leaving]) assert.equal(await replicas.status(replica, jar), 200);
  await signOut(replicas, 0, gone);
  await replicas.refusals(gone, BOTH);
  return { live, gone, leaving };
}

/** Load on one replica, each answer judged. */
class Judged {
  phase = 'before';
  seen = { checks: 0, allowed: 0, loggedOut: 0, unavailable: 0, odd: 0, servedMeanwhile: 0, wrong: {} };
  #load;

  constructor(replicas, replica, { live, gone }) {
    const cookie = (jar) => jar.header(new URL(replicas.address));
    const session = cookie(live);
    const callers = { live: session, revoked: cookie(gone), 'made up': madeUp(session), altered: altered(session) };
    const kinds = Object.fromEntries(Object.entries(callers).map(([kind, header]) => [kind, { headers: { cookie: header, ...SCRIPT }, may: kind === 'live' }]));
    const host = new URL(replicas.address).host;
    this.#load = new Load({ port: replicas.each[replica].listener, host, kinds, perSecond: 40, lanes: 2, onAnswer: (kind, answer) => this.#judge(kind, answer) });
  }

  stop() {
    return this.#load.stop();
  }

  #judge(kind, { status, headers = {} }) {
    const { seen } = this;
    const cleared = (headers['set-cookie'] ?? []).some((each) => /-s(-\d)?=;|max-age=0/i.test(each));
    seen.checks += 1;
    if (status === 503) seen.unavailable += 1;
    else if (kind === 'live' && status === 200) seen.servedMeanwhile += this.phase === 'during' ? 1 : 0;
    else if (kind === 'live' && [302, 401].includes(status)) seen.loggedOut += 1;
    else if (kind !== 'live' && status === 200) seen.allowed += 1;
    else if (kind === 'live' || status !== 401) seen.odd += 1;
    if (kind === 'live' && cleared && ![302, 401].includes(status)) seen.loggedOut += 1;
    // For whoever reads why a test is red.
    if (kind === 'live' ? [302, 401].includes(status) : status === 200) seen.wrong[`${kind}, ${this.phase}`] = (seen.wrong[`${kind}, ${this.phase}`] ?? 0) + 1;
  }
}

const SCRIPT = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' };

/** A session cookie of the right form, under a key that is there, that nobody was given. */
function madeUp(header) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return withSealed(header, (sealed) => [...sealed].map(() => letters[Math.floor(Math.random() * 64)]).join(''));
}

/** Somebody's session cookie, one letter of which is another one. */
function altered(header) {
  return withSealed(header, (sealed) => {
    const at = Math.floor(sealed.length / 2);
    return sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
  });
}

/** Changes what is sealed in the session's cookie; before it stands which key that is. */
function withSealed(header, change) {
  const [, before, sealed] = /^(.*portcullis-s=[^;]*?)([\w-]{32,})(?:;|$)/.exec(header);
  return header.replace(before + sealed, before + change(sealed));
}
