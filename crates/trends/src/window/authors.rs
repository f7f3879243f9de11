//! Distinct authors of tags in sliding windows.
//!
//! Distinct authors do not add up over panes, so each counts only in the pane of the last post:
//! those counts do add up. With another post the count moves from the older pane to the newer one.
//! Beyond [`EXACT_MAX`] living authors a tag is counted by a sketch ([`sketched`]), with a sample
//! of its authors. A post without author is an author of its own: its row has the author 0, and
//! panes store how many of them they have.
//!
//! Everything happens when a pane closes, in the order of tags and authors, so the order of posts
//! within the lateness changes nothing. A post with the same text as one of the tag's last few, of
//! another author, is a copy: it counts as a post, but adds no author.

mod counted;
mod overlay;
mod people_rules;
mod post_cap;
mod radix_sort;
mod sketched;
mod span;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::window::author_sets::{AuthorSets, EXACT_MAX, Marks, Member, Print};
use crate::window::pane::{Beyond, ClosedPane, OpenPane, Pair};
use crate::window::returning_authors::ReturningAuthors;
use crate::window::ring::{MINUTE_MS, step_of};
use crate::window::sliding_window::Window;

use overlay::OverlayEntry;
pub use people_rules::{Returning, RuleFigures, TagAuthors};
pub(super) use post_cap::PostCaps;
pub(super) use sketched::SketchedTag;
use sketched::SketchedTags;
pub use span::Span;

/// One occurrence of a tag with an author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthorRow {
    /// The tag.
    pub id: u32,
    /// Keyed hash of the author; 0 = the post has none.
    pub author: u32,
    /// Fingerprint of the text; 0 = none.
    pub print: u32,
}

/// Rules of people: which authors and posts count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Posts of one author that count for one tag in each span of `cap_ms`; 0 = all.
    pub cap: u8,
    /// Span of the cap, milliseconds, aligned to Unix time.
    pub cap_ms: i64,
    /// People are limited by how many of them had posted before.
    pub known: bool,
}

/// The authors of a ring.
#[derive(Debug, Default)]
pub struct AuthorCounts {
    pub(super) sets: AuthorSets,
    pub(super) sketched: SketchedTags,
    rules: Rules,
    pub(super) post_caps: PostCaps,
    /// If the rules ask for it.
    pub(super) known: Option<ReturningAuthors>,
    /// Panes up to this one were closed before the first post with an author.
    pub(super) from: i64,
    /// Panes that the longest window holds.
    horizon: u32,
    pane_ms: i64,
    /// Tags below this one were swept in this round, when this pane closed.
    swept: u32,
    pub(super) swept_at: i64,
    overlaid: Vec<OverlayEntry>,
    /// Author rows of the closing pane, by tag, author and text; and a buffer to sort them.
    sorted: Vec<AuthorRow>,
    spare: Vec<AuthorRow>,
    /// Authors of the current tag to insert into its sketch.
    to_sketch: Vec<u32>,
}

/// The stored closed panes, by age.
pub(super) struct ClosedPanes<'a> {
    pub(super) closed: &'a mut VecDeque<ClosedPane>,
    pub(super) minutes: &'a mut VecDeque<ClosedPane>,
    pub(super) pane_ms: i64,
}

/// The authors of a pane that closes.
#[derive(Debug, Default)]
pub(super) struct PaneAuthors {
    /// For each of its counts, the number of authors that count in it now.
    pub(super) lasts: Vec<u32>,
    /// Posts without author among them.
    pub(super) alone: Vec<Pair>,
    /// Posts beyond the cap.
    pub(super) beyond: Vec<Beyond>,
}

impl ClosedPanes<'_> {
    /// The pane `index`, or the minute that contains it, if it is stored.
    pub(super) fn find(&mut self, index: i64) -> Option<&mut ClosedPane> {
        let find = |panes: &VecDeque<ClosedPane>, index| {
            panes.binary_search_by_key(&index, |closed| closed.index).ok()
        };
        if let Some(at) = find(self.closed, index) {
            return self.closed.get_mut(at);
        }
        let at = find(self.minutes, step_of(index, self.pane_ms, MINUTE_MS))?;
        self.minutes.get_mut(at)
    }

    /// One more author of a tag counts in the pane `index`, if it is stored.
    pub(super) fn count(&mut self, index: i64, id: u32) {
        let Some(closed) = self.find(index) else { return };
        let at = closed.pairs.binary_search_by_key(&id, |pair| pair.0).unwrap_or_else(|at| {
            // All its posts were retracted, but an older one of the author was not.
            Arc::make_mut(&mut closed.pairs).insert(at, (id, 0));
            closed.lasts.insert(at, 0);
            at
        });
        closed.lasts[at] += 1;
    }

    /// The number of authors of a tag that count in the pane `index`, if it is stored.
    fn last(&mut self, index: i64, id: u32) -> Option<&mut u32> {
        let closed = self.find(index)?;
        let at = closed.pairs.binary_search_by_key(&id, |pair| pair.0).ok()?;
        closed.lasts.get_mut(at)
    }
}

impl AuthorCounts {
    pub(super) fn new(rules: Rules, pane_ms: i64, longest_ms: i64) -> Self {
        // Beyond one hour windows slide by minutes.
        Self::empty(rules, pane_ms, ((longest_ms + MINUTE_MS) / pane_ms) as u32 + 1)
    }

    fn empty(rules: Rules, pane_ms: i64, horizon: u32) -> Self {
        let known = rules.known.then(|| ReturningAuthors::new(pane_ms, horizon.into()));
        let sketched = SketchedTags::new(horizon);
        Self { rules, horizon, pane_ms, known, sketched, from: i64::MIN, ..Self::default() }
    }

    /// As it was before the first post with an author.
    pub(super) fn cleared(&self) -> Self {
        let mut anew = Self::empty(self.rules, self.pane_ms, self.horizon);
        anew.grow(self.sets.rows() as usize);
        anew
    }

    pub(super) fn pane_ms(&self) -> i64 {
        self.pane_ms
    }

    pub(super) fn grow(&mut self, rows: usize) {
        self.sets.grow(rows);
    }

    /// True if the authors of a tag are estimated.
    pub(super) fn is_estimated(&self, id: u32) -> bool {
        self.sets.is_sample(id)
    }

    /// The pane of a member's last post; `now` is a pane not before it.
    pub(super) fn pane(last: u32, now: i64) -> i64 {
        now - i64::from((now as u32).wrapping_sub(last))
    }

    pub(super) fn is_alive(&self, member: &Member, now: i64) -> bool {
        member.is_alive(now as u32, self.horizon)
    }

    /// Sorts the author rows of a closing pane and returns how often each tag is in them;
    /// [`AuthorCounts::close`] follows.
    pub(super) fn sort(&mut self, seen: &[AuthorRow]) -> Vec<Pair> {
        radix_sort::sort(seen, &mut self.sorted, &mut self.spare);
        let tags = self.sorted.chunk_by(|a, b| a.id == b.id);
        tags.map(|same| (same[0].id, same.len() as u32)).collect()
    }

    /// Counts the authors of a closing pane; `pairs` are its counts.
    pub(super) fn close(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        open: &mut OpenPane,
        pairs: &[Pair],
    ) -> PaneAuthors {
        let sorted = std::mem::take(&mut self.sorted);
        open.unseen.sort_unstable();
        let mut taken = PaneAuthors { lasts: vec![0; pairs.len()], ..PaneAuthors::default() };
        let now = open.index;
        self.prune_sketched(windows, now);
        self.sketched.begin(windows, now, self.pane_ms);
        self.known.iter_mut().for_each(|known| known.begin(open));
        self.post_caps.begin(&self.rules, now * self.pane_ms);
        let mut rows = TagRows { seen: &sorted, unseen: &open.unseen };
        for (number, last) in taken.lasts.iter_mut().enumerate() {
            let id = pairs[number].0;
            self.sets.prefetch(pairs, number);
            let (mut anonymous, mut below) = (0, self.below(id));
            self.to_sketch.clear();
            for mine in rows.of(id).chunk_by(|a, b| a.author == b.author) {
                let posts = (mine.len() - rows.gone(&mine[0]).min(mine.len())) as u32;
                if posts == 0 {
                    continue;
                }
                if mine[0].author == 0 {
                    anonymous = posts;
                    continue;
                }
                let author = mine[0].author;
                *last += u32::from(self.on_post(kept, windows, (mine, posts), &mut below, now));
                let surplus = self.post_caps.count(&self.rules, (id, author), posts);
                if surplus > 0 {
                    taken.beyond.push((id, author, surplus));
                }
            }
            if below.is_some() {
                self.sketched.on_post(id, &self.to_sketch, anonymous, now);
                *last = 0;
            } else if anonymous > 0 {
                *last += anonymous;
                taken.alone.push((id, anonymous));
            }
        }
        self.sketched.end(now);
        if !open.counted.is_empty() {
            self.close_counted(kept, windows, open, (pairs, &sorted), &mut taken);
        }
        self.known.iter_mut().for_each(|known| known.end(open));
        self.sweep(now);
        self.sorted = sorted;
        taken
    }

    /// Members of an estimated tag are the authors with a hash below this.
    fn below(&self, id: u32) -> Option<u32> {
        self.is_estimated(id).then(|| self.sketched.below(id).unwrap_or(0))
    }

    /// One author's posts with one tag in the closing pane; true if the author counts in it from
    /// now on.
    fn on_post(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        (mine, posts): (&[AuthorRow], u32),
        below: &mut Option<u32>,
        now: i64,
    ) -> bool {
        let AuthorRow { id, author, .. } = mine[0];
        let copies = self.are_copies(mine, now);
        let found = self.place(kept, windows, (id, author, now), below);
        let is_big = below.is_some();
        if is_big && !copies {
            self.to_sketch.push(author);
        }
        if found == Place::Beyond {
            return false;
        }
        let member = match found {
            Place::At(place) => self.sets.member(id, place),
            _ => Member::default(),
        };
        let was_here = member.posts > 0 && self.is_alive(&member, now);
        let mut next = if was_here { member } else { Member::default() };
        let stranger = match &mut self.known {
            Some(known) if !was_here => known.joins(author, now, !copies),
            _ => next.marks.stranger(),
        };
        next.marks = Marks::new(copies && (next.marks.only_copies() || !was_here), stranger);
        next.posts = next.posts.saturating_add(posts.min(u16::MAX.into()) as u16);
        let moves = !copies || next.marks.only_copies();
        if moves {
            next.last = now as u32;
        }
        match found {
            Place::At(place) if moves => self.sets.renew(id, place, next),
            Place::At(place) => self.sets.set(id, place, next),
            _ => self.sets.push(id, author, next),
        }
        let counts_here = !copies && !is_big;
        if counts_here && was_here && !member.marks.only_copies() {
            // The author counts in the closing pane from now on, no longer in the older one.
            let before = Self::pane(member.last, now);
            if let Some(last) = kept.last(before, id) {
                *last -= 1;
            }
            for window in windows.iter_mut().filter(|w| w.holds(before, self.pane_ms)) {
                *window.people.at_mut(id) -= 1;
            }
        }
        counts_here
    }

    /// Minutes within which a text is a copy of another.
    fn within(&self) -> u16 {
        let minutes = i64::from(self.horizon) * self.pane_ms / MINUTE_MS;
        minutes.clamp(1, i64::from(u16::MAX / 2)) as u16
    }

    fn minute(&self, pane: i64) -> u16 {
        step_of(pane, self.pane_ms, MINUTE_MS) as u16
    }

    /// True if all posts of an author repeat recent texts of others with the tag.
    fn are_copies(&mut self, mine: &[AuthorRow], now: i64) -> bool {
        let (within, minute) = (self.within(), self.minute(now));
        let print =
            |seen: &AuthorRow| Print { print: seen.print, author: seen.author as u16, minute };
        let copies = mine.iter().all(|seen| self.sets.is_copy(seen.id, print(seen), within));
        mine.iter().for_each(|seen| self.sets.note(seen.id, print(seen)));
        copies
    }

    /// The place of an author among the members of a tag, or that there is room. A set that is full
    /// of living members becomes a sketch and a sample, which may exclude the author.
    fn place(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        (id, author, now): (u32, u32, i64),
        below: &mut Option<u32>,
    ) -> Place {
        let is_beyond = |below: Option<u32>| below.is_some_and(|below| author >= below);
        // Also one with copies only, or the sample would depend on when members are pruned.
        if is_beyond(*below) {
            return Place::Beyond;
        }
        if let Some(place) = self.sets.find(id, author) {
            return Place::At(place);
        }
        if self.sets.authors(id).len() == EXACT_MAX {
            self.prune(id, now);
            if self.sets.authors(id).len() == EXACT_MAX {
                self.make_room(kept, windows, id, now);
                *below = self.below(id);
                if is_beyond(*below) {
                    return Place::Beyond;
                }
            }
        }
        Place::New
    }

    /// Removes members that are in no window.
    fn prune(&mut self, id: u32, now: i64) {
        let horizon = self.horizon;
        self.sets.retain(id, |_, m| m.posts > 0 && m.is_alive(now as u32, horizon));
    }

    /// Turns a set into a sketch and a sample of half its members, or halves the sample.
    fn make_room(&mut self, kept: &mut ClosedPanes<'_>, windows: &mut [Window], id: u32, now: i64) {
        let mut authors = self.sets.authors(id).to_vec();
        let below = *authors.select_nth_unstable(EXACT_MAX / 2).1;
        if !self.sketched.set_below(id, below) {
            self.make_sketch(kept, windows, (id, now), below);
        }
        self.sets.retain(id, |author, _| author < below);
    }

    /// Continues pruning outdated members and texts: a few tags for each pane since the last call,
    /// so that each tag is pruned at least once in the longest window.
    fn sweep(&mut self, now: i64) {
        let rows = self.sets.rows();
        let panes = now.saturating_sub(self.swept_at).clamp(1, self.horizon.into());
        self.swept_at = now;
        let some = u64::from(rows / self.horizon + 1) * panes as u64;
        for _ in 0..some.min(rows.into()) {
            let id = self.swept % rows;
            self.swept = id + 1;
            // The oldest member is the first.
            let first = self.sets.members(id).next();
            if first.is_some_and(|first| !self.is_alive(&first, now)) {
                self.prune(id, now);
            }
            self.sets.outdate(id, self.minute(now), self.within());
        }
    }

    /// Prunes outdated texts of all tags: after a restart the progress of [`AuthorCounts::sweep`]
    /// is unknown.
    pub(super) fn outdate(&mut self, now: i64) {
        let (minute, within) = (self.minute(now), self.within());
        self.swept_at = now;
        (0..self.sets.rows()).for_each(|id| self.sets.outdate(id, minute, within));
    }

    /// Drops sketches that are empty when `now` is the newest closed pane, and texts of tags
    /// without posts for as long. When this happens has no visible effect: a pane may close without
    /// the tag.
    pub(super) fn prune_sketched(&mut self, windows: &mut [Window], now: i64) {
        if now.saturating_sub(self.swept_at) >= i64::from(self.horizon) {
            self.sets.forget_texts();
        }
        self.sketched.prune(&mut self.sets, windows, now);
    }

    /// A post with a tag is retracted from a closed pane; `author` 0 = it had none.
    pub(super) fn left(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        (id, author, pane): (u32, u32, i64),
        now: i64,
    ) {
        let is_big = self.is_estimated(id);
        let mut gone = pane;
        if author != 0 {
            let Some(place) = self.sets.find(id, author) else { return };
            let mut member = self.sets.member(id, place);
            if !self.is_alive(&member, now) || member.posts == u16::MAX {
                return;
            }
            member.posts -= 1;
            self.sets.set(id, place, member);
            if member.posts > 0 {
                return;
            }
            self.sets.retain(id, |other, _| other != author);
            if member.marks.only_copies() {
                return;
            }
            gone = Self::pane(member.last, now);
        }
        if is_big {
            return;
        }
        if let Some(last) = kept.last(gone, id) {
            *last = last.saturating_sub(1);
        }
        if author == 0
            && let Some(closed) = kept.find(gone)
        {
            closed.less_alone(id);
        }
        for window in windows.iter_mut().filter(|window| window.holds(gone, self.pane_ms)) {
            let people = window.people.at_mut(id);
            *people = people.saturating_sub(1);
        }
    }

    /// Forgets the authors of a tag.
    pub(super) fn forget(&mut self, id: u32) {
        self.sets.forget(id);
        self.post_caps.forget(id);
        if self.sketched.forget(id) {
            self.sets.mark_sample(id, false);
        }
    }
}

/// The author rows of a pane, in the order of tags, authors and texts.
struct TagRows<'a> {
    seen: &'a [AuthorRow],
    unseen: &'a [(u32, u32)],
}

impl<'a> TagRows<'a> {
    /// The rows of a tag; tags must be requested in order.
    fn of(&mut self, id: u32) -> &'a [AuthorRow] {
        let before = self.seen.iter().take_while(|seen| seen.id < id).count();
        let len = self.seen[before..].iter().take_while(|seen| seen.id == id).count();
        let (mine, rest) = self.seen[before..].split_at(len);
        self.seen = rest;
        mine
    }

    /// How many posts of its author with its tag were retracted.
    fn gone(&mut self, seen: &AuthorRow) -> usize {
        if self.unseen.is_empty() {
            return 0;
        }
        let who = (seen.id, seen.author);
        self.unseen = &self.unseen[self.unseen.partition_point(|gone| *gone < who)..];
        self.unseen.iter().take_while(|gone| **gone == who).count()
    }
}

/// The place of an author among the members of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    At(usize),
    /// Not a member; there is room.
    New,
    /// The members are a sample that excludes the author.
    Beyond,
}

#[cfg(test)]
mod tests;
