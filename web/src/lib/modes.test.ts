import { describe, expect, it } from 'vitest';
import { hasPast, hasScore, hasWindow, modeOfWindow, windowsOf, withMode, withWindow } from './modes';

const status = {
  modes: ['total', 'decay', 'count', 'trending'],
  windows_s: [60, 3600, 86_400],
  scored_windows_s: [3600],
};

describe('modes', () => {
  it('have a window, a past, a score, or not', () => {
    expect(['total', 'decay', 'count', 'trending', undefined].map(hasWindow)).toEqual([
      false, false, true, true, true,
    ]);
    expect(['count', 'trending', undefined].map(hasPast)).toEqual([false, true, false]);
    expect(['decay', 'trending', 'authors'].map(hasScore)).toEqual([true, true, false]);
  });

  it('offer the windows that they can rank', () => {
    expect(windowsOf(status, 'count')).toEqual([60, 3600, 86_400]);
    expect(windowsOf(status, 'trending')).toEqual([3600]);
    expect(windowsOf(status, 'decay')).toEqual([]);
    expect(windowsOf({ windows_s: [60] }, 'trending')).toEqual([60]);
    expect(windowsOf(null, 'count')).toEqual([]);
  });
});

describe('choosing', () => {
  it('a mode keeps a window that it can rank, and everything else', () => {
    const view = { mode: 'count', window: 3600, top: 25, tag: 'a' };
    expect(withMode(view, 'trending', status)).toEqual({ ...view, mode: 'trending' });
    expect(withMode({ ...view, window: 60 }, 'trending', status)).toEqual({
      mode: 'trending', top: 25, tag: 'a',
    });
    expect(withMode(view, 'decay', status)).toEqual({ mode: 'decay', top: 25, tag: 'a' });
  });

  it('a window leads out of a mode that has none', () => {
    expect(withWindow({ mode: 'total', top: 10 }, 'total', 60, status)).toEqual({
      mode: 'count', window: 60, top: 10,
    });
    expect(withWindow({ top: 10 }, 'trending', 3600, status)).toEqual({ window: 3600, top: 10 });
    expect(modeOfWindow(status, 'decay')).toBe('count');
    expect(modeOfWindow({ windows_s: [], modes: ['total'] }, 'total')).toBeUndefined();
  });
});
