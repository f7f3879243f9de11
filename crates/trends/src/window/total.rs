//! All-time counts of one view.

use crate::store::column::Column;
use crate::window::pane::{OpenPane, Pair, PaneSum};
use crate::window::ring::Ring;

/// All-time counts.
#[derive(Debug, Default)]
pub struct Total {
    pub(super) column: Column<u64>,
    /// Tags with a count.
    pub distinct: u64,
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

    /// Count of one tag.
    #[must_use]
    pub fn count(&self, id: u32) -> u64 {
        self.column.get(id)
    }

    /// Counts of all tags, by id.
    #[must_use]
    pub fn column(&self) -> &Column<u64> {
        &self.column
    }
}

/// What open panes have brought to the all-time counts, while it is taken off them.
#[derive(Debug, Default)]
pub struct Aside {
    pairs: Vec<Pair>,
    /// Posts in open panes.
    pub posts: u64,
    /// Posts with a tag in them.
    pub tagged: u64,
}

impl Ring {
    /// Takes what open panes hold off the all-time counts, for rankings of closed panes alone:
    /// what the open ones hold when these close depends on the order in which posts came.
    pub fn set_open_aside(&mut self) {
        let Aside { pairs, posts, tagged } = &mut self.aside;
        for open in &self.open {
            self.summer.add(&open.log[..open.in_total]);
            self.summer.add_pairs(&open.counted.pairs);
            self.summer.retract(&open.minus);
            (*posts, *tagged) = (*posts + open.posts, *tagged + open.tagged);
        }
        self.summer.finish(pairs);
        pairs.iter().for_each(|&(id, by)| self.total.take(id, u64::from(by)));
    }

    /// Puts it back.
    pub fn bring_open_back(&mut self) {
        let Aside { pairs, .. } = std::mem::take(&mut self.aside);
        pairs.iter().for_each(|&(id, by)| self.total.add(id, u64::from(by)));
    }

    /// What is taken off the all-time counts now.
    #[must_use]
    pub fn aside(&self) -> &Aside {
        &self.aside
    }

    /// All-time count of a tag, with what is set aside of it.
    #[must_use]
    pub fn total_of(&self, id: u32) -> u64 {
        let pairs = &self.aside.pairs;
        let aside = pairs.binary_search_by_key(&id, |pair| pair.0).map_or(0, |at| pairs[at].1);
        self.total.count(id) + u64::from(aside)
    }
}

/// Brings an open pane's news into the totals.
pub(super) fn bring_total(total: &mut Total, open: &mut OpenPane, summer: &mut PaneSum) {
    let pairs = summer.sum(&open.log[open.in_total..]);
    pairs.iter().for_each(|&(id, by)| total.add(id, u64::from(by)));
    open.in_total = open.log.len();
}
