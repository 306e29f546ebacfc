// `make demo-check`: starts the demo, walks through the guide by itself, prints each step with pass or fail.
//
// It has its own ports and folder, so that a demo may run beside it. The rows are the guide's: 1 and 2 are the demo's
// own files and names, 17 and 18 are not steps. "also" is what the guide does not ask but its readers rely on.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Demo } from '../../deploy/demo/lib/demo.mjs';
import { WANTED } from '../../deploy/demo/lib/redis.mjs';
import { browserRows } from './browser.mjs';
import { faults } from './faults.mjs';
import { headers } from './headers.mjs';
import { launchChromium } from './lib/chromium.mjs';
import { RelyingParty } from './lib/relying-party.mjs';
import { Report } from './lib/report.mjs';
import { rows } from './rows.mjs';
import { visitor } from './visitor.mjs';

const BASE = 20000;

const screenshots = fileURLToPath(new URL('../../.tools/screenshots', import.meta.url));
const report = new Report();
const demo = new Demo({
  base: Number(process.env.PORTCULLIS_DEMO_PORT ?? BASE),
  redis: WANTED,
  directory: 'demo-check',
  onDeath: (part, how) => console.log(`          ${part.name} ${how}\n${part.lastLines}`),
});
let browser;
let ending = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(1));

try {
  rmSync(screenshots, { recursive: true, force: true });
  mkdirSync(screenshots, { recursive: true });
  await demo.prepare();
  await demo.start();
  browser = await launchChromium();
  const party = new RelyingParty({ ...demo, redirectUri: `${demo.portal}/callback` });
  const world = { demo, report, browser, party, screenshots };

  await rows(world);
  await visitor(world);
  await browserRows(world);
  await headers(world);
  await faults(world);
} catch (error) {
  report.failed += 1;
  console.log(`demo-check: ${error.message}`);
}
await end();

async function end(code) {
  if (ending) return;
  ending = true;
  await browser?.close();
  await demo.stop();
  if (report.failed > 0) console.log('What the parts said is in .tools/demo-check/logs/');
  const good = report.finish();
  process.exit(code ?? (good ? 0 : 1));
}
