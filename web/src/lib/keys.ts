// Keyboard commands.
import type { PageState } from './state.svelte';
import { windowsOf, withMode, withWindow } from './modes';
import { TOPS, withTab } from './url';

export const KEYS: readonly (readonly [string, string])[] = [
  ['Space', 'pause or resume the page; counting never stops'],
  ['j k  ↓ ↑', 'next or previous row'],
  ['Enter', 'details of the row'],
  ['Esc', 'close'],
  ['m', 'next mode'],
  ['w', 'next window'],
  ['+ −', 'more or fewer rows'],
  ['h', 'history, or back to live'],
  ['t', 'light or dark'],
  ['?', 'this list'],
];

function after<T>(list: readonly T[], item: T | undefined): T | undefined {
  return list[(list.indexOf(item as T) + 1) % list.length];
}

function nextMode(page: PageState): void {
  const mode = after(page.status?.modes ?? [], page.mode);
  if (mode === undefined) return;
  page.go(withMode(page.view, mode, page.status));
}

function nextWindow(page: PageState): void {
  const windows = windowsOf(page.status, page.mode);
  const window = after(windows, page.windowS ?? undefined);
  if (window === undefined) return;
  page.go(withWindow(page.view, page.mode, window, page.status));
}

function changeTop(page: PageState, step: 1 | -1): void {
  const at = TOPS.findIndex((top) => top === page.view.top);
  const top = TOPS[at + step];
  if (top !== undefined) page.go({ ...page.view, top });
}

function moveFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('main a.tag')];
  const at = links.findIndex((link) => link === document.activeElement);
  const next = at === -1 ? (step === 1 ? 0 : links.length - 1) : at + step;
  links[next]?.focus();
}

/** The command of a key press; undefined if it is not ours. */
export function keyCommand(
  event: KeyboardEvent,
  page: PageState,
): 'keys' | 'theme' | (() => void) | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return undefined;
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (target?.closest('input, textarea, select, [contenteditable]')) return undefined;
  // A focused button handles the space key itself.
  const onButton = target?.closest('button, summary') != null;
  switch (event.key) {
    case ' ':
      return onButton ? undefined : () => { page.togglePause(); };
    case '?':
      return 'keys';
    case 't':
      return 'theme';
    case 'm':
      return () => { nextMode(page); };
    case 'w':
      return () => { nextWindow(page); };
    case 'h':
      return () => { page.go(withTab(page.view, page.view.tab === undefined)); };
    case '+':
    case '=':
      return () => { changeTop(page, 1); };
    case '-':
      return () => { changeTop(page, -1); };
    case 'j':
    case 'ArrowDown':
      return () => { moveFocus(1); };
    case 'k':
    case 'ArrowUp':
      return () => { moveFocus(-1); };
    case 'Escape':
      return page.view.tag === undefined ? undefined : () => { page.closeTag(); };
    default:
      return undefined;
  }
}
