// The path that was judged is the path that is served, whatever Envoy is set to do with it: hostile raw targets by each
// combination of its settings, sent by somebody who may call product `a` below `/a`, and not `b` below `/b`.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { freePorts } from './lib/ports.mjs';
import { PLAIN, hostileTargets, isWithin, readings } from './lib/paths.mjs';
import { exchange, get } from './lib/raw.mjs';
import { reference, replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const AT_ONCE = 8;
const ESCAPED = ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD'];

const RESOURCES = `
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: { name: a, namespace: default }
spec: { versions: [{ name: v1 }] }
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: { name: b, namespace: default }
spec: { versions: [{ name: v1 }] }
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: { name: dev, namespace: default }
spec:
  domains: [api.petstore.localhost]
  apiProducts:
  - { names: [a], basePath: /a }
  - { names: [b], basePath: /b }
`;

let world;
let upstream;
let token;
const combinations = [true, false].flatMap((normalize) => [true, false].flatMap((merge) => ESCAPED.map((escaped) => ({ normalize, merge, escaped }))));

before(async () => {
  world = await World.prepare('paths');
  world.write('resources/api.yaml', RESOURCES);
  world.edit('resources/group.yaml', (text) => replaced(text, 'petstore-product', 'a'));
  upstream = await rawUpstream();
  const ports = await freePorts(combinations.length);
  combinations.forEach((combination, index) => Object.assign(combination, { port: ports[index] }));
  const [gatewayAdmin] = await freePorts(1);
  const text = reference({ ...world.ports, petstore: upstream.port, gatewayAdmin }, [world.ports.checks]);
  await world.start('provider', 'portcullis');
  await world.envoy('many', withListeners(text), gatewayAdmin).start();
  token = await world.token();
});

after(async () => {
  upstream?.server.close();
  await world?.stop();
});

test('L39: what reaches the upstream is a path of the product that was granted, by every reading and by every setting of Envoy', async () => {
  const targets = [...PLAIN, ...hostileTargets()];
  const counter = [];
  let sent = 0;
  let arrived = 0;
  for (const { port, ...settings } of combinations) {
    upstream.seen.length = 0;
    const left = [...targets];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let target = left.pop(); target !== undefined; target = left.pop()) {
        await exchange(port, get('api.petstore.localhost', target, [`authorization: Bearer ${token}`]));
        sent += 1;
      }
    }));
    arrived += upstream.seen.length;
    assert.ok(upstream.seen.length >= PLAIN.length, `only ${upstream.seen.length} arrived with ${JSON.stringify(settings)}`);
    for (const { target, product } of upstream.seen) {
      const outside = readings(target).filter((path) => !isWithin(path, '/a'));
      if (outside.length > 0 || product !== 'a.default') counter.push({ ...settings, target, product, outside });
    }
  }
  console.log(`${combinations.length} combinations, ${targets.length} targets each: ${sent} sent, ${arrived} arrived, ${counter.length} counter-examples`);
  assert.deepEqual([...new Set(counter.map(({ target }) => target))], []);
});

test('the readings are as strict as they should be', () => {
  for (const target of ['/a/../b', '/a/..%2fb', '/a/%252e%252e/b', '/a\\..\\b', '/a/..;x/b', '/a/%2e%2e%5cb', '/a/..%00/../../b', '/ab', '//b', '/a/%c0%ae%c0%ae/b']) {
    assert.ok(readings(target).some((path) => !isWithin(path, '/a')), target);
  }
  for (const target of PLAIN) assert.ok(readings(target).every((path) => isWithin(path, '/a')), target);
});

/** The one listener of a configuration, once for each combination. */
function withListeners(text) {
  const [start, end] = [text.indexOf('  - name: https\n'), text.indexOf('  clusters:\n')];
  const one = text.slice(start, end);
  const listeners = combinations.map(({ normalize, merge, escaped, port }) => {
    let listener = replaced(one, `port_value: ${world.ports.gateway} `, `port_value: ${port} `);
    listener = replaced(listener, 'name: https', `name: at-${port}`);
    listener = replaced(listener, 'normalize_path: true', `normalize_path: ${normalize}`);
    listener = replaced(listener, 'merge_slashes: true', `merge_slashes: ${merge}`);
    return replaced(listener, 'path_with_escaped_slashes_action: REJECT_REQUEST', `path_with_escaped_slashes_action: ${escaped}`);
  });
  return text.slice(0, start) + listeners.join('') + text.slice(end);
}

/** An upstream that reads the request line as it is: a real server's parser might refuse what is to be seen. */
function rawUpstream() {
  const seen = [];
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        seen.push({ target: head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/1.1')), product: /^x-portcullis-product: (.*)$/m.exec(head)?.[1].trim() });
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, seen, port: server.address().port }));
  });
}
