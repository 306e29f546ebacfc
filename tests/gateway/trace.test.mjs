// Envoy's own tracer and ours: one trace, in which our span hangs below Envoy's span for the check.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';

import { Client } from '../guide/lib/client.mjs';
import { until } from '../guide/lib/wait.mjs';
import { freePorts } from './lib/ports.mjs';
import { replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

/** What both tracers send, as it came. */
const bodies = { envoy: [], portcullis: [] };
const servers = [];
let world;

before(async () => {
  const [grpc, otlp] = await freePorts(2);
  // OTLP over gRPC, as Envoy sends it; and over HTTP.
  const ofEnvoy = http2.createServer();
  ofEnvoy.on('stream', (stream) => {
    collect(stream, (body) => bodies.envoy.push(body));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('error', () => {});
  });
  const ofService = http.createServer((request, response) => {
    assert.equal(request.url, '/v1/traces');
    collect(request, (body) => {
      bodies.portcullis.push(body);
      response.end();
    });
  });
  await listen(ofEnvoy, grpc);
  await listen(ofService, otlp);
  world = await World.prepare('trace');
  world.edit('portcullis.yaml', (text) => `${text}\ntelemetry: { otlp_endpoint: "http://127.0.0.1:${otlp}" }\n`);
  world.edit('envoy.yaml', (text) => traced(text, grpc));
  await world.start('provider', 'portcullis', 'envoy');
});

after(async () => {
  await world?.stop();
  for (const server of servers) server.close();
});

function listen(server, port) {
  servers.push(server);
  return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
}

function collect(stream, done) {
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('end', () => {
    done(Buffer.concat(chunks));
    if (stream instanceof http.IncomingMessage) return;
    stream.end(Buffer.alloc(5));
  });
}

/** The gateway with Envoy's OpenTelemetry tracer, which samples everything. */
function traced(text, port) {
  const tracing = `          tracing:
            random_sampling: { value: 100 }
            provider:
              name: envoy.tracers.opentelemetry
              typed_config:
                "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
                service_name: gateway
                grpc_service: { envoy_grpc: { cluster_name: collector }, timeout: 1s }
          http_filters:
`;
  const cluster = `  clusters:
  - name: collector
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment:
      cluster_name: collector
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }]
`;
  return replaced(replaced(text, '          http_filters:\n', tracing), '  clusters:\n', cluster);
}

/** The fields of a protobuf message: number and value, which is bytes where it has a length. */
function* fields(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const varint = () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = BigInt(bytes[at++]);
        value |= (byte & 127n) << shift;
        if (byte < 128n) return value;
      }
    };
    const tag = Number(varint());
    const kind = tag & 7;
    if (kind === 0) yield [tag >> 3, varint()];
    else {
      const length = kind === 2 ? Number(varint()) : { 1: 8, 5: 4 }[kind];
      yield [tag >> 3, bytes.subarray(at, (at += length))];
    }
  }
}

const inside = (bytes, number) => [...fields(bytes)].filter(([own]) => own === number).map(([, value]) => value);

/** The spans of an ExportTraceServiceRequest: resource_spans 1, scope_spans 2, spans 2. */
function spans(request) {
  const found = inside(request, 1).flatMap((resource) => inside(resource, 2)).flatMap((scope) => inside(scope, 2));
  return found.map((span) => {
    const text = (number) => inside(span, number)[0] ?? Buffer.alloc(0);
    const attributes = Object.fromEntries(inside(span, 9).map((pair) => [String(inside(pair, 1)[0]), String(inside(inside(pair, 2)[0], 1)[0])]));
    return { trace: text(1).toString('hex'), id: text(2).toString('hex'), parent: text(4).toString('hex'), name: String(text(5)), attributes };
  });
}

const ours = () => bodies.portcullis.flatMap(spans);
// A gRPC message has five bytes before it.
const envoys = () => bodies.envoy.flatMap((body) => spans(body.subarray(5)));

test('a span of ours is a child of the span that Envoy has for the check, whose own parent is the request\'s', async () => {
  assert.equal((await new Client().fetch(`${world.api}/api/pets`)).status, 401);
  const check = await until('our span', () => ours().find(({ attributes }) => attributes['portcullis.reason'] === 'no_credentials'));
  assert.equal(check.name, 'envoy.service.auth.v3.Authorization/Check');
  assert.equal(check.attributes['portcullis.decision'], 'deny');
  assert.equal(check.attributes['portcullis.product'], 'petstore-product.default');
  const egress = await until('Envoy\'s span', () => envoys().find(({ id }) => id === check.parent));
  assert.equal(egress.trace, check.trace);
  const request = await until('the request\'s span', () => envoys().find(({ id }) => id === egress.parent));
  assert.equal(request.trace, check.trace);
  assert.equal(request.parent, '');
});

test('a client that is part of a trace has both in it; one that does not sample has none of ours', async () => {
  const [sampled, unsampled] = ['a', 'b'].map((digit) => digit.repeat(32));
  for (const [trace, flags] of [[unsampled, '00'], [sampled, '01']]) {
    const traceparent = `00-${trace}-00f067aa0ba902b7-${flags}`;
    assert.equal((await new Client().fetch(`${world.api}/api/pets`, { headers: { traceparent } })).status, 401);
  }
  const check = await until('our span', () => ours().find(({ trace }) => trace === sampled));
  await until('Envoy\'s span', () => envoys().some(({ trace, id }) => trace === sampled && id === check.parent));
  // What was asked first is exported first.
  assert.ok(!ours().some(({ trace }) => trace === unsampled));
});
