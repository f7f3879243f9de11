//! Boundaries of event time: windows end, scores are held, an observer looks at the state.
//!
//! A boundary is passed when every pane before it is closed, independent of our clock, so what
//! happens here is the same live and in a replay at any speed.

use crate::score::Trending;
use crate::state::State;

/// Tags to learn from, beyond which a thread of its own pays off.
const THREADS_FROM: u64 = 10_000;

/// Looks at a state whenever event time passes one of its boundaries. `()` never does.
pub trait Observer {
    /// The first end of a pane after `after` at which it looks; `None` = never.
    fn next(&self, after: i64, pane_ms: i64) -> Option<i64>;

    /// What it reads of the state at the end of a pane.
    fn wants(&self, at: i64, pane_ms: i64) -> Wants;

    /// Event time has passed `at`: every pane before it is closed, none after it.
    fn look(&mut self, state: &State, at: i64);
}

/// What an [`Observer`] reads at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wants {
    /// Nothing: it is another's boundary.
    Nothing,
    /// Counts of windows.
    Windows,
    /// All-time counts as of the boundary too.
    AllTime,
}

impl Observer for () {
    fn next(&self, _: i64, _: i64) -> Option<i64> {
        None
    }

    fn wants(&self, _: i64, _: i64) -> Wants {
        Wants::Nothing
    }

    fn look(&mut self, _: &State, _: i64) {}
}

impl State {
    /// Closes every pane that ends at or before `watermark`, boundary by boundary; `observer` looks
    /// at those that it asks for.
    pub fn advance(&mut self, watermark: i64, observer: &mut dyn Observer) {
        if self.ring.pane_of(watermark) - 1 <= self.ring.closed_to() {
            // No pane ends here, so there is no boundary: nearly always, and checked at every post.
            return;
        }
        if self.trending.is_empty() && observer.next(watermark, self.ring.pane_ms()).is_none() {
            // An observer of a later run begins with the boundaries after its start.
            self.passed = None;
            self.ring.close_to(watermark);
            return;
        }
        let end = self.ring.pane_of(watermark) * self.ring.pane_ms();
        let Some(mut passed) = self.passed.or_else(|| self.begin_passing(end)) else {
            self.ring.close_to(end);
            return;
        };
        while let Some(at) = self.next_boundary(passed, observer).filter(|at| *at <= end) {
            self.ring.close_to(at);
            // Where nothing is left in any window, time jumps to the next post, and no observer
            // looks: all-time counts stay as they were.
            if self.ring.is_empty() {
                let next = self.ring.open_from().map_or(end, |open| open.min(end));
                self.trending.iter_mut().for_each(|trending| trending.pass_idle(passed, next));
                passed = next;
                continue;
            }
            self.pass(at, observer);
            passed = at;
        }
        self.passed = Some(passed);
        self.ring.close_to(end);
    }

    /// The first pane that closes is the first that can be complete; the window that contains it is
    /// not. Before it closes, an older one may still be opened.
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

    fn next_boundary(&self, after: i64, observer: &dyn Observer) -> Option<i64> {
        let trending = self.trending.iter().map(|trending| trending.next_boundary(after));
        trending.chain(observer.next(after, self.ring.pane_ms())).min()
    }

    fn pass(&mut self, at: i64, observer: &mut dyn Observer) {
        let wants = observer.wants(at, self.ring.pane_ms());
        let asked = self.trending.iter().fold(0, |asked, of| asked | of.asks_at(at));
        self.ring.estimate(if wants == Wants::Nothing { asked } else { u64::MAX });
        self.slide(at);
        if wants == Wants::AllTime {
            self.ring.set_open_aside();
        }
        if wants != Wants::Nothing {
            observer.look(self, at);
        }
        if wants == Wants::AllTime {
            self.ring.bring_open_back();
        }
        self.learn(at);
    }

    /// Records the peaks of the slides that end.
    fn slide(&mut self, at: i64) {
        let (ring, rows) = (&self.ring, self.tags.rows());
        self.trending.iter_mut().for_each(|trending| trending.slide(ring, rows, at));
    }

    /// Each window of `trending` learns for itself, from closed panes, which do not change
    /// meanwhile: in parallel if there is much to learn.
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

    /// The baselines and scores of `trending` for a window.
    #[must_use]
    pub fn trending(&self, window_ms: i64) -> Option<&Trending> {
        self.trending.iter().find(|trending| trending.window_ms == window_ms)
    }

    /// Posts before `at` may be missing: windows that overlap the gap teach no baseline.
    pub fn gap_until(&mut self, at: i64) {
        self.trending.iter_mut().for_each(|trending| trending.whole_from(at));
    }
}
