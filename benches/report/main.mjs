// What a run of portcullis-counts comes to.
//   node main.mjs gates RESULTS      prints counts and gates; exit 1 where a gate fails or the run is void
//   node main.mjs hold RESULTS       holds the counts to benches/budget.json; exit 1 where one is above
//   node main.mjs record RESULTS     takes the run over: benches/results.json, the chart, the figures of the README
//   node main.mjs budget RESULTS     makes the run's counts the budget, and records it
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { budgetOf, differences, hold } from './budget.mjs';
import { chart } from './chart.mjs';
import { fill } from './figures.mjs';
import { gates } from './gates.mjs';
import { BESIDE, CHECKS, UNCACHED, besideOf, thousands } from './kinds.mjs';

const at = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
const columns = (...parts) => console.log(parts.map(([text, width]) => (width < 0 ? text.padStart(-width) : text.padEnd(width))).join('  ').trimEnd());

/** Whether the reference is where the budget says; printed. */
function printReference(state) {
  const { now, then, off, void: isVoid } = state.reference;
  const where = state.same ? 'its baseline' : 'its baseline, which was taken elsewhere';
  console.log(`reference: ${thousands(now)} instructions, ${where} is ${thousands(then)} (${(100 * off).toFixed(1)} %)${isVoid ? ': the run is VOID' : ''}`);
}

function printCounts({ instructions: ir }) {
  columns(['check', 38], ['instructions', -12], ['beside', -7]);
  for (const [kind, label] of Object.entries({ ...BESIDE, ...CHECKS, ...UNCACHED })) {
    if (ir[kind] === undefined) continue;
    columns([label, 38], [thousands(ir[kind]), -12], [kind in BESIDE ? '' : (ir[kind] / ir[besideOf(kind)]).toFixed(3), -7]);
  }
}

function printGates(results, state) {
  printCounts(results);
  console.log();
  printReference(state);
  const rows = gates(results);
  for (const { gate, what, bound, value, pass, next, nextReached } of rows) {
    const further = nextReached === undefined ? '' : `next ${next}: ${nextReached ? 'reached' : 'not yet'}`;
    columns([gate, 2], [what, 52], [bound, 10], [value, -12], [pass ? 'pass' : 'FAIL', 4], [further, 0]);
  }
  return rows.every(({ pass }) => pass) && !state.reference.void;
}

function printHeld(state, results, budget) {
  printReference(state);
  if (!state.same) {
    const other = differences(results, budget).map((name) => `${name} is ${results.environment[name]}, not ${budget.environment[name]}`);
    console.log(`budget: taken elsewhere (${other.join('; ')}): held by ratio, ${100 * state.tolerance} % above is red`);
  }
  for (const { kind, budget: allowed, counted, over, pass } of state.rows) {
    columns([CHECKS[kind] ?? UNCACHED[kind], 38], [counted === undefined ? 'not counted' : thousands(counted), -12], [`budget ${thousands(allowed)}`, 16], [`${(100 * over).toFixed(1)} %`, -7], [pass ? 'pass' : 'FAIL', 4]);
  }
  return state.failed.length === 0 && !state.reference.void;
}

function record(results, budget) {
  writeJson(at('results.json'), results);
  writeFileSync(at('chart.svg'), chart(results));
  writeFileSync(at('README.md'), fill(readFileSync(at('README.md'), 'utf8'), results, budget));
  console.log('written: benches/results.json, benches/chart.svg, the figures of benches/README.md');
  return true;
}

const [command, file] = process.argv.slice(2);
const results = readJson(file);
if (command === 'budget') writeJson(at('budget.json'), budgetOf(results));
// Without one, a run is its own baseline: that is how the first budget comes about.
const budget = command === 'gates' && !existsSync(at('budget.json')) ? budgetOf(results) : readJson(at('budget.json'));
const state = hold(results, budget);
const commands = {
  gates: () => printGates(results, state),
  hold: () => printHeld(state, results, budget),
  record: () => record(results, budget),
  budget: () => record(results, budget),
};
if (!(command in commands)) {
  console.error('usage: main.mjs gates|hold|record|budget RESULTS');
  process.exit(64);
}
process.exitCode = commands[command]() ? 0 : 1;
