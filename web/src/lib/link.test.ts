import { expect, test } from 'vitest';
import { safeLink } from './link';

test('only https addresses become links', () => {
  expect(safeLink('https://x.com/i/web/status/1')).toBe('https://x.com/i/web/status/1');
  for (const url of ['javascript:alert(1)', 'http://a.example/', 'https://u@a.example/', '//a', '', null]) {
    expect(safeLink(url)).toBeUndefined();
  }
});
