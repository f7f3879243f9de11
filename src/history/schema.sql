create table about (
  key   text primary key,
  value
) without rowid;

insert into about values
  ('what', 'rankings of trending hashtags as they were, one row a place'),
  ('minute', 'minutes of event time since the Unix epoch: the end of the window'),
  ('view, mode, window_s', 'which ranking; window_s is 0 for a mode without window'),
  ('rank', 'place, from 1'),
  ('tag, display', 'the key, and its commonest spelling without #'),
  ('count, authors', 'posts in the window; distinct authors, null where unknown'),
  ('score, lift, expected, status', 'why it was listed, null where the mode has none'),
  ('kept', 'every minute for 48 hours, every 15th minute of what is older'),
  -- Minutes before this one are thinned out.
  ('thinned_to', null);

create table ranking (
  minute   integer not null,
  view     text    not null,
  mode     text    not null,
  window_s integer not null,
  rank     integer not null,
  tag      text    not null,
  display  text    not null,
  count    integer not null,
  authors  integer,
  score    real,
  lift     real,
  expected real,
  status   text,
  primary key (minute, view, mode, window_s, rank)
) without rowid;

create view readable as
  select strftime('%Y-%m-%dT%H:%M:%SZ', minute * 60, 'unixepoch') as at,
    view, mode, window_s, rank, display, count, authors, score, lift, status
  from ranking;
