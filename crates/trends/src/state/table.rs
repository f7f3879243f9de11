//! Names of tags: key -> dense id, spellings, admission and removal.
//!
//! An [`Index`] by hash points to 32-byte records with short keys inline. Lookups of a batch run in
//! four steps with prefetches between them, so that their cache misses overlap.

use std::cmp::Ordering;

use crate::state::extracted_batch::Entry;
use crate::state::spelling::{Known, OTHER, Spelling, Spellings};
use crate::store::column::Column;
use crate::store::hash::Seed;
use crate::store::index::Index;
use tagtide_simd::prefetch;

const AHEAD: usize = 32;

/// Name of one tag.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// The key up to 16 bytes; index into `long` beyond.
    key: u128,
    /// See [`Known::mask`].
    mask: u32,
    /// See [`Known::more`].
    more: u32,
    /// Number of admissions when it was admitted; tells a tag from the one that had its id before.
    since: u32,
    /// Length of the key in bytes; 0 = free.
    len: u16,
    /// See [`Known::count`].
    spellings: u16,
}

const _: () = assert!(size_of::<Record>() == 32, "two records a cache line");

impl Record {
    fn known(&self) -> Known {
        Known { mask: self.mask, more: self.more, count: self.spellings }
    }

    fn set_known(&mut self, known: Known) {
        (self.mask, self.more, self.spellings) = (known.mask, known.more, known.count);
    }
}

/// Names of tags.
#[derive(Debug)]
pub struct Tags {
    seed: Seed,
    index: Index,
    records: Column<Record>,
    long: Vec<Box<[u8]>>,
    long_free: Vec<u32>,
    spellings: Spellings,
    /// Ids given out so far, free ones included.
    rows: u32,
    free: Vec<u32>,
    admissions: u32,
    scratch: Vec<u32>,
}

impl Tags {
    /// An empty table whose hash is keyed by `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            index: Index::default(),
            records: Column::default(),
            long: Vec::new(),
            long_free: Vec::new(),
            spellings: Spellings::default(),
            rows: 0,
            free: Vec::new(),
            admissions: 0,
            scratch: Vec::new(),
        }
    }

    /// Key of the hash.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// Ids given out so far, free ones included: columns need as many rows.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Tags that have an id.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows as usize - self.free.len()
    }

    /// True where no tag has an id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Admissions so far; a tag admitted later has a larger [`Tags::since`].
    #[must_use]
    pub fn admissions(&self) -> u32 {
        self.admissions
    }

    /// So many admissions were told of by a checkpoint; numbers go on after them.
    pub fn admitted(&mut self, admissions: u32) {
        self.admissions = self.admissions.max(admissions);
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

    /// Finds or admits the tag of each entry.
    pub fn intern(&mut self, entries: &[Entry], arena: &[u8], out: &mut Interned) {
        let mut found = std::mem::take(&mut self.scratch);
        for step in entries.chunks(AHEAD) {
            for entry in step {
                self.index.prefetch(entry.hash);
            }
            found.clear();
            for entry in step {
                // Id plus one; 0 = none.
                let guess = self.index.matches(entry.hash).next().map_or(0, |id| id + 1);
                if guess != 0 {
                    prefetch(self.records.at(guess - 1));
                }
                found.push(guess);
            }
            for (entry, &guess) in step.iter().zip(&found).filter(|(_, guess)| **guess != 0) {
                let record = self.records.at(guess - 1);
                if entry.spelling != record.mask || entry.flags != 0 {
                    self.spellings.prefetch(record.known());
                }
            }
            for (entry, &guess) in step.iter().zip(&found) {
                let id = if guess != 0 && self.is_key(guess - 1, entry, arena) {
                    guess - 1
                } else {
                    self.find_or_admit(entry, arena, &mut out.born)
                };
                out.ids.push(id);
                let record = self.records.at(id);
                let plain = entry.flags == 0 && record.spellings > 0;
                if plain && entry.spelling == record.mask {
                    continue;
                }
                let known = record.known();
                match plain.then(|| self.spellings.count_mask(known, entry.spelling)).flatten() {
                    Some(number) => out.spelled.push((out.ids.len() as u32 - 1, number)),
                    None => self.spell(id, entry, arena, out),
                }
            }
        }
        self.scratch = found;
    }

    /// The ids of those tags among the entries that have one, ascending, and the number of the
    /// others.
    #[must_use]
    pub fn look_up(&self, entries: &[Entry], arena: &[u8]) -> (Vec<u32>, usize) {
        let (mut ids, mut unknown) = (Vec::new(), Vec::new());
        // A long key stands somewhere else each time.
        let long = |entry: &Entry| u128::from(crc32c::crc32c(entry.long_key(arena)));
        for entry in entries {
            let mut known = self.index.matches(entry.hash);
            match known.find(|&id| self.is_key(id, entry, arena)) {
                Some(id) => ids.push(id),
                None => {
                    let key = if entry.len <= 16 { entry.key } else { long(entry) };
                    unknown.push((entry.hash, key, entry.len));
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        unknown.sort_unstable();
        unknown.dedup();
        (ids, unknown.len())
    }

    /// The id of a key, if it has one.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.seed.bytes(key);
        self.index.matches(hash).find(|&id| self.has_key(id, key))
    }

    fn has_key(&self, id: u32, key: &[u8]) -> bool {
        let record = self.records.at(id);
        record.len as usize == key.len()
            && if key.len() <= 16 {
                record.key.to_le_bytes()[..key.len()] == *key
            } else {
                *self.long[record.key as usize] == *key
            }
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
            return &self.long[record.key as usize];
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
        let mut key = Vec::new();
        self.key(id, &mut key);
        String::from_utf8_lossy(&key).into_owned()
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

    /// The id of a key, and the number of one of its spellings; `None` where the key has no id.
    #[must_use]
    pub fn spelling(&self, key: &[u8], typed: &[u8]) -> Option<(u32, u8)> {
        let id = self.find(key)?;
        let known = self.spellings_met(id).0;
        let number = known.iter().position(|known| known == typed);
        Some((id, number.map_or(OTHER, |number| number as u8)))
    }

    /// Takes `ids` out; their ids are given out again.
    pub fn remove(&mut self, ids: &[u32]) {
        let mut key = Vec::new();
        for &id in ids {
            key.clear();
            self.key(id, &mut key);
            let hash = self.seed.bytes(&key);
            self.index.remove(hash, id);
            if key.len() > 16 {
                let at = self.records.get(id).key as u32;
                self.long[at as usize] = Box::default();
                self.long_free.push(at);
            }
            self.spellings.forget(self.records.at(id).known());
            *self.records.at_mut(id) = Record::default();
        }
        self.free.extend_from_slice(ids);
    }

    /// Admits a tag under a given id and admission number, as a checkpoint tells it;
    /// [`Tags::finish_restore`] must follow. Returns false where the id is taken: the checkpoint
    /// contradicts itself.
    #[must_use]
    pub fn restore(&mut self, id: u32, key: &[u8], since: u32) -> bool {
        if self.is_live(id) || key.is_empty() || key.len() > u16::MAX as usize {
            return false;
        }
        self.rows = self.rows.max(id + 1);
        self.records.grow(self.rows as usize);
        self.write(id, key);
        self.records.at_mut(id).since = since;
        self.admissions = self.admissions.max(since);
        true
    }

    /// Finds the ids that are free after a checkpoint was read, and builds the index, at once and
    /// in its final size. Returns false where two tags have one key.
    #[must_use]
    pub fn finish_restore(&mut self) -> bool {
        self.free = (0..self.rows).rev().filter(|&id| !self.is_live(id)).collect();
        let hash = |id| self.seed.bytes(self.key_bytes(id, &mut [0; 16]));
        let live = (0..self.rows).filter(|&id| self.is_live(id)).map(|id| (hash(id), id));
        let index = Index::build(live, |a, b| self.compare(a, b).is_eq());
        let unique = index.is_some();
        self.index = index.unwrap_or_default();
        unique
    }

    /// True where the one spelling met is the key itself.
    #[must_use]
    pub fn is_plain(&self, id: u32) -> bool {
        let record = self.records.at(id);
        record.spellings == 1 && record.mask == 0 && record.more == 0
    }

    /// Adds a spelling (none = as the key) after those known; used when a checkpoint is read.
    pub fn learn(&mut self, id: u32, typed: &[u8]) {
        let record = self.records.at_mut(id);
        if typed.is_empty() && record.spellings == 0 {
            // Nearly every tag: first met as its key.
            (record.mask, record.spellings) = (0, 1);
            return;
        }
        let mut key = Vec::new();
        self.key(id, &mut key);
        let record = self.records.at_mut(id);
        let mut known = record.known();
        let typed = if typed.is_empty() { &key } else { typed };
        self.spellings.add(&mut known, Spelling::of(&key, typed));
        record.set_known(known);
    }

    /// Adds `by` to the count of spelling `number` of `id`.
    pub fn count_spelling(&mut self, id: u32, number: u8, by: i64) {
        let record = self.records.at_mut(id);
        let mut known = record.known();
        self.spellings.count(&mut known, number, by);
        record.set_known(known);
    }

    /// The spellings of `id` in the order they were met, the counts of all but the first, and the
    /// count of those that are not told apart.
    #[must_use]
    pub fn spellings_met(&self, id: u32) -> (Vec<Vec<u8>>, Vec<u64>, u64) {
        let mut key = Vec::new();
        self.key(id, &mut key);
        self.spellings.met(self.records.at(id).known(), &key)
    }

    #[cold]
    fn spell(&mut self, id: u32, entry: &Entry, arena: &[u8], out: &mut Interned) {
        let record = self.records.at_mut(id);
        let mut known = record.known();
        let number = match self.spellings.position(known, entry, arena) {
            Some(number) => number,
            None if known.count < 4 => {
                self.spellings.add(&mut known, Spelling::of_entry(entry, arena));
                out.learned.push((id, known.count as u8 - 1));
                known.count as u8 - 1
            }
            None => OTHER,
        };
        if number > 0 {
            self.spellings.count(&mut known, number, 1);
            out.spelled.push((out.ids.len() as u32 - 1, number));
        }
        record.set_known(known);
    }

    fn is_key(&self, id: u32, entry: &Entry, arena: &[u8]) -> bool {
        let record = self.records.at(id);
        record.len == entry.len
            && if entry.len <= 16 {
                record.key == entry.key
            } else {
                *self.long[record.key as usize] == *entry.long_key(arena)
            }
    }

    #[cold]
    fn find_or_admit(&mut self, entry: &Entry, arena: &[u8], born: &mut Vec<u32>) -> u32 {
        if let Some(id) = self.index.matches(entry.hash).find(|&id| self.is_key(id, entry, arena)) {
            return id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.rows += 1;
            self.records.grow(self.rows as usize);
            self.rows - 1
        });
        if entry.len <= 16 {
            self.write(id, &entry.key.to_le_bytes()[..entry.len as usize]);
        } else {
            self.write(id, entry.long_key(arena));
        }
        self.index.insert(entry.hash, id);
        born.push(id);
        id
    }

    fn write(&mut self, id: u32, key: &[u8]) {
        let inline = if key.len() <= 16 {
            let mut bytes = [0; 16];
            bytes[..key.len()].copy_from_slice(key);
            u128::from_le_bytes(bytes)
        } else if let Some(at) = self.long_free.pop() {
            self.long[at as usize] = key.into();
            u128::from(at)
        } else {
            self.long.push(key.into());
            (self.long.len() - 1) as u128
        };
        self.admissions += 1;
        *self.records.at_mut(id) = Record {
            key: inline,
            since: self.admissions,
            len: key.len() as u16,
            ..Record::default()
        };
    }
}

/// What became of a batch's entries.
#[derive(Debug, Default)]
pub struct Interned {
    /// The id of each entry.
    pub ids: Vec<u32>,
    /// Index into `ids` and number of the spelling, where it is not the first.
    pub spelled: Vec<(u32, u8)>,
    /// Ids that are new.
    pub born: Vec<u32>,
    /// Spellings that are new: id and number.
    pub learned: Vec<(u32, u8)>,
}

#[cfg(test)]
mod tests;
