// One browser for the tests of a file; each test has a stand-in and a page of its own.
import { after, afterEach, before } from 'node:test';
import { launch, open, until } from './open.mjs';

let browser;
export let fake;
export let page;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
async function clear() {
  await page?.context().close();
  await fake?.stop();
  [page, fake] = [undefined, undefined];
}
afterEach(clear);

/**
 * Starts the stand-in and opens `path` of it: both are there under their names from now on, and
 * what was there before is gone.
 */
export async function stage(server, path, options) {
  await clear();
  fake = await server.start();
  page = await open(browser, fake.url + path, options);
}

/** Waits until the page has requested `path`; its address can change a moment before. */
export const asked = (path) =>
  until(() => fake.requests, (all) => all.includes(path), `a request for ${path}`);
