// The lines of the table of faults.
const COLUMNS = [
  ['mode', 'Redis', 14], ['fault', 'fault', 15], ['down', 'store down', 11], ['checks', 'checks', 7], ['allowed', 'wrongly allowed', 16],
  ['loggedOut', 'wrongly logged out', 19], ['unavailable', '503', 5], ['servedMeanwhile', 'served meanwhile', 17], ['logout', 'logout meanwhile', 16],
];

export function title() {
  return COLUMNS.map(([, head, width], index) => cell(head, width, index)).join('');
}

export function line(values) {
  return COLUMNS.map(([name, , width], index) => cell(String(values[name]), width, index)).join('');
}

/** Texts to the left, numbers to the right. */
function cell(text, width, index) {
  return index < 3 ? text.padEnd(width) : text.padStart(width + 1);
}
