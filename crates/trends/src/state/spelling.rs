//! Spellings of tags.
//!
//! Up to four spellings of a tag are distinguished and counted, in the order of first use. Most
//! tags have one; its count is the tag's total less the counts of the others, so it costs nothing.

use crate::state::extracted_batch::{Entry, NO_MASK, case_mask};
use crate::store::cow_column::{CowColumn, HeldBytes};
use tagtide_simd::prefetch;

/// Number of all spellings beyond the fourth, which are counted together.
pub(super) const OTHER: u8 = 4;

/// One spelling, in its only form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spelling {
    /// The key with these bytes in upper case.
    Mask(u32),
    /// Anything else.
    Bytes(Box<[u8]>),
}

impl Spelling {
    pub(super) fn of(key: &[u8], typed: &[u8]) -> Self {
        case_mask(key, typed).map_or_else(|| Self::Bytes(typed.into()), Self::Mask)
    }

    pub(super) fn of_entry(entry: &Entry, arena: &[u8]) -> Self {
        match entry.flags & Entry::SPELL_BYTES {
            0 => Self::Mask(entry.spelling),
            _ => Self::Bytes(entry.spelling_bytes(arena).into()),
        }
    }
}

/// The key with these bytes in upper case.
fn with_capitals(key: &[u8], mask: u32) -> Vec<u8> {
    let mut typed = key.to_vec();
    for (i, byte) in typed.iter_mut().take(32).enumerate() {
        if mask >> i & 1 == 1 {
            byte.make_ascii_uppercase();
        }
    }
    typed
}

/// Spellings of one tag that do not fit its record. One cache line, because every post with an
/// uncommon spelling reads and writes it.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct More {
    /// The second to the fourth if they are case masks, else [`NO_MASK`].
    masks: [u32; 3],
    /// Their counts.
    counts: [u64; 3],
    /// Occurrences of further ones.
    other: u64,
    /// The first to the fourth if they are not case masks.
    typed: Option<Box<[Box<[u8]>; 4]>>,
}

const _: () = assert!(size_of::<More>() == 64, "one cache line");

impl Default for More {
    fn default() -> Self {
        Self { masks: [NO_MASK; 3], counts: [0; 3], other: 0, typed: None }
    }
}

/// The spellings of a tag in its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The first spelling if it is a case mask, else [`NO_MASK`].
    pub(super) mask: u32,
    /// Index into [`Spellings`] plus one; 0 = nothing beyond the mask.
    pub(super) more: u32,
    /// How many are distinguished, 0 to 4.
    pub(super) count: u16,
}

/// Rows of a chunk: few, as a post may wait for the copy of one that a snapshot holds.
const CHUNK: usize = 1 << 12;

/// Spellings that do not fit the records of their tags.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    more: CowColumn<More, CHUNK>,
    /// Rows given out so far, free ones included.
    rows: u32,
    free: Vec<u32>,
}

impl Spellings {
    /// They as they are now, to be read elsewhere.
    pub(super) fn snapshot(&mut self) -> Self {
        Self { more: self.more.snapshot(), rows: self.rows, free: Vec::new() }
    }

    /// What a snapshot holds, but for the bytes of spellings that are no case masks.
    pub(super) fn held_bytes(&self) -> HeldBytes {
        self.more.held_bytes()
    }

    #[inline(always)]
    fn more(&self, known: Known) -> Option<&More> {
        known.more.checked_sub(1).map(|row| self.more.at(row))
    }

    /// Prefetches what [`Spellings::count_mask`] will read.
    #[inline(always)]
    pub(super) fn prefetch(&self, known: Known) {
        if let Some(more) = self.more(known) {
            prefetch(more);
        }
    }

    /// Counts an occurrence of a case mask that is not the first and returns its number; `None` if
    /// it is unknown.
    #[inline(always)]
    pub(super) fn count_mask(&mut self, known: Known, mask: u32) -> Option<u8> {
        let more = self.more.at_mut(known.more.checked_sub(1)?);
        // At most one is equal. Which one is unpredictable, so it must not be a branch.
        let [a, b, c] = more.masks.map(|other| usize::from(other == mask));
        let number = a + 2 * b + 3 * c;
        *more.counts.get_mut(number.wrapping_sub(1))? += 1;
        Some(number as u8)
    }

    /// Number of the spelling of `entry` among those known.
    pub(super) fn position(&self, known: Known, entry: &Entry, arena: &[u8]) -> Option<u8> {
        let is_mask = entry.flags & Entry::SPELL_BYTES == 0;
        if is_mask && known.count > 0 && entry.spelling == known.mask {
            return Some(0);
        }
        let more = self.more(known)?;
        let position = if is_mask {
            more.masks.iter().position(|&mask| mask == entry.spelling).map(|at| at + 1)
        } else {
            let typed = entry.spelling_bytes(arena);
            more.typed.as_ref()?.iter().position(|other| **other == *typed)
        };
        position.map(|number| number as u8)
    }

    /// Adds a spelling after those known; does nothing beyond the fourth.
    pub(super) fn add(&mut self, known: &mut Known, spelling: Spelling) {
        let number = usize::from(known.count);
        let mask = match spelling {
            _ if number > 3 => return,
            Spelling::Mask(mask) => mask,
            Spelling::Bytes(bytes) => {
                self.more_mut(known).typed.get_or_insert_default()[number] = bytes;
                NO_MASK
            }
        };
        match number.checked_sub(1) {
            None => known.mask = mask,
            Some(next) => self.more_mut(known).masks[next] = mask,
        }
        known.count += 1;
    }

    /// Adds `by` to the count of spelling `number`; the first has no count of its own.
    pub(super) fn count(&mut self, known: &mut Known, number: u8, by: i64) {
        let Some(next) = usize::from(number).checked_sub(1) else { return };
        let more = self.more_mut(known);
        let count = more.counts.get_mut(next).unwrap_or(&mut more.other);
        *count = count.saturating_add_signed(by);
    }

    /// Forgets the spellings of a removed tag.
    pub(super) fn forget(&mut self, known: Known) {
        if known.more > 0 {
            *self.more.at_mut(known.more - 1) = More::default();
            self.free.push(known.more);
        }
    }

    /// Spellings in the order of first use; counts of all but the first, then of the others.
    pub(super) fn met(&self, known: Known, key: &[u8]) -> (Vec<Vec<u8>>, Vec<u64>, u64) {
        let none = More::default();
        let more = self.more(known).unwrap_or(&none);
        let masks = std::iter::once(known.mask).chain(more.masks);
        let spelling = |(number, mask): (usize, u32)| match &more.typed {
            Some(typed) if mask == NO_MASK => typed[number].to_vec(),
            _ => with_capitals(key, mask),
        };
        let count = usize::from(known.count);
        let typed = masks.enumerate().take(count).map(spelling).collect();
        (typed, more.counts[..count.saturating_sub(1)].to_vec(), more.other)
    }

    fn more_mut(&mut self, known: &mut Known) -> &mut More {
        if known.more == 0 {
            known.more = self.free.pop().unwrap_or_else(|| {
                self.rows += 1;
                self.more.grow(self.rows as usize);
                self.rows
            });
        }
        self.more.at_mut(known.more - 1)
    }
}
