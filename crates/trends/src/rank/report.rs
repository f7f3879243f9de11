//! Rankings at boundaries of event time: each report requests one ranking at even intervals.

use crate::rank::Ranking;
use crate::rank::ranking::{self, Key};
use crate::state::State;
use crate::state::boundaries::{Observer, Wants};

/// A ranking to be made whenever event time passes a multiple of `every_ms`: at the first end of a
/// pane from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which ranking.
    pub key: Key,
    /// Most rows.
    pub rows: usize,
    /// Milliseconds of event time.
    pub every_ms: i64,
}

impl Report {
    /// True if it is due at the end of a pane.
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

/// A ranking that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// Most rows, as in the report.
    pub rows: usize,
    /// The ranking.
    pub ranking: Ranking,
}

/// The reports of one state, and their rankings since these were last taken.
#[derive(Debug, Default)]
pub struct Reporter {
    wanted: Vec<Report>,
    made: Vec<Reported>,
}

impl Reporter {
    /// Makes what is `wanted`.
    #[must_use]
    pub fn new(wanted: Vec<Report>) -> Self {
        Self { wanted, made: Vec::new() }
    }

    /// Rankings made since the last call, oldest first.
    pub fn take(&mut self) -> std::vec::Drain<'_, Reported> {
        self.made.drain(..)
    }
}

impl Observer for Reporter {
    fn next(&self, after: i64, pane_ms: i64) -> Option<i64> {
        self.wanted.iter().map(|report| report.next(after, pane_ms)).min()
    }

    fn wants(&self, at: i64, pane_ms: i64) -> Wants {
        let due = self.wanted.iter().filter(|report| report.is_due(at, pane_ms));
        let wants = due.map(|report| match report.key.window_ms {
            0 => Wants::AllTime,
            _ => Wants::Windows,
        });
        wants.max().unwrap_or(Wants::Nothing)
    }

    fn look(&mut self, state: &State, at: i64) {
        let Self { wanted, made } = self;
        for &Report { key, rows, .. } in
            wanted.iter().filter(|r| r.is_due(at, state.ring.pane_ms()))
        {
            let ranking = ranking::ranking(state, key, at, rows);
            made.extend(ranking.map(|ranking| Reported { rows, ranking }));
        }
    }
}
