import { describe, expect, it } from 'vitest';
import type { Explanation } from './api-types';
import { gateWords, numbers, zBar } from './explain';

const gate = (name: string, value: number | null, bound: number, passed = true) => ({
  name, value, bound, passed, required: true,
});

describe('gates', () => {
  it('say what they ask and what there is', () => {
    expect(gateWords(gate('min_count', 3, 5, false))).toBe('3 people count, at least 5');
    expect(gateWords(gate('min_authors', 1200, 3))).toBe('1,200 authors, at least 3');
    expect(gateWords(gate('score', 5.2171, 2))).toBe('score 5.22, at least 2');
    expect(gateWords(gate('score', null, 2, false))).toBe('no score yet');
    expect(gateWords(gate('lists', 0, 1, false))).toBe('hidden by a list of the job');
    expect(gateWords(gate('learned', 1, 3, false))).toBe('baseline learned from 1 of 3 windows');
    expect(gateWords(gate('later', 1, 3))).toBe('later 1.00, at least 3');
  });
});

describe('bars', () => {
  it('are as long as z, and nothing below usual', () => {
    expect([zBar(5, 10), zBar(-3, 10), zBar(0, 0), zBar(20, 10)]).toEqual([
      '50.0%', '0.0%', '0.0%', '100.0%',
    ]);
  });
});

describe('numbers', () => {
  const of = {
    score: 5.2171, held: 4.1, expected: 0, lift: 11, status: 'rising', estimated: true,
    people: { authors: 60, posts: 61, span_s: 60, spans: 1, busiest: 60, spread: 3, repeat: 60,
      counted: 3 },
    windows: [
      { window_s: 900, learned: true, posts: 61, authors: 60, x: 3, y: 3.67, mu: 1.22, nu: 0,
        z: 2.45 },
    ],
  } as unknown as Explanation;

  it('are all there, each named once', () => {
    const rows = numbers(of);
    expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
    const value = (name: string) => rows.find(([own]) => own === name)?.[1];
    expect(value('score')).toBe('5.22');
    expect(value('usual')).toBe('0 people');
    expect(value('authors')).toBe('60 (estimated)');
    expect(value('rule of spread allows')).toBe('3');
    expect(value('15m: μ, ν')).toBe('1.22, 0.00');
  });

  it('say what is not known yet', () => {
    const learning = { ...of, score: null, expected: null, people: null } as Explanation;
    const rows = numbers(learning).map(([, value]) => value);
    expect(rows.filter((value) => value === 'none yet')).toHaveLength(2);
  });
});
