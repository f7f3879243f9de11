//! Spellings of tags.
//!
//! Up to four spellings a tag are told apart and counted, in the order they were met. Most tags
//! have one; its count is what no other spelling took of the tag's total, so it costs nothing.

use crate::state::extracted::{Entry, NO_MASK, case_mask};

/// Number of a spelling beyond the fourth: counted, not told apart.
pub(super) const OTHER: u8 = 4;

/// One spelling, in the one form that its tag allows.
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

    fn is(&self, entry: &Entry, arena: &[u8]) -> bool {
        match self {
            Self::Mask(mask) => entry.flags == 0 && entry.spelling == *mask,
            Self::Bytes(bytes) => {
                entry.flags & Entry::SPELL_BYTES != 0 && **bytes == *entry.spelling_bytes(arena)
            }
        }
    }

    fn typed(&self, key: &[u8]) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Mask(mask) => {
                let mut typed = key.to_vec();
                for (i, byte) in typed.iter_mut().take(32).enumerate() {
                    if mask >> i & 1 == 1 {
                        byte.make_ascii_uppercase();
                    }
                }
                typed
            }
        }
    }
}

/// Spellings of one tag that do not fit its record.
#[derive(Debug, Default)]
struct More {
    /// The first spelling where it is no case mask.
    first: Option<Spelling>,
    /// The second to the fourth, with their counts.
    next: Vec<(Spelling, u64)>,
    /// Occurrences of further ones.
    other: u64,
}

/// What a tag's record says of its spellings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The first spelling where it is a case mask, else [`NO_MASK`].
    pub(super) mask: u32,
    /// Index into [`Spellings`] plus one; 0 = nothing beyond the mask.
    pub(super) more: u32,
    /// How many are told apart, 0 to 4.
    pub(super) count: u16,
}

/// Spellings of all tags, as far as they do not fit the tags' records.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    more: Vec<More>,
    free: Vec<u32>,
}

impl Spellings {
    /// Number of the spelling of `entry` among those known.
    pub(super) fn position(&self, known: Known, entry: &Entry, arena: &[u8]) -> Option<u8> {
        if known.count > 0 && entry.flags == 0 && entry.spelling == known.mask {
            return Some(0);
        }
        let more = self.more.get(known.more.wrapping_sub(1) as usize)?;
        if more.first.as_ref().is_some_and(|first| first.is(entry, arena)) {
            return Some(0);
        }
        let next = more.next.iter().position(|(spelling, _)| spelling.is(entry, arena))?;
        Some(next as u8 + 1)
    }

    /// Adds a spelling after those known; does nothing beyond the fourth.
    pub(super) fn add(&mut self, known: &mut Known, spelling: Spelling) {
        match (known.count, spelling) {
            (0, Spelling::Mask(mask)) => known.mask = mask,
            (0, bytes) => {
                known.mask = NO_MASK;
                self.more_mut(known).first = Some(bytes);
            }
            (1..4, spelling) => self.more_mut(known).next.push((spelling, 0)),
            _ => return,
        }
        known.count += 1;
    }

    /// Adds `by` to the count of spelling `number`; the first has no count of its own.
    pub(super) fn count(&mut self, known: &mut Known, number: u8, by: i64) {
        if number == 0 {
            return;
        }
        let more = self.more_mut(known);
        let count = match more.next.get_mut(number as usize - 1) {
            Some((_, count)) => count,
            None => &mut more.other,
        };
        *count = count.saturating_add_signed(by);
    }

    /// Forgets the spellings of a tag that is taken out.
    pub(super) fn forget(&mut self, known: Known) {
        if known.more > 0 {
            self.more[known.more as usize - 1] = More::default();
            self.free.push(known.more);
        }
    }

    /// Spellings in the order they were met; counts of all but the first, then of the others.
    pub(super) fn met(&self, known: Known, key: &[u8]) -> (Vec<Vec<u8>>, Vec<u64>, u64) {
        let mut typed = Vec::new();
        let more = self.more.get(known.more.wrapping_sub(1) as usize);
        if known.count > 0 {
            let first = more.and_then(|more| more.first.clone());
            typed.push(first.unwrap_or(Spelling::Mask(known.mask)).typed(key));
        }
        let Some(more) = more else { return (typed, Vec::new(), 0) };
        typed.extend(more.next.iter().map(|(spelling, _)| spelling.typed(key)));
        (typed, more.next.iter().map(|(_, count)| *count).collect(), more.other)
    }

    fn more_mut(&mut self, known: &mut Known) -> &mut More {
        if known.more == 0 {
            known.more = self.free.pop().unwrap_or_else(|| {
                self.more.push(More::default());
                self.more.len() as u32
            });
        }
        &mut self.more[known.more as usize - 1]
    }
}
