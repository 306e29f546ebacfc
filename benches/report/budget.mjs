// The budget: what each kind of check may cost, and whether it does.
import { BUDGETED, besideOf } from './kinds.mjs';
import { reference } from './gates.mjs';

/** A count may be above its budget by so much, in the environment that the budget was taken in. */
export const TOLERANCE = 0.03;
/** Elsewhere the compiler, the C library and the processor have their say too, and only ratios are held. */
export const TOLERANCE_ELSEWHERE = 0.10;

/** Whether counts can be compared as they are. */
export const sameEnvironment = (results, budget) => differences(results, budget).length === 0;

/** What of the environment is another one. */
export function differences(results, budget) {
  const names = new Set([...Object.keys(results.environment), ...Object.keys(budget.environment)]);
  return [...names].filter((name) => results.environment[name] !== budget.environment[name]);
}

/** Each kind with its budget here, its count, and whether it is inside; and whether the whole of it counts. */
export function hold(results, budget) {
  const same = sameEnvironment(results, budget);
  const tolerance = same ? TOLERANCE : TOLERANCE_ELSEWHERE;
  const rows = BUDGETED.map((kind) => {
    const beside = besideOf(kind);
    const scale = same ? 1 : results.instructions[beside] / budget.instructions[beside];
    const allowed = budget.instructions[kind] * scale;
    const counted = results.instructions[kind];
    const over = counted / allowed - 1;
    // NaN, where either is missing, is not inside either.
    return { kind, budget: allowed, counted, over, pass: over <= tolerance };
  });
  const state = reference(results, budget);
  const failed = rows.filter(({ pass }) => !pass).map(({ kind }) => kind);
  return { same, tolerance, rows, failed, reference: { ...state, void: same && state.void } };
}

/** What is remembered of a run. */
export const budgetOf = ({ environment, instructions }) => ({
  about: 'Instructions a check, by `make bench-budget`. Changed only in a commit of its own.',
  environment,
  instructions: Object.fromEntries(Object.entries(instructions).map(([kind, count]) => [kind, Math.round(count)])),
});

