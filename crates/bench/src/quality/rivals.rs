//! Scores that others use, over the window asked for: what `trending` is compared with.
//!
//! They learn at the same boundaries of event time as `trending`, from the same closed panes.

use std::cmp::Ordering;

use tagtide_trends::score::formula::{self, Baseline, Pace};
use tagtide_trends::score::trending;
use tagtide_trends::state::State;
use tagtide_trends::store::column::Column;

/// Mastodon's peaks halve in this time.
const PEAK_HALF_LIFE_MS: f64 = 4.0 * 3_600_000.0;
/// Mastodon lists tags of at least so many accounts.
const ACCOUNTS_MIN: f64 = 5.0;
/// SigniTrend's bias: rarer tags count as never seen.
const BIAS: f64 = 1.0;

/// A score that others use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rival {
    /// `trending` with the shortest of its three windows only.
    Single,
    /// Posts in units of their standard deviation.
    Zscore,
    /// The same with a bias on both mean and deviation.
    Signitrend,
    /// Authors against those of the window before, the peak held.
    Mastodon,
}

/// All of them, with their names.
pub(super) const RIVALS: [(&str, Rival); 4] = [
    ("single", Rival::Single),
    ("zscore", Rival::Zscore),
    ("signitrend", Rival::Signitrend),
    ("mastodon", Rival::Mastodon),
];

/// What is known of one tag.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// Posts in the windows before.
    posts: Baseline,
    /// Authors in the window before, and its number.
    authors: u32,
    window: u32,
    /// Highest score of Mastodon's form, and when, in slides modulo 2^32.
    peak: f32,
    peak_at: u32,
}

/// What is known of all tags.
pub(super) struct Rivals {
    window_ms: i64,
    slide_ms: i64,
    /// Windows that begin earlier are not whole, and teach nothing.
    whole_from: i64,
    pace: Pace,
    tags: Column<Past>,
    /// Number of the last slide.
    slide: u32,
}

impl Rivals {
    /// For a window in panes of this length, milliseconds; posts from `whole_from` on are complete.
    pub(super) fn new((pane_ms, window_ms): (i64, i64), whole_from: i64) -> Self {
        Self {
            window_ms,
            slide_ms: trending::slide_ms(window_ms, pane_ms),
            whole_from,
            pace: Pace::new(window_ms, formula::half_life_ms(window_ms)),
            tags: Column::default(),
            slide: 0,
        }
    }

    /// Peaks are recorded at multiples of this.
    pub(super) fn slide_ms(&self) -> i64 {
        self.slide_ms
    }

    /// Records peaks at the boundary `at`, if a slide ends there.
    pub(super) fn record_peaks(&mut self, state: &State, at: i64) {
        if at % self.slide_ms != 0 {
            return;
        }
        self.slide = at.div_euclid(self.slide_ms) as u32;
        let rows = state.tags().rows();
        self.tags.grow(rows as usize);
        let window = self.window(state);
        for id in state.ring().windows()[window].column().at_least(ACCOUNTS_MIN as u32, rows) {
            let score = self.surprise(state, window, id);
            if score > self.held(id) {
                let past = self.tags.at_mut(id);
                (past.peak, past.peak_at) = (score as f32, self.slide);
            }
        }
    }

    /// Learns from the window that ends at the boundary `at`, if one does; after scoring, as no
    /// window is in its own past.
    pub(super) fn learn(&mut self, state: &State, at: i64) {
        if at % self.window_ms != 0 || at - self.window_ms < self.whole_from {
            return;
        }
        self.pace.advance(1);
        let rows = state.tags().rows();
        self.tags.grow(rows as usize);
        let (ring, window) = (state.ring(), self.window(state));
        for id in ring.windows()[window].column().at_least(1, rows) {
            let past = self.tags.at_mut(id);
            past.posts.learn_plain(&self.pace, f64::from(ring.windows()[window].count(id)));
            (past.authors, past.window) = (ring.authors(id, window) as u32, self.pace.windows());
        }
    }

    /// Ids of the best rows by one score, best first; ordered and gated as those of `trending`.
    pub(super) fn rows(&self, state: &State, rival: Rival, top: usize) -> Vec<u32> {
        let window = &state.ring().windows()[self.window(state)];
        let least = trending::Gates::default().min_count;
        let scored = window.column().at_least(least, state.tags().rows());
        let scored = scored.filter_map(|id| Some((id, self.score(state, rival, id)?)));
        let mut best: Vec<(u32, f64)> = scored.collect();
        best.sort_unstable_by(|a, b| {
            let by_score = b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal);
            let by_count = window.count(b.0).cmp(&window.count(a.0));
            by_score.then(by_count).then_with(|| state.tags().compare(a.0, b.0))
        });
        best.into_iter().take(top).map(|(id, _)| id).collect()
    }

    /// The score of a tag; `None` = it is not listed.
    fn score(&self, state: &State, rival: Rival, id: u32) -> Option<f64> {
        let window = self.window(state);
        let x = f64::from(state.ring().windows()[window].count(id));
        let (mean, variance) = self.tags.at(id).posts.plain(&self.pace, self.pace.windows());
        let score = match rival {
            Rival::Single => {
                let shortest = state.trending(self.window_ms)?.score(state.ring(), id).scales[0];
                let listed = shortest.learned && shortest.z >= formula::LISTED;
                return listed.then_some(shortest.z);
            }
            Rival::Zscore => (x - mean) / variance.sqrt().max(1.0),
            Rival::Signitrend => (x - mean.max(BIAS)) / (variance.sqrt() + BIAS),
            Rival::Mastodon => self.surprise(state, window, id).max(self.held(id)),
        };
        (score > 0.0).then_some(score)
    }

    /// The peak of a tag in Mastodon's form, as far as it is still held.
    fn held(&self, id: u32) -> f64 {
        let past = self.tags.at(id);
        let ms = i64::from(self.slide.wrapping_sub(past.peak_at)) * self.slide_ms;
        f64::from(past.peak) * (-(ms as f64) / PEAK_HALF_LIFE_MS).exp2()
    }

    /// Mastodon's form: observed against expected accounts.
    fn surprise(&self, state: &State, window: usize, id: u32) -> f64 {
        let past = self.tags.at(id);
        let before = if past.window == self.pace.windows() { past.authors } else { 0 };
        let (o, e) = (state.ring().authors(id, window), f64::from(before.max(1)));
        if o < ACCOUNTS_MIN || o < e { 0.0 } else { (o - e) * (o - e) / e }
    }

    /// The place of the window in the ring of `state`.
    fn window(&self, state: &State) -> usize {
        let windows = state.ring().windows().iter();
        windows.map(|window| window.ms).position(|ms| ms == self.window_ms).unwrap_or(0)
    }
}
