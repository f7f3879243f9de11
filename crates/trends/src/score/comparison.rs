//! Scores that others use, over one window: what `trending` is compared with.
//!
//! Nothing of it is in a checkpoint: after a restart it learns again.

use crate::score::formula::{Baseline, Pace};
use crate::store::column::Column;
use crate::window::Ring;

/// Half-life of a peak in Mastodon.
const PEAK_HALF_LIFE_MS: f64 = 4.0 * 3_600_000.0;
/// Fewest accounts in Mastodon.
const ACCOUNTS_MIN: f64 = 5.0;
/// SigniTrend's bias: rarer tags score as if they were new.
const BIAS: f64 = 1.0;

/// A form of score that others use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Posts in units of their standard deviation.
    Zscore,
    /// The same with a bias on both mean and deviation.
    Signitrend,
    /// Authors against those of the window before, the peak held.
    Mastodon,
}

/// What the other scores know of one tag.
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

/// What the other scores know of all tags.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    tags: Column<Past>,
    slide: u32,
    slide_ms: i64,
}

impl Comparison {
    pub(super) fn grow(&mut self, rows: usize) {
        self.tags.grow(rows);
    }

    pub(super) fn forget(&mut self, id: u32) {
        *self.tags.at_mut(id) = Past::default();
    }

    /// A window is complete, and the newest of `pace`.
    pub(super) fn learn(&mut self, ring: &Ring, rows: u32, window: usize, pace: &Pace) {
        for id in ring.windows()[window].column().at_least(1, rows) {
            let past = self.tags.at_mut(id);
            past.posts.learn_plain(pace, f64::from(ring.windows()[window].count(id)));
            (past.authors, past.window) = (ring.authors(id, window) as u32, pace.windows());
        }
    }

    /// Holds peaks at a slide.
    pub(super) fn record_peaks(
        &mut self,
        ring: &Ring,
        rows: u32,
        window: usize,
        pace: &Pace,
        (slide, slide_ms): (i64, i64),
    ) {
        (self.slide, self.slide_ms) = (slide as u32, slide_ms);
        for id in ring.windows()[window].column().at_least(ACCOUNTS_MIN as u32, rows) {
            let score = self.surprise(ring, window, pace, id);
            if score > self.held(id) {
                let past = self.tags.at_mut(id);
                (past.peak, past.peak_at) = (score as f32, slide as u32);
            }
        }
    }

    fn held(&self, id: u32) -> f64 {
        let past = self.tags.at(id);
        let ms = i64::from(self.slide.wrapping_sub(past.peak_at)) * self.slide_ms;
        f64::from(past.peak) * (-(ms as f64) / PEAK_HALF_LIFE_MS).exp2()
    }

    /// Mastodon's form: observed against expected accounts.
    fn surprise(&self, ring: &Ring, window: usize, pace: &Pace, id: u32) -> f64 {
        let past = self.tags.at(id);
        let before = if past.window == pace.windows() { past.authors } else { 0 };
        let (o, e) = (ring.authors(id, window), f64::from(before.max(1)));
        if o < ACCOUNTS_MIN || o < e { 0.0 } else { (o - e) * (o - e) / e }
    }

    /// The score of a tag in one form.
    pub(super) fn score(
        &self,
        ring: &Ring,
        form: Form,
        (window, pace): (usize, &Pace),
        id: u32,
    ) -> f64 {
        let x = f64::from(ring.windows()[window].count(id));
        let (mean, variance) = self.tags.at(id).posts.plain(pace, pace.windows());
        match form {
            Form::Zscore => (x - mean) / variance.sqrt().max(1.0),
            Form::Signitrend => (x - mean.max(BIAS)) / (variance.sqrt() + BIAS),
            Form::Mastodon => self.surprise(ring, window, pace, id).max(self.held(id)),
        }
    }
}
