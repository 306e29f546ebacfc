// The demo's OpenID provider, on loopback. All it knows is in memory and gone when it stops.
//
// SIGUSR1 rotates the signing key: a new one signs from then on, the one before stays published.
import http from 'node:http';
import { randomBytes } from 'node:crypto';

import { Accounts } from './accounts.mjs';
import { SigningKeys } from './keys.mjs';
import { askConsentForOfflineAccess, createProvider } from './provider.mjs';
import { settings } from './settings.mjs';
import { signin } from './signin.mjs';
import { memoryStorage } from './storage.mjs';

const accounts = new Accounts();
const keys = new SigningKeys();
const storage = memoryStorage(settings);
const cookieKey = randomBytes(32).toString('base64url');

let provider;
let answer;
await useNewKey();
process.on('SIGUSR1', useNewKey);

const mount = settings.issuer.pathname;
const server = http.createServer((request, response) => {
  // Whatever name the caller used, links name the issuer's host.
  request.headers.host = settings.issuer.host;
  if (request.url.startsWith(`${mount}/`)) {
    request.url = askConsentForOfflineAccess(request.url.slice(mount.length));
    request.originalUrl = mount + request.url;
    return answer(request, response);
  }
  signin(provider, accounts, request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

server.listen(settings.port, '127.0.0.1', () => console.log(`issuer ${settings.issuer.href}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}

// The library reads its keys once, so a new key means a new instance, on the same storage.
async function useNewKey() {
  await keys.rotate();
  provider = createProvider({ settings: { ...settings, cookieKey }, accounts, storage, jwks: keys.jwks });
  report(provider);
  answer = provider.callback();
  console.log(`signing key ${keys.newest}`);
}

/** Says what went wrong, which the library tells nobody but the client. */
function report(provider) {
  provider.on('server_error', (_ctx, error) => console.error(error));
  for (const event of ['authorization.error', 'grant.error', 'end_session.error', 'userinfo.error', 'revocation.error']) {
    provider.on(event, (_ctx, error) => console.log(`${event}: ${error.error_description ?? error.message}`));
  }
  provider.on('backchannel.success', (_ctx, client) => console.log(`logout notice accepted by ${client.clientId}`));
  provider.on('backchannel.error', (_ctx, error, client) => console.log(`logout notice to ${client.clientId} failed: ${error.message}`));
}
