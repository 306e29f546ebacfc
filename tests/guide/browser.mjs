// Rows 13 to 16 of the guide in a real Chromium, and what else only a browser can show.
import assert from 'node:assert/strict';
import path from 'node:path';

import { privateWindow } from './lib/chromium.mjs';
import { Client } from './lib/client.mjs';
import { fillIn, insider, outsider, stranger } from './lib/people.mjs';

export async function browserRows({ demo, report, browser, screenshots }) {
  const { api, portal, open } = demo;
  const person = stranger();
  const window = await privateWindow(browser);
  const tab = await window.newPage();
  const shot = (name, page = tab) => page.screenshot({ path: path.join(screenshots, `${name}.png`) });

  await report.step('row 13', 'Chromium: the portal opens for a visitor, and "Log in" leads to the provider', async () => {
    await tab.goto(`${portal}/`);
    await tab.waitForSelector('body[data-state=visitor]');
    await tab.getByRole('link', { name: 'Sign up' }).first().waitFor();
    await shot('row-13-portal-visitor');
    await tab.getByRole('link', { name: 'Log in' }).first().click();
    await tab.waitForURL(/okta\.localhost/);
    await tab.getByRole('button', { name: 'Sign in' }).waitFor();
    await shot('row-13-provider-login');
  });

  await report.step('row 14', 'Chromium: "Sign up" opens the provider\'s form; fill it in, "Register"', async () => {
    await tab.goto(`${portal}/`);
    await tab.getByRole('link', { name: 'Sign up' }).first().click();
    await tab.getByRole('button', { name: 'Register' }).waitFor();
    await shot('row-14-provider-sign-up');
    await fillIn(tab, person);
    await tab.waitForURL(`${portal}/`);
  });

  await report.step('row 15', 'Chromium: back at the portal, signed in, e-mail, groups and products shown', async () => {
    await tab.goto(`${portal}/`);
    await tab.waitForSelector('body[data-state=user]');
    assert.equal(await tab.textContent('#email'), person.email);
    assert.match(await tab.textContent('#groups'), /PetstoreUsers/);
    assert.match(await tab.textContent('#products'), /petstore-product/);
    await shot('row-15-portal-user');
  });

  await report.step('row 15', 'Chromium: the button calls the API on its other host; the upstream gets x-user-email', async () => {
    await tab.goto(`${portal}/`);
    await tab.click('#call');
    // Through the API host's login and back, without a question.
    await tab.waitForSelector('#result table');
    assert.match(await tab.textContent('#result .status'), /^200/);
    assert.equal(new URL(tab.url()).origin, portal);
    await shot('row-15-api-called');
    const echo = await read(tab, `${api}/api/echo`);
    assert.deepEqual(echo.headers['x-user-email'], [person.email]);
  });

  await report.step('also', 'Chromium: a page\'s POST from the portal arrives (preflight and all)', async () => {
    await tab.goto(`${portal}/`);
    const status = await tab.evaluate(async (url) => {
      const body = JSON.stringify({ name: 'Hamster' });
      const answer = await fetch(url, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body });
      return answer.status;
    }, `${api}/api/pets`);
    assert.equal(status, 201);
  });

  await report.step('also', 'Chromium: a page of another origin can neither read the API nor change anything', async () => {
    // One page of the same site, whose requests carry the cookie, and one of another site.
    for (const foreign of [`${open}/api/pets`, demo.issuer.replace('/oauth2/default', '/nothing')]) {
      await tab.goto(foreign);
      const read = await tab.evaluate((url) => fetch(url, { credentials: 'include' }).then(() => 'read', () => 'blocked'), `${api}/api/pets`);
      assert.equal(read, 'blocked', `read from ${foreign}`);
      await tab.evaluate((url) => {
        const body = JSON.stringify({ name: 'Intruder' });
        return fetch(url, { method: 'POST', credentials: 'include', mode: 'no-cors', body });
      }, `${api}/api/pets`);
    }
    const pets = (await new Client().request(`${open}/api/pets`)).json();
    assert.ok(!pets.some(({ name }) => name === 'Intruder'), 'a foreign page added a pet');
  });

  await report.step('also', 'Chromium: fetch without a session gets 401, not a redirect', async () => {
    const visitor = await privateWindow(browser);
    const page = await visitor.newPage();
    await page.goto(`${portal}/`);
    const answer = await page.evaluate(async (url) => {
      const { status, type, redirected } = await fetch(url, { credentials: 'include', redirect: 'manual' });
      return { status, type, redirected };
    }, `${api}/api/pets`);
    assert.deepEqual(answer, { status: 401, type: 'cors', redirected: false });
    await visitor.close();
  });

  await report.step('also', 'Chromium: a user outside the group reads on a page why the API refuses', async () => {
    const refused = await privateWindow(browser);
    const page = await refused.newPage();
    await page.goto(`${api}/api/pets`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url() === `${api}/api/pets`),
      fillIn(page, outsider),
    ]);
    assert.equal(answer.status(), 403);
    await page.waitForURL(`${api}/api/pets`);
    assert.match(await page.textContent('body'), /not_granted/);
    await shot('refused', page);
    await refused.close();
  });

  await report.step('row 16', 'Chromium: an old session cookie is no hindrance: silently renewed, same page', async () => {
    await demo.replaceSealingKeys();
    const pet = await read(tab, `${api}/api/pets/2`);
    assert.equal(pet.name, 'Cat');
    assert.equal(tab.url(), `${api}/api/pets/2`);
    await tab.goto(`${portal}/`);
    await tab.waitForSelector('body[data-state=visitor]');
    await shot('row-16-portal-after-new-keys');
  });

  await report.step('row 16', 'Chromium: the same when the provider forgot too: straight to its login, then the page', async () => {
    await demo.replaceSealingKeys();
    await window.clearCookies({ domain: 'okta.localhost' });
    await tab.goto(`${api}/api/pets/1`);
    await tab.getByRole('button', { name: 'Sign in' }).waitFor();
    await shot('row-16-straight-to-login');
    await fillIn(tab, { ...person, name: undefined });
    await tab.waitForURL(`${api}/api/pets/1`);
    assert.match(await tab.textContent('body'), /Dog/);
  });

  await report.step('also', 'Chromium: two tabs log in at once, and both land where they began', async () => {
    const pair = await privateWindow(browser);
    const tabs = [await pair.newPage(), await pair.newPage()];
    const addresses = [`${api}/api/pets/1`, `${api}/api/pets/2`];
    await Promise.all(tabs.map((each, index) => each.goto(addresses[index])));
    for (const [index, each] of tabs.entries()) {
      await fillIn(each, insider);
      await each.waitForURL(addresses[index]);
      assert.match(await each.textContent('body'), ['Dog', 'Cat'].map((name) => new RegExp(name))[index]);
    }
    await pair.close();
  });

  await report.step('also', 'Chromium: "Log out" ends it here, on the API host and at the provider', async () => {
    const leaving = await privateWindow(browser);
    const page = await leaving.newPage();
    await page.goto(`${portal}/.auth/login?return_to=/`);
    await fillIn(page, insider);
    await page.waitForSelector('body[data-state=user]');
    await page.click('#call');
    await page.waitForSelector('#result table');

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForSelector('body[data-state=visitor]');
    assert.equal(new URL(page.url()).origin, portal);
    await shot('logged-out', page);
    const status = await page.evaluate(async (url) => (await fetch(url, { credentials: 'include' })).status, `${api}/api/pets`);
    assert.equal(status, 401, 'the API host still knows the session');
    await page.goto(`${api}/api/pets/1`);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await leaving.close();
  });

  await window.close();
}

/** Opens an address that answers JSON, and reads it. */
async function read(tab, address) {
  await tab.goto(address);
  await tab.waitForURL(address);
  return JSON.parse(await tab.textContent('body pre'));
}
