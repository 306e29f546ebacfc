// The traps that deploy/gateways names, each shown on real Envoy: what goes wrong there, and that nobody gets in by it.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, test } from 'node:test';

import { CERTIFICATE, KEY } from '../gateway/lib/certificate.mjs';
import { freePorts } from '../gateway/lib/ports.mjs';
import { replaced } from '../gateway/lib/reference.mjs';
import { World } from '../gateway/lib/world.mjs';
import { Client } from '../guide/lib/client.mjs';
import { until } from '../guide/lib/wait.mjs';
import { configuration } from './lib/configuration.mjs';
import { GATEWAYS, ISTIO_HOSTS, ISTIO_PREFLIGHTS } from './lib/table.mjs';

let world;
let bearer;

before(async () => {
  world = await World.prepare('gateway-traps', { seesAll: true });
  await world.start('provider', 'portcullis');
  bearer = { authorization: `Bearer ${await world.token()}` };
});

after(() => world?.stop());

/** A gateway with a row of the table; `change` may change its text. */
async function gateway(name, row, change = (text) => text) {
  const [port, gatewayAdmin] = await freePorts(2);
  const text = configuration(row, { ...world.ports, gateway: port, gatewayAdmin }, world.file(`${name}.log`));
  await world.envoy(name, change(text), gatewayAdmin).start();
  world.upstream.forget();
  world.pages.forget();
  return { port, gatewayAdmin, api: `http://api.petstore.localhost:${port}`, portal: `http://portal.petstore.localhost:${port}` };
}

test('a cluster name that is no authority, and none given: every check fails, and nobody gets in', async () => {
  const { authority, ...row } = GATEWAYS.istio;
  assert.notEqual(authority, row.cluster);
  const { api } = await gateway('odd-authority', row);
  for (const headers of [{}, bearer]) {
    assert.equal((await new Client().request(`${api}/api/pets?may=no`, { headers })).status, 503);
  }
  assert.deepEqual(world.upstream.seen, []);
});

test('a cleared route cache: a request that was judged for one route goes by a header of ours to another', async () => {
  const routes = [{ match: { prefix: '/', headers: [{ name: 'x-portcullis-environment', present_match: true }] }, route: { cluster: 'portal' } }];
  for (const [name, moved] of [['gloo-edge', false], ['contour', true], ['emissary', true]]) {
    const { api } = await gateway(`route-cache-${name}`, { ...GATEWAYS[name], routes });
    assert.equal((await new Client().request(`${api}/api/pets?may=yes`, { headers: bearer })).status, 200);
    assert.deepEqual([world.upstream.seen.length, world.pages.seen.length], moved ? [0, 1] : [1, 0], name);
  }
});

test('a list of headers to send: what is not on it is not seen, and only what has a name of its own is removed', async () => {
  const forged = ['x-user-id', 'x_user_id', 'x-remote-user', 'x.user.id', 'x-jwt-assertion', 'x-auth-request-user'];
  const row = GATEWAYS['gateway-api'];
  const listed = { allowed_headers: { patterns: ['authorization', 'cookie'].map((exact) => ({ exact })) } };
  for (const [name, settings, past] of [['all', {}, []], ['listed', listed, ['x.user.id', 'x-jwt-assertion', 'x-auth-request-user']]]) {
    const { api } = await gateway(`headers-${name}`, { ...row, settings: { ...row.settings, ...settings } });
    const headers = { ...bearer, ...Object.fromEntries(forged.map((header) => [header, 'root'])) };
    assert.equal((await new Client().request(`${api}/api/pets?may=yes`, { headers })).status, 200);
    const [seen] = world.upstream.seen;
    assert.deepEqual(forged.filter((header) => seen.all(header).includes('root')), past, name);
  }
});

test('a list of headers not to send, and a service that is told it sees them all: what is on the list gets past', async () => {
  const row = GATEWAYS['gateway-api'];
  const hidden = { disallowed_headers: { patterns: [{ exact: 'x-remote-user' }, { exact: 'x-user-id' }] } };
  const { api } = await gateway('headers-hidden', { ...row, settings: { ...row.settings, ...hidden } });
  const headers = { ...bearer, 'x-remote-user': 'root', 'x-user-id': 'root', 'x-forwarded-user': 'root' };
  assert.equal((await new Client().request(`${api}/api/pets?may=yes`, { headers })).status, 200);
  const [seen] = world.upstream.seen;
  // What is set is overwritten, seen or unseen.
  assert.deepEqual(Object.keys(headers).filter((header) => seen.all(header).includes('root')), ['x-remote-user']);

  // Nobody becomes somebody by it.
  const { authorization: _nobody, ...forged } = headers;
  const portal = `http://portal.petstore.localhost:${new URL(api).port}`;
  assert.equal((await new Client().request(`${portal}/`, { headers: forged })).status, 200);
  const [page] = world.pages.seen;
  assert.deepEqual(Object.keys(forged).filter((header) => page.all(header).includes('root')), ['x-remote-user']);
});

test('Contour sends the certificate of who calls: larger checks, the same answers', async () => {
  const context = {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { inline_string: CERTIFICATE }, private_key: { inline_string: KEY } }],
      validation_context: { trusted_ca: { inline_string: CERTIFICATE } },
    },
  };
  const socket = { name: 'envoy.transport_sockets.tls', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', ...context } };
  const { port } = await gateway('contour-tls', GATEWAYS.contour, (text) => replaced(text, '    - filters:\n', `    - transport_socket: ${JSON.stringify(socket)}\n      filters:\n`));
  const ask = (headers, path) => new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { host: `api.petstore.localhost:${port}`, ...headers }, cert: CERTIFICATE, key: KEY, rejectUnauthorized: false, agent: false };
    https.get(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  assert.equal(await ask(bearer, '/api/pets?may=yes'), 200);
  assert.equal(await ask({}, '/api/pets?may=no'), 401);
  assert.deepEqual(world.upstream.leaks(), []);
});

test('Istio with the two rules for preflights: these are let through, and nothing that only looks like one', async () => {
  const { api } = await gateway('istio-preflights', { ...GATEWAYS.istio, before: [ISTIO_PREFLIGHTS] });
  const address = `${api}/api/pets?may=no`;
  const portal = `http://portal.petstore.localhost:${new URL(api).port}`;
  const asking = { origin: portal, 'access-control-request-method': 'GET' };
  const preflight = await new Client().request(address, { method: 'OPTIONS', headers: asking });
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [200, portal]);

  assert.equal((await new Client().request(address, { headers: asking })).status, 401);
  assert.equal((await new Client().request(address, { method: 'POST', headers: asking })).status, 401);
  const { origin } = asking;
  assert.ok((await new Client().request(address, { method: 'OPTIONS', headers: { origin } })).status >= 400);
  assert.deepEqual(world.upstream.seen, []);

  // One from a page of somebody else's: the upstream gets it, with whatever headers.
  await new Client().request(address, { method: 'OPTIONS', headers: { ...asking, origin: 'http://elsewhere.localhost', 'x-user-id': 'boss' } });
  assert.deepEqual(world.upstream.seen.map(({ method, identity }) => [method, identity]), [['OPTIONS', ['boss']]]);
});

test('Istio with a list of hosts to guard: the port in `Host` gets past', async () => {
  const { api } = await gateway('istio-hosts', { ...GATEWAYS.istio, before: [ISTIO_HOSTS] });
  for (const [host, status, arrived] of [['api.petstore.localhost', 401, 0], [new URL(api).host, 200, 1]]) {
    world.upstream.forget();
    assert.equal((await new Client().request(`${api}/api/pets?may=no`, { headers: { host } })).status, status);
    assert.equal(world.upstream.seen.length, arrived);
  }
});

test('kgateway with one extension at the Gateway and another at a route: both ask', async () => {
  const { hot, endpoints } = GATEWAYS.kgateway;
  const enabled = (name) => ({ [name]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', config: {} } });
  const routes = [{ match: { path: '/api/once' }, route: { cluster: 'petstore' } }, { match: { path: '/api/twice' }, route: { cluster: 'petstore' }, typed_per_filter_config: enabled(endpoints.name) }];
  const change = (text) => replaced(text, '            name: gateway\n', `            name: gateway\n            typed_per_filter_config: ${JSON.stringify(enabled(hot.name))}\n`);
  const { api } = await gateway('kgateway-twice', { ...GATEWAYS.kgateway, routes }, change);
  const counted = [];
  for (const path of ['/api/once', '/api/twice']) {
    const start = await checks();
    assert.equal((await new Client().request(`${api}${path}?may=yes`, { headers: bearer })).status, 200);
    counted.push((await checks()) - start);
  }
  assert.deepEqual(counted, [1, 2]);
});

test('kgateway\'s retries, which do not say what to retry, are none; Envoy Gateway\'s are some', async () => {
  const { kgateway } = GATEWAYS;
  // As kgateway writes `retry: { attempts: 2, backoff: { baseInterval: 10ms } }`.
  const service = { retry_policy: { num_retries: 2, retry_back_off: { base_interval: '0.01s' } } };
  const silent = await gateway('retries-kgateway', { ...kgateway, hot: { ...kgateway.hot, service } });
  const said = await gateway('retries-envoy-gateway', GATEWAYS['envoy-gateway']);
  world.service.signal('SIGKILL');
  await until('its end', () => !world.service.running);
  try {
    for (const [{ api, gatewayAdmin }, tries] of [[silent, 0], [said, 2]]) {
      assert.equal((await new Client().request(`${api}/api/pets?may=no`, { headers: bearer })).status, 503);
      const stats = await (await fetch(`http://127.0.0.1:${gatewayAdmin}/stats?filter=portcullis.*upstream_rq_retry$`)).text();
      assert.match(stats, new RegExp(`upstream_rq_retry: ${tries}\n$`));
    }
  } finally {
    await world.service.start();
  }
  assert.deepEqual(world.upstream.seen, []);
});

/** How many checks the service has answered. */
async function checks() {
  const text = await (await fetch(`http://127.0.0.1:${world.ports.admin}/metrics`)).text();
  const counts = [...text.matchAll(/^portcullis_checks_total\{.*\} (\d+)/gm)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
}
