// The provider hangs, dies and comes back, seen through Envoy: who is signed in goes on, and nothing has to be restarted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Client } from '../guide/lib/client.mjs';
import { insider, logIn } from '../guide/lib/people.mjs';
import { until } from '../guide/lib/wait.mjs';
import { Load } from './lib/load.mjs';
import { World } from './lib/world.mjs';

/** An outage counts as one when nothing was heard for a minute; a provider that is back is asked again within another. */
const NOTICED = 100_000;

let world;
let address;

before(async () => {
  world = await World.prepare('outage');
  await world.start('provider', 'portcullis', 'envoy');
  address = `${world.api}/api/pets?may=yes`;
});

after(() => world?.stop());

/** A login up to the provider's answer: the address of the callback, not opened yet. */
async function begun() {
  const client = new Client();
  const page = await client.navigate(address);
  const form = page.form();
  let answer = await client.open(form.action, { form: { ...form.fields, ...insider } });
  while (answer.redirect && !answer.redirect.pathname.endsWith('/callback')) answer = await client.open(answer.redirect);
  assert.ok(answer.redirect, `no way back from ${answer.url.href}`);
  return { client, callback: answer.redirect };
}

test('a provider that takes a second for a code is waited for, and asked once', async () => {
  const { client, callback } = await begun();
  // On the API's host: the portal's callback only hands on, the one there exchanges the code.
  const { redirect } = await client.open(callback, { from: 'cross-site' });
  world.provider.signal('SIGSTOP');
  const answer = client.open(redirect, { from: 'cross-site' });
  await pause(1200);
  world.provider.signal('SIGCONT');
  const { status, redirect: back } = await answer;
  assert.deepEqual([status, back?.pathname], [302, '/api/pets']);
  assert.equal((await client.open(address)).status, 200);
  const stats = await (await fetch(`http://127.0.0.1:${world.ports.gatewayAdmin}/stats?filter=^cluster.portcullis.upstream_rq_(retry|timeout|per_try_timeout)$`)).text();
  assert.doesNotMatch(stats, /: [1-9]/);
});

test('the provider dies: signed-in people and bearers go on, new logins read a page that says so, and then it is back', async () => {
  const signedIn = new Client();
  await logIn(signedIn, address, insider);
  const token = await world.token();
  const late = await begun();
  world.upstream.forget();
  await world.provider.stop();
  const cookie = signedIn.jar.header(new URL(address));
  const kinds = {
    session: { headers: { cookie }, may: true },
    bearer: { headers: { authorization: `Bearer ${token}` }, may: true },
    nobody: { headers: {} },
  };
  const load = new Load({ port: world.ports.gateway, host: new URL(address).host, kinds, perSecond: 10, lanes: 1 });

  // A code that cannot be exchanged now.
  const { redirect } = await late.client.open(late.callback, { from: 'cross-site' });
  assertUnavailable(await late.client.open(redirect, { from: 'cross-site' }));
  // Somebody asks with a key that is not known: nobody can say now whether it is one.
  const unknown = `${Buffer.from('{"alg":"RS256","kid":"new"}').toString('base64url')}.${token.split('.').slice(1).join('.')}`;
  const asked = await new Client().request(address, { headers: { authorization: `Bearer ${unknown}` } });
  assert.deepEqual([asked.status, asked.json().reason], [503, 'keys_unavailable']);

  const page = await until('a page for new logins', async () => {
    const answer = await new Client().open(address);
    return answer.status === 503 && answer;
  }, { within: NOTICED, every: 500 });
  assertUnavailable(page);
  assertUnavailable(await new Client().open(`${world.portal}/.auth/login?return_to=/`));

  // Before it comes back, with other keys: the demo's provider has its keys in memory.
  const answers = await load.stop();
  assert.deepEqual(Object.keys(answers), ['bearer 200', 'nobody 401', 'session 200'], JSON.stringify(answers));
  assert.deepEqual(world.upstream.leaks(), []);
  console.log(`an outage of more than a minute: ${JSON.stringify(answers)}`);

  await world.provider.start();
  await until('a login', async () => (await new Client().open(address)).status === 302, { within: NOTICED, every: 500 });
  const again = await logIn(new Client(), address, insider);
  assert.deepEqual([again.status, again.url.href], [200, address]);
});

test('the service restarts while the provider is dead: sessions hold, and logins work again when it comes', async () => {
  const signedIn = new Client();
  await logIn(signedIn, address, insider);
  await world.provider.stop();
  await world.service.stop();
  await world.service.start();
  assert.equal((await signedIn.fetch(address)).status, 200);
  assertUnavailable(await new Client().open(address));
  await world.provider.start();
  await until('a login', async () => (await new Client().open(address)).status === 302, { within: NOTICED, every: 500 });
  assert.equal((await logIn(new Client(), address, insider)).status, 200);
});

/** A page that says what the matter is, and when to try again. */
function assertUnavailable(answer) {
  assert.deepEqual([answer.status, answer.type], [503, 'text/html'], answer.body);
  assert.match(answer.body, /provider_unavailable/);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.match(answer.headers['cache-control'], /no-store/);
}
