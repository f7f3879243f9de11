// The properties of modes, and the view that a choice selects. Pure.
import type { Status } from './api-types';
import type { View } from './url';

const WITHOUT_WINDOW: readonly string[] = ['total', 'decay'];
const WITH_PAST: readonly string[] = ['trending'];

/** Whether it ranks a window; the others rank all posts. */
export const hasWindow = (mode: string | undefined): boolean =>
  mode === undefined || !WITHOUT_WINDOW.includes(mode);

/** Whether it compares tags with their own past. */
export const hasPast = (mode: string | undefined): boolean =>
  mode !== undefined && WITH_PAST.includes(mode);

/** Whether its value is not a number of posts or people, and so needs a column. */
export const hasScore = (mode: string | undefined): boolean => hasPast(mode) || mode === 'decay';

type Known = Pick<Status, 'windows_s'> & Partial<Pick<Status, 'modes' | 'scored_windows_s'>>;

/** The windows that a mode can rank, in seconds. */
export function windowsOf(status: Known | null, mode: string | undefined): readonly number[] {
  if (status === null || !hasWindow(mode)) return [];
  return hasPast(mode) ? (status.scored_windows_s ?? status.windows_s) : status.windows_s;
}

/** `view` in another mode; the window stays if that mode supports it. */
export function withMode(view: View, mode: string, status: Known | null): View {
  const { mode: _, window, ...rest } = view;
  const keeps = window !== undefined && windowsOf(status, mode).includes(window);
  return { ...rest, mode, ...(keeps ? { window } : {}) };
}

/** The mode for a chosen window: the current one, or the first that supports it. */
export function modeOfWindow(
  status: Known | null,
  shown: string | undefined,
  window?: number,
): string | undefined {
  const can = (mode: string | undefined) => {
    const windows = windowsOf(status, mode);
    return window === undefined ? windows.length > 0 : windows.includes(window);
  };
  return hasWindow(shown) ? shown : status?.modes?.find(can);
}

/** `view` over another window. */
export function withWindow(
  view: View,
  shown: string | undefined,
  window: number,
  status: Known | null,
): View {
  const { mode, ...rest } = view;
  const kept = hasWindow(shown) ? mode : modeOfWindow(status, shown, window);
  return { ...rest, window, ...(kept === undefined ? {} : { mode: kept }) };
}
