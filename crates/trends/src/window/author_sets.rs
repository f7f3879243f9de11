//! The authors of each tag, and when each posted last.
//!
//! The members of a tag are stored together in the order of their last posts, the newest at the
//! end, in a block whose size is a power of two; blocks of one size share a column. So the authors
//! of a window are at the end of the block, outdated ones at its start, and a new one is appended.
//! Most tags have one member and cost twelve bytes.

mod size_classes;

use crate::store::column::Column;
use crate::window::pane::Pair;
use size_classes::{Block, BlockMut, Blocks, CLASSES, Head, Packed};
use tagtide_simd::prefetch;

/// Most members of one tag.
pub const EXACT_MAX: usize = 1 << (CLASSES - 1);

/// One author of one tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Pane of the author's last post with the tag that was not a copy, modulo 2^32.
    pub last: u32,
    /// Posts with the tag since the author became a member; [`u16::MAX`] = at least that many.
    pub posts: u16,
    /// Their flags.
    pub marks: Marks,
}

/// Flags of a member, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// From single flags.
    #[must_use]
    pub fn new(only_copies: bool, stranger: bool) -> Self {
        Self(u8::from(only_copies) | u8::from(stranger) << 1)
    }

    /// The author has posted only copies of others' posts and does not count.
    #[must_use]
    pub fn only_copies(self) -> bool {
        self.0 & 1 != 0
    }

    /// The author had no post before becoming a member.
    #[must_use]
    pub fn stranger(self) -> bool {
        self.0 & 2 != 0
    }
}

impl Member {
    /// True if the author posted in the last `panes` panes.
    #[must_use]
    pub fn is_alive(&self, newest: u32, panes: u32) -> bool {
        newest.wrapping_sub(self.last) < panes
    }

    /// True if the author counts in a window that includes the last post.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.posts > 0 && !self.marks.only_copies()
    }
}

impl From<Packed> for Member {
    #[inline(always)]
    fn from([last, rest]: Packed) -> Self {
        let [low, high, marks, _] = rest.to_le_bytes();
        Self { last, posts: u16::from_le_bytes([low, high]), marks: Marks(marks) }
    }
}

impl From<Member> for Packed {
    fn from(member: Member) -> Self {
        let [low, high] = member.posts.to_le_bytes();
        [member.last, u32::from_le_bytes([low, high, member.marks.0, 0])]
    }
}

/// How many tags ahead to prefetch.
const AHEAD: usize = 8;

/// Bytes in a cache line, and authors.
const LINE_BYTES: usize = 64;
const LINE: usize = LINE_BYTES / size_of::<u32>();

/// Texts remembered of one tag.
pub const PRINTS: usize = 4;

/// The fingerprint of a text that was posted with a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// The fingerprint; 0 = none.
    pub print: u32,
    /// The low bits of its first author's hash.
    pub author: u16,
    /// Minute of its newest post, modulo 2^16.
    pub minute: u16,
}

/// The authors of all tags.
#[derive(Debug, Default)]
pub struct AuthorSets {
    heads: Column<Head>,
    blocks: [Blocks; CLASSES],
    /// The last few texts of each tag, newest first; no rows before the first fingerprint.
    prints: Column<[Print; PRINTS]>,
}

impl AuthorSets {
    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.heads.grow(rows);
    }

    /// Ids that there is room for.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.heads.rows() as u32
    }

    /// True if the members of a tag are a sample.
    #[must_use]
    pub fn is_sample(&self, id: u32) -> bool {
        self.heads.get(id).sample
    }

    /// Sets whether they are.
    pub fn mark_sample(&mut self, id: u32, sample: bool) {
        self.heads.at_mut(id).sample = sample;
    }

    /// Prefetches the tags after the current one, which is `number` in `pairs`: first the places of
    /// their members, then members and texts.
    pub fn prefetch(&self, pairs: &[Pair], number: usize) {
        if let Some(&(id, _)) = pairs.get(number + 2 * AHEAD) {
            self.prefetch_head(id);
        }
        if let Some(&(id, _)) = pairs.get(number + AHEAD) {
            self.prints(id).first().into_iter().for_each(prefetch);
            self.prefetch_authors(id);
        }
    }

    /// Prefetches what [`AuthorSets::find`] will read. A sample is rarely searched.
    pub fn prefetch_authors(&self, id: u32) {
        let head = self.heads.get(id);
        if head.len == 0 || head.sample {
            return;
        }
        let blocks = &self.blocks[head.class as usize];
        let Block { authors, members } = blocks.block(head);
        let filter = blocks.filter(head);
        filter.chunks(LINE_BYTES).for_each(|line| prefetch(&line[0]));
        // With a filter the block is rarely searched; its end is written to.
        let lines = if filter.is_empty() { 4 } else { 1 };
        authors.rchunks(LINE).take(lines).for_each(|line| prefetch(&line[0]));
        members.last().into_iter().for_each(prefetch);
    }

    /// Prefetches the place of a tag's members.
    pub fn prefetch_head(&self, id: u32) {
        prefetch(self.heads.at(id));
    }

    /// Prefetches the newest members of a tag.
    pub fn prefetch_members(&self, id: u32) {
        self.block(id).members.rchunks(LINE / 2).take(2).for_each(|line| prefetch(&line[0]));
    }

    #[inline]
    fn block(&self, id: u32) -> Block<'_> {
        let head = self.heads.get(id);
        if head.len == 0 {
            return Block { authors: &[], members: &[] };
        }
        self.blocks[head.class as usize].block(head)
    }

    /// Authors of a tag, in the order of their last posts.
    #[inline]
    #[must_use]
    pub fn authors(&self, id: u32) -> &[u32] {
        self.block(id).authors
    }

    /// Their members.
    #[inline]
    pub fn members(&self, id: u32) -> impl DoubleEndedIterator<Item = Member> + '_ {
        self.block(id).members.iter().map(|&packed| Member::from(packed))
    }

    /// Authors of a tag with their members.
    pub fn of(&self, id: u32) -> impl Iterator<Item = (u32, Member)> + '_ {
        self.authors(id).iter().copied().zip(self.members(id))
    }

    /// The place of an author among the members of a tag.
    #[inline]
    #[must_use]
    pub fn find(&self, id: u32, author: u32) -> Option<usize> {
        let head = self.heads.get(id);
        let blocks = &self.blocks[head.class as usize];
        if head.len == 0 || !blocks.may_hold(head, author) {
            return None;
        }
        let (first, lines) = blocks.block(head).authors.as_rchunks::<LINE>();
        // A cache line at once, without a branch for each author, from the end: recent authors
        // return.
        for (number, line) in lines.iter().enumerate().rev() {
            if line.iter().fold(false, |any, &other| any | (other == author)) {
                let within = line.iter().position(|&other| other == author);
                return within.map(|at| first.len() + number * LINE + at);
            }
        }
        first.iter().position(|&other| other == author)
    }

    /// The member at `place`.
    #[must_use]
    pub fn member(&self, id: u32, place: usize) -> Member {
        self.block(id).members[place].into()
    }

    /// Sets it, except the pane of the last post.
    pub fn set(&mut self, id: u32, place: usize, member: Member) {
        let head = self.heads.get(id);
        self.blocks[head.class as usize].block_mut(head).members[place] = member.into();
    }

    /// Appends a new member, the latest. There must be room: fewer than [`EXACT_MAX`] members.
    pub fn push(&mut self, id: u32, author: u32, member: Member) {
        let mut head = self.heads.get(id);
        let len = head.len as usize;
        debug_assert!(len < EXACT_MAX, "a full set has no room");
        if len == 0 || len == 1 << head.class {
            let class = if len == 0 { 0 } else { head.class + 1 };
            head = self.resize(head, class);
        }
        head.len += 1;
        let blocks = &mut self.blocks[head.class as usize];
        blocks.note(head, author);
        let block = blocks.block_mut(head);
        (block.authors[len], block.members[len]) = (author, member.into());
        *self.heads.at_mut(id) = head;
    }

    /// Moves the member at `place` to the end, after another post.
    pub fn renew(&mut self, id: u32, place: usize, member: Member) {
        let head = self.heads.get(id);
        let BlockMut { authors, members } = self.blocks[head.class as usize].block_mut(head);
        let (author, last) = (authors[place], members.len() - 1);
        authors.copy_within(place + 1.., place);
        members.copy_within(place + 1.., place);
        (authors[last], members[last]) = (author, member.into());
    }

    /// Moves the members of a block to one of another size.
    fn resize(&mut self, head: Head, class: u8) -> Head {
        let block = self.blocks[class as usize].take(class);
        let new = Head { block, class, ..head };
        let (from, to) = (head.class as usize, class as usize);
        if head.len > 0
            && let Ok([old, blocks]) = self.blocks.get_disjoint_mut([from, to])
        {
            let (from, to) = (old.block(head), blocks.block_mut(new));
            to.authors.copy_from_slice(from.authors);
            to.members.copy_from_slice(from.members);
            old.free.push(head.block);
            blocks.note_all(new);
        }
        new
    }

    /// True if one of the tag's last few texts is the same, of another author, and not older than
    /// `within` minutes.
    #[must_use]
    pub fn is_copy(&self, id: u32, print: Print, within: u16) -> bool {
        let same = |old: &Print| {
            old.print == print.print
                && old.author != print.author
                && print.minute.wrapping_sub(old.minute) <= within
        };
        print.print != 0 && self.prints(id).iter().any(same)
    }

    /// Remembers a text.
    pub fn note(&mut self, id: u32, print: Print) {
        if print.print == 0 {
            return;
        }
        self.prints.grow(self.heads.rows());
        let prints = self.prints.at_mut(id);
        let same = prints.iter().position(|old| old.print == print.print);
        let author = same.map_or(print.author, |at| prints[at].author);
        prints.copy_within(0..same.unwrap_or(PRINTS - 1), 1);
        prints[0] = Print { author, ..print };
    }

    /// Forgets the texts of a tag that are older than `within` minutes, before minutes wrap around.
    pub fn outdate(&mut self, id: u32, minute: u16, within: u16) {
        let is_old = |old: &Print| old.print != 0 && minute.wrapping_sub(old.minute) > within;
        if self.prints(id).iter().any(is_old) {
            let prints = self.prints.at_mut(id).iter_mut();
            prints.filter(|old| is_old(old)).for_each(|old| *old = Print::default());
        }
    }

    /// Forgets all texts.
    pub fn forget_texts(&mut self) {
        self.prints = Column::default();
    }

    /// The last few texts of a tag.
    #[must_use]
    pub fn prints(&self, id: u32) -> &[Print] {
        if (id as usize) < self.prints.rows() { self.prints.at(id) } else { &[] }
    }

    /// Sets them, when a checkpoint is read.
    pub fn set_prints(&mut self, id: u32, prints: [Print; PRINTS]) {
        self.prints.grow(self.heads.rows());
        *self.prints.at_mut(id) = prints;
    }

    /// Forgets a tag.
    pub fn forget(&mut self, id: u32) {
        self.retain(id, |_, _| false);
        if (id as usize) < self.prints.rows() {
            *self.prints.at_mut(id) = Default::default();
        }
    }

    /// Retains the members that `keep` selects, in their order.
    pub fn retain(&mut self, id: u32, mut keep: impl FnMut(u32, &Member) -> bool) {
        let head = self.heads.get(id);
        if head.len == 0 {
            return;
        }
        let blocks = &mut self.blocks[head.class as usize];
        let BlockMut { authors, members } = blocks.block_mut(head);
        let mut kept = 0;
        for at in 0..members.len() {
            if keep(authors[at], &members[at].into()) {
                (authors[kept], members[kept]) = (authors[at], members[at]);
                kept += 1;
            }
        }
        let head = Head { len: kept as u16, ..head };
        *self.heads.at_mut(id) = match kept {
            0 => {
                blocks.free.push(head.block);
                Head { sample: head.sample, ..Head::default() }
            }
            // A mostly empty block is exchanged for a smaller one.
            _ if kept * 4 <= 1 << head.class => {
                self.resize(head, kept.next_power_of_two().ilog2() as u8)
            }
            _ => {
                blocks.note_all(head);
                head
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn old_texts_are_none_when_their_minute_comes_again() {
        let mut sets = AuthorSets::default();
        sets.grow(1);
        let said = |print, author, minute| Print { print, author, minute };
        sets.note(0, said(7, 1, 100));
        sets.note(0, said(8, 1, 160));
        sets.outdate(0, 170, 60);
        let is_copy = |sets: &AuthorSets, print| sets.is_copy(0, said(print, 2, 180), 100);
        assert_eq!([7, 8].map(|print| is_copy(&sets, print)), [false, true]);
        sets.forget_texts();
        assert!(!is_copy(&sets, 8) && sets.prints(0).is_empty());
    }

    proptest! {
        #[test]
        fn equals_a_list(
            steps in prop::collection::vec((0_u32..4, 0_u32..900, 0_u8..20), 1..3000),
        ) {
            let mut sets = AuthorSets::default();
            sets.grow(4);
            let mut model: Vec<(u32, u32, u32)> = Vec::new();
            for (now, (id, author, what)) in (0_u32..).zip(steps) {
                if what == 0 {
                    sets.retain(id, |author, _| author % 3 == 0);
                    model.retain(|who| who.0 != id || who.1 % 3 == 0);
                    continue;
                }
                let member = Member { last: now, ..Member::default() };
                match sets.find(id, author) {
                    Some(place) => sets.renew(id, place, member),
                    None if sets.authors(id).len() == EXACT_MAX => continue,
                    None => sets.push(id, author, member),
                }
                model.retain(|who| (who.0, who.1) != (id, author));
                model.push((id, author, now));
            }
            for id in 0..4 {
                let mine: Vec<_> = sets.of(id).map(|(author, m)| (author, m.last)).collect();
                let want = model.iter().filter(|who| who.0 == id).map(|who| (who.1, who.2));
                prop_assert_eq!(mine, want.collect::<Vec<_>>());
                let whole: usize = sets.blocks.iter().map(|of| of.free.len()).sum();
                let made: u32 = sets.blocks.iter().map(|of| of.made).sum();
                let used = (0..4).filter(|&id| !sets.authors(id).is_empty()).count();
                prop_assert_eq!(made as usize, whole + used, "no block is lost");
            }
        }
    }
}
