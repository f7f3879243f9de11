//! Puts a state together from a snapshot's pieces and the records after them.

use crate::state::column::Column;
use crate::state::hash::Seed;
use crate::state::learned;
use crate::state::remember::{Memory, Remembered};
use crate::state::sections::{Meta, PART, kind};
use crate::state::table::Tags;
use crate::state::trending::Trending;
use crate::state::varint::Reader;
use crate::state::{Settings, State};
use crate::window::restore::{Nonsense, Restore};

const CUT: Nonsense = Nonsense("a section ends too early");
const CONTRADICTION: Nonsense = Nonsense("a tag is told of twice or under an id that is taken");

/// A state being put together.
#[derive(Debug)]
pub struct Restoring {
    settings: Settings,
    tags: Tags,
    ring: Restore,
    remembered: Remembered,
    errors: Column<u64>,
    trending: Vec<Trending>,
    meta: Meta,
    stamps: Stamps,
    /// The record being read.
    epoch: u64,
}

/// Epoch of each part's piece; 0 = the snapshot has none.
#[derive(Debug, Default)]
struct Stamps(Vec<u64>);

impl Stamps {
    /// True where what `epoch` tells of a tag is not in its piece.
    fn before(&self, epoch: u64, id: u32) -> bool {
        self.0.get(id as usize / PART).is_none_or(|&stamp| stamp < epoch)
    }
}

impl Restoring {
    /// Begins with nothing.
    #[must_use]
    pub fn new(settings: Settings, seed: Seed) -> Self {
        let empty = State::new(settings.clone(), seed);
        Self {
            settings,
            tags: empty.tags,
            ring: Restore::new(empty.ring),
            remembered: empty.remembered,
            errors: Column::default(),
            trending: empty.trending,
            meta: Meta::default(),
            stamps: Stamps::default(),
            epoch: 0,
        }
    }

    /// Ids that may be told of are below this. Records name tags that were no longer live when
    /// their piece was taken: no piece has them, but one covers their ids.
    fn rows(&self) -> u32 {
        self.tags.rows().max((self.stamps.0.len() * PART) as u32)
    }

    /// Reads one section of a record or piece of `epoch`. Kinds that are not the state's are
    /// passed over; returns false for them.
    ///
    /// # Errors
    /// [`Nonsense`] where the bytes do not hold what they should.
    pub fn read(&mut self, epoch: u64, of: u16, body: &[u8]) -> Result<bool, Nonsense> {
        let rows = self.rows();
        if epoch > self.epoch {
            self.epoch = epoch;
            self.ring.reach(epoch)?;
        }
        let Self { ring, stamps, .. } = self;
        let newer = |id| stamps.before(epoch, id);
        match of {
            kind::META => {
                let bad = |_| Nonsense("the counters cannot be read");
                self.meta = serde_json::from_slice(body).map_err(bad)?;
                self.end(epoch);
            }
            kind::TAGS => self.tags(body, 1)?,
            kind::TAGS_65536 => self.tags(body, (1 << 16) / PART)?,
            kind::RING => {
                let mut reader = Reader::new(body);
                let epoch = reader.get().ok_or(CUT)?;
                ring.piece(epoch, reader.rest())?;
            }
            kind::BORN => self.born(epoch, body)?,
            kind::LEARNED => self.learned(epoch, body)?,
            kind::SPELLED => self.spelled(epoch, body, 1)?,
            kind::UNSPELLED => self.spelled(epoch, body, -1)?,
            kind::PANES => ring.delta(epoch, body, rows, newer)?,
            kind::LATE => ring.late(body, rows, newer)?,
            kind::MINUS => ring.minus(epoch, body, rows, newer)?,
            kind::ALONE => ring.alone(body)?,
            kind::CROWDS => ring.crowds(body)?,
            kind::KNOWN => ring.known(body)?,
            kind::PEOPLE => ring.seen(epoch, body, newer)?,
            kind::LEFT => ring.left(epoch, body, newer)?,
            kind::CAPPED => ring.beyond((epoch, rows), body, false)?,
            kind::BEYOND => ring.beyond((epoch, rows), body, true)?,
            kind::BEYOND_BEFORE => ring.beyond_before(body)?,
            // A piece, which is of no record, is the first to tell of its tags.
            kind::BASELINES => {
                learned::read(&mut self.trending, body, rows, |id| epoch == 0 || newer(id))?;
            }
            kind::DECAY => {
                let weights = learned::read_weights(body, rows)?;
                ring.weights(&weights, rows, |id| epoch == 0 || newer(id));
            }
            kind::FIRST => ring.first(body, rows, |id| epoch == 0 || newer(id))?,
            kind::REMEMBERED => self.remembered(body)?,
            kind::GONE => {
                let mut reader = Reader::new(body);
                while !reader.is_empty() {
                    self.remembered.mark_gone(reader.get().ok_or(CUT)?);
                }
            }
            kind::EVICTED => self.evicted(epoch, body)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A record of `epoch`, or a snapshot, is read. What it does not keep is forgotten: a run with
    /// other settings wrote it.
    fn end(&mut self, epoch: u64) {
        if epoch == 0 {
            return;
        }
        let Self { ring, trending, meta, stamps, .. } = self;
        ring.end(meta.closed_to, meta.people_from, meta.joined.is_some());
        // Pieces of later epochs are of the same run, and ahead of it.
        if stamps.0.iter().any(|&stamp| stamp >= epoch) {
            return;
        }
        if let Some(decay) = ring.decay() {
            decay.settle(meta.decay);
        }
        for trending in trending {
            if !meta.trending.iter().any(|told| told.window_ms == trending.window_ms) {
                trending.forget_all();
            }
        }
    }

    /// The state as of the last record read.
    ///
    /// # Errors
    /// [`Nonsense`] where the sections do not fit together.
    pub fn finish(mut self) -> Result<State, Nonsense> {
        let rows = self.rows();
        let (mut ring, closed_to) = (self.ring, self.meta.closed_to);
        let people = (self.meta.people_from, self.meta.joined);
        if let Some(decay) = ring.decay() {
            decay.settle(self.meta.decay);
        }
        // Neither needs the other, and each takes half of a recovery.
        let (ring, unique) = std::thread::scope(|scope| {
            let ring = scope.spawn(move || ring.finish(closed_to, people, rows));
            let unique = self.tags.finish_restore();
            (ring.join(), unique)
        });
        if !unique {
            return Err(CONTRADICTION);
        }
        let mut state = State::new(self.settings, *self.tags.seed());
        state.ring = ring.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        state.tags = self.tags;
        state.remembered = self.remembered;
        state.counters = self.meta.counters;
        state.floor = self.meta.floor;
        // The newest may have given way before the snapshot; their numbers are not given again.
        state.tags.admitted(self.meta.admissions);
        state.errors = self.errors;
        for (mine, told) in state.posts_of.iter_mut().zip(self.meta.posts_of) {
            *mine = told;
        }
        for (source, newest) in self.meta.newest.iter().enumerate().take(state.posts_of.len()) {
            if let Some(at) = newest {
                state.marks.seen(source, *at);
            }
        }
        state.passed = self.meta.passed;
        state.trending = self.trending;
        let open_from = closed_to.saturating_add(1).saturating_mul(state.ring.pane_ms());
        for trending in &mut state.trending {
            let mut told = self.meta.trending.iter();
            let told = told.find(|told| told.window_ms == trending.window_ms);
            trending.settle(told, state.passed.map(|_| open_from));
        }
        state.grow();
        let State { tags, ring, .. } = &mut state;
        ring.go_on_waiting((0..tags.rows()).filter(|&id| tags.is_live(id)));
        state.news.remembered_from = state.remembered.range().end;
        Ok(state)
    }

    fn admit(&mut self, id: u32, since: u32, key: &[u8]) -> Result<(), Nonsense> {
        if !self.tags.restore(id, key, since) {
            return Err(CONTRADICTION);
        }
        self.ring.grow(self.rows() as usize);
        self.ring.admitted(id);
        Ok(())
    }

    fn born(&mut self, epoch: u64, body: &[u8]) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            let since = reader.get_u32().ok_or(CUT)?;
            let error = reader.get().ok_or(CUT)?;
            let key = reader.get_bytes().ok_or(CUT)?;
            if self.stamps.before(epoch, id) {
                self.admit(id, since, key)?;
                self.ring.set_total(id, error);
                self.set_error(id, error);
            }
        }
        Ok(())
    }

    fn learned(&mut self, epoch: u64, body: &[u8]) -> Result<(), Nonsense> {
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

    fn spelled(&mut self, epoch: u64, body: &[u8], by: i64) -> Result<(), Nonsense> {
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

    /// Reads the tags of so many parts, which are of one epoch.
    fn tags(&mut self, body: &[u8], parts: usize) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        let epoch = reader.get().ok_or(CUT)?;
        let number = reader.get().ok_or(CUT)? as usize;
        if number >= u32::MAX as usize / (PART * parts) {
            return Err(CUT);
        }
        let (stamps, first) = (&mut self.stamps.0, number * parts);
        stamps.resize(stamps.len().max(first + parts), 0);
        stamps[first..first + parts].fill(epoch);
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            let since = reader.get_u32().ok_or(CUT)?;
            let key = reader.get_bytes().ok_or(CUT)?;
            self.admit(id, since, key)?;
            let total = reader.get().ok_or(CUT)?;
            let error = reader.get().ok_or(CUT)?;
            self.set_error(id, error);
            self.ring.set_total(id, total);
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
                self.tags.count_spelling(id, crate::state::spelling::OTHER, other as i64);
            }
        }
        Ok(())
    }

    fn remembered(&mut self, body: &[u8]) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        let mut number = reader.get().ok_or(CUT)?;
        if number > self.remembered.range().end {
            // What lay between was remembered and forgotten within one epoch.
            self.remembered.forget_all();
            self.remembered.number_from(number);
        }
        let mut tags = Vec::new();
        while !reader.is_empty() {
            let id = reader.get_fixed().ok_or(CUT)?;
            let alias = reader.get().ok_or(CUT)?;
            let dedup = reader.get().ok_or(CUT)?;
            let author = reader.get_fixed().ok_or(CUT)?;
            let at = reader.get_signed().ok_or(CUT)?;
            let seen = reader.get_signed().ok_or(CUT)?;
            let admissions = reader.get_u32().ok_or(CUT)?;
            let gone = reader.get().ok_or(CUT)?;
            let (gone, left) = (gone > 0, gone > 1);
            tags.clear();
            for _ in 0..reader.get().ok_or(CUT)? {
                tags.push(reader.get_u32().ok_or(CUT)?);
            }
            if number == self.remembered.range().end {
                let dedup = if dedup == 0 { id } else { dedup };
                let named = Memory { id, alias, dedup, author, ..Memory::default() };
                let post = Memory { at, seen, admissions, gone, left, ..named };
                self.remembered.add(post, tags.iter().copied());
            }
            number += 1;
        }
        Ok(())
    }

    fn evicted(&mut self, epoch: u64, body: &[u8]) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        let mut ids = Vec::new();
        while !reader.is_empty() {
            ids.push(reader.get_u32().filter(|&id| id < self.rows()).ok_or(CUT)?);
        }
        let Self { ring, stamps, .. } = self;
        let newer = |id| stamps.before(epoch, id);
        ring.evict(epoch, &ids, newer);
        ids.retain(|&id| newer(id) && self.tags.is_live(id));
        ids.iter().for_each(|&id| self.set_error(id, 0));
        self.tags.remove(&ids);
        Ok(())
    }

    fn set_error(&mut self, id: u32, error: u64) {
        if error > 0 || (id as usize) < self.errors.rows() {
            self.errors.grow(id as usize + 1);
            *self.errors.at_mut(id) = error;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::varint::put;
    use crate::window::Shape;

    #[test]
    fn an_epoch_stands_for_all_ids_of_its_piece() {
        let windows_ms = vec![60_000];
        let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
        let settings = Settings { keep_delta: true, ..Settings::of(shape, Vec::new()) };
        for (of, ids) in [(kind::TAGS, 16_384), (kind::TAGS_65536, 65_536)] {
            let mut restoring = Restoring::new(settings.clone(), Seed::new([1; 32]));
            let mut body = Vec::new();
            put(&mut body, 7);
            put(&mut body, 1);
            assert_eq!(restoring.read(0, of, &body), Ok(true));
            let newer = |epoch, id| restoring.stamps.before(epoch, id);
            assert_eq!(
                [newer(7, ids - 1), newer(7, ids), newer(7, 2 * ids - 1)],
                [true, false, false]
            );
            assert_eq!([newer(7, 2 * ids), newer(8, ids)], [true, true], "{of}");
        }
    }
}
