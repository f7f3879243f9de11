// The form that asks for the token, of the program itself at TAGTIDE_URL: what a browser sends with
// it depends on the headers that the program gives.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open } from './open.mjs';

const url = process.env.TAGTIDE_URL;
const token = process.env.TAGTIDE_TOKEN;
let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const type = async (page, text) => {
  await page.fill('input[name=token]', text);
  const [answer] = await Promise.all([page.waitForNavigation(), page.click('button')]);
  return answer;
};

test('the form leads to the page, and says where the token is wrong', async () => {
  const page = await open(browser, url);
  assert.equal(await page.title(), 'tagtide: log in');
  const answer = await type(page, `${token}x`);
  assert.equal(answer.status(), 401);
  assert.equal(await page.innerText('[role=alert]'), 'That is not the token.');
  await type(page, token);
  await page.waitForSelector('tbody tr');
  assert.equal(page.url(), new URL('/', url).href);
  const problems = page.problems.filter((problem) => !problem.includes('status of 401'));
  assert.deepEqual(problems, [], 'its style is allowed too');
  await page.context().close();
});
