//! All-time counts of one view.

use crate::state::column::Column;
use crate::window::pane::{Open, Summer};

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

/// Brings an open pane's news into the totals.
pub(super) fn bring_total(total: &mut Total, open: &mut Open, summer: &mut Summer) {
    let mut pairs = Vec::new();
    summer.sum(&open.log[open.in_total..], &mut pairs);
    pairs.iter().for_each(|&(id, by)| total.add(id, u64::from(by)));
    open.in_total = open.log.len();
}
