// Holds our verdicts against those of another library. Its argument is the file that `cargo test --test differential`
// wrote: the rules, then one token a line. Ends with 1 where a verdict of ours favours an attacker, or locks somebody out.
import { readFileSync } from 'node:fs';
import { compare, summary, tally } from './compare.mjs';
import { judge } from './jose.mjs';

const [file] = process.argv.slice(2);
const [rules, ...lines] = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));

const verdict = judge(rules);
const counts = tally();
for (const line of lines) compare(counts, rules, line, await verdict(line));

console.log(summary(counts));
for (const problem of counts.problems.slice(0, 20)) console.error(problem);
if (counts.problems.length) console.error(`${counts.problems.length} verdicts that must not be`);
process.exitCode = counts.problems.length ? 1 : 0;
