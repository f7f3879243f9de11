//! Watermarks: how far event time is complete, for each source and for all.

use std::collections::BTreeMap;

/// Watermarks of all sources, in milliseconds of event time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    lateness_ms: i64,
    hold_max_ms: i64,
    /// Newest event time of each source.
    newest: Vec<Option<i64>>,
    /// First event time of any.
    first: Option<i64>,
    ended: Vec<bool>,
    /// Of sources with several partitions, the newest event time of each, by name. What the source
    /// as a whole has is then that of the partition which is furthest behind.
    partitions: Vec<BTreeMap<Box<str>, i64>>,
    /// Newest event time of any partition.
    ahead: Option<i64>,
}

impl Watermarks {
    /// For `sources` sources whose posts arrive at most `lateness_ms` after newer ones. A source
    /// holds the others back for at most `hold_max_ms` of event time.
    #[must_use]
    pub fn new(sources: usize, lateness_ms: i64, hold_max_ms: i64) -> Self {
        let (newest, ended) = (vec![None; sources], vec![false; sources]);
        let partitions = vec![BTreeMap::new(); sources];
        Self { lateness_ms, hold_max_ms, newest, first: None, ended, partitions, ahead: None }
    }

    /// A source has reached event time `at` (or our clock, if it is live and idle). True if that is
    /// newer than before.
    pub fn seen(&mut self, source: usize, at: i64) -> bool {
        self.first = self.first.or(Some(at));
        let newest = &mut self.newest[source];
        let newer = newest.is_none_or(|old| old < at);
        if newer {
            *newest = Some(at);
        }
        newer
    }

    /// A partition of a source has reached event time `at`; `""` = the source has only one. True if
    /// the source as a whole has advanced.
    ///
    /// A partition is known from the first time on that it has shown. One that is behind the newest
    /// of its source by more than it may hold back does not count.
    pub fn seen_in(&mut self, source: usize, partition: &str, at: i64) -> bool {
        let partitions = &mut self.partitions[source];
        if partition.is_empty() && partitions.is_empty() {
            return self.seen(source, at);
        }
        if partition.is_empty() {
            partitions.values_mut().for_each(|newest| *newest = at.max(*newest));
        } else {
            let newest = partitions.entry(partition.into()).or_insert(at);
            *newest = at.max(*newest);
        }
        self.first = self.first.or(Some(at));
        self.ahead = self.ahead.max(Some(at));
        let ahead = partitions.values().copied().max().unwrap_or(at);
        let held = ahead.saturating_sub(self.hold_max_ms);
        let least = partitions.values().copied().filter(|of| *of >= held).min();
        let before = std::mem::replace(&mut self.newest[source], least);
        before < least
    }

    /// No post of a partition older than this is expected.
    #[must_use]
    pub fn complete_to(&self, source: usize, partition: &str) -> i64 {
        if self.ended[source] {
            return i64::MAX;
        }
        let newest = self.partitions[source].get(partition).copied();
        newest.map_or(i64::MIN, |newest| newest.saturating_sub(self.lateness_ms))
    }

    /// Newest event times of partitions, for the checkpoint; empty where no source has several.
    #[must_use]
    pub fn partitions(&self) -> Vec<BTreeMap<Box<str>, i64>> {
        let any = self.partitions.iter().any(|of| !of.is_empty());
        if any { self.partitions.clone() } else { Vec::new() }
    }

    /// A source has ended and holds nobody back.
    pub fn ended(&mut self, source: usize) {
        self.ended[source] = true;
    }

    /// Newest event time of all.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.newest.iter().copied().flatten().max().max(self.ahead)
    }

    /// No post older than this is expected from any source; `None` before each has delivered a
    /// post, or one is ahead by more than the others may hold it back.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        let newest = self.newest()?;
        let held = newest.saturating_sub(self.hold_max_ms);
        let mut least: Option<i64> = None;
        for (shown, _) in self.newest.iter().zip(&self.ended).filter(|(_, ended)| !**ended) {
            // A source without a post holds the others back from their first post on.
            let shown = shown.or(self.first.filter(|first| held > *first).map(|_| held))?;
            least = Some(least.map_or(shown, |least| least.min(shown)));
        }
        let least = least.map_or(newest, |least| least.max(held));
        Some(least.saturating_sub(self.lateness_ms))
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
        let mut marks = Watermarks::new(2, 10_000, i64::MAX);
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

    #[test]
    fn a_source_that_says_nothing_holds_back_for_so_long_and_no_longer() {
        let mut marks = Watermarks::new(2, 10_000, 600_000);
        marks.seen(0, 1_000_000);
        marks.seen(0, 1_600_000);
        assert_eq!(marks.watermark(), None, "ten minutes are not over");
        marks.seen(0, 1_700_000);
        assert_eq!(marks.watermark(), Some(1_090_000));
        marks.seen(1, 1_650_000);
        assert_eq!(marks.watermark(), Some(1_640_000));
    }
}
