// Every Envoy configuration in deploy/, as Envoy itself reads it: what it must have, and what it must not.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Part } from '../../deploy/demo/lib/part.mjs';
import { freePorts } from './lib/ports.mjs';
import { replaced } from './lib/reference.mjs';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const FILTER = 'envoy.filters.http.ext_authz';
const POST_ENDPOINTS = '/\\.auth/(backchannel-logout|global-token-revocation|logout)';

// Envoy's own, by the one section that each has; the resources of other gateways have tests of their own (tests/gateways).
const samples = readdirSync(path.join(REPOSITORY, 'deploy'), { recursive: true })
  .filter((file) => /\.(ya?ml|json)$/.test(file) && /^\s*"?static_resources"?\s*:/m.test(readFileSync(path.join(REPOSITORY, 'deploy', file), 'utf8')));

test('O14: all configurations are looked at, by name and by what they say', () => {
  assert.ok(samples.length >= 3, samples.join());
  const makefile = readFileSync(path.join(REPOSITORY, 'Makefile'), 'utf8');
  for (const sample of samples) assert.ok(makefile.includes(`deploy/${sample}`), `${sample} is not validated by \`make validate\``);
  const all = readdirSync(path.join(REPOSITORY, 'deploy'), { recursive: true }).filter((file) => /\.(ya?ml|json|md|mjs|sh)$/.test(file));
  for (const file of all) {
    assert.doesNotMatch(readFileSync(path.join(REPOSITORY, 'deploy', file), 'utf8'), /failure_?mode_?allow["']?\s*[:=]\s*["']?true|failOpen["']?\s*[:=]\s*["']?true/i, file);
  }
});

// Not a whole gateway, but what one gets besides for its own rate limit filter.
const PART = 'envoy/rate-limit.yaml';

test(`O14: deploy/${PART} fails closed, and has the check before all that goes by it`, async () => {
  const { listeners } = await readByEnvoy(PART);
  assert.equal(listeners.length, 1);
  for (const manager of listeners) {
    const filters = manager.http_filters.map(({ name }) => name);
    assert.deepEqual(filters, [FILTER, 'envoy.filters.http.ratelimit', 'envoy.filters.http.router']);
    const [{ typed_config: check, disabled }] = manager.http_filters;
    assert.ok(!disabled && !check.failure_mode_allow && !check.clear_route_cache);
    assert.equal(check.status_on_error.code, 'ServiceUnavailable');
    assert.equal(check.validate_mutations, true);
    for (const host of manager.route_config.virtual_hosts) {
      assert.equal(settings(host), undefined, host.name);
      for (const route of host.routes) assert.equal(settings(route), undefined, 'nobody switches it off');
    }
  }
});

for (const sample of samples.filter((one) => one !== PART)) {
  test(`O14: deploy/${sample} fails closed, and is as the README says`, async () => {
    const { listeners, clusters } = await readByEnvoy(sample);
    for (const manager of listeners) checkManager(manager);
    const service = clusters.find(({ name }) => name === 'portcullis');
    checkCluster(service);
  });
}

function checkManager(manager) {
  const filters = manager.http_filters.map(({ name }) => name);
  assert.deepEqual(filters, ['envoy.filters.http.cors', FILTER, 'envoy.filters.http.router']);
  const [, { typed_config: check, disabled }] = manager.http_filters;
  assert.equal(disabled, true);
  // An absent one is Envoy's default, which is false.
  assert.ok(!check.failure_mode_allow);
  assert.ok(!check.failure_mode_allow_header_add && !check.shadow_mode && !check.filter_enabled && !check.clear_route_cache);
  assert.equal(check.transport_api_version, 'V3');
  assert.equal(check.status_on_error.code, 'ServiceUnavailable');
  assert.equal(check.validate_mutations, true);
  assert.equal(check.with_request_body, undefined, 'bodies of every request');
  assert.equal(seconds(check.grpc_service.timeout), 0.5);
  checkCalls(check.grpc_service);
  assert.equal(manager.use_remote_address, true);
  assert.equal(manager.normalize_path, true);
  assert.equal(manager.merge_slashes, true);
  assert.equal(manager.path_with_escaped_slashes_action, 'REJECT_REQUEST');
  assert.equal(manager.common_http_protocol_options.headers_with_underscores_action, 'DROP_HEADER');
  assert.ok(!manager.strip_any_host_port && !manager.strip_matching_host_port);
  const hosts = manager.route_config.virtual_hosts;
  assert.ok(hosts.filter((host) => settings(host)).length >= 2);
  for (const host of hosts) checkHost(host);
}

function checkHost(host) {
  if (!settings(host)) {
    // The demo's host that nobody guards, and says so by its name.
    assert.deepEqual(host.domains, ['open.petstore.localhost']);
    return;
  }
  for (const route of host.routes) {
    const own = settings(route);
    assert.ok(!own?.disabled, `${host.name}: ${route.name} is open`);
    const body = own?.check_settings?.with_request_body;
    const posts = route.match.safe_regex?.regex === POST_ENDPOINTS && route.match.headers?.some(({ name, string_match: match }) => name === ':method' && match.exact === 'POST');
    assert.equal(body !== undefined, posts, `${host.name}: ${route.name}`);
    if (body) assert.ok(body.max_request_bytes <= 65536 && !body.allow_partial_message);
    const service = own?.check_settings?.grpc_service;
    const endpoint = posts || route.match.path_separated_prefix === '/.auth' || route.match.path === '/callback';
    assert.equal(service !== undefined, endpoint, `${host.name}: ${route.name}`);
    if (!service) continue;
    assert.equal(seconds(service.timeout), 10);
    checkCalls(service);
  }
  assert.ok(host.routes.some(({ match }) => match.path_separated_prefix === '/.auth'), `${host.name} has no route for our endpoints`);
}

function checkCalls({ timeout, envoy_grpc: { cluster_name: cluster, authority }, retry_policy: retry }) {
  assert.deepEqual([cluster, authority], ['portcullis', 'portcullis']);
  assert.equal(retry.retry_on, 'connect-failure,reset,refused-stream,unavailable');
  assert.ok(retry.num_retries >= 2);
  assert.equal(seconds(retry.retry_back_off.base_interval), 0.01);
  assert.ok(seconds(retry.retry_back_off.max_interval) >= seconds(timeout), 'each try is given no more than max_interval');
  assert.equal(retry.retry_host_predicate[0].name, 'envoy.retry_host_predicates.previous_hosts');
  assert.ok(Number(retry.host_selection_retry_max_attempts) >= 5);
}

function checkCluster(cluster) {
  const [{ grpc_health_check: health }] = cluster.health_checks;
  assert.equal(health.service_name, 'envoy.service.auth.v3.Authorization');
  assert.equal(health.authority, 'portcullis');
  const [threshold] = cluster.circuit_breakers.thresholds;
  assert.ok(threshold.max_requests >= 10_000 && threshold.max_pending_requests >= 10_000 && threshold.max_retries >= 100);
  const http2 = Object.values(cluster.typed_extension_protocol_options)[0].explicit_http_config.http2_protocol_options;
  assert.ok(http2.max_outbound_control_frames >= 100_000 && http2.max_outbound_frames >= 100_000, 'one client\'s resets could close the connection of all checks');
  assert.ok(http2.connection_keepalive);
}

function settings({ typed_per_filter_config: config }) {
  return config?.[FILTER];
}

function seconds(duration) {
  return Number(duration.replace(/s$/, ''));
}

/** Connection managers and clusters, with defaults filled in and anchors followed. */
async function readByEnvoy(sample) {
  const [admin, ...ports] = await freePorts(3);
  const folder = path.join(REPOSITORY, '.tools/gateway/samples', sample.replaceAll('/', '-'));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let text = readFileSync(path.join(REPOSITORY, 'deploy', sample), 'utf8');
  text = text.replace(/(admin:\n {2}address: .*port_value: )\d+/, `$1${admin}`);
  text = text.replace(/(- name: https?\n {4}address: \{ socket_address: \{ address: )[\d.]+, port_value: \d+/, `$1127.0.0.1, port_value: ${ports[0]}`);
  if (text.includes('./certificate.yaml')) {
    text = replaced(text, './certificate.yaml', path.join(folder, 'certificate.yaml'));
    writeFileSync(path.join(folder, 'certificate.yaml'), certificate(folder));
  }
  writeFileSync(path.join(folder, 'envoy.yaml'), text);
  const envoy = new Part({
    name: sample,
    command: path.join(REPOSITORY, '.tools/venv/bin/envoy'),
    args: ['--config-path', path.join(folder, 'envoy.yaml'), '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
    ready: `http://127.0.0.1:${admin}/server_info`,
    log: path.join(folder, 'envoy.log'),
  });
  try {
    await envoy.start();
    const { configs } = await (await fetch(`http://127.0.0.1:${admin}/config_dump`)).json();
    const { bootstrap } = configs.find((config) => config['@type'].endsWith('BootstrapConfigDump'));
    const { listeners, clusters } = bootstrap.static_resources;
    const managers = listeners.flatMap(({ filter_chains: chains }) => chains.flatMap(({ filters }) => filters.map(({ typed_config: config }) => config)));
    return { listeners: managers, clusters };
  } finally {
    await envoy.close();
  }
}

/** The secret that the reference names, without one: only its TLS would need it. */
function certificate(folder) {
  const text = readFileSync(path.join(REPOSITORY, 'deploy/envoy/certificate.yaml'), 'utf8');
  return text.replaceAll(/\/etc\/[\w/-]+/g, folder);
}
