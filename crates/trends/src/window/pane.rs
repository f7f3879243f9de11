//! One slice of event time, open or closed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::store::column::{Column, ones};
use crate::window::authors::AuthorRow;
use crate::window::counted::Counted;

/// A count of one tag.
pub type Pair = (u32, u32);

/// Posts of one author with one tag beyond the cap: tag, author, number.
pub type Beyond = (u32, u32, u32);

/// A pane that still accepts posts.
#[derive(Debug, Default)]
pub struct OpenPane {
    /// Start / pane length.
    pub index: i64,
    /// Tag ids in order of arrival.
    pub log: Vec<u32>,
    /// Tag ids retracted by deletes and edits.
    pub minus: Vec<u32>,
    /// Tags with their authors, in order of arrival, as far as these are known.
    pub seen: Vec<AuthorRow>,
    /// Tag and author of retracted posts; 0 = no author.
    pub unseen: Vec<(u32, u32)>,
    /// What was counted elsewhere; it is neither in `log` nor in `seen`.
    pub counted: Counted,
    /// Authors of posts whose tags gave way, where it matters who has posted before.
    pub came: Vec<u32>,
    /// Posts.
    pub posts: u64,
    /// Posts with a tag.
    pub tagged: u64,
    /// Occurrences of evicted tags.
    pub other: u64,
    /// How much of `log` and `minus` is in the totals.
    pub(super) in_total: usize,
    /// What of it is in the overlay.
    pub(super) shown: OverlaidCounts,
    /// How much of it the checkpoint has.
    pub(super) saved: SavedLengths,
}

impl OpenPane {
    /// Posts of a tag, without what was taken back.
    pub(super) fn count(&self, id: u32) -> u64 {
        let times = |of: &[u32]| of.iter().filter(|&&other| other == id).count() as u64;
        let plus = times(&self.log) + u64::from(self.counted.of(id));
        plus.saturating_sub(times(&self.minus))
    }

    /// The part of `less` (posts to retract) that is in the log, by author. With `authors` the log
    /// is searched for each author, otherwise for each tag only.
    pub(super) fn held(
        &self,
        mut less: Vec<(AuthorRow, i32)>,
        authors: bool,
    ) -> Vec<(AuthorRow, u32)> {
        if less.is_empty() {
            return Vec::new();
        }
        less.sort_unstable_by_key(|(seen, _)| (seen.author, seen.id));
        let who = |seen: &AuthorRow| (seen.id, seen.author);
        let mut held: HashMap<_, i64> = less.iter().map(|of| (who(&of.0), 0)).collect();
        let mut add = |who, by| {
            held.entry(who).and_modify(|posts| *posts += by);
        };
        if authors {
            self.seen.iter().for_each(|seen| add(who(seen), 1));
            self.unseen.iter().for_each(|gone| add(*gone, -1));
        } else {
            self.log.iter().for_each(|id| add((*id, 0), 1));
            self.minus.iter().for_each(|id| add((*id, 0), -1));
        }
        let mut take = |(seen, posts): (AuthorRow, i32)| {
            let held = held.entry(who(&seen)).or_default();
            let taken = i64::from(posts.unsigned_abs()).min(*held).max(0);
            *held -= taken;
            (taken > 0).then_some((seen, taken as u32))
        };
        less.drain(..).filter_map(&mut take).collect()
    }
}

/// What of an open pane is laid over the windows.
#[derive(Debug, Default)]
pub(super) struct OverlaidCounts {
    /// Shared with snapshots of the columns.
    pub(super) pairs: Arc<Vec<Pair>>,
    pub(super) posts: u64,
    pub(super) tagged: u64,
}

/// How much of an open pane the checkpoint has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SavedLengths {
    pub(super) log: usize,
    pub(super) seen: usize,
    pub(super) posts: i64,
    pub(super) tagged: i64,
}

/// A closed pane, or a minute of panes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClosedPane {
    /// Start / length, length being that of a pane or a minute.
    pub index: i64,
    /// Counts; each tag once, by id. Shared with the checkpoint until it has written them.
    pub pairs: Arc<Vec<Pair>>,
    /// For each of them, the number of authors whose last post is in this pane; empty if authors
    /// are not counted.
    pub lasts: Vec<u32>,
    /// Posts without author among these, by tag, if authors are counted.
    pub alone: Arc<Vec<Pair>>,
    /// Posts beyond the cap, which are in no count; by tag and author.
    pub beyond: Vec<Beyond>,
    /// Posts.
    pub posts: u64,
    /// Posts with a tag.
    pub tagged: u64,
    /// Occurrences of evicted tags.
    pub other: u64,
}

impl ClosedPane {
    /// A post of an author with these tags is retracted: splits them into those that it counts for,
    /// and those for which the author has posts beyond the cap here, one fewer now.
    pub(super) fn divide(&mut self, ids: &[u32], author: u32) -> (Vec<u32>, Vec<u32>) {
        ids.iter().partition(|&&id| {
            let found =
                self.beyond.binary_search_by_key(&(id, author), |beyond| (beyond.0, beyond.1));
            let Ok(at) = found else { return true };
            self.beyond[at].2 -= 1;
            if self.beyond[at].2 == 0 {
                self.beyond.remove(at);
            }
            false
        })
    }

    /// Removes and returns the number of posts of a tag without author, if there are any.
    pub(super) fn take_alone(&mut self, id: u32) -> Option<u32> {
        let at = self.alone.binary_search_by_key(&id, |pair| pair.0).ok()?;
        Some(Arc::make_mut(&mut self.alone).remove(at).1)
    }

    /// Retains posts without author of the tags that `keep` selects, and counts each as an author.
    pub(super) fn keep_alone(&mut self, keep: impl Fn(u32) -> bool) {
        if self.alone.is_empty() {
            return;
        }
        Arc::make_mut(&mut self.alone).retain(|pair| keep(pair.0));
        for &(id, posts) in &*self.alone {
            if let Ok(at) = self.pairs.binary_search_by_key(&id, |pair| pair.0) {
                self.lasts[at] += posts;
            }
        }
    }

    /// A post without author is retracted from a tag.
    pub(super) fn less_alone(&mut self, id: u32) {
        if let Ok(at) = self.alone.binary_search_by_key(&id, |pair| pair.0) {
            let posts = &mut Arc::make_mut(&mut self.alone)[at].1;
            *posts = posts.saturating_sub(1);
        }
    }
}

/// Sums occurrences by tag: a dense scratch column, zero between uses, and one bit for each tag
/// touched. The sums are ordered by id, so adding them to columns walks through memory in one
/// direction, which is several times faster than jumping.
#[derive(Debug, Default)]
pub struct PaneSum {
    scratch: Column<u32>,
    touched: Vec<u64>,
    sorted: Vec<u32>,
}

impl PaneSum {
    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.scratch.grow(rows);
        self.touched.resize(self.scratch.rows() / 64, 0);
    }

    /// The sums of `ids`, by id. Few ids among many tags are sorted: that stays in the cache, where
    /// the scratch column of all tags would not.
    pub fn sum(&mut self, ids: &[u32]) -> Vec<Pair> {
        let mut pairs = Vec::new();
        if ids.len() * 16 > self.scratch.rows() {
            self.add(ids);
            self.finish(&mut pairs);
            return pairs;
        }
        self.sorted.clear();
        self.sorted.extend_from_slice(ids);
        self.sorted.sort_unstable();
        self.sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect()
    }

    /// Replaces `pairs` by the sums of an open pane, without the retracted posts.
    pub fn sum_open(&mut self, open: &OpenPane, pairs: &mut Vec<Pair>) {
        pairs.clear();
        self.add(&open.log);
        self.add_pairs(&open.counted.pairs);
        self.retract(&open.minus);
        self.finish(pairs);
    }

    /// Adds one occurrence of each id.
    pub fn add(&mut self, ids: &[u32]) {
        for &id in ids {
            *self.scratch.at_mut(id) += 1;
            self.touched[id as usize / 64] |= 1 << (id % 64);
        }
    }

    /// Adds counts.
    pub fn add_pairs(&mut self, pairs: &[Pair]) {
        for &(id, by) in pairs {
            *self.scratch.at_mut(id) += by;
            self.touched[id as usize / 64] |= 1 << (id % 64);
        }
    }

    /// Subtracts one occurrence of each id; never below zero.
    pub fn retract(&mut self, ids: &[u32]) {
        for &id in ids {
            let count = self.scratch.at_mut(id);
            *count = count.saturating_sub(1);
        }
    }

    /// Subtracts counts; never below zero.
    pub fn take_pairs(&mut self, pairs: &[Pair]) {
        for &(id, by) in pairs {
            let count = self.scratch.at_mut(id);
            *count = count.saturating_sub(by);
        }
    }

    /// The sums by id, including zeros of retracted tags; empties itself.
    pub fn finish(&mut self, pairs: &mut Vec<Pair>) {
        for (word, bits) in (0..).zip(&mut self.touched) {
            for bit in ones(std::mem::take(bits)) {
                let id = word * 64 + bit;
                pairs.push((id, std::mem::take(self.scratch.at_mut(id))));
            }
        }
    }

    /// The sums of the tags in `pairs`, in their order; empties itself.
    pub fn finish_beside(&mut self, pairs: &[Pair]) -> Vec<u32> {
        self.touched.fill(0);
        pairs.iter().map(|pair| std::mem::take(self.scratch.at_mut(pair.0))).collect()
    }
}
