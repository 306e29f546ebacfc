// What only a real browser can show: which requests of which pages get in with somebody's session, and that logins come to
// an end, whatever the browser does with cookies.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { launchChromium, privateWindow } from '../guide/lib/chromium.mjs';
import { fillIn, insider } from '../guide/lib/people.mjs';
import { until } from '../guide/lib/wait.mjs';
import { replaced } from './lib/reference.mjs';
import { World } from './lib/world.mjs';

const OURS = '__Host-portcullis-';
const PETS = [{ id: 1, name: 'Dog', status: 'available' }];

let world;
let browser;
let foreign;

before(async () => {
  world = await World.prepare('browser', {
    portal: true,
    answer: (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(PETS)),
  });
  // Envoy alone would refuse every upgrade.
  world.edit('envoy.yaml', (text) => replaced(text, 'use_remote_address: true', 'use_remote_address: true\n          upgrade_configs: [{ upgrade_type: websocket }]'));
  await world.start('provider', 'portal', 'portcullis', 'envoy');
  foreign = await foreignPages();
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  foreign?.server.close();
  foreign?.server.closeAllConnections();
  await world?.stop();
});

/** A window whose visitor is signed in at the portal and at the API. */
async function signedIn() {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  await tab.goto(`${world.portal}/.auth/login?return_to=/`);
  await fillIn(tab, insider);
  await tab.waitForSelector('body[data-state=user]');
  await tab.click('#call');
  await tab.waitForSelector('#result table');
  world.upstream.forget();
  return { window, tab };
}

test('the portal\'s button calls the API on its other host, with the session\'s identity', async () => {
  const { window, tab } = await signedIn();
  await tab.goto(`${world.portal}/`);
  await tab.waitForSelector('body[data-state=user]');
  await tab.click('#call');
  await tab.waitForSelector('#result table');
  assert.match(await tab.textContent('#result .status'), /^200/);
  const posted = await tab.evaluate(async (url) => {
    const answer = await fetch(url, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{}' });
    return answer.status;
  }, `${world.api}/api/pets`);
  assert.equal(posted, 200);
  assert.deepEqual(world.upstream.seen.map(({ method, all }) => [method, all('x-user-email')]), [['GET', [insider.email]], ['POST', [insider.email]]]);
  await window.close();
});

for (const site of ['another site', 'a sibling of the same site']) {
  test(`a page of ${site} changes nothing with the visitor's session, and reads nothing`, async () => {
    const { window, tab } = await signedIn();
    const origin = foreign.origins[site];
    const target = (how) => `${world.api}/api/pets?from=${how}`;
    await tab.goto(`${origin}/`);
    const outcome = await tab.evaluate(async ({ targets, socket }) => {
      const fetched = (url, options) => fetch(url, { credentials: 'include', ...options }).then((answer) => `${answer.type} ${answer.status}`, () => 'blocked');
      const loaded = (name, url) => new Promise((resolve) => {
        const element = document.createElement(name);
        element.onload = element.onerror = resolve;
        element.src = url;
        document.body.append(element);
      });
      const results = {
        get: await fetched(targets.get),
        preflighted: await fetched(targets.preflighted, { method: 'PUT', body: '{}', headers: { 'content-type': 'application/json' } }),
        simple: await fetched(targets.simple, { method: 'POST', body: 'name=Intruder' }),
        blind: await fetched(targets.blind, { method: 'POST', mode: 'no-cors', body: 'name=Intruder', keepalive: true }),
        socket: await new Promise((resolve) => {
          const socketed = new WebSocket(socket);
          socketed.onopen = () => resolve('open');
          socketed.onerror = () => resolve('refused');
        }),
      };
      navigator.sendBeacon(targets.beacon, 'name=Intruder');
      await loaded('img', targets.img);
      await loaded('iframe', targets.iframe);
      return results;
    }, { targets: Object.fromEntries(['get', 'preflighted', 'simple', 'blind', 'beacon', 'img', 'iframe'].map((how) => [how, target(how)])), socket: target('socket').replace('http', 'ws') });
    assert.deepEqual([outcome.get, outcome.preflighted, outcome.simple, outcome.socket], ['blocked', 'blocked', 'blocked', 'refused']);

    // Forms: into a frame, and in the tab itself.
    await tab.evaluate((url) => {
      const frame = Object.assign(document.createElement('iframe'), { name: 'hidden' });
      const form = Object.assign(document.createElement('form'), { method: 'POST', action: url, target: 'hidden' });
      document.body.append(frame, form);
      return new Promise((resolve) => {
        frame.onload = resolve;
        form.submit();
      });
    }, target('framed-form'));
    const [answer] = await Promise.all([
      tab.waitForResponse((response) => response.url() === target('form')),
      tab.evaluate((url) => {
        const form = Object.assign(document.createElement('form'), { method: 'POST', action: url });
        document.body.append(form);
        form.submit();
      }, target('form')),
    ]);
    await tab.waitForURL(target('form'));
    assert.equal(answer.status(), site === 'another site' ? 401 : 403);

    const arrived = world.upstream.seen.filter(({ identity }) => identity.length > 0);
    if (site === 'another site') assert.deepEqual(arrived.map(({ url }) => url), []);
    // A sibling's requests carry the cookie. Those that only read pass; what they bring, its scripts never see.
    assert.deepEqual(arrived.filter(({ method }) => method !== 'GET').map(({ url }) => url), []);
    assert.deepEqual(arrived.filter(({ all }) => all('upgrade').length > 0), []);
    assert.ok(arrived.every(({ url }) => /from=(get|img|iframe)$/.test(url)), arrived.map(({ url }) => url).join());
    // And the session is what it was.
    await tab.goto(`${world.portal}/`);
    await tab.waitForSelector('body[data-state=user]');
    await window.close();
  });
}

test('J01: a cross-site GET of logout changes nothing: image, frame, link, prefetch', async () => {
  for (const origin of Object.values(foreign.origins)) {
    const { window, tab } = await signedIn();
    const logouts = [`${world.portal}/.auth/logout`, `${world.api}/.auth/logout`];
    await tab.goto(`${origin}/`);
    await tab.evaluate(async (urls) => {
      for (const url of urls) {
        for (const [name, attribute] of [['img', 'src'], ['iframe', 'src'], ['script', 'src'], ['link', 'href']]) {
          const element = document.createElement(name);
          if (name === 'link') element.rel = 'prefetch';
          const done = new Promise((resolve) => (element.onload = element.onerror = resolve));
          element[attribute] = url;
          document.body.append(element);
          await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 1000))]);
        }
        await fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => {});
      }
    }, logouts);
    // A link that is followed asks first.
    for (const url of logouts) {
      await tab.goto(`${origin}/`);
      await Promise.all([tab.waitForURL(url), tab.evaluate((to) => location.assign(to), url)]);
      assert.ok((await tab.locator('form[method=post], form[method=POST]').count()) > 0, 'no question');
    }
    await tab.goto(`${world.portal}/`);
    await tab.waitForSelector('body[data-state=user]');
    await tab.click('#call');
    await tab.waitForSelector('#result table');
    // Nor does a foreign page that posts by itself.
    await tab.goto(`${origin}/`);
    await tab.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => {}), logouts[0]);
    await tab.goto(`${world.portal}/`);
    await tab.waitForSelector('body[data-state=user]');
    await window.close();
  }
});

test('a prefetch starts no login: no flow cookie, nobody sent to the provider', async () => {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  const targets = [`${world.portal}/.auth/login?return_to=/`, `${world.portal}/.auth/signup`, `${world.api}/api/pets`, `${world.api}/.auth/login`];
  const rules = { prefetch: [{ source: 'list', urls: targets, eagerness: 'immediate' }], prerender: [{ source: 'list', urls: [targets[0]], eagerness: 'immediate' }] };
  const page = `<!doctype html><title>page</title>${targets.map((url) => `<link rel="prefetch" href="${url}">`).join('')}<script type="speculationrules">${JSON.stringify(rules)}</script>`;
  await window.route(`${world.portal}/page`, (route) => route.fulfill({ contentType: 'text/html', body: page }));
  const [checks, started] = [await metric('portcullis_checks_total'), await metric('portcullis_logins_total', 'started')];
  await tab.goto(`${world.portal}/page`);
  await until('the prefetches', async () => (await metric('portcullis_checks_total')) >= checks + 3);
  await tab.waitForLoadState('networkidle');
  assert.equal(await metric('portcullis_logins_total', 'started'), started);
  assert.deepEqual((await window.cookies()).map(({ name }) => name), []);
  await window.close();
});

test('logins that are begun and left never pile up', async () => {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  for (let turn = 0; turn < 20; turn += 1) {
    await tab.goto(`${world.api}/api/pets?turn=${turn}`);
    assert.match(tab.url(), /okta\.localhost/);
    assert.ok((await flows(window)).length <= 5, `${(await flows(window)).length} flow cookies`);
  }
  const cookies = await window.cookies(world.api);
  const header = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  assert.ok(header.length < 8192, `${header.length} bytes of cookies`);
  // And the last one still works.
  await fillIn(tab, insider);
  await tab.waitForURL(`${world.api}/api/pets?turn=19`);
  assert.match(await tab.textContent('body'), /Dog/);
  await window.close();
});

test('a browser that keeps no session reads after three logins why it goes round in circles', async () => {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  const logins = await metric('portcullis_logins_total', 'completed');
  // The session is lost on its way back, everything else is kept.
  await intercept(tab, `${world.api}/api/pets*`, async (page, requestId) => {
    for (const suffix of ['s', 's-1', 'u']) await window.clearCookies({ name: `${OURS}${suffix}` });
    await page.send('Fetch.continueRequest', { requestId });
  });
  await tab.goto(`${world.api}/api/pets`);
  await fillIn(tab, insider);
  await tab.waitForURL(/\/\.auth\/callback/);
  assert.match(await tab.textContent('body'), /login_loop/);
  assert.ok((await metric('portcullis_logins_total', 'completed')) - logins <= 3);
  await window.close();
});

test('a browser that keeps no cookie at all is told so, and not sent round', async () => {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  await tab.goto(`${world.api}/api/pets`);
  await window.clearCookies({ domain: 'api.petstore.localhost' });
  await fillIn(tab, insider);
  await tab.waitForURL(/\/\.auth\/callback/);
  assert.match(await tab.textContent('body'), /bad_callback/);
  assert.equal(await tab.locator('a[href]').count() > 0, true, 'no link to start again');
  await window.close();
});

test('a login whose keys are gone starts again by itself: once', async () => {
  const window = await privateWindow(browser);
  const [first, second] = [await window.newPage(), await window.newPage()];
  for (const tab of [first, second]) await tab.goto(`${world.portal}/.auth/login?return_to=/`);
  await world.demo.replaceSealingKeys();
  // The provider forgets who has just signed in, and asks again: what was restarted is still under way when the other one
  // comes back.
  const release = await intercept(first, '*/callback*', async (page, requestId) => {
    await window.clearCookies({ name: /^_session/ });
    await page.send('Fetch.continueRequest', { requestId });
  });
  const form = first.url();
  await fillIn(first, insider);
  await first.waitForURL((url) => url.hostname === 'okta.localhost' && url.href !== form);
  await first.getByRole('button', { name: 'Sign in' }).waitFor();
  await release();
  await fillIn(second, insider);
  await second.waitForURL(/\/callback/);
  assert.match(await second.textContent('body'), /bad_callback/);
  // The link on the page leads in.
  await second.locator('a[href]').first().click();
  await second.waitForSelector('body[data-state=user]');
  await window.close();
});

test('a login whose keys are gone ends at the portal, without a word', async () => {
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  await tab.goto(`${world.portal}/.auth/login?return_to=/`);
  await world.demo.replaceSealingKeys();
  await fillIn(tab, insider);
  await tab.waitForSelector('body[data-state=user]');
  assert.equal(tab.url(), `${world.portal}/`);
  await window.close();
});

/** Hands each request of a tab that fits to `handle`, those that a redirect leads to as well; `page.route` leaves these out. */
async function intercept(tab, urlPattern, handle) {
  const page = await tab.context().newCDPSession(tab);
  page.on('Fetch.requestPaused', ({ requestId }) => handle(page, requestId));
  await page.send('Fetch.enable', { patterns: [{ urlPattern }] });
  return () => page.detach();
}

async function flows(window) {
  return (await window.cookies(world.api)).filter(({ name }) => name.startsWith(`${OURS}l-`));
}

/** The sum of a metric's series, of all or of those that have this label value. */
async function metric(name, value = '') {
  const text = await (await fetch(`http://127.0.0.1:${world.ports.admin}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(value));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Pages of somebody else: on another site, and on a sibling host, to which browsers send our `SameSite=Lax` cookies along. */
function foreignPages() {
  const server = http.createServer((_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>foreign</title><body>'));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      resolve({ server, origins: { 'another site': `http://evil.localhost:${port}`, 'a sibling of the same site': `http://other.petstore.localhost:${port}` } });
    });
  });
}
