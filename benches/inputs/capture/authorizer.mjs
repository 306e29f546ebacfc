// An authorizer that keeps the bytes of every check as Envoy sent them, and lets nobody pass.
import http2 from 'node:http2';

import { CHECK, framed } from '../../../tests/gateway/lib/check.mjs';

/** `HealthCheckResponse { status: SERVING }` */
const SERVING = framed(Buffer.from([0x08, 0x01]));
/** `CheckResponse { status: { code: PERMISSION_DENIED } }`: there is no upstream to pass to. */
const DENIED = framed(Buffer.from([0x0a, 0x02, 0x08, 0x07]));
const FRAME_HEAD = 5;

export class Authorizer {
  #waiting = [];
  #server = http2.createServer();
  #sessions = new Set();

  listen(port) {
    this.#server.on('session', (session) => this.#sessions.add(session));
    this.#server.on('stream', (stream, headers) => this.#answer(stream, headers[':path'] === CHECK));
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  /** The message of the next check. */
  next() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #answer(stream, check) {
    const chunks = [];
    stream.on('error', () => {});
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      if (check) this.#waiting.shift()?.(Buffer.concat(chunks).subarray(FRAME_HEAD));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(check ? DENIED : SERVING);
    });
  }

  close() {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }
}
