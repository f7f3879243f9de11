import { describe, expect, it } from 'vitest';
import type { Ranking, Status, Trend } from './api-types';
import { applyDiff, fromSnapshot, valueOf, type Diff } from './apply';

const row = (rank: number, tag: string, count: number): Trend => ({
  rank,
  tag,
  display: tag,
  count,
  authors: null,
  change: 0,
});
const { trends: _, ...head }: Ranking = {
  mode: 'count',
  window_s: 60,
  view: 'all',
  at: 1,
  watermark: 0,
  provisional: false,
  approximate: false,
  error_bound: 0,
  posts: 9,
  tagged_posts: 8,
  distinct_tags: 7,
  trends: [],
};
const held = (...trends: Trend[]) =>
  fromSnapshot({
    batch: 4,
    published_at: 100,
    ranking: { ...head, trends },
    status: {} as Status,
  });
const diff = (order: string[], rows: Trend[], batch = 5): Diff => ({
  batch,
  published_at: 200,
  ranking: { ...head, posts: 10 },
  order,
  rows: Object.fromEntries(rows.map((one) => [one.tag, one])),
});

describe('applyDiff', () => {
  it('takes changed rows from the diff, the others from before, in the new order', () => {
    const next = applyDiff(
      held(row(1, 'a', 9), row(2, 'b', 8), row(3, 'c', 2)),
      diff(['b', 'a', 'c'], [row(1, 'b', 10), row(2, 'a', 9)]),
    );
    expect(next?.ranking.trends.map((t) => [t.tag, t.count])).toEqual([
      ['b', 10],
      ['a', 9],
      ['c', 2],
    ]);
    expect(next?.ranking.posts).toBe(10);
    expect(next?.batch).toBe(5);
  });

  it('drops rows that the order does not name', () => {
    const next = applyDiff(held(row(1, 'a', 9), row(2, 'b', 8)), diff(['a'], []));
    expect(next?.ranking.trends.map((t) => t.tag)).toEqual(['a']);
  });

  it('asks for a snapshot when a row is not known', () => {
    expect(applyDiff(held(row(1, 'a', 9)), diff(['a', 'b'], []))).toBeNull();
  });

  it('asks for a snapshot when a rank does not fit its place', () => {
    const before = held(row(1, 'a', 9), row(2, 'b', 8));
    expect(applyDiff(before, diff(['b', 'a'], [row(1, 'b', 10)]))).toBeNull();
  });

  it('asks for a snapshot when there was none', () => {
    expect(applyDiff(null, diff([], []))).toBeNull();
  });

  it('passes over a batch that it has', () => {
    const before = held(row(1, 'a', 9));
    expect(applyDiff(before, diff(['a'], [row(1, 'a', 1)], 4))).toBe(before);
  });

  it('takes tags that are names of object properties for tags', () => {
    const names = ['constructor', '__proto__', 'toString'];
    const rows = names.map((name, i) => row(i + 1, name, 9 - i));
    const next = applyDiff(held(), diff(names, rows));
    expect(next?.ranking.trends.map((t) => t.tag)).toEqual(names);
    expect(applyDiff(held(), diff(['constructor'], []))).toBeNull();
  });
});

describe('what a row is ranked by', () => {
  const trend = { rank: 1, tag: 'a', display: 'a', count: 9, authors: 7, score: null } as Trend;

  it('is the score where there is one, authors by authors, posts else', () => {
    expect(valueOf(trend, 'count')).toBe(9);
    expect(valueOf(trend, 'authors')).toBe(7);
    expect(valueOf({ ...trend, authors: null }, 'authors')).toBe(9);
    expect(valueOf({ ...trend, score: 2.5 }, 'trending')).toBe(2.5);
    expect(valueOf(trend, 'trending')).toBe(9);
  });
});
