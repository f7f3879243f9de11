//! Event time passing boundaries: windows end, scores are held, rankings are put down.
//!
//! A boundary is passed when every pane before it is closed, whatever our clock says, so what is
//! done here is the same live and in a replay at any speed.

use crate::rank::Ranking;
use crate::rank::build::{self, Key};
use crate::state::State;
use crate::state::trending::Trending;

/// Tags to learn from, beyond which a thread costs less than what it takes over.
const THREADS_FROM: u64 = 10_000;

/// A ranking to be put down whenever event time passes a multiple of `every_ms`: at the first end
/// of a pane from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub key: Key,
    /// Most rows.
    pub rows: usize,
    /// Milliseconds of event time.
    pub every_ms: i64,
}

impl Report {
    /// True where it is due at the end of a pane.
    fn is_due(&self, at: i64, pane_ms: i64) -> bool {
        at.rem_euclid(self.every_ms) < pane_ms
    }

    /// The first end of a pane after `after` at which it is due.
    fn next(&self, after: i64, pane_ms: i64) -> i64 {
        let first_end = |from: i64| (from + pane_ms - 1).div_euclid(pane_ms) * pane_ms;
        let begun = after.div_euclid(self.every_ms) * self.every_ms;
        let due = first_end(begun);
        if due > after { due } else { first_end((begun + self.every_ms).max(after + 1)) }
    }
}

/// A ranking that was put down.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// As many rows as were asked for.
    pub rows: usize,
    /// The ranking.
    pub ranking: Ranking,
}

impl State {
    /// Closes every pane that ends at or before `watermark`, boundary by boundary.
    pub(super) fn close_to(&mut self, watermark: i64) {
        if self.trending.is_empty() && self.reports.is_empty() {
            // Whoever asks for boundaries in a later run begins with those after its start.
            self.passed = None;
            self.ring.close_to(watermark);
            return;
        }
        if self.passed.is_some() && self.ring.pane_of(watermark) - 1 <= self.ring.closed_to() {
            // No pane ends here, so no boundary does: nearly always so, and asked at every post.
            return;
        }
        let end = self.ring.pane_of(watermark) * self.ring.pane_ms();
        let Some(mut passed) = self.passed.or_else(|| self.begin_passing(end)) else {
            self.ring.close_to(end);
            return;
        };
        while let Some(at) = self.next_boundary(passed).filter(|at| *at <= end) {
            self.ring.close_to(at);
            // Where nothing is left in any window, time jumps to the next post, and no ranking is
            // put down: all-time ones stay as they were.
            if self.ring.is_empty() {
                let next = self.ring.open_from().map_or(end, |open| open.min(end));
                self.trending.iter_mut().for_each(|trending| trending.pass_idle(passed, next));
                passed = next;
                continue;
            }
            self.pass(at);
            passed = at;
        }
        self.passed = Some(passed);
        self.ring.close_to(end);
    }

    /// The first pane that closes is the first that can be whole; what it is a part of is not.
    /// Before it closes, an older one may still be opened.
    fn begin_passing(&mut self, end: i64) -> Option<i64> {
        let first = self.ring.open_from()?;
        let whole = first + self.ring.pane_ms();
        if whole > end {
            return None;
        }
        self.trending.iter_mut().for_each(|trending| trending.whole_from(whole));
        self.passed = Some(first);
        Some(first)
    }

    fn next_boundary(&self, after: i64) -> Option<i64> {
        let trending = self.trending.iter().map(|trending| trending.next_boundary(after));
        let reports = self.reports.iter().map(|report| report.next(after, self.ring.pane_ms()));
        trending.chain(reports).min()
    }

    fn pass(&mut self, at: i64) {
        let pane_ms = self.ring.pane_ms();
        let is_due = |report: &Report| report.is_due(at, pane_ms);
        let asked = self.trending.iter().fold(0, |asked, of| asked | of.asks_at(at));
        self.ring.estimate(if self.reports.iter().any(is_due) { u64::MAX } else { asked });
        self.slide(at);
        let all_time = |report: &Report| report.key.window_ms == 0 && is_due(report);
        let all_time = self.reports.iter().any(all_time);
        if all_time {
            self.ring.set_open_aside();
        }
        for number in 0..self.reports.len() {
            let Report { key, rows, .. } = self.reports[number];
            if is_due(&self.reports[number])
                && let Some(ranking) = build::ranking(self, key, at, rows)
            {
                self.reported.push(Reported { rows, ranking });
            }
        }
        if all_time {
            self.ring.bring_open_back();
        }
        self.learn(at);
    }

    /// Scores are held of the slides that end.
    fn slide(&mut self, at: i64) {
        let (ring, rows) = (&self.ring, self.tags.rows());
        self.trending.iter_mut().for_each(|trending| trending.slide(ring, rows, at));
    }

    /// Each window that `trending` is asked for learns for itself, from closed panes that nobody
    /// changes meanwhile: so all of them at once, where there is much to learn.
    fn learn(&mut self, at: i64) {
        let (ring, rows) = (&self.ring, self.tags.rows());
        let mut due = self.trending.iter_mut().filter(|trending| trending.asks_at(at) > 0);
        let Some(first) = due.next() else { return };
        std::thread::scope(|scope| {
            for trending in due {
                if trending.learns_at(ring, at) >= THREADS_FROM {
                    scope.spawn(|| trending.learn(ring, rows, at));
                } else {
                    trending.learn(ring, rows, at);
                }
            }
            first.learn(ring, rows, at);
        });
    }

    /// Rankings put down since the last call, oldest first.
    pub fn take_reported(&mut self) -> std::vec::Drain<'_, Reported> {
        self.reported.drain(..)
    }

    /// What `trending` knows for a window.
    #[must_use]
    pub fn trending(&self, window_ms: i64) -> Option<&Trending> {
        self.trending.iter().find(|trending| trending.window_ms == window_ms)
    }

    /// Posts before `at` may be missing: windows that overlap the gap teach no baseline.
    pub fn gap_until(&mut self, at: i64) {
        self.trending.iter_mut().for_each(|trending| trending.whole_from(at));
    }
}
