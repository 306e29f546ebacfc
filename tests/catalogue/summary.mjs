// Prints the catalogue of hostile inputs by group: rows, tests, answered as stated. Its arguments are what the test
// runs printed. Ends with 1 if a row has neither a test that passed nor a reason.
import { existsSync, readFileSync } from 'node:fs';
import { ledger, reasonsIn, testsIn } from './ledger.mjs';

const beside = (name) => new URL(name, import.meta.url);
const read = (file) => readFileSync(file, 'utf8');

const missing = process.argv.slice(2).filter((file) => !existsSync(file));
if (missing.length) {
  console.error(`catalogue: nothing to judge by: ${missing.join(', ')} is not there; \`make unit gateway\` writes it`);
  process.exit(1);
}

const catalogue = JSON.parse(read(beside('rows.json')));
const reasons = reasonsIn(read(beside('not-applicable.txt')));
const tests = process.argv.slice(2).flatMap((file) => testsIn(read(file)));
const { groups, problems } = ledger(catalogue, tests, reasons);

// Where the reference is at hand, our list of rows is held against it.
const reference = beside('../../../shared/reference/negative-tests.json');
if (existsSync(reference)) {
  const theirs = new Set(JSON.parse(read(reference)).map(({ id }) => id));
  const ours = new Set(Object.values(catalogue).flatMap(({ rows }) => rows));
  for (const id of theirs) if (!ours.has(id)) problems.push(`${id}: a row of the reference that is not on our list`);
  for (const id of ours) if (!theirs.has(id)) problems.push(`${id}: on our list, but no row of the reference`);
}

const line = (...cells) => console.log(cells.map((cell, at) => (at < 2 ? `${cell}`.padEnd([3, 42][at]) : `${cell}`.padStart(10))).join(''));
const sum = (name) => groups.reduce((total, group) => total + group[name], 0);
line('', 'catalogue of hostile inputs', 'rows', 'tests', 'as stated', 'no test');
for (const { group, about, rows, tests, stated, apart } of groups) line(group, about, rows, tests, stated, apart);
line('', 'all', sum('rows'), sum('tests'), sum('stated'), sum('apart'));
if (sum('apart')) console.log('rows without a test carry their reason in tests/catalogue/not-applicable.txt');
for (const problem of problems) console.log(`problem: ${problem}`);
process.exitCode = problems.length ? 1 : 0;
