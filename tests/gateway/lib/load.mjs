// Steady traffic through the gateway: callers with and without the right to get in, on connections that stay open.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const TIMEOUT = 10_000;

export class Load {
  /** Answers by `kind status`, such as `granted 200`. */
  answers = new Map();
  #agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  #running = true;
  #work = [];

  /**
   * `kinds`: `{granted: {headers, may}, …}`; each kind asks `perSecond` times a second, one request after another on each of
   * `lanes`, so that a gateway that hangs is not buried. `onAnswer(kind, answer)` may look at each.
   */
  constructor({ port, host, kinds, perSecond = 100, lanes = 4, onAnswer }) {
    Object.assign(this, { port, host, onAnswer });
    for (const [kind, { headers, may = false, path = '/api/pets' }] of Object.entries(kinds)) {
      const target = `${path}${path.includes('?') ? '&' : '?'}may=${may ? 'yes' : 'no'}`;
      for (let lane = 0; lane < lanes; lane += 1) this.#work.push(this.#ask(kind, target, headers, (1000 * lanes) / perSecond));
    }
  }

  /** How many answers so far, of all kinds or of those that fit. */
  count(fits = () => true) {
    return [...this.answers].filter(([key]) => fits(key)).reduce((sum, [, count]) => sum + count, 0);
  }

  /** Ends it, and returns what was answered how often. */
  async stop() {
    this.#running = false;
    await Promise.all(this.#work);
    this.#agent.destroy();
    return Object.fromEntries([...this.answers].sort());
  }

  async #ask(kind, path, headers, every) {
    while (this.#running) {
      const started = performance.now();
      const answer = await this.#once(path, headers);
      const key = `${kind} ${answer.status}`;
      this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
      this.onAnswer?.(kind, answer);
      await sleep(Math.max(0, every - (performance.now() - started)));
    }
  }

  #once(path, headers) {
    return new Promise((resolve) => {
      const options = { host: '127.0.0.1', port: this.port, path, headers: { host: this.host, ...headers }, agent: this.#agent, timeout: TIMEOUT };
      const request = http.get(options, (response) => {
        let body = '';
        response.on('data', (data) => (body += data));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
        response.on('error', (error) => resolve({ status: error.code }));
      });
      request.on('timeout', () => request.destroy(new Error('timeout')));
      request.on('error', (error) => resolve({ status: error.code ?? error.message }));
    });
  }
}
