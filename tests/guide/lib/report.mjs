// Prints each step with `pass` or `fail`, and counts.
const WIDTH = 93;
const COLOURS = /\u001b\[\d+m/g;

export class Report {
  passed = 0;
  failed = 0;

  /** Runs one step. A step fails by throwing; the ones after it run all the same. */
  async step(label, text, action) {
    const line = `${label.padEnd(7)} ${text}`.padEnd(WIDTH);
    try {
      await action();
      this.passed += 1;
      console.log(`${line} pass`);
    } catch (error) {
      this.failed += 1;
      console.log(`${line} fail`);
      console.log(error.message.trim().replace(COLOURS, '').replace(/^/gm, '          '));
      console.log(`          ${place(error)}`);
    }
  }

  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 && this.passed > 0;
  }
}

/** Where in these files it was thrown. */
function place({ stack = '' }) {
  return stack.split('\n').find((line) => line.includes('/tests/guide/') && !line.includes('/lib/'))?.trim() ?? '';
}
