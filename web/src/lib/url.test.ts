import { describe, expect, it } from 'vitest';
import {
  apiQuery,
  formatView,
  known,
  parseView,
  parseWindow,
  sameRanking,
  unmet,
  withFilter,
} from './url';

describe('the address', () => {
  it.each([
    ['', { top: 10 }],
    ['?mode=count&window=15m&top=50', { mode: 'count', window: 900, top: 50 }],
    ['?window=24h&tag=c%2B%2B', { window: 86_400, top: 10, tag: 'c++' }],
    ['?mode=total', { mode: 'total', top: 10 }],
    ['?view=pt-br&tag=x', { top: 10, filter: 'pt-br', tag: 'x' }],
    ['?mode=decay&tab=history', { mode: 'decay', top: 10, tab: 'history' as const }],
    ['?tag=%23%E6%9D%B1%E4%BA%AC%20%26', { top: 10, tag: '#東京 &' }],
  ])('%s is read and written alike', (search, view) => {
    expect(parseView(search)).toEqual(view);
    expect(parseView(formatView(view))).toEqual(view);
  });

  it.each(['?top=11', '?top=-1', '?top=x', '?mode=<b>', '?window=0', '?window=1y', '?tag=', '?tab=x', '?view=all', '?view=A', '?view=a%20b'])(
    '%s is the first view',
    (search) => {
      expect(parseView(search)).toEqual({ top: 10 });
    },
  );

  it('has no window for all time', () => {
    expect(formatView({ mode: 'total', window: 60, top: 10 })).toBe('?mode=total');
    expect(formatView({ mode: 'decay', window: 60, top: 10 })).toBe('?mode=decay');
    expect(parseView('?mode=total&window=5m')).toEqual({ mode: 'total', top: 10 });
  });

  it('keeps parameters of others', () => {
    expect(formatView({ top: 25 }, '?embed=1&mode=count')).toBe('?embed=1&top=25');
  });

  it('is empty for the first view', () => {
    expect(formatView({ top: 10 })).toBe('');
  });
});

describe('parseWindow', () => {
  it.each([
    ['90', 90],
    ['90s', 90],
    ['5m', 300],
    ['24h', 86_400],
    ['7d', 604_800],
    ['', undefined],
    ['m', undefined],
    ['1.5h', undefined],
    ['-5m', undefined],
    [null, undefined],
  ])('%s', (text, seconds) => {
    expect(parseWindow(text)).toBe(seconds);
  });
});

describe('the query of the API', () => {
  it('names the view of the job where chosen', () => {
    expect(apiQuery({ top: 10, filter: 'ja' })).toBe('?view=ja&top=10');
    expect(withFilter({ top: 25, filter: 'ja' }, undefined)).toEqual({ top: 25 });
    expect(withFilter({ top: 25, tag: 'a' }, 'ja')).toEqual({ top: 25, tag: 'a', filter: 'ja' });
  });

  it('names the rows always, mode and window where chosen', () => {
    expect(apiQuery({ top: 10, tag: 'x' })).toBe('?top=10');
    expect(apiQuery({ top: 25, mode: 'count', window: 3600 })).toBe(
      '?mode=count&window=1h&top=25',
    );
  });
});

describe('known', () => {
  it('leaves out what the job does not have', () => {
    const view = { mode: 'trending', window: 77, top: 25, tag: 'a', filter: 'ja' };
    expect(known(view, ['count'], [60], ['de'])).toEqual({ top: 25, tag: 'a' });
    const sound = { mode: 'count', window: 60, top: 10, filter: 'de' };
    expect(known(sound, ['count'], [60], ['de'])).toEqual(sound);
  });
});

describe('unmet', () => {
  it.each([
    ['?mode=nope&window=x&view=A%20b', { top: 10 }, 'mode nope, window x, view A b'],
    ['?window=3m', { top: 10 }, 'window 3m'],
    ['?mode=count&window=1h&view=ja', { mode: 'count', window: 3600, top: 10, filter: 'ja' }, ''],
    ['?mode=total&window=5m&view=all', { mode: 'total', top: 10 }, ''],
    ['?embed=1', { top: 10 }, ''],
  ])('%s', (search, view, expected) => {
    expect(unmet(search, view).map((pair) => pair.join(' ')).join(', ')).toBe(expected);
  });
});

describe('sameRanking', () => {
  it('does not look at the side panel', () => {
    expect(sameRanking({ top: 10, tag: 'a' }, { top: 10 })).toBe(true);
    expect(sameRanking({ top: 10 }, { top: 25 })).toBe(false);
    expect(sameRanking({ top: 10 }, { top: 10, filter: 'ja' })).toBe(false);
  });
});
