// The way of one replica to the provider: an HTTP proxy (`provider.proxy`) that counts what is asked of the token endpoint, and
// can keep an answer back.
import http from 'node:http';

export class Door {
  /** Refreshes that were asked for, in order: when, whether the provider has heard of them, and whether the replica has the answer. */
  refreshes = [];
  /** Whatever went to the token endpoint and back that nobody else may read. */
  secrets = new Set();
  #server;
  #hold;

  static async open(port) {
    const door = new Door();
    door.port = port;
    door.#server = http.createServer((request, response) => door.#pass(request, response).catch(() => response.destroy()));
    await new Promise((resolve, reject) => door.#server.once('error', reject).listen(port, '127.0.0.1', resolve));
    return door;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  forget() {
    this.refreshes = [];
  }

  /**
   * The next refresh is held: `before` the provider hears of it, or `after` it has answered. `reached` says that it is;
   * `release` lets it go on.
   */
  hold(when) {
    const held = { when };
    held.reached = new Promise((resolve) => (held.reach = resolve));
    held.released = new Promise((resolve) => (held.release = resolve));
    this.#hold = held;
    return held;
  }

  async #pass(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url, `http://${request.headers.host}`);
    const refresh = url.pathname.endsWith('/token') && /grant_type=refresh_token/.test(body);
    const held = refresh ? this.#hold : undefined;
    const entry = { at: performance.now(), heard: false };
    if (refresh) this.refreshes.push(entry);
    if (held) this.#hold = undefined;
    if (held?.when === 'before') await this.#wait(held);
    // Who asked may be dead by now.
    if (request.socket.destroyed) return;
    entry.heard = true;
    const answer = await forward(url, request, body);
    if (url.pathname.endsWith('/token')) this.#remember(body, answer.body);
    if (held?.when === 'after') await this.#wait(held);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
    entry.answered = true;
  }

  #remember(asked, answered) {
    const form = new URLSearchParams(asked.toString());
    const tokens = JSON.parse(answered.toString());
    for (const name of ['code', 'code_verifier', 'refresh_token']) this.secrets.add(form.get(name));
    for (const name of ['access_token', 'refresh_token', 'id_token']) this.secrets.add(tokens[name]);
    for (const empty of [null, undefined]) this.secrets.delete(empty);
  }

  #wait(held) {
    held.reach();
    return held.released;
  }
}

/** To the provider, which is on loopback whatever its name. */
function forward({ port, pathname, search }, { method, headers }, body) {
  const { connection, 'proxy-connection': _, ...kept } = headers;
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: pathname + search, method, headers: kept, agent: false }, async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      const { 'transfer-encoding': __, connection: ___, ...sent } = response.headers;
      resolve({ status: response.statusCode, headers: sent, body: Buffer.concat(chunks) });
    });
    request.on('error', reject);
    request.end(body);
  });
}
