// The demo with Redis (PORTCULLIS_DEMO_REDIS=1): sessions in it, and two replicas of the service behind the gateway.
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/** Whether the environment asks for it. */
export const WANTED = process.env.PORTCULLIS_DEMO_REDIS === '1';

/** Settings of both replicas, and the gateway that asks them in turn, from the files of one. */
export function twoReplicas(run, { checks, admin, redis, secondChecks, secondAdmin }) {
  const file = (name) => path.join(run, name);
  const settings = replaced(readFileSync(file('portcullis.yaml'), 'utf8'), 'session: { keys_file: session.keys }',
    `session: { store: redis, keys_file: session.keys, redis: { url: "redis://127.0.0.1:${redis}" } }`);
  writeFileSync(file('portcullis.yaml'), settings);
  writeFileSync(file('second.yaml'), replaced(replaced(settings, `:${checks}`, `:${secondChecks}`), `:${admin}`, `:${secondAdmin}`));
  const endpoint = (port) => `        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }\n`;
  const gateway = readFileSync(file('envoy.yaml'), 'utf8');
  writeFileSync(file('envoy.yaml'), replaced(gateway, endpoint(checks), endpoint(checks) + endpoint(secondChecks)));
}

/** Whether a Redis answers at this port of loopback. */
export function answersPing(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(false));
  });
}

function replaced(text, from, to) {
  if (!text.includes(from)) throw new Error(`nothing to replace: ${from}`);
  return text.replace(from, to);
}
