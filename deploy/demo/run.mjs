// `make demo`: starts everything, says where it is and what to try, and stops it all on Ctrl-C.
import { Demo } from './lib/demo.mjs';
import { DEFAULT_BASE } from './lib/ports.mjs';
import { WANTED } from './lib/redis.mjs';
import { DEMO_PASSWORD, PREPARED } from './provider/accounts.mjs';

const width = 'portcullis'.length;
let stopping = false;

const demo = new Demo({
  base: Number(process.env.PORTCULLIS_DEMO_PORT ?? DEFAULT_BASE),
  redis: WANTED,
  directory: 'demo',
  onLine: (part, line) => console.log(`${part.padEnd(width)} | ${line}`),
  onDeath: (part, how) => {
    if (!stopping) stop(1, `${part.name} ${how}; the demo cannot go on without it.\n${part.lastLines}`);
  },
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0));

try {
  await demo.prepare();
  await demo.start();
  if (!stopping) console.log(welcome());
} catch (error) {
  await stop(1, error.message);
}

async function stop(code, message) {
  if (stopping) return;
  stopping = true;
  if (message) console.error(`demo: ${message}`);
  await demo.stop();
  console.log('demo: stopped');
  process.exit(code);
}

function welcome() {
  const { portal, api, open, issuer, ports } = demo;
  const users = PREPARED.map(({ email, note }) => `    ${email.padEnd(24)} ${note}`).join('\n');
  return `
────────────────────────────────────────────────────────────────────────────────────────────
  The demo is up. Open the portal in a browser:

    ${portal}/

  Sign up as anyone (no mail is sent) and press "Call the API". Or log in as one of these,
  all with the password "${DEMO_PASSWORD}":

${users}

  With curl:

    curl -i ${open}/api/pets     nobody guards this host
    curl -i ${api}/api/pets      401: who is calling?
    curl -i ${api}/api/echo -H 'x-user-email: boss@example.com'

  Behind the scenes:

    provider    ${issuer}/.well-known/openid-configuration
    service     http://127.0.0.1:${ports.admin}/readyz  /livez  /metrics${WANTED ? `
    second      http://127.0.0.1:${ports.secondAdmin}/readyz  /livez  /metrics
    Redis       redis-cli -p ${ports.redis} monitor` : ''}
    Envoy       http://127.0.0.1:${ports.gatewayAdmin}/
    logs        .tools/demo/logs/

  Ctrl-C stops all of it.
────────────────────────────────────────────────────────────────────────────────────────────
`;
}
