// The figures of benches/README.md: tables between markers, written by a run and held to its results.
import { TOLERANCE } from './budget.mjs';
import { gates } from './gates.mjs';
import { BESIDE, CHECKS, UNCACHED, besideOf, thousands } from './kinds.mjs';

const table = (head, rows) => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
].join('\n');

function counts({ instructions: ir }) {
  const beside = (kind) => (ir[kind] / ir[besideOf(kind)]).toFixed(3);
  const shown = (kinds) => Object.entries(kinds).filter(([kind]) => ir[kind] !== undefined);
  return table(['check', 'instructions', 'beside no-op tonic, or the signature alone'], [
    ...shown({ reference: BESIDE.reference }).map(([kind, label]) => [label, thousands(ir[kind]), '1']),
    ...shown(CHECKS).map(([kind, label]) => [label, thousands(ir[kind]), beside(kind)]),
    ...shown(UNCACHED).flatMap(([kind, label]) => [
      [BESIDE[`bare_${kind}`], thousands(ir[`bare_${kind}`]), '1'],
      [label, thousands(ir[kind]), beside(kind)],
    ]),
  ]);
}

const gateTable = (results) => table(
  ['gate', 'what', 'bound', 'value', '', 'next bound', ''],
  gates(results).map(({ gate, what, bound, value, pass, next, nextReached }) => [
    gate, what, bound, value, pass ? 'pass' : '**fail**', next, nextReached === undefined ? '' : nextReached ? 'reached' : 'not yet',
  ]),
);

const allocations = ({ allocations: counted = {} }) => table(
  ['check', 'allocations a check', 'less those of the echo'],
  Object.entries(counted).map(([kind, count]) => [
    kind === 'echo' ? 'echo: a constant answer behind the same door' : CHECKS[kind] ?? UNCACHED[kind],
    count.toFixed(2),
    kind === 'echo' ? '' : (count - counted.echo).toFixed(2),
  ]),
);

/** What a hundred thousand API keys take. */
const keys = ({ memory: of = {} }) => table(['100,000 API keys', ''], [
  ['resident memory for each', `${Math.round(of.resident_per_key ?? NaN)} B`],
  ['until the service has read them and is ready', `${((of.keys_ready_ms ?? NaN) / 1000).toFixed(1)} s`],
].filter(([, value]) => !value.startsWith('NaN')));

const budgets = (results, budget) => table(['check', 'budget', 'red from'], Object.keys({ ...CHECKS, ...UNCACHED })
  .filter((kind) => budget.instructions[kind] !== undefined)
  .map((kind) => [CHECKS[kind] ?? UNCACHED[kind], thousands(budget.instructions[kind]), thousands(budget.instructions[kind] * (1 + TOLERANCE) + 0.5)]));

const environment = ({ environment: of }) => table(['', ''], Object.entries(of).map(([name, value]) => [name, value]));

/** Where the instructions go, by whose code it is; the largest group first. */
function profiles({ profiles: of = {} }) {
  const kinds = Object.keys(of);
  const groups = [...new Set(kinds.flatMap((kind) => Object.keys(of[kind])))];
  const weight = (group) => kinds.reduce((sum, kind) => sum + (of[kind][group] ?? 0), 0);
  groups.sort((one, other) => weight(other) - weight(one));
  return table(['whose code', ...kinds.map((kind) => CHECKS[kind])], groups.map((group) => [
    group, ...kinds.map((kind) => thousands(of[kind][group] ?? 0)),
  ]));
}

/** Each block by the name of its markers. */
export const blocks = (results, budget) => ({
  environment: environment(results),
  instructions: `![Instructions a check by kind, beside the reference](chart.svg)\n\n${counts(results)}`,
  gates: gateTable(results),
  profile: profiles(results),
  allocations: allocations(results),
  keys: keys(results),
  budget: budgets(results, budget),
});

const marked = (name) => new RegExp(`(<!-- ${name}: written by make bench-record -->\n)[^]*?(<!-- end of ${name} -->)`);

/** The text with every block between its markers. */
export function fill(text, results, budget) {
  let filled = text;
  for (const [name, block] of Object.entries(blocks(results, budget))) {
    if (!marked(name).test(filled)) throw new Error(`benches/README.md has no markers of ${name}`);
    filled = filled.replace(marked(name), (_whole, begin, end) => `${begin}\n${block}\n\n${end}`);
  }
  return filled;
}
