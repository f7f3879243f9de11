//! Decayed counts: each post weighs half as much after a half-life (forward decay: Cormode,
//! Shkapenyuk, Srivastava, Xu, ICDE 2009).
//!
//! Weights are relative to a landmark in the past, so nothing has to be multiplied as time goes on.
//! Before numbers grow too large all are moved to a later landmark, by a power of two, which is
//! exact.

use std::ops::Range;

use crate::store::column::CHUNK;
use crate::store::cow_column::CowColumn;
use crate::store::dirty_set::DirtySet;
use crate::window::pane::Pair;
use crate::window::sliding_window::runs;

/// Half-lives after which the landmark moves.
const MOVE_AFTER: i64 = 256;
/// Half-lives after which an open pane has no weight: the range of an `f64` is 1,023 of them.
const WEIGHS_FOR: f64 = 960.0;

/// Decayed counts of all tags.
#[derive(Debug)]
pub struct Decay {
    half_life_ms: i64,
    /// Half-lives from the Unix epoch to the landmark.
    landmark: i64,
    column: CowColumn<f64>,
    /// Tags and their weights before the overlay.
    overlaid: Vec<(u32, f64)>,
    /// The landmark comes from open panes only.
    laid_first: bool,
    /// Tags that changed since the last checkpoint record, if there is a checkpoint.
    changed: Option<DirtySet>,
}

/// Weights of tags at a landmark, for the checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Half-life, milliseconds.
    pub half_life_ms: i64,
    /// Half-lives from the Unix epoch to the landmark.
    pub landmark: i64,
    /// Tags and their weights.
    pub tags: Vec<(u32, f64)>,
}

impl Decay {
    /// For a half-life in milliseconds. `keep_delta` = collect changes for a checkpoint.
    #[must_use]
    pub fn new(half_life_ms: i64, keep_delta: bool) -> Self {
        Self {
            half_life_ms,
            landmark: i64::MIN,
            column: CowColumn::default(),
            overlaid: Vec::new(),
            laid_first: false,
            changed: keep_delta.then(DirtySet::default),
        }
    }

    /// The weights as they are now, to be read elsewhere.
    pub(super) fn snapshot(&mut self) -> Self {
        Self { column: self.column.snapshot(), overlaid: Vec::new(), changed: None, ..*self }
    }

    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.column.grow(rows);
        if let Some(changed) = &mut self.changed {
            changed.grow(self.column.rows());
        }
    }

    fn mark(&mut self, id: u32) {
        if let Some(changed) = &mut self.changed {
            changed.mark(id);
        }
    }

    /// The weight at the landmark of a post of time `at_ms`.
    fn weight(&self, at_ms: i64) -> f64 {
        let from = self.landmark.saturating_mul(self.half_life_ms);
        (at_ms.saturating_sub(from) as f64 / self.half_life_ms as f64).min(WEIGHS_FOR).exp2()
    }

    /// Adds the counts of a pane that ends at `at_ms`; panes must be in order.
    pub fn add(&mut self, at_ms: i64, pairs: &[Pair]) {
        let now = at_ms.div_euclid(self.half_life_ms);
        if self.landmark == i64::MIN {
            self.landmark = now;
        } else if now - self.landmark > MOVE_AFTER {
            self.move_to(now);
        }
        let weight = self.weight(at_ms);
        for (chunk, pairs, _) in runs(pairs, &[]) {
            let column = self.column.chunk_mut(chunk);
            for &(id, count) in pairs {
                column[id as usize % CHUNK] += weight * f64::from(count);
            }
        }
        if let Some(changed) = &mut self.changed {
            changed.mark_all(pairs.iter().map(|pair| pair.0));
        }
    }

    fn move_to(&mut self, landmark: i64) {
        let by = (-((landmark - self.landmark) as f64)).exp2();
        self.landmark = landmark;
        for id in 0..self.column.rows() as u32 {
            *self.column.at_mut(id) *= by;
        }
    }

    /// Retracts one post of each of `ids` from a pane that ended at `at_ms`.
    pub fn retract(&mut self, at_ms: i64, ids: &[u32]) {
        let weight = self.weight(at_ms);
        for &id in ids {
            let column = self.column.at_mut(id);
            *column = (*column - weight).max(0.0);
            self.mark(id);
        }
    }

    /// Overlays the counts of an open pane.
    pub fn overlay(&mut self, at_ms: i64, pairs: &[Pair]) {
        if self.landmark == i64::MIN {
            self.landmark = at_ms.div_euclid(self.half_life_ms);
            self.laid_first = true;
        }
        let weight = self.weight(at_ms);
        for &(id, count) in pairs {
            let column = self.column.at_mut(id);
            self.overlaid.push((id, *column));
            *column += weight * f64::from(count);
        }
    }

    /// Removes the overlay.
    pub fn remove_overlay(&mut self) {
        for (id, before) in self.overlaid.drain(..).rev() {
            *self.column.at_mut(id) = before;
        }
        // The first closed pane sets the landmark, not the first ranking.
        if std::mem::take(&mut self.laid_first) {
            self.landmark = i64::MIN;
        }
    }

    /// The weight of a tag at the landmark; tags compare by it.
    #[must_use]
    pub fn column(&self) -> &CowColumn<f64> {
        &self.column
    }

    /// The decayed count at `at_ms` of a weight at the landmark.
    #[must_use]
    pub fn count(&self, weight: f64, at_ms: i64) -> f64 {
        if weight > 0.0 { weight / self.weight(at_ms) } else { 0.0 }
    }

    /// Forgets a tag.
    pub fn forget(&mut self, id: u32) {
        *self.column.at_mut(id) = 0.0;
        self.mark(id);
    }

    /// The weights that changed since the last call, or those of the tags in a range. There must be
    /// no overlay.
    pub fn weights(&mut self, range: Option<Range<u32>>) -> Weights {
        debug_assert!(self.overlaid.is_empty(), "an overlay is not stored");
        let ids = match (range, &mut self.changed) {
            (Some(range), _) => range.filter(|&id| self.column.get(id) > 0.0).collect(),
            (None, changed) => changed.as_mut().map(DirtySet::take).unwrap_or_default(),
        };
        let tags = ids.into_iter().map(|id| (id, self.column.get(id))).collect();
        Weights { half_life_ms: self.half_life_ms, landmark: self.landmark, tags }
    }

    /// Half-life and landmark, for the checkpoint; `None` before anything is counted.
    #[must_use]
    pub fn origin(&self) -> Option<(i64, i64)> {
        let counted = self.landmark != i64::MIN && !self.laid_first;
        counted.then_some((self.half_life_ms, self.landmark))
    }

    /// Takes in the weights of a checkpoint, for the tags that `newer` selects.
    pub fn restore(&mut self, saved: &Weights, newer: impl Fn(u32) -> bool) {
        if saved.half_life_ms != self.half_life_ms || saved.tags.is_empty() {
            return;
        }
        if self.landmark == i64::MIN {
            self.landmark = saved.landmark;
        } else if saved.landmark > self.landmark {
            self.move_to(saved.landmark);
        }
        let by = (-((self.landmark - saved.landmark) as f64)).exp2();
        for &(id, weight) in saved.tags.iter().filter(|tag| newer(tag.0)) {
            *self.column.at_mut(id) = weight * by;
        }
    }

    /// Moves all to the landmark of the last record; weights of another origin are forgotten.
    pub fn settle(&mut self, origin: Option<(i64, i64)>) {
        let Some((_, landmark)) = origin.filter(|origin| origin.0 == self.half_life_ms) else {
            if self.landmark != i64::MIN {
                (self.landmark, self.column) = (i64::MIN, CowColumn::default());
            }
            return;
        };
        if self.landmark == i64::MIN {
            self.landmark = landmark;
        } else if landmark > self.landmark {
            self.move_to(landmark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn an_hour_halves_and_the_landmark_shows_nowhere() {
        let mut decay = Decay::new(HOUR, true);
        decay.grow(2);
        let start = 1_700_000_000_000;
        decay.add(start, &[(0, 8)]);
        let count = |decay: &Decay, id, at| decay.count(decay.column().get(id), at);
        assert!((count(&decay, 0, start + 3 * HOUR) - 1.0).abs() < 1e-9);
        decay.overlay(start + HOUR, &[(0, 4), (1, 1)]);
        assert!((count(&decay, 0, start + HOUR) - 8.0).abs() < 1e-9);
        decay.remove_overlay();
        assert_eq!(decay.column().get(1), 0.0);
        let later = start + 100_000 * HOUR;
        decay.overlay(later, &[(1, 5)]);
        assert!((count(&decay, 1, later) - 5.0).abs() < 1e-9, "open after eleven years");
        decay.remove_overlay();
        decay.add(later, &[(1, 5)]);
        assert!((count(&decay, 1, later) - 5.0).abs() < 1e-9);
        assert!(count(&decay, 0, later) < 1e-200);
        decay.retract(later, &[1]);
        assert!((count(&decay, 1, later) - 4.0).abs() < 1e-9);
    }
}
