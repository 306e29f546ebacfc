// `make capture`: sends every shape through real Envoy and keeps what it asks the authorizer, byte for byte.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Part } from '../../../deploy/demo/lib/part.mjs';
import { CERTIFICATE, KEY } from '../../../tests/gateway/lib/certificate.mjs';
import { freePorts } from '../../../tests/gateway/lib/ports.mjs';
import { exchange } from '../../../tests/gateway/lib/raw.mjs';
import { Authorizer } from './authorizer.mjs';
import { configuration } from './gateway.mjs';
import { BYTES, kindsIn } from './placeholders.mjs';
import { SHAPES } from './shapes.mjs';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const INPUTS = path.join(REPOSITORY, 'benches/inputs');
const RUN = path.join(REPOSITORY, '.tools/capture');
const WITHIN = 10_000;
const PORTS = ['gateway', 'gatewayAdmin', 'provider', 'petstore', 'portal', 'checks', 'admin'];

const entries = new Map();
rmSync(RUN, { recursive: true, force: true });
mkdirSync(RUN, { recursive: true });
for (const variant of new Set(SHAPES.map(variantOf))) await capture(variant);

for (const file of readdirSync(INPUTS).filter((name) => name.endsWith('.bin'))) {
  if (!entries.has(file.slice(0, -'.bin'.length))) rmSync(path.join(INPUTS, file));
}
const index = { envoy: await version(), placeholders: BYTES, inputs: SHAPES.map(({ name }) => entries.get(name)) };
writeFileSync(path.join(INPUTS, 'index.json'), `${JSON.stringify(index, undefined, 2)}\n`);

/** All shapes of a variant of the gateway. */
async function capture(variant) {
  const found = await freePorts(PORTS.length);
  const ports = Object.fromEntries(PORTS.map((name, at) => [name, found[at]]));
  const file = path.join(RUN, `${variant}.yaml`);
  writeFileSync(file, configuration(variant, ports));
  const authorizer = new Authorizer();
  await authorizer.listen(ports.checks);
  const envoy = new Part({
    name: `envoy (${variant})`,
    command: path.join(REPOSITORY, '.tools/venv/bin/envoy'),
    args: ['--config-path', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
    ready: `http://127.0.0.1:${ports.gatewayAdmin}/ready`,
    log: path.join(RUN, `${variant}.log`),
  });
  process.once('exit', () => envoy.signal('SIGKILL'));
  try {
    await envoy.start();
    for (const shape of SHAPES.filter((each) => variantOf(each) === variant)) keep(shape, await asked(shape, ports.gateway, authorizer));
  } finally {
    await envoy.close();
    authorizer.close();
  }
}

/** What Envoy asks of a shape. */
async function asked(shape, port, authorizer) {
  const message = authorizer.next();
  const sent = shape.lines ? sendLines(shape, port) : send(shape, port);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${shape.name}: Envoy did not ask`)), WITHIN);
  });
  try {
    return await Promise.race([message, late]);
  } finally {
    clearTimeout(timer);
    await sent;
  }
}

function send(shape, port) {
  const secure = variantOf(shape) === 'mtls';
  const tls = secure ? { ca: CERTIFICATE, cert: CERTIFICATE, key: KEY, servername: 'localhost' } : {};
  const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, tls);
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const pseudo = { ':method': shape.method ?? 'GET', ':scheme': secure ? 'https' : 'http', ':authority': shape.host, ':path': shape.path };
    const stream = session.request({ ...pseudo, ...shape.headers });
    stream.setTimeout(WITHIN, () => stream.destroy());
    stream.on('error', reject);
    stream.on('close', resolve);
    stream.resume();
    stream.end(shape.body);
  }).finally(() => session.destroy());
}

function sendLines(shape, port) {
  const lines = [`GET ${shape.path} HTTP/1.1`, `host: ${shape.host}`, ...shape.lines, '', ''];
  return exchange(port, Buffer.from(lines.join('\r\n'), 'latin1'), { within: WITHIN });
}

function keep(shape, message) {
  const { name, what, host, path: asked, method = 'GET' } = shape;
  writeFileSync(path.join(INPUTS, `${name}.bin`), message);
  entries.set(name, { name, what, gateway: variantOf(shape), method, host, path: asked, bytes: message.length, placeholders: kindsIn(message) });
  console.log(`${name}: ${message.length} bytes`);
}

function variantOf({ variant = 'shipped' }) {
  return variant;
}

async function version() {
  const { execFileSync } = await import('node:child_process');
  const text = execFileSync(path.join(REPOSITORY, '.tools/venv/bin/envoy'), ['--version'], { encoding: 'utf8' });
  return /\/(\d+\.\d+\.\d+)\//.exec(text)?.[1] ?? text.trim();
}
