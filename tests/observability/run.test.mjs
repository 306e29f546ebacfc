// A real Prometheus scrapes a real run with traffic of every kind, and then every query of the dashboard and every rule has
// data: a panel that stays empty is a wrong query. Run by `make observability`.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Part } from '../../deploy/demo/lib/part.mjs';
import { freePorts } from '../gateway/lib/ports.mjs';
import { World } from '../gateway/lib/world.mjs';
import { Client } from '../guide/lib/client.mjs';
import { insider, logIn, outsider, unassigned } from '../guide/lib/people.mjs';
import { until } from '../guide/lib/wait.mjs';

const FOLDER = fileURLToPath(new URL('../../deploy/observability/', import.meta.url));
/** What a dashboard that looks at a few minutes would take for `$__rate_interval`. */
const RATE_INTERVAL = '15s';
const SAMPLED = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

let world;
let prometheus;
let address;
let collector;
let started;

before(async () => {
  const [port, otlp] = await freePorts(2);
  collector = http.createServer((request, response) => request.resume().on('end', () => response.end()));
  await new Promise((resolve) => collector.listen(otlp, '127.0.0.1', resolve));
  world = await World.prepare('observability');
  world.edit('portcullis.yaml', (text) => `${text}\ntelemetry: { otlp_endpoint: "http://127.0.0.1:${otlp}" }\n`);
  await world.start('provider', 'portcullis', 'envoy');
  address = `http://127.0.0.1:${port}`;
  prometheus = scraper(port);
  started = Date.now() / 1000;
  await prometheus.start();
  // The first sample of a counter is no increase: all that is counted has to be seen at zero before.
  await until('the first scrape', async () => (await query('portcullis_build_info')).length > 0);
});

after(async () => {
  await prometheus?.close();
  await world?.stop();
  collector?.close();
});

/** Debian's Prometheus, which scrapes every half a second and has the shipped rules. */
function scraper(port) {
  const directory = path.join(world.demo.directory, 'prometheus');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const config = path.join(directory, 'prometheus.yaml');
  writeFileSync(config, [
    'global: { scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 1s }',
    `rule_files: [${JSON.stringify(path.join(FOLDER, 'rules.yaml'))}]`,
    'scrape_configs:',
    `- { job_name: portcullis, static_configs: [{ targets: ["127.0.0.1:${world.ports.admin}"] }] }`,
    '',
  ].join('\n'));
  return new Part({
    name: 'prometheus',
    command: 'prometheus',
    args: [`--config.file=${config}`, `--storage.tsdb.path=${path.join(directory, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    ready: `${address}/-/ready`,
    log: path.join(world.demo.directory, 'logs', 'prometheus.log'),
  });
}

function get(location) {
  return new Promise((resolve, reject) => {
    const request = http.get(`${address}${location}`, { agent: false, timeout: 10_000 }, (response) => {
      let text = '';
      response.on('data', (data) => (text += data));
      response.on('end', () => {
        const { status, data, error } = JSON.parse(text);
        if (status === 'success') resolve(data);
        else reject(new Error(`${location}: ${error}`));
      });
    });
    request.on('error', reject);
  });
}

const query = async (expr) => (await get(`/api/v1/query?query=${encodeURIComponent(expr)}`)).result;

/** Whether there was a number at any time of this run. */
async function hasData(expr) {
  const range = new URLSearchParams({ query: expr, start: started, end: Date.now() / 1000, step: 1 });
  const { result } = await get(`/api/v1/query_range?${range}`);
  return result.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
}

/** Waits until every one of these has data, and says which have none. `queries`: name and expression. */
async function allHaveData(queries) {
  let empty = queries;
  const look = async () => {
    const found = await Promise.all(empty.map(async ([, expr]) => hasData(expr)));
    empty = empty.filter((_, index) => !found[index]);
    return empty.length === 0;
  };
  await until('data', look, { within: 15_000, every: 500 }).catch((error) => {
    throw new Error(`no data: ${empty.map(([name, expr]) => `${name}: ${expr}`).join('\n')}`, { cause: error });
  });
}

/** Requests of every kind. */
async function traffic() {
  const { api, portal } = world;
  const pets = `${api}/api/pets`;
  const token = await world.token();
  const bearer = (value) => new Client().fetch(pets, { headers: { authorization: `Bearer ${value}`, traceparent: SAMPLED } });
  for (let turn = 0; turn < 20; turn += 1) assert.equal((await bearer(token)).status, 200);
  const spoiled = token.slice(0, -6) + (token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA');
  assert.equal((await bearer(spoiled)).status, 401);
  assert.equal((await new Client().fetch(pets)).status, 401);
  const session = new Client();
  assert.equal((await logIn(session, pets, insider)).status, 200);
  assert.equal((await session.fetch(pets)).status, 200);
  assert.equal((await logIn(new Client(), pets, outsider)).status, 403);
  assert.equal((await logIn(new Client(), pets, unassigned)).status, 403);
  assert.equal((await new Client().open(`${portal}/callback?code=x&state=x`)).status, 400);
  const other = new Client();
  await logIn(other, `${portal}/.auth/login?return_to=/`, insider);
  await other.submit(await other.navigate(`${portal}/.auth/logout`));
}

test('traffic of every kind', async () => {
  await traffic();
  // A rate is of what grows: what is there at the first look has not.
  await until('a look at it', async () => (await query('sum(portcullis_checks_total) > 20')).length > 0);
  await traffic();
});

test('the provider is away for a moment: keys cannot be fetched, a code cannot be exchanged', async () => {
  const { portal } = world;
  const person = new Client();
  let answer = await person.open(`${portal}/.auth/login?return_to=/`);
  const back = (url) => url.href.startsWith(`${portal}/callback?`);
  while (answer.redirect && !back(answer.redirect)) answer = await person.open(answer.redirect);
  const { action, fields } = answer.form();
  answer = await person.open(action, { from: 'same-origin', form: { ...fields, ...insider } });
  while (!back(answer.redirect)) answer = await person.open(answer.redirect);
  await world.provider.stop();
  assert.equal((await person.open(answer.redirect, { from: 'cross-site' })).status, 503);
  world.service.signal('SIGHUP');
  await until('a fetch that failed', async () => (await query('portcullis_provider_fetches_total{outcome="failed"} > 0')).length > 0);
  await world.provider.start();
});

test('a reload is refused, and then not', async () => {
  const folder = world.file('resources');
  const aside = `${folder}.aside`;
  renameSync(folder, aside);
  world.service.signal('SIGHUP');
  await until('a refused reload', async () => (await query('portcullis_last_reload_successful{what="policy"} == 0')).length > 0);
  renameSync(aside, folder);
  world.service.signal('SIGHUP');
  await until('a reload', async () => (await query('portcullis_last_reload_successful{what="policy"} == 1')).length > 0);
  assert.ok(existsSync(folder));
});

test('every query of every panel has data', async () => {
  const { panels, templating } = JSON.parse(readFileSync(path.join(FOLDER, 'dashboard.json'), 'utf8'));
  const variables = templating.list.map(({ name }) => name);
  const filled = (expr) => expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll(/\$(\w+)/g, (whole, name) => {
    assert.ok(variables.includes(name), `${whole} is no variable of the dashboard`);
    return '.*';
  });
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, filled(expr)]));
  assert.ok(queries.length > 20);
  await allHaveData(queries);
  for (const { definition } of templating.list.filter(({ type }) => type === 'query')) {
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition);
    assert.ok((await query(filled(series))).some(({ metric }) => metric[label]), definition);
  }
});

test('every rule is evaluated well, and what it compares is there', async () => {
  const { groups } = await get('/api/v1/rules');
  const found = groups.flatMap(({ rules }) => rules);
  const text = readFileSync(path.join(FOLDER, 'rules.yaml'), 'utf8');
  assert.equal(found.length, text.match(/^ {2}- (alert|record): /gm).length);
  for (const { name, health, lastError } of found) assert.equal(health, 'ok', `${name}: ${lastError}`);
  await allHaveData(found.map((rule) => [rule.name, rule.type === 'recording' ? rule.name : compared(rule.query)]));
  const alerts = await get('/api/v1/alerts');
  assert.ok(!alerts.alerts.some(({ labels }) => labels.alertname === 'PortcullisGone'));
});

/** The side of a comparison that is no number; of `absent`, what is not to be absent. */
function compared(expr) {
  const [, absent] = /^absent\((.+)\)$/.exec(expr) ?? [];
  if (absent) return absent;
  const left = expr.replace(/ [<>] [\d.]+$/, '');
  assert.notEqual(left, expr, `${expr} compares nothing`);
  return left;
}
