// Opens the page in Debian's Chromium with a fresh profile; no network request
// beyond the address of the page.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
export const { AxeBuilder } = require('@axe-core/playwright');

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

function executable() {
  const path = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(path)) {
    throw new Error(
      `open the browser: no file \`${path}\`\nhelp: apt-get install -y chromium, or set CHROMIUM`,
    );
  }
  return path;
}

export const launch = () => chromium.launch({ executablePath: executable(), args: FLAGS });

/**
 * A page at `url` that remembers what went wrong in it: `page.problems` holds console errors,
 * policy violations, page errors and requests to other origins.
 */
export async function open(browser, url, options = {}) {
  const { clock, before, ...context } = options;
  const own = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...context });
  const page = await own.newPage();
  page.problems = [];
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => page.problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // The browser logs an error for a server that was stopped on purpose.
    const expected = /net::ERR_(CONNECTION|INCOMPLETE|EMPTY)|status of 404/.test(text);
    if (message.type() === 'error' && !expected) page.problems.push(`console: ${text}`);
  });
  const origin = new URL(url).origin;
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) page.problems.push(`asks ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  if (clock) await page.clock.install(clock);
  if (before) await before(page);
  await page.goto(url);
  return page;
}

export const rows = (page) =>
  page.$$eval('tbody tr', (all) => all.map((row) => row.dataset.tag));

/** Polls `probe` until `accept` returns true for its result; an error contains the last result. */
export async function until(probe, accept, what, ms = 15_000) {
  const end = performance.now() + ms;
  let last;
  do {
    last = await probe();
    if (accept(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 25));
  } while (performance.now() < end);
  throw new Error(`waited for ${what}, last saw ${JSON.stringify(last)}`);
}
