// The live stream: one EventSource at a time, reconnected by us, so that the page knows when.
import { applyDiff, fromSnapshot, type Diff, type Held, type Snapshot } from './apply';
import type { Status } from './api-types';
import type { Connection } from './stateline';

/** Delays between attempts, milliseconds; the last one repeats. */
const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

export function backoffMs(attempt: number, random: number): number {
  const base = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] ?? 15_000;
  // Up to a quarter more, so that many pages do not reconnect at the same time.
  return Math.round(base * (1 + random / 4));
}

function parse<T>(event: MessageEvent<string>): T | null {
  try {
    return JSON.parse(event.data) as T;
  } catch {
    return null;
  }
}

export interface LiveEvents {
  connection(state: Connection): void;
  /** Rows as of a tick; `fresh` if they are a snapshot. */
  rows(held: Held, fresh: boolean): void;
  status(status: Status): void;
}

export class LiveStream {
  #url: () => string;
  #events: LiveEvents;
  #source: EventSource | null = null;
  #held: Held | null = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `url` is called at each attempt. Nothing is opened before `open()`. */
  constructor(url: () => string, events: LiveEvents) {
    this.#url = url;
    this.#events = events;
  }

  open(): void {
    this.close();
    this.#events.connection({ kind: 'connecting' });
    const source = new EventSource(this.#url());
    this.#source = source;
    source.addEventListener('snapshot', (event) => {
      const message = parse<Snapshot>(event);
      if (message === null) return;
      this.#attempt = 0;
      this.#held = fromSnapshot(message);
      this.#events.connection({ kind: 'open' });
      this.#events.status(message.status);
      this.#events.rows(this.#held, true);
    });
    source.addEventListener('diff', (event) => {
      const message = parse<Diff>(event);
      this.#held = message && applyDiff(this.#held, message);
      // An event that cannot be read or applied is repaired by a new snapshot.
      if (this.#held === null) this.retry();
      else this.#events.rows(this.#held, false);
    });
    source.addEventListener('status', (event) => {
      const message = parse<Status>(event);
      if (message !== null) this.#events.status(message);
    });
    source.onerror = () => {
      this.retry();
    };
  }

  /** Ends the stream; there is no retry before `open()`. */
  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#held = null;
  }

  /** Ends the stream and reopens it after a delay. */
  retry(): void {
    this.close();
    const wait = backoffMs(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#events.connection({ kind: 'waiting', retryAt: Date.now() + wait });
    this.#timer = setTimeout(() => {
      this.open();
    }, wait);
  }
}
