//! Rebuilds a ring from a snapshot's pieces and the deltas after them.
//!
//! Pieces are taken at different epochs, so each carries the epoch it was taken at, and a delta
//! counts for a pane (or a tag's total) only if its epoch is later.

use std::collections::{BTreeMap, HashMap};

use crate::state::varint::Reader;
use crate::window::pane::{Closed, Open, Pair};
use crate::window::ring::{MINUTE_MS, Ring, step_of};

/// A section that does not hold what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Nonsense(pub &'static str);

const CUT: Nonsense = Nonsense("a pane section ends too early");

const UNKNOWN: Nonsense = Nonsense("a count names a tag that does not exist");

/// A pane being put together.
#[derive(Debug, Default)]
struct Parts {
    pairs: Vec<Pair>,
    minus: Vec<u32>,
    posts: i64,
    tagged: i64,
}

/// A ring being put together.
#[derive(Debug)]
pub struct Restore {
    ring: Ring,
    panes: BTreeMap<i64, Parts>,
    minutes: BTreeMap<i64, Parts>,
    stamps: HashMap<i64, u64>,
    /// Ids named by pieces are below this; their tags may be told of by later records.
    ids_below: u32,
}

impl Restore {
    /// Puts an empty ring together.
    #[must_use]
    pub fn new(ring: Ring) -> Self {
        Self {
            ring,
            panes: BTreeMap::new(),
            minutes: BTreeMap::new(),
            stamps: HashMap::new(),
            ids_below: 0,
        }
    }

    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.ring.grow(rows);
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
    /// [`Nonsense`] where the bytes do not hold what they should.
    pub fn piece(&mut self, epoch: u64, body: &[u8]) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let minute = reader.get().ok_or(CUT)? == 1;
            let index = reader.get_signed().ok_or(CUT)?;
            let at = if minute { index } else { self.minute_of(index) };
            self.stamps.insert(at, epoch);
            let panes = if minute { &mut self.minutes } else { &mut self.panes };
            let below = &mut self.ids_below;
            let parts = panes.entry(index).or_default();
            parts.read(&mut reader, u32::MAX, |id, _| *below = (*below).max(id + 1))?;
        }
        Ok(())
    }

    /// Reads panes of a delta of `epoch`. `newer(id)` says whether the total of a tag was taken
    /// before this epoch.
    ///
    /// # Errors
    /// [`Nonsense`] where the bytes do not hold what they should.
    pub fn delta(
        &mut self,
        epoch: u64,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let index = reader.get_signed().ok_or(CUT)?;
            let mut ignored = Parts::default();
            let total = &mut self.ring.total;
            let minute = step_of(index, self.ring.pane_ms, MINUTE_MS);
            let parts = if self.stamps.get(&minute).is_some_and(|&stamp| epoch <= stamp) {
                &mut ignored
            } else if let Some(whole) = self.minutes.get_mut(&minute) {
                whole
            } else {
                self.panes.entry(index).or_default()
            };
            parts.read(&mut reader, rows, |id, by| {
                if newer(id) {
                    total.add(id, u64::from(by));
                }
            })?;
        }
        Ok(())
    }

    /// Reads late counts of a delta.
    ///
    /// # Errors
    /// [`Nonsense`] where the bytes do not hold what they should.
    pub fn late(
        &mut self,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        reader.get_signed().ok_or(CUT)?;
        let total = &mut self.ring.total;
        Parts::default().read(&mut reader, rows, |id, by| {
            if newer(id) {
                total.add(id, u64::from(by));
            }
        })
    }

    /// Reads posts taken back in a delta of `epoch`.
    ///
    /// # Errors
    /// [`Nonsense`] where the bytes do not hold what they should.
    pub fn minus(
        &mut self,
        epoch: u64,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), Nonsense> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let index = reader.get_signed().ok_or(CUT)?;
            let minute = self.minute_of(index);
            let counts = self.stamps.get(&minute).is_none_or(|&stamp| epoch > stamp);
            let mut ignored = Parts::default();
            let parts = match (counts, self.minutes.get_mut(&minute)) {
                (false, _) => &mut ignored,
                (true, Some(whole)) => whole,
                // A pane that is no longer kept takes nothing back.
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

    /// The ring, with panes up to `closed_to` closed and room for ids below `rows`.
    ///
    /// # Errors
    /// [`Nonsense`] where a pane names a tag that was never told of.
    pub fn finish(mut self, closed_to: i64, rows: u32) -> Result<Ring, Nonsense> {
        if self.ids_below > rows {
            return Err(UNKNOWN);
        }
        let ring = &mut self.ring;
        ring.grow(rows as usize);
        for (index, parts) in self.minutes {
            ring.minutes.push_back(parts.close(index, &mut ring.summer));
        }
        for (index, parts) in self.panes {
            let closed = parts.close(index, &mut ring.summer);
            if index <= closed_to {
                ring.closed.push_back(closed);
            } else {
                ring.open.push(reopen(&closed));
            }
        }
        ring.closed_to = closed_to;
        ring.rebuild_windows();
        Ok(self.ring)
    }

    fn minute_of(&self, index: i64) -> i64 {
        step_of(index, self.ring.pane_ms, MINUTE_MS)
    }
}

impl Parts {
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        rows: u32,
        mut each: impl FnMut(u32, u32),
    ) -> Result<(), Nonsense> {
        self.posts += reader.get_signed().ok_or(CUT)?;
        self.tagged += reader.get_signed().ok_or(CUT)?;
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = reader.get_u32().ok_or(CUT)?;
            let by = reader.get_u32().ok_or(CUT)?;
            if id >= rows {
                return Err(UNKNOWN);
            }
            self.pairs.push((id, by));
            each(id, by);
        }
        Ok(())
    }

    fn close(self, index: i64, summer: &mut crate::window::pane::Summer) -> Closed {
        let mut pairs = Vec::new();
        summer.add_pairs(&self.pairs);
        summer.take_back(&self.minus);
        summer.finish(&mut pairs);
        let (posts, tagged) = (self.posts.max(0) as u64, self.tagged.max(0) as u64);
        Closed { index, pairs, posts, tagged }
    }
}

fn reopen(closed: &Closed) -> Open {
    let log: Vec<u32> =
        closed.pairs.iter().flat_map(|&(id, n)| std::iter::repeat_n(id, n as usize)).collect();
    let mut open = Open {
        index: closed.index,
        in_total: log.len(),
        log,
        posts: closed.posts,
        tagged: closed.tagged,
        ..Open::default()
    };
    Ring::mark_saved(&mut open);
    open
}
