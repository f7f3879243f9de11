//! Which tags count and which are listed, by patterns over their keys.
//!
//! Each tag is matched once, when it is admitted, and again when the filter changes.

use crate::state::table::Tags;
use crate::store::cow_column::{CowColumn, HeldBytes};
use tagtide_extract::wildcard::Patterns;

/// Patterns over keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// Counted, never listed.
    pub hide: Patterns,
    /// Not counted.
    pub drop: Patterns,
    /// If there are any, only these are listed.
    pub only: Patterns,
}

const HIDDEN: u8 = 1;
const DROPPED: u8 = 2;

/// The filter, and its result for each tag.
#[derive(Debug, Default)]
pub(super) struct FilterMarks {
    lists: TagFilter,
    pub(super) verdicts: Verdicts,
}

/// Its result for each tag.
#[derive(Debug, Default)]
pub(super) struct Verdicts(CowColumn<u8>);

impl Verdicts {
    fn says(&self, id: u32, what: u8) -> bool {
        self.0.get_or_default(id) & what != 0
    }

    pub(super) fn is_hidden(&self, id: u32) -> bool {
        self.says(id, HIDDEN)
    }

    /// They as they are now, to be read elsewhere.
    pub(super) fn snapshot(&mut self) -> Self {
        Self(self.0.snapshot())
    }

    /// What a snapshot holds.
    pub(super) fn held_bytes(&self) -> HeldBytes {
        self.0.held_bytes()
    }
}

impl FilterMarks {
    pub(super) fn new(lists: TagFilter) -> Self {
        Self { lists, verdicts: Verdicts::default() }
    }

    /// True where every tag counts and is listed.
    pub(super) fn is_idle(&self) -> bool {
        self.lists == TagFilter::default()
    }

    /// Matches new tags.
    pub(super) fn apply(&mut self, tags: &Tags, ids: impl Iterator<Item = u32>) {
        if self.is_idle() {
            return;
        }
        self.verdicts.0.grow(tags.rows() as usize);
        for id in ids {
            let key = tags.key_string(id);
            let TagFilter { hide, drop, only } = &self.lists;
            let dropped = drop.fit(&key);
            let hidden = dropped || hide.fit(&key) || (!only.is_empty() && !only.fit(&key));
            let verdict = (u8::from(hidden) * HIDDEN) | (u8::from(dropped) * DROPPED);
            *self.verdicts.0.at_mut(id) = verdict;
        }
    }

    /// Replaces the filter and matches every tag again.
    pub(super) fn change(&mut self, lists: TagFilter, tags: &Tags) {
        self.lists = lists;
        self.verdicts = Verdicts::default();
        self.apply(tags, 0..tags.rows());
    }

    pub(super) fn is_dropped(&self, id: u32) -> bool {
        self.verdicts.says(id, DROPPED)
    }

    /// True where some tags do not count.
    pub(super) fn drops(&self) -> bool {
        !self.lists.drop.is_empty()
    }
}
