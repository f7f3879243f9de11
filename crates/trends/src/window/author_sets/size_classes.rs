//! Storage of members: blocks of one size share a column; large ones have a filter beside them.

use crate::store::column::{CHUNK, Column};
use crate::window::author_sets::EXACT_MAX;

/// Sizes of blocks: 1, 2, 4 and so on.
pub(super) const CLASSES: usize = 10;

const _: () = assert!(CHUNK.is_multiple_of(EXACT_MAX), "a block lies in one chunk");

/// Blocks of this class and larger have filters: most authors of a large tag are new to it, and a
/// search would read all authors to find that out.
const FILTERED: u8 = 6;

/// A member as two numbers.
pub(super) type Packed = [u32; 2];

/// The place of the members of one tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) block: u32,
    pub(super) len: u16,
    pub(super) class: u8,
    /// Members are a sample.
    pub(super) sample: bool,
}

impl Head {
    /// Row of the first member.
    fn row(self) -> u32 {
        self.block << self.class
    }

    /// Members that fit.
    fn room(self) -> usize {
        1 << self.class
    }

    /// The byte and the bit of an author in a filter, which has a byte for each member that fits.
    /// By the low bits of the hash: members of a sample share the high ones.
    #[inline(always)]
    fn bit_of(self, author: u32) -> (usize, u8) {
        ((author >> 3) as usize % self.room(), 1 << (author % 8))
    }

    /// Sets the bit of an author.
    fn mark(self, filter: &mut [u8], author: u32) {
        let (byte, bit) = self.bit_of(author);
        filter[byte] |= bit;
    }
}

/// Blocks of one size: three numbers a member, first the keyed hashes of all authors, then the rest
/// of each. So authors are close together, and few members fill one cache line.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    rows: Column<[u32; 3]>,
    /// Which authors may be in each block; no rows for small blocks.
    filters: Column<u8>,
    pub(super) made: u32,
    pub(super) free: Vec<u32>,
}

/// The members of one block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) authors: &'a [u32],
    pub(super) members: &'a [Packed],
}

/// The same, to change.
pub(super) struct BlockMut<'a> {
    pub(super) authors: &'a mut [u32],
    pub(super) members: &'a mut [Packed],
}

impl Blocks {
    #[inline(always)]
    pub(super) fn block(&self, head: Head) -> Block<'_> {
        let numbers = self.rows.run(head.row(), head.room()).as_flattened();
        let (authors, members) = numbers.split_at(head.room());
        let len = head.len as usize;
        Block { authors: &authors[..len], members: &members.as_chunks().0[..len] }
    }

    #[inline(always)]
    pub(super) fn block_mut(&mut self, head: Head) -> BlockMut<'_> {
        let numbers = self.rows.run_mut(head.row(), head.room()).as_flattened_mut();
        let (authors, members) = numbers.split_at_mut(head.room());
        let len = head.len as usize;
        BlockMut { authors: &mut authors[..len], members: &mut members.as_chunks_mut().0[..len] }
    }

    /// A block of class `class` that is free; [`Blocks::note_all`] follows.
    pub(super) fn take(&mut self, class: u8) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.made += 1;
            let rows = (self.made as usize) << class;
            self.rows.grow(rows);
            if class >= FILTERED {
                self.filters.grow(rows);
            }
            self.made - 1
        })
    }

    /// The filter of a block; empty if it has none.
    pub(super) fn filter(&self, head: Head) -> &[u8] {
        if head.class < FILTERED { &[] } else { self.filters.run(head.row(), head.room()) }
    }

    /// False if an author is certainly not among the members.
    #[inline(always)]
    pub(super) fn may_hold(&self, head: Head, author: u32) -> bool {
        let (byte, bit) = head.bit_of(author);
        self.filter(head).get(byte).is_none_or(|byte| byte & bit != 0)
    }

    /// An author was added to the members.
    pub(super) fn note(&mut self, head: Head, author: u32) {
        if head.class >= FILTERED {
            head.mark(self.filters.run_mut(head.row(), head.room()), author);
        }
    }

    /// The members are exactly these.
    pub(super) fn note_all(&mut self, head: Head) {
        if head.class < FILTERED {
            return;
        }
        let numbers = self.rows.run(head.row(), head.room()).as_flattened();
        let filter = self.filters.run_mut(head.row(), head.room());
        filter.fill(0);
        numbers[..head.len as usize].iter().for_each(|&author| head.mark(filter, author));
    }
}
