//! A window in units of time, as the rule of spread counts it.

use crate::window::ring::{MINUTE_MS, step_of};
use crate::window::sliding_window::{Window, pane_before};

/// A window with its overlay, in panes: the part that is the same for all tags.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Number of the window.
    pub(in crate::window) at: usize,
    pub(super) unit_ms: i64,
    /// It has enough units for the rule of spread.
    pub(super) asks: bool,
    /// Panes of a unit, and 2^36 divided by them.
    per_unit: u32,
    units_of_pane: u64,
    /// Units in it.
    units: usize,
    /// The last pane of the newest unit.
    unit_end: i64,
    /// The newest closed pane, modulo 2^32. Panes at least `reach` before it are outside the
    /// window; the newest unit ends `ahead` panes after it.
    pub(super) closed_to: u32,
    pub(super) reach: u32,
    ahead: u32,
}

impl Span {
    /// With the overlay the newest pane is `shown_at`, else `closed_to`.
    pub(in crate::window) fn new(
        at: usize,
        window: &Window,
        (shown_at, closed_to): (Option<i64>, i64),
        pane_ms: i64,
    ) -> Self {
        let newest = shown_at.unwrap_or(closed_to);
        let gone_to = pane_before(window.gone_at(newest, pane_ms), window.step_ms, pane_ms);
        // Units are whole panes: their ages need no division of event times.
        let unit_ms = unit_ms(window.ms, pane_ms);
        let per_unit = unit_ms / pane_ms;
        let unit_end = pane_before(step_of(newest, pane_ms, unit_ms), unit_ms, pane_ms);
        let panes = |from: i64, to: i64| to.saturating_sub(from).clamp(0, u32::MAX.into()) as u32;
        Self {
            at,
            unit_ms,
            asks: window.ms >= UNITS_MIN * unit_ms,
            per_unit: per_unit as u32,
            units_of_pane: (1 << UNIT_BITS) / per_unit as u64 + 1,
            units: (window.ms / unit_ms + 2).clamp(1, UNITS_MAX as i64) as usize,
            unit_end,
            closed_to: closed_to as u32,
            reach: panes(gone_to, closed_to),
            ahead: panes(closed_to, unit_end),
        }
    }

    /// The unit of the pane `ago` before the newest closed one, and the age of the first pane of
    /// the unit before that.
    pub(super) fn unit_ago(&self, ago: u32) -> (usize, u32) {
        let unit = self.unit_of(ago.wrapping_add(self.ahead));
        let next = (unit as u32 + 1).saturating_mul(self.per_unit).saturating_sub(self.ahead);
        (unit.min(self.units - 1), next)
    }

    /// The unit of an open pane.
    pub(super) fn unit(&self, pane: i64) -> usize {
        let age = (self.unit_end - pane).clamp(0, u32::MAX.into()) as u32;
        self.unit_of(age).min(self.units - 1)
    }

    /// `age` divided by the panes of a unit, correct if their product is below 2^36, as in every
    /// window.
    fn unit_of(&self, age: u32) -> usize {
        (u64::from(age).wrapping_mul(self.units_of_pane) >> UNIT_BITS) as usize
    }
}

/// Fractional bits of [`Span::units_of_pane`].
const UNIT_BITS: u32 = 36;

/// Units of the longest window: 24 hours of minutes, and a partial one.
const UNITS_MAX: usize = 1441;
/// The rule of spread needs this many units.
const UNITS_MIN: i64 = 6;

/// The rule of spread looks at the three busiest minutes; in a window of less than a quarter of an
/// hour, at the three busiest of its fifteen parts.
fn unit_ms(window_ms: i64, pane_ms: i64) -> i64 {
    let part = (window_ms / 15 + pane_ms - 1) / pane_ms * pane_ms;
    part.clamp(pane_ms, MINUTE_MS.max(pane_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_ages_are_whole_quotients() {
        for per_unit in [1, 2, 3, 6, 7, 59, 60, 599, 600] {
            let pane_ms = 60_000 / per_unit;
            let window = Window { ms: 7 * 86_400_000, step_ms: pane_ms, ..Window::default() };
            let span = Span::new(0, &window, (None, 0), pane_ms);
            let per_unit = (span.unit_ms / pane_ms) as u32;
            for unit in (0..6_048_000 / per_unit).step_by(997) {
                let first = unit * per_unit;
                let got = [first, first + per_unit - 1].map(|age| span.unit_of(age));
                assert_eq!(got, [unit as usize; 2], "{per_unit} panes in a unit");
            }
        }
    }
}
