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

    /// A source has shown event time `at` (or, when it is live and idle, our clock). True where
    /// that is newer than all it showed before.
    pub fn seen(&mut self, source: usize, at: i64) -> bool {
        let newest = &mut self.newest[source];
        let newer = newest.is_none_or(|old| old < at);
        if newer {
            *newest = Some(at);
        }
        newer
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
        let mut slowest = None;
        for (newest, _) in self.newest.iter().zip(&self.ended).filter(|(_, ended)| !**ended) {
            let newest = (*newest)?;
            slowest = Some(slowest.map_or(newest, |slowest: i64| slowest.min(newest)));
        }
        let newest = slowest.or_else(|| self.newest())?;
        Some(newest.saturating_sub(self.lateness_ms))
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
