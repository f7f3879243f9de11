//! Evicts tags from a ring: their occurrences are added to `other`.

use std::sync::Arc;

use crate::store::column::Column;
use crate::window::pane::{ClosedPane, OpenPane, Pair};
use crate::window::ring::{Ring, step_of};

impl Ring {
    /// Removes the tags of `ids` from all panes, windows and totals. `marked` is true for them.
    pub fn evict(&mut self, ids: &[u32], marked: &Column<bool>) {
        self.remove_overlay();
        let mut asks = false;
        if let Some(people) = &mut self.people {
            asks = people.known.is_some();
            for &id in ids {
                people.forget(id);
                self.windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
            }
        }
        if let Some(decay) = &mut self.decay {
            ids.iter().for_each(|&id| decay.forget(id));
        }
        self.first.evict(marked);
        for open in &mut self.open {
            if asks {
                let gone = open.seen.iter().filter(|s| s.author != 0 && marked.get(s.id));
                open.came.extend(gone.map(|seen| seen.author));
            }
            evict_open(open, marked);
        }
        self.closed.iter_mut().chain(&mut self.minutes).for_each(|c| evict_closed(c, marked));
        for &id in ids {
            let count = self.total.count(id);
            self.total.take(id, count);
            for window in &mut self.windows {
                let count = window.count(id);
                window.take(id, count);
            }
        }
        self.sum_other();
    }

    /// Recomputes `other` of each window from the stored panes.
    pub(super) fn sum_other(&mut self) {
        for window in &mut self.windows {
            let inside = |c: &&ClosedPane, step: i64| {
                step_of(c.index, step, window.step_ms) > window.gone_to
            };
            let panes = self.closed.iter().filter(|c| inside(c, self.pane_ms));
            let minutes = self
                .minutes
                .iter()
                .filter(|c| window.step_ms != self.pane_ms && c.index > window.gone_to);
            window.other = panes.chain(minutes).map(|c| c.other).sum();
        }
    }
}

fn evict_closed(closed: &mut ClosedPane, marked: &Column<bool>) {
    closed.other += take_out(Arc::make_mut(&mut closed.pairs), &mut closed.lasts, marked);
    closed.beyond.retain(|beyond| !marked.get(beyond.0));
    if !closed.alone.is_empty() {
        Arc::make_mut(&mut closed.alone).retain(|pair| !marked.get(pair.0));
    }
}

/// Removes the pairs of marked tags and the entries beside them; returns their occurrences.
pub(super) fn take_out(pairs: &mut Vec<Pair>, lasts: &mut Vec<u32>, marked: &Column<bool>) -> u64 {
    let mut of = pairs.iter();
    lasts.retain(|_| of.next().is_some_and(|pair| !marked.get(pair.0)));
    let mut other = 0;
    pairs.retain(|&(id, count)| {
        let gone = marked.get(id);
        other += if gone { u64::from(count) } else { 0 };
        !gone
    });
    other
}

/// The caller has added the pane's new occurrences to totals and checkpoint, so its log may be
/// rewritten.
fn evict_open(open: &mut OpenPane, marked: &Column<bool>) {
    let held = |open: &OpenPane| open.log.len().saturating_sub(open.minus.len()) as u64;
    open.other += open.counted.retain(|id| !marked.get(id));
    let before = held(open);
    open.log.retain(|&id| !marked.get(id));
    open.minus.retain(|&id| !marked.get(id));
    open.other += before.saturating_sub(held(open));
    open.seen.retain(|seen| !marked.get(seen.id));
    open.unseen.retain(|gone| !marked.get(gone.0));
    (open.in_total, open.saved.log) = (open.log.len(), open.log.len());
    open.saved.seen = open.seen.len();
}
