//! What changed in a ring since the last checkpoint record, and the pieces of a full snapshot.
//!
//! A pane is written as: index, posts, posts with a tag, number of pairs, pairs. Numbers are
//! variable-length integers; the first three are signed, as deletes may make them negative.

use crate::state::varint::{put, put_signed};
use crate::window::pane::{Closed, Open, Pair};
use crate::window::ring::{MINUTE_MS, Ring, step_of};
use crate::window::total::bring_total;

/// Changes gathered for the next checkpoint record.
#[derive(Debug, Default)]
pub struct Delta {
    /// Panes in the form above.
    pub(super) panes: Vec<u8>,
    /// Ids counted late, one for each occurrence.
    pub(super) late: Vec<u32>,
    /// Posts taken back: pane and ids.
    pub(super) minus: Vec<(i64, Vec<u32>)>,
}

/// The bodies of one record's sections.
#[derive(Debug, Default)]
pub struct DeltaBodies {
    /// Panes.
    pub panes: Vec<u8>,
    /// Late pairs, in the form of one pane.
    pub late: Vec<u8>,
    /// Posts taken back: pane, number of ids, ids.
    pub minus: Vec<u8>,
}

pub(super) fn put_pane(out: &mut Vec<u8>, index: i64, posts: i64, tagged: i64, pairs: &[Pair]) {
    put_signed(out, index);
    put_signed(out, posts);
    put_signed(out, tagged);
    put(out, pairs.len() as u64);
    for &(id, count) in pairs {
        put(out, u64::from(id));
        put(out, u64::from(count));
    }
}

fn put_closed(out: &mut Vec<u8>, closed: &Closed) {
    put_pane(out, closed.index, closed.posts as i64, closed.tagged as i64, &closed.pairs);
}

impl Ring {
    /// Everything since the last call, as section bodies. Empty where no delta is kept.
    pub fn take_delta(&mut self) -> DeltaBodies {
        let mut open = std::mem::take(&mut self.open);
        for pane in &mut open {
            self.save_open(pane, None);
            // A snapshot's totals must hold what the records before it told.
            bring_total(&mut self.total, pane, &mut self.summer);
        }
        self.open = open;
        let Some(delta) = &mut self.delta else { return DeltaBodies::default() };
        let mut bodies = DeltaBodies { panes: std::mem::take(&mut delta.panes), ..<_>::default() };
        if !delta.late.is_empty() {
            let mut pairs = Vec::new();
            self.summer.sum(&delta.late, &mut pairs);
            delta.late.clear();
            put_pane(&mut bodies.late, 0, 0, 0, &pairs);
        }
        for (index, ids) in delta.minus.drain(..) {
            put_signed(&mut bodies.minus, index);
            put(&mut bodies.minus, ids.len() as u64);
            ids.iter().for_each(|&id| put(&mut bodies.minus, u64::from(id)));
        }
        bodies
    }

    /// Adds an open pane's news to the delta; `whole` = its log summed up, where that is at hand.
    pub(super) fn save_open(&mut self, open: &mut Open, whole: Option<&[Pair]>) {
        let Some(delta) = &mut self.delta else { return };
        let saved = open.saved;
        let (posts, tagged) = (open.posts as i64, open.tagged as i64);
        if saved.log == open.log.len() && saved.posts == posts && saved.tagged == tagged {
            return;
        }
        let (posts, tagged) = (posts - saved.posts, tagged - saved.tagged);
        match whole {
            Some(pairs) if saved.log == 0 => {
                put_pane(&mut delta.panes, open.index, posts, tagged, pairs);
            }
            _ => {
                let mut pairs = Vec::new();
                self.summer.sum(&open.log[saved.log..], &mut pairs);
                put_pane(&mut delta.panes, open.index, posts, tagged, &pairs);
            }
        }
        Self::mark_saved(open);
    }

    /// Appends panes of the next minutes after `cursor` to `out`, until it holds `budget` bytes or
    /// all are written. Returns the last minute written, or `None` when none was left.
    ///
    /// A minute is always written whole, so that panes that merge to minutes between two calls are
    /// neither missed nor written twice. Each pane is preceded by 0, or by 1 where it is a minute,
    /// and by what is in it of tags that gave way.
    pub fn snapshot_panes(&mut self, cursor: i64, budget: usize, out: &mut Vec<u8>) -> Option<i64> {
        let mut last = None;
        for minute in self.minutes.iter().filter(|minute| minute.index > cursor) {
            if out.len() >= budget {
                return last;
            }
            out.push(1);
            put(out, minute.other);
            put_closed(out, minute);
            last = Some(minute.index);
        }
        let minute_of = |index| step_of(index, self.pane_ms, MINUTE_MS);
        for pane in &self.closed {
            let minute = minute_of(pane.index);
            if minute <= cursor {
                continue;
            }
            if out.len() >= budget && last.is_some_and(|last| last != minute) {
                return last;
            }
            out.push(0);
            put(out, pane.other);
            put_closed(out, pane);
            last = Some(minute);
        }
        for open in &self.open {
            let minute = minute_of(open.index);
            if minute <= cursor {
                continue;
            }
            let mut pairs = Vec::new();
            self.summer.sum_open(open, &mut pairs);
            out.push(0);
            put(out, open.other);
            put_pane(out, open.index, open.posts as i64, open.tagged as i64, &pairs);
            last = Some(minute);
        }
        last
    }
}
