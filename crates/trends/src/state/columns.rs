//! Columns of counts by tag id: of a state as it is now, and as it was at a moment that has gone.
//!
//! A ranking by counts, a table of all tags, a search by prefix read [`Columns`]. A [`State`] lends
//! its own ([`State::columns`]), but only on the thread that counts. A [`ColumnSnapshot`]
//! ([`State::snapshot`]) has the same, is read on any thread, for as long as the reader likes, and
//! never changes while counting goes on.
//!
//! # What a snapshot costs
//!
//! The columns lie in chunks. To take a snapshot costs a pointer for each chunk; afterwards the
//! counting thread copies each chunk before it first changes it, once at the most, and only while
//! the snapshot is alive. So keep one for a query, and not from one query to the next. It can hold
//! every chunk of every column at the most ([`ColumnSnapshot::held_bytes`]).
//!
//! # How to read one
//!
//! Ids are rows: `0..names.rows()`. Not each is a tag ([`Names::is_live`]), not each tag may be
//! shown ([`Columns::may_list`]), and a tag that was only ever retracted has no count.
//!
//! | value | of the tag `id` |
//! |---|---|
//! | key | [`Names::key_bytes`], [`Names::key_string`] |
//! | spelling to show | [`Columns::display`] |
//! | all-time count | [`Total::count`]; [`Columns::error_of`] = at most so much too large |
//! | posts in a window | [`Window::count`] of one of `windows`, found by [`Columns::window`] |
//! | authors in it | [`Columns::authors`] |
//! | decayed count | [`Decay::count`] of the row of [`Decay::column`], at [`ColumnSnapshot::at`] |
//! | first seen | [`ColumnSnapshot::first_seen`] |
//! | id of a key | [`ColumnSnapshot::find`] |
//!
//! To scan a column go by its chunks ([`CowColumn::chunks`](crate::store::cow_column::CowColumn));
//! for the largest values and for ids with a least value there are
//! [`top_k`](crate::rank::top_k) and `at_least`. Open panes are included, as in a ranking of that
//! moment.
//!
//! Not in a snapshot: what modes with baselines need (`trending` and its relatives), counts by
//! pane, recent posts.

use std::sync::OnceLock;

use crate::state::State;
use crate::state::names::Names;
use crate::state::tag_filter::Verdicts;
use crate::store::cow_column::{CowColumn, HeldBytes};
use crate::store::hash::Seed;
use crate::store::index::Index;
use crate::window::decay::Decay;
use crate::window::sliding_window::Window;
use crate::window::snapshot::RingSnapshot;
use crate::window::total::Total;

/// What rankings by counts are made of.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Keys and spellings.
    pub names: &'a Names,
    /// Windows, those of the job and those that modes with baselines need.
    pub windows: &'a [Window],
    /// All-time counts.
    pub total: &'a Total,
    /// Decayed counts, if there are any.
    pub decay: Option<&'a Decay>,
    /// True if authors are counted; else each post counts as one.
    pub has_authors: bool,
    /// What is true of all of them.
    pub head: Head,
    /// Name of the view that is counted.
    pub view: &'a str,
    /// Lengths of the windows of the job, milliseconds.
    pub windows_ms: &'a [i64],
    errors: &'a CowColumn<u64>,
    verdicts: &'a Verdicts,
}

/// What is true of all columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// No post older than this is expected: event time, milliseconds since the Unix epoch.
    pub watermark: Option<i64>,
    /// Newest event time.
    pub newest: Option<i64>,
    /// Posts counted.
    pub posts: u64,
    /// Those with a tag.
    pub tagged_posts: u64,
    /// Tags were evicted, so totals may be too large.
    pub approximate: bool,
    /// At most this much.
    pub error_bound: u64,
}

impl Columns<'_> {
    /// Number of the window of this length.
    #[must_use]
    pub fn window(&self, ms: i64) -> Option<usize> {
        self.windows.iter().position(|window| window.ms == ms)
    }

    /// True where the lists of tags let a tag be shown.
    #[must_use]
    pub fn may_list(&self, id: u32) -> bool {
        !self.verdicts.is_hidden(id)
    }

    /// Distinct authors of a tag in the window `number`; an estimate is no more than there are
    /// posts.
    #[must_use]
    pub fn authors(&self, id: u32, number: usize) -> u64 {
        let window = &self.windows[number];
        let posts = window.count(id);
        u64::from(if self.has_authors { window.people(id).min(posts) } else { posts })
    }

    /// The commonest spelling of a tag, without `#`.
    #[must_use]
    pub fn display(&self, id: u32) -> String {
        self.names.display(id, self.total.with_aside(id))
    }

    /// The total of a tag is at most this much too large.
    #[must_use]
    pub fn error_of(&self, id: u32) -> u64 {
        self.errors.get_or_default(id)
    }
}

/// The columns of a state as they were when it was taken.
#[derive(Debug)]
pub struct ColumnSnapshot {
    at: i64,
    names: Names,
    counts: RingSnapshot,
    errors: CowColumn<u64>,
    verdicts: Verdicts,
    head: Head,
    view: String,
    windows_ms: Vec<i64>,
    seed: Seed,
    /// Made where a key is first looked for.
    index: OnceLock<Index>,
}

impl ColumnSnapshot {
    /// Event time at which its windows end, milliseconds since the Unix epoch.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        Columns {
            names: &self.names,
            windows: &self.counts.windows,
            total: &self.counts.total,
            decay: self.counts.decay.as_ref(),
            has_authors: self.counts.has_people,
            head: self.head,
            errors: &self.errors,
            verdicts: &self.verdicts,
            view: &self.view,
            windows_ms: &self.windows_ms,
        }
    }

    /// Start of the first pane that a live tag counted in, milliseconds since the Unix epoch;
    /// `None` where it is not known.
    #[must_use]
    pub fn first_seen(&self, id: u32) -> Option<i64> {
        self.counts.first_seen.get(id)
    }

    /// The id of a key, if it has one. The first call makes an index of all keys: some 50 ms and 16
    /// MB for a million.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let names = &self.names;
        let index = self.index.get_or_init(|| {
            let live = (0..names.rows()).filter(|&id| names.is_live(id));
            let hash = |id| self.seed.bytes(names.key_bytes(id, &mut [0; 16]));
            // The state has each key once.
            Index::build(live.map(|id| (hash(id), id)), |_, _| false).unwrap_or_default()
        });
        index.matches(self.seed.bytes(key)).find(|&id| names.has_key(id, key))
    }

    /// What it holds in memory, but for long keys and odd spellings. `exclusive` is what the state
    /// has copied since, and what is free again once the snapshot is dropped.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        let lists = [self.errors.held_bytes(), self.verdicts.held_bytes()];
        let index = self.index.get().map_or(0, Index::bytes);
        let index = HeldBytes { shared: 0, exclusive: index };
        [self.names.held_bytes(), self.counts.held_bytes(), index].into_iter().chain(lists).sum()
    }
}

impl State {
    /// The columns as they are now; after [`State::show`] with what open panes hold.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        Columns {
            names: &self.tags,
            windows: self.ring.windows(),
            total: self.ring.total(),
            decay: self.ring.decay(),
            has_authors: self.ring.has_people(),
            head: self.head(),
            errors: &self.errors,
            verdicts: &self.filter_marks.verdicts,
            view: &self.settings.view,
            windows_ms: &self.settings.windows_ms,
        }
    }

    fn head(&self) -> Head {
        let (all, aside) = (&self.counters, self.ring.total().aside());
        Head {
            watermark: self.marks.watermark(),
            newest: self.marks.newest(),
            posts: all.posts.saturating_sub(aside.posts),
            tagged_posts: all.tagged_posts.saturating_sub(aside.tagged),
            approximate: self.is_approximate(),
            error_bound: self.error_bound(),
        }
    }

    /// The columns as they are now, to be read on any thread. [`State::show`] must have been called
    /// for event time `at`.
    pub fn snapshot(&mut self, at: i64) -> ColumnSnapshot {
        ColumnSnapshot {
            at,
            names: self.tags.names.snapshot(),
            counts: self.ring.snapshot(),
            errors: self.errors.snapshot(),
            verdicts: self.filter_marks.verdicts.snapshot(),
            head: self.head(),
            view: self.settings.view.clone(),
            windows_ms: self.settings.windows_ms.clone(),
            seed: *self.tags.seed(),
            index: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests;
