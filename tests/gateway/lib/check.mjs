// A check as Envoy asks it, straight to the service's own port.
import http2 from 'node:http2';

export const CHECK = '/envoy.service.auth.v3.Authorization/Check';

export const FIELDS = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': CHECK,
  ':authority': 'portcullis',
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** A `CheckRequest` for a GET that nobody may make, in its gRPC frame. */
export function message({ host = 'api.petstore.localhost', path = '/api/pets', headers = {} } = {}) {
  const pairs = Object.entries(headers).map(([name, value]) => field(3, Buffer.concat([field(1, name), field(2, value)])));
  // AttributeContext.HttpRequest (method, headers, path, host) within Request, AttributeContext, CheckRequest.
  const request = Buffer.concat([field(2, 'GET'), ...pairs, field(4, path), field(5, host)]);
  return framed(field(1, field(4, field(2, request))));
}

/** A message with its length before it, as gRPC sends it. */
export function framed(bytes, compressed = false) {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A client's connection, which fails no test by ending. */
export function connect(port, scheme = 'http') {
  const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => {});
  return session;
}

/** One check: the gRPC status, and the HTTP status that the client would be refused with; `granted` where it would pass. */
export function check(session, { body = message(), fields = {}, path = CHECK } = {}) {
  return new Promise((resolve) => {
    const stream = session.request({ ...FIELDS, ':path': path, ...fields });
    let status;
    const chunks = [];
    stream.on('response', (head) => (status = head['grpc-status']));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', (error) => resolve({ error: error.code }));
    stream.on('close', () => resolve({ grpc: status, body: Buffer.concat(chunks), reason: /"reason":"(\w+)"/.exec(Buffer.concat(chunks).toString('latin1'))?.[1] }));
    stream.end(body);
  });
}

function field(number, value) {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value) {
  const bytes = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
