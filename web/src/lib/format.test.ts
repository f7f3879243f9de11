import { describe, expect, it } from 'vitest';
import {
  compact, count, duration, hashtag, learningWords, lift, modeTitle, rate, score, share, windowLabel,
  windowWords,
} from './format';
import { backoffMs } from './live';
import { linePath } from './path';

describe('numbers', () => {
  it('are grouped, and short when long', () => {
    expect(count(1_234_567)).toBe('1,234,567');
    expect(compact(99_999)).toBe('99,999');
    expect(compact(1_234_567)).toBe('1.2M');
    expect(rate(0.25)).toBe('0.3/s');
    expect(rate(1234.5)).toBe('1,235/s');
  });

  it('have a share of what is not empty', () => {
    expect(share(1, 8)).toBe('13%');
    expect(share(1, 80)).toBe('1.3%');
    expect(share(1, 1e6)).toBe('<0.1%');
    expect(share(0, 5)).toBe('0.0%');
    expect(share(1, 0)).toBe('');
  });
});

describe('a tag', () => {
  it('has its # once', () => {
    expect(['music', '#music', 'c#'].map(hashtag)).toEqual(['#music', '#music', 'c#']);
  });
});

describe('what is unusual', () => {
  it('is shown as a multiple of the usual', () => {
    expect([7, 6.84, 11.6, 1234.5, 0.25].map(lift)).toEqual([
      '7× usual', '6.8× usual', '12× usual', '1,235× usual', '0.3× usual',
    ]);
  });

  it('has a score', () => {
    expect([5.217, 12.97, 0, -1.24, 1_234_567].map(score)).toEqual([
      '5.2', '13', '0.0', '-1.2', '1.2M',
    ]);
  });

  it('is not known before it has learned', () => {
    expect(learningWords(1)).toBe('learning baseline (1 of 3 windows)');
  });

  it('heads the page', () => {
    expect(modeTitle(undefined, 'x')).toBe('Hashtags right now');
    expect(modeTitle('decay', 'x')).toBe('Most posted lately');
    expect(modeTitle('trending', 'in the last hour')).toBe('Trending in the last hour');
    expect(modeTitle('later', 'in the last hour')).toBe('later in the last hour');
  });
});

describe('durations', () => {
  it.each([
    [-5, '0 ms'],
    [420, '420 ms'],
    [1_250, '1.3 s'],
    [12_000, '12 s'],
    [180_000, '3 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('%s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it.each([
    [2, '2s', '2 seconds'],
    [60, '1m', 'minute'],
    [900, '15m', '15 minutes'],
    [3600, '1h', 'hour'],
    [86_400, '24h', '24 hours'],
    [604_800, '7d', '7 days'],
  ])('%s as a window', (s, label, words) => {
    expect(windowLabel(s)).toBe(label);
    expect(windowWords(s)).toBe(words);
  });
});

describe('attempts', () => {
  it('wait longer each time, up to a bound', () => {
    expect([0, 1, 2, 3, 4, 99].map((n) => backoffMs(n, 0))).toEqual([
      1_000, 2_000, 4_000, 8_000, 15_000, 15_000,
    ]);
    expect(backoffMs(0, 0.999)).toBeLessThanOrEqual(1_250);
  });
});

describe('lines', () => {
  it('start at zero, within the edges', () => {
    expect(linePath([0, 10], 102, 22).line).toBe('M1 21L101 1');
    expect(linePath([0, 0], 102, 22).line).toBe('M1 21L101 21');
    expect(linePath([], 102, 22).area).toBe('');
  });
});
