//! The overlay of authors: those of open panes are added to the windows for a ranking.

use smallvec::SmallVec;

use crate::window::authors::{AuthorCounts, TagRows, radix_sort};
use crate::window::pane::OpenPane;
use crate::window::returning_authors;
use crate::window::sliding_window::{Window, pane_before};

/// How many tags ahead to prefetch.
pub(super) const AHEAD: usize = 6;

/// Authors of a tag in an open pane that count in the same windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverlayEntry {
    pub(super) id: u32,
    pub(super) pane: i64,
    /// Windows that count them, a bit each.
    pub(super) windows: u64,
    /// Authors, not posts without author.
    pub(super) authored: bool,
    /// The authors had no post before.
    pub(super) stranger: bool,
    /// Number of authors.
    pub(super) count: u32,
}

impl OverlayEntry {
    /// Adds them to an equal entry of their tag, which is the last one, or appends them.
    fn join(self, entries: &mut Vec<Self>) {
        let what = |of: &Self| (of.pane, of.windows, of.authored, of.stranger);
        let mut mine = entries.iter_mut().rev().take_while(|other| other.id == self.id);
        match mine.find(|other| what(other) == what(&self)) {
            Some(others) => others.count += self.count,
            None => entries.push(self),
        }
    }
}

impl AuthorCounts {
    /// Updates the columns of estimated tags to the newest closed pane, in the windows `asked`, a
    /// bit each.
    pub(in crate::window) fn estimate(&mut self, windows: &mut [Window], newest: i64, asked: u64) {
        self.sketched.estimate(windows, (newest, self.pane_ms), asked);
    }

    /// Adds the authors of open panes to the windows. `gone_to` has for each window the newest step
    /// before it.
    pub(in crate::window) fn overlay(
        &mut self,
        windows: &mut [Window],
        open: &mut [OpenPane],
        (newest, closed_to): (i64, i64),
        gone_to: &[i64],
    ) {
        self.overlaid.clear();
        let gone = windows.iter().zip(gone_to);
        let gone: SmallVec<[i64; 16]> =
            gone.map(|(window, &to)| pane_before(to, window.step_ms, self.pane_ms)).collect();
        // The windows that hold a pane, a bit each.
        let inside = |pane: i64| {
            let bits = gone.iter().enumerate();
            bits.fold(0, |mask, (at, &gone)| mask | u64::from(pane > gone) << at)
        };
        let mut seen: Vec<(u32, u32, i64)> = Vec::new();
        for pane in open.iter_mut().filter(|pane| pane.index <= newest) {
            self.overlay_pane(pane, inside(pane.index), &mut seen);
        }
        // A few sorted runs, one for each pane.
        seen.sort();
        let known =
            self.known.as_ref().map(|known| (known, returning_authors::first_panes(open, newest)));
        let mut soon = seen.iter().skip(AHEAD);
        let mut sooner = seen.iter().skip(2 * AHEAD);
        for same in seen.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            sooner.nth(same.len() - 1).into_iter().for_each(|who| self.sets.prefetch_head(who.0));
            soon.nth(same.len() - 1).into_iter().for_each(|who| self.sets.prefetch_authors(who.0));
            let (id, author, pane) = same[0];
            if self.sets.is_sample(id) {
                continue;
            }
            let member = self.sets.find(id, author).map(|at| self.sets.member(id, at));
            let member = member.filter(|m| m.posts > 0 && self.is_alive(m, closed_to));
            let before =
                member.filter(|m| !m.marks.only_copies()).map(|m| Self::pane(m.last, closed_to));
            let windows = inside(-pane) & !before.map_or(0, inside);
            if windows == 0 {
                continue;
            }
            let came = -same[same.len() - 1].2;
            let stranger = known.as_ref().is_some_and(|(known, first)| match member {
                Some(member) => member.marks.stranger(),
                None => known.is_stranger(author, came, first),
            });
            let pane = -pane;
            OverlayEntry { id, pane, windows, authored: true, stranger, count: 1 }
                .join(&mut self.overlaid);
        }
        self.overlaid.sort_by_key(|entry| entry.id);
        self.add_overlay(windows, true);
    }

    /// Appends the authors of an open pane to `seen`, by tag and author, and adds its posts without
    /// author.
    fn overlay_pane(&mut self, open: &mut OpenPane, windows: u64, seen: &mut Vec<(u32, u32, i64)>) {
        let (before, laid) = (seen.len(), self.overlaid.len());
        radix_sort::sort(&open.seen, &mut self.sorted, &mut self.spare);
        open.unseen.sort_unstable();
        let mut rows = TagRows { seen: &self.sorted, unseen: &open.unseen };
        for &(id, count) in open.shown.pairs.iter() {
            let mut authored = 0;
            for mine in rows.of(id).chunk_by(|a, b| a.author == b.author) {
                let left = mine.len().saturating_sub(rows.gone(&mine[0])) as u32;
                if left > 0 && mine[0].author != 0 {
                    seen.push((id, mine[0].author, -open.index));
                    authored += left;
                }
            }
            let count = count.saturating_sub(authored);
            if count > 0 && !self.sets.is_sample(id) && windows != 0 {
                let (pane, authored, stranger) = (open.index, false, false);
                self.overlaid.push(OverlayEntry { id, pane, windows, authored, stranger, count });
            }
        }
        self.overlay_sketched(open, &seen[before..], laid);
    }

    /// Removes the overlay.
    pub(in crate::window) fn remove_overlay(&mut self, windows: &mut [Window]) {
        self.add_overlay(windows, false);
        self.overlaid.clear();
    }

    fn add_overlay(&self, windows: &mut [Window], on: bool) {
        for (at, window) in windows.iter_mut().enumerate() {
            for entry in self.overlaid.iter().filter(|entry| entry.windows >> at & 1 == 1) {
                let people = window.people.at_mut(entry.id);
                *people = if on { *people + entry.count } else { *people - entry.count };
            }
        }
    }
}
