// The upstream that the gateway guards. It counts what reaches it: the one place where a leak shows.
//
// A request says in its own query whether it may arrive: `?may=yes` or `?may=no`.
import http from 'node:http';

export class Upstream {
  /** Every request that arrived, in order. */
  seen = [];
  #server;

  /** `answer(request, response)` may take over from the plain `200 ok`. */
  constructor(answer = (_request, response) => response.end('ok')) {
    // Whatever the gateway lets through is to be seen here, not refused.
    this.#server = http.createServer({ maxHeaderSize: 16 << 20, insecureHTTPParser: true }, (request, response) => {
      this.#record(request);
      request.resume();
      answer(request, response);
    });
    this.#server.on('upgrade', (request, socket) => {
      this.#record(request);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  listen(port) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  /** Requests that should not have arrived, and those that arrived with an identity that is not one line of ours. */
  leaks() {
    return this.seen.filter(({ url, identity }) => !url.includes('may=yes') || identity.length !== 1);
  }

  forget() {
    this.seen = [];
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #record({ method, url, rawHeaders }) {
    const lines = [];
    for (let index = 0; index < rawHeaders.length; index += 2) lines.push([rawHeaders[index].toLowerCase(), rawHeaders[index + 1]]);
    const all = (name) => lines.filter(([own]) => own === name).map(([, value]) => value);
    this.seen.push({ method, url, all, identity: all('x-user-id') });
  }
}
