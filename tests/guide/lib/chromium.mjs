// A real Chromium, headless, that talks to nobody but the demo.
import { existsSync } from 'node:fs';

import { load } from '../../../deploy/demo/lib/npm.mjs';

const CANDIDATES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const ARGUMENTS = [
  // Its sandbox does not work for root, which is what a build container usually is. It opens the demo's pages only.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const STEP_TIMEOUT = 15_000;

export async function launchChromium() {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('Chromium is not installed; `make chromium` installs it, or set CHROMIUM to where it is');
  const { chromium } = (await load('playwright-core')).default;
  // Left to itself, the driver ends this process on a signal, and the demo's parts would stay.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  return chromium.launch({ executablePath, headless: true, args: ARGUMENTS, ...signals });
}

/** A browser with no cookies, as in a private window. */
export async function privateWindow(browser) {
  const window = await browser.newContext({ viewport: { width: 1180, height: 760 } });
  window.setDefaultTimeout(STEP_TIMEOUT);
  return window;
}
