// The requests: what browsers and API clients of today send to the demo's hosts.
import { placeholder } from './placeholders.mjs';

const PORTAL = 'portal.petstore.localhost:10000';
const API = 'api.petstore.localhost:10000';
const PORTAL_ORIGIN = `http://${PORTAL}`;

const ANALYTICS = [
  '_ga=GA1.1.1714531871.1763900000',
  '_ga_9K2V1N=GS2.1.s1763900000$o3$g1$t1763900412$j42$l0$h0',
  '_hjSessionUser_3127=eyJpZCI6IjVmMzQ0ZjZhLTI0ZWEtNWM2Yy04YjEyLTZkNmU4ZjEyMzQ1NiIsImNyZWF0ZWQiOjE3NjM5MDAwMDAwMDB9',
  'OptanonConsent=isGpcEnabled=0&datestamp=Sun+Nov+23+2025+12%3A13%3A32+GMT%2B0000&version=202506.1.0&browserGpcFlag=0&isIABGlobal=false&consentId=6a0e7a1e-30b4-4d0f-9b8e-0f0d1c2b3a49&interactionCount=1&landingPath=NotLandingPage&groups=C0001%3A1%2CC0002%3A1',
];

const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const BRANDS = {
  'sec-ch-ua': '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
  'sec-ch-ua-mobile': '?0',
  'sec-ch-ua-platform': '"Linux"',
};
const LANGUAGES = { 'accept-encoding': 'gzip, deflate, br, zstd', 'accept-language': 'en-GB,en-US;q=0.9,en;q=0.8' };

const NAVIGATION = {
  ...BRANDS,
  'upgrade-insecure-requests': '1',
  'user-agent': USER_AGENT,
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
  'sec-fetch-site': 'none',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-user': '?1',
  'sec-fetch-dest': 'document',
  ...LANGUAGES,
  priority: 'u=0, i',
};

const FETCH = {
  ...BRANDS,
  'user-agent': USER_AGENT,
  accept: 'application/json, text/plain, */*',
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  ...LANGUAGES,
  priority: 'u=1, i',
};

const sessionCookie = (kind, suffix = '') => `__Host-portcullis-s${suffix}=${placeholder(kind)}`;
const SESSION = [...ANALYTICS, sessionCookie('session')];
const BEARER = `Bearer ${placeholder('bearer')}`;

const xhr = (length) => ({
  ...FETCH,
  'content-type': 'application/json',
  'content-length': String(length),
  'x-requested-with': 'XMLHttpRequest',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  origin: PORTAL_ORIGIN,
  referer: `${PORTAL_ORIGIN}/apis/petstore`,
  'sec-fetch-site': 'same-origin',
  cookie: SESSION,
});

/** A page of the portal calls the API with the token that it holds: the headers of a browser, and a bearer. */
const fromPage = {
  ...FETCH,
  'content-type': 'application/json',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  origin: PORTAL_ORIGIN,
  referer: `${PORTAL_ORIGIN}/apis/petstore/v1/try-it`,
  'sec-fetch-site': 'same-site',
  authorization: BEARER,
  cookie: ANALYTICS,
};

const navigation = { host: PORTAL, path: '/apis/petstore?tab=overview&from=2026-01-01' };
const call = { host: API, path: '/api/pets/42?expand=owner' };
const ORDER = JSON.stringify({ pet: 42, quantity: 1, note: '' });
const UPLOAD = 'z'.repeat(8000);

/** In the order of the index. `variant` is the gateway's; bytes for HTTP/1.1 stand in `lines`, without host and end. */
export const SHAPES = [
  { name: 'navigation-anonymous', what: 'a page load without cookies', ...navigation, headers: NAVIGATION },
  { name: 'navigation-session', what: 'a page load with a session and four other cookies', ...navigation, headers: { ...NAVIGATION, cookie: SESSION } },
  { name: 'xhr-session', what: 'a POST of a page with its session', host: PORTAL, path: '/v1/orders?limit=50', method: 'POST', headers: xhr(ORDER.length), body: ORDER },
  { name: 'bearer', what: 'an API call of a page with an RS256 token; the product follows from the host', ...call, headers: fromPage },
  { name: 'bearer-context', what: 'the same; the gateway names environment and product', variant: 'context-extensions', ...call, headers: fromPage },
  { name: 'bearer-allowed-headers', what: 'the same by host; Envoy sends only the headers that are read', variant: 'allowed-headers', ...call, headers: fromPage },
  {
    name: 'bearer-client',
    what: 'an API call of a program with an RS256 token',
    ...call,
    headers: { accept: 'application/json', 'accept-encoding': 'gzip, deflate', 'user-agent': 'python-httpx/0.28.1', authorization: BEARER },
  },
  {
    name: 'callback',
    what: 'the provider sends the browser back with a code',
    host: PORTAL,
    path: `/callback?code=${placeholder('code')}&state=${placeholder('state')}`,
    headers: {
      ...NAVIGATION,
      'sec-fetch-site': 'cross-site',
      referer: 'http://okta.localhost:10100/',
      cookie: [...ANALYTICS, `__Host-portcullis-l-${placeholder('login-id')}=${placeholder('login')}`],
    },
  },
  {
    name: 'grpc-bearer',
    what: 'a gRPC call with an RS256 token',
    host: API,
    path: '/petstore.v1.Pets/Get',
    method: 'POST',
    headers: { 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'grpc-go/1.76.0', 'grpc-timeout': '5S', authorization: BEARER },
    body: Buffer.from([0, 0, 0, 0, 0]),
  },
  {
    name: 'websocket-session',
    what: 'a WebSocket over HTTP/1.1 with a session',
    variant: 'websocket',
    host: PORTAL,
    path: '/ws/notifications',
    lines: [
      'connection: Upgrade', 'pragma: no-cache', 'cache-control: no-cache', `user-agent: ${USER_AGENT}`, 'upgrade: websocket',
      `origin: ${PORTAL_ORIGIN}`, 'sec-websocket-version: 13', ...Object.entries(LANGUAGES).map(([name, value]) => `${name}: ${value}`),
      `cookie: ${SESSION.join('; ')}`, 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-extensions: permessage-deflate; client_max_window_bits',
    ],
  },
  {
    name: 'preflight',
    what: 'a CORS preflight of an origin that the gateway does not answer itself',
    ...call,
    method: 'OPTIONS',
    headers: {
      accept: '*/*',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
      origin: 'https://spa.example.com',
      'user-agent': USER_AGENT,
      'sec-fetch-mode': 'cors',
      'sec-fetch-site': 'cross-site',
      'sec-fetch-dest': 'empty',
      referer: 'https://spa.example.com/',
      ...LANGUAGES,
      priority: 'u=1, i',
    },
  },
  {
    name: 'navigation-session-chunked',
    what: 'a page load with a session of 7 KB in two cookies',
    ...navigation,
    headers: { ...NAVIGATION, cookie: [...ANALYTICS, sessionCookie('session-first'), sessionCookie('session-second', '-1')] },
  },
  { name: 'navigation-session-raw-headers', what: 'a page load with a session; Envoy sends the headers as bytes', variant: 'raw-headers', ...navigation, headers: { ...NAVIGATION, cookie: SESSION } },
  {
    name: 'navigation-session-allowed-headers',
    what: 'a page load with a session; Envoy sends only the headers that are read',
    variant: 'allowed-headers',
    ...navigation,
    headers: { ...NAVIGATION, cookie: SESSION },
  },
  {
    name: 'mtls-body',
    what: 'a POST of 8,000 bytes with client certificate, context extensions and a bearer; Envoy sends certificate and body',
    variant: 'mtls',
    ...call,
    method: 'POST',
    headers: { ...fromPage, 'content-length': String(UPLOAD.length) },
    body: UPLOAD,
  },
  { name: 'curl', what: 'curl over HTTP/1.1 without a credential', host: API, path: '/api/pets', lines: ['user-agent: curl/8.5.0', 'accept: */*'] },
  {
    name: 'hostile',
    what: 'repeated credentials, invented identity, an ambiguous path and bytes that are no text, past a careless gateway',
    variant: 'careless',
    host: API,
    path: '/a/..%2f..;x=1//%2e%2e/b?next=//evil.example&x=%00',
    lines: [
      'cookie: a=1', 'cookie: __Host-portcullis-s=1.x', 'authorization: Bearer a', 'authorization: Bearer b', 'x-user-id: root',
      'x_user_id: root', 'x-forwarded-host: evil.example', 'x-forwarded-proto: javascript', 'x-bin: \xff\xfe', 'user-agent: x',
    ],
  },
];
