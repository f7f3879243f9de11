//! The people of each tag: who posted it, and when last.
//!
//! Members of one tag stand together, ordered by author, in a block whose size is a power of two;
//! blocks of one size share a column. Most tags have one member and cost twelve bytes.

use crate::simd::prefetch;
use crate::state::column::{CHUNK, Column};
use crate::window::pane::Pair;

/// Members told apart in one tag.
pub const EXACT_MAX: usize = 1 << (CLASSES - 1);

/// Sizes of blocks: 1, 2, 4 and so on.
const CLASSES: usize = 10;

const _: () = assert!(CHUNK.is_multiple_of(EXACT_MAX), "a block lies in one chunk");

/// One author of one tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Keyed hash of the author.
    pub author: u32,
    /// Pane of the author's last post with the tag that was no copy, modulo 2^32.
    pub last: u32,
    /// Posts with the tag since the author became a member; [`u16::MAX`] = so many or more.
    pub posts: u16,
    /// Posts counted in the span of the cap.
    pub capped: u8,
    /// What else is true of them.
    pub marks: Marks,
}

/// What may be true of a member, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

impl Marks {
    /// From what is true.
    #[must_use]
    pub fn new(only_copies: bool, stranger: bool) -> Self {
        Self(u8::from(only_copies) | u8::from(stranger) << 1)
    }

    /// The author has posted copies of others' posts alone, and counts for nothing.
    #[must_use]
    pub fn only_copies(self) -> bool {
        self.0 & 1 != 0
    }

    /// Nobody had seen the author before they became a member.
    #[must_use]
    pub fn stranger(self) -> bool {
        self.0 & 2 != 0
    }
}

impl Member {
    /// True where the author was seen in the last `panes` panes.
    #[must_use]
    pub fn is_alive(&self, newest: u32, panes: u32) -> bool {
        newest.wrapping_sub(self.last) < panes
    }
}

const _: () = assert!(size_of::<Member>() == 12, "a tag that few have posted costs little");

/// Tags that are asked for before they are dealt with.
const AHEAD: usize = 8;

/// Fewer members lie in a few lines of the cache.
const LARGE: usize = 16;

/// Texts remembered of one tag.
pub const PRINTS: usize = 4;

/// A text that was posted with a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Print {
    /// Its fingerprint; 0 = none.
    pub print: u32,
    /// The low bits of its first author's hash.
    pub author: u16,
    /// Minute of its newest post, modulo 2^16.
    pub minute: u16,
}

/// Where the members of one tag stand.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    block: u32,
    len: u16,
    class: u8,
    /// Members are a sample of more.
    sample: bool,
}

/// Blocks of one size.
#[derive(Debug, Default)]
struct Blocks {
    members: Column<Member>,
    made: u32,
    free: Vec<u32>,
}

/// The people of all tags.
#[derive(Debug, Default)]
pub struct Crowds {
    heads: Column<Head>,
    blocks: [Blocks; CLASSES],
    /// The last few texts of each tag, the newest first; no rows until one has a fingerprint.
    prints: Column<[Print; PRINTS]>,
}

impl Crowds {
    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.heads.grow(rows);
    }

    /// Ids that there is room for.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.heads.rows() as u32
    }

    /// True where the members of a tag are a sample of more.
    #[must_use]
    pub fn is_sample(&self, id: u32) -> bool {
        self.heads.get(id).sample
    }

    /// Says whether they are.
    pub fn mark_sample(&mut self, id: u32, sample: bool) {
        self.heads.at_mut(id).sample = sample;
    }

    /// Asks for what will be read of tags that are soon dealt with, the one in `pairs` being
    /// `number`: first of where their members stand, then of their members and texts.
    pub fn expect(&self, pairs: &[Pair], number: usize) {
        if let Some(&(id, _)) = pairs.get(number + 2 * AHEAD) {
            prefetch(self.heads.at(id));
        }
        if let Some(&(id, _)) = pairs.get(number + AHEAD) {
            self.of(id).last().into_iter().for_each(prefetch);
            self.prints(id).first().into_iter().for_each(prefetch);
        }
    }

    /// Asks for what [`Crowds::find`] will read of a large crowd.
    pub fn expect_authors(&self, id: u32, authors: impl Iterator<Item = u32>) {
        let members = self.of(id);
        if members.len() > LARGE {
            let places = authors.filter_map(|author| foretold(members, author));
            places.for_each(|place| prefetch(&members[place]));
        }
    }

    /// Members of a tag, ordered by author.
    #[inline]
    #[must_use]
    pub fn of(&self, id: u32) -> &[Member] {
        let Head { block, len, class, .. } = self.heads.get(id);
        if len == 0 {
            return &[];
        }
        let size = 1 << class;
        let at = block as usize * size;
        let chunk = &self.blocks[class as usize].members.chunks()[at / CHUNK];
        &chunk[at % CHUNK..at % CHUNK + len as usize]
    }

    /// The same, to change all but the authors.
    pub fn of_mut(&mut self, id: u32) -> &mut [Member] {
        let Head { block, len, class, .. } = self.heads.get(id);
        if len == 0 {
            return &mut [];
        }
        let at = block << class;
        self.blocks[class as usize].members.run_mut(at, len as usize)
    }

    /// The place of an author among the members of a tag, or where it would stand.
    ///
    /// Authors are hashes, so it can be foretold to within a few members; halving would wait for
    /// memory at every step.
    pub fn find(&self, id: u32, author: u32) -> Result<usize, usize> {
        let members = self.of(id);
        let Some(mut place) = foretold(members, author) else { return Err(members.len()) };
        while place > 0 && members[place - 1].author >= author {
            place -= 1;
        }
        while members[place].author < author {
            place += 1;
        }
        if members[place].author == author { Ok(place) } else { Err(place) }
    }

    /// Puts a member in at the place that [`Crowds::find`] gave. There must be room: fewer than
    /// [`EXACT_MAX`] members.
    pub fn insert(&mut self, id: u32, place: usize, member: Member) {
        let head = self.heads.get(id);
        let len = head.len as usize;
        debug_assert!(len < EXACT_MAX, "a full crowd takes no more");
        if len == 0 || len == 1 << head.class {
            self.widen(id, head);
        }
        self.heads.at_mut(id).len += 1;
        let members = self.of_mut(id);
        members.copy_within(place..len, place + 1);
        members[place] = member;
    }

    /// Moves the members of a full block into one twice as large, or makes the first.
    fn widen(&mut self, id: u32, head: Head) {
        let class = if head.len == 0 { 0 } else { head.class as usize + 1 };
        let block = self.blocks[class].take(class);
        if head.len > 0 {
            let [from, to] = self
                .blocks
                .get_disjoint_mut([class - 1, class])
                .expect("a class and the one below it");
            let old = from.members.run_mut(head.block << (class - 1), head.len as usize);
            to.members.run_mut(block << class, head.len as usize).copy_from_slice(old);
            from.free.push(head.block);
        }
        *self.heads.at_mut(id) = Head { block, class: class as u8, ..head };
    }

    /// True where one of the tag's last few texts is this one, of another author, and not older
    /// than `within` minutes.
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

    /// Forgets all of a tag.
    pub fn forget(&mut self, id: u32) {
        self.retain(id, |_| false);
        if (id as usize) < self.prints.rows() {
            *self.prints.at_mut(id) = Default::default();
        }
    }

    /// Keeps the members that `keep` says.
    pub fn retain(&mut self, id: u32, mut keep: impl FnMut(&Member) -> bool) {
        let members = self.of_mut(id);
        let mut kept = 0;
        for at in 0..members.len() {
            if keep(&members[at]) {
                members[kept] = members[at];
                kept += 1;
            }
        }
        let head = self.heads.get(id);
        if kept == 0 && head.len > 0 {
            self.blocks[head.class as usize].free.push(head.block);
            *self.heads.at_mut(id) = Head { sample: head.sample, ..Head::default() };
        } else if kept > 0 {
            self.heads.at_mut(id).len = kept as u16;
        }
    }
}

/// About where an author stands, unless that is after all members.
fn foretold(members: &[Member], author: u32) -> Option<usize> {
    let last = members.last().filter(|last| author <= last.author)?;
    let share = u64::from(author) * members.len() as u64 / (u64::from(last.author) + 1);
    Some(share as usize)
}

impl Blocks {
    fn take(&mut self, class: usize) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            self.members.grow((self.made as usize) << class);
            self.made - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((0_u32..4, 0_u32..900, 0_u8..20), 1..3000)) {
            let mut crowds = Crowds::default();
            crowds.grow(4);
            let mut model: BTreeMap<(u32, u32), u32> = BTreeMap::new();
            for (now, (id, author, what)) in (0_u32..).zip(steps) {
                if what == 0 {
                    crowds.retain(id, |member| member.author % 3 == 0);
                    model.retain(|key, _| key.0 != id || key.1 % 3 == 0);
                    continue;
                }
                match crowds.find(id, author) {
                    Ok(place) => crowds.of_mut(id)[place].last = now,
                    Err(_) if crowds.of(id).len() == EXACT_MAX => continue,
                    Err(place) => {
                        let member = Member { author, last: now, ..Member::default() };
                        crowds.insert(id, place, member);
                    }
                }
                model.insert((id, author), now);
            }
            for id in 0..4 {
                let mine: Vec<_> = crowds.of(id).iter().map(|m| (m.author, m.last)).collect();
                let want: Vec<_> =
                    model.iter().filter(|(key, _)| key.0 == id).map(|(k, &v)| (k.1, v)).collect();
                prop_assert_eq!(mine, want);
            }
        }
    }
}
