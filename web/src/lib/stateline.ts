// The text of the state line. Pure: no clock.
import type { Status } from './api-types';
import { dateTime, LEARNED, seconds } from './format';

/** The page's connection to the program. */
export type Connection =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'waiting'; retryAt: number };

export type Tone = 'wait' | 'good' | 'warn' | 'end';

export interface StateText {
  tone: Tone;
  /** The word that does not change each second. */
  word: string;
  rest: string;
  /** The rows are out of date and are shown in grey. */
  old: boolean;
}

export interface Seen {
  connection: Connection;
  status: Status | null;
  /** When the last message arrived, our clock; null before the first. */
  heardAt: number | null;
  now: number;
  /** Windows learned of a baseline that needs more. */
  learning?: number | null | undefined;
}

/** The program shows counts that are posted to it and has no batches. */
export const isFed = (status: Status | null): boolean => status?.batch_ms === 0;

/** Silence longer than this is shown as stale. */
export function staleAfterMs(status: Status | null): number {
  if (isFed(status)) return 30_000;
  return Math.max(5_000, 3 * (status?.batch_ms ?? 2_000));
}

/** Silence longer than this means that the connection is dead, even if the browser has it open. */
export function deadAfterMs(status: Status | null): number {
  // A sender of counts can pause for any time.
  if (isFed(status)) return Infinity;
  return Math.max(30_000, 15 * (status?.batch_ms ?? 2_000));
}

function sourceTrouble(status: Status): string {
  const failed = status.sources.filter((s) => s.state === 'failed').length;
  const retrying = status.sources.filter((s) => s.state === 'retrying').length;
  const of = `of ${status.sources.length} ${status.sources.length === 1 ? 'source' : 'sources'}`;
  const parts = [];
  const refused = status.sources.filter((s) => s.state === 'auth_failed').length;
  if (refused > 0) parts.push(`${refused} ${of} refused the credentials`);
  if (failed > 0) parts.push(`${failed} ${of} failed`);
  const spent = status.sources.filter((s) => s.state === 'read_limit').length;
  if (spent > 0) parts.push(`${spent} ${of} reached today's read limit`);
  if (retrying > 0) parts.push(`${retrying} ${of} reconnecting`);
  return parts.join(', ');
}

/** How long a gap is reported. */
const GAP_SHOWN_MS = 3_600_000;

/** The newest gap of any source, while it can still affect a window. */
function gap(status: Status, now: number): string {
  const gaps = status.sources.flatMap((s) => (s.last_gap ? [s.last_gap] : []));
  const last = gaps.sort((a, b) => b.to - a.to)[0];
  if (!last || now - last.to > GAP_SHOWN_MS) return '';
  const long = seconds(Math.max(0, last.to - last.from));
  return `gap of ${long} at ${dateTime(last.from)}, about ${last.missed} posts missed`;
}

/** The age of the rows; null before the first message. */
function silence({ status, heardAt, now }: Seen): number | null {
  if (heardAt === null) return null;
  // A page opened long after the last post gets it at once, but it is still old.
  const posted = isFed(status) ? status?.event_time : null;
  return Math.max(0, now - Math.min(heardAt, posted ?? heardAt));
}

export function stateText(seen: Seen): StateText {
  const { connection, status, now } = seen;
  const silent = silence(seen);
  if (connection.kind === 'waiting') {
    const left = Math.max(1, Math.ceil((connection.retryAt - now) / 1_000));
    return { tone: 'warn', word: 'Reconnecting', rest: `in ${left} s`, old: silent !== null };
  }
  if (connection.kind === 'connecting' || silent === null || status === null) {
    const again = silent !== null;
    const word = again ? 'Reconnecting' : 'Connecting';
    return { tone: again ? 'warn' : 'wait', word, rest: '', old: again };
  }
  if (isFed(status) && status.state === 'connecting') {
    return { tone: 'wait', word: 'Waiting', rest: 'for a post to /updateData', old: false };
  }
  if (status.state === 'ended') {
    const until = status.event_time == null ? '' : `last post ${dateTime(status.event_time)}`;
    return { tone: 'end', word: 'Source ended', rest: until, old: false };
  }
  if (silent > staleAfterMs(status)) {
    return { tone: 'warn', word: 'Stale', rest: seconds(silent), old: true };
  }
  if (status.state === 'connecting') {
    return { tone: 'wait', word: 'Connecting', rest: 'to the source', old: false };
  }
  const trouble = [sourceTrouble(status), gap(status, now)].filter(Boolean).join(', ');
  const tone = trouble === '' ? 'good' : 'warn';
  if (status.state === 'replay') {
    const at = status.event_time == null ? '' : `at ${dateTime(status.event_time)}`;
    return { tone, word: 'Replay', rest: [at, trouble].filter(Boolean).join(', '), old: false };
  }
  const updated = `updated ${seconds(silent)} ago`;
  const rest = [updated, trouble].filter(Boolean).join(', ');
  if (seen.learning != null) {
    const windows = `(${seen.learning} of ${LEARNED} windows), ${rest}`;
    return { tone: 'wait', word: 'Learning baseline', rest: windows, old: false };
  }
  return { tone, word: 'Live', rest, old: false };
}

/** Records that were not counted, or not in full, by reason. */
export function losses(status: Status): { name: string; count: number; why: string }[] {
  const c = status.counters;
  return [
    { name: 'late', count: c.late, why: 'their pane was closed: they count in the total only' },
    {
      name: 'dropped',
      count: c.future + c.oversize + c.oversize_tags + c.partial,
      why:
        `${c.future} too far ahead, ${c.oversize} lines and ${c.oversize_tags} tags too long, ` +
        `${c.partial} incomplete`,
    },
    { name: 'malformed', count: c.malformed, why: 'records that could not be decoded' },
  ];
}
