// The ledger can fail: each way in which a row is not held is a problem.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ledger, reasonsIn, rowsOf, testsIn } from './ledger.mjs';

const catalogue = { A: { about: 'first', rows: ['A03', 'A04'] }, O: { about: 'second', rows: ['O15'] } };
const good = [
  'test catalogue::a_jose::a03_a04_no_algorithm ... ok',
  'test catalogue::a_jose::a00_good ... ok',
  'test bearer::a_good_one ... ok',
].join('\n');
const tap = 'TAP version 13\nok 1 - O15: killed under load\n    ok 1 - 20 of 20 # time';
const judged = (text, reasons = '') => ledger(catalogue, testsIn(text), reasonsIn(reasons));

test('a row is named by the start of the last segment alone', () => {
  assert.deepEqual(rowsOf('catalogue::a_jose::a26_a27_urls'), ['A26', 'A27']);
  assert.deepEqual(rowsOf('O06, O07: streams'), ['O06', 'O07']);
  assert.deepEqual(rowsOf('session::b12'), []);
  assert.deepEqual(rowsOf('a03::other'), []);
  assert.deepEqual(rowsOf('holds_a03_too'), []);
});

test('rows with tests that passed are counted, a test for two rows once', () => {
  const { groups, problems } = judged(`${good}\n${tap}`);
  assert.deepEqual(problems, []);
  assert.deepEqual(groups.map(({ rows, tests, stated, apart }) => [rows, tests, stated, apart]), [[2, 1, 2, 0], [1, 1, 1, 0]]);
});

for (const [what, text, reasons, problem] of [
  ['no test', good, '', 'O15: no test, and no reason'],
  ['a failed test', `${good}\nnot ok 1 - O15: killed`, '', 'O15: O15: killed did not pass'],
  ['a skipped test', `${good}\nok 1 - O15: killed # SKIP no Envoy`, '', 'O15: O15: killed did not pass'],
  ['an ignored test', `${good}\ntest o::o15_killed ... ignored`, '', 'O15: o::o15_killed did not pass'],
  ['one of two failed', `${good}\n${tap}\ntest o::o15_hung ... FAILED`, '', 'O15: o::o15_hung did not pass'],
  ['test and reason', `${good}\n${tap}`, 'O15: because', 'O15: has a test, and a reason why it has none'],
  ['an unknown row', `${good}\n${tap}\ntest o::o99_odd ... ok`, '', 'O99: has a test (o::o99_odd), but is no row'],
  ['a reason of an unknown row', `${good}\n${tap}`, 'O98: because', 'O98: has a reason, but is no row'],
]) {
  test(`${what} is a problem`, () => assert.deepEqual(judged(text, reasons).problems, [problem]));
}

test('a reason stands in for a test, and counts apart', () => {
  const { groups, problems } = judged(good, 'O15: there is no Envoy');
  assert.deepEqual(problems, []);
  assert.deepEqual([groups[1].stated, groups[1].apart], [0, 1]);
});
