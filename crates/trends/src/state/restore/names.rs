//! The names of tags: keys, ids and spellings.

use crate::state::checkpoint_sections::kind;
use crate::state::restore::{CONTRADICTION, CUT, Stamps};
use crate::state::spelling::OTHER;
use crate::state::table::Tags;
use crate::store::varint::Reader;
use crate::window::restore::CorruptSection;

/// The names of tags, being restored.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) tags: Tags,
    pub(super) stamps: Stamps,
}

impl Names {
    /// Begins with an empty table.
    pub(super) fn new(tags: Tags) -> Self {
        Self { tags, stamps: Stamps::default() }
    }

    /// Reads one section; false = another kind.
    pub(super) fn read(
        &mut self,
        epoch: u64,
        of: u16,
        body: &[u8],
    ) -> Result<bool, CorruptSection> {
        match of {
            kind::TAGS => self.tags(body)?,
            kind::BORN => self.born(epoch, body)?,
            kind::LEARNED => self.learned(epoch, body)?,
            kind::SPELLED => self.spelled(epoch, body, 1)?,
            kind::UNSPELLED => self.spelled(epoch, body, -1)?,
            kind::SPELLED_BY => self.spelled_by(epoch, body)?,
            kind::EVICTED => {
                let mut ids = evicted(body, self.stamps.rows(self.tags.rows()))?;
                ids.retain(|&id| self.stamps.before(epoch, id) && self.tags.is_live(id));
                self.tags.remove(&ids);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn admit(&mut self, id: u32, since: u32, key: &[u8]) -> Result<(), CorruptSection> {
        if self.tags.restore(id, key, since) { Ok(()) } else { Err(CONTRADICTION) }
    }

    fn born(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            let since = reader.get_u32().ok_or(CUT)?;
            reader.get().ok_or(CUT)?;
            let key = reader.get_bytes().ok_or(CUT)?;
            if self.stamps.before(epoch, id) {
                self.admit(id, since, key)?;
            }
        }
        Ok(())
    }

    fn learned(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            let typed = reader.get_bytes().ok_or(CUT)?;
            if self.stamps.before(epoch, id) && self.tags.is_live(id) {
                self.tags.learn(id, typed);
            }
        }
        Ok(())
    }

    fn spelled(&mut self, epoch: u64, body: &[u8], by: i64) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let tag = reader.get_u32().ok_or(CUT)?;
            let id = tag >> 3;
            if self.stamps.before(epoch, id) && self.tags.is_live(id) {
                self.tags.count_spelling(id, (tag & 7) as u8, by);
            }
        }
        Ok(())
    }

    fn spelled_by(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let tag = reader.get_u32().ok_or(CUT)?;
            let (id, by) = (tag >> 3, reader.get_signed().ok_or(CUT)?);
            if self.stamps.before(epoch, id) && self.tags.is_live(id) {
                self.tags.count_spelling(id, (tag & 7) as u8, by);
            }
        }
        Ok(())
    }

    /// Reads the tags of a part.
    fn tags(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        self.stamps.piece(&mut reader)?;
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            let since = reader.get_u32().ok_or(CUT)?;
            let key = reader.get_bytes().ok_or(CUT)?;
            self.admit(id, since, key)?;
            reader.get().ok_or(CUT)?;
            reader.get().ok_or(CUT)?;
            let spellings = reader.get().ok_or(CUT)?;
            for _ in 0..spellings {
                self.tags.learn(id, reader.get_bytes().ok_or(CUT)?);
            }
            for number in 1..spellings {
                let count = reader.get().ok_or(CUT)?;
                self.tags.count_spelling(id, number as u8, count as i64);
            }
            let other = reader.get().ok_or(CUT)?;
            if other > 0 {
                self.tags.count_spelling(id, OTHER, other as i64);
            }
        }
        Ok(())
    }
}

/// Skips the spellings of a tag in a piece.
pub(super) fn pass_spellings(reader: &mut Reader<'_>) -> Result<(), CorruptSection> {
    let spellings = reader.get().ok_or(CUT)?;
    for _ in 0..spellings {
        reader.get_bytes().ok_or(CUT)?;
    }
    for _ in 0..spellings.max(1) {
        reader.get().ok_or(CUT)?;
    }
    Ok(())
}

/// Ids of evicted tags, which are below `rows`.
pub(super) fn evicted(body: &[u8], rows: u32) -> Result<Vec<u32>, CorruptSection> {
    let mut reader = Reader::new(body);
    let mut ids = Vec::new();
    while !reader.is_empty() {
        ids.push(reader.get_u32().filter(|&id| id < rows).ok_or(CUT)?);
    }
    Ok(ids)
}
