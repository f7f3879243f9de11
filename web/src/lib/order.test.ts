import { describe, expect, it } from 'vitest';
import { arrange, emptyOrder, MOVE_MS, REORDER_MS, tick, type Order, type Placed } from './order';

/** `a9 b8` as rows, best first. */
const rows = (text: string): Placed[] =>
  text.split(' ').map((word) => ({
    key: word.charAt(0),
    value: Number(word.slice(1)),
    change: 0,
  }));

function feed(order: Order, text: string, now: number, held = false): Order {
  const target = rows(text);
  return arrange(tick(order, target), target, { now, held, replace: false });
}

const shown = (order: Order) => order.shown.join('');

describe('arrange', () => {
  it('shows the first ranking at once', () => {
    expect(shown(feed(emptyOrder(), 'a9 b8 c7', 0))).toBe('abc');
  });

  it('moves rows at most once in two seconds', () => {
    let order = feed(emptyOrder(), 'a90 b50 c10', 0);
    order = feed(order, 'b95 a90 c10', REORDER_MS - 1);
    expect(shown(order)).toBe('abc');
    order = feed(order, 'b95 a90 c10', REORDER_MS);
    expect(shown(order)).toBe('bac');
    order = feed(order, 'c200 b95 a90', REORDER_MS + 100);
    expect(shown(order)).toBe('bac');
    order = feed(order, 'c200 b95 a90', 2 * REORDER_MS);
    expect(shown(order)).toBe('cba');
  });

  it('does not count an order that stayed as a move', () => {
    let order = feed(emptyOrder(), 'a90 b50', 0);
    order = feed(order, 'a91 b50', REORDER_MS);
    expect(order.movedAt).toBe(0);
  });

  it('swaps close neighbours only when the swap is there a tick later', () => {
    let order = feed(emptyOrder(), 'a1000 b990', 0);
    order = feed(order, 'b1001 a1000', REORDER_MS);
    expect(shown(order)).toBe('ab');
    expect(shown(feed(order, 'a1002 b1001', 2 * REORDER_MS))).toBe('ab');
    expect(shown(feed(order, 'b1003 a1000', 2 * REORDER_MS))).toBe('ba');
  });

  it('restarts counting ticks when the swap went away', () => {
    let order = feed(emptyOrder(), 'a1000 b990', 0);
    for (let i = 1; i < 6; i += 1) {
      order = feed(order, i % 2 ? 'b1001 a1000' : 'a1001 b1000', i * REORDER_MS);
      expect(shown(order)).toBe('ab');
    }
  });

  it('swaps at once by more than three per cent', () => {
    const order = feed(emptyOrder(), 'a1000 b990', 0);
    expect(shown(feed(order, 'b1032 a1000', REORDER_MS))).toBe('ba');
  });

  it('lets a row that rose far pass a close pair that waits', () => {
    const order = feed(emptyOrder(), 'a1000 b990 c10', 0);
    expect(shown(feed(order, 'c2000 b1001 a1000', REORDER_MS))).toBe('cab');
  });

  it('holds order and membership while the reader holds it', () => {
    let order = feed(emptyOrder(), 'a9 b5', 0);
    order = feed(order, 'c20 a9', 10 * REORDER_MS, true);
    expect(shown(order)).toBe('ab');
    expect(shown(feed(order, 'c20 a9', 11 * REORDER_MS))).toBe('ca');
  });

  it('shows another ranking as it is, whatever holds', () => {
    const order = feed(emptyOrder(), 'a9 b5', 0);
    const next = arrange(order, rows('x2 b1'), { now: 1, held: true, replace: true });
    expect(shown(next)).toBe('xb');
  });

  it('ends for a hundred rows turned round, and keeps every row', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({
      key: `k${i}`,
      value: 1000,
      change: 0,
    }));
    const order = arrange(emptyOrder(), many, { now: 0, held: false, replace: false });
    const turned = [...many].reverse();
    const once = arrange(tick(order, turned), turned, {
      now: REORDER_MS,
      held: false,
      replace: false,
    });
    expect(once.shown).toEqual(many.map((row) => row.key));
    const twice = arrange(tick(once, turned), turned, {
      now: 2 * REORDER_MS,
      held: false,
      replace: false,
    });
    expect(twice.shown).toEqual(turned.map((row) => row.key));
  });
});

describe('moves', () => {
  it('says how far a row moved, for a while', () => {
    let order = feed(emptyOrder(), 'a90 b50 c10', 0);
    expect(order.moves.size).toBe(0);
    order = feed(order, 'c99 a90 b50', REORDER_MS);
    expect(order.moves.get('c')?.by).toBe(2);
    expect(order.moves.get('a')?.by).toBe(-1);
    order = feed(order, 'c99 a90 b50', REORDER_MS + MOVE_MS - 1);
    expect(order.moves.get('c')?.by).toBe(2);
    order = feed(order, 'c99 a90 b50', REORDER_MS + MOVE_MS);
    expect(order.moves.size).toBe(0);
  });

  it('takes the word of the ranking for a row that enters', () => {
    const order = feed(emptyOrder(), 'a90 b50', 0);
    const target: Placed[] = [
      { key: 'n', value: 200, change: null },
      { key: 'r', value: 100, change: 7 },
      { key: 'a', value: 90, change: -2 },
    ];
    const next = arrange(tick(order, target), target, {
      now: REORDER_MS,
      held: false,
      replace: false,
    });
    expect(next.moves.get('n')?.by).toBeNull();
    expect(next.moves.get('r')?.by).toBe(7);
    expect(next.moves.get('a')?.by).toBe(-2);
  });

  it('says nothing where all rows are new because there was no ranking before', () => {
    const target = rows('a2 b1').map((row) => ({ ...row, change: null }));
    const order = arrange(emptyOrder(), target, { now: 0, held: false, replace: true });
    expect(order.moves.size).toBe(0);
  });
});
