// Past rankings, as cards of one hour each. Pure, except for the two requests.
import { getHistory } from './api';
import type { StoredRanking } from './api-types';
import { hasWindow } from './modes';
import { windowLabel } from './format';

const HOUR_MS = 3_600_000;
const CARDS = 24;

export interface Asked {
  mode: string | undefined;
  window: number | undefined;
  filter?: string | undefined;
  top: number;
}

/** The query of a request; `more` is its time. */
export function historyQuery(asked: Asked, more: Record<string, string> = {}): string {
  const params = new URLSearchParams();
  if (asked.mode !== undefined) params.set('mode', asked.mode);
  if (asked.window !== undefined && hasWindow(asked.mode)) {
    params.set('window', windowLabel(asked.window));
  }
  if (asked.filter !== undefined) params.set('view', asked.filter);
  params.set('top', String(asked.top));
  for (const [name, value] of Object.entries(more)) params.set(name, value);
  return `?${params}`;
}

/** Newest first: the newest ranking, then the full hours. */
export function cards(newest: StoredRanking, hours: readonly StoredRanking[]): StoredRanking[] {
  const older = hours.filter((one) => one.at < newest.at).reverse();
  return [newest, ...older].slice(0, CARDS);
}

/** The newest stored ranking, and those of the full hours of the day before it. */
export async function readCards(asked: Asked, signal: AbortSignal): Promise<StoredRanking[]> {
  const newest = (await getHistory(historyQuery(asked), signal)).rankings.at(-1);
  if (newest === undefined) return [];
  const hours = await getHistory(
    historyQuery(asked, {
      from: String(newest.at - CARDS * HOUR_MS),
      to: String(newest.at),
      every: '1h',
    }),
    signal,
  );
  return cards(newest, hours.rankings);
}
