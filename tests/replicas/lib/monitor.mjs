// Everything that a Redis is told, by `MONITOR`.
import { spawn } from 'node:child_process';
import readline from 'node:readline';

import { until } from '../../guide/lib/wait.mjs';

export class Monitor {
  /** Commands, in order: `{command, args, text}`; `text` is the whole line, with each byte as it was. */
  heard = [];
  #child;

  static async of(server) {
    const monitor = new Monitor();
    monitor.#child = spawn('redis-cli', server.args('MONITOR'), { stdio: ['ignore', 'pipe', 'ignore'] });
    process.once('exit', () => monitor.#child.kill('SIGKILL'));
    let ready = false;
    readline.createInterface({ input: monitor.#child.stdout }).on('line', (line) => {
      if (line === 'OK') ready = true;
      else monitor.#hear(line);
    });
    await until('MONITOR', () => ready, { every: 10 });
    return monitor;
  }

  forget() {
    this.heard = [];
  }

  /** Returns once all that was said until now is heard. */
  async caughtUp(server) {
    const mark = `mark-${Math.random()}`;
    await server.ask('ECHO', mark);
    await until('MONITOR to catch up', () => this.heard.some(({ text }) => text.includes(mark)), { every: 10 });
    this.heard = this.heard.filter(({ text }) => !text.includes(mark));
  }

  stop() {
    this.#child.kill('SIGKILL');
  }

  #hear(line) {
    const args = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inside]) => unescaped(inside));
    this.heard.push({ command: args[0]?.toUpperCase(), args: args.slice(1), text: args.join('\n') });
  }
}

/** What stands behind the escapes of `redis-cli`, a character a byte. */
export function unescaped(text) {
  const letters = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', '\\': '\\', '"': '"' };
  return text.replace(/\\x([0-9a-f]{2})|\\(.)/gi, (_all, hex, letter) => (hex ? String.fromCharCode(parseInt(hex, 16)) : letters[letter] ?? letter));
}
