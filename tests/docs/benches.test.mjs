// The report of the benchmarks: its gates and its budget can fail, and the figures of benches/README.md are those of the
// run that is kept. Run by `make unit`; no dependencies.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TOLERANCE, TOLERANCE_ELSEWHERE, budgetOf, hold } from '../../benches/report/budget.mjs';
import { chart } from '../../benches/report/chart.mjs';
import { fill } from '../../benches/report/figures.mjs';
import { gates } from '../../benches/report/gates.mjs';
import { BUDGETED, CHECKS, UNCACHED } from '../../benches/report/kinds.mjs';

const read = (name) => readFileSync(fileURLToPath(new URL(`../../benches/${name}`, import.meta.url)), 'utf8');

/** A run in which everything is well. */
function run() {
  const cached = Object.fromEntries(Object.keys(CHECKS).map((kind) => [kind, 30_000]));
  return {
    environment: { compiler: 'one', valgrind: 'one' },
    instructions: { reference: 100_000, ...cached, bare_rs256: 300_000, rs256: 330_000, bare_es256: 700_000, es256: 740_000 },
    allocations: { echo: 9, bearer: 9 },
    memory: { held_per_token: 200, resident_per_token: 250, idle: 11e6 },
    signatures: { tokens: 10_000, verified: 10_000 },
  };
}

/** What fails in a run that is well but for one thing. */
function failing(change) {
  const results = run();
  change(results);
  return gates(results).filter(({ pass }) => !pass).map(({ gate }) => gate);
}

test('gates pass where all is well', () => {
  assert.deepEqual(failing(() => {}), []);
});

test('each gate fails when its value is above the bound', () => {
  const changes = {
    P1: [({ instructions }) => { instructions.bearer = 50_001; }, ({ instructions }) => { instructions.bearer_misses = 50_001; }, ({ instructions }) => { instructions.reference = 54_000; instructions.bearer_misses = 1; }],
    P3: [({ allocations }) => { allocations.bearer += 1; }, (results) => { delete results.allocations; }],
    P5: [({ instructions }) => { instructions.rs256 = 376_000; }, ({ signatures }) => { signatures.verified += 1; }, ({ signatures }) => { signatures.verified = 0; }],
    P6: [({ instructions }) => { instructions.session = 60_001; }, ({ instructions }) => { instructions.redirect = 70_001; }],
    P7: [({ memory }) => { memory.held_per_token = 513; }, ({ memory }) => { memory.resident_per_token = 513; }, ({ memory }) => { memory.idle = 25.1e6; }],
    P8: [({ instructions }) => { instructions.routes_100000 = 33_100; }, ({ instructions }) => { delete instructions.routes_10; }],
  };
  for (const [gate, all] of Object.entries(changes)) {
    for (const change of all) assert.deepEqual(failing(change), [gate], change.toString());
  }
});

test('a count more than 3 % above its budget is red, and so is one that was not taken', () => {
  const budget = budgetOf(run());
  const held = (change) => {
    const results = run();
    change(results.instructions);
    return hold(results, budget);
  };
  assert.deepEqual(held(() => {}).failed, []);
  for (const kind of BUDGETED) {
    const limit = budget.instructions[kind] * (1 + TOLERANCE);
    assert.deepEqual(held((ir) => { ir[kind] = limit + 1; }).failed, [kind]);
    assert.deepEqual(held((ir) => { ir[kind] = limit - 1; }).failed, []);
    assert.deepEqual(held((ir) => { delete ir[kind]; }).failed, [kind]);
  }
});

test('a run whose reference is elsewhere than its baseline is void', () => {
  const budget = budgetOf(run());
  for (const [reference, isVoid] of [[105_001, true], [94_999, true], [104_999, false], [95_001, false], [undefined, true]]) {
    const results = run();
    results.instructions.reference = reference;
    assert.equal(hold(results, budget).reference.void, isVoid, `${reference}`);
  }
});

test('with another compiler only ratios are held, to a tolerance of their own', () => {
  const budget = budgetOf(run());
  const results = run();
  results.environment.compiler = 'another';
  for (const kind of Object.keys(results.instructions)) results.instructions[kind] *= 1.2;
  assert.deepEqual(hold(results, budget).failed, []);
  assert.equal(hold(results, budget).reference.void, false);
  for (const kind of ['bearer', 'rs256']) {
    const more = structuredClone(results);
    more.instructions[kind] *= 1.01 + TOLERANCE_ELSEWHERE;
    assert.deepEqual(hold(more, budget).failed, [kind]);
  }
});

test('the chart has a bar for every count, inside of its picture', () => {
  const svg = chart(run());
  const [, width] = /viewBox="0 0 (\d+) /.exec(svg);
  const bars = [...svg.matchAll(/<rect class="(?:ours|beside)" x="(\d+)" y="\d+" width="([\d.]+)"/g)];
  assert.equal(bars.length, Object.keys(run().instructions).length);
  // What stands behind a bar has room as well.
  for (const [, x, length] of bars) assert.ok(Number(x) + Number(length) + 90 <= Number(width));
  for (const label of Object.values({ ...CHECKS, ...UNCACHED })) assert.ok(svg.includes(`>${label}<`), label);
});

test('figures and chart are those of benches/results.json and benches/budget.json, or there are none', () => {
  if (!existsSync(new URL('../../benches/results.json', import.meta.url))) {
    const between = [...read('README.md').matchAll(/written by make bench-record -->\n([^]*?)<!-- end of/g)];
    assert.deepEqual(between.map(([, figures]) => figures), ['', '', '', '', '', '']);
    return;
  }
  const [results, budget] = ['results.json', 'budget.json'].map((name) => JSON.parse(read(name)));
  assert.deepEqual(BUDGETED.filter((kind) => !budget.instructions[kind]), []);
  assert.equal(read('README.md'), fill(read('README.md'), results, budget), 'run `make bench-record`');
  assert.equal(read('chart.svg'), chart(results), 'run `make bench-record`');
});
