//! The score of one tag, with everything that it follows from.

use crate::score::trending::SCALES;

/// One window of a score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// Its length, milliseconds.
    pub window_ms: i64,
    /// It has learned enough to be used.
    pub learned: bool,
    /// Distinct authors.
    pub authors: f64,
    /// Authors under the rules of people.
    pub people: f64,
    /// Posts.
    pub posts: u32,
    /// `people`, transformed.
    pub y: f64,
    /// Mean of its past, transformed.
    pub mu: f64,
    /// Variance of its past, transformed.
    pub nu: f64,
    /// Distance from the mean in units of the noise.
    pub z: f64,
}

/// How unusual a tag is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Windows, short to long.
    pub scales: [Scale; SCALES],
    /// Mean of `z` of the windows that have learned; `None` if none has.
    pub score: Option<f64>,
    /// The last peak, decayed.
    pub held: f64,
    /// Expected count in the middle window.
    pub expected: f64,
    /// Ratio to the expected count.
    pub lift: f64,
    /// It was a new peak at the last slide, or is one now.
    pub peak: bool,
}

impl Score {
    /// The middle window, the one that is ranked.
    #[must_use]
    pub fn asked(&self) -> &Scale {
        &self.scales[1]
    }

    /// `new`, `rising`, `steady` or `cooling`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        let score = self.score.unwrap_or(0.0);
        match () {
            () if self.peak => "rising",
            () if self.expected < 1.0 => "new",
            () if score >= self.held / 2.0 => "steady",
            () => "cooling",
        }
    }
}
