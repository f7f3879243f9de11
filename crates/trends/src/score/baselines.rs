//! Baselines and peaks: columns of them, and their sections in the checkpoint, with decayed
//! weights.
//!
//! They depend on the whole past, so a checkpoint has their values: each record those that changed,
//! a part of a snapshot those of its tags. Numbers are stored as bits, so what is read is what was
//! written, bit for bit.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::score::formula::Baseline;
use crate::score::trending::{SCALES, Trending};
use crate::store::column::Column;
use crate::store::dirty_set::DirtySet;
use crate::store::varint::{Many, Reader, put, put_signed};
use crate::window::decay::Weights;
use crate::window::restore::CorruptSection;
use tagtide_simd::prefetch;

/// Baselines and peak of one tag.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TagBaselines {
    /// Baselines of the three windows.
    pub baselines: [Baseline; SCALES],
    /// Highest score, as it was held at the slide `held_at`.
    pub held: f32,
    /// Number of that slide, modulo 2^32.
    pub held_at: u32,
}

/// The same of all tags, by id. Each of the windows has a column, as it learns when it ends: the
/// others are not read then, and without baselines they take no memory.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) baselines: [Column<Baseline>; SCALES],
    /// Scores that are held, and since which slide.
    pub(super) held: Column<(f32, u32)>,
}

impl Columns {
    pub(super) fn grow(&mut self, rows: usize) {
        self.baselines.iter_mut().for_each(|column| column.grow(rows));
        self.held.grow(rows);
    }

    pub(super) fn rows(&self) -> usize {
        self.held.rows()
    }

    /// Prefetches the baselines of a tag.
    pub(super) fn prefetch(&self, id: u32) {
        self.baselines.iter().for_each(|column| prefetch(column.at(id)));
        prefetch(self.held.at(id));
    }

    fn get(&self, id: u32) -> TagBaselines {
        let (held, held_at) = self.held.get(id);
        TagBaselines {
            baselines: self.baselines.each_ref().map(|column| column.get(id)),
            held,
            held_at,
        }
    }

    pub(super) fn set(&mut self, id: u32, learned: TagBaselines) {
        let TagBaselines { baselines, held, held_at } = learned;
        for (column, baseline) in self.baselines.iter_mut().zip(baselines) {
            *column.at_mut(id) = baseline;
        }
        *self.held.at_mut(id) = (held, held_at);
    }
}

const CUT: CorruptSection = CorruptSection("a section of scores ends too early");

/// Length of a window of `trending`, and the baselines of tags in it.
pub type OfWindow = (i64, Vec<(u32, TagBaselines)>);

/// The same for all its windows.
pub type Baselines = Vec<OfWindow>;

/// Progress of `trending` in event time, for one of its windows.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacing {
    /// The window, milliseconds.
    pub window_ms: i64,
    /// How many of each of its three windows have been learned.
    pub windows: [u32; SCALES],
    /// Number of the last slide.
    pub slide: i64,
    /// Nothing from here on has gaps.
    pub whole_from: i64,
    /// Tags that peaked at that slide.
    pub peaks: Vec<u32>,
}

impl Trending {
    /// The part that is small and complete in every record.
    #[must_use]
    pub fn pacing(&self) -> Pacing {
        Pacing {
            window_ms: self.window_ms,
            windows: self.paces.each_ref().map(|pace| pace.windows()),
            slide: self.slide,
            whole_from: self.whole_from,
            peaks: self.peaks.clone(),
        }
    }

    /// Baselines that changed since the last call.
    pub fn take_changed(&mut self) -> OfWindow {
        let changed = self.changed.as_mut().map(DirtySet::take);
        let tags = changed.unwrap_or_default().into_iter().map(|id| (id, self.tags.get(id)));
        (self.window_ms, tags.collect())
    }

    /// Baselines of the tags of some ids.
    #[must_use]
    pub fn of(&self, ids: Range<u32>) -> OfWindow {
        let known = ids.map(|id| (id, self.tags.get(id)));
        (self.window_ms, known.filter(|tag| tag.1 != TagBaselines::default()).collect())
    }

    /// Forgets the baselines of all tags.
    pub(crate) fn forget_all(&mut self) {
        self.tags = Columns::default();
    }

    /// Takes in this window's progress from the last record; without it, the window is new and
    /// begins at `at`.
    pub(crate) fn settle(&mut self, pacing: Option<&Pacing>, at: Option<i64>) {
        match pacing {
            Some(pacing) => {
                for (pace, &windows) in self.paces.iter_mut().zip(&pacing.windows) {
                    pace.advance(windows);
                }
                self.slide = pacing.slide;
                self.whole_from = pacing.whole_from;
                self.peaks.clone_from(&pacing.peaks);
            }
            None => at.into_iter().for_each(|at| self.whole_from(at)),
        }
    }
}

/// Three numbers that belong together: a baseline, or a held score.
type Triple = [u32; 3];

/// The triples written last, by a hash of each. Most tags were used once or twice and have the same
/// baselines as others; these are written as their place here.
struct RecentTriples(Vec<Triple>);

impl RecentTriples {
    const BITS: u32 = 12;

    /// Begins with three zeros in the first place.
    fn new() -> Self {
        Self(vec![[0; 3]; 1 << Self::BITS])
    }

    fn place(three: Triple) -> usize {
        let mixed = three.iter().fold(0_u32, |mixed, &number| {
            (mixed.rotate_left(13) ^ number).wrapping_mul(0x9e37_79b9)
        });
        (mixed >> (u32::BITS - Self::BITS)) as usize
    }

    /// Puts a triple at its place; true if it was there before.
    fn meet(&mut self, three: Triple) -> (usize, bool) {
        let place = Self::place(three);
        let met = self.0[place] == three;
        self.0[place] = three;
        (place, met)
    }

    /// One more than its place; or 0, two numbers (8 bytes), the third.
    fn put(&mut self, out: &mut Many<'_>, three: Triple) {
        let (place, met) = self.meet(three);
        if met {
            out.put(place as u64 + 1);
        } else {
            out.put(0);
            out.put_fixed(u64::from(three[0]) | u64::from(three[1]) << 32);
            out.put(u64::from(three[2]));
        }
    }

    /// Reads what [`RecentTriples::put`] wrote.
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<Triple> {
        if let Some(place) = reader.get()?.checked_sub(1) {
            return self.0.get(usize::try_from(place).ok()?).copied();
        }
        let two = reader.get_fixed()?;
        let three = [two as u32, (two >> 32) as u32, reader.get_u32()?];
        self.meet(three);
        Some(three)
    }
}

/// For each window: its length, number of tags; for each of these: step from the id before, then in
/// the form of [`RecentTriples`] three times mean, variance (bits) and window of a baseline, and
/// slide, held score (bits), 0.
pub(crate) fn encode(baselines: &Baselines) -> Vec<u8> {
    let mut out = Vec::new();
    let mut lately = RecentTriples::new();
    for (window_ms, tags) in baselines.iter().filter(|of| !of.1.is_empty()) {
        put_signed(&mut out, *window_ms);
        let mut many = Many::to(&mut out);
        many.put(tags.len() as u64);
        let mut before = 0;
        for (id, learned) in tags {
            many.put(u64::from(id - before));
            before = *id;
            for baseline in &learned.baselines {
                let (above, nu, last) = baseline.parts();
                lately.put(&mut many, [above.to_bits(), nu.to_bits(), last]);
            }
            lately.put(&mut many, [learned.held_at, learned.held.to_bits(), 0]);
        }
    }
    out
}

/// Half-life, half-lives to the landmark; then for each tag: id, weight (8 bytes).
pub(crate) fn encode_weights(weights: &Weights) -> Vec<u8> {
    let mut out = Vec::new();
    if weights.tags.is_empty() {
        return out;
    }
    put_signed(&mut out, weights.half_life_ms);
    put_signed(&mut out, weights.landmark);
    for (id, weight) in &weights.tags {
        put(&mut out, u64::from(*id));
        out.extend_from_slice(&weight.to_bits().to_le_bytes());
    }
    out
}

/// Reads what [`encode`] wrote; windows that are not asked for any more are skipped.
pub(crate) fn read(
    trending: &mut [Trending],
    body: &[u8],
    rows: u32,
    newer: impl Fn(u32) -> bool,
) -> Result<(), CorruptSection> {
    let mut reader = Reader::new(body);
    let mut lately = RecentTriples::new();
    trending.iter_mut().for_each(|trending| trending.grow(rows as usize));
    while !reader.is_empty() {
        let window_ms = reader.get_signed().ok_or(CUT)?;
        let mut mine = trending.iter_mut().find(|trending| trending.window_ms == window_ms);
        let mut before = 0_u32;
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = before.checked_add(reader.get_u32().ok_or(CUT)?);
            let id = id.filter(|&id| id < rows).ok_or(CUT)?;
            before = id;
            let learned = read_tag(&mut reader, &mut lately).ok_or(CUT)?;
            if let Some(mine) = mine.as_mut().filter(|_| newer(id)) {
                mine.tags.set(id, learned);
            }
        }
    }
    Ok(())
}

fn read_tag(reader: &mut Reader<'_>, lately: &mut RecentTriples) -> Option<TagBaselines> {
    let mut learned = TagBaselines::default();
    for baseline in &mut learned.baselines {
        let [above, nu, last] = lately.read(reader)?;
        *baseline = Baseline::from_parts((f32::from_bits(above), f32::from_bits(nu), last));
    }
    let [held_at, held, _] = lately.read(reader)?;
    (learned.held, learned.held_at) = (f32::from_bits(held), held_at);
    Some(learned)
}

/// Reads what [`encode_weights`] wrote.
pub(crate) fn read_weights(body: &[u8], rows: u32) -> Result<Weights, CorruptSection> {
    let mut reader = Reader::new(body);
    let half_life_ms = reader.get_signed().ok_or(CUT)?;
    let landmark = reader.get_signed().ok_or(CUT)?;
    let mut tags = Vec::new();
    while !reader.is_empty() {
        let id = reader.get_u32().filter(|&id| id < rows).ok_or(CUT)?;
        tags.push((id, f64::from_bits(reader.get_fixed().ok_or(CUT)?)));
    }
    Ok(Weights { half_life_ms, landmark, tags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::trending::Options;
    use crate::window::{Ring, Shape};

    const WINDOW: i64 = 60_000;

    fn trending() -> Vec<Trending> {
        let windows_ms = vec![20_000, WINDOW, 240_000];
        let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
        Trending::new(WINDOW, &Ring::new(&shape, false), Options::default()).into_iter().collect()
    }

    /// Many tags that have learned the same, some that have not, and nothing at all.
    fn some() -> Baselines {
        let learned = |id: u32| {
            let of = |scale| if id.is_multiple_of(7) { id + scale } else { scale };
            let baseline = |scale| Baseline::from_parts((of(scale) as f32, 0.1 + of(5) as f32, 9));
            let held = if id.is_multiple_of(11) { (0.3 * id as f32, 12) } else { (0.0, 0) };
            TagBaselines { baselines: [0, 1, 2].map(baseline), held: held.0, held_at: held.1 }
        };
        let mut tags: Vec<_> = (3..9_000).step_by(3).map(|id| (id, learned(id))).collect();
        tags.push((9_001, TagBaselines::default()));
        vec![(1, Vec::new()), (WINDOW, tags)]
    }

    #[test]
    fn baselines_come_back_bit_for_bit() {
        let all = some();
        let body = encode(&all);
        // Each number as it is would take more than twice as much.
        assert!(body.len() < 3_000 * 20, "{} bytes", body.len());
        let mut trending = trending();
        read(&mut trending, &body, 9_002, |_| true).expect("it was written so");
        assert_eq!(trending[0].of(0..9_002).1, all[1].1[..2_999]);
        for len in [0, 1, 2, 5, 700, body.len() - 1] {
            let cut = read(&mut trending, &body[..len], 9_002, |_| true);
            assert_eq!(cut.is_ok(), len == 0, "{len} bytes");
        }
    }

    #[test]
    fn a_place_that_is_none_is_nonsense() {
        let mut body = Vec::new();
        put_signed(&mut body, WINDOW);
        [1, 0, 1 + (1 << RecentTriples::BITS)].iter().for_each(|&number| put(&mut body, number));
        assert_eq!(read(&mut trending(), &body, 1, |_| true), Err(CUT));
    }
}
