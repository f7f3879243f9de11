//! Names of tags: key -> dense id, spellings, admission and removal.
//!
//! An [`Index`] by hash points to 32-byte records with short keys inline. Lookups of a batch run in
//! four steps with prefetches between them, so that their cache misses overlap.

use std::ops::Deref;

use crate::state::extracted_batch::Entry;
use crate::state::names::{Names, Record};
use crate::state::spelling::{Known, OTHER, Spelling};
use crate::store::hash::Seed;
use crate::store::index::Index;
use tagtide_simd::prefetch;

const AHEAD: usize = 32;

/// Names of tags.
#[derive(Debug)]
pub struct Tags {
    pub(super) names: Names,
    seed: Seed,
    index: Index,
    /// Numbers of long keys given out so far, free ones included.
    long_rows: u32,
    long_free: Vec<u32>,
    free: Vec<u32>,
    admissions: u32,
    scratch: Vec<u32>,
}

/// What is read by id, by [`Names`].
impl Deref for Tags {
    type Target = Names;

    fn deref(&self) -> &Names {
        &self.names
    }
}

impl Tags {
    /// An empty table whose hash is keyed by `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            names: Names::default(),
            seed,
            index: Index::default(),
            long_rows: 0,
            long_free: Vec::new(),
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

    /// Tags that have an id.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.rows as usize - self.free.len()
    }

    /// True where no tag has an id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Admissions so far; a tag admitted later has a larger
    /// [`since`](crate::state::names::Names::since).
    #[must_use]
    pub fn admissions(&self) -> u32 {
        self.admissions
    }

    /// A checkpoint had this many admissions; numbering continues after them.
    pub fn admitted(&mut self, admissions: u32) {
        self.admissions = self.admissions.max(admissions);
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
                    prefetch(self.names.records.at(guess - 1));
                }
                found.push(guess);
            }
            for (entry, &guess) in step.iter().zip(&found).filter(|(_, guess)| **guess != 0) {
                let known = self.names.known(guess - 1);
                if entry.spelling != known.mask || entry.flags != 0 {
                    self.names.spellings.prefetch(known);
                }
            }
            for (entry, &guess) in step.iter().zip(&found) {
                let guessed = guess.checked_sub(1).and_then(|id| {
                    let record = self.names.records.at(id);
                    self.names.is_key(record, entry, arena).then(|| (id, record.known()))
                });
                let (id, known) =
                    guessed.unwrap_or_else(|| self.find_or_admit(entry, arena, &mut out.born));
                out.ids.push(id);
                let plain = entry.flags == 0 && known.count > 0;
                if plain && entry.spelling == known.mask {
                    continue;
                }
                let spellings = &mut self.names.spellings;
                match plain.then(|| spellings.count_mask(known, entry.spelling)).flatten() {
                    Some(number) => out.spelled.push((out.ids.len() as u32 - 1, number)),
                    None => self.spell((id, known), entry, arena, out),
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
        // A long key is at another place each time.
        let long = |entry: &Entry| u128::from(crc32c::crc32c(entry.long_key(arena)));
        for entry in entries {
            let mut known = self.index.matches(entry.hash);
            match known.find(|&id| self.names.is_key_of(id, entry, arena)) {
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

    /// The id of a key, and the number of one of its spellings; `None` where the key has no id.
    #[must_use]
    pub fn spelling(&self, key: &[u8], typed: &[u8]) -> Option<(u32, u8)> {
        let id = self.find(key)?;
        let known = self.spellings_met(id).0;
        let number = known.iter().position(|known| known == typed);
        Some((id, number.map_or(OTHER, |number| number as u8)))
    }

    /// Removes `ids`; they are given out again.
    pub fn remove(&mut self, ids: &[u32]) {
        let mut key = Vec::new();
        for &id in ids {
            key.clear();
            self.key(id, &mut key);
            let hash = self.seed.bytes(&key);
            self.index.remove(hash, id);
            if key.len() > 16 {
                let at = self.names.records.get(id).key as u32;
                *self.names.long.at_mut(at) = Box::default();
                self.long_free.push(at);
            }
            self.names.spellings.forget(self.names.known(id));
            *self.names.records.at_mut(id) = Record::default();
        }
        self.free.extend_from_slice(ids);
    }

    /// Admits a tag under the id and admission number that a checkpoint has;
    /// [`Tags::finish_restore`] must follow. Returns false if the id is taken: the checkpoint
    /// contradicts itself.
    #[must_use]
    pub fn restore(&mut self, id: u32, key: &[u8], since: u32) -> bool {
        if self.is_live(id) || key.is_empty() || key.len() > u16::MAX as usize {
            return false;
        }
        self.names.rows = self.names.rows.max(id + 1);
        self.names.records.grow(self.names.rows as usize);
        self.write(id, key);
        self.names.records.at_mut(id).since = since;
        self.admissions = self.admissions.max(since);
        true
    }

    /// Finds the free ids after a checkpoint was read, and builds the index in its final size.
    /// Returns false if two tags have one key.
    #[must_use]
    pub fn finish_restore(&mut self) -> bool {
        self.free = (0..self.names.rows).rev().filter(|&id| !self.is_live(id)).collect();
        let hash = |id| self.seed.bytes(self.key_bytes(id, &mut [0; 16]));
        let live = (0..self.names.rows).filter(|&id| self.is_live(id)).map(|id| (hash(id), id));
        let index = Index::build(live, |a, b| self.compare(a, b).is_eq());
        let unique = index.is_some();
        self.index = index.unwrap_or_default();
        unique
    }

    /// Adds a spelling (none = as the key) after those known; used when a checkpoint is read.
    pub fn learn(&mut self, id: u32, typed: &[u8]) {
        let mut known = self.known(id);
        if typed.is_empty() && known.count == 0 {
            // Nearly every tag: its first spelling is its key.
            (known.mask, known.count) = (0, 1);
        } else {
            let mut key = Vec::new();
            self.key(id, &mut key);
            let typed = if typed.is_empty() { &key } else { typed };
            self.names.spellings.add(&mut known, Spelling::of(&key, typed));
        }
        self.names.set_known(id, known);
    }

    /// Adds `by` to the count of spelling `number` of `id`.
    pub fn count_spelling(&mut self, id: u32, number: u8, by: i64) {
        let mut known = self.known(id);
        self.names.spellings.count(&mut known, number, by);
        self.names.set_known(id, known);
    }

    #[cold]
    fn spell(
        &mut self,
        (id, mut known): (u32, Known),
        entry: &Entry,
        arena: &[u8],
        out: &mut Interned,
    ) {
        let number = match self.names.spellings.position(known, entry, arena) {
            Some(number) => number,
            None if known.count < 4 => {
                self.names.spellings.add(&mut known, Spelling::of_entry(entry, arena));
                out.learned.push((id, known.count as u8 - 1));
                known.count as u8 - 1
            }
            None => OTHER,
        };
        if number > 0 {
            self.names.spellings.count(&mut known, number, 1);
            out.spelled.push((out.ids.len() as u32 - 1, number));
        }
        self.names.set_known(id, known);
    }

    #[cold]
    fn find_or_admit(&mut self, entry: &Entry, arena: &[u8], born: &mut Vec<u32>) -> (u32, Known) {
        let is_key = |id: &u32| self.names.is_key_of(*id, entry, arena);
        if let Some(id) = self.index.matches(entry.hash).find(is_key) {
            return (id, self.known(id));
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.names.rows += 1;
            self.names.records.grow(self.names.rows as usize);
            self.names.rows - 1
        });
        if entry.len <= 16 {
            self.write(id, &entry.key.to_le_bytes()[..entry.len as usize]);
        } else {
            self.write(id, entry.long_key(arena));
        }
        self.index.insert(entry.hash, id);
        born.push(id);
        (id, Known::default())
    }

    fn write(&mut self, id: u32, key: &[u8]) {
        let inline = if key.len() <= 16 {
            let mut bytes = [0; 16];
            bytes[..key.len()].copy_from_slice(key);
            u128::from_le_bytes(bytes)
        } else {
            let at = self.long_free.pop().unwrap_or_else(|| {
                self.long_rows += 1;
                self.names.long.grow(self.long_rows as usize);
                self.long_rows - 1
            });
            *self.names.long.at_mut(at) = key.into();
            u128::from(at)
        };
        self.admissions += 1;
        *self.names.records.at_mut(id) = Record {
            key: inline,
            since: self.admissions,
            len: key.len() as u16,
            ..Record::default()
        };
    }
}

/// The ids of a batch's entries.
#[derive(Debug, Default)]
pub struct Interned {
    /// The id of each entry.
    pub ids: Vec<u32>,
    /// Index into `ids` and number of the spelling, if it is not the first.
    pub spelled: Vec<(u32, u8)>,
    /// Ids that are new.
    pub born: Vec<u32>,
    /// Spellings that are new: id and number.
    pub learned: Vec<(u32, u8)>,
}

#[cfg(test)]
mod tests;
