// HTTP/2 frame by frame (RFC 9113): what no client library would send, in one write.
import net from 'node:net';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 };
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 };

const CANCEL = 8;

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A HEADERS frame; every field is a literal that is not indexed and not Huffman-coded (RFC 7541 §6.2.2). */
export function headers(stream, fields, flags = FLAG.endHeaders) {
  return frame(TYPE.headers, flags, stream, block(fields));
}

export function block(fields) {
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export function reset(stream) {
  return frame(TYPE.reset, 0, stream, number(CANCEL));
}

export function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A string with its length, at most 16 KiB (RFC 7541 §5.1, §5.2). */
function text(value) {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  const length = rest < 128 ? [127, rest] : [127, 128 | (rest & 127), rest >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** A connection that has said hello. */
export class Connection {
  /** Frames that came, as `{type, flags, stream, payload}`. */
  frames = [];
  closed = false;
  #buffer = Buffer.alloc(0);

  static open(port, settings = Buffer.alloc(0)) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1');
      const connection = new Connection(socket);
      socket.once('connect', () => {
        socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0, settings)]));
        resolve(connection);
      });
      socket.once('error', reject);
    });
  }

  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#read(data));
    // A reset by the other side is an end like any other.
    socket.on('error', () => {});
    socket.on('close', () => (this.closed = true));
  }

  /** Writes; resolves once the bytes are with the system, or at once where the connection has ended. */
  write(bytes) {
    if (this.closed || this.socket.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const lost = () => resolve(false);
      this.socket.once('close', lost);
      this.socket.write(bytes, (error) => {
        this.socket.off('close', lost);
        resolve(!error);
      });
    });
  }

  /** Whether the other side has said goodbye, or is gone. */
  get ended() {
    return this.closed || this.frames.some(({ type }) => type === TYPE.goaway);
  }

  close() {
    this.socket.destroy();
  }

  #read(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    while (this.#buffer.length >= 9) {
      const length = this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < 9 + length) return;
      const [type, flags] = [this.#buffer[3], this.#buffer[4]];
      this.frames.push({ type, flags, stream: this.#buffer.readUInt32BE(5) & 0x7fffffff, payload: this.#buffer.subarray(9, 9 + length) });
      this.#buffer = this.#buffer.subarray(9 + length);
    }
  }
}
