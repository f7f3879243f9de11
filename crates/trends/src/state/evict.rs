//! Space-Saving beyond `tags_max` (Metwally, Agrawal, El Abbadi, ICDT 2005).
//!
//! A new tag replaces the live tag with the smallest (window count, then total) and inherits its
//! total as error bound. Finding the smallest takes a scan, so many tags are evicted at a time, a
//! sixteenth of the cap. Tags admitted later inherit the largest total among the evicted ones, so
//! every estimate is an upper bound.

use crate::state::State;
use crate::state::checkpoint_sections::{Raw, kind};
use crate::state::extracted_batch::ExtractedBatch;
use crate::store::column::Column;

impl State {
    /// Makes room for the new tags of a batch if the cap requires it.
    pub(super) fn make_room(&mut self, batch: &ExtractedBatch) {
        let max = self.settings.tags_max;
        if self.tags.len() + batch.entries.len() <= max {
            return;
        }
        // Close to the cap it pays to check whether they are new at all.
        let (named, wanted) = self.tags.look_up(&batch.entries, &batch.arena);
        if self.tags.len() + wanted <= max {
            return;
        }
        let over = self.tags.len() + wanted - max;
        let ids = self.smallest(over.max(max / 16), &named);
        if ids.is_empty() {
            return;
        }
        let totals = ids.iter().map(|&id| self.ring.total().count(id));
        self.floor = self.floor.max(totals.max().unwrap_or(0));
        // Counts of these ids must be read before the ids belong to other tags.
        let mut earlier = if self.settings.keep_delta { self.take_pending() } else { Vec::new() };
        let mut marked = Column::default();
        marked.grow(self.tags.rows() as usize);
        ids.iter().for_each(|&id| *marked.at_mut(id) = true);
        self.ring.evict(&ids, &marked);
        self.tags.remove(&ids);
        for trending in &mut self.trending {
            ids.iter().for_each(|&id| trending.forget(id));
        }
        for &id in &ids {
            self.errors.grow(id as usize + 1);
            *self.errors.at_mut(id) = 0;
        }
        self.counters.evicted_tags += ids.len() as u64;
        if self.settings.keep_delta {
            earlier.push(Raw::Tags(kind::EVICTED, ids));
            self.pending.earlier = earlier;
        }
    }

    /// The tags with the smallest (count in the longest window, then total), except those of
    /// `named` (ascending), which are about to be counted.
    fn smallest(&mut self, number: usize, named: &[u32]) -> Vec<u32> {
        let at = self.marks.newest().unwrap_or(0);
        self.ring.show(at);
        let window = self.ring.windows().last();
        let goes = |id: &u32| self.tags.is_live(*id) && named.binary_search(id).is_err();
        let live = (0..self.tags.rows()).filter(goes);
        // Among equals the oldest go: ids are given out in another order after a restart.
        let mut all: Vec<(u32, u64, u32, u32)> = live
            .map(|id| {
                let count = window.map_or(0, |w| w.count(id));
                (count, self.ring.total().count(id), self.tags.since(id), id)
            })
            .collect();
        if number < all.len() {
            all.select_nth_unstable(number);
            all.truncate(number);
        }
        all.into_iter().map(|(.., id)| id).collect()
    }

    /// Gives tags that were admitted after an eviction the total that the evicted may have had.
    pub(super) fn inherit(&mut self) {
        if self.floor == 0 {
            return;
        }
        let rows = self.tags.rows() as usize;
        self.grow();
        self.errors.grow(rows);
        for &id in &self.interned.born {
            *self.errors.at_mut(id) = self.floor;
            self.ring.inherit(id, self.floor);
        }
    }
}

#[cfg(test)]
mod tests;
