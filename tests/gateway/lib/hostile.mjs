// Requests that are meant to make the service fail rather than to be granted. Each is as it goes over the wire.
import { get } from './raw.mjs';

const many = (count, each) => Array.from({ length: count }, (_, index) => each(index));

/** Header lines, by what is wrong with them. */
export function hostileHeaders() {
  const lines = {
    'bytes that are no UTF-8 in authorization': ['authorization: Bearer \xff\xfe\x80'],
    'bytes that are no UTF-8 in cookie': ['cookie: __Host-portcullis-s=\xff\xfe; \xc0\xaf=\xed\xa0\x80'],
    'bytes that are no UTF-8 everywhere': ['x-request-id: \xff', 'accept: \xff', 'origin: \xff', 'sec-fetch-site: \xff', 'x-\u00fc: \xff'],
    'two authorizations': ['authorization: Bearer a', 'authorization: Bearer b'],
    'two authorizations of different kinds': ['authorization: Basic YTpi', 'authorization: Bearer b'],
    'a bearer and an API key': ['authorization: Bearer a', 'api-key: b'],
    'an empty authorization': ['authorization:', 'authorization: Bearer'],
    'a second host': ['host: portal.petstore.localhost'],
    'another host by the ways that proxies use': ['x-forwarded-host: portal.petstore.localhost', 'forwarded: host=portal.petstore.localhost', 'x-original-url: /.auth/login'],
    'thousands of cookies': many(3, (line) => `cookie: ${many(1000, (index) => `c${line}-${index}=${index}`).join('; ')}`),
    'hundreds of cookies with our names': [`cookie: ${many(900, (index) => `__Host-portcullis-l-${index}=x`).join('; ')}`],
    'one cookie, a hundred times': [`cookie: ${many(100, (index) => `__Host-portcullis-s=${index}`).join('; ')}`],
    'a session in a thousand chunks': [`cookie: ${many(1000, (index) => `__Host-portcullis-s-${index}=AAAA`).join('; ')}`],
    'a cookie of 50 KiB': [`cookie: __Host-portcullis-s=${'A'.repeat(50_000)}`],
    'a bearer of 50 KiB': [`authorization: Bearer ${'A'.repeat(25_000)}.${'B'.repeat(25_000)}.C`],
    'a bearer of dots': [`authorization: Bearer ${'.'.repeat(50_000)}`],
    'a bearer of nested JSON': [`authorization: Bearer ${Buffer.from('['.repeat(20_000)).toString('base64url')}.e30.AA`],
    'an accept of commas': [`accept: ${',;q='.repeat(10_000)}`],
    'ninety headers': many(90, (index) => `x-user-${index}: boss`),
    'the gateway\'s own words': ['x-envoy-auth-failure-mode-allowed: true', 'x-envoy-original-path: /.auth/login', 'x-envoy-internal: true', 'x-envoy-expected-rq-timeout-ms: 0', 'grpc-timeout: 0n'],
    'a gRPC request': ['content-type: application/grpc', 'te: trailers', 'grpc-timeout: 1n'],
    'an upgrade': ['upgrade: websocket', 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version: 13'],
    'a method in a header': ['x-http-method-override: OPTIONS', 'access-control-request-method: GET', 'origin: http://evil.localhost'],
  };
  const methods = ['HEAD', 'OPTIONS', 'TRACE', 'DELETE', 'PROPFIND', 'get', 'FOO'];
  return [
    ...Object.entries(lines).map(([what, each]) => ({ what, lines: each })),
    ...methods.map((method) => ({ what: method, bytes: withMethod(method) })),
  ];
}

/** Targets that mean one thing here and another thing there. */
export function hostilePaths() {
  return [
    '/api/../.auth/login', '/api/%2e%2e/.auth/userinfo', '/api/..%2f..%2f.auth/login', '//api/pets', '/api//pets', '/api/pets/..;/x', '/api/pets;x=1',
    '/api/%00', '/api/%0d%0aset-cookie:a=b', '/api/\xff\xfe', '/api/%ff', '/api/%c0%ae%c0%ae/', '/api/%zz', '/api/%', '/api\\..\\x', '/api/%5c..%5cx',
    '/api/%252e%252e/x', '/api/\x7f', '*', 'api/pets', `/${'a/'.repeat(4000)}`, `/${'%2e%2e/'.repeat(2000)}`, '/.auth/../api/pets', '/.auth%2f..%2fapi/pets',
    '/callback/../api/pets', 'http://api.petstore.localhost/api/pets', 'http://api.petstore.localhost@evil.localhost/', 'http://nowhere.localhost/api/pets',
  ].map((target) => ({ what: JSON.stringify(target).slice(0, 60), target }));
}

/** Requests whose checks are larger than any that the shipped gateway would send. */
export function largeRequests() {
  return [
    { what: '300 KiB of cookies', lines: [`cookie: ${many(30_000, (index) => `c${index}=123`).join('; ')}`] },
    { what: 'a bearer of 1 MiB', lines: [`authorization: Bearer ${'A'.repeat(1 << 20)}`] },
    { what: '4 MiB in many headers', lines: many(100, (index) => `x-${index}: ${'A'.repeat(40_000)}`) },
    { what: 'the most that Envoy takes', lines: [`x-large: ${'A'.repeat(8192 * 1024 - 2000)}`] },
    { what: 'ten thousand headers', lines: many(10_000, (index) => `x-user-${index}: boss`) },
  ];
}

function withMethod(method) {
  const bytes = get('api.petstore.localhost', '/api/pets?may=no').toString('latin1');
  return Buffer.from(bytes.replace('GET', method), 'latin1');
}
