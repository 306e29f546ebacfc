// Envoy may be told to send few headers (deploy/envoy/allowed-headers.yaml): no answer changes, and nothing forged gets past,
// whether or not the service is told that it sees all of them (`sees_all_headers`).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { freePorts } from './lib/ports.mjs';
import { exchange, get } from './lib/raw.mjs';
import { reference, replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const ALLOWED = readFileSync(new URL('../../deploy/envoy/allowed-headers.yaml', import.meta.url), 'utf8');
/** Some come, and are removed for that; others never come. */
const FORGED = ['x-user-id', 'x_user_id', 'x.user.id', 'x~user~email', 'x-jwt-assertion', 'x.jwt.assertion', 'x-auth-request-user', 'x-portcullis-product', 'x-remote-user'];

let world;
let token;
/** By whether the service is told that it sees every header: ports of a gateway that sends all of them, and of one that sends few. */
let ports;

before(async () => {
  world = await World.prepare('allowed-headers', { seesAll: true });
  await world.start('provider', 'portcullis');
  const [checks, admin] = await freePorts(2);
  await world.instance('told-nothing', { checks, admin }, (text) => replaced(text, 'sees_all_headers: true\n', '')).start();
  ports = [];
  for (const service of [checks, world.ports.checks]) {
    const own = await freePorts(2);
    ports.push(own);
    for (const [index, port] of own.entries()) {
      const [gatewayAdmin] = await freePorts(1);
      const text = reference({ ...world.ports, gateway: port, gatewayAdmin }, [service]);
      // A second fence, which is not what is tested.
      const open = replaced(text, 'headers_with_underscores_action: DROP_HEADER', 'headers_with_underscores_action: ALLOW');
      const config = index === 0 ? open : withFewHeaders(open);
      await world.envoy(`gateway-${service}-${index}`, config, gatewayAdmin).start();
    }
  }
  token = await world.token();
});

after(() => world?.stop());

test('forged identity is removed under every spelling, seen or unseen', async () => {
  const spelled = FORGED.flatMap((name) => [name, name.toUpperCase(), name.replace(/[-_.~]\w/g, (part) => part.toUpperCase())]);
  const requests = {
    'each once': FORGED.map((name) => `${name}: root`),
    'in every letter case': spelled.map((name) => `${name}: root`),
    'several lines': FORGED.flatMap((name) => [`${name}: root`, `${name}: other`, `${name}: root`]),
    'an empty one first': FORGED.flatMap((name) => [`${name}:`, `${name}: root`]),
  };
  for (const port of ports.flat()) {
    for (const [what, forged] of Object.entries(requests)) {
      world.upstream.forget();
      const lines = [`authorization: Bearer ${token}`, ...forged];
      const answer = await exchange(port, get('api.petstore.localhost', '/api/pets?may=yes', lines));
      assert.equal(answer.status, 200, answer.text);
      const [seen] = world.upstream.seen;
      for (const name of FORGED) {
        const passed = seen.all(name).filter((value) => /root|other/.test(value));
        assert.deepEqual(passed, [], `${what}: ${name} got past the gateway at ${port}`);
      }
      assert.deepEqual(world.upstream.leaks(), []);
    }
  }
});

test('what nobody is known by is removed as well', async () => {
  for (const port of ports.flat()) {
    world.pages.forget();
    const answer = await exchange(port, get('portal.petstore.localhost', '/', FORGED.map((name) => `${name}: root`)));
    assert.equal(answer.status, 200, answer.text);
    const [seen] = world.pages.seen;
    for (const name of FORGED) assert.deepEqual(seen.all(name).filter((value) => value.includes('root')), [], `${name} at ${port}`);
  }
});

test('every kind of client is answered alike', async () => {
  const bearer = `authorization: Bearer ${token}`;
  const navigation = ['sec-fetch-mode: navigate', 'sec-fetch-dest: document', 'accept: text/html'];
  const requests = {
    'page load of a stranger': ['portal', '/.auth/login', navigation],
    'page load of an old browser': ['portal', '/.auth/login', ['accept: text/html']],
    prefetch: ['portal', '/.auth/login', [...navigation, 'sec-purpose: prefetch']],
    'prefetch of an old browser': ['portal', '/.auth/login', ['accept: text/html', 'x-moz: prefetch']],
    'script of an old browser': ['portal', '/.auth/login', ['accept: text/html', 'x-requested-with: XMLHttpRequest']],
    'who am I': ['portal', '/.auth/userinfo', ['sec-fetch-site: same-origin', 'sec-fetch-mode: cors']],
    'broken session': ['portal', '/', [...navigation, '__Host-portcullis-s=1.x'].map((line) => line.replace(/^__/, 'cookie: __'))],
    bearer: ['api', '/api/pets', [bearer]],
    'bearer of nobody': ['api', '/api/pets', ['authorization: Bearer x']],
    'two credentials': ['api', '/api/pets', [bearer, 'api-key: k']],
    'API key': ['api', '/api/pets', ['api-key: k']],
    gRPC: ['api', '/api/pets', ['content-type: application/grpc', 'accept: text/html']],
    'no credential': ['api', '/api/pets', []],
  };
  for (const [what, [host, path, lines]] of Object.entries(requests)) {
    const bytes = get(`${host}.petstore.localhost`, path, lines);
    const [all, ...others] = await Promise.all(ports.flat().map((port) => exchange(port, bytes)));
    for (const other of others) assert.deepEqual(outcome(other), outcome(all), what);
  }
});

function withFewHeaders(text) {
  const line = '              validate_mutations: true\n';
  return replaced(text, line, line + ALLOWED.trimEnd().split('\n').map((each) => `              ${each}\n`).join(''));
}

/** Status, and where to: the state of a login is another one each time. */
function outcome({ status, text }) {
  return { status, location: /^location: ([^?\r]*)/im.exec(text)?.[1], challenge: /^www-authenticate: (.*)\r$/im.exec(text)?.[1] };
}
