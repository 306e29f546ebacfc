// What README.md claims, held against the sources and the binary. Run by `make unit`; no dependencies.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = path.resolve(REPOSITORY, process.env.PORTCULLIS_BIN ?? 'target/debug/portcullis');

const read = (file) => readFileSync(path.join(REPOSITORY, file), 'utf8');
const readme = read('README.md');
const documents = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'deploy/demo/README.md', 'deploy/envoy/README.md', 'deploy/kubernetes/README.md', 'deploy/gateways/README.md', 'deploy/ghz/README.md', 'deploy/observability/README.md', 'deploy/gloo-portal.md', 'benches/README.md', 'deploy/README.md', 'deploy/helm/README.md', 'deploy/kustomize/README.md', 'deploy/crds/README.md'];

/** The text below a heading, up to the next one of the same or a higher level. */
function section(title) {
  const lines = readme.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title);
  assert.notEqual(start, -1, `README.md has no section ${title}`);
  const level = lines[start].indexOf(' ');
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= level);
  return rest.slice(0, end === -1 ? undefined : end).join('\n');
}

/** Fenced blocks of one language. */
function blocks(text, language) {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, body]) => body);
}

/** First groups of all matches, each once. */
const all = (text, expression) => [...new Set([...text.matchAll(expression)].map(([, found]) => found))];

const scratch = mkdtempSync(path.join(tmpdir(), 'portcullis-readme-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs `portcullis lint` on these settings, beside the demo's resources. */
function lint(settings) {
  cpSync(path.join(REPOSITORY, 'deploy/demo/resources'), path.join(scratch, 'resources'), { recursive: true });
  mkdirSync(path.join(scratch, 'secrets'), { recursive: true });
  const file = path.join(scratch, 'portcullis.yaml');
  writeFileSync(file, settings);
  // The examples name providers that are none of ours: nobody asks them.
  return run([BINARY, 'lint', '--offline', '--config', file]);
}

function run([command, ...rest], cwd = REPOSITORY) {
  // Inside of a Kubernetes pod other rules hold for `session.keys_file`.
  const { KUBERNETES_SERVICE_HOST, ...env } = process.env;
  const { status, stdout, stderr, error } = spawnSync(command, rest, { cwd, encoding: 'utf8', env, timeout: 60_000 });
  assert.ifError(error);
  return { status, stdout, stderr };
}

const whole = blocks(section('Settings'), 'yaml')[0];
// Nobody answers for a cluster here.
const example = whole.replace(/^ {2}kubernetes:.*\n(?: {4}.*\n)+/m, '');

test('every reason, and no other, has a row in the table of reasons', () => {
  const reasons = all(read('src/decision/reason.rs'), /Self::\w+ => "([a-z_]+)"/g);
  const rows = all(section('Troubleshooting'), /^\| `([a-z_]+)` \|/gm);
  assert.ok(reasons.length >= 20);
  assert.deepEqual(rows.toSorted(), reasons.toSorted());
});

test('the full settings are accepted; http for the demo\'s provider is all that is changed', () => {
  const { status, stdout, stderr } = lint(example.replace('allow_http: false', 'allow_http: true'));
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^0 errors, /m);
});

test('the settings of Kubernetes are read as well: all that is missing is the kubeconfig that they name', () => {
  assert.notEqual(whole, example);
  const { status, stderr } = lint(whole.replace('allow_http: false', 'allow_http: true'));
  assert.equal(status, 1);
  assert.match(stderr, /^portcullis: resources\.kubernetes: kubeconfig: [^\n]*cluster\.yaml/);
});

test('the shortest policy and settings are accepted as they stand', () => {
  const [policy, settings] = blocks(section('The resources, the settings, and a first look'), 'yaml');
  writeFileSync(path.join(scratch, 'portal.yaml'), policy);
  const { status, stdout, stderr } = lint(settings);
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout, /: warning/);
  const file = path.join(scratch, 'portcullis.yaml');
  const answer = (groups) => run([BINARY, 'explain', '--config', file, '--url', 'https://api.example.com/pets', '--groups', groups]).stdout;
  assert.match(answer('PetstoreUsers'), /allow \(granted\)/);
  assert.match(answer('Others'), /deny \(not_granted\)/);
});

test('an unknown key is an error, so that the test before this one means something', () => {
  const { status, stderr } = lint(`${example}\nsurprise: true\n`);
  assert.equal(status, 1);
  assert.match(stderr, /surprise: unknown key/);
});

test('every settings key stands in the full settings', () => {
  const folder = path.join(REPOSITORY, 'src/config');
  const files = readdirSync(folder).filter((name) => name.endsWith('.rs') && name !== 'tests.rs');
  const sources = files.map((name) => readFileSync(path.join(folder, name), 'utf8')).join('\n');
  const keys = new Set([
    ...all(sources, /\b(?:take|require|length)\(\s*"([a-z_0-9]+)"/g),
    ...all(sources, /\b(?:value|optional|section)\(\s*&mut \w+,\s*"([a-z_0-9]+)"/g),
  ]);
  assert.ok(keys.size > 50, `found only ${keys.size} keys in src/config`);
  const written = new Set(all(whole, /(?<![\w.-])([a-z_]+):(?=\s)/g));
  for (const key of keys) {
    assert.ok(written.has(key) || whole.includes(`${key}: `), `README.md does not have the settings key ${key}`);
  }
});

test('every key of the full settings has its meaning in the table', () => {
  const table = section('Settings').split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split(' | ')[0]);
  const names = new Set(table.join(' ').match(/[a-z_]+/g));
  // Section names, names of headers and of resources.
  const others = new Set(['id', 'issuer', 'email', 'groups', 'tls', 'cookies', 'limits', 'default']);
  for (const key of all(whole, /(?<![\w.-])([a-z_]+):(?=\s)/g)) {
    assert.ok(names.has(key) || others.has(key), `the table of settings does not have ${key}`);
  }
});

test('every metric, and no other, stands in the table of metrics', () => {
  const source = read('src/telemetry/metrics.rs');
  const counters = new Set(all(source, /(\w+): (?:Family<\w+, Counter>|Counter),/g));
  const registered = [...source.matchAll(/\.register(_with_unit)?\(\s*"([a-z_]+)",.*?metrics\.(\w+)\.clone\(\)/gs)];
  const names = registered.map(([, unit, name, field]) => {
    const suffix = counters.has(field) ? '_total' : unit ? '_seconds' : '';
    return `portcullis_${name}${suffix}`;
  });
  assert.ok(names.length >= 10);
  const shared = read('src/telemetry/shared.rs');
  const described = [...shared.matchAll(/encode_descriptor\(\s*"([a-z_]+)",\s*[^,]+,\s*(\w+)/g)];
  names.push(
    ...all(shared, /\bgauge\(\s*encoder,\s*"([a-z_]+)"/g).map((name) => `portcullis_${name}`),
    ...all(shared, /\bcounters\(\s*encoder,\s*"([a-z_]+)"/g).map((name) => `portcullis_${name}_total`),
    ...described.map(([, name, unit]) => `portcullis_${name}${unit === 'None' ? '_total' : '_seconds'}`),
  );
  assert.deepEqual(all(section('Operating'), /^\| `(portcullis_[a-z_]+)` \|/gm).toSorted(), names.toSorted());
  // And wherever else a metric is named.
  for (const name of all(readme, /`(portcullis_[a-z_]+)/g)) assert.ok(names.includes(name), name);
});

test('every make target that is named exists', () => {
  const targets = new Set(all(read('Makefile'), /^([a-z-]+):/gm));
  for (const document of documents) {
    for (const target of all(read(document), /(?:`|^)make ([a-z-]+)/gm)) {
      assert.ok(targets.has(target), `${document}: make ${target}`);
    }
  }
});

test('every link and every path of the repository that is named exists', () => {
  const places = new Set(readdirSync(REPOSITORY));
  for (const document of documents) {
    const text = read(document);
    const folder = path.dirname(path.join(REPOSITORY, document));
    for (const link of all(text, /\]\(([^)\s]+)\)/g)) {
      const [file, fragment] = link.split('#');
      if (/^[a-z]+:/.test(link)) continue;
      if (file) assert.ok(existsSync(path.join(folder, file)), `${document}: ${link}`);
      if (!file) assert.ok(all(text, /^#+ (.+)$/gm).some((title) => slug(title) === fragment), `${document}: ${link}`);
    }
    for (const file of all(text, /`((?:src|tests|deploy|proto|benches)(?:\/[\w.\-/]+)?)`/g)) {
      const exists = [file, `${file}.rs`].some((name) => existsSync(path.join(REPOSITORY, name)));
      assert.ok(places.has(file.split('/')[0]) && exists, `${document}: ${file}`);
    }
  }
});

test('whatever SECURITY.md says holds a promise is there: rows with tests, groups, paths', () => {
  const security = read('SECURITY.md');
  const catalogue = JSON.parse(read('tests/catalogue/rows.json'));
  const known = new Set(Object.values(catalogue).flatMap(({ rows }) => rows));
  const apart = new Set(all(read('tests/catalogue/not-applicable.txt'), /^([A-P]\d\d): /gm));
  // Names of tests as they begin in the sources: `a03_a04_…`, `'O06 O07: …'`.
  const files = ['src', 'tests'].flatMap((folder) => readdirSync(path.join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(rs|test\.mjs)$/.test(name)).map((name) => `${folder}/${name}`));
  const names = files.flatMap((file) => [...read(file).matchAll(/\bfn ((?:[a-p]\d\d_)+)|\btest\(['"`]((?:[A-P]\d\d[ ,:]+)+)/g)]);
  const tested = new Set(names.flatMap(([, rust, node]) => (rust ?? node).toUpperCase().match(/[A-P]\d\d/g)));
  const rows = all(security, /\b([A-P]\d\d)\b/g);
  assert.ok(rows.length > 5);
  for (const row of rows) {
    assert.ok(known.has(row) && !apart.has(row), `${row} is no row that applies`);
    assert.ok(tested.has(row), `${row} has no test`);
  }
  assert.match(security, /catalogue of hostile inputs in sixteen groups/);
  assert.equal(Object.keys(catalogue).length, 16);
  assert.ok(read('CHANGELOG.md').includes(`a catalogue of ${known.size} of them`));
  const folders = readdirSync(path.join(REPOSITORY, 'tests/it/catalogue'));
  for (const group of Object.keys(catalogue)) {
    assert.ok(folders.some((name) => name.startsWith(`${group.toLowerCase()}_`)), `group ${group} has no tests`);
  }
  const promises = security.split('\n').filter((line) => /^\| [^|]+ \| [^|]+ \|$/.test(line) && !line.startsWith('| promise'));
  assert.ok(promises.length >= 15, `${promises.length} promises`);
  for (const promise of promises) {
    const held = promise.split(' | ')[1];
    assert.match(held, /`|\b[A-P]\d\d\b|\bgroups? [A-P]\b/, promise);
    for (const [, from, to, others] of held.matchAll(/groups? ([A-Z])\b(?: to ([A-Z]))?((?:, [A-Z]\b)*)/g)) {
      for (const group of [from, to, ...(others.match(/[A-Z]/g) ?? [])]) assert.ok(!group || group in catalogue, group);
    }
  }
  for (const file of all(security, /`(\.?[a-z]+\/[\w.\-/]+)`/g)) assert.ok(existsSync(path.join(REPOSITORY, file)), file);
});

test('every module of the library has a line in the list of sources', () => {
  const listed = section('Sources');
  // Small ones that the list leaves out: they have one line of documentation of their own.
  const small = new Set(['time', 'secret', 'clock', 'random', 'name', 'problem']);
  for (const module of all(read('src/lib.rs'), /^pub mod (\w+);/gm)) {
    assert.ok(small.has(module) || listed.includes(`src/${module}`), `README.md does not list src/${module}`);
  }
});

test('the endpoints in the table are those that the service finds', () => {
  const source = read('src/check/endpoints.rs');
  const found = all(source, /^ +"([a-z-]+)" => Endpoint::/gm);
  const listed = all(section('Endpoints'), /^\| `\/\.auth\/([a-z-]+)/gm);
  assert.ok(found.length >= 6);
  assert.deepEqual(listed.toSorted(), found.toSorted());
  for (const name of all(readme, /\/\.auth\/([a-z-]+)/g)) assert.ok(found.includes(name), `/.auth/${name}`);
});

test('the admin endpoints are those that the service has', () => {
  const found = all(read('src/admin.rs'), /\.route\("(\/[a-z]+)"/g);
  assert.deepEqual(all(section('Operating'), /^\| `(\/[a-z]+)` \|/gm).toSorted(), found.toSorted());
});

test('headers for the upstream, and those that are stripped, are the defaults of the sources', () => {
  const source = read('src/config/headers.rs');
  const table = section('What the upstream receives');
  for (const [, header, claim] of source.matchAll(/\("(x-[a-z-]+)", "(\w+)"\)/g)) {
    assert.ok(table.includes(`\`${header}\``), header);
    assert.ok(example.includes(`${header}: ${claim}`), header);
  }
  const strip = /const STRIP.*?=\s*\[(.*?)\];/s.exec(source)[1];
  for (const name of all(strip, /"([^"]+)"/g)) assert.ok(example.includes(name), name);
});

test('the commands that are shown print what is shown', () => {
  const shown = blocks(section('Commands'), 'console').join('').split(/^\$ /m).filter(Boolean);
  assert.ok(shown.length >= 2);
  for (const text of shown) {
    const end = text.indexOf('\n');
    const [command, ...rest] = text.slice(0, end).split(' ');
    assert.equal(command, 'portcullis');
    const { status, stdout, stderr } = run([BINARY, ...rest]);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, text.slice(end + 1), rest.join(' '));
  }
});

test('what is shown of replay is what it prints, and changes end it with 1', () => {
  const [policy, settings] = blocks(section('The resources, the settings, and a first look'), 'yaml');
  const without = policy.split('---\n').filter((document) => !/^kind: Group$/m.test(document)).join('---\n');
  writeFileSync(path.join(scratch, 'portal.yaml'), policy);
  writeFileSync(path.join(scratch, 'portcullis.yaml'), settings);
  mkdirSync(path.join(scratch, 'next'), { recursive: true });
  writeFileSync(path.join(scratch, 'next/portal.yaml'), without);
  const keys = run([BINARY, 'keygen']).stdout;
  for (const folder of ['', 'next']) writeFileSync(path.join(scratch, folder, 'session.keys'), keys);
  writeFileSync(path.join(scratch, 'next/new.yaml'), settings);
  const host = 'api.example.com';
  const place = { host, portal: 'petstore-portal.default', environment: 'dev.default' };
  const caller = { credential: 'session', caller_groups: 'PetstoreUsers', login_portals: 'petstore-portal.default',
    issuer: 'https://example.okta.com/oauth2/default', email_verified: true };
  const granted = { decision: 'allow', reason: 'granted', ...place, product: 'petstore.default', ...caller, groups: 'PetstoreUsers' };
  const lines = [
    { request_id: '7c1a', ...granted },
    { request_id: '5d44', decision: 'deny', reason: 'no_route', ...place },
    { request_id: '9e02', ...granted },
    { request_id: 'a1b2', decision: 'deny', reason: 'no_credentials', ...place, product: 'petstore.default', credential: 'none' },
  ];
  // Fields of a line that the service does not write would show nothing.
  const known = fieldsOfALine();
  for (const field of lines.flatMap(Object.keys)) assert.ok(known.has(field), field);
  const log = lines.map((line) => `${JSON.stringify({ message: 'check', ...line })}\n`).join('');
  writeFileSync(path.join(scratch, 'next/decisions.jsonl'), `not JSON\n${log}`);
  const [shown] = blocks(section('Replay'), 'console');
  const [command, ...output] = shown.split('\n');
  const [prompt, name, ...rest] = command.split(' ');
  assert.deepEqual([prompt, name], ['$', 'portcullis']);
  const replay = (cwd, parameters) => run([BINARY, ...parameters], cwd);
  const changed = replay(path.join(scratch, 'next'), rest);
  assert.equal(changed.stdout, output.join('\n'), changed.stderr);
  assert.equal(changed.status, 1);
  const same = replay(scratch, ['replay', '--config', 'portcullis.yaml', 'next/decisions.jsonl']);
  assert.equal(same.status, 0, same.stdout + same.stderr);
  const none = replay(scratch, ['replay', '--config', 'portcullis.yaml', 'portal.yaml']);
  assert.deepEqual([none.status, none.stdout], [1, '']);
});

test('the recipes add a product and a group to the shortest policy', () => {
  const [policy, settings] = blocks(section('The resources, the settings, and a first look'), 'yaml');
  const [product] = blocks(section('Add a product'), 'yaml');
  const [group] = blocks(section('Add a group'), 'yaml');
  const rest = policy.split('---\n').filter((document) => !/^kind: Environment$/m.test(document));
  const file = path.join(scratch, 'portcullis.yaml');
  const explain = (url, groups) => run([BINARY, 'explain', '--config', file, '--url', url, '--groups', groups]).stdout;
  const orders = 'https://api.example.com/orders/1';
  writeFileSync(path.join(scratch, 'portal.yaml'), [...rest, product].join('---\n'));
  const closed = lint(settings);
  assert.equal(closed.status, 0, closed.stdout + closed.stderr);
  assert.match(closed.stdout, /warning: .*(?:no Group grants|granted)/, 'lint says nothing of a product that nobody is granted');
  assert.match(explain(orders, 'PetstoreClerks'), /deny \(not_granted\)/);
  writeFileSync(path.join(scratch, 'portal.yaml'), [...rest, product, group].join('---\n'));
  const open = lint(settings);
  assert.equal(open.status, 0, open.stdout + open.stderr);
  assert.doesNotMatch(open.stdout, /: warning/);
  assert.match(explain(orders, 'PetstoreClerks'), /product orders\.default[^]*allow \(granted\)/);
  assert.match(explain(orders, 'PetstoreUsers'), /deny \(not_granted\)/);
  assert.match(explain('https://api.example.com/pets', 'PetstoreUsers'), /product petstore\.default[^]*allow \(granted\)/);
});

test('every reason has a place in the table of what shadow lets pass, as the sources have it', () => {
  const source = read('src/check/shadow.rs');
  const [, passing, refused] = /const fn may_pass.*?\{.*?\{(.*?)=> true,(.*?)=> false,/s.exec(source);
  const names = Object.fromEntries([...read('src/decision/reason.rs').matchAll(/Self::(\w+) => "([a-z_]+)"/g)].map(([, rust, text]) => [rust, text]));
  const rows = section('Shadow').split('\n').filter((line) => /^\| `[a-z_]+`/.test(line)).map((line) => line.split(' | '));
  const told = (wanted) => rows.filter(([, does]) => wanted(does)).flatMap(([reasons]) => all(reasons, /`([a-z_]+)`/g));
  const passes = (does) => does.startsWith('passes');
  const reasons = (text) => all(text, /Reason::(\w+)/g).map((name) => names[name]);
  assert.deepEqual(told(passes).toSorted(), reasons(passing).toSorted());
  // What passes anyway, and our own endpoints, are no rows.
  const others = new Set([...told((does) => !passes(does)), 'granted', 'public', 'endpoint']);
  for (const reason of reasons(refused)) assert.ok(others.has(reason), reason);
});

test('every command has a row, and bad usage ends with 64', () => {
  const commands = all(run([BINARY, '--help']).stdout, /^ {2}([a-z]+) {2,}/gm).filter((name) => name !== 'help');
  assert.deepEqual(all(section('Commands'), /^\| `portcullis ([a-z]+)/gm).toSorted(), commands.toSorted());
  assert.equal(run([BINARY, 'no-such-command']).status, 64);
  for (const command of commands) {
    const options = all(run([BINARY, command, '--help']).stdout, /^ +(?:-\w, )?(--[a-z]+)/gm).filter((name) => name !== '--help');
    for (const option of options) assert.ok(section('Commands').includes(option), `${command} ${option}`);
  }
});

test('keygen prints one key of 32 bytes; the key printed here is refused', () => {
  assert.equal(Buffer.from(run([BINARY, 'keygen']).stdout.trim(), 'base64').length, 32);
  const printed = /This one is printed: `([^`]+)`/.exec(readme)[1];
  writeFileSync(path.join(scratch, 'session.keys'), `${printed}\n`);
  const file = path.join(scratch, 'printed.yaml');
  writeFileSync(file, 'resources: { paths: [resources] }\nsession: { keys_file: session.keys }\nprovider: { allow_http: true }\n');
  const { status, stderr } = run([BINARY, 'serve', '--config', file]);
  assert.equal(status, 1);
  assert.match(stderr, /printed in the documentation/);
});

test('the log line is one that the service writes', () => {
  const [line] = blocks(section('Operating'), 'json');
  const fields = Object.keys(JSON.parse(line));
  const known = fieldsOfALine();
  for (const field of fields) assert.ok(known.has(field), field);
  // And so are those in the table below it.
  const listed = section('Operating').split('\n').filter((text) => /^\| `[a-z_]+`(?:, `[a-z_]+`)* \| /.test(text));
  const more = listed.map((text) => text.split(' | ')[0]).flatMap((text) => all(text, /`([a-z_]+)`/g));
  const own = more.filter((name) => !name.startsWith('portcullis_'));
  assert.ok(own.includes('caller_groups') && own.length >= 9, own.join());
  for (const field of own) assert.ok(known.has(field), field);
});

/** Names of the fields that lines of the log may have. */
function fieldsOfALine() {
  const source = read('src/telemetry/logs.rs');
  return new Set(['timestamp', 'level', 'message', ...all(source, /^ +(\w+)(?: = [^\n]+)?,$/gm)]);
}

/** The fragment that a heading gets. */
function slug(title) {
  return title.toLowerCase().replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-');
}
