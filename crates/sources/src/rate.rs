//! Posts per second of a live source, by their own time; it measures gaps.

/// Long enough for a steady figure, short enough to know the rate just before a loss.
const SPAN_US: i64 = 10_000_000;
/// What a new span weighs against all before.
const WEIGHT: f64 = 0.2;

/// A rate that follows the stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    start_us: Option<i64>,
    posts: u64,
    per_s: Option<f64>,
}

impl Rate {
    /// A rate that is known from before.
    pub(super) fn known(per_s: f64) -> Self {
        let per_s = Some(per_s).filter(|rate| rate.is_finite() && *rate > 0.0);
        Self { per_s, ..Self::default() }
    }

    /// A post of that event time (microseconds) has come.
    pub(super) fn add(&mut self, at_us: i64) {
        let start = *self.start_us.get_or_insert(at_us);
        if at_us - start >= SPAN_US {
            self.per_s = Some(self.with(at_us));
            (self.start_us, self.posts) = (Some(at_us), 0);
        }
        self.posts += 1;
    }

    /// The stream continues at another time.
    pub(super) fn jump(&mut self) {
        self.per_s = Some(self.per_s());
        (self.start_us, self.posts) = (None, 0);
    }

    /// Posts a second.
    pub(super) fn per_s(&self) -> f64 {
        self.per_s.unwrap_or_else(|| {
            // Within the first span: over a whole one, so that a burst does not raise the rate.
            self.posts as f64 * 1e6 / SPAN_US as f64
        })
    }

    fn with(&self, at_us: i64) -> f64 {
        let span_s = (at_us - self.start_us.unwrap_or(at_us)).max(1) as f64 / 1e6;
        let now = self.posts as f64 / span_s;
        self.per_s.map_or(now, |before| before + WEIGHT * (now - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_a_steady_stream_and_forgets_no_gap() {
        let mut rate = Rate::default();
        let step = 20_000;
        (0..6_000).for_each(|n| rate.add(n * step));
        assert!((rate.per_s() - 50.0).abs() < 1.0, "{}", rate.per_s());
        rate.jump();
        (0..500).for_each(|n| rate.add(3_600_000_000 + n * step));
        assert!((rate.per_s() - 50.0).abs() < 1.0, "{}", rate.per_s());
        assert!((Rate::known(7.5).per_s() - 7.5).abs() < 1e-9);
        assert!(Rate::known(f64::NAN).per_s().abs() < 1e-9);
    }
}
