//! Rankings from the state.

use std::cmp::Ordering;

use crate::rank::related;
use crate::rank::top_k::top;
use crate::rank::trending_rows;
use crate::rank::{Mode, Ranking, Series, Spelling, TagDetail, Trend, WindowCount};
use crate::state::State;
use crate::state::columns::{ColumnSnapshot, Columns};

/// What a ranking is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// What it ranks by.
    pub mode: Mode,
    /// Window in milliseconds; 0 for a mode without window.
    pub window_ms: i64,
}

/// One row before it is written out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) count: u64,
    /// The value it was ranked by, if that is not the count.
    pub(super) score: Option<f64>,
    pub(super) lift: Option<f64>,
    pub(super) expected: Option<f64>,
    pub(super) status: Option<&'static str>,
}

/// Makes the ranking `key` at event time `at`. [`State::show`] must have been called for it. `None`
/// if that window is not configured.
#[must_use]
pub fn ranking(state: &State, key: Key, at: i64, rows: usize) -> Option<Ranking> {
    let columns = state.columns();
    if !key.mode.is_scored() {
        return by_counts(columns, key, at, rows);
    }
    let number = columns.window(key.window_ms)?;
    let trending = state.trending(key.window_ms)?;
    let best = trending_rows::rows(state, trending, rows);
    let learning = trending.learning();
    Some(Ranking { learning, ..of_rows(columns, (key.mode, Some(number)), at, best) })
}

/// The same from a snapshot of the columns, at the event time for which it was taken. It has the
/// modes without baseline; `None` for any other.
#[must_use]
pub fn snapshot_ranking(of: &ColumnSnapshot, key: Key, rows: usize) -> Option<Ranking> {
    if key.mode.is_scored() { None } else { by_counts(of.columns(), key, of.at(), rows) }
}

fn by_counts(columns: Columns<'_>, key: Key, at: i64, rows: usize) -> Option<Ranking> {
    let number = match key.mode.has_window() {
        true => Some(columns.window(key.window_ms)?),
        false => None,
    };
    let best = match (key.mode, number) {
        (Mode::Decay, _) => decayed(columns, at, rows)?,
        (Mode::Authors, Some(number)) if columns.has_authors => authors(columns, number, rows),
        (_, Some(number)) => counts(columns, number, rows),
        (_, None) => totals(columns, rows),
    };
    Some(of_rows(columns, (key.mode, number), at, best))
}

/// The ranking of rows that are in order.
fn of_rows(
    columns: Columns<'_>,
    (mode, number): (Mode, Option<usize>),
    at: i64,
    best: Vec<Row>,
) -> Ranking {
    let head = columns.head;
    let window = number.map(|number| &columns.windows[number]);
    let (posts, tagged_posts, distinct_tags) = match window {
        None => (head.posts, head.tagged_posts, columns.total.distinct),
        Some(window) => (window.posts, window.tagged, window.distinct),
    };
    let trends = best.into_iter().zip(1..).map(|(row, rank)| trend(columns, number, row, rank));
    Ranking {
        mode: mode.name().to_owned(),
        window_s: window.map(|window| window.ms as u64 / 1000),
        view: columns.view.to_owned(),
        at,
        watermark: head.watermark.unwrap_or(at),
        provisional: false,
        approximate: head.approximate,
        error_bound: if window.is_none() { head.error_bound } else { 0 },
        other: window.map_or(0, |window| window.other),
        posts,
        tagged_posts,
        distinct_tags,
        learning: None,
        trends: trends.collect(),
    }
}

fn totals(columns: Columns<'_>, rows: usize) -> Vec<Row> {
    let (listed, tie) = (listed(columns), ties(columns));
    let best = top(columns.total.column(), columns.names.rows(), rows, listed, tie);
    best.into_iter().map(|(id, count)| Row { id, count, ..Row::default() }).collect()
}

fn counts(columns: Columns<'_>, number: usize, rows: usize) -> Vec<Row> {
    let column = columns.windows[number].column();
    let best = top(column, columns.names.rows(), rows, listed(columns), ties(columns));
    let row = |(id, count)| Row { id, count: u64::from(count), ..Row::default() };
    best.into_iter().map(row).collect()
}

fn authors(columns: Columns<'_>, number: usize, rows: usize) -> Vec<Row> {
    let window = &columns.windows[number];
    let posts = |id| window.count(id);
    let tie = |a, b| posts(b).cmp(&posts(a)).then_with(|| columns.names.compare(a, b));
    let shown = |id| columns.authors(id, number);
    let listed = |id| posts(id) > 0 && columns.may_list(id);
    let mut looked_at = rows;
    loop {
        let mut best = top(window.people_column(), columns.names.rows(), looked_at, listed, tie);
        // Estimates above the number of posts are clamped, so their rows may move down. The rows
        // that are not clamped are in order, and no row outside `best` precedes them.
        let clamped = best.iter().filter(|of| shown(of.0) < u64::from(of.1)).count();
        if best.len() < looked_at || best.len() - clamped >= rows {
            best.sort_by(|a, b| shown(b.0).cmp(&shown(a.0)).then_with(|| tie(a.0, b.0)));
            let row = |(id, _)| Row { id, count: u64::from(posts(id)), ..Row::default() };
            return best.into_iter().take(rows).map(row).collect();
        }
        looked_at = (rows + clamped).max(2 * looked_at);
    }
}

fn decayed(columns: Columns<'_>, at: i64, rows: usize) -> Option<Vec<Row>> {
    let decay = columns.decay?;
    let count = |id| columns.total.count(id);
    let tie = |a, b| count(b).cmp(&count(a)).then_with(|| columns.names.compare(a, b));
    let best = top(decay.column(), columns.names.rows(), rows, listed(columns), tie);
    let row = |(id, weight)| Row {
        id,
        count: count(id),
        score: Some(decay.count(weight, at)),
        ..Row::default()
    };
    Some(best.into_iter().map(row).collect())
}

/// Tags that the job's lists let through.
fn listed(columns: Columns<'_>) -> impl Fn(u32) -> bool + '_ {
    move |id| columns.may_list(id)
}

/// Order of tags with equal counts: posts are what is ranked by here, so the key decides.
fn ties(columns: Columns<'_>) -> impl Fn(u32, u32) -> Ordering + '_ {
    move |a, b| columns.names.compare(a, b)
}

fn trend(columns: Columns<'_>, window: Option<usize>, row: Row, rank: u32) -> Trend {
    let authors = window.filter(|_| columns.has_authors);
    Trend {
        rank,
        tag: columns.names.key_string(row.id),
        display: columns.display(row.id),
        count: row.count,
        authors: authors.map(|number| columns.authors(row.id, number)),
        score: row.score,
        lift: row.lift,
        expected: row.expected,
        status: row.status.map(str::to_owned),
        ..Trend::default()
    }
}

/// Everything known about one tag; `None` if it is not live.
#[must_use]
pub fn tag(state: &State, key: &str) -> Option<TagDetail> {
    let id = state.tags.find(key.as_bytes())?;
    let total = state.ring.total().count(id);
    let spellings = state.tags.spellings(id, total);
    let windows: Vec<_> = state
        .ring
        .windows()
        .iter()
        .filter(|window| state.settings().windows_ms.contains(&window.ms))
        .map(|w| WindowCount { window_s: w.ms as u64 / 1000, count: u64::from(w.count(id)) })
        .collect();
    if total == 0 && windows.iter().all(|window| window.count == 0) {
        return None;
    }
    Some(TagDetail {
        tag: key.to_owned(),
        display: spellings.first().map_or_else(|| key.to_owned(), |(typed, _)| typed.clone()),
        total,
        error_bound: state.error_of(id),
        spellings: spellings
            .into_iter()
            .map(|(display, count)| Spelling { display, count })
            .collect(),
        windows,
        series: series(&state.ring.series(id)),
        first_seen: state.ring.first_seen(id),
        recent: related::recent(state, id),
    })
}

/// Puts panes of different length on one even grid of the shortest, for the last hour at most, so
/// that a chart has one step.
fn series(panes: &[(i64, i64, u64)]) -> Series {
    let Some(&(last, step, _)) = panes.last() else { return Series::default() };
    let slots = (3_600_000 / step).max(1);
    let first = panes[0].0.max(last - (slots - 1) * step);
    let mut counts = vec![0; ((last - first) / step + 1) as usize];
    for &(start, length, count) in panes {
        if length == step && start >= first {
            counts[((start - first) / step) as usize] += count;
        }
    }
    Series { start: first, step_s: step as u64 / 1000, counts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
    use crate::state::{Settings, State};
    use crate::store::hash::Seed;
    use crate::window::Shape;
    use crate::window::authors::Rules;
    use tagtide_posts::post::Batch;

    /// Tags with estimated authors, each with one post.
    #[test]
    fn no_row_has_more_authors_than_posts() {
        let (pane_ms, windows_ms, people) = (1000, vec![60_000], Some(Rules::default()));
        let shape = Shape { pane_ms, windows_ms, people, decay_ms: None };
        let seed = Seed::new(std::array::from_fn(|at| (at * 151 + 17) as u8));
        let mut state = State::new(Settings::of(shape, Vec::new()), seed);
        let mut batch = ExtractedBatch::default();
        batch.begin(Batch::default());
        for (tag, authors) in (0..16_u64).map(|tag| (format!("tag{tag}"), 700_u64 + 9 * tag)) {
            for number in 1..=authors {
                batch.begin_post();
                batch.push_key(&seed, tag.as_bytes(), tag.as_bytes(), true);
                let author = seed.bytes(format!("{tag} {number}").as_bytes());
                batch.posts.push(PostKey { author, ..PostKey::default() });
                let entries_end = batch.entries.len() as u32;
                let post = batch.posts.len() as u32;
                batch.rows.push(Row { at: 0, until: 0, posts: 1, tagged: 1, entries_end, post });
            }
        }
        state.begin_batch(&batch, &mut ());
        batch.rows.iter().for_each(|row| state.count_row(&batch, row, i64::MAX, &mut ()));
        state.live_until(0, 1000);
        state.show(1000, &mut ());
        let key = Key { mode: Mode::Authors, window_ms: 60_000 };
        let rows = ranking(&state, key, 1000, 100).expect("it is configured").trends;
        let authors: Vec<_> = rows.iter().filter_map(|row| row.authors).collect();
        assert_eq!(authors.len(), 16);
        assert!(authors.is_sorted_by(|a, b| a >= b), "{authors:?}");
        let as_estimated = rows.iter().filter(|row| row.authors < Some(row.count)).count();
        assert!(rows.iter().all(|row| row.authors <= Some(row.count)), "{rows:?}");
        assert!((1..16).contains(&as_estimated), "some are estimated too high, others too low");
    }
}
