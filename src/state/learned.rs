//! Baselines, held scores and decayed counts in the checkpoint.
//!
//! They follow from everything that has been, so they are told as they are: each record has those
//! that changed, a part of a snapshot those of its tags. Numbers of bits are kept, so what is read
//! is what was written, bit for bit.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::rank::score::Baseline;
use crate::state::trending::{Learned, SCALES, Trending};
use crate::state::varint::{Reader, put, put_signed};
use crate::window::decay::Weights;
use crate::window::restore::Nonsense;

const CUT: Nonsense = Nonsense("a section of scores ends too early");

/// Length of a window that `trending` is asked for, and what it knows of tags.
pub type OfWindow = (i64, Vec<(u32, Learned)>);

/// The same for all its windows.
pub type Baselines = Vec<OfWindow>;

/// What `trending` knows of time, for one window it is asked for.
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
    /// What is small and written whole with every record.
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

    /// What changed since the last call.
    pub fn news(&mut self) -> OfWindow {
        let changed = self.changed.as_mut().map(super::changed::Changed::take);
        let tags = changed.unwrap_or_default().into_iter().map(|id| (id, self.tags.get(id)));
        (self.window_ms, tags.collect())
    }

    /// What is known of the tags of some ids.
    #[must_use]
    pub fn of(&self, ids: Range<u32>) -> OfWindow {
        let known = ids.map(|id| (id, self.tags.get(id)));
        (self.window_ms, known.filter(|tag| tag.1 != Learned::default()).collect())
    }

    /// Everything that is known of tags goes.
    pub(super) fn forget_all(&mut self) {
        self.tags = super::column::Column::default();
    }

    /// Takes in what the last record says of this window; without it, the window is new and begins
    /// at `at`.
    pub(super) fn settle(&mut self, pacing: Option<&Pacing>, at: Option<i64>) {
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

/// For each window: its length, number of tags; for each of these: id, three times mean, variance
/// (bits) and window of a baseline, held score (bits), slide.
pub(super) fn encode(told: &Baselines) -> Vec<u8> {
    let mut out = Vec::new();
    for (window_ms, tags) in told.iter().filter(|told| !told.1.is_empty()) {
        put_signed(&mut out, *window_ms);
        put(&mut out, tags.len() as u64);
        for (id, learned) in tags {
            put(&mut out, u64::from(*id));
            for baseline in &learned.baselines {
                let (above, nu, last) = baseline.parts();
                for number in [above.to_bits(), nu.to_bits(), last] {
                    put(&mut out, u64::from(number));
                }
            }
            put(&mut out, u64::from(learned.held.to_bits()));
            put(&mut out, u64::from(learned.held_at));
        }
    }
    out
}

/// Half-life, half-lives to the landmark; then for each tag: id, weight (8 bytes).
pub(super) fn encode_weights(weights: &Weights) -> Vec<u8> {
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

/// Reads what [`encode`] wrote; windows that are asked for no more are passed over.
pub(super) fn read(
    trending: &mut [Trending],
    body: &[u8],
    rows: u32,
    newer: impl Fn(u32) -> bool,
) -> Result<(), Nonsense> {
    let mut reader = Reader::new(body);
    trending.iter_mut().for_each(|trending| trending.grow(rows as usize));
    while !reader.is_empty() {
        let window_ms = reader.get_signed().ok_or(CUT)?;
        let mut mine = trending.iter_mut().find(|trending| trending.window_ms == window_ms);
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = reader.get_u32().filter(|&id| id < rows).ok_or(CUT)?;
            let learned = read_learned(&mut reader).ok_or(CUT)?;
            if let Some(mine) = mine.as_mut().filter(|_| newer(id)) {
                *mine.tags.at_mut(id) = learned;
            }
        }
    }
    Ok(())
}

fn read_learned(reader: &mut Reader<'_>) -> Option<Learned> {
    let mut learned = Learned::default();
    for baseline in &mut learned.baselines {
        let (above, nu) = (reader.get_u32()?, reader.get_u32()?);
        let parts = (f32::from_bits(above), f32::from_bits(nu), reader.get_u32()?);
        *baseline = Baseline::from_parts(parts);
    }
    (learned.held, learned.held_at) = (f32::from_bits(reader.get_u32()?), reader.get_u32()?);
    Some(learned)
}

/// Reads what [`encode_weights`] wrote.
pub(super) fn read_weights(body: &[u8], rows: u32) -> Result<Weights, Nonsense> {
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
