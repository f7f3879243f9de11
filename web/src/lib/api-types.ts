// Shapes of the API, as in src/rank/mod.rs. `npm run types` writes this file anew from the
// program's OpenAPI document; the names below are what the page imports.

export interface Trend {
  /** Place, from 1. */
  rank: number;
  /** The key. */
  tag: string;
  /** Commonest spelling, without `#`. */
  display: string;
  /** Posts in the window (all-time for `total`). */
  count: number;
  /** Distinct authors in the window; null where the stream has no authors. */
  authors?: number | null;
  /** What it was ranked by, where that is not the count. */
  score?: number | null;
  /** Times the usual. */
  lift?: number | null;
  /** Count expected from the tag's past. */
  expected?: number | null;
  /** `new`, `rising`, `steady` or `cooling`. */
  status?: string | null;
  /** Places moved since the last published ranking; positive is up, null is new. */
  change?: number | null;
  /** Counts of the latest panes, oldest first. */
  series?: number[] | null;
}

export interface Ranking {
  mode: string;
  /** Window length in seconds; null for `total`. */
  window_s?: number | null;
  view: string;
  /** End of the window, milliseconds since the Unix epoch (event time). */
  at: number;
  watermark: number;
  provisional: boolean;
  approximate: boolean;
  error_bound: number;
  posts: number;
  tagged_posts: number;
  distinct_tags: number;
  trends: Trend[];
}

export type RunState = 'connecting' | 'live' | 'replay' | 'ended';

export interface Counters {
  posts: number;
  tagged_posts: number;
  tags: number;
  control: number;
  malformed: number;
  oversize: number;
  partial: number;
  invalid_utf8: number;
  oversize_tags: number;
  late: number;
  future: number;
  duplicates: number;
  deletes: number;
  deletes_unknown: number;
  edits: number;
  evicted_tags: number;
}

export interface SourceStatus {
  name: string;
  /** `connecting`, `live`, `retrying`, `ended`, `failed`. */
  state: string;
  /** Why it retries or failed; empty otherwise. */
  detail: string;
  posts: number;
  format?: string | null;
  reconnects: number;
}

export interface SinkStatus {
  name: string;
  delivered: number;
  failed: number;
  skipped: number;
  last_error: string;
}

export interface Status {
  job: string;
  version: string;
  state: RunState;
  started_at: number;
  event_time?: number | null;
  watermark?: number | null;
  posts_per_s: number;
  lag_ms?: number | null;
  batch_ms: number;
  checkpoint_epoch?: number | null;
  tags: number;
  tags_max: number;
  approximate: boolean;
  counters: Counters;
  sources: SourceStatus[];
  sinks: SinkStatus[];
  windows_s: number[];
  modes: string[];
}

export interface Spelling {
  display: string;
  count: number;
}

export interface WindowCount {
  window_s: number;
  count: number;
}

export interface Series {
  /** Start of the first slot, milliseconds since the Unix epoch. */
  start: number;
  /** Length of a slot, seconds. */
  step_s: number;
  counts: number[];
}

export interface TagDetail {
  tag: string;
  display: string;
  total: number;
  /** `total` is at most this much too large. */
  error_bound: number;
  spellings: Spelling[];
  windows: WindowCount[];
  series: Series;
}
