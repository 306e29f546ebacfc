// HTTP/1.1 by hand: bytes that no client library would send.
import net from 'node:net';

/** Sends `bytes` on a connection of its own, and returns the answer as text, with its status; 0 where there is none. */
export function exchange(port, bytes, { within = 5000 } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(within, () => socket.destroy());
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (data) => {
      text += data.toString('latin1');
      // Envoy keeps a connection for a second after an error of the client's.
      if (isWhole(text)) socket.destroy();
    });
    // However it ends: what came is what counts.
    socket.on('error', () => {});
    socket.on('close', () => resolve({ text, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0) }));
  });
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n');
  const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, end + 2))?.[1];
  return end >= 0 && length !== undefined && text.length >= end + 4 + Number(length);
}

/** A GET as bytes; `headers` are lines as they are. The connection ends with its answer. */
export function get(host, target, headers = []) {
  const head = ['GET ', target, ' HTTP/1.1\r\nhost: ', host, '\r\nconnection: close\r\n'];
  return Buffer.concat([...head, ...headers.flatMap((line) => [line, '\r\n']), '\r\n'].map((part) => Buffer.from(part, 'latin1')));
}
