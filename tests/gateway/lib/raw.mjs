// HTTP/1.1 by hand: bytes that no client library would send.
import net from 'node:net';

/** Sends `bytes` on a connection of its own; the status of each answer until the other side closes or is silent. */
export async function exchange(port, bytes, { within = 5000 } = {}) {
  const text = await talk(port, bytes, { within });
  return { text, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0) };
}

/** What comes back on a connection that `bytes` were written to, until its end. */
export function talk(port, bytes, { within = 5000 } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(within, () => socket.destroy());
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    // However it ends: what came is what counts.
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** A GET as bytes; `headers` are lines as they are. The connection ends with its answer. */
export function get(host, target, headers = []) {
  const head = ['GET ', target, ' HTTP/1.1\r\nhost: ', host, '\r\nconnection: close\r\n'];
  return Buffer.concat([...head, ...headers.flatMap((line) => [line, '\r\n']), '\r\n'].map((part) => Buffer.from(part, 'latin1')));
}
