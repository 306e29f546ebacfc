// Holds the rows of the catalogue against the tests that ran: pure, so that its own test can feed it anything.

/** Rows that a test's name begins with: `catalogue::a_jose::a03_…`, `a26_a27_…`, `O15: …`, `O06 O07: …`. */
export function rowsOf(name) {
  const last = name.split('::').at(-1);
  const [start] = /^(?:[A-Pa-p]\d\d[_ :,]+)+/.exec(last) ?? [''];
  return (start.match(/[A-Pa-p]\d\d/g) ?? []).map((id) => id.toUpperCase());
}

/** Tests in what `cargo test` or a TAP reporter printed, each with whether it passed. A skipped one did not. */
export function testsIn(text) {
  const found = [];
  for (const line of text.split('\n')) {
    const cargo = /^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)/.exec(line);
    if (cargo) found.push({ name: cargo[1], passed: cargo[2] === 'ok' });
    const tap = /^\s*(not ok|ok) \d+ - (.*?)(\s# (?:SKIP|TODO).*)?$/.exec(line);
    if (tap) found.push({ name: tap[2], passed: tap[1] === 'ok' && !tap[3] });
  }
  return found;
}

/** `ID: reason` lines; others are prose. */
export function reasonsIn(text) {
  return new Map([...text.matchAll(/^([A-P]\d\d): (\S.*)$/gm)].map(([, id, reason]) => [id, reason]));
}

/** Counts by group, and everything that is wrong. */
export function ledger(catalogue, tests, reasons) {
  const problems = [];
  const byRow = new Map();
  for (const test of tests) {
    for (const id of rowsOf(test.name)) byRow.set(id, [...(byRow.get(id) ?? []), test]);
  }
  const known = new Set(Object.values(catalogue).flatMap(({ rows }) => rows));
  for (const id of reasons.keys()) if (!known.has(id)) problems.push(`${id}: has a reason, but is no row`);
  for (const [id, own] of byRow) {
    // Row 00 is what a group starts from: the good case beside the refusals.
    if (!known.has(id) && !id.endsWith('00')) problems.push(`${id}: has a test (${own[0].name}), but is no row`);
  }
  const groups = Object.entries(catalogue).map(([group, { about, rows }]) => {
    const count = { group, about, rows: rows.length, tests: new Set(), stated: 0, apart: 0 };
    for (const id of rows) {
      const own = byRow.get(id) ?? [];
      own.forEach(({ name }) => count.tests.add(name));
      const failed = own.filter(({ passed }) => !passed);
      failed.forEach(({ name }) => problems.push(`${id}: ${name} did not pass`));
      if (own.length && reasons.has(id)) problems.push(`${id}: has a test, and a reason why it has none`);
      else if (reasons.has(id)) count.apart += 1;
      else if (!own.length) problems.push(`${id}: no test, and no reason`);
      else if (!failed.length) count.stated += 1;
    }
    return { ...count, tests: count.tests.size };
  });
  return { groups, problems };
}
