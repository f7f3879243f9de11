//! One sliding window: counts of all tags in the panes that it holds.

use crate::state::column::Column;
use crate::window::pane::Closed;
use crate::window::ring::step_of;

/// The newest pane of the step `gone_to`, and so the newest that lies before the step after it.
pub(super) fn pane_before(gone_to: i64, step_ms: i64, pane_ms: i64) -> i64 {
    gone_to.saturating_add(1).saturating_mul(step_ms / pane_ms).saturating_sub(1)
}

/// One window: counts of the panes in it.
#[derive(Debug, Default)]
pub struct Window {
    /// Its length.
    pub ms: i64,
    /// Length of the steps it slides by: panes, or minutes beyond one hour.
    pub(super) step_ms: i64,
    pub(super) column: Column<u32>,
    /// People, as far as the ring counts them.
    pub(super) people: Column<u32>,
    /// Steps up to this one have fallen out.
    pub(super) gone_to: i64,
    /// Posts in it.
    pub posts: u64,
    /// Posts with a tag in it.
    pub tagged: u64,
    /// Tags with a count.
    pub distinct: u64,
    /// Occurrences of tags that gave way to others.
    pub other: u64,
}

impl Window {
    pub(super) fn add(&mut self, id: u32, by: u32) {
        let count = self.column.at_mut(id);
        self.distinct += u64::from(*count == 0 && by > 0);
        *count += by;
    }

    pub(super) fn take(&mut self, id: u32, by: u32) {
        let count = self.column.at_mut(id);
        let left = count.saturating_sub(by);
        self.distinct -= u64::from(*count > 0 && left == 0);
        *count = left;
    }

    pub(super) fn add_closed(&mut self, closed: &Closed) {
        closed.pairs.iter().for_each(|&(id, by)| self.add(id, by));
        for (pair, &last) in closed.pairs.iter().zip(&closed.lasts) {
            *self.people.at_mut(pair.0) += last;
        }
        self.posts += closed.posts;
        self.tagged += closed.tagged;
        self.other += closed.other;
    }

    pub(super) fn take_closed(&mut self, closed: &Closed) {
        closed.pairs.iter().for_each(|&(id, by)| self.take(id, by));
        for (pair, &last) in closed.pairs.iter().zip(&closed.lasts) {
            let people = self.people.at_mut(pair.0);
            *people = people.saturating_sub(last);
        }
        self.posts = self.posts.saturating_sub(closed.posts);
        self.tagged = self.tagged.saturating_sub(closed.tagged);
        self.other = self.other.saturating_sub(closed.other);
    }

    /// The newest step that lies before it when `newest` is its newest pane.
    pub(super) fn gone_at(&self, newest: i64, pane_ms: i64) -> i64 {
        step_of(newest, pane_ms, self.step_ms).saturating_sub(self.steps())
    }

    pub(super) fn steps(&self) -> i64 {
        self.ms / self.step_ms
    }

    /// True where a closed pane counts in it.
    pub(super) fn holds(&self, pane: i64, pane_ms: i64) -> bool {
        step_of(pane, pane_ms, self.step_ms) > self.gone_to
    }

    /// The newest pane that has fallen out.
    pub(super) fn gone_to_pane(&self, pane_ms: i64) -> i64 {
        pane_before(self.gone_to, self.step_ms, pane_ms)
    }

    /// People of one tag.
    #[must_use]
    pub fn people(&self, id: u32) -> u32 {
        if (id as usize) < self.people.rows() { self.people.get(id) } else { 0 }
    }

    /// People of all tags, by id.
    #[must_use]
    pub fn people_column(&self) -> &Column<u32> {
        &self.people
    }

    /// Count of one tag.
    #[must_use]
    pub fn count(&self, id: u32) -> u32 {
        self.column.get(id)
    }

    /// Counts of all tags, by id.
    #[must_use]
    pub fn column(&self) -> &Column<u32> {
        &self.column
    }
}
