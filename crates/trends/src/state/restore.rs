//! Restores a state from the pieces of a snapshot and the records after them.
//!
//! The names of tags and their counts do not depend on each other, so a long record or piece is read
//! by two threads, one for each.

mod names;

use crate::score::baselines;
use crate::score::trending::Trending;
use crate::state::checkpoint_sections::{Meta, PART, kind};
use crate::state::post_memory::PostMemory;
use crate::state::restore::names::Names;
use crate::state::{Settings, State};
use crate::store::cow_column::CowColumn;
use crate::store::hash::Seed;
use crate::store::varint::Reader;
use crate::window::restore::{CorruptSection, Part, Restore};

const CUT: CorruptSection = CorruptSection("a section ends too early");
const CONTRADICTION: CorruptSection =
    CorruptSection("a tag is told of twice or under an id that is taken");
/// From this size on a second thread pays off.
const TWO_THREADS_BYTES: usize = 128 << 10;

/// A state being restored.
#[derive(Debug)]
pub struct Restoring {
    names: Names,
    counts: Counts,
}

/// Everything except the names of tags.
#[derive(Debug)]
struct Counts {
    settings: Settings,
    ring: Restore,
    remembered: PostMemory,
    errors: CowColumn<u64>,
    trending: Vec<Trending>,
    meta: Meta,
    stamps: Stamps,
    /// Tags read so far have ids below this.
    told: u32,
    /// The record being read.
    epoch: u64,
}

/// Epoch of each part's piece; 0 = the snapshot has none.
#[derive(Debug, Default)]
struct Stamps(Vec<u64>);

impl Stamps {
    /// True if the record of `epoch` is newer than the piece of a tag.
    fn before(&self, epoch: u64, id: u32) -> bool {
        self.0.get(id as usize / PART).is_none_or(|&stamp| stamp < epoch)
    }

    /// Reads the epoch and the number of a piece.
    fn piece(&mut self, reader: &mut Reader<'_>) -> Result<(), CorruptSection> {
        let epoch = reader.get().ok_or(CUT)?;
        let number = reader.get().ok_or(CUT)? as usize;
        if number >= u32::MAX as usize / PART {
            return Err(CUT);
        }
        self.0.resize(self.0.len().max(number + 1), 0);
        self.0[number] = epoch;
        Ok(())
    }

    /// Valid ids are below this; those of tags are below `rows`. Records name tags that were no
    /// longer live when their piece was taken: no piece has them, but one covers their ids.
    fn rows(&self, rows: u32) -> u32 {
        rows.max((self.0.len() * PART) as u32)
    }
}

impl Restoring {
    /// Begins with nothing.
    #[must_use]
    pub fn new(settings: Settings, seed: Seed) -> Self {
        let empty = State::new(settings.clone(), seed);
        let counts = Counts {
            meta: empty.meta(),
            settings,
            ring: Restore::new(empty.ring),
            remembered: empty.remembered,
            errors: CowColumn::default(),
            trending: empty.trending,
            stamps: Stamps::default(),
            told: 0,
            epoch: 0,
        };
        Self { names: Names::new(empty.tags), counts }
    }

    /// Reads the sections of a record of `epoch`, or of a piece, whose epoch is 0. Unknown kinds
    /// are skipped and returned.
    ///
    /// # Errors
    /// [`CorruptSection`] if a section is malformed, with its kind.
    pub fn read<B: AsRef<[u8]> + Sync>(
        &mut self,
        epoch: u64,
        sections: &[(u16, B)],
    ) -> Result<Vec<u16>, (u16, CorruptSection)> {
        let Self { names, counts } = self;
        let mut name = || each(sections, |of, body| names.read(epoch, of, body));
        let mut count = || each(sections, |of, body| counts.read(epoch, of, body));
        let bytes: usize = sections.iter().map(|section| section.1.as_ref().len()).sum();
        let (named, counted) = if bytes < TWO_THREADS_BYTES {
            (name(), count())
        } else {
            std::thread::scope(|scope| {
                let counting = scope.spawn(count);
                let named = name();
                let panic = |panic| std::panic::resume_unwind(panic);
                (named, counting.join().unwrap_or_else(panic))
            })
        };
        let (named, counted) = match (named, counted) {
            (Ok(named), Ok(counted)) => (named, counted),
            (Err(one), Err(other)) => return Err(if other.0 < one.0 { other.1 } else { one.1 }),
            (Err(one), _) | (_, Err(one)) => return Err(one.1),
        };
        let known = named.into_iter().zip(counted).map(|(named, counted)| named || counted);
        let strange = sections.iter().zip(known).filter(|(_, known)| !known);
        Ok(strange.map(|(section, _)| section.0).collect())
    }

    /// The state as of the last record read.
    ///
    /// # Errors
    /// [`CorruptSection`] if the sections contradict each other.
    pub fn finish(self) -> Result<State, CorruptSection> {
        let (mut names, told) = (self.names, self.counts);
        let rows = told.rows();
        let (mut ring, closed_to) = (told.ring, told.meta.closed_to);
        let people = (told.meta.people_from, told.meta.joined);
        if let Some(decay) = ring.decay() {
            decay.settle(told.meta.decay);
        }
        // They are independent, and each takes half of a recovery.
        let (ring, unique) = std::thread::scope(|scope| {
            let ring = scope.spawn(move || ring.finish(closed_to, people, rows));
            let unique = names.tags.finish_restore();
            (ring.join(), unique)
        });
        if !unique {
            return Err(CONTRADICTION);
        }
        let mut state = State::new(told.settings, *names.tags.seed());
        state.ring = ring.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        state.tags = names.tags;
        state.remembered = told.remembered;
        state.counters = told.meta.counters;
        state.floor = told.meta.floor;
        // The newest may have been evicted before the snapshot; their numbers are not reused.
        state.tags.admitted(told.meta.admissions);
        state.errors = told.errors;
        for (mine, posts) in state.posts_of.iter_mut().zip(told.meta.posts_of) {
            *mine = posts;
        }
        for (source, newest) in told.meta.newest.iter().enumerate().take(state.posts_of.len()) {
            if let Some(at) = newest {
                state.marks.seen(source, *at);
            }
        }
        state.passed = told.meta.passed;
        state.trending = told.trending;
        let open_from = closed_to.saturating_add(1).saturating_mul(state.ring.pane_ms());
        for trending in &mut state.trending {
            let mut pacings = told.meta.trending.iter();
            let pacing = pacings.find(|pacing| pacing.window_ms == trending.window_ms);
            trending.settle(pacing, state.passed.map(|_| open_from));
        }
        state.grow();
        state.filter_marks.apply(&state.tags, 0..state.tags.rows());
        state.keep_waiting();
        state.pending.remembered_from = state.remembered.range().end;
        Ok(state)
    }
}

/// Reads all sections in order and returns which were known, or the place of the first corrupt one
/// and its error.
fn each<B: AsRef<[u8]>>(
    sections: &[(u16, B)],
    mut read: impl FnMut(u16, &[u8]) -> Result<bool, CorruptSection>,
) -> Result<Vec<bool>, (usize, (u16, CorruptSection))> {
    let read = |(at, (of, body)): (usize, &(u16, B))| {
        read(*of, body.as_ref()).map_err(|nonsense| (at, (*of, nonsense)))
    };
    sections.iter().enumerate().map(read).collect()
}

impl Counts {
    fn rows(&self) -> u32 {
        self.stamps.rows(self.told)
    }

    /// Reads one section; false = another kind.
    fn read(&mut self, epoch: u64, of: u16, body: &[u8]) -> Result<bool, CorruptSection> {
        let rows = self.rows();
        if epoch > self.epoch {
            self.epoch = epoch;
            self.ring.reach(epoch)?;
        }
        if of == kind::TAGS {
            self.tags(body)?;
            return Ok(true);
        }
        let Self { ring, stamps, .. } = self;
        let newer = |id| stamps.before(epoch, id);
        match of {
            kind::META => {
                let bad = |_| CorruptSection("the counters cannot be read");
                self.meta = serde_json::from_slice(body).map_err(bad)?;
                self.end(epoch);
            }
            kind::RING => {
                let mut reader = Reader::new(body);
                let epoch = reader.get().ok_or(CUT)?;
                ring.piece(epoch, reader.rest())?;
            }
            kind::BORN => self.born(epoch, body)?,
            kind::PANES => ring.delta(epoch, body, rows, newer)?,
            kind::LATE => ring.late(body, rows, newer)?,
            kind::MINUS => ring.minus(epoch, body, rows, newer)?,
            kind::ALONE => ring.alone(body)?,
            kind::CROWDS => ring.people(Part::AuthorSets(body.to_vec()))?,
            kind::CAPS => ring.people(Part::PostCaps(body.to_vec()))?,
            kind::KNOWN => ring.people(Part::Returning(body.to_vec()))?,
            kind::PEOPLE => ring.seen(epoch, body, newer)?,
            kind::LEFT => ring.left(epoch, body, newer)?,
            kind::BEYOND => ring.beyond((epoch, rows), body)?,
            kind::BEYOND_BEFORE => ring.beyond_before(body)?,
            // A piece belongs to no record and is the first to have its tags.
            kind::BASELINES => {
                baselines::read(&mut self.trending, body, rows, |id| epoch == 0 || newer(id))?;
            }
            kind::DECAY => {
                let weights = baselines::read_weights(body, rows)?;
                ring.weights(&weights, rows, |id| epoch == 0 || newer(id));
            }
            kind::FIRST => ring.first(body, rows, |id| epoch == 0 || newer(id))?,
            kind::REMEMBERED => self.remembered.read(body).ok_or(CUT)?,
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

    /// A record of `epoch`, or a snapshot, is read. What it does not contain is forgotten: a run with
    /// other settings wrote it.
    fn end(&mut self, epoch: u64) {
        if epoch == 0 {
            return;
        }
        let Self { ring, trending, meta, stamps, .. } = self;
        ring.end(meta.closed_to, meta.people_from, meta.joined.is_some());
        // Pieces of later epochs are from the same run, and newer.
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

    fn admit(&mut self, id: u32) {
        self.told = self.told.max(id.saturating_add(1));
        self.ring.grow(self.rows() as usize);
        self.ring.admitted(id);
    }

    fn born(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let id = reader.get_u32().ok_or(CUT)?;
            reader.get_u32().ok_or(CUT)?;
            let error = reader.get().ok_or(CUT)?;
            reader.get_bytes().ok_or(CUT)?;
            if self.stamps.before(epoch, id) {
                self.admit(id);
                self.ring.set_total(id, error);
                self.set_error(id, error);
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
            reader.get_u32().ok_or(CUT)?;
            reader.get_bytes().ok_or(CUT)?;
            self.admit(id);
            let total = reader.get().ok_or(CUT)?;
            let error = reader.get().ok_or(CUT)?;
            self.set_error(id, error);
            self.ring.set_total(id, total);
            names::pass_spellings(&mut reader)?;
        }
        Ok(())
    }

    fn evicted(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut ids = names::evicted(body, self.rows())?;
        let Self { ring, stamps, .. } = self;
        let newer = |id| stamps.before(epoch, id);
        ring.evict(epoch, &ids, newer);
        ids.retain(|&id| newer(id));
        ids.iter().for_each(|&id| self.set_error(id, 0));
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
    use crate::store::varint::{put, put_bytes};
    use crate::window::Shape;

    #[test]
    fn an_epoch_stands_for_all_ids_of_its_piece() {
        let windows_ms = vec![60_000];
        let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
        let settings = Settings { keep_delta: true, ..Settings::of(shape, Vec::new()) };
        let (of, ids) = (kind::TAGS, 16_384);
        let mut restoring = Restoring::new(settings, Seed::new([1; 32]));
        let mut body = Vec::new();
        put(&mut body, 7);
        put(&mut body, 1);
        assert_eq!(restoring.read(0, &[(of, body)]), Ok(Vec::new()));
        for stamps in [&restoring.counts.stamps, &restoring.names.stamps] {
            let newer = |epoch, id| stamps.before(epoch, id);
            assert_eq!(
                [newer(7, ids - 1), newer(7, ids), newer(7, 2 * ids - 1)],
                [true, false, false]
            );
            assert_eq!([newer(7, 2 * ids), newer(8, ids)], [true, true]);
        }
    }

    /// New tags, in `sections` sections.
    fn born(sections: u32) -> Vec<(u16, Vec<u8>)> {
        let section = |number| {
            let mut body = Vec::new();
            for id in number * 1_000..(number + 1) * 1_000 {
                [u64::from(id), u64::from(id) + 1, 0].iter().for_each(|&n| put(&mut body, n));
                put_bytes(&mut body, format!("tag{id}").as_bytes());
            }
            (kind::BORN, body)
        };
        (0..sections).map(section).collect()
    }

    #[test]
    fn short_or_long_the_first_bad_section_is_named_and_strange_ones_are_passed_over() {
        let windows_ms = vec![60_000];
        let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
        let settings = Settings { keep_delta: true, ..Settings::of(shape, Vec::new()) };
        for sections in [1, 30] {
            let long = born(sections).iter().map(|born| born.1.len()).sum::<usize>();
            assert_eq!(long > TWO_THREADS_BYTES, sections == 30, "{long} bytes");
            let read = |more: &[(u16, Vec<u8>)]| {
                let mut restoring = Restoring::new(settings.clone(), Seed::new([1; 32]));
                let told = restoring.read(1, &[&born(sections)[..], more].concat());
                (told, restoring.finish().map(|state| state.tags.len()))
            };
            // A count of an unknown tag, and a tag that exists already.
            let mut late = vec![0, 0, 0, 1];
            [u64::from(sections) * 1_000, 1].iter().for_each(|&n| put(&mut late, n));
            let bad = [(kind::LATE, late), (4_000, Vec::new()), born(1).remove(0)];
            let one = |at: usize| read(&bad[at..=at]).0.map_err(|error| error.0);
            assert_eq!(
                [one(0), one(1), one(2)],
                [Err(kind::LATE), Ok(vec![4_000]), Err(kind::BORN)]
            );
            let first = read(&bad).0.map_err(|error| error.0);
            let [a, b, c] = bad;
            assert_eq!(
                (first, read(&[c, b.clone(), a]).0.map_err(|e| e.0)),
                (Err(kind::LATE), Err(kind::BORN))
            );
            assert_eq!(read(&[b]).1, Ok(sections as usize * 1_000));
        }
    }
}
