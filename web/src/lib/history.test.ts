import { describe, expect, it } from 'vitest';
import { cards, historyQuery } from './history';

const HOUR = 3_600_000;
const kept = (at: number) => ({ at, trends: [] });

describe('the question', () => {
  it('names mode and window where there are any', () => {
    expect(historyQuery({ mode: undefined, window: undefined, top: 5 })).toBe('?top=5');
    expect(historyQuery({ mode: 'trending', window: 3600, top: 5 }, { every: '1h' })).toBe(
      '?mode=trending&window=1h&top=5&every=1h',
    );
    expect(historyQuery({ mode: undefined, window: undefined, filter: 'ja', top: 5 })).toBe(
      '?view=ja&top=5',
    );
    expect(historyQuery({ mode: 'decay', window: 3600, top: 5 })).toBe('?mode=decay&top=5');
  });
});

describe('cards', () => {
  it('are the newest ranking and the full hours before it, newest first', () => {
    const hours = [1, 2, 3].map((hour) => kept(hour * HOUR));
    expect(cards(kept(3.5 * HOUR), hours).map((one) => one.at / HOUR)).toEqual([3.5, 3, 2, 1]);
    expect(cards(kept(3 * HOUR), hours).map((one) => one.at / HOUR)).toEqual([3, 2, 1]);
  });

  it('are at most a day of them', () => {
    const hours = Array.from({ length: 40 }, (_, hour) => kept(hour * HOUR));
    expect(cards(kept(39.5 * HOUR), hours)).toHaveLength(24);
  });
});
