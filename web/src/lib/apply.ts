// Applies events of the live stream to the state of the page. Pure: no clock, no network.
import type { Ranking, Status, Trend } from './api-types';

/** The state of the page as of one tick. */
export interface Held {
  batch: number;
  /** The program's clock, milliseconds since the Unix epoch. */
  publishedAt: number;
  ranking: Ranking;
}

export interface Snapshot {
  batch: number;
  published_at: number;
  ranking: Ranking;
  status: Status;
}

export interface Diff {
  batch: number;
  published_at: number;
  ranking: Omit<Ranking, 'trends'>;
  /** Keys of all rows, best first. */
  order: string[];
  /** Rows that are new or changed since the previous tick. */
  rows: Record<string, Trend>;
}

export function fromSnapshot(message: Snapshot): Held {
  return {
    batch: message.batch,
    publishedAt: message.published_at,
    ranking: message.ranking,
  };
}

/**
 * The rows after `diff`, or null where it does not fit what is held: a diff was missed, and the
 * page needs a new snapshot.
 */
export function applyDiff(held: Held | null, diff: Diff): Held | null {
  if (held === null) return null;
  if (diff.batch <= held.batch) return held;
  const before = new Map(held.ranking.trends.map((trend) => [trend.tag, trend]));
  const trends: Trend[] = [];
  for (const key of diff.order) {
    // A tag can be called `constructor`: only own properties are rows.
    const row = Object.hasOwn(diff.rows, key) ? diff.rows[key] : before.get(key);
    if (row === undefined || row.rank !== trends.length + 1) return null;
    trends.push(row);
  }
  return {
    batch: diff.batch,
    publishedAt: diff.published_at,
    ranking: { ...diff.ranking, trends },
  };
}

/** The value by which a row is ranked. */
export function valueOf(trend: Trend, mode: string): number {
  if (mode === 'authors') return trend.authors ?? trend.count;
  return trend.score ?? trend.count;
}
