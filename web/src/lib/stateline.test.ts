import { describe, expect, it } from 'vitest';
import type { Status } from './api-types';
import { deadAfterMs, stateText, type Seen } from './stateline';

const status = (change: Partial<Status> = {}): Status =>
  ({ state: 'live', batch_ms: 2_000, event_time: null, sources: [], ...change }) as Status;
const say = (change: Partial<Seen>) => {
  const seen: Seen = {
    connection: { kind: 'open' },
    status: status(),
    heardAt: 10_000,
    now: 11_000,
    ...change,
  };
  const { word, rest, old } = stateText(seen);
  return [`${word} ${rest}`.trim(), old];
};
const source = (state: string) => ({
  name: 's',
  state,
  detail: '',
  posts: 0,
  reconnects: 0,
});
const gap = (to: number) => ({ from: to - 40_000, to, reason: '', missed: 2_100 });

describe('the state line', () => {
  it('is connecting before the first message', () => {
    expect(say({ connection: { kind: 'connecting' }, heardAt: null, status: null })).toEqual([
      'Connecting',
      false,
    ]);
  });

  it('is live', () => {
    expect(say({})).toEqual(['Live updated 1 s ago', false]);
  });

  it('is learning while baselines mean nothing yet', () => {
    expect(say({ learning: 2 })).toEqual([
      'Learning baseline (2 of 3 windows), updated 1 s ago',
      false,
    ]);
    expect(say({ learning: null })).toEqual(['Live updated 1 s ago', false]);
    expect(say({ learning: 2, now: 22_000 })).toEqual(['Stale 12 s', true]);
  });

  it('is stale after silence, and says for how long', () => {
    expect(say({ now: 16_000 })).toEqual(['Live updated 6 s ago', false]);
    expect(say({ now: 22_000 })).toEqual(['Stale 12 s', true]);
    expect(say({ now: 90_000, status: status({ batch_ms: 60_000 }) })[1]).toBe(false);
  });

  it('counts down to the next attempt', () => {
    const connection = { kind: 'waiting', retryAt: 14_200 } as const;
    expect(say({ connection })).toEqual(['Reconnecting in 4 s', true]);
    expect(say({ connection, heardAt: null })).toEqual(['Reconnecting in 4 s', false]);
    expect(say({ connection: { kind: 'waiting', retryAt: 0 } })[0]).toBe('Reconnecting in 1 s');
  });

  it('is never stale once the source has ended', () => {
    expect(say({ status: status({ state: 'ended' }), now: 900_000 })).toEqual([
      'Source ended',
      false,
    ]);
  });

  it('says when a replay is', () => {
    const at = new Date(2026, 10, 20, 12, 3, 0).getTime();
    expect(say({ status: status({ state: 'replay', event_time: at }) })[0]).toBe(
      'Replay at 2026-11-20 12:03:00',
    );
  });

  it('names sources in trouble', () => {
    const sources = [source('live'), source('retrying'), source('failed')];
    expect(say({ status: status({ sources }) })[0]).toBe(
      'Live updated 1 s ago, 1 of 3 sources failed, 1 of 3 sources reconnecting',
    );
  });

  it('names refused credentials and the newest gap, for an hour', () => {
    const now = new Date(2026, 10, 20, 12, 30, 0).getTime();
    const at = (minutes: number) => gap(now - minutes * 60_000);
    const sources = [
      { ...source('auth_failed'), last_gap: at(30) },
      { ...source('live'), last_gap: at(20) },
    ];
    expect(say({ status: status({ sources }), heardAt: now - 1_000, now })[0]).toBe(
      'Live updated 1 s ago, 1 of 2 sources refused the credentials, ' +
        'gap of 40 s at 2026-11-20 12:09:20, about 2100 posts missed',
    );
    const old = [{ ...source('live'), last_gap: at(61) }];
    expect(say({ status: status({ sources: old }), heardAt: now - 1_000, now })[0]).toBe(
      'Live updated 1 s ago',
    );
  });

  it('takes a silent connection for dead later than for stale', () => {
    expect(deadAfterMs(status())).toBe(30_000);
    expect(deadAfterMs(status({ batch_ms: 60_000 }))).toBe(900_000);
  });

  it('of a dashboard goes by when the last lists were posted', () => {
    const fed = (change: Partial<Status>) => status({ batch_ms: 0, ...change });
    expect(say({ status: fed({ state: 'connecting' }) })[0]).toBe(
      'Waiting for a post to /updateData',
    );
    const posted = fed({ event_time: 8_000 });
    expect(say({ status: posted })).toEqual(['Live updated 3 s ago', false]);
    expect(say({ status: posted, heardAt: 60_000, now: 61_000 })).toEqual(['Stale 53 s', true]);
    expect(deadAfterMs(posted)).toBe(Infinity);
  });
});
