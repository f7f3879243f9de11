//! One sliding window: counts of all tags in the panes that it holds.

use crate::store::column::CHUNK;
use crate::store::cow_column::CowColumn;
use crate::window::pane::{ClosedPane, Pair};
use crate::window::ring::step_of;

/// The newest pane of the step `gone_to`, the last one before the step after it.
pub(super) fn pane_before(gone_to: i64, step_ms: i64, pane_ms: i64) -> i64 {
    gone_to.saturating_add(1).saturating_mul(step_ms / pane_ms).saturating_sub(1)
}

/// Pairs, by id, and the entries beside them if there are any, in runs within one chunk of a
/// column, so that the chunk is looked up once for each run.
pub(super) fn runs<'a>(
    mut pairs: &'a [Pair],
    mut beside: &'a [u32],
) -> impl Iterator<Item = (usize, &'a [Pair], &'a [u32])> {
    debug_assert!(beside.is_empty() || beside.len() == pairs.len(), "one beside each");
    std::iter::from_fn(move || {
        let chunk = pairs.first()?.0 as usize / CHUNK;
        let len = pairs.partition_point(|pair| pair.0 as usize / CHUNK <= chunk);
        let (run, rest) = pairs.split_at(len);
        let (its, others) = beside.split_at(len.min(beside.len()));
        (pairs, beside) = (rest, others);
        Some((chunk, run, its))
    })
}

/// One window: counts of the panes in it.
#[derive(Debug, Default)]
pub struct Window {
    /// Its length.
    pub ms: i64,
    /// Length of the steps it slides by: panes, or minutes beyond one hour.
    pub(super) step_ms: i64,
    pub(super) column: CowColumn<u32>,
    /// Authors, if the ring counts them.
    pub(super) people: CowColumn<u32>,
    /// Steps up to this one have fallen out.
    pub(super) gone_to: i64,
    /// Posts in it.
    pub posts: u64,
    /// Posts with a tag in it.
    pub tagged: u64,
    /// Tags with a count.
    pub distinct: u64,
    /// Occurrences of evicted tags.
    pub other: u64,
}

impl Window {
    /// It as it is now, to be read elsewhere.
    pub(super) fn snapshot(&mut self) -> Self {
        Self { column: self.column.snapshot(), people: self.people.snapshot(), ..*self }
    }

    pub(super) fn take(&mut self, id: u32, by: u32) {
        let count = self.column.at_mut(id);
        let left = count.saturating_sub(by);
        self.distinct -= u64::from(*count > 0 && left == 0);
        *count = left;
    }

    /// Adds counts, by id, and the authors beside them if these are counted.
    pub(super) fn add_all(&mut self, pairs: &[Pair], lasts: &[u32]) {
        for (chunk, pairs, lasts) in runs(pairs, lasts) {
            let column = self.column.chunk_mut(chunk);
            let mut came = 0;
            let mut add = |&(id, by): &Pair| {
                let count = &mut column[id as usize % CHUNK];
                came += u32::from((*count == 0) & (by > 0));
                *count += by;
            };
            if lasts.is_empty() {
                pairs.iter().for_each(add);
            } else {
                let people = self.people.chunk_mut(chunk);
                for (pair, &last) in pairs.iter().zip(lasts) {
                    add(pair);
                    people[pair.0 as usize % CHUNK] += last;
                }
            }
            self.distinct += u64::from(came);
        }
    }

    /// Subtracts what [`Window::add_all`] adds; never below zero.
    pub(super) fn take_all(&mut self, pairs: &[Pair], lasts: &[u32]) {
        for (chunk, pairs, lasts) in runs(pairs, lasts) {
            let column = self.column.chunk_mut(chunk);
            let mut went = 0;
            let mut take = |&(id, by): &Pair| {
                let count = &mut column[id as usize % CHUNK];
                let left = count.saturating_sub(by);
                went += u32::from((*count > 0) & (left == 0));
                *count = left;
            };
            if lasts.is_empty() {
                pairs.iter().for_each(take);
            } else {
                let people = self.people.chunk_mut(chunk);
                for (pair, &last) in pairs.iter().zip(lasts) {
                    take(pair);
                    let people = &mut people[pair.0 as usize % CHUNK];
                    *people = people.saturating_sub(last);
                }
            }
            self.distinct -= u64::from(went);
        }
    }

    pub(super) fn add_closed(&mut self, closed: &ClosedPane) {
        self.add_all(&closed.pairs, &closed.lasts);
        self.posts += closed.posts;
        self.tagged += closed.tagged;
        self.other += closed.other;
    }

    pub(super) fn take_closed(&mut self, closed: &ClosedPane) {
        self.take_all(&closed.pairs, &closed.lasts);
        self.posts = self.posts.saturating_sub(closed.posts);
        self.tagged = self.tagged.saturating_sub(closed.tagged);
        self.other = self.other.saturating_sub(closed.other);
    }

    /// The newest step before it when `newest` is its newest pane.
    pub(super) fn gone_at(&self, newest: i64, pane_ms: i64) -> i64 {
        step_of(newest, pane_ms, self.step_ms).saturating_sub(self.steps())
    }

    pub(super) fn steps(&self) -> i64 {
        self.ms / self.step_ms
    }

    /// True if a closed pane counts in it.
    pub(super) fn holds(&self, pane: i64, pane_ms: i64) -> bool {
        step_of(pane, pane_ms, self.step_ms) > self.gone_to
    }

    /// The newest pane that has fallen out.
    pub(super) fn gone_to_pane(&self, pane_ms: i64) -> i64 {
        pane_before(self.gone_to, self.step_ms, pane_ms)
    }

    /// Authors of one tag.
    #[must_use]
    pub fn people(&self, id: u32) -> u32 {
        self.people.get_or_default(id)
    }

    /// Authors of all tags, by id.
    #[must_use]
    pub fn people_column(&self) -> &CowColumn<u32> {
        &self.people
    }

    /// Count of one tag.
    #[must_use]
    pub fn count(&self, id: u32) -> u32 {
        self.column.get(id)
    }

    /// Counts of all tags, by id.
    #[must_use]
    pub fn column(&self) -> &CowColumn<u32> {
        &self.column
    }
}
