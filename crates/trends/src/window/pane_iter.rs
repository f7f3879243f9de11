//! Iterates over the stored panes.

use crate::window::pane::Pair;
use crate::window::ring::{MINUTE_MS, Ring};

/// The content of a stored pane, or of a minute of panes.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// Start, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Counts of a closed one, or those of an open one that are not in its log; each tag once.
    pub pairs: &'a [Pair],
    /// Tag ids of an open one, in order of arrival.
    pub log: &'a [u32],
    /// Tag ids retracted from an open one.
    pub minus: &'a [u32],
}

impl Ring {
    /// Length of the steps by which a configured window slides; `None` for any other.
    #[must_use]
    pub fn step_ms(&self, window_ms: i64) -> Option<i64> {
        self.windows.iter().find(|window| window.ms == window_ms).map(|window| window.step_ms)
    }

    /// Counts of closed panes that start at or after `from_ms`, a recent time.
    pub fn closed_since(&self, from_ms: i64) -> impl Iterator<Item = &[Pair]> {
        let newest_first = self.closed.iter().rev();
        let since = newest_first.take_while(move |pane| pane.index * self.pane_ms >= from_ms);
        since.map(|pane| pane.pairs.as_slice())
    }

    /// All stored panes that start in `from_ms..to_ms`, oldest first.
    pub fn slices(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = Slice<'_>> {
        let minutes = self.minutes.iter().map(|m| (m.index * MINUTE_MS, &m.pairs));
        let panes = self.closed.iter().map(|c| (c.index * self.pane_ms, &c.pairs));
        let closed = minutes.chain(panes).map(|(start_ms, pairs)| Slice {
            start_ms,
            pairs,
            log: &[],
            minus: &[],
        });
        let open = self.open.iter().map(|open| Slice {
            start_ms: open.index * self.pane_ms,
            pairs: &open.counted.pairs,
            log: &open.log,
            minus: &open.minus,
        });
        closed.chain(open).filter(move |slice| (from_ms..to_ms).contains(&slice.start_ms))
    }
}
