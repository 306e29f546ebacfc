// What happens behind a gateway that fails open. The same faults, at the same time, behind the shipped configuration and
// behind one that differs in one word: `failure_mode_allow: true`. README.md has the table; `LEAKS` below is the same.
import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { outsider } from '../guide/lib/people.mjs';
import { decode } from '../guide/lib/relying-party.mjs';
import { until } from '../guide/lib/wait.mjs';
import { Connection, FLAG, headers, reset } from './lib/h2.mjs';
import { hostileHeaders, hostilePaths, largeRequests } from './lib/hostile.mjs';
import { freePorts } from './lib/ports.mjs';
import { exchange, get } from './lib/raw.mjs';
import { reference, replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const API = 'api.petstore.localhost';

/**
 * Faults in which no answer of the service reaches Envoy: then Envoy alone decides, and lets everybody pass when it is told to
 * fail open. No other fault may leak, even then.
 */
const LEAKS = [
  'the service is killed',
  'the service hangs',
  'the service restarts, and there is no other',
  'more checks at once than the circuit breakers allow',
];

let world;
const admins = [];
let gateways;
let tokens;
let groups;
let resetting;

before(async () => {
  world = await World.prepare('fail-open');
  await world.start('provider', 'portcullis');
  gateways = {
    shipped: await gateway('shipped'),
    open: await gateway('open', failingOpen),
    // What Envoy takes at most; with the shipped limits no check is ever near the service's own.
    large: await gateway('large', (text) => failingOpen(unlimited(text))),
    // Envoy's own default.
    hasty: await gateway('hasty', (text) => failingOpen(replaced(text, 'timeout: 0.5s', 'timeout: 0.2s'))),
    narrow: await gateway('narrow', (text) => failingOpen(replaced(text, 'max_requests: 16384', 'max_requests: 1'))),
  };
  groups = readFileSync(world.file('resources/group.yaml'), 'utf8');
  await freshTokens();
});

after(() => world?.stop());

async function gateway(name, change = (text) => text) {
  const [port, admin] = await freePorts(2);
  const text = reference({ ...world.ports, gateway: port, gatewayAdmin: admin }, [world.ports.checks]);
  await world.envoy(name, change(text), admin).start();
  admins.push(admin);
  return port;
}

function failingOpen(text) {
  return replaced(text, 'failure_mode_allow: false', 'failure_mode_allow: true');
}

function unlimited(text) {
  const limits = 'max_request_headers_kb: 8192';
  return replaced(replaced(text, 'use_remote_address: true', `use_remote_address: true\n          ${limits}`),
    'idle_timeout: 3600s', 'idle_timeout: 3600s\n            max_headers_count: 20000');
}

async function freshTokens() {
  tokens = { granted: await world.token(), outsider: await world.token(outsider) };
}

test('with no fault, those who may get in, and nobody else', async () => {
  for (const port of Object.values(gateways)) {
    const { status } = await ask(port, { lines: [`authorization: Bearer ${tokens.granted}`], may: 'yes' });
    assert.equal(status, 200);
  }
  const { narrow, ...others } = gateways;
  await nobodyGetsIn(others, strangers());
  for (const stranger of strangers()) await nobodyGetsIn({ narrow }, [stranger]);
});

const FAULTS = {
  'the service is killed': {
    begin: () => world.service.signal('SIGKILL'),
    end: () => world.service.start(),
  },
  'the service hangs': {
    begin: () => world.service.signal('SIGSTOP'),
    end: () => world.service.signal('SIGCONT'),
  },
  'the service restarts, and there is no other': {
    begin: () => world.service.stop(),
    end: () => world.service.start(),
  },
  'more checks at once than the circuit breakers allow': {
    through: 'narrow',
    begin: slowChecks,
    asks: () => [...slow(), ...strangers()],
    end: () => world.provider.signal('SIGCONT'),
  },
  'the provider hangs while its keys are asked for': { begin: slowChecks, asks: () => [...slow(), ...strangers()], end: () => world.provider.signal('SIGCONT') },
  'the gateway waits for a shorter time than the answer takes': { through: 'hasty', begin: slowChecks, asks: slow, end: () => world.provider.signal('SIGCONT') },
  'the provider is dead': {
    begin: () => world.provider.stop(),
  },
  'the keys cannot be had: the service starts without the provider': {
    begin: async () => {
      await world.service.stop();
      await world.service.start();
    },
    asks: () => [...strangers(), { lines: [`authorization: Bearer ${tokens.granted}`], want: 503 }],
    end: async () => {
      await world.provider.start();
      await world.service.stop();
      await world.service.start();
      await freshTokens();
    },
  },
  'a resource is broken, and the service is told to read it': {
    begin: () => reloaded(() => world.write('resources/group.yaml', '{{{')),
    end: () => reloaded(() => world.write('resources/group.yaml', groups)),
  },
  'all resources are gone': {
    begin: () => reloaded(() => renameSync(world.file('resources'), world.file('elsewhere'))),
    end: () => reloaded(() => renameSync(world.file('elsewhere'), world.file('resources'))),
  },
  'a client resets its requests by the hundred': {
    asks: () => Array.from({ length: 10 }, strangers).flat(),
    begin: () => {
      resetting = Promise.all(['shipped', 'open'].flatMap((name) => Array.from({ length: 4 }, () => resets(gateways[name]))));
    },
    end: () => resetting,
  },
  'headers as hostile as they come': { asks: hostileHeaders },
  'paths that can be read in two ways': { asks: hostilePaths },
  'messages of megabytes': { through: 'large', asks: largeRequests },
};

for (const [fault, { through = 'open', begin, asks = strangers, end }] of Object.entries(FAULTS)) {
  const leaks = LEAKS.includes(fault);
  test(`${fault}: ${leaks ? 'a gateway that fails open lets everybody pass, the shipped one nobody' : 'nobody gets in, even where the gateway fails open'}`, async () => {
    world.upstream.forget();
    await begin?.();
    try {
      await nobodyGetsIn({ shipped: gateways.shipped }, asks());
      const failing = { [through]: gateways[through] };
      if (leaks) await somebodyGetsIn(failing, asks());
      else await nobodyGetsIn(failing, asks());
    } finally {
      await end?.();
    }
    await until('the right answer again', async () => {
      const { status } = await ask(gateways.shipped, { lines: [`authorization: Bearer ${tokens.granted}`], may: 'yes' });
      return status === 200;
    });
  });
}

test('the README names exactly these leaks', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const table = readme.slice(readme.indexOf('### If the gateway fails open'));
  const rows = [...table.slice(0, table.indexOf('\n## ')).matchAll(/^\| (.+?) \| (gets in|does not get in) \|/gm)];
  assert.deepEqual(rows.map(([, fault]) => fault), Object.keys(FAULTS));
  assert.deepEqual(rows.filter(([, , how]) => how === 'gets in').map(([, fault]) => fault), LEAKS);
});

/**
 * Nothing of what is sent may reach the upstream. Where the machine was too busy for an answer in time, which is the fault "the
 * service hangs", nothing was shown: then once more.
 */
async function nobodyGetsIn(ports, requests) {
  for (let turn = 1; ; turn += 1) {
    const before = await timeouts();
    try {
      return await sendAll(ports, requests);
    } catch (error) {
      if (turn === 5 || (await timeouts()) === before) throw error;
    }
  }
}

/** How many checks were not answered within Envoy's timeout. */
async function timeouts() {
  let sum = 0;
  for (const admin of admins) {
    const text = await (await fetch(`http://127.0.0.1:${admin}/stats?filter=^cluster.portcullis.upstream_rq_(per_try_)?timeout$`)).text();
    for (const [, count] of text.matchAll(/: (\d+)/g)) sum += Number(count);
  }
  return sum;
}

/** Sends them through each gateway, and asserts that all were refused. */
async function sendAll(ports, requests) {
  world.upstream.forget();
  for (const [name, port] of Object.entries(ports)) {
    const answers = [];
    // Megabytes one after another: many at once may take longer than Envoy waits, on a small machine.
    if (name === 'large') for (const request of requests) answers.push(await ask(port, request));
    else answers.push(...(await Promise.all(requests.map((request) => ask(port, request)))));
    assert.deepEqual(world.upstream.seen.map(({ url }) => url), [], `through ${name}`);
    assert.deepEqual(world.pages.seen.filter(({ identity }) => identity.length > 0), [], `through ${name}`);
    for (const [index, { status, text }] of answers.entries()) {
      const { what, lines, want, says = /^/ } = requests[index];
      const told = `${name}: ${what ?? lines}: ${text.slice(0, 300)}`;
      // A refusal of a gRPC call is a 200 that says otherwise.
      assert.ok(status >= 300 || /^grpc-status: (16|7)\r$/m.test(text), told);
      if (want) assert.equal(status, want, told);
      assert.match(text, says, told);
    }
  }
}

async function somebodyGetsIn(ports, requests) {
  for (const [name, port] of Object.entries(ports)) {
    world.upstream.forget();
    await Promise.all(requests.map((request) => ask(port, request)));
    assert.ok(world.upstream.leaks().length > 0, `nobody got in through ${name}: the table says too much`);
  }
}

function ask(port, { bytes, target = '/api/pets', host = API, lines = [], may = 'no' }) {
  return exchange(port, bytes ?? get(host, `${target}${target.includes('?') ? '&' : '?'}may=${may}`, lines), { within: 8000 });
}

/** Those whom no Group grants anything, with all that they may try. */
function strangers() {
  const { granted, outsider: known } = tokens;
  const spoiled = granted.slice(0, -8) + [...granted.slice(-8)].reverse().join('');
  return [
    [],
    ['x-user-id: boss', 'x-user-email: boss@example.com', 'x-user-groups: PetstoreUsers', 'x-envoy-auth-failure-mode-allowed: true'],
    ['authorization: Bearer garbage'],
    [`authorization: Bearer ${spoiled}`],
    [`authorization: Bearer ${known}`],
    ['cookie: __Host-portcullis-s=garbage'],
    ['cookie: __Host-portcullis-s=garbage', 'accept: text/html', 'sec-fetch-mode: navigate', 'sec-fetch-dest: document'],
  ].map((lines) => ({ lines }));
}

/** The provider stops to answer just when its keys are to be fetched anew: who brings a token of an unknown key has to wait. */
async function slowChecks() {
  // A fresh process: another one may have looked for keys a moment ago, and does so once in 30 s.
  await world.service.stop();
  await world.service.start();
  world.provider.signal('SIGSTOP');
}

function slow() {
  return ['one', 'two'].map((kid) => ({ what: kid, lines: [`authorization: Bearer ${forged(kid)}`], want: 503, says: /keys_unavailable|deadline_too_short/ }));
}

/** A token of the right issuer for the right client, said to be signed with a key that nobody has seen yet. */
function forged(kid) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { payload } = decode(tokens.granted);
  return `${part({ alg: 'RS256', kid })}.${part({ ...payload, sub: 'boss' })}.${Buffer.alloc(256, 1).toString('base64url')}`;
}

/** A client that takes back what it asks, 25 requests in one write, again and again. */
async function resets(port) {
  const connection = await Connection.open(port);
  const fields = { ':method': 'GET', ':scheme': 'http', ':path': '/api/pets?may=no', ':authority': API };
  for (let burst = 0; burst < 5; burst += 1) {
    const streams = Array.from({ length: 25 }, (_, index) => 2 * (25 * burst + index) + 1);
    await connection.write(Buffer.concat(streams.flatMap((stream) => [headers(stream, fields, FLAG.endHeaders | FLAG.endStream), reset(stream)])));
  }
  connection.close();
}

/** Changes a file, has the service read it, and waits until that is over. */
async function reloaded(change) {
  const reloads = async () => {
    const text = await (await fetch(`http://127.0.0.1:${world.ports.admin}/metrics`)).text();
    return [...text.matchAll(/^portcullis_reloads_total\{.*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const before = await reloads();
  change();
  world.service.signal('SIGHUP');
  await until('the reload', async () => (await reloads()) > before);
}
