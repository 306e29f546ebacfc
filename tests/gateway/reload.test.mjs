// Reload under load, through real Envoy: every request is judged by one policy as a whole, and none fails for a reload.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, symlinkSync, mkdirSync, writeFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { until } from '../guide/lib/wait.mjs';
import { Load } from './lib/load.mjs';
import { World } from './lib/world.mjs';

const EVERY = 100;
const ROUNDS = 24;
/** Files at rest for longer are taken for finished (`REST` in src/reload.rs). */
const REST = 200;

/** Product, Environment and Group have other names in each, and equally long ones: a mix of two policies grants nothing, or shows. */
const POLICIES = ['alpha', 'gamma'];

let world;
let token;
let originals;
let longest = 0;
let version = 0;

before(async () => {
  world = await World.prepare('reload');
  originals = Object.fromEntries(readdirSync(world.file('resources')).map((name) => [name, readFileSync(world.file(`resources/${name}`), 'utf8')]));
  for (const [name, text] of Object.entries(files('alpha'))) world.write(`resources/${name}`, text);
  await world.start('provider', 'portcullis', 'envoy');
  token = await world.token();
});

after(() => world?.stop());

/** The demo's resources with the names of one policy. */
function files(policy) {
  return Object.fromEntries(Object.entries(originals).map(([name, text]) => {
    const renamed = text.replaceAll('petstore-product', `product-${policy}`).replaceAll(/\bname: dev\b/g, `name: dev-${policy}`)
      .replaceAll('names: [dev]', `names: [dev-${policy}]`).replaceAll('name: oidc-group', `name: group-${policy}`);
    return [name, renamed];
  }));
}

const WAYS = {
  // As somebody may who is not done yet when the service is told, or looks by itself.
  'one file after another, in place': async (policy) => {
    let before = performance.now();
    for (const [name, text] of Object.entries(files(policy))) {
      world.write(`resources/${name}`, text);
      const written = performance.now();
      longest = Math.max(longest, written - before);
      before = written;
      world.service.signal('SIGHUP');
      await pause(10);
    }
  },
  'all at once behind a link, as Kubernetes does': (policy, number) => {
    const folder = world.file(`resources/..version-${number}`);
    mkdirSync(folder);
    for (const [name, text] of Object.entries(files(policy))) writeFileSync(path.join(folder, name), text);
    symlinkSync(`..version-${number}`, world.file('resources/..new'));
    renameSync(world.file('resources/..new'), world.file('resources/..data'));
    for (const name of Object.keys(originals)) link(name);
    rmSync(world.file(`resources/..version-${number - 2}`), { recursive: true, force: true });
  },
};

/** `resources/<name>` leads to `..data/<name>`; the first time it is put in the place of a file. */
function link(name) {
  rmSync(world.file(`${name}.link`), { force: true });
  symlinkSync(`..data/${name}`, world.file(`${name}.link`));
  renameSync(world.file(`${name}.link`), world.file(`resources/${name}`));
}

for (const [how, write] of Object.entries(WAYS)) {
  test(`L38: resources rewritten again and again, ${how}: no check fails, and none is judged by half a policy`, async () => {
    const before = await reloads();
    // A machine that stands still between two writes has made two edits of one: then once more.
    let answers;
    for (let turn = 0; turn < 5; turn += 1) {
      longest = 0;
      answers = await rewritten(write);
      if (longest < REST / 2) break;
    }
    assert.deepEqual(Object.keys(answers), ['granted 200', 'nobody 401'], JSON.stringify(answers));
    assert.deepEqual(mixed(), []);
    assert.deepEqual(world.upstream.leaks(), []);
    assert.equal(new Set(products()).size, 2, 'both policies were in force');
    console.log(`${(await reloads()).in_force - before.in_force} reloads, ${answers['granted 200'] + answers['nobody 401']} checks, none mixed`);
  });
}

/** Rewrites under load: ten times a second, and every now and then with time to be read. */
async function rewritten(write) {
  world.upstream.forget();
  const load = traffic();
  for (let round = 0; round < ROUNDS; round += 1) {
    await write(POLICIES[round % 2], version += 1);
    world.service.signal('SIGHUP');
    await pause(round % 3 === 2 ? 3 * REST : EVERY);
  }
  await until('the last policy', () => products().at(-1) === `product-${POLICIES[(ROUNDS - 1) % 2]}.default`);
  return load.stop();
}

test('L38: a bad edit keeps the last good policy, under load, until it is mended', async () => {
  for (const name of Object.keys(originals)) rmSync(world.file(`resources/${name}`));
  await WAYS['one file after another, in place']('alpha');
  await reloaded();
  const load = traffic();
  const { 'group.yaml': group } = files('alpha');
  // Each holds for its own file, so that it does not matter when the service looks. An empty file is an edit like any other.
  const broken = { all: ['{{{', '\0\xff', 'kind: [', 'a: "'], group: [group.replace('groupNames: [PetstoreUsers]', 'groupNames: {a: b}'), group.replace('accessLevel:', 'accessLevel: [')] };
  for (const text of broken.all) {
    for (const name of Object.keys(originals)) world.write(`resources/${name}`, text);
    await reloaded();
  }
  for (const text of broken.group) {
    await WAYS['one file after another, in place']('alpha');
    world.write('resources/group.yaml', text);
    await reloaded();
  }
  const answers = await load.stop();
  assert.deepEqual(Object.keys(answers), ['granted 200', 'nobody 401'], JSON.stringify(answers));
  assert.deepEqual(world.upstream.leaks(), []);
});

function traffic() {
  const kinds = { granted: { headers: { authorization: `Bearer ${token}` }, may: true }, nobody: { headers: {} } };
  return new Load({ port: world.ports.gateway, host: 'api.petstore.localhost', kinds, perSecond: 200, lanes: 8 });
}

function products() {
  return world.upstream.seen.map(({ all }) => all('x-portcullis-product').join());
}

/** Requests that were granted by one policy's product in the other one's Environment. */
function mixed() {
  const names = ({ all }) => [all('x-portcullis-product').join(), all('x-portcullis-environment').join()];
  return world.upstream.seen.map(names).filter(([product, environment]) => product.replace('product-', '') !== environment.replace('dev-', ''));
}

async function reloads() {
  const text = await (await fetch(`http://127.0.0.1:${world.ports.admin}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(/^portcullis_reloads_total\{outcome="(\w+)"\} (\d+)/gm)].map(([, outcome, count]) => [outcome, Number(count)]));
}

async function reloaded() {
  const sum = async () => Object.values(await reloads()).reduce((total, count) => total + count, 0);
  const before = await sum();
  world.service.signal('SIGHUP');
  await until('the reload', async () => (await sum()) > before);
}
