//! All-time counts of one view.

use crate::store::column::CHUNK;
use crate::store::cow_column::CowColumn;
use crate::window::pane::{OpenPane, Pair, PaneSum};
use crate::window::ring::Ring;
use crate::window::sliding_window::runs;

/// All-time counts.
#[derive(Debug, Default)]
pub struct Total {
    pub(super) column: CowColumn<u64>,
    /// Tags with a count.
    pub distinct: u64,
    aside: Aside,
}

impl Total {
    pub(super) fn add(&mut self, id: u32, by: u64) {
        let count = self.column.at_mut(id);
        self.distinct += u64::from(*count == 0 && by > 0);
        *count += by;
    }

    pub(super) fn take(&mut self, id: u32, by: u64) {
        let count = self.column.at_mut(id);
        let left = count.saturating_sub(by);
        self.distinct -= u64::from(*count > 0 && left == 0);
        *count = left;
    }

    /// Adds counts, by id.
    pub(super) fn add_all(&mut self, pairs: &[Pair]) {
        for (chunk, pairs, _) in runs(pairs, &[]) {
            let column = self.column.chunk_mut(chunk);
            let mut came = 0;
            for &(id, by) in pairs {
                let count = &mut column[id as usize % CHUNK];
                came += u32::from((*count == 0) & (by > 0));
                *count += u64::from(by);
            }
            self.distinct += u64::from(came);
        }
    }

    /// It as it is now, to be read elsewhere; nothing may be set aside.
    pub(super) fn snapshot(&mut self) -> Self {
        debug_assert!(self.aside.pairs.is_empty(), "a boundary is being passed");
        let aside = Aside::default();
        Self { column: self.column.snapshot(), distinct: self.distinct, aside }
    }

    /// Count of one tag.
    #[must_use]
    pub fn count(&self, id: u32) -> u64 {
        self.column.get(id)
    }

    /// Counts of all tags, by id.
    #[must_use]
    pub fn column(&self) -> &CowColumn<u64> {
        &self.column
    }

    /// What is set aside from the counts now.
    #[must_use]
    pub fn aside(&self) -> &Aside {
        &self.aside
    }

    /// Count of one tag, including what is set aside.
    #[must_use]
    pub fn with_aside(&self, id: u32) -> u64 {
        let pairs = &self.aside.pairs;
        let aside = pairs.binary_search_by_key(&id, |pair| pair.0).map_or(0, |at| pairs[at].1);
        self.count(id) + u64::from(aside)
    }
}

/// What open panes have added to the all-time counts, while it is set aside.
#[derive(Debug, Default)]
pub struct Aside {
    pairs: Vec<Pair>,
    /// Posts in open panes.
    pub posts: u64,
    /// Posts with a tag in them.
    pub tagged: u64,
}

impl Ring {
    /// Sets aside what open panes have added to the all-time counts, for rankings of closed panes
    /// only: what open panes contain at a boundary depends on the order of posts.
    pub fn set_open_aside(&mut self) {
        let mut aside = Aside::default();
        for open in &self.open {
            self.summer.add(&open.log[..open.in_total]);
            self.summer.add_pairs(&open.counted.pairs);
            self.summer.retract(&open.minus);
            aside.posts += open.posts;
            aside.tagged += open.tagged;
        }
        self.summer.finish(&mut aside.pairs);
        aside.pairs.iter().for_each(|&(id, by)| self.total.take(id, u64::from(by)));
        self.total.aside = aside;
    }

    /// Adds it again.
    pub fn bring_open_back(&mut self) {
        let Aside { pairs, .. } = std::mem::take(&mut self.total.aside);
        self.total.add_all(&pairs);
    }
}

/// Adds the new occurrences of an open pane to the totals.
pub(super) fn bring_total(total: &mut Total, open: &mut OpenPane, summer: &mut PaneSum) {
    let pairs = summer.sum(&open.log[open.in_total..]);
    total.add_all(&pairs);
    open.in_total = open.log.len();
}
