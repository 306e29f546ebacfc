// One program of the demo: started, watched, stopped.
import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT = 30_000;
const STOP_TIMEOUT = 8_000;
const LAST_LINES = 15;

export class Part {
  #child;
  #exited;
  #closed = false;
  #last = [];

  /**
   * `ready` is the address that answers 200 once the part works, or asks whether it does; `onLine` and `onDeath` are told what
   * happens.
   */
  constructor({ name, command, args = [], env = {}, cwd, ready, log, onLine, onDeath }) {
    Object.assign(this, { name, command, args, env, cwd, ready, log, onLine, onDeath });
  }

  get running() {
    return this.#child !== undefined;
  }

  /** How it ends, once it has. */
  get exited() {
    return this.#exited;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** What it said last, for an error message. */
  get lastLines() {
    return this.#last.join('\n');
  }

  async start() {
    if (this.#closed) throw new Error(`${this.name} does not start any more`);
    // A process group of its own: Ctrl-C in the terminal reaches the runner only, which then stops the parts in order.
    const child = spawn(this.command, this.args, {
      cwd: this.cwd,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      // Not "exit": what it said last is still on its way then.
      child.once('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with exit code ${code}`));
    });
    this.#exited.then((how) => this.#gone(child, how));
    this.#follow(child);
    await this.#untilReady(child);
  }

  /** Asks it to end, makes it end if it does not, and returns when it has. */
  async stop() {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGTERM');
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Stops it for good: whoever is about to start it, or to start it again, cannot. */
  async close() {
    this.#closed = true;
    await this.stop();
  }

  /** Sends a signal. One that stops the part has done so when this returns: each of its threads notices by itself. */
  signal(name) {
    this.#child?.kill(name);
    if (name === 'SIGSTOP' && process.platform === 'linux') standsStill(this.#child.pid);
  }

  #follow(child) {
    const log = createWriteStream(this.log, { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) {
      readline.createInterface({ input: stream }).on('line', (line) => {
        this.#last = [...this.#last, line].slice(-LAST_LINES);
        log.write(`${line}\n`);
        this.onLine?.(this.name, line);
      });
    }
    this.#exited.then(() => log.end());
  }

  #gone(child, how) {
    // Asked to end, or replaced already: nothing to tell.
    if (this.#child !== child) return;
    this.#child = undefined;
    this.onDeath?.(this, how);
  }

  async #isReady() {
    return typeof this.ready === 'function' ? this.ready().catch(() => false) : (await status(this.ready)) === 200;
  }

  async #untilReady(child) {
    const deadline = Date.now() + START_TIMEOUT;
    while (this.#child === child) {
      if (await this.#isReady()) return;
      if (Date.now() > deadline) throw new Error(`${this.name} was not ready within ${START_TIMEOUT / 1000} s\n${this.lastLines}`);
      await sleep(50);
    }
    throw new Error(`${this.name} ${await this.#exited}\n${this.lastLines}`);
  }
}

/** The status that an address answers, or nothing. */
export function status(url) {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function standsStill(pid) {
  const tasks = `/proc/${pid}/task`;
  const state = (task) => readFileSync(`${tasks}/${task}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
  const until = performance.now() + 5000;
  while (performance.now() < until) {
    if (readdirSync(tasks).every((task) => state(task) === 'T')) return;
  }
  throw new Error(`process ${pid} does not stand still`);
}
