// How the page looks: pictures into the folder TAGTIDE_SHOTS, contrast and roles by axe.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fake, drifting, ranking } from './fake.mjs';
import { AxeBuilder, launch, open, rows, until } from './open.mjs';

const SHOTS = process.env.TAGTIDE_SHOTS;
let browser;
let fake;

before(async () => {
  browser = await launch();
  if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
});
after(async () => {
  await browser?.close();
  await fake?.stop();
});

const settled = (page) => page.waitForFunction(() =>
  document.getAnimations().every((one) => one.playState !== 'running'));

async function look(page, name) {
  await settled(page);
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const problems = grave.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  assert.deepEqual(problems, [], name);
}

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[1280, 860], [320, 720]]) {
    test(`${colorScheme}, ${width} pixels wide`, async () => {
      const name = `${colorScheme}-${width}`;
      let url = process.env.TAGTIDE_URL;
      if (url === undefined) {
        await fake?.stop();
        fake = await new Fake(ranking(drifting(6, 100))).start();
        url = fake.url;
      }
      const page = await open(browser, url, { viewport: { width, height }, colorScheme });
      await page.waitForSelector('tbody tr');
      let beat;
      if (fake !== undefined) {
        const first = (await rows(page)).join();
        fake.publish(drifting(10, 100));
        await until(() => rows(page), (now) => now.join() !== first, 'rows to move');
        beat = setInterval(() => fake.publish(drifting(10, 100)), 1_000);
      }
      await look(page, name);
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await page.waitForSelector('aside h3');
      await look(page, `${name}-details`);
      await page.keyboard.press('Escape');
      await page.waitForSelector('aside', { state: 'detached' });
      await page.keyboard.press('?');
      await page.waitForSelector('dialog[open]');
      await look(page, `${name}-keys`);
      await page.keyboard.press('Escape');
      await page.click('nav[aria-label=Rows] a:text-is("25")');
      await page.waitForURL(/top=25/);
      if (fake !== undefined) await until(() => rows(page), (now) => now.length === 25, '25 rows');
      await page.keyboard.press('Space');
      await look(page, `${name}-25`);
      clearInterval(beat);
      if (fake !== undefined) {
        await fake.stop();
        await page.waitForSelector('.board.old');
        await page.evaluate(() => scrollTo(0, 0));
        await look(page, `${name}-lost`);
      }
      assert.deepEqual(page.problems, []);
      await page.context().close();
    });
  }
}
