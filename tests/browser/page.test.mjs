// How the page behaves on scripted data, lost servers and hostile tags.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Fake, ranking } from './fake.mjs';
import { rows, until } from './open.mjs';
import { asked, fake, page, stage } from './stage.mjs';

const THREE = [['Alpha', 900], ['Beta', 500], ['Gamma', 100]];
const state = () => page.innerText('.state .what');
const shown = (order) => until(() => rows(page), (now) => now.join() === order, order);

async function show(data = THREE, options = {}) {
  await stage(new Fake(data, options.status), options.path ?? '/', options);
  if (fake.ranking.trends.length > 0) await page.waitForSelector('tbody tr');
}

/** Length of each bar as a share of its track, after its animation. */
async function bars() {
  await page.waitForFunction(() =>
    document.getAnimations().every((one) => one.playState !== 'running'));
  return page.$$eval('tbody .bar', (all) => all.map((bar) => {
    const move = new DOMMatrix(getComputedStyle(bar, '::before').transform).m41;
    return Math.round(100 * (1 + move / bar.getBoundingClientRect().width));
  }));
}

describe('bars', () => {
  beforeEach(() => show());

  test('are as long as their values', async () => {
    assert.deepEqual(await bars(), [100, 56, 11]);
  });

  test('grow and change places on new data, gliding', async () => {
    await page.evaluate(() => {
      window.glides = [];
      const original = Element.prototype.animate;
      Element.prototype.animate = function (frames, options) {
        window.glides.push([this.dataset.tag, frames[0].transform, options.duration]);
        return original.call(this, frames, options);
      };
    });
    fake.publish([['Gamma', 1000], ['Alpha', 900], ['Beta', 500]]);
    await shown('gamma,alpha,beta');
    assert.deepEqual(await bars(), [100, 90, 50]);
    assert.match(await page.innerText('tbody tr:nth-child(1) td.move'), /▲\s*2/);
    assert.match(await page.innerText('tbody tr:nth-child(2) td.move'), /▼\s*1/);
    const glides = await page.evaluate(() => window.glides);
    assert.deepEqual(glides.map(([tag]) => tag).sort(), ['alpha', 'beta', 'gamma']);
    const height = await page.$eval('tbody tr', (row) => row.offsetHeight);
    assert.equal(glides.find(([tag]) => tag === 'gamma')[1], `translateY(${2 * height}px)`);
    for (const [, , duration] of glides) assert.ok(duration >= 250 && duration <= 750);
    assert.deepEqual(page.problems, []);
  });

  test('keep their elements when they change places', async () => {
    await page.$eval('tr[data-tag=gamma]', (row) => (row.mark = 'same'));
    fake.publish([['Gamma', 1000], ['Alpha', 900], ['Beta', 500]]);
    await shown('gamma,alpha,beta');
    assert.equal(await page.$eval('tr[data-tag=gamma]', (row) => row.mark), 'same');
  });

  test('new rows are marked, lost rows go', async () => {
    fake.publish([['Alpha', 900], ['Delta', 600, { change: null }], ['Beta', 500]]);
    await shown('alpha,delta,beta');
    assert.match(await page.innerText('tr[data-tag=delta] td.move'), /NEW/);
  });

  test('hold their order under the pointer, while counts go on', async () => {
    await page.hover('tbody tr');
    fake.publish([['Gamma', 1000], ['Alpha', 901], ['Beta', 500]]);
    await page.waitForSelector('.chip:has-text("order held")');
    await page.waitForSelector('tr[data-tag=alpha] td.count:text-is("901")');
    assert.deepEqual(await rows(page), ['alpha', 'beta', 'gamma']);
    await page.mouse.move(5, 5);
    await shown('gamma,alpha,beta');
  });
});

test('nothing moves for readers who want less motion', async () => {
  await show(THREE, { reducedMotion: 'reduce' });
  await page.evaluate(() => {
    window.glides = 0;
    Element.prototype.animate = () => (window.glides += 1);
  });
  fake.publish([['Gamma', 1000], ['Alpha', 900], ['Beta', 500]]);
  await shown('gamma,alpha,beta');
  assert.equal(await page.evaluate(() => window.glides), 0);
  assert.equal(
    await page.$eval('.bar', (bar) => getComputedStyle(bar, '::before').transitionDuration), '0s');
});

test('streams without authors have no column for them', async () => {
  await show([['Alpha', 9, { authors: null }]]);
  assert.equal(await page.locator('th:text-is("Authors")').count(), 0);
});

test('pause counts the updates that wait, and the newest is shown after it', async () => {
  await show();
  await page.keyboard.press('Space');
  for (const count of [901, 902, 903]) fake.publish([['Alpha', count], ['Beta', 500]]);
  await page.waitForSelector('.chip:has-text("paused – 3 updates waiting")');
  assert.equal(await page.innerText('tr[data-tag=alpha] td.count'), '900');
  await page.click('button:has-text("Resume")');
  await page.waitForSelector('tr[data-tag=alpha] td.count:text-is("903")');
});

test('the address is what is asked for', async () => {
  await show(THREE, { path: '/?mode=count&window=5m&top=25' });
  await asked('/api/v1/live?mode=count&window=5m&top=25');
  assert.match(await page.innerText('h1'), /in the last 5 minutes/);
  await page.click('nav[aria-label=Window] a:text-is("1h")');
  await page.waitForFunction(() => /in the last hour/.test(document.querySelector('h1').innerText));
  assert.equal(new URL(page.url()).search, '?mode=count&window=1h&top=25');
  await page.click('nav[aria-label=Window] a:text-is("All")');
  await page.waitForURL('**/?mode=total&top=25');
  await page.goBack();
  await page.goBack();
  await page.waitForFunction(() => /last 5 minutes/.test(document.querySelector('h1').innerText));
  await page.goForward();
  await page.waitForFunction(() => /in the last hour/.test(document.querySelector('h1').innerText));
  await until(() => fake.clients, (clients) => clients === 1, 'one stream at a time');
});

test('views are chosen where the job has any, and stand in the address', async () => {
  await show(THREE);
  assert.equal(await page.locator('nav[aria-label=View]').count(), 0);
  const views = ['ja', 'press'].map((name) => ({ name, tags: 3, posts: 9 }));
  await show(THREE, { path: '/?mode=count&view=ja', status: { views } });
  await asked('/api/v1/live?mode=count&view=ja&top=10');
  assert.equal(await page.innerText('nav[aria-label=View] a[aria-current]'), 'ja');
  await page.click('tr[data-tag=alpha] a.tag');
  await page.waitForSelector('aside');
  await asked('/api/v1/tags/alpha?view=ja');
  await page.click('nav[aria-label=View] a:text-is("press")');
  await page.waitForURL('**/?mode=count&view=press&tag=alpha');
  await asked('/api/v1/live?mode=count&view=press&top=10');
  await page.click('nav[aria-label=View] a:text-is("all")');
  await page.waitForURL('**/?mode=count&tag=alpha');
});

test('a link with a view that the job does not have shows all posts', async () => {
  await show(THREE, { path: '/?view=gone', status: { views: [] } });
  await page.waitForURL((url) => url.search === '');
  await page.waitForSelector('.note:has-text("no view gone here")');
});

test('a link with a mode that the job does not have shows the default, and says so', async () => {
  await show(THREE, { path: '/?mode=authors&window=3h' });
  await page.waitForURL((url) => url.search === '');
  await page.waitForSelector('.note:has-text("no mode authors here")');
  await page.waitForSelector('.note:has-text("no window 3h here")');
  await page.click('nav[aria-label=Window] a:text-is("1h")');
  await page.waitForFunction(() => document.querySelector('.note') === null);
});

test('words that hold a # get no other', async () => {
  await show([['#music', 9], ['c#', 5], ['plain', 1]]);
  assert.deepEqual(await page.$$eval('a.tag', (all) => all.map((one) => one.innerText)),
    ['#music', 'c#', '#plain']);
});

test('the error bound is that of the total, and evicted hashtags are counted', async () => {
  const change = { approximate: true, error_bound: 7, other: 1234 };
  await show(ranking(THREE, change), { path: '/?mode=total' });
  await page.waitForSelector('.note:text-is("approximate: counts at most 7 too large")');
  await page.waitForSelector('.note:text-is("1,234 of evicted hashtags")');
  await show(ranking(THREE, { ...change, error_bound: 0, other: 0 }));
  await page.waitForSelector('.note:text-is("approximate")');
  assert.equal(await page.locator('.note').count(), 1);
});

test('a view without rows says how many posts are in it', async () => {
  const views = [{ name: 'ja', tags: 0, posts: 3 }, { name: 'none', tags: 0, posts: 0 }];
  await show([], { path: '/?view=ja', status: { views } });
  await page.waitForSelector('.empty p:has-text("3 of 48,211 posts that were read are in the view ja")');
  await page.click('nav[aria-label=View] a:text-is("none")');
  await page.waitForSelector('.empty h2:text-is("No posts in this view yet")');
});

test('a link holds while the program does not know its modes yet', async () => {
  const path = '/?mode=count&window=1h';
  await show([], { path, status: { modes: [], windows_s: [] } });
  await page.waitForSelector('.state:has-text("Live")');
  await asked('/api/v1/live?mode=count&window=1h&top=10');
  assert.equal(new URL(page.url()).search, '?mode=count&window=1h');
});

test('keys: mode, window, rows, theme, list of keys', async () => {
  await show();
  await page.keyboard.press('w');
  await page.waitForURL('**/?window=1h');
  await page.keyboard.press('+');
  await page.waitForURL('**/?window=1h&top=25');
  await page.keyboard.press('m');
  await page.waitForURL('**/?mode=total&top=25');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open] >> text=next window');
  await page.keyboard.press('w');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog[open]', { state: 'detached' });
  assert.equal(new URL(page.url()).search, '?mode=total&top=25');
  assert.deepEqual(page.problems, []);
});

test('the focus goes into the details and back to the row', async () => {
  await show();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForSelector('aside:focus');
  await page.keyboard.press('Escape');
  await page.waitForSelector('tr[data-tag=beta] a:focus');
});

test('a tag that is gone says so', async () => {
  await show(THREE, { path: '/?tag=omega' });
  await page.waitForSelector('aside >> text=No recent post has this hashtag.');
});

test('tags of strangers are text', async () => {
  const tags = [
    '<img src=x onerror=window.pwned=1>', '"><script>window.pwned=1</script>', '__proto__',
    'constructor', '{{7*7}}', 'a&amp;b', '\u202Eevil', '😀'.repeat(160), 'ｗｉｄｅ', 'é́́́́',
    'javascript:alert(1)', 'x'.repeat(640),
  ];
  await show(tags.map((tag, index) => [tag, 1000 - index]), { path: '/?top=25' });
  await shown(tags.map((tag) => tag.toLowerCase()).join());
  const texts = await page.$$eval('tbody bdi', (all) => all.map((one) => one.textContent));
  assert.deepEqual(texts, tags.map((tag) => `#${tag}`));
  fake.publish(tags.map((tag, index) => [tag, 2000 - index]));
  await page.waitForSelector('td.count:text-is("2,000")');
  for (const tag of tags.slice(0, 4)) {
    await page.evaluate((key) => {
      [...document.querySelectorAll('tr')].find((row) => row.dataset.tag === key)
        .querySelector('a').click();
    }, tag.toLowerCase());
    await page.waitForFunction((text) =>
      document.querySelector('aside h2')?.textContent === text
        && document.querySelector('aside h3') !== null, `#${tag}`);
  }
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator('tbody img, tbody script, aside img').count(), 0);
  assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), 1280);
  assert.deepEqual(page.problems, []);
});

test('a direction override ends with its tag', async () => {
  await show([['\u202Eabc', 9], ['plain', 8]]);
  const bidi = await page.$eval('tbody bdi', (one) => getComputedStyle(one).unicodeBidi);
  assert.match(bidi, /isolate/);
  assert.equal(await page.title(), '\u2068#\u202Eabc\u2069 leads · tagtide');
});

describe('the state line', () => {
  test('goes stale, keeps the rows, and is live again', async () => {
    await show(THREE, { clock: { time: Date.now() } });
    assert.match(await state(), /^Live updated/);
    await page.clock.fastForward(12_000);
    await until(state, (text) => /^Stale 1\d s/.test(text), 'stale');
    assert.equal(await page.locator('.board.old').count(), 1);
    assert.deepEqual(await rows(page), ['alpha', 'beta', 'gamma']);
    fake.publish(THREE);
    await until(state, (text) => /^Live/.test(text), 'live');
    assert.equal(await page.locator('.board.old').count(), 0);
  });

  test('a connection that is silent for long is reopened', async () => {
    await show(THREE, { clock: { time: Date.now() } });
    const before = fake.requests.filter((path) => path.startsWith('/api/v1/live')).length;
    await page.clock.fastForward(31_000);
    await until(state, (text) => /^Reconnecting/.test(text), 'reconnecting');
    await page.clock.fastForward(2_000);
    await until(state, (text) => /^Live/.test(text), 'live');
    const after = fake.requests.filter((path) => path.startsWith('/api/v1/live')).length;
    assert.equal(after, before + 1);
  });

  test('reconnects after the server comes back, rows kept meanwhile', async () => {
    await show();
    const { port } = fake;
    await fake.stop();
    await until(state, (text) => /^Reconnecting in \d+ s/.test(text), 'reconnecting');
    assert.deepEqual(await rows(page), ['alpha', 'beta', 'gamma']);
    fake.ranking = ranking([['Beta', 2000], ['Alpha', 950]]);
    await fake.start(port);
    await until(state, (text) => /^Live/.test(text), 'live');
    await shown('beta,alpha');
    assert.deepEqual(page.problems, []);
  });

  test('a diff that does not fit brings a new snapshot', async () => {
    await show();
    fake.ranking = ranking([['Unseen', 5000], ...THREE]);
    fake.raw('event: diff\ndata: {"batch":99,"published_at":1,"ranking":{},'
      + '"order":["unseen","alpha"],"rows":{}}\n\n');
    await shown('unseen,alpha,beta,gamma');
  });

  test('garbage on the stream breaks nothing', async () => {
    await show();
    fake.raw('event: status\ndata: {"half\n\n');
    fake.raw('event: unheard-of\ndata: 1\n\n');
    fake.publish([['Alpha', 901]]);
    await shown('alpha');
    assert.deepEqual(page.problems, []);
  });

  test('says that the source has ended, and stays so', async () => {
    await show(THREE, { clock: { time: Date.now() } });
    fake.say({ state: 'ended' });
    await until(state, (text) => /^Source ended/.test(text), 'ended');
    await page.clock.fastForward(120_000);
    assert.match(await state(), /^Source ended/);
    assert.equal(await page.locator('.board.old').count(), 0);
  });

  test('shows what was not counted', async () => {
    await show();
    fake.say({ counters: { late: 1234, future: 2, oversize: 3, partial: 4, malformed: 9 } });
    await page.waitForFunction(() => /late\s*1,234\s*dropped\s*9\s*malformed\s*9/.test(
      document.querySelector('.state dl').innerText));
  });
});

describe('an empty page says what to do', () => {
  test('when no post has come', async () => {
    const counters = { posts: 0 };
    const sources = [{
      name: 'tcp://127.0.0.1:9009', state: 'retrying', detail: 'connection refused', posts: 0,
      format: null, reconnects: 3,
    }];
    await show([], { status: { counters, sources } });
    await page.waitForSelector('.empty >> text=No posts yet');
    assert.match(await page.innerText('.empty'), /tagtide doctor[\s\S]*connection refused/);
    assert.match(await state(), /1 of 1 source reconnecting/);
  });

  test('when no post had a hashtag', async () => {
    await show([]);
    await page.waitForSelector('.empty >> text=No hashtags in this window');
  });
});

describe('light and dark', () => {
  const background = () => page.$eval('html', (root) => getComputedStyle(root).backgroundColor);

  test('follow the system, then the reader, who is remembered', async () => {
    await show(THREE, { colorScheme: 'dark' });
    const dark = await background();
    await page.click('button[aria-label="Light or dark"]');
    const light = await background();
    assert.notEqual(light, dark);
    await page.reload();
    await page.waitForSelector('tbody tr');
    assert.equal(await background(), light);
    await page.keyboard.press('t');
    assert.equal(await background(), dark);
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await background(), dark);
    assert.deepEqual(page.problems, []);
  });
});
