// Numbers, durations and times as text. Pure.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const compactFormat = new Intl.NumberFormat('en', {
  notation: 'compact',
  maximumFractionDigits: 1,
});

export const count = (n: number): string => whole.format(n);

/** Like `count` up to 99,999, then `123.4K`. */
export const compact = (n: number): string =>
  n < 100_000 ? whole.format(n) : compactFormat.format(n);

export const rate = (perSecond: number): string =>
  `${perSecond < 10 ? oneDigit.format(perSecond) : compact(perSecond)}/s`;

/** `1.2%`, `12%`; an empty whole has no share. */
export function share(part: number, total: number): string {
  if (!(total > 0)) return '';
  const percent = (100 * part) / total;
  if (percent > 0 && percent < 0.1) return '<0.1%';
  return `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)}%`;
}

/** `40 ms`, `1.2 s`, `12 s`, `3 min`, `2 h`, `4 d`. */
export function duration(ms: number): string {
  const abs = Math.max(0, ms);
  if (abs < 1_000) return `${Math.round(abs)} ms`;
  if (abs < 9_950) return `${oneDigit.format(abs / 1_000)} s`;
  if (abs < 120_000) return `${Math.floor(abs / 1_000)} s`;
  if (abs < 7_200_000) return `${Math.floor(abs / 60_000)} min`;
  if (abs < 172_800_000) return `${Math.floor(abs / 3_600_000)} h`;
  return `${whole.format(Math.floor(abs / 86_400_000))} d`;
}

/** Whole seconds, at least one. */
export const seconds = (ms: number): string =>
  ms < 120_000 ? `${Math.max(1, Math.round(ms / 1_000))} s` : duration(ms);

/** Short name of a window: `90s`, `15m`, `1h`, `24h`, `7d`. */
export function windowLabel(s: number): string {
  if (s % 86_400 === 0 && s > 86_400) return `${s / 86_400}d`;
  if (s % 3_600 === 0) return `${s / 3_600}h`;
  if (s % 60 === 0) return `${s / 60}m`;
  return `${s}s`;
}

/** Long name of a window: `90 seconds`, `15 minutes`, `hour`, `24 hours`. */
export function windowWords(s: number): string {
  const units: [number, string][] = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ];
  for (const [length, name] of units) {
    const n = s / length;
    if (!Number.isInteger(n) || (name === 'day' && n === 1)) continue;
    return n === 1 ? name : `${n} ${name}s`;
  }
  return `${s} seconds`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** Local time of day, `14:03:20`. */
export function timeOfDay(ms: number, withSeconds = true): string {
  const date = new Date(ms);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withSeconds ? `${text}:${two(date.getSeconds())}` : text;
}

/** Local date and time, `2026-11-23 14:03:20`. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(ms)}`;
}

const MODES: Record<string, [string, string]> = {
  trending: ['Trending', 'hashtags above their usual level'],
  count: ['Count', 'posts in the window'],
  authors: ['Authors', 'distinct authors in the window'],
  total: ['Total', 'posts since counting began'],
  decay: ['Decay', 'posts, each worth half as much after an hour'],
};

const TITLES: Record<string, string> = {
  trending: 'Trending',
  authors: 'Most people',
  count: 'Most posted',
  total: 'Most posted',
};

/** The heading of the page; `over` is the time. */
export const modeTitle = (mode: string | undefined, over: string): string =>
  mode === undefined
    ? 'Hashtags right now'
    : mode === 'decay'
      ? 'Most posted lately'
      : `${TITLES[mode] ?? modeLabel(mode)} ${over}`;

export const modeLabel = (mode: string): string => MODES[mode]?.[0] ?? mode;
export const modeWords = (mode: string): string => MODES[mode]?.[1] ?? mode;

/** `7× usual`, with one decimal below ten. */
export const lift = (times: number): string =>
  `${times < 9.95 ? oneDigit.format(times) : compact(times)}× usual`;

/** A score, in as many digits as are meaningful. */
export const score = (n: number): string =>
  Math.abs(n) < 9.95 ? n.toFixed(1) : Math.abs(n) < 100_000 ? whole.format(n) : compact(n);

/** Windows that a baseline needs. */
export const LEARNED = 3;

export const learningWords = (windows: number): string =>
  `learning baseline (${windows} of ${LEARNED} windows)`;

/** A tag as people write it. A word that already contains a `#` (rule `words`) is unchanged. */
export const hashtag = (display: string): string =>
  display.includes('#') ? display : `#${display}`;

/** Text of a stranger where `<bdi>` is not possible: isolates its direction. */
export const isolated = (text: string): string => `\u2068${text}\u2069`;
