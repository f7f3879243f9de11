// A stand-in for the program: serves the built page under its policy, and an API whose data a
// test scripts. `node tests/browser/fake.mjs [PORT]` serves moving rows to look at.
import { createServer } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const START = Date.UTC(2026, 10, 20, 12, 0, 0);

export const pageDir = () =>
  process.env.TAGTIDE_PAGE_DIR ?? fileURLToPath(new URL('../../web/dist', import.meta.url));

export function status(change = {}) {
  return {
    job: 'demo', version: '0.1.0', state: 'live', started_at: START, event_time: START,
    watermark: START - 10_000, posts_per_s: 1234.5, lag_ms: 420, batch_ms: 2000,
    checkpoint_epoch: null, tags: 812, tags_max: 1_000_000, approximate: false,
    sources: [
      { name: 'generator', state: 'live', detail: '', posts: 48211, format: 'x1', reconnects: 0 },
    ],
    sinks: [], windows_s: [60, 300, 900, 3600, 86400], modes: ['count', 'total'],
    ...change,
    counters: {
      posts: 48211, tagged_posts: 20911, tags: 31207, control: 0, malformed: 3, oversize: 0,
      partial: 0, invalid_utf8: 0, oversize_tags: 0, late: 17, future: 0, duplicates: 0,
      deletes: 0, deletes_unknown: 0, edits: 0, evicted_tags: 0, ...change.counters,
    },
  };
}

/** A ranking of `rows`, each `[display, count, more?]`, in the order given. */
export function ranking(rows, change = {}) {
  const tagged = rows.reduce((sum, [, count]) => sum + count, 0);
  return {
    mode: 'count', window_s: 900, view: 'all', at: START + 203_000, watermark: START + 193_000,
    provisional: false, approximate: false, error_bound: 0, posts: Math.round(tagged * 2.3),
    tagged_posts: tagged, distinct_tags: 812, ...change,
    trends: rows.map(([display, count, more], index) => ({
      rank: index + 1, tag: display.toLowerCase(), display, count,
      authors: Math.ceil(count * 0.83), change: 0, ...more,
    })),
  };
}

function detail(key, ranking) {
  const row = ranking.trends.find((trend) => trend.tag === key);
  if (row === undefined) return null;
  return {
    tag: key, display: row.display, total: row.count * 9, error_bound: 0,
    spellings: [
      { display: row.display, count: row.count * 7 },
      { display: row.display.toLowerCase(), count: row.count * 2 },
    ],
    windows: [60, 300, 900, 3600].map((window_s, i) => ({
      window_s, count: Math.round((row.count * (i + 1)) / 4),
    })),
    series: {
      start: START - 3_600_000, step_s: 60,
      counts: Array.from({ length: 60 }, (_, i) =>
        Math.round((row.count / 40) * (1.2 + Math.sin(i / 6) + (i % 5) / 8))),
    },
    first_seen: START - 5_400_000,
    recent: {
      kept: 8123, posts: 41,
      related: [
        { tag: 'tides', display: 'Tides', posts: 17, share: 17 / 41 },
        { tag: 'news', display: 'news', posts: 6, share: 6 / 41 },
      ],
      samples: [
        {
          at: START + 200_000, text: `<b>look</b> #${row.display}`, author: 'ann@a.example',
          url: 'https://a.example/@ann/1', lang: 'en',
        },
        {
          at: START + 190_000, text: `again #${row.display}`, author: null,
          url: 'javascript:alert(1)', lang: null,
        },
      ],
    },
  };
}

/** Why a row is listed. */
export function explain(row) {
  const score = row.score ?? null;
  const gate = (name, value, bound, required = true) => ({
    name, value, bound, passed: value !== null && value >= bound, required,
  });
  return {
    tag: row.tag, display: row.display, window_s: 3600, at: START, listed: score !== null,
    text: `${row.lift ?? 1}x usual for an hour: ${row.authors} people in 20 different minutes`,
    learning: null, status: row.status ?? null, score, held: 4.2, peak: false,
    expected: row.expected ?? 5, lift: row.lift ?? 1, posts: row.count, authors: row.authors,
    estimated: row.authors > 64,
    windows: [[900, 7.2], [3600, 5.5], [14_400, 2.4]].map(([window_s, z]) => ({
      window_s, learned: true, posts: row.count, authors: row.authors, x: row.authors,
      y: 2 * Math.sqrt(row.authors + 0.375), mu: 1.2247, nu: 0.19, z,
    })),
    people: {
      authors: row.authors, posts: row.count, span_s: 60, spans: 20, busiest: 9,
      spread: row.authors, repeat: row.authors, counted: row.authors,
    },
    gates: [
      gate('min_count', row.authors, 5), gate('min_authors', row.authors, 3),
      gate('score', score, 2), gate('lists', 1, 1), gate('learned', 3, 3, false),
    ],
    spellings: [{ display: row.display, count: row.count }],
  };
}

/** Stored rankings at the full hours up to `newest`, and at `newest`. */
function kept(url, { newest, trends }) {
  const all = [newest];
  const hour = 3_600_000;
  if (url.searchParams.has('every')) {
    const from = Number(url.searchParams.get('from'));
    for (let at = Math.floor(newest / hour) * hour; at >= from; at -= hour) all.unshift(at);
  }
  const top = Number(url.searchParams.get('top') ?? 10);
  return {
    view: 'all', mode: 'trending', window_s: 3600, next: null,
    rankings: [...new Set(all)].map((at) => ({ at, trends: trends.slice(0, top) })),
  };
}

export class Fake {
  #server = null;
  #clients = new Set();
  #sockets = new Set();
  requests = [];
  batch = 1;
  /** Stored rankings: `{newest, trends}`; null is no history. */
  history = null;

  constructor(rows = [], change = {}) {
    this.ranking = Array.isArray(rows) ? ranking(rows) : rows;
    this.status = status(change);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(port = 0) {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.#server.address().port;
    return this;
  }

  /** Ends at once, like a killed program; `start(port)` restarts it. */
  async stop() {
    const server = this.#server;
    this.#clients.clear();
    if (server === null) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  get clients() {
    return this.#clients.size;
  }

  /** Publishes a tick: live clients get a diff. */
  publish(rows, change = {}) {
    this.ranking = ranking(rows, change);
    this.batch += 1;
    for (const client of this.#clients) {
      const before = new Map(client.sent.map((trend) => [trend.tag, JSON.stringify(trend)]));
      const { trends, ...rest } = this.#asked(client.url);
      const changed = trends.filter((trend) => before.get(trend.tag) !== JSON.stringify(trend));
      client.sent = trends;
      this.#send(client, 'diff', {
        batch: this.batch, published_at: Date.now(), ranking: rest,
        order: trends.map((trend) => trend.tag),
        // fromEntries makes own properties, for a tag called __proto__ too.
        rows: Object.fromEntries(changed.map((trend) => [trend.tag, trend])),
      });
    }
  }

  say(change) {
    this.status = status({ ...this.status, ...change });
    for (const client of this.#clients) this.#send(client, 'status', this.status);
  }

  /** Sends raw bytes. */
  raw(text) {
    for (const client of this.#clients) client.response.write(text);
  }

  #send({ response }, event, data) {
    response.write(`id: ${this.batch}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #answer(request, response) {
    const url = new URL(request.url, 'http://fake');
    this.requests.push(url.pathname + url.search);
    response.setHeader('content-security-policy', CSP);
    response.setHeader('x-content-type-options', 'nosniff');
    const json = (code, body) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (url.pathname === '/api/v1/status') return json(200, this.status);
    if (url.pathname === '/api/v1/trends') return json(200, this.#asked(url));
    if (url.pathname === '/api/v1/live') return this.#live(url, response);
    const explained = /^\/api\/v1\/tags\/([^/]+)\/explain$/.exec(url.pathname);
    if (explained !== null) {
      const row = this.ranking.trends.find((one) => one.tag === decodeURIComponent(explained[1]));
      return row === undefined ? json(404, { error: 'no such tag' }) : json(200, explain(row));
    }
    if (url.pathname.startsWith('/api/v1/tags/')) {
      const found = detail(decodeURIComponent(url.pathname.slice(13)), this.ranking);
      return found === null ? json(404, { error: 'no such tag' }) : json(200, found);
    }
    if (url.pathname === '/api/v1/history') {
      return this.history === null ? json(404, { error: 'there is no history here' })
        : json(200, kept(url, this.history));
    }
    return this.#file(url, response);
  }

  #asked(url) {
    const mode = url.searchParams.get('mode') ?? 'count';
    const top = Number(url.searchParams.get('top') ?? 10);
    const label = url.searchParams.get('window') ?? '15m';
    const unit = { s: 1, m: 60, h: 3600 }[label.at(-1)];
    const window_s = mode === 'total' ? null : Number.parseInt(label, 10) * unit;
    return { ...this.ranking, mode, window_s, trends: this.ranking.trends.slice(0, top) };
  }

  #live(url, response) {
    const asked = this.#asked(url);
    const client = { url, response, sent: asked.trends };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#clients.add(client);
    response.on('close', () => this.#clients.delete(client));
    this.#send(client, 'snapshot', {
      batch: this.batch, published_at: Date.now(), ranking: asked, status: this.status,
    });
  }

  #file(url, response) {
    const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
    const file = join(pageDir(), path);
    try {
      if (!statSync(file).isFile()) throw new Error('not a file');
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' });
      response.end(readFileSync(file));
    } catch {
      response.writeHead(404);
      response.end();
    }
  }
}

const NAMES = [
  'FridayFeeling', 'rustlang', '東京', 'ClimateAction', 'openSource', 'الرياضة', 'Caturday',
  'photography', 'マンガ', 'WorldCup2026', 'BreakingNews', 'música', 'bookstodon', 'NowPlaying',
  '☕️monday', 'astronomy', 'Формула1', 'gamedev', 'кофе', 'fotografía', 'हिन्दी', 'nature',
  'AI', 'retrogaming', 'vegan', '한국', 'birdsofmastodon', 'PhotoOfTheDay', 'linux', 'trains',
];

/** Rows that drift, for looking at: deterministic by `step`. */
export function drifting(step, top = 10) {
  const rows = NAMES.map((name, i) => {
    const at = (s) =>
      (5200 / (i + 1.6) ** 0.75) *
      (1 + 0.42 * Math.sin(s / (5 + (i % 7)) + i * 1.7) + 0.1 * Math.sin(s * 1.3 + i));
    const series = Array.from({ length: 60 }, (_, k) =>
      Math.max(0, Math.round((at(step - 59 + k) / 15) * (1 + 0.25 * Math.sin(k * 2.1 + i)))));
    return [name, Math.round(at(step)), { series, at }];
  });
  rows.sort((a, b) => b[1] - a[1]);
  const before = NAMES.map((name, i) => [name, rows.find((r) => r[0] === name)[2].at(step - 1)]);
  before.sort((a, b) => b[1] - a[1]);
  return rows.slice(0, top).map(([name, count, { series }], index) => {
    const was = before.findIndex(([other]) => other === name);
    return [name, count, { series, change: was >= top ? null : was - index }];
  });
}

/** The modes and windows of a job that compares tags with their past. */
export const PAST = {
  modes: ['total', 'count', 'authors', 'trending', 'decay'], scored_windows_s: [900, 3600],
};

/** Rows as `trending` has them. */
export function trending(step, top = 10) {
  const states = ['rising', 'new', 'steady', 'cooling'];
  return drifting(step, top).map(([name, count, more], index) => {
    const score = 14 / (index + 1.4);
    const lift = 40 / (index + 1) ** 1.2;
    return [name, count, { ...more, score, lift, expected: 5, status: states[index % 4] }];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fake = await new Fake(drifting(0, 100)).start(Number(process.argv[2] ?? 5001));
  process.stderr.write(`looking at ${fake.url}\n`);
  let step = 0;
  setInterval(() => {
    step += 1;
    fake.publish(drifting(step, 100));
    fake.say({ posts_per_s: 1200 + 80 * Math.sin(step) });
  }, 2000);
}
