//! The score of `trending`: how unusual a count is against the tag's own past.
//!
//! Counts are made comparable by the transform of Anscombe (Biometrika 35, 1948), under which
//! Poisson noise has a variance of about one whatever the mean; a running mean and variance of the
//! transformed counts is the baseline, as in SigniTrend (Schubert, Weiler, Kriegel, KDD 2014).
//! Three windows, a quarter, once and four times the given one, are scored together: the short
//! one sees a burst early, the long one sees that it lasts.

/// The transform of a count of zero, the start of every baseline.
pub const Y0: f64 = 1.224_744_871_391_589;
/// A window has learned after this many windows.
pub const LEARNED: u32 = 3;
/// A tag is listed from this score on.
pub const LISTED: f64 = 2.0;
/// A new peak is one from this score on.
pub const PEAK: f64 = 4.0;

/// A count, transformed: variance about one for Poisson noise.
#[must_use]
pub fn transform(x: f64) -> f64 {
    2.0 * (x + 0.375).sqrt()
}

/// The baseline of a tag in one window.
///
/// The mean is stored as its distance from [`Y0`], so zeros mean a tag never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Baseline {
    /// Running mean of transformed counts, less [`Y0`].
    above: f32,
    /// Running variance of them.
    nu: f32,
    /// Number of the window that was learned last.
    last: u32,
}

impl Baseline {
    /// Only the mean, after the newest window.
    #[must_use]
    #[inline]
    pub fn mean(&self, pace: &Pace) -> f64 {
        Y0 + f64::from(self.above) * pace.left(self.last, pace.windows)
    }

    /// Mean of the transformed counts and their variance, after `k` windows.
    #[must_use]
    pub fn at(&self, pace: &Pace, k: u32) -> (f64, f64) {
        let (above, nu) = self.plain(pace, k);
        (Y0 + above, nu)
    }

    /// The same of values that were learned untransformed.
    #[must_use]
    #[inline]
    pub fn plain(&self, pace: &Pace, k: u32) -> (f64, f64) {
        let (above, nu) = (f64::from(self.above), f64::from(self.nu));
        if above == 0.0 && nu == 0.0 {
            return (0.0, 0.0);
        }
        let b = pace.left(self.last, k);
        (above * b, b * nu + above * above * (b - b * b))
    }

    /// Takes in the count of the newest window of `pace`.
    pub fn learn(&mut self, pace: &Pace, x: f64) {
        self.learn_plain(pace, transform(x) - Y0);
    }

    /// The same for an untransformed value.
    pub fn learn_plain(&mut self, pace: &Pace, value: f64) {
        let k = pace.windows();
        let (mean, nu) = self.plain(pace, k.saturating_sub(1));
        let a = rate(pace.least, k);
        let d = value - mean;
        self.above = (mean + a * d) as f32;
        self.nu = ((1.0 - a) * (nu + a * d * d)) as f32;
        self.last = k;
    }

    /// The stored numbers, for the checkpoint.
    #[must_use]
    pub fn parts(&self) -> (f32, f32, u32) {
        (self.above, self.nu, self.last)
    }

    /// From the stored numbers.
    #[must_use]
    pub fn from_parts((above, nu, last): (f32, f32, u32)) -> Self {
        Self { above, nu, last }
    }
}

/// How far a transformed count lies above its baseline: the one under the root is the floor that
/// Poisson noise has.
#[must_use]
pub fn surprise(x: f64, (mu, nu): (f64, f64)) -> f64 {
    (transform(x) - mu) / (1.0 + nu).sqrt()
}

/// The count that a baseline expects.
#[must_use]
pub fn expected((mu, nu): (f64, f64)) -> f64 {
    ((mu * mu + nu) / 4.0 - 0.375).max(0.0)
}

/// Ratio to the expected count.
#[must_use]
pub fn lift(x: f64, expected: f64) -> f64 {
    (x + 1.0) / (expected + 1.0)
}

/// A held score after `elapsed_ms`: it halves in four windows.
#[must_use]
pub fn held(held: f64, elapsed_ms: i64, window_ms: i64) -> f64 {
    held * (-(elapsed_ms as f64) / (4.0 * window_ms as f64)).exp2()
}

/// How fast baselines of one window length learn, and how many windows there have been; one for
/// all tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    least: f64,
    windows: u32,
    /// For each number of windows, the binary logarithm of the product of their factors. The first
    /// window has nothing before it and counts as one. Once the weight has reached `least`, it is a
    /// straight line.
    left: Vec<f64>,
    /// The factors of the last few windows, by their number: of those up to the newest, and of
    /// those up to the one before it.
    near: [Vec<f64>; 2],
}

/// Number of windows in `near`.
const NEAR: u32 = 64;

impl Pace {
    /// For windows of `window_ms` under a baseline that forgets half in `half_life_ms`.
    #[must_use]
    pub fn new(window_ms: i64, half_life_ms: i64) -> Self {
        let least = 1.0 - (-(window_ms as f64) / half_life_ms as f64).exp2();
        let mut left = vec![0.0, 0.0];
        let bend = (1.0 / least).ceil() as u32;
        for k in 2..=bend {
            left.push(left[k as usize - 1] + (1.0 - rate(least, k)).log2());
        }
        Self { least, windows: 0, left, near: <[Vec<f64>; 2]>::default() }
    }

    /// Windows so far.
    #[must_use]
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// True once baselines are meaningful.
    #[must_use]
    pub fn has_learned(&self) -> bool {
        self.windows >= LEARNED
    }

    /// Completes more windows.
    pub fn advance(&mut self, windows: u32) {
        self.windows = self.windows.saturating_add(windows);
        let near = |to: u32| (0..NEAR.min(to + 1)).map(|ago| self.leave(to - ago, to)).collect();
        self.near = [self.windows, self.windows.saturating_sub(1)].map(near);
    }

    /// The factor by which the windows after `from` up to `to` reduce a baseline.
    #[inline]
    fn left(&self, from: u32, to: u32) -> f64 {
        // The usual case: every tag is scored at every slide.
        let near = self.near.get(self.windows.wrapping_sub(to) as usize);
        let near = near.and_then(|near| near.get(to.wrapping_sub(from) as usize));
        near.copied().unwrap_or_else(|| self.leave(from, to))
    }

    fn leave(&self, from: u32, to: u32) -> f64 {
        (self.log(to) - self.log(from)).exp2()
    }

    fn log(&self, k: u32) -> f64 {
        let bend = self.left.len() - 1;
        match self.left.get(k as usize) {
            Some(&log) => log,
            None => self.left[bend] + (k as usize - bend) as f64 * (1.0 - self.least).log2(),
        }
    }
}

/// The weight of the `k`-th window.
fn rate(least: f64, k: u32) -> f64 {
    least.max(1.0 / f64::from(k))
}

/// Half-life of the baselines of a window: 168 times its length, at most seven days.
#[must_use]
pub fn half_life_ms(window_ms: i64) -> i64 {
    (168 * window_ms).min(7 * 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() <= by, "{a} is not {b}");
    }

    #[test]
    fn a_new_tag_scores_by_its_count_alone() {
        let new = (Y0, 0.0);
        for (x, want) in [(1.0, 1.12), (2.0, 1.86), (5.0, 3.41), (10.0, 5.22), (50.0, 12.97)] {
            near(surprise(x, new), want, 0.005);
        }
        let mean = [3.0, 9.0, 20.0].map(|x| surprise(x, new)).iter().sum::<f64>() / 3.0;
        near(mean, 5.05, 0.005);
    }

    #[test]
    fn a_doubling_counts_more_in_the_short_window() {
        let z = [(100.0, 200.0), (400.0, 500.0), (1600.0, 1700.0)]
            .map(|(usual, x)| surprise(x, (transform(usual), 0.0)));
        for (z, want) in z.iter().zip([8.27, 4.72, 2.46]) {
            near(*z, want, 0.005);
        }
        near(z.iter().sum::<f64>() / 3.0, 5.15, 0.005);
    }

    #[test]
    fn a_wobble_of_a_giant_does_not_beat_ten_people_on_a_new_tag() {
        near(surprise(200.0, (transform(100.0), 1.0)), 5.85, 0.005);
        let giant = surprise(12_000.0, (transform(10_000.0), 100.0));
        near(giant, 1.90, 0.005);
        assert!(giant < surprise(10.0, (Y0, 0.0)));
    }

    #[test]
    fn rates_follow_the_half_life() {
        for (w, a) in [(HOUR / 4, 0.001_031), (HOUR, 0.004_117), (4 * HOUR, 0.016_368)] {
            near(Pace::new(w, half_life_ms(HOUR)).least, a, 5e-7);
        }
    }

    #[test]
    fn learning_by_turns_is_mean_and_variance() {
        let mut pace = Pace::new(HOUR, half_life_ms(HOUR));
        let mut baseline = Baseline::default();
        for x in [4.0, 6.0].repeat(4) {
            pace.advance(1);
            baseline.learn(&pace, x);
        }
        let now = baseline.at(&pace, pace.windows());
        near(now.0, 4.6165, 5e-5);
        near(now.1, 0.1877, 5e-5);
        near(surprise(12.0, now), 2.220, 5e-4);
        near(expected(now), 5.000, 5e-4);
    }

    #[test]
    fn idle_windows_are_the_same_taken_at_once_or_one_by_one() {
        let mut pace = Pace::new(HOUR, half_life_ms(HOUR));
        let mut lazy = Baseline::default();
        let mut diligent = lazy;
        for k in 1..=40_u32 {
            pace.advance(1);
            let x = if k == 2 || k == 3 { 50.0 } else { 0.0 };
            diligent.learn(&pace, x);
            if x > 0.0 {
                lazy.learn(&pace, x);
            }
        }
        let (a, b) = (lazy.at(&pace, 40), diligent.at(&pace, 40));
        near(a.0, b.0, 1e-4);
        near(a.1, b.1, 1e-4);
    }

    #[test]
    fn a_held_score_halves_in_four_windows() {
        near(held(6.0, 2 * HOUR, HOUR), 4.243, 5e-4);
        near(held(6.0, 4 * HOUR, HOUR), 3.0, 1e-12);
    }
}
