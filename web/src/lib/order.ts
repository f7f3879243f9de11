// The order in which rows are shown, and when it changes. Pure: no clock.
//
// Rows that jump cannot be read. So rows change places at most once in REORDER_MS; neighbours with
// nearly the same value swap only if they still would one tick later; and nothing moves while the
// reader points at a row.

export const REORDER_MS = 2_000;
/** Values closer than this share of the larger one are nearly the same. */
export const CLOSE = 0.03;
/** How long an arrow stays next to a row that moved. */
export const MOVE_MS = 10_000;

export interface Placed {
  key: string;
  value: number;
  /** Places moved according to the ranking; null is new, undefined is unknown. */
  change: number | null | undefined;
}

export interface Move {
  /** Places moved; positive is up, null is new. */
  by: number | null;
  at: number;
}

export interface Order {
  shown: string[];
  /** When rows last changed places, milliseconds; -Infinity before the first order. */
  movedAt: number;
  /** For pairs shown in the wrong order: for how many ticks. */
  inverted: Map<string, number>;
  moves: Map<string, Move>;
}

export function emptyOrder(): Order {
  return { shown: [], movedAt: -Infinity, inverted: new Map(), moves: new Map() };
}

const pair = (above: string, below: string) => `${above}\u0000${below}`;

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= CLOSE * Math.max(Math.abs(a), Math.abs(b));
}

/** Counts a tick for all pairs shown in the wrong order. */
export function tick(order: Order, target: readonly Placed[]): Order {
  const shownAt = new Map(order.shown.map((key, index) => [key, index]));
  const inverted = new Map<string, number>();
  for (const [index, above] of target.entries()) {
    const aboveAt = shownAt.get(above.key);
    if (aboveAt === undefined) continue;
    for (const below of target.slice(index + 1)) {
      const belowAt = shownAt.get(below.key);
      if (belowAt === undefined || belowAt > aboveAt) continue;
      const name = pair(above.key, below.key);
      inverted.set(name, (order.inverted.get(name) ?? 0) + 1);
    }
  }
  return { ...order, inverted };
}

/** The order to show: `target`, except that close pairs stay until they are inverted twice. */
function settled(order: Order, target: readonly Placed[]): string[] {
  const shownAt = new Map(order.shown.map((key, index) => [key, index]));
  const rows = [...target];
  const stays = (above: Placed, below: Placed) => {
    const aboveAt = shownAt.get(above.key);
    const belowAt = shownAt.get(below.key);
    if (aboveAt === undefined || belowAt === undefined || aboveAt < belowAt) return false;
    const ticks = order.inverted.get(pair(above.key, below.key)) ?? 0;
    return ticks < 2 && close(above.value, below.value);
  };
  // Each swap removes one inversion, so this ends.
  for (let again = true; again; ) {
    again = false;
    for (let i = 0; i + 1 < rows.length; i += 1) {
      const above = rows[i] as Placed;
      const below = rows[i + 1] as Placed;
      if (stays(above, below)) {
        rows[i] = below;
        rows[i + 1] = above;
        again = true;
      }
    }
  }
  return rows.map((row) => row.key);
}

export interface Ask {
  /** Milliseconds, same clock as `movedAt`. */
  now: number;
  /** The reader's pointer or focus is on a row. */
  held: boolean;
  /** Another ranking was selected: show it at once. */
  replace: boolean;
}

/** Milliseconds until rows may change places again; 0 if they may now. */
export function waitMs(order: Order, now: number): number {
  return Math.max(0, order.movedAt + REORDER_MS - now);
}

function sameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

function movesOf(order: Order, next: string[], target: readonly Placed[], now: number) {
  const moves = new Map<string, Move>();
  const before = new Map(order.shown.map((key, index) => [key, index]));
  const first = order.shown.length === 0;
  const changeOf = new Map(target.map((row) => [row.key, row.change]));
  const allNew = target.every((row) => row.change == null);
  for (const [index, key] of next.entries()) {
    const was = before.get(key);
    const by = was === undefined ? changeOf.get(key) : was - index;
    // In the first ranking everything is new, which means nothing.
    const says = by !== undefined && by !== 0 && !(first && allNew);
    if (says) moves.set(key, { by, at: now });
    else {
      const old = order.moves.get(key);
      if (old !== undefined && now - old.at < MOVE_MS) moves.set(key, old);
    }
  }
  return moves;
}

/** The order to show now. */
export function arrange(order: Order, target: readonly Placed[], ask: Ask): Order {
  if (ask.replace) {
    const shown = target.map((row) => row.key);
    const fresh = { ...emptyOrder(), shown, movedAt: ask.now };
    return { ...fresh, moves: movesOf(emptyOrder(), shown, target, ask.now) };
  }
  const may = !ask.held && waitMs(order, ask.now) === 0;
  const next = may ? settled(order, target) : order.shown;
  const moved = !sameOrder(next, order.shown);
  return {
    shown: next,
    movedAt: moved ? ask.now : order.movedAt,
    inverted: order.inverted,
    moves: movesOf(order, next, target, ask.now),
  };
}
