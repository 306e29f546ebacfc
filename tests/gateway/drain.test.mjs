// The service under load behind real Envoy: killed, hung, stopped gracefully as in a rolling update.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../guide/lib/wait.mjs';
import { freePorts } from './lib/ports.mjs';
import { Load } from './lib/load.mjs';
import { reference } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const NOBODY = { headers: {} };
const FORGER = { headers: { authorization: 'Bearer e30.e30.e30', 'x-user-id': 'boss', 'x-envoy-auth-failure-mode-allowed': 'true' } };

let world;
let second;
let token;

before(async () => {
  world = await World.prepare('drain');
  const [checks, admin] = await freePorts(2);
  second = world.instance('second', { checks, admin });
  world.write('envoy.yaml', reference(world.ports, [world.ports.checks, checks]));
  await world.start('provider', 'portcullis');
  await second.start();
  await world.start('envoy');
  token = await world.token();
});

after(() => world?.stop());

function traffic(options) {
  world.upstream.forget();
  const kinds = { granted: { headers: { authorization: `Bearer ${token}` }, may: true }, nobody: NOBODY, forger: FORGER };
  return new Load({ port: world.ports.gateway, host: 'api.petstore.localhost', kinds, ...options });
}

test('O19: a graceful stop under load, one instance after the other as in a rolling update, loses no request', async () => {
  const load = traffic({ perSecond: 150 });
  for (let round = 0; round < 2; round += 1) {
    for (const part of [world.service, second]) {
      await sleep(700);
      await part.stop();
      await sleep(300);
      await part.start();
    }
  }
  await sleep(500);
  const answers = await load.stop();
  console.log(answers);
  assert.deepEqual(Object.keys(answers).sort(), ['forger 401', 'granted 200', 'nobody 401']);
  assert.deepEqual(world.upstream.leaks(), []);
  assert.equal(world.upstream.seen.length, answers['granted 200']);
});
