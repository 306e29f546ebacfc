// The service under load behind real Envoy: killed, hung, stopped gracefully as in a rolling update.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../guide/lib/wait.mjs';
import { freePorts } from './lib/ports.mjs';
import { Load } from './lib/load.mjs';
import { reference, replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const NOBODY = { headers: {} };
const FORGER = { headers: { authorization: 'Bearer e30.e30.e30', 'x-user-id': 'boss', 'x-envoy-auth-failure-mode-allowed': 'true' } };

let world;
let second;
let open;
let token;

before(async () => {
  world = await World.prepare('drain');
  const [checks, admin] = await freePorts(2);
  second = world.instance('second', { checks, admin });
  world.write('envoy.yaml', reference(world.ports, [world.ports.checks, checks]));
  await world.start('provider', 'portcullis');
  await second.start();
  await world.start('envoy');
  const [gateway, gatewayAdmin] = await freePorts(2);
  open = { gateway, gatewayAdmin };
  const text = reference({ ...world.ports, ...open }, [world.ports.checks, checks]);
  await world.envoy('open', replaced(text, 'failure_mode_allow: false', 'failure_mode_allow: true'), gatewayAdmin).start();
  token = await world.token();
});

after(() => world?.stop());

function traffic(options) {
  world.upstream.forget();
  const kinds = { granted: { headers: { authorization: `Bearer ${token}` }, may: true }, nobody: NOBODY, forger: FORGER };
  return new Load({ port: world.ports.gateway, host: 'api.petstore.localhost', kinds, ...options });
}

test('O19: a graceful stop under load, one instance after the other as in a rolling update, loses no request', async () => {
  const [shipped, failingOpen] = await rollingUpdate();
  for (const answers of [shipped, failingOpen]) {
    assert.deepEqual(Object.keys(answers), ['forger 401', 'granted 200', 'nobody 401'], JSON.stringify(answers));
  }
  assert.deepEqual(world.upstream.leaks(), []);
  assert.equal(world.upstream.seen.length, shipped['granted 200'] + failingOpen['granted 200']);
  // Otherwise nothing was proven: the rest of the cluster has borne the load.
  assert.ok((await statistic('upstream_rq_retry_success')) > 0, 'nothing had to be asked again');
});

/** Both instances replaced, twice, under load through the shipped gateway and one that fails open: what each answered. */
async function rollingUpdate() {
  for (let turn = 1; ; turn += 1) {
    const late = await tooLate();
    const loads = [traffic({ perSecond: 120 }), traffic({ perSecond: 60, port: open.gateway })];
    const parts = [world.service, second];
    for (const part of [...parts, ...parts]) {
      await answered(loads[0], 100);
      await part.stop();
      await answered(loads[0], 100);
      await part.start();
      // As a rolling update does: the next one goes when this one is back.
      await until('both to be back', async () => (await healthy()).every((count) => count === 2));
    }
    await answered(loads[0], 100);
    const answers = await Promise.all(loads.map((load) => load.stop()));
    // A machine too busy for an answer in time has shown nothing of what a stop costs.
    if (turn === 3 || (await tooLate()) === late) return answers;
  }
}

test('O19: a stop while one instance is all there is: what runs is answered, and nothing else gets in', async () => {
  await second.stop();
  const load = traffic({ perSecond: 150 });
  await answered(load, 100);
  await world.service.stop();
  await answered(load, 100);
  await world.service.start();
  const outages = load.count(unreachable);
  await until('an answer by the new process', async () => load.count((key) => key === 'granted 200') > 0);
  await answered(load, 100);
  const answers = await load.stop();
  assertNoLeak(answers);
  assert.ok(outages > 0, 'the service was never missed');
  await second.start();
});

for (const [how, signal, back] of [['killed', 'SIGKILL'], ['hung', 'SIGSTOP', 'SIGCONT']]) {
  test(`O15: service ${how} under load: the gateway answers 503, and nothing reaches the upstream that should not`, async () => {
    const load = traffic({ perSecond: 100 });
    await answered(load, 100);
    for (const part of [world.service, second]) part.signal(signal);
    await until('503 for everybody', () => ['granted', 'nobody', 'forger'].every((kind) => load.count((key) => key === `${kind} 503`) > 5));
    const before = world.upstream.seen.length;
    const outages = load.count(unreachable);
    await until('still 503', () => load.count(unreachable) > outages + 20);
    assert.equal(world.upstream.seen.length, before, 'the upstream was asked while nobody could judge');
    if (back) for (const part of [world.service, second]) part.signal(back);
    else for (const part of [world.service, second]) await part.start();
    const granted = load.count((key) => key === 'granted 200');
    await until('the right answers again', () => load.count((key) => key === 'granted 200') > granted + 20);
    assertNoLeak(await load.stop());
  });
}

/** Nobody got in who should not, and the only other answer was that of an outage. */
function assertNoLeak(answers) {
  const odd = Object.keys(answers).filter((key) => !['forger 401', 'granted 200', 'nobody 401'].includes(key) && !unreachable(key));
  assert.deepEqual(odd, [], JSON.stringify(answers));
  assert.deepEqual(world.upstream.leaks(), []);
}

function unreachable(key) {
  return key.endsWith(' 503');
}

/** Until so many more answers have come. */
function answered(load, more) {
  const goal = load.count() + more;
  return until(`${more} more answers`, () => load.count() >= goal, { every: 10 });
}

async function statistic(name, admin = world.ports.gatewayAdmin) {
  const text = await (await fetch(`http://127.0.0.1:${admin}/stats?filter=^cluster.portcullis.${name}$`)).text();
  return Number(text.split(': ')[1]);
}

/** Instances that each gateway takes for well. */
function healthy() {
  return Promise.all([world.ports.gatewayAdmin, open.gatewayAdmin].map((admin) => statistic('membership_healthy', admin)));
}

/** Checks that took longer than the gateways wait. */
async function tooLate() {
  return (await statistic('upstream_rq_timeout')) + (await statistic('upstream_rq_timeout', open.gatewayAdmin));
}
