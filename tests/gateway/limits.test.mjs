// Limits of usage plans, through real Envoy: what a client is told, and what goes on to a rate limit service of the gateway
// (deploy/envoy/rate-limit.yaml).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';

import { framed } from './lib/check.mjs';
import { freePorts } from './lib/ports.mjs';
import { exchange, get } from './lib/raw.mjs';
import { replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const SHIPPED = readFileSync(new URL('../../deploy/envoy/rate-limit.yaml', import.meta.url), 'utf8');
const PLAN = `
  parameters:
    usagePlans:
      gold: { rateLimit: { requestsPerUnit: 5, unit: DAY }, authPolicy: { oauth: {} } }`;
/** What stands in for a rate limit service lets so many pass. */
const BESIDE = 3;

let world;
let token;
let service;
let limitedBeside;

before(async () => {
  world = await World.prepare('limits');
  world.edit('resources/api.yaml', (text) => {
    const planned = replaced(text, 'spec:\n  displayInfo: { title: Petstore Product', 'spec:\n  usagePlans: [gold]\n  displayInfo: { title: Petstore Product');
    return replaced(planned, '  displayInfo: { displayName: Development', `${PLAN.slice(1)}\n  displayInfo: { displayName: Development`);
  });
  world.edit('portcullis.yaml', (text) => `${text}limits: { headers: true }\n`);
  await world.start('provider', 'portcullis', 'envoy');
  token = await world.token();
  service = new RateLimitService();
  const [gateway, gatewayAdmin, limits] = await freePorts(3);
  limitedBeside = gateway;
  await service.listen(limits);
  let text = replaced(SHIPPED, 'port_value: 9901', `port_value: ${gatewayAdmin}`);
  text = replaced(text, 'address: 127.0.0.1, port_value: 8080', `address: 127.0.0.1, port_value: ${gateway}`);
  text = replaced(replaced(text, 'api.example.com', 'api.petstore.localhost'), 'STRICT_DNS', 'STATIC');
  // A machine that is busy with other tests takes its time.
  text = replaced(text, 'timeout: 0.05s', 'timeout: 5s');
  for (const [name, port] of [['portcullis, port_value: 9001', world.ports.checks], ['ratelimit, port_value: 8081', limits], ['petstore, port_value: 8080', world.ports.petstore]]) {
    text = replaced(text, `address: ${name}`, `address: 127.0.0.1, port_value: ${port}`);
  }
  await world.envoy('rate-limit', text, gatewayAdmin).start();
});

after(async () => {
  service?.close();
  await world?.stop();
});

function ask(port, lines = []) {
  // A refusal of the filter has no length, and ends with its connection.
  return exchange(port, get('api.petstore.localhost', '/api/pets', [`authorization: Bearer ${token}`, ...lines]), { within: 2000 });
}

function field(answer, name) {
  return new RegExp(`^${name}: (.*)\\r$`, 'im').exec(answer.text)?.[1];
}

test('the gateway hands plan, limit and caller on to its rate limit service, whose refusal reaches the client', async () => {
  const statuses = [];
  for (let turn = 0; turn < BESIDE; turn += 1) statuses.push((await ask(limitedBeside)).status);
  assert.deepEqual(statuses, Array(BESIDE).fill(200));
  const refused = await ask(limitedBeside);
  assert.equal(refused.status, 429, refused.text);
  assert.equal(field(refused, 'x-envoy-ratelimited'), 'true');
  assert.equal(service.seen.length, BESIDE + 1);
  for (const request of service.seen) {
    assert.equal(request.domain, 'portcullis');
    const [descriptor, ...others] = request.descriptors;
    assert.deepEqual(others, []);
    const { issuer, subject, ...rest } = descriptor.entries;
    assert.deepEqual(rest, { environment: 'dev.default', product: 'petstore-product.default', plan: 'gold' });
    assert.ok(issuer.startsWith('http') && subject.length > 0, `${issuer} ${subject}`);
    // envoy.type.v3.RateLimitUnit: DAY is 4.
    assert.deepEqual(descriptor.limit, { requests: 5, unit: 4 });
  }
});

test('a limit of our own is a 429 with retry-after, and the client is told what is left', async () => {
  // The other gateway has used up four of five: its service has refused the fourth after it was counted here.
  const last = await ask(world.ports.gateway);
  assert.equal(last.status, 200, last.text);
  assert.deepEqual(['limit', 'remaining'].map((name) => field(last, `x-ratelimit-${name}`)), ['5, 5;w=86400', '0']);
  world.upstream.forget();
  const refused = await ask(world.ports.gateway);
  assert.equal(refused.status, 429, refused.text);
  const [wait, reset] = ['retry-after', 'x-ratelimit-reset'].map((name) => Number(field(refused, name)));
  assert.ok(wait >= 1 && wait <= 86_400 && Math.abs(wait - reset) === 0, `${wait} ${reset}`);
  assert.equal(field(refused, 'content-type'), 'application/problem+json');
  assert.match(refused.text, /"reason":"limit"/);
  const page = await ask(world.ports.gateway, ['sec-fetch-mode: navigate', 'sec-fetch-dest: document', 'accept: text/html']);
  assert.equal(page.status, 429);
  assert.match(page.text, /<h1>Too many requests<\/h1>/);
  assert.equal(world.upstream.seen.length, 0);
});

/**
 * Stands in for a rate limit service (envoy.service.ratelimit.v3), of which none is at hand: reads what real Envoy asks, and
 * lets the first few pass.
 */
class RateLimitService {
  seen = [];
  #server = http2.createServer();

  constructor() {
    this.#server.on('stream', (stream) => {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('error', () => {});
      stream.on('end', () => {
        this.seen.push(readRequest(Buffer.concat(chunks).subarray(5)));
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        // RateLimitResponse.overall_code: OK is 1, OVER_LIMIT 2.
        stream.end(framed(Buffer.from([8, this.seen.length > BESIDE ? 2 : 1])));
      });
    });
  }

  listen(port) {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  close() {
    this.#server.close();
  }
}

/** RateLimitRequest {domain = 1, descriptors = 2}; descriptor {entries = 1 {key = 1, value = 2}, limit = 2 {requests = 1, unit = 2}}. */
function readRequest(bytes) {
  const request = { domain: '', descriptors: [] };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) request.domain = value.toString();
    if (number === 2) request.descriptors.push(readDescriptor(value));
  }
  return request;
}

function readDescriptor(bytes) {
  const descriptor = { entries: {}, limit: undefined };
  for (const [number, value] of fields(bytes)) {
    const inner = Object.fromEntries(fields(value));
    if (number === 1) descriptor.entries[inner[1]] = inner[2].toString();
    if (number === 2) descriptor.limit = { requests: inner[1], unit: inner[2] };
  }
  return descriptor;
}

function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag % 8 === 0) yield [tag >> 3, varint()];
    else {
      const length = varint();
      yield [tag >> 3, bytes.subarray(at, at += length)];
    }
  }
}
