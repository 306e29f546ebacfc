// Floods on the service's own port: whoever sends them, the checks of everybody else go on, and memory does not grow.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { until } from '../guide/lib/wait.mjs';
import { CERTIFICATE, KEY } from './lib/certificate.mjs';
import { FIELDS, check, connect, framed, message } from './lib/check.mjs';
import { Connection, FLAG, TYPE, block, frame, headers, number, reset } from './lib/h2.mjs';
import { freePorts } from './lib/ports.mjs';
import { exchange } from './lib/raw.mjs';
import { World } from './lib/world.mjs';

/** Frames of a flood, and in how many writes they come. */
const FLOOD = 100_000;
const WRITES = 50;
/** Asked for behind a flood: who answers this has read all of it. */
const MARK = Buffer.from('the last');
/** What a flood may leave in memory, in KiB: buffers that are kept, not what was sent. */
const MAY_GROW = 32 * 1024;

let world;
let innocent;

before(async () => {
  world = await World.prepare('wire');
  await world.start('provider', 'portcullis');
  innocent = connect(world.ports.checks);
});

after(async () => {
  innocent?.destroy();
  await world?.stop();
});

async function goesOn(session = innocent) {
  assert.equal((await check(session)).reason, 'no_credentials');
}

test('rapid reset: 25 requests taken back in one write harm no check, on this connection or another', async () => {
  const connection = await Connection.open(world.ports.checks);
  const running = Array.from({ length: 20 }, () => check(innocent));
  const answered = 1;
  let stream = answered;
  for (let burst = 0; burst < 40; burst += 1) {
    const frames = burst === 0 ? [headers(answered, FIELDS)] : [];
    for (let index = 0; index < 25; index += 1) {
      stream += 2;
      frames.push(headers(stream, FIELDS), reset(stream));
    }
    await connection.write(Buffer.concat(frames));
    await goesOn();
  }
  for (const answer of await Promise.all(running)) assert.equal(answer.reason, 'no_credentials');
  await connection.write(frame(TYPE.data, FLAG.endStream, answered, message()));
  await until('an answer on the connection itself', () => connection.frames.some((each) => each.stream === answered && each.type === TYPE.data && each.payload.includes('no_credentials')));
  assert.ok(!connection.ended);
  connection.close();
});

const headersOpen = (stream) => headers(stream, FIELDS, 0);

/** What comes first, what is sent over and over, and whether the connection must not outlive it. */
const FLOODS = {
  'CONTINUATION frames without an end': {
    first: headersOpen(1),
    again: frame(TYPE.continuation, 0, 1, block({ 'x-large': 'a'.repeat(1000) })),
    frames: 20_000,
    closes: true,
  },
  'empty CONTINUATION frames': { first: headersOpen(1), again: frame(TYPE.continuation, 0, 1), closes: true },
  'empty DATA frames': { first: headers(1, FIELDS), again: frame(TYPE.data, 0, 1) },
  'empty DATA frames with padding': { first: headers(1, FIELDS), again: frame(TYPE.data, 8, 1, Buffer.alloc(1)) },
  'PING frames': { again: frame(TYPE.ping, 0, 0, Buffer.alloc(8)) },
  'SETTINGS frames': { again: frame(TYPE.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), number(65_535)])) },
  'WINDOW_UPDATE frames': { again: frame(TYPE.windowUpdate, 0, 0, number(1)) },
  'WINDOW_UPDATE frames beyond all windows': { again: frame(TYPE.windowUpdate, 0, 0, number(0x7fffffff)), closes: true },
  'frames of a type that nobody knows': { again: frame(0x99, 0, 0, Buffer.alloc(8)) },
  'resets of streams that never were': { again: reset(1), closes: true },
};

for (const [what, { first = Buffer.alloc(0), again, frames = FLOOD, closes = false }] of Object.entries(FLOODS)) {
  test(`O09: a flood of ${what}: closed or borne, memory flat, other connections go on`, async () => {
    const before = memory();
    const connection = await Connection.open(world.ports.checks);
    // Answers to the flood are not read by everybody who floods.
    connection.socket.pause();
    await connection.write(first);
    const many = Buffer.concat(Array.from({ length: frames / WRITES }, () => again));
    for (let turn = 0; turn < WRITES; turn += 1) {
      connection.socket.write(many);
      if (turn % 10 === 0) await goesOn();
    }
    connection.socket.resume();
    await connection.write(frame(TYPE.ping, 0, 0, MARK));
    await until('the end of the flood', () => connection.ended || connection.frames.some(({ type, payload }) => type === TYPE.ping && payload.equals(MARK)));
    await goesOn();
    if (closes) await until('the end of the connection', () => connection.ended);
    const grown = memory() - before;
    assert.ok(grown < MAY_GROW, `memory grew by ${grown} KiB`);
    connection.close();
    await goesOn();
  });
}

test('O07: 5000 requests begun on one connection: the limit that is announced holds, and others go on', async () => {
  const connection = await Connection.open(world.ports.checks);
  const limit = await until('the settings', () => announced(connection, 3));
  assert.ok(limit > 100 && limit < 5000, `${limit} streams`);
  const before = memory();
  for (let start = 0; start < 5000; start += 100) {
    await connection.write(Buffer.concat(Array.from({ length: 100 }, (_, index) => headers(2 * (start + index) + 1, FIELDS))));
  }
  await until('refusals beyond the limit', () => connection.ended || refused(connection) >= 5000 - limit);
  await goesOn();
  assert.ok(memory() - before < 2 * MAY_GROW, `memory grew by ${memory() - before} KiB`);
  connection.close();
  await goesOn();
});

test('O06: a message compressed a thousandfold is refused, unread', async () => {
  const before = memory();
  const bomb = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  for (let turn = 0; turn < 5; turn += 1) {
    const { grpc, body } = await check(innocent, { body: framed(bomb, true), fields: { 'grpc-encoding': 'gzip' } });
    assert.notEqual(grpc ?? 'none', '0');
    assert.equal(body.length, 0);
  }
  assert.ok(memory() - before < MAY_GROW, `memory grew by ${memory() - before} KiB`);
  await goesOn();
});

test('O06: a message that says it is larger than any is refused before it has come', async () => {
  const head = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
  const before = memory();
  for (let turn = 0; turn < 20; turn += 1) {
    const { grpc } = await check(innocent, { body: Buffer.concat([head, Buffer.alloc(1000)]) });
    assert.notEqual(grpc ?? 'none', '0');
  }
  assert.ok(memory() - before < MAY_GROW);
  await goesOn();
});

test('O17: metrics, admin, reflection and profiles are not on the port of the checks', async () => {
  for (const location of ['/metrics', '/livez', '/readyz', '/debug/pprof/', '/', '/.auth/userinfo']) {
    const { text } = await exchange(world.ports.checks, `GET ${location} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, { within: 1000 });
    assert.doesNotMatch(text, /portcullis_|HTTP\/1\.1 200/, location);
    const answer = await check(innocent, { path: location, body: Buffer.alloc(0) });
    assert.notEqual(answer.grpc, '0', location);
    assert.doesNotMatch(answer.body.toString('latin1'), /portcullis_/);
  }
  for (const service of ['grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', 'grpc.channelz.v1.Channelz/GetServers']) {
    // UNIMPLEMENTED
    assert.equal((await check(innocent, { path: `/${service}`, body: framed(Buffer.alloc(0)) })).grpc, '12', service);
  }
});

test('O11: with every file descriptor taken, the service lives, and answers again once they are free', async () => {
  const limited = await limitedInstance(96);
  try {
    const early = connect(limited.checks);
    await goesOn(early);
    // No more than the kernel queues beside them: a connection that is not even queued is tried for two minutes.
    const sockets = await hold(limited.checks, 180);
    // Whoever was there already is not affected.
    await goesOn(early);
    assert.ok(limited.running(), 'it ended');
    assert.ok((await busy(limited.pid)) < 0.5, 'it turns in circles while it waits');
    for (const socket of sockets) socket.destroy();
    await until('a check on a new connection', async () => {
      const late = connect(limited.checks);
      const { reason } = await Promise.race([check(late), new Promise((resolve) => setTimeout(resolve, 1000, {}))]);
      late.destroy();
      return reason === 'no_credentials';
    });
    early.destroy();
  } finally {
    limited.stop();
  }
});

test('O11: ten thousand TLS handshakes left half-way: the accept loop survives, and memory stays', async () => {
  const limited = await limitedInstance(4096, certificate());
  try {
    const hello = Buffer.from('16030100050100000100', 'hex');
    const before = memory(limited.pid);
    for (let turn = 0; turn < 100; turn += 1) {
      const sockets = await hold(limited.checks, 100, hello);
      assert.ok(limited.running());
      for (const socket of sockets) socket.destroy();
    }
    await until('memory given back', () => memory(limited.pid) - before < 2 * MAY_GROW, { within: 15_000 });
    const client = connect(limited.checks, 'https');
    await goesOn(client);
    client.destroy();
  } finally {
    limited.stop();
  }
});

/** Connections that stay open and say `bytes`, or nothing. */
async function hold(port, count, bytes) {
  const sockets = Array.from({ length: count }, () => net.connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => {
    socket.on('error', resolve);
    socket.once('connect', () => (bytes ? socket.write(bytes, resolve) : resolve()));
  })));
  return sockets;
}

/** An instance of its own, with a limit on its file descriptors. */
async function limitedInstance(descriptors, tls = '') {
  const [checks, admin] = await freePorts(2);
  const name = `limited-${checks}.yaml`;
  const settings = readFileSync(world.file('portcullis.yaml'), 'utf8').replace(/^listen: .*$/m, `listen: { grpc: 127.0.0.1:${checks}, admin: 127.0.0.1:${admin}${tls} }`);
  world.write(name, settings);
  const command = `ulimit -n ${descriptors}; exec "$0" serve --config "$1"`;
  const child = spawn('sh', ['-c', command, world.demo.portcullis, world.file(name)], { stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  await until('the limited instance', async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).status === 200);
  return { checks, pid: child.pid, running: () => child.exitCode === null && child.signalCode === null, stop: () => child.kill('SIGKILL') };
}

/** TLS for a listener, as settings. */
function certificate() {
  world.write('tls.key', KEY);
  world.write('tls.crt', CERTIFICATE);
  return ', tls: { cert_file: tls.crt, key_file: tls.key }';
}

/** The share of one processor that a process takes during a second. */
async function busy(pid) {
  // Ticks of user and system time, a hundred a second (proc_pid_stat(5)).
  const ticks = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((sum, each) => sum + Number(each), 0);
  const before = ticks();
  await pause(1000);
  return (ticks() - before) / 100;
}

/** Resident memory in KiB. */
function memory(pid = world.service.pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

function announced(connection, setting) {
  for (const { type, flags, payload } of connection.frames) {
    if (type !== TYPE.settings || flags & FLAG.ack) continue;
    for (let at = 0; at + 6 <= payload.length; at += 6) if (payload.readUInt16BE(at) === setting) return payload.readUInt32BE(at + 2);
  }
  return undefined;
}

function refused(connection) {
  return connection.frames.filter(({ type }) => type === TYPE.reset).length;
}
