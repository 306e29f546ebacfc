// The configuration files that are written down twice, or rendered, stay what they claim to be.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { movePorts, portsFrom } from '../../deploy/demo/lib/ports.mjs';

const read = (file) => readFileSync(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
const lines = (text) => text.split('\n');

test('the unix-socket variant differs from the reference in the way to the authorizer only', () => {
  const [tcp, unix] = [lines(read('envoy/envoy.yaml')), lines(read('envoy/envoy-unix.yaml'))];
  assert.equal(tcp.length, unix.length);
  const different = tcp.filter((line, index) => index > 1 && line !== unix[index]).map((line) => line.trim());
  assert.deepEqual(different, [
    'type: STRICT_DNS',
    '- endpoint: { address: { socket_address: { address: portcullis, port_value: 9001 } } }',
  ]);
});

test('the demo filters requests as the reference does', () => {
  const filters = (file) => {
    const text = read(file).replaceAll(/^\s*#.*\n/gm, '');
    return text.slice(text.indexOf('          use_remote_address'), text.indexOf('          route_config'));
  };
  assert.equal(filters('demo/envoy.yaml'), filters('envoy/envoy.yaml'));
});

test('a gateway whose headers are all said to be seen hides none', () => {
  assert.match(read('demo/portcullis.yaml'), /^sees_all_headers: true$/m);
  const settings = (text) => text.split('\n').map((line) => line.replace(/#.*/, '')).join('\n');
  for (const file of ['demo/envoy.yaml', 'envoy/envoy.yaml', 'envoy/envoy-unix.yaml']) {
    assert.doesNotMatch(settings(read(file)), /allowed_headers/, file);
  }
});

test('all ports move together, and nothing else does', () => {
  const ports = portsFrom(20000);
  assert.deepEqual(ports, { gateway: 20000, gatewayAdmin: 20001, provider: 20100, petstore: 20200, portal: 20300, checks: 19001, admin: 19002 });
  for (const file of ['demo/envoy.yaml', 'demo/portcullis.yaml', 'demo/resources/portal.yaml', 'demo/resources/api.yaml']) {
    const source = read(file);
    assert.equal(movePorts(source, portsFrom(10000)), source);
    const moved = movePorts(source, ports);
    assert.doesNotMatch(moved, /\b(1000[01]|10[123]00|900[12])\b/, file);
    assert.equal(movePorts(moved, ports), moved, file);
  }
});

test('a port that leaves no room is refused', () => {
  for (const base of [Number.NaN, 80, 65500]) assert.throws(() => portsFrom(base), /PORTCULLIS_DEMO_PORT/);
});

test('the client secret ends in a newline, as the guide makes it', () => {
  const [, secret] = /client_secret: (\S+=)/.exec(read('demo/resources/portal.yaml'));
  assert.equal(Buffer.from(secret, 'base64').toString(), 'demo-secret-of-the-petstore-client\n');
});
