// Envoy may be told to send few headers (deploy/envoy/allowed-headers.yaml): no answer changes, and nothing forged gets past.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { freePorts } from './lib/ports.mjs';
import { exchange, get } from './lib/raw.mjs';
import { reference, replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const ALLOWED = readFileSync(new URL('../../deploy/envoy/allowed-headers.yaml', import.meta.url), 'utf8');
const FORGED = ['x-user-id', 'x_user_id', 'x.user.id', 'x~user~email', 'x-jwt-assertion', 'x.jwt.assertion', 'x-auth-request-user', 'x-portcullis-product', 'x-remote-user'];

let world;
let token;
/** Ports of a gateway that sends every header, and of one that sends few. */
let ports;

before(async () => {
  world = await World.prepare('allowed-headers');
  await world.start('provider', 'portcullis');
  ports = await freePorts(2);
  for (const [index, port] of ports.entries()) {
    const [gatewayAdmin] = await freePorts(1);
    const text = reference({ ...world.ports, gateway: port, gatewayAdmin }, [world.ports.checks]);
    // A second fence, which is not what is tested.
    const open = replaced(text, 'headers_with_underscores_action: DROP_HEADER', 'headers_with_underscores_action: ALLOW');
    const config = index === 0 ? open : withFewHeaders(open);
    await world.envoy(`gateway-${index}`, config, gatewayAdmin).start();
  }
  token = await world.token();
});

after(() => world?.stop());

test('forged identity is removed under every spelling, seen or unseen', async () => {
  for (const port of ports) {
    world.upstream.forget();
    const lines = [`authorization: Bearer ${token}`, ...FORGED.map((name) => `${name}: root`)];
    const answer = await exchange(port, get('api.petstore.localhost', '/api/pets?may=yes', lines));
    assert.equal(answer.status, 200, answer.text);
    const [seen] = world.upstream.seen;
    for (const name of FORGED) assert.ok(!seen.all(name).includes('root'), `${name} got past the gateway at ${port}`);
    assert.deepEqual(world.upstream.leaks(), []);
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
    const [all, few] = await Promise.all(ports.map((port) => exchange(port, bytes)));
    assert.deepEqual(outcome(few), outcome(all), what);
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
