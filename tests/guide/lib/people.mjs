// The people of the demo, and how they log in.
import assert from 'node:assert/strict';

import { DEMO_PASSWORD } from '../../../deploy/demo/provider/accounts.mjs';

const prepared = (name) => ({ email: `${name}@example.com`, password: DEMO_PASSWORD });

export const insider = prepared('insider');
export const outsider = prepared('outsider');
export const almost = prepared('almost');
export const single = prepared('single');
export const unverified = prepared('unverified');
export const unassigned = prepared('unassigned');

let signedUp = 0;

/** Someone whom the provider has never seen. */
export function stranger() {
  signedUp += 1;
  return { email: `new.user.${signedUp}@example.com`, name: 'New User', password: 'correct horse battery' };
}

/** Opens an address as a browser does, logs in at the provider when it asks, and returns the page where that ends. */
export async function logIn(client, address, person) {
  const page = await client.navigate(address);
  assert.equal(page.url.hostname, 'okta.localhost', `expected the provider's login, got ${page.status} at ${page.url.href}`);
  return client.submit(page, person);
}

/** The same in Chromium: the tab shows the provider's login or sign-up page. */
export async function fillIn(tab, { email, name, password }) {
  await tab.waitForURL(/okta\.localhost/);
  await tab.fill('input[name=email]', email);
  if (name) await tab.fill('input[name=name]', name);
  await tab.fill('input[name=password]', password);
  await tab.click('main form button');
}
