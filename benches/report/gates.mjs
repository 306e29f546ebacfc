// The gates that a count can decide: bound, value, pass or fail.
import { thousands } from './kinds.mjs';

const count = (number) => thousands(number);
const ratio = (number) => number.toFixed(3);
const percent = (number) => `${number >= 0 ? '+' : ''}${(100 * number).toFixed(1)} %`;
const bytes = (number) => `${thousands(number)} B`;
const megabytes = (number) => `${(number / 1e6).toFixed(1)} MB`;
const few = (number) => number.toFixed(2);

/** Fewer than one allocation in a hundred checks is none: what grows now and then is not of a check. */
const NO_ALLOCATION = 0.01;

/** Every gate with its bound, the next bound, and the value. */
export function gates(results) {
  const { instructions: ir, allocations, memory, signatures } = results;
  const verified = signatures?.verified / signatures?.tokens;
  const rows = [];
  const gate = (name, what, value, bound, next, show, only = '≤ ') => {
    const holds = (limit) => (only === '≤ ' ? value <= limit : value === limit);
    const missing = value === undefined || Number.isNaN(value);
    rows.push({
      gate: name,
      what,
      bound: `${only}${show(bound)}`,
      value: missing ? 'not measured' : show(value),
      pass: !missing && holds(bound),
      next: next === undefined ? '' : `${only}${show(next)}`,
      nextReached: next === undefined ? undefined : !missing && holds(next),
    });
  };
  gate('P1', 'cached bearer, instructions', ir.bearer, 50_000, 36_000, count);
  gate('P1', 'the same beside no-op tonic', ir.bearer / ir.reference, 0.55, 0.40, ratio);
  gate('P1', 'cached bearer with 1 % misses, instructions', ir.bearer_misses, 50_000, 36_000, count);
  gate('P1', 'the same beside no-op tonic', ir.bearer_misses / ir.reference, 0.55, 0.40, ratio);
  gate('P3', 'allocations of a cached bearer less those of an echo', allocations?.bearer - allocations?.echo, NO_ALLOCATION, undefined, few);
  gate('P5', 'new RS256 token beside its signature alone', ir.rs256 / ir.bare_rs256, 1.25, 1.15, ratio);
  gate('P5', 'signatures verified for each distinct token', verified, 1, 1, ratio, '= ');
  gate('P6', 'sealed session, instructions', ir.session, 60_000, 45_000, count);
  gate('P6', 'redirect to the login, instructions', ir.redirect, 70_000, 50_000, count);
  gate('P7', 'memory held for a cached token, of 1,000,000', memory?.held_per_token, 512, 256, bytes);
  gate('P7', 'resident memory for a cached token, of 1,000,000', memory?.resident_per_token, 512, 256, bytes);
  gate('P7', 'resident memory of an idle process', memory?.idle, 25e6, 12e6, megabytes);
  gate('P8', 'instructions from 10 to 100,000 products', ir.routes_100000 / ir.routes_10 - 1, 0.10, 0.05, percent);
  return rows;
}

// A reference that was not counted is not where it was either.
/** Whether the reference is where it was: else nothing that was measured beside it counts. */
export function reference(results, budget) {
  const { reference: now } = results.instructions;
  const { reference: then } = budget.instructions;
  return { now, then, off: now / then - 1, void: !(Math.abs(now / then - 1) <= VOID) };
}

/** How far the reference may be from its baseline, where that was taken in the same environment. */
export const VOID = 0.05;
