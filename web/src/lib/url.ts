// The view in the address, so that back works and a link shows the same.
import { windowLabel } from './format';
import { hasWindow } from './modes';

export const TOPS = [10, 25, 50, 100] as const;
export const DEFAULT_TOP = 10;
/** The view of the job that always exists. */
export const ALL = 'all';

/** The requested view; missing parts are the job's defaults. */
export interface View {
  mode?: string;
  /** Seconds. */
  window?: number;
  top: number;
  /** Name of a view of the job, which is a filter over posts; default: all posts. */
  filter?: string;
  /** Key of the tag in the side panel. */
  tag?: string;
  /** Past rankings instead of the live one. */
  tab?: 'history';
}

const UNIT_S: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `90`, `15m`, `1h`, `7d`; undefined for anything else. */
export function parseWindow(text: string | null): number | undefined {
  const match = /^(\d{1,7})([smhd]?)$/.exec(text ?? '');
  if (match === null) return undefined;
  const seconds = Number(match[1]) * (UNIT_S[match[2] ?? ''] ?? 1);
  return seconds > 0 ? seconds : undefined;
}

export function parseView(search: string): View {
  const params = new URLSearchParams(search);
  const view: View = { top: DEFAULT_TOP };
  const mode = params.get('mode');
  if (mode !== null && /^[a-z_]{1,32}$/.test(mode)) view.mode = mode;
  const window = parseWindow(params.get('window'));
  if (window !== undefined && hasWindow(view.mode)) view.window = window;
  const top = Number(params.get('top'));
  if (TOPS.some((n) => n === top)) view.top = top;
  const filter = params.get('view');
  if (filter !== null && filter !== ALL && /^[a-z0-9_-]{1,32}$/.test(filter)) view.filter = filter;
  const tag = params.get('tag');
  if (tag) view.tag = tag;
  if (params.get('tab') === 'history') view.tab = 'history';
  return view;
}

/** The query of an address that shows `view`; foreign parameters in `search` stay. */
export function formatView(view: View, search = ''): string {
  const params = new URLSearchParams(search);
  for (const name of ['mode', 'window', 'view', 'top', 'tag', 'tab']) params.delete(name);
  if (view.mode !== undefined) params.set('mode', view.mode);
  if (view.window !== undefined && hasWindow(view.mode)) {
    params.set('window', windowLabel(view.window));
  }
  if (view.filter !== undefined) params.set('view', view.filter);
  if (view.top !== DEFAULT_TOP) params.set('top', String(view.top));
  if (view.tag !== undefined) params.set('tag', view.tag);
  if (view.tab !== undefined) params.set('tab', view.tab);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The query for the API: `view` without the side panel. */
export function apiQuery(view: View): string {
  const params = new URLSearchParams();
  if (view.mode !== undefined) params.set('mode', view.mode);
  if (view.window !== undefined && hasWindow(view.mode)) {
    params.set('window', windowLabel(view.window));
  }
  if (view.filter !== undefined) params.set('view', view.filter);
  params.set('top', String(view.top));
  return `?${params}`;
}

/** `view` without a mode, window or filter that the job does not have. */
export function known(
  view: View,
  modes: readonly string[],
  windows: readonly number[],
  filters: readonly string[],
): View {
  const { mode, window, filter, ...rest } = view;
  return {
    ...rest,
    ...(mode !== undefined && modes.includes(mode) ? { mode } : {}),
    ...(window !== undefined && windows.includes(window) ? { window } : {}),
    ...(filter !== undefined && filters.includes(filter) ? { filter } : {}),
  };
}

/** Parts of an address that `view` does not have, as pairs of name and value. */
export function unmet(search: string, view: View): [string, string][] {
  const params = new URLSearchParams(search);
  const shows: [string, (value: string) => boolean][] = [
    ['mode', (value) => value === view.mode],
    ['window', () => view.window !== undefined || !hasWindow(view.mode)],
    ['view', (value) => value === (view.filter ?? ALL)],
  ];
  return shows.flatMap(([name, met]): [string, string][] => {
    const value = params.get(name);
    return value === null || met(value) ? [] : [[name, value]];
  });
}

/** Whether two views show the same ranking, whatever else they show. */
export function sameRanking(a: View, b: View): boolean {
  const same = a.mode === b.mode && a.window === b.window && a.filter === b.filter;
  return same && a.top === b.top;
}

/** `view` restricted to a view of the job, or to none. */
export function withFilter(view: View, filter: string | undefined): View {
  const { filter: _, ...rest } = view;
  return filter === undefined ? rest : { ...rest, filter };
}

/** `view` with the history, or with the live ranking. */
export function withTab(view: View, history: boolean): View {
  const { tab: _, ...rest } = view;
  return history ? { ...rest, tab: 'history' } : rest;
}
