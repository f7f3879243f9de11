// Modes that compare tags with their past, why a tag is listed, and the history.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Fake, PAST, ranking, trending } from './fake.mjs';
import { rows, until } from './open.mjs';
import { asked, page, stage } from './stage.mjs';

const NEWEST = Date.UTC(2026, 10, 20, 12, 30);
const TRENDING = '/?mode=trending&window=1h';

async function show({ path = TRENDING, learning, history = null, ...options } = {}) {
  const change = learning === undefined ? {} : { learning };
  const server = new Fake(ranking(trending(6), change), PAST);
  server.history = history;
  await stage(server, path, options);
}

/** Waits until the links of the list `name` are these. */
const offers = (name, links) => until(
  () => page.$$eval(`nav[aria-label=${name}] a`, (all) => all.map((one) => one.textContent)),
  (now) => isDeepStrictEqual(now, links), `${name} ${links}`,
);

test('every mode and the windows that it can rank are offered', async () => {
  await show({ path: '/?mode=count&window=1m' });
  await page.waitForSelector('tbody tr');
  await offers('Mode', ['Total', 'Count', 'Authors', 'Trending', 'Decay']);
  await offers('Window', ['1m', '5m', '15m', '1h', '24h', 'All']);
  await page.click('nav[aria-label=Mode] a:text-is("Trending")');
  // One minute is not a window of that mode.
  await page.waitForURL('**/?mode=trending');
  await offers('Window', ['15m', '1h', 'All']);
  await page.click('nav[aria-label=Mode] a:text-is("Decay")');
  await page.waitForURL('**/?mode=decay');
  await asked('/api/v1/live?mode=decay&top=10');
  assert.deepEqual(page.problems, []);
});

test('rows show how unusual they are', async () => {
  await show();
  await page.waitForSelector('tbody tr');
  const first = await page.innerText('tbody tr:first-child td.why');
  assert.match(first, /^40× usual\s+▲\s*rising$/);
  assert.equal(await page.innerText('tbody tr:first-child td.score'), '10');
  assert.match(await page.innerText('tbody tr:nth-child(4) td.why'), /▼\s*cooling/);
  assert.equal(await page.innerText('h1'), 'Trending in the last hour');
});

test('a baseline that is being learned is shown', async () => {
  await show({ learning: 1, viewport: { width: 320, height: 640 } });
  await page.waitForSelector('.heading >> text=learning baseline (1 of 3 windows)');
  assert.match(await page.innerText('.state .what'), /^Learning baseline \(1 of 3 windows\)/);
  assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), 320);
});

test('the details say why, with every number', async () => {
  await show({ path: `${TRENDING}&tag=fridayfeeling` });
  await page.waitForSelector('aside >> text=Why it is trending');
  const said = await page.innerText('aside .text');
  assert.match(said, /^40x usual for an hour: \d+ people in 20 different minutes$/);
  assert.equal(await page.locator('aside .gates li').count(), 4);
  assert.equal(await page.locator('aside .gates .failed').count(), 0);
  assert.equal(await page.locator('aside details[open]').count(), 0);
  await page.focus('aside summary');
  await page.keyboard.press('Enter');
  await page.waitForSelector('aside details[open] >> text=rule of spread allows');
  await asked('/api/v1/tags/fridayfeeling/explain?window=3600');
  assert.deepEqual(page.problems, []);
});

describe('the history', () => {
  test('has a card for each hour, and the details of its tags', async () => {
    const { trends } = ranking(trending(6));
    await show({ history: { newest: NEWEST, trends } });
    await page.waitForSelector('tbody tr');
    await page.keyboard.press('h');
    await page.waitForURL('**/?mode=trending&window=1h&tab=history');
    await page.waitForSelector('.cards > li:nth-child(24)');
    assert.equal(await page.locator('.cards > li').count(), 24);
    assert.match(await page.innerText('.cards > li:first-child h2'), /^Newest/);
    const tags = await page.$$eval('.cards > li:nth-child(2) a', (all) =>
      all.map((one) => one.textContent));
    assert.deepEqual(tags, trends.map((trend) => `#${trend.display}`));
    await page.click('.cards > li:nth-child(2) a');
    await page.waitForSelector('aside >> text=Why it is trending');
    assert.match(page.url(), /tag=fridayfeeling&tab=history$/);
    await page.keyboard.press('Escape');
    await page.waitForSelector('aside', { state: 'detached' });
    await page.click('nav[aria-label=Pages] a:text-is("Live")');
    await page.waitForSelector('tbody tr');
    assert.equal((await rows(page)).length, 10);
    assert.deepEqual(page.problems, []);
  });

  test('says so where none is kept', async () => {
    await show({ path: `${TRENDING}&tab=history` });
    await page.waitForSelector('main >> text=No history here');
  });
});

test('a phone has room for all of it', async () => {
  const { trends } = ranking(trending(6));
  const viewport = { width: 320, height: 640 };
  await show({ viewport, history: { newest: NEWEST, trends } });
  await page.waitForSelector('tbody tr');
  const wide = () => page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.equal(await wide(), 320);
  const inside = await page.$$eval('tbody tr', (all) => all.every((row) => {
    const [own, why] = [row, row.querySelector('.why')].map((one) => one.getBoundingClientRect());
    return why.top >= own.top && why.bottom <= own.bottom && why.right <= own.right;
  }));
  assert.ok(inside, 'the multiple of the usual is inside its row');
  await page.click('nav[aria-label=Pages] a:text-is("History")');
  await page.waitForSelector('.cards > li');
  assert.equal(await wide(), 320);
  await page.click('.cards a');
  await page.waitForSelector('aside details');
  await page.click('aside summary');
  assert.equal(await wide(), 320);
  assert.deepEqual(page.problems, []);
});

test('recent posts are text, and only https addresses are links', async () => {
  await show();
  await page.click('tbody tr >> nth=0 >> a');
  await page.waitForSelector('aside >> text=Related hashtags');
  const posts = await page.$$eval('aside .posts p', (all) => all.map((one) => one.textContent));
  assert.match(posts[0], /^<b>look<\/b> #/);
  assert.equal(posts.length, 2);
  const links = await page.$$eval('aside .posts a', (all) =>
    all.map((one) => [one.href, one.rel, one.target]));
  assert.deepEqual(links, [['https://a.example/@ann/1', 'noopener noreferrer', '_blank']]);
});
