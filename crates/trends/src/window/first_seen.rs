//! When each tag was first counted: the start of the first pane that it counted in since it was
//! admitted.
//!
//! Panes close in the order of event time, so the first closed pane that holds a tag is the
//! earliest, whatever the order of posts within the lateness or the number of workers. Only tags
//! that still wait for their first pane are searched, so the others cost nothing. A tag with late
//! posts only is as old as the oldest pane that was open then.

use std::sync::Arc;

use crate::store::column::Column;
use crate::store::cow_column::{CowColumn, HeldBytes};
use crate::store::varint::{Reader, put, put_signed};
use crate::window::pane::{OpenPane, Pair};
use crate::window::restore::CorruptSection;
use crate::window::ring::Ring;

/// Unknown: the tag was admitted by a program that did not record it.
const UNKNOWN: u32 = 1;

const CUT: CorruptSection = CorruptSection("a section of first times ends too early");

/// First times of tags.
#[derive(Debug, Default)]
pub(super) struct FirstSeen {
    /// Seconds since the Unix epoch; 0 = it waits for its first pane, or [`UNKNOWN`].
    seconds: CowColumn<u32>,
    /// Tags that wait.
    waiting: Vec<u32>,
    /// Changes for the next record, in order.
    news: FirstTimes,
}

/// When tags were first counted, as of an earlier moment.
#[derive(Debug)]
pub struct FirstSeenSnapshot {
    seconds: CowColumn<u32>,
    /// Starts of the panes that were open, oldest first, and their counts.
    open: Vec<(i64, Arc<Vec<Pair>>)>,
}

impl FirstSeenSnapshot {
    /// As [`Ring::first_seen`].
    #[must_use]
    pub fn get(&self, id: u32) -> Option<i64> {
        let counts = |pairs: &[Pair]| {
            pairs.binary_search_by_key(&id, |pair| pair.0).is_ok_and(|at| pairs[at].1 > 0)
        };
        let mut open = self.open.iter();
        known(self.seconds.get(id), || Some(open.find(|open| counts(&open.1))?.0))
    }

    /// Its size; panes that were open when it was taken soon exist only here.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        let open: usize = self.open.iter().map(|open| size_of_val(open.1.as_slice())).sum();
        self.seconds.held_bytes() + HeldBytes { shared: 0, exclusive: open }
    }
}

/// A time of the column in milliseconds; `open` = start of the first open pane with the tag.
fn known(kept: u32, open: impl FnOnce() -> Option<i64>) -> Option<i64> {
    let known = match kept {
        UNKNOWN => return None,
        0 => seconds(open()?),
        known => known,
    };
    Some(i64::from(known) * 1000)
}

/// Tags and when they were first counted, as the column stores it.
pub type FirstTimes = Vec<(u32, u32)>;

/// A time in seconds, as it is stored.
fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(1000).max(i64::from(UNKNOWN) + 1)).unwrap_or(u32::MAX)
}

impl FirstSeen {
    pub(super) fn grow(&mut self, rows: usize) {
        self.seconds.grow(rows);
    }

    fn set(&mut self, id: u32, value: u32, tell: bool) {
        *self.seconds.at_mut(id) = value;
        if tell {
            self.news.push((id, value));
        }
    }

    /// A pane that starts at `start_ms` closes with these counts.
    pub(super) fn close(&mut self, start_ms: i64, pairs: &[Pair], tell: bool) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|&id| {
            let at = pairs.binary_search_by_key(&id, |pair| pair.0);
            let waits = self.seconds.get(id) == 0;
            let comes = waits && at.is_ok_and(|at| pairs[at].1 > 0);
            if comes {
                self.set(id, seconds(start_ms), tell);
            }
            waits && !comes
        });
        self.waiting = waiting;
    }

    /// Late posts were counted while the oldest open pane started at `start_ms`.
    pub(super) fn late(&mut self, start_ms: i64, ids: &[u32], tell: bool) {
        for &id in ids {
            if self.seconds.get(id) == 0 {
                self.set(id, seconds(start_ms), tell);
            }
        }
    }

    /// Tags were evicted.
    pub(super) fn evict(&mut self, marked: &Column<bool>) {
        self.waiting.retain(|&id| !marked.get(id));
    }

    /// Reads what [`encode`] wrote, for the ids that `newer` selects.
    pub(super) fn read(
        &mut self,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        let (mut id, mut time) = (0_u32, 0_i64);
        while !reader.is_empty() {
            let step = reader.get_u32().ok_or(CUT)?;
            id = id.checked_add(step).filter(|&id| id < rows).ok_or(CUT)?;
            time = time.checked_add(reader.get_signed().ok_or(CUT)?).ok_or(CUT)?;
            if newer(id) {
                *self.seconds.at_mut(id) = u32::try_from(time).map_err(|_| CUT)?;
            }
        }
        Ok(())
    }

    /// A checkpoint has a tag; its first time may follow.
    pub(super) fn unknown(&mut self, id: u32) {
        *self.seconds.at_mut(id) = UNKNOWN;
    }
}

/// Steps from one id to the next, and from one time to the next: neighbours were usually admitted
/// one after the other. The last entry of a tag is valid.
#[must_use]
pub fn encode(mut times: FirstTimes) -> Vec<u8> {
    // Sorted here, on the writing thread, because a pane full of new tags makes many at once.
    times.sort_by_key(|time| time.0);
    let (mut out, mut last, mut before) = (Vec::new(), 0, 0);
    for same in times.chunk_by(|a, b| a.0 == b.0) {
        let (id, time) = same[same.len() - 1];
        put(&mut out, u64::from(id - last));
        put_signed(&mut out, i64::from(time) - before);
        (last, before) = (id, i64::from(time));
    }
    out
}

impl Ring {
    /// Tags were admitted; there is room for them.
    pub fn admitted(&mut self, ids: impl Iterator<Item = u32>) {
        let tell = self.delta.is_some();
        for id in ids {
            self.first.set(id, 0, tell);
            self.first.waiting.push(id);
        }
    }

    /// Only those of `ids` that were in no pane yet wait for their first: after a restart, and when
    /// the tag filter changes.
    pub fn keep_waiting(&mut self, ids: impl Iterator<Item = u32>) {
        let Self { first, .. } = self;
        let FirstSeen { seconds, waiting, .. } = first;
        waiting.clear();
        waiting.extend(ids.filter(|&id| seconds.get(id) == 0));
    }

    /// Start of the first pane that a live tag counted in, in whole seconds as milliseconds since
    /// the Unix epoch; `None` if it is unknown.
    #[must_use]
    pub fn first_seen(&self, id: u32) -> Option<i64> {
        let times = |of: &[u32]| of.iter().filter(|&&other| other == id).count();
        let mut open = self.open.iter();
        let mut first = || open.find(|open| times(&open.log) > times(&open.minus));
        let start = |first: &OpenPane| first.index.saturating_mul(self.pane_ms);
        known(self.first.seconds.get(id), || first().map(start))
    }

    /// First times as they are now, including the overlay.
    pub(super) fn first_seen_snapshot(&mut self) -> FirstSeenSnapshot {
        let start = |open: &OpenPane| open.index.saturating_mul(self.pane_ms);
        let open = self.open.iter().map(|open| (start(open), Arc::clone(&open.shown.pairs)));
        FirstSeenSnapshot { open: open.collect(), seconds: self.first.seconds.snapshot() }
    }

    /// First times for the next record: of tags that were admitted or no longer wait.
    pub fn first_news(&mut self) -> FirstTimes {
        std::mem::take(&mut self.first.news)
    }

    /// First times of some tags.
    #[must_use]
    pub fn first_times(&self, ids: impl Iterator<Item = u32>) -> FirstTimes {
        ids.map(|id| (id, self.first.seconds.get(id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::window::{Ring, Shape};

    fn shape() -> Shape {
        let windows_ms = vec![60_000];
        Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None }
    }

    fn ring() -> Ring {
        let mut ring = Ring::new(&shape(), true);
        ring.grow(10);
        ring.admitted([1, 2, 3, 4].into_iter());
        ring
    }

    #[test]
    fn the_earliest_pane_counts_whatever_came_first() {
        let mut ring = ring();
        for at in [25_000, 31_000, 12_000] {
            ring.add(at, 1, 1, &[1], None);
            ring.show(at);
        }
        ring.add(31_000, 1, 1, &[2], None);
        assert_eq!(ring.first_seen(1), Some(10_000), "of open panes");
        ring.close_to(30_000);
        assert_eq!((ring.first_seen(1), ring.first_seen(2)), (Some(10_000), Some(30_000)));
        ring.close_to(100_000);
        ring.add(100_000, 1, 1, &[1, 2], None);
        ring.close_to(200_000);
        assert_eq!((ring.first_seen(1), ring.first_seen(2)), (Some(10_000), Some(30_000)));
    }

    #[test]
    fn of_several_times_in_a_record_the_last_is_read() {
        let mut ring = ring();
        ring.add(12_000, 1, 1, &[3], None);
        ring.close_to(20_000);
        ring.add_late(&[1]);
        let told = encode(ring.first_news());
        let mut again = Ring::new(&shape(), true);
        again.grow(10);
        again.first.read(&told, 10, |_| true).expect("it was written so");
        let first = |ring: &Ring| [1, 2, 3].map(|id| ring.first_seen(id));
        assert_eq!(first(&ring), [Some(20_000), None, Some(10_000)]);
        assert_eq!((first(&again), again.first.seconds.get(2)), (first(&ring), 0));
        assert!(ring.first_news().is_empty(), "nothing is told twice");
    }

    #[test]
    fn late_taken_back_and_never_counted() {
        let mut ring = ring();
        ring.close_to(50_000);
        ring.add_late(&[1]);
        assert_eq!(ring.first_seen(1), Some(50_000), "the oldest pane that is open");
        ring.add(52_000, 1, 1, &[2], None);
        ring.retract(52_000, &[2], 0);
        assert_eq!(ring.first_seen(2), None);
        ring.close_to(70_000);
        ring.add(71_000, 1, 1, &[1, 2], None);
        ring.close_to(90_000);
        assert_eq!((ring.first_seen(1), ring.first_seen(2)), (Some(50_000), Some(70_000)));
        assert_eq!(ring.first_seen(3), None);
    }
}
