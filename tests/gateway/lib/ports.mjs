// Ports that nobody listens on, below those that the system gives to outgoing connections: such a one could be taken
// between being found here and being listened on there.
import net from 'node:net';

const LOWEST = 11_000;
const HIGHEST = 30_000;
const given = new Set();

/** As many free ports of loopback as asked for, each one only once in this process. */
export async function freePorts(count) {
  const ports = [];
  while (ports.length < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
