// What must hold on any server: the stand-in, or the program itself at TAGTIDE_URL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Fake, drifting } from './fake.mjs';
import { launch, open, rows, until } from './open.mjs';

let browser;
let fake;
let url;
let step = 0;
let timer;

before(async () => {
  browser = await launch();
  url = process.env.TAGTIDE_URL;
  if (url === undefined) {
    fake = await new Fake(drifting(0, 100)).start();
    url = fake.url;
    timer = setInterval(() => fake.publish(drifting((step += 1), 100)), 500);
  }
});

after(async () => {
  clearInterval(timer);
  await browser?.close();
  await fake?.stop();
});

const counts = (page) => page.$$eval('tbody td.count', (all) => all.map((cell) => cell.innerText));

test('rows are shown, best first, and change', async () => {
  const page = await open(browser, url);
  await page.waitForSelector('tbody tr');
  const shown = await rows(page);
  assert.ok(shown.length >= 1 && shown.length <= 10, `${shown.length} rows`);
  assert.equal(new Set(shown).size, shown.length);
  const ranks = await page.$$eval('tbody td.rank', (all) => all.map((cell) => cell.innerText));
  assert.deepEqual(ranks, shown.map((_, index) => String(index + 1)));
  const first = JSON.stringify(await counts(page));
  await until(() => counts(page), (now) => JSON.stringify(now) !== first, 'counts to change');
  assert.match(await page.innerText('.state .what'), /^(Live updated|Learning baseline|Replay)/);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('mode and rows are in the address, and back works', async () => {
  const page = await open(browser, url);
  await page.waitForSelector('tbody tr');
  await page.click('nav[aria-label=Rows] a:text-is("25")');
  await page.waitForURL(/[?&]top=25/);
  await page.click('nav[aria-label=Mode] a:text-is("Total")');
  await page.waitForURL(/mode=total/);
  await page.waitForSelector('h1 >> text=since counting began');
  await page.goBack();
  await page.waitForFunction(() => !location.search.includes('mode=total'));
  await page.goBack();
  await page.waitForFunction(() => location.search === '');
  const current = '[aria-label=Rows] a[aria-current]';
  assert.equal(await page.innerText(current), '10');
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('pause holds the picture', async () => {
  const page = await open(browser, url);
  await page.waitForSelector('tbody tr');
  await page.keyboard.press('Space');
  await page.waitForSelector('.chip:has-text("paused")');
  const held = await counts(page);
  await page.waitForFunction(() => /[1-9]\d* updates? waiting/.test(
    document.querySelector('.state').innerText));
  assert.deepEqual(await counts(page), held);
  await page.keyboard.press('Space');
  await until(() => counts(page), (now) => now.join() !== held.join(), 'the picture to go on');
  assert.equal(await page.locator('.chip').count(), 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('a row opens its details, Escape closes them', async () => {
  const page = await open(browser, url);
  await page.waitForSelector('tbody tr');
  await page.keyboard.press('j');
  const tag = await page.evaluate(() => document.activeElement.closest('tr').dataset.tag);
  await page.keyboard.press('Enter');
  await page.waitForSelector('aside h3:text-is("Spellings")');
  assert.equal(new URL(page.url()).searchParams.get('tag'), tag);
  await page.keyboard.press('Escape');
  await page.waitForSelector('aside', { state: 'detached' });
  assert.equal(new URL(page.url()).searchParams.get('tag'), null);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('320 pixels need no scrolling to the side', async () => {
  const page = await open(browser, url, { viewport: { width: 320, height: 640 } });
  await page.waitForSelector('tbody tr');
  const wide = () => page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.equal(await wide(), 320);
  const tracks = await page.$$eval('.bar', (all) => all.map((bar) => bar.offsetWidth));
  assert.equal(new Set(tracks).size, 1, 'bars are measured against the same length');
  await page.keyboard.press('Space');
  await page.waitForSelector('.chip:has-text("paused")');
  assert.equal(await wide(), 320);
  await page.click('tbody tr a');
  await page.waitForSelector('aside h3');
  assert.equal(await wide(), 320);
  const box = await page.locator('aside').boundingBox();
  assert.deepEqual(box, { x: 0, y: 0, width: 320, height: 640 });
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
