//! What is read of tags by id: keys and spellings.
//!
//! 32-byte records with short keys inline. [`Tags`](crate::state::table::Tags) writes them, and a
//! snapshot of the columns reads them as they were.

use std::cmp::Ordering;

use crate::state::extracted_batch::Entry;
use crate::state::spelling::{Known, Spellings};
use crate::store::cow_column::{CowColumn, HeldBytes};

/// Records of a chunk, and long keys: so few that one post does not wait for the copy of a chunk
/// that a snapshot holds.
const RECORDS: usize = 1 << 13;
const LONG: usize = 1 << 10;

/// Name of one tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// The key up to 16 bytes; number of a long key beyond.
    pub(super) key: u128,
    /// See [`Known::mask`].
    pub(super) mask: u32,
    /// See [`Known::more`].
    pub(super) more: u32,
    /// Number of admissions when it was admitted; tells a tag from the one that had its id before.
    pub(super) since: u32,
    /// Length of the key in bytes; 0 = free.
    pub(super) len: u16,
    /// See [`Known::count`].
    pub(super) spellings: u16,
}

const _: () = assert!(size_of::<Record>() == 32, "two records a cache line");

impl Record {
    #[inline(always)]
    pub(super) fn known(&self) -> Known {
        Known { mask: self.mask, more: self.more, count: self.spellings }
    }

    /// True where the one spelling met is the key itself.
    pub(super) fn is_plain(&self) -> bool {
        self.spellings == 1 && self.mask == 0 && self.more == 0
    }
}

/// Names of tags by id.
#[derive(Debug, Default)]
pub struct Names {
    pub(super) records: CowColumn<Record, RECORDS>,
    /// Keys of more than 16 bytes.
    pub(super) long: CowColumn<Box<[u8]>, LONG>,
    pub(super) spellings: Spellings,
    /// Ids given out so far, free ones included.
    pub(super) rows: u32,
}

impl Names {
    /// Names as they are now, to be read elsewhere.
    pub(super) fn snapshot(&mut self) -> Self {
        Self {
            records: self.records.snapshot(),
            long: self.long.snapshot(),
            spellings: self.spellings.snapshot(),
            rows: self.rows,
        }
    }

    /// What a snapshot holds, but for the bytes of long keys and of odd spellings.
    pub(super) fn held_bytes(&self) -> HeldBytes {
        self.records.held_bytes() + self.long.held_bytes() + self.spellings.held_bytes()
    }

    /// Ids given out so far, free ones included: columns need as many rows.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The admission number of a tag.
    #[must_use]
    pub fn since(&self, id: u32) -> u32 {
        self.records.get(id).since
    }

    /// True where `id` names a tag now.
    #[must_use]
    pub fn is_live(&self, id: u32) -> bool {
        id < self.rows && self.records.get(id).len > 0
    }

    /// True where the tag `id` has this key.
    #[must_use]
    pub fn has_key(&self, id: u32, key: &[u8]) -> bool {
        self.key_bytes(id, &mut [0; 16]) == key
    }

    /// Appends the key of `id` to `out`.
    pub fn key(&self, id: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(self.key_bytes(id, &mut [0; 16]));
    }

    /// The key of `id`, in `short` where it is.
    #[must_use]
    pub fn key_bytes<'a>(&'a self, id: u32, short: &'a mut [u8; 16]) -> &'a [u8] {
        let record = self.records.at(id);
        let len = record.len as usize;
        if len > 16 {
            return self.long.at(record.key as u32);
        }
        *short = record.key.to_le_bytes();
        &short[..len]
    }

    /// The order of two tags' keys, by bytes.
    #[must_use]
    pub fn compare(&self, a: u32, b: u32) -> Ordering {
        self.key_bytes(a, &mut [0; 16]).cmp(self.key_bytes(b, &mut [0; 16]))
    }

    /// The key of `id`; keys are valid UTF-8 unless the words rule met invalid bytes.
    #[must_use]
    pub fn key_string(&self, id: u32) -> String {
        String::from_utf8_lossy(self.key_bytes(id, &mut [0; 16])).into_owned()
    }

    /// Spellings with their counts, commonest first, ties by smaller bytes; `total` is the count
    /// of the tag, of which the first spelling has what no other took.
    #[must_use]
    pub fn spellings(&self, id: u32, total: u64) -> Vec<(String, u64)> {
        let (typed, counts, other) = self.spellings_met(id);
        let first = total.saturating_sub(counts.iter().sum::<u64>() + other);
        let mut list: Vec<_> =
            typed.into_iter().zip(std::iter::once(first).chain(counts)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list.into_iter().map(|(s, n)| (String::from_utf8_lossy(&s).into_owned(), n)).collect()
    }

    /// The commonest spelling of `id`, as [`Names::spellings`] has it first.
    #[must_use]
    pub fn display(&self, id: u32, total: u64) -> String {
        // Nearly every tag was only ever typed as its key.
        if self.records.at(id).is_plain() {
            return self.key_string(id);
        }
        let typed = self.spellings(id, total).into_iter().next();
        typed.map_or_else(|| self.key_string(id), |(typed, _)| typed)
    }

    /// True where the one spelling met is the key itself.
    #[must_use]
    pub fn is_plain(&self, id: u32) -> bool {
        self.records.at(id).is_plain()
    }

    /// The spellings of `id` in the order they were met, the counts of all but the first, and the
    /// count of those that are not told apart.
    #[must_use]
    pub fn spellings_met(&self, id: u32) -> (Vec<Vec<u8>>, Vec<u64>, u64) {
        let mut short = [0; 16];
        self.spellings.met(self.known(id), self.key_bytes(id, &mut short))
    }

    #[inline(always)]
    pub(super) fn known(&self, id: u32) -> Known {
        self.records.at(id).known()
    }

    /// Writes only what has changed: a chunk that a snapshot holds is copied for it.
    pub(super) fn set_known(&mut self, id: u32, known: Known) {
        if known != self.known(id) {
            let record = self.records.at_mut(id);
            (record.mask, record.more, record.spellings) = (known.mask, known.more, known.count);
        }
    }

    /// True where the tag `id` has the key of an entry.
    pub(super) fn is_key_of(&self, id: u32, entry: &Entry, arena: &[u8]) -> bool {
        self.is_key(self.records.at(id), entry, arena)
    }

    /// True where a tag's record has the key of an entry.
    #[inline(always)]
    pub(super) fn is_key(&self, record: &Record, entry: &Entry, arena: &[u8]) -> bool {
        record.len == entry.len
            && if entry.len <= 16 {
                record.key == entry.key
            } else {
                **self.long.at(record.key as u32) == *entry.long_key(arena)
            }
    }
}
