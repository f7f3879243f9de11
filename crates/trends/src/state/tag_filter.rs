//! Which tags count and which are listed, by patterns over their keys.
//!
//! Each tag is judged once, when it comes, and again when the lists change.

use crate::state::table::Tags;
use crate::store::column::Column;
use tagtide_extract::wildcard::Patterns;

/// Patterns over keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Counted, never listed.
    pub hide: Patterns,
    /// Not counted.
    pub drop: Patterns,
    /// Where there are any, nothing else is listed.
    pub only: Patterns,
}

const HIDDEN: u8 = 1;
const DROPPED: u8 = 2;

/// The lists, and what they say of each tag.
#[derive(Debug, Default)]
pub(super) struct FilterMarks {
    lists: TagFilter,
    verdicts: Column<u8>,
}

impl FilterMarks {
    pub(super) fn new(lists: TagFilter) -> Self {
        Self { lists, verdicts: Column::default() }
    }

    /// True where every tag counts and is listed.
    pub(super) fn is_idle(&self) -> bool {
        self.lists == TagFilter::default()
    }

    /// Judges tags that are new.
    pub(super) fn apply(&mut self, tags: &Tags, ids: impl Iterator<Item = u32>) {
        if self.is_idle() {
            return;
        }
        self.verdicts.grow(tags.rows() as usize);
        for id in ids {
            let key = tags.key_string(id);
            let TagFilter { hide, drop, only } = &self.lists;
            let dropped = drop.fit(&key);
            let hidden = dropped || hide.fit(&key) || (!only.is_empty() && !only.fit(&key));
            let verdict = (u8::from(hidden) * HIDDEN) | (u8::from(dropped) * DROPPED);
            *self.verdicts.at_mut(id) = verdict;
        }
    }

    /// Takes other lists and judges every tag anew.
    pub(super) fn change(&mut self, lists: TagFilter, tags: &Tags) {
        self.lists = lists;
        self.verdicts = Column::default();
        self.apply(tags, 0..tags.rows());
    }

    fn says(&self, id: u32, what: u8) -> bool {
        (id as usize) < self.verdicts.rows() && self.verdicts.get(id) & what != 0
    }

    pub(super) fn is_hidden(&self, id: u32) -> bool {
        self.says(id, HIDDEN)
    }

    pub(super) fn is_dropped(&self, id: u32) -> bool {
        self.says(id, DROPPED)
    }

    /// True where some tags do not count.
    pub(super) fn drops(&self) -> bool {
        !self.lists.drop.is_empty()
    }
}
