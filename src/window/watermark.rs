//! Watermarks: how far event time is complete, for each source and for all.

/// Watermarks of all sources, in milliseconds of event time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    lateness_ms: i64,
    newest: Vec<Option<i64>>,
    ended: Vec<bool>,
}

impl Watermarks {
    /// For `sources` sources whose posts come at most `lateness_ms` after newer ones.
    #[must_use]
    pub fn new(sources: usize, lateness_ms: i64) -> Self {
        Self { lateness_ms, newest: vec![None; sources], ended: vec![false; sources] }
    }

    /// A source has shown event time `at` (or, when it is live and idle, our clock).
    pub fn seen(&mut self, source: usize, at: i64) {
        let newest = &mut self.newest[source];
        *newest = Some(newest.map_or(at, |old| old.max(at)));
    }

    /// A source has ended and holds nobody back.
    pub fn ended(&mut self, source: usize) {
        self.ended[source] = true;
    }

    /// Newest event time of one source.
    #[must_use]
    pub fn newest_of(&self, source: usize) -> Option<i64> {
        self.newest[source]
    }

    /// Newest event time of all.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.newest.iter().copied().flatten().max()
    }

    /// No post older than this is expected from any source; `None` before all have shown one.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        let live = || self.newest.iter().zip(&self.ended).filter(|(_, ended)| !**ended);
        let newest = if live().next().is_none() {
            self.newest()
        } else {
            live().map(|(newest, _)| *newest).collect::<Option<Vec<_>>>()?.into_iter().min()
        };
        newest.map(|newest| newest.saturating_sub(self.lateness_ms))
    }

    /// Newest event times, for the checkpoint.
    #[must_use]
    pub fn all_newest(&self) -> &[Option<i64>] {
        &self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_source_holds_the_watermark_until_it_ends() {
        let mut marks = Watermarks::new(2, 10_000);
        marks.seen(0, 100_000);
        assert_eq!(marks.watermark(), None, "the second has shown nothing yet");
        marks.seen(1, 50_000);
        assert_eq!(marks.watermark(), Some(40_000));
        marks.seen(1, 45_000);
        assert_eq!(marks.watermark(), Some(40_000), "it never goes back");
        marks.ended(1);
        assert_eq!(marks.watermark(), Some(90_000));
        marks.ended(0);
        assert_eq!((marks.watermark(), marks.newest()), (Some(90_000), Some(100_000)));
    }
}
