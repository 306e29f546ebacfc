// deploy/observability as files: rules that promtool takes, a case for and against every alert, and a README that leaves out
// no panel and no alert. Run by `make observability`.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = path.join(REPOSITORY, 'deploy/observability');

const read = (name) => readFileSync(path.join(FOLDER, name), 'utf8');
const all = (text, expression) => [...text.matchAll(expression)].map(([, found]) => found);

const rules = read('rules.yaml');
const alerts = all(rules, /^ {2}- alert: (\w+)$/gm);
const records = all(rules, /^ {2}- record: ([\w:]+)$/gm);
const panels = JSON.parse(read('dashboard.json')).panels;
const graphs = panels.filter(({ type }) => type !== 'row');
const expressions = graphs.flatMap(({ targets }) => targets.map(({ expr }) => expr));

function promtool(...args) {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd: FOLDER, encoding: 'utf8', timeout: 60_000 });
  assert.ifError(error);
  assert.equal(status, 0, stdout + stderr);
}

test('promtool takes the rules', () => promtool('check', 'rules', 'rules.yaml'));

test('every alert fires where it should, and does not where it should not', () => {
  promtool('test', 'rules', 'rules.test.yaml');
  const cases = all(read('rules.test.yaml'), /^- name: (.+)$/gm);
  assert.ok(alerts.length > 15);
  assert.equal(new Set(alerts).size, alerts.length);
  const wanted = alerts.flatMap((alert) => [`${alert} fires`, `${alert} does not fire`]);
  assert.deepEqual(cases.toSorted(), ['all is well', ...wanted].toSorted());
});

test('every alert says how bad it is, in a sentence and in a longer one', () => {
  for (const text of rules.split(/^ {2}- alert: /m).slice(1)) {
    assert.match(text, /^ {4}labels: \{ severity: (critical|warning|info) \}$/m, text);
    for (const annotation of ['summary', 'description']) assert.match(text, new RegExp(`^ {6}${annotation}: .{10,}$`, 'm'), text);
  }
});

test('README explains every panel and every alert, and no other', () => {
  const readme = read('README.md');
  const table = (title) => all(readme.split(`## ${title}\n`)[1].split('\n## ')[0], /^\| (?!---|panel|alert)([^|]+?) \|/gm).map((name) => name.replaceAll('`', ''));
  assert.deepEqual(table('Panels').toSorted(), graphs.map(({ title }) => title).toSorted());
  assert.deepEqual(table('Alerts').toSorted(), alerts.toSorted());
});

test('the dashboard has panels that do not overlap, each with a query and an explanation', () => {
  const taken = new Set();
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, description, targets, type, gridPos: { x, y, w, h } } of panels) {
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        const place = `${column} ${line}`;
        assert.ok(!taken.has(place) && column < 24, `${title} overlaps at ${place}`);
        taken.add(place);
      }
    }
    if (type === 'row') continue;
    assert.ok(description.length > 10 && targets.length > 0, title);
    for (const { expr } of targets) assert.ok(expr.includes('job=~"$job"'), `${title}: ${expr}`);
  }
});

test('dashboard and rules name no metric that is not in the table of metrics, and leave none out', () => {
  const readme = readFileSync(path.join(REPOSITORY, 'README.md'), 'utf8');
  const table = all(readme, /^\| `(portcullis_[a-z_]+)` \|/gm);
  const plain = (name) => name.replace(/(_seconds)_(bucket|sum|count)$/, '$1');
  const named = (text) => [...new Set(all(text, /\b(portcullis_[a-z_]+)\b/g).map(plain))];
  for (const name of named(`${rules}\n${expressions.join('\n')}`)) assert.ok(table.includes(name), name);
  assert.deepEqual(named(expressions.join('\n')).toSorted(), table.toSorted(), 'each metric has a panel');
  for (const record of records) assert.match(rules, new RegExp(`expr: ${record}`), `${record} is for nothing`);
});
