//! Rebuilds a ring from a snapshot's pieces and the deltas after them.
//!
//! Pieces are taken at different epochs, so each has its epoch, and a delta counts for a pane (or a
//! tag's total) only if its epoch is later.

mod authors;
mod counted;
mod parts;

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::store::column::Column;
use crate::store::varint::Reader;
use crate::window::counted::Counted;
use crate::window::decay::{Decay, Weights};
use crate::window::pane::{ClosedPane, OpenPane, Pair};
pub use crate::window::restore::authors::Part;
use crate::window::restore::authors::Replay;
use crate::window::restore::parts::{Parts, read_pairs, read_surplus};
use crate::window::ring::{MINUTE_MS, Ring, step_of};
use crate::window::sliding_window::Window;
use crate::window::total::Total;
use tagtide_simd::prefetch;

/// A malformed section, or one that contradicts another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CorruptSection(pub &'static str);

const CUT: CorruptSection = CorruptSection("a pane section ends too early");

const UNKNOWN: CorruptSection = CorruptSection("a count names a tag that does not exist");

/// How many totals ahead to prefetch.
const AHEAD: usize = 16;

/// The epoch at which the piece of each minute was taken.
#[derive(Debug, Default)]
struct Stamps(HashMap<i64, u64>);

impl Stamps {
    /// True if the record of `epoch` is newer than the piece of a minute.
    fn before(&self, epoch: u64, minute: i64) -> bool {
        self.0.get(&minute).is_none_or(|&stamp| stamp < epoch)
    }
}

/// A ring being restored.
#[derive(Debug)]
pub struct Restore {
    ring: Ring,
    panes: BTreeMap<i64, Parts>,
    minutes: BTreeMap<i64, Parts>,
    stamps: Stamps,
    /// `None` if authors are not counted.
    people: Option<Replay>,
    /// Ids named by pieces are below this; their tags may be in later records.
    ids_below: u32,
}

impl Restore {
    /// Begins with an empty ring.
    #[must_use]
    pub fn new(ring: Ring) -> Self {
        Self {
            people: ring.empty_authors().map(Replay::new),
            ring,
            panes: BTreeMap::new(),
            minutes: BTreeMap::new(),
            stamps: Stamps::default(),
            ids_below: 0,
        }
    }

    /// Makes room for the totals of ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.ring.total.column.grow(rows);
        self.ring.first.grow(rows);
        if let Some(people) = &mut self.people {
            people.grow(rows as u32);
        }
    }

    /// A tag is known; there is room for it.
    pub fn admitted(&mut self, id: u32) {
        self.ring.first.unknown(id);
    }

    /// Reads when tags were first counted, for those that `newer` selects.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn first(
        &mut self,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        self.ring.first.read(body, rows, newer)
    }

    /// Sets the all-time count of a tag.
    pub fn set_total(&mut self, id: u32, count: u64) {
        let old = self.ring.total.count(id);
        self.ring.total.take(id, old);
        self.ring.total.add(id, count);
    }

    /// All-time count of a tag so far.
    #[must_use]
    pub fn total(&self, id: u32) -> u64 {
        self.ring.total.count(id)
    }

    /// Reads a piece that [`Ring::snapshot_panes`] wrote at `epoch`.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn piece(&mut self, epoch: u64, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let minute = reader.get().ok_or(CUT)? == 1;
            let other = reader.get().ok_or(CUT)?;
            let index = reader.get_signed().ok_or(CUT)?;
            let at = if minute { index } else { self.minute_of(index) };
            self.stamps.0.insert(at, epoch);
            let panes = if minute { &mut self.minutes } else { &mut self.panes };
            let below = &mut self.ids_below;
            let parts = panes.entry(index).or_default();
            parts.other = other;
            let pairs = parts.read(&mut reader, u32::MAX)?;
            *below = pairs.iter().fold(*below, |below, pair| below.max(pair.0 + 1));
        }
        Ok(())
    }

    /// Reads panes of a delta of `epoch`. `newer(id)` says whether the total of a tag was taken
    /// before this epoch.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn delta(
        &mut self,
        epoch: u64,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let index = reader.get_signed().ok_or(CUT)?;
            let mut ignored = Parts::default();
            let total = &mut self.ring.total;
            let minute = step_of(index, self.ring.pane_ms, MINUTE_MS);
            let parts = if !self.stamps.before(epoch, minute) {
                &mut ignored
            } else if let Some(whole) = self.minutes.get_mut(&minute) {
                whole
            } else {
                self.panes.entry(index).or_default()
            };
            add_totals(total, parts.read(&mut reader, rows)?, &newer);
        }
        Ok(())
    }

    /// Reads late counts of a delta.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn late(
        &mut self,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        reader.get_signed().ok_or(CUT)?;
        add_totals(&mut self.ring.total, Parts::default().read(&mut reader, rows)?, newer);
        Ok(())
    }

    /// Reads retracted posts of a delta of `epoch`.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn minus(
        &mut self,
        epoch: u64,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let index = reader.get_signed().ok_or(CUT)?;
            let minute = self.minute_of(index);
            let counts = self.stamps.before(epoch, minute);
            let mut ignored = Parts::default();
            let parts = match (counts, self.minutes.get_mut(&minute)) {
                (false, _) => &mut ignored,
                (true, Some(whole)) => whole,
                // A pane that is no longer stored is not changed.
                (true, None) => self.panes.get_mut(&index).unwrap_or(&mut ignored),
            };
            let ids = reader.get().ok_or(CUT)?;
            parts.posts -= 1;
            parts.tagged -= i64::from(ids > 0);
            for _ in 0..ids {
                let id = reader.get_u32().filter(|&id| id < rows).ok_or(CUT)?;
                parts.minus.push(id);
                if newer(id) {
                    self.ring.total.take(id, 1);
                }
            }
        }
        Ok(())
    }

    /// Reads posts without author in the panes of the piece of the ring before.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn alone(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let minute = reader.get().ok_or(CUT)? == 1;
            let panes = if minute { &mut self.minutes } else { &mut self.panes };
            let parts = panes.entry(reader.get_signed().ok_or(CUT)?).or_default();
            read_pairs(&mut reader, u32::MAX, &mut parts.alone)?;
        }
        Ok(())
    }

    /// Stores a part of a snapshot with authors until the records have reached its epoch.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn people(&mut self, part: Part) -> Result<(), CorruptSection> {
        self.people.as_mut().map_or(Ok(()), |people| people.wait(part))
    }

    /// A record of `epoch` is about to be read.
    ///
    /// # Errors
    /// [`CorruptSection`] if a part is malformed.
    pub fn reach(&mut self, epoch: u64) -> Result<(), CorruptSection> {
        self.people.as_mut().map_or(Ok(()), |people| people.reach(epoch))
    }

    /// Reads the author rows of panes in a record of `epoch`.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn seen(
        &mut self,
        epoch: u64,
        body: &[u8],
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let Self { people: Some(people), ring, panes, minutes, stamps, .. } = self else {
            return Ok(());
        };
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            people.seen(&mut reader, &newer, |index, id| {
                let parts = found(panes, minutes, stamps, (epoch, index, ring.pane_ms));
                if let Some(parts) = parts {
                    parts.alone.push((id, 1));
                }
            })?;
        }
        Ok(())
    }

    /// Reads the retracted authors of a record of `epoch`.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn left(
        &mut self,
        epoch: u64,
        body: &[u8],
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let Self { people: Some(people), ring, panes, minutes, stamps, .. } = self else {
            return Ok(());
        };
        people.left(body, newer, |index, id| {
            if let Some(parts) = found(panes, minutes, stamps, (epoch, index, ring.pane_ms)) {
                parts.alone_minus.push(id);
            }
        })
    }

    /// Reads posts beyond the cap in the panes of the piece of the ring before.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn beyond_before(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let minute = reader.get().ok_or(CUT)? == 1;
            let panes = if minute { &mut self.minutes } else { &mut self.panes };
            let parts = panes.entry(reader.get_signed().ok_or(CUT)?).or_default();
            read_surplus(&mut reader, u32::MAX, &mut parts.beyond_before)?;
        }
        Ok(())
    }

    /// Reads posts beyond the cap in closed panes from a record of `epoch`; tags have ids below
    /// `rows`.
    ///
    /// # Errors
    /// [`CorruptSection`] if the section is malformed.
    pub fn beyond(&mut self, at: (u64, u32), body: &[u8]) -> Result<(), CorruptSection> {
        let (epoch, rows) = at;
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let index = reader.get_signed().ok_or(CUT)?;
            let mut beyond = Vec::new();
            read_surplus(&mut reader, rows, &mut beyond)?;
            let Self { ring, panes, minutes, stamps, .. } = self;
            if let Some(parts) = found(panes, minutes, stamps, (epoch, index, ring.pane_ms)) {
                parts.beyond.append(&mut beyond);
            }
        }
        Ok(())
    }

    /// Takes in decayed counts, of the tags that `newer` selects.
    pub fn weights(&mut self, saved: &Weights, rows: u32, newer: impl Fn(u32) -> bool) {
        if let Some(decay) = &mut self.ring.decay {
            decay.grow(rows as usize);
            decay.restore(saved, newer);
        }
    }

    /// A record is read; it has `from` if authors were counted; `known` = returning authors were
    /// recorded.
    pub fn end(&mut self, closed_to: i64, from: Option<i64>, known: bool) {
        match (&mut self.people, from) {
            (Some(people), Some(_)) => {
                if !known {
                    people.forget_known();
                }
                people.close_to(closed_to);
            }
            (Some(people), None) => people.reset(),
            (None, _) => {}
        }
    }

    /// Decayed counts, if there are any.
    pub fn decay(&mut self) -> Option<&mut Decay> {
        self.ring.decay.as_mut()
    }

    /// Removes the tags that were evicted in `epoch` from older data.
    pub fn evict(&mut self, epoch: u64, ids: &[u32], newer: impl Fn(u32) -> bool) {
        let rows = ids.iter().max().map_or(0, |&id| id as usize + 1);
        let mut marked = Column::default();
        marked.grow(rows.max(self.ring.total.column.rows()).max(self.ids_below as usize));
        ids.iter().for_each(|&id| *marked.at_mut(id) = true);
        let pane_ms = self.ring.pane_ms;
        let panes = self.panes.iter_mut().map(|(i, p)| (step_of(*i, pane_ms, MINUTE_MS), p));
        for (minute, parts) in panes.chain(self.minutes.iter_mut().map(|(i, p)| (*i, p))) {
            if self.stamps.before(epoch, minute) {
                parts.take_out(&marked);
            }
        }
        for &id in ids {
            if newer(id) {
                self.set_total(id, 0);
            } else {
                *marked.at_mut(id) = false;
            }
        }
        if let Some(people) = &mut self.people {
            people.evict(&marked, ids.iter().copied().filter(|&id| newer(id)));
        }
    }

    /// The ring, with panes up to `closed_to` closed and room for ids below `rows`. Its authors are
    /// counted if there is `from`, the panes closed before; `joined` as in [`Ring::joined`].
    ///
    /// # Errors
    /// [`CorruptSection`] if a pane names an unknown tag.
    pub fn finish(
        mut self,
        closed_to: i64,
        (from, joined): (Option<i64>, Option<[u64; 2]>),
        rows: u32,
    ) -> Result<Ring, CorruptSection> {
        if self.ids_below > rows {
            return Err(UNKNOWN);
        }
        let ring = &mut self.ring;
        ring.grow(rows as usize);
        ring.closed_to = closed_to;
        // Records may have panes that were dropped before the snapshot's pieces were taken.
        let needed = |index, step_ms| {
            let newest = |w: &Window| step_of(closed_to, ring.pane_ms, w.step_ms);
            let kept = |w: &Window| step_of(index, step_ms, w.step_ms) > newest(w) - w.steps();
            closed_to == i64::MIN || ring.windows.iter().any(kept)
        };
        let (pane_ms, mut summer) = (ring.pane_ms, std::mem::take(&mut ring.summer));
        let minutes = self.minutes.into_iter().filter(|(index, _)| needed(*index, MINUTE_MS));
        // Before the first author, every post was an author.
        let before = |index: i64, step_ms| {
            from.is_some_and(|from| {
                (index + 1) * step_ms <= from.saturating_add(1).saturating_mul(pane_ms)
            })
        };
        let minutes = minutes.map(|(i, parts)| parts.close(i, before(i, MINUTE_MS), &mut summer));
        let minutes: VecDeque<_> = minutes.collect();
        let panes = self.panes.into_iter().filter(|(index, _)| needed(*index, pane_ms));
        let panes = panes.map(|(i, parts)| parts.close(i, before(i, pane_ms), &mut summer));
        let panes: Vec<_> = panes.collect();
        (ring.minutes, ring.summer) = (minutes, summer);
        for closed in panes {
            if closed.index <= closed_to {
                ring.closed.push_back(closed);
            } else {
                ring.open.push(reopen(&closed));
            }
        }
        if let (Some(people), Some(from)) = (self.people, from) {
            people.finish(ring, from, joined)?;
            ring.grow(rows as usize);
        }
        ring.rebuild_windows();
        Ok(self.ring)
    }

    fn minute_of(&self, index: i64) -> i64 {
        step_of(index, self.ring.pane_ms, MINUTE_MS)
    }
}

/// The pane `index` for a record of `epoch`, if it is stored and its piece is older.
fn found<'a>(
    panes: &'a mut BTreeMap<i64, Parts>,
    minutes: &'a mut BTreeMap<i64, Parts>,
    stamps: &Stamps,
    (epoch, index, pane_ms): (u64, i64, i64),
) -> Option<&'a mut Parts> {
    let minute = step_of(index, pane_ms, MINUTE_MS);
    if !stamps.before(epoch, minute) {
        return None;
    }
    match minutes.get_mut(&minute) {
        Some(whole) => Some(whole),
        None => panes.get_mut(&index),
    }
}

/// Adds the counts of a delta to the totals of the tags for which it is `newer`.
fn add_totals(total: &mut Total, pairs: &[Pair], newer: impl Fn(u32) -> bool) {
    for (at, &(id, by)) in pairs.iter().enumerate() {
        // Few tags among many: each would be a cache miss.
        if let Some(ahead) = pairs.get(at + AHEAD) {
            prefetch(total.column.at(ahead.0));
        }
        if newer(id) {
            total.add(id, u64::from(by));
        }
    }
}

/// Opens a pane again, without authors.
fn reopen(closed: &ClosedPane) -> OpenPane {
    let pairs = closed.pairs.iter().filter(|pair| pair.1 > 0).copied().collect();
    let mut open = OpenPane {
        index: closed.index,
        counted: Counted { pairs, sketches: Vec::new() },
        posts: closed.posts,
        tagged: closed.tagged,
        other: closed.other,
        ..OpenPane::default()
    };
    Ring::mark_saved(&mut open);
    open
}
