// The state of the page. The stream updates `#held`; `picture` is drawn from it, at most every
// COMMIT_MS, not while paused, and in an order that a reader can follow.
import { getStatus, liveUrl } from './api';
import type { Ranking, Status, Trend } from './api-types';
import { valueOf, type Held } from './apply';
import { LiveStream } from './live';
import { arrange, emptyOrder, MOVE_MS, tick, waitMs, type Move, type Order } from './order';
import { deadAfterMs, stateText, type Connection } from './stateline';
import { hasWindow, windowsOf } from './modes';
import { apiQuery, formatView, known, parseView, sameRanking, unmet, type View } from './url';

/** Bars take about half a second to grow; drawing more often would cut them short. */
const COMMIT_MS = 600;

export interface Row {
  trend: Trend;
  /** Place shown, from 1. */
  place: number;
  move: Move | undefined;
  /** No longer in the ranking; still shown because the reader points at a row. */
  gone: boolean;
}

export interface Picture {
  ranking: Ranking;
  rows: Row[];
  /** Largest value shown; the full width of a bar. */
  max: number;
  /** The rows are not in the order of the ranking yet. */
  behind: boolean;
}

export class PageState {
  view: View = $state.raw(parseView(location.search));
  connection: Connection = $state.raw({ kind: 'connecting' });
  status: Status | null = $state.raw(null);
  picture: Picture | null = $state.raw(null);
  paused = $state(false);
  /** Ticks while paused. */
  waiting = $state(0);
  /** The pointer or the focus is on a row, so rows do not move. */
  holding = $state(false);
  /** Parts of the address that the job does not have, until something else is selected. */
  unmet: [string, string][] = $state.raw([]);
  /** Another ranking was requested and has not arrived yet. */
  switching = $state(false);
  now = $state(Date.now());

  /** When the last message arrived, our clock. */
  #heardAt: number | null = $state(null);

  /** The text of the state line. */
  state = $derived(
    stateText({
      connection: this.connection,
      status: this.status,
      heardAt: this.#heardAt,
      now: this.now,
      learning: this.picture?.ranking.learning,
    }),
  );
  /** The mode: the one requested, or the job's default once it is known. */
  mode = $derived(this.view.mode ?? this.picture?.ranking.mode);
  windowS = $derived(
    !hasWindow(this.mode) ? undefined : (this.view.window ?? this.picture?.ranking.window_s),
  );

  #held: Held | null = null;
  #order: Order = emptyOrder();
  #replace = true;
  #drawnAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stream = new LiveStream(() => liveUrl(apiQuery(this.view)), {
    connection: (state) => (this.connection = state),
    status: (status) => {
      this.#hear();
      this.status = status;
    },
    rows: (held, fresh) => {
      this.#rows(held, fresh);
    },
  });

  /** Opens the stream. Returns a function that ends it. */
  start(): () => void {
    void this.#begin();
    const clock = setInterval(() => {
      this.#second();
    }, 1_000);
    const back = () => {
      this.#show(parseView(location.search));
    };
    const shown = (event: PageTransitionEvent) => {
      if (event.persisted) this.#stream.open();
    };
    const hidden = () => {
      this.#stream.close();
    };
    addEventListener('popstate', back);
    addEventListener('pageshow', shown);
    addEventListener('pagehide', hidden);
    return () => {
      clearInterval(clock);
      clearTimeout(this.#timer);
      this.#stream.close();
      removeEventListener('popstate', back);
      removeEventListener('pageshow', shown);
      removeEventListener('pagehide', hidden);
    };
  }

  /** Shows another view and writes it into the address. */
  go(view: View): void {
    const address = this.href(view);
    if (address !== `${location.pathname}${location.search}`) {
      history.pushState(null, '', address);
    }
    this.#show(view);
  }

  /** The address of a view: what `go` would show. */
  href(view: View): string {
    return `${location.pathname}${formatView(view, location.search)}`;
  }

  closeTag(): void {
    if (this.view.tag === undefined) return;
    const { tag: _, ...rest } = this.view;
    this.go(rest);
  }

  togglePause(): void {
    this.paused = !this.paused;
    this.waiting = 0;
    if (!this.paused) this.#drawSoon();
  }

  hold(on: boolean): void {
    if (this.holding === on) return;
    this.holding = on;
    if (!on) this.#drawSoon();
  }

  /** Retries now, without waiting. */
  reconnect(): void {
    this.#stream.open();
  }

  async #begin(): Promise<void> {
    try {
      const status = await getStatus();
      this.status = status;
      // A link can name a mode, a window or a view that this job does not have.
      const filters = (status.views ?? []).map((one) => one.name);
      const windows = windowsOf(status, this.view.mode);
      const view = known(this.view, status.modes, windows, filters);
      if (status.modes.length > 0) {
        this.unmet = unmet(location.search, view);
        if (!sameRanking(view, this.view)) {
          history.replaceState(null, '', this.href(view));
          this.view = view;
        }
      }
    } catch {
      // The stream itself reports that the program cannot be reached.
    }
    this.#stream.open();
  }

  #show(view: View): void {
    const same = sameRanking(view, this.view);
    this.view = view;
    if (same) return;
    this.unmet = [];
    this.switching = true;
    this.#replace = true;
    this.#stream.open();
  }

  #hear(): void {
    this.now = Date.now();
    this.#heardAt = this.now;
  }

  #second(): void {
    this.now = Date.now();
    const silent = this.#heardAt === null ? 0 : this.now - this.#heardAt;
    const open = this.connection.kind === 'open' && this.status?.state !== 'ended';
    if (open && silent > deadAfterMs(this.status)) this.#stream.retry();
    // Arrows disappear even if nothing else changed.
    const moves = this.#order.moves.values();
    if ([...moves].some((move) => this.now - move.at >= MOVE_MS)) this.#drawSoon();
  }

  #rows(held: Held, fresh: boolean): void {
    this.#hear();
    this.#held = held;
    this.#order = tick(this.#order, placed(held.ranking));
    if (this.switching && fresh) {
      // The reader selected another ranking, which is drawn even while paused.
      this.waiting = 0;
      this.#draw();
    } else if (this.paused && this.picture !== null) this.waiting += 1;
    else this.#drawSoon();
  }

  #drawSoon(): void {
    const wait = this.#drawnAt + COMMIT_MS - Date.now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.#draw();
    else {
      this.#timer = setTimeout(() => {
        this.#draw();
      }, wait);
    }
  }

  #draw(): void {
    clearTimeout(this.#timer);
    if (this.#held === null || (this.paused && !this.#replace)) return;
    const now = Date.now();
    const { ranking } = this.#held;
    const target = placed(ranking);
    this.#order = arrange(this.#order, target, {
      now,
      held: this.holding,
      replace: this.#replace,
    });
    this.#replace = false;
    this.switching = false;
    this.#drawnAt = now;
    const { shown } = this.#order;
    const behind =
      shown.length !== target.length || shown.some((key, index) => key !== target[index]?.key);
    this.picture = this.#pictureOf(ranking, behind);
    const wait = waitMs(this.#order, now);
    if (behind && !this.holding && wait > 0) {
      this.#timer = setTimeout(() => {
        this.#draw();
      }, wait);
    }
  }

  #pictureOf(ranking: Ranking, behind: boolean): Picture {
    const trends = new Map(ranking.trends.map((trend) => [trend.tag, trend]));
    const before = new Map(this.picture?.rows.map((row) => [row.trend.tag, row.trend]));
    const rows: Row[] = [];
    for (const key of this.#order.shown) {
      const live = trends.get(key);
      const trend = live ?? before.get(key);
      if (trend === undefined) continue;
      const move = this.#order.moves.get(key);
      rows.push({ trend, place: rows.length + 1, move, gone: live === undefined });
    }
    const max = Math.max(0, ...rows.map((row) => valueOf(row.trend, ranking.mode)));
    return { ranking, rows, max, behind };
  }
}

function placed({ mode, trends }: Ranking) {
  return trends.map((trend) => ({
    key: trend.tag,
    value: valueOf(trend, mode),
    change: trend.change,
  }));
}
