create table about (
  key   text primary key,
  value
) without rowid;

insert into about values
  ('what', 'alerts that were raised, and what became of each'),
  ('key', 'the same for the same job, rule, tag and slide: sent as Idempotency-Key'),
  ('at', 'end of the slide, event time, milliseconds since the Unix epoch'),
  ('raised_ms, next_ms, delivered_ms', 'our clock, milliseconds since the Unix epoch'),
  ('state', 'feed (no webhook), waiting, delivered, failed'),
  ('kept', 'the newest 10,000; the oldest settled ones go first'),
  -- Alerts that were deleted while they still waited.
  ('dropped', 0);

create table alert (
  id           integer primary key autoincrement,
  key          text    not null unique,
  at           integer not null,
  rule         text    not null,
  view         text    not null,
  tag          text    not null,
  text         text    not null,
  body         text    not null,
  raised_ms    integer not null,
  state        text    not null,
  tries        integer not null default 0,
  next_ms      integer not null,
  answered     integer,
  error        text,
  delivered_ms integer
);

create index alert_waiting on alert (next_ms, id) where state = 'waiting';
