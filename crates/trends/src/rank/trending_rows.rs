//! Rows of the rankings that score tags against their past.

use std::cmp::Ordering;

use crate::rank::ranking::Row;
use crate::rank::top_k::{cut, top};
use crate::score::formula::LISTED;
use crate::score::{Score, Trending};
use crate::state::State;

/// The best rows over the window of `trending`, best first.
pub(super) fn rows(state: &State, trending: &Trending, rows: usize) -> Vec<Row> {
    if trending.learning().is_some() {
        return unlearned(state, trending, rows);
    }
    let column = state.ring.windows()[trending.asked()].column();
    let listed = column.at_least(trending.gates.min_count, state.tags.rows());
    let listed = listed.filter(|&id| state.may_list(id));
    let listed = listed.filter_map(|id| trend(state, trending, id));
    let mut listed: Vec<Row> =
        listed.map(|row| Row { count: u64::from(column.get(row.id)), ..row }).collect();
    let order = |a: &Row, b: &Row| {
        let by_score = b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal);
        by_score.then(b.count.cmp(&a.count)).then_with(|| state.tags.compare(a.id, b.id))
    };
    cut(&mut listed, rows, order);
    listed.sort_unstable_by(order);
    listed
}

/// Before any window has learned there is no score: rows by count, gated all the same. The gates
/// cost a look at people, so the largest counts are looked at first, and few more than are shown.
fn unlearned(state: &State, trending: &Trending, rows: usize) -> Vec<Row> {
    let column = state.ring.windows()[trending.asked()].column();
    let tie = |a, b| state.tags.compare(a, b);
    let mut looked_at = 2 * rows;
    loop {
        let best = top(column, state.tags.rows(), looked_at, |id| state.may_list(id), tie);
        let all = best.len() < looked_at;
        let least = best.last().map_or(0, |last| last.1);
        let row = |(id, count)| {
            trend(state, trending, id).map(|row| Row { count: u64::from(count), ..row })
        };
        let mut listed: Vec<Row> = best.into_iter().filter_map(row).collect();
        listed.truncate(rows);
        if listed.len() == rows || all || least < trending.gates.min_count {
            return listed;
        }
        looked_at *= 4;
    }
}

/// A row of `trending`, if it passes the gates. Before any window has learned there is no
/// score, and rows are ordered by their count.
fn trend(state: &State, trending: &Trending, id: u32) -> Option<Row> {
    let ring = &state.ring;
    if ring.authors(id, trending.asked()) < f64::from(trending.gates.min_authors)
        || trending.glance(ring, id).is_some_and(|most| most < LISTED)
    {
        return None;
    }
    let score = trending.score(ring, id);
    passes(trending, &score).then(|| {
        let (expected, lift, status) = against_usual(&score);
        Row { id, score: score.score, expected, lift, status, ..Row::default() }
    })
}

/// The expected count, the lift and the status. The first two are not known before the window
/// itself has learned, though a shorter one may have a score by then; only a
/// peak is one all the same.
pub(super) fn against_usual(score: &Score) -> (Option<f64>, Option<f64>, Option<&'static str>) {
    let known = score.score.is_some() && score.asked().learned;
    let status = (known || score.peak).then(|| score.status());
    (known.then_some(score.expected), known.then_some(score.lift), status)
}

/// True if a tag may be listed.
pub(super) fn passes(trending: &Trending, score: &Score) -> bool {
    let asked = score.asked();
    asked.people >= f64::from(trending.gates.min_count)
        && asked.authors >= f64::from(trending.gates.min_authors)
        && score.score.is_none_or(|score| score >= LISTED)
}
