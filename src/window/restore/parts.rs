//! A pane, or a minute of panes, being put together from what pieces and records tell of it.

use std::sync::Arc;

use crate::state::column::Column;
use crate::state::varint::Reader;
use crate::window::evict::take_out;
use crate::window::pane::{Closed, Pair, Summer};
use crate::window::restore::{CUT, Nonsense, UNKNOWN};

/// A pane being put together.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) pairs: Vec<Pair>,
    pub(super) minus: Vec<u32>,
    pub(super) capped: Vec<Pair>,
    /// Posts without author, and those of them taken back.
    pub(super) alone: Vec<Pair>,
    pub(super) alone_minus: Vec<u32>,
    pub(super) posts: i64,
    pub(super) tagged: i64,
    pub(super) other: u64,
}

impl Parts {
    /// Reads a pane to what is there already; the answer is its pairs.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, rows: u32) -> Result<&[Pair], Nonsense> {
        let before = self.pairs.len();
        self.posts += reader.get_signed().ok_or(CUT)?;
        self.tagged += reader.get_signed().ok_or(CUT)?;
        read_pairs(reader, rows, &mut self.pairs)?;
        Ok(&self.pairs[before..])
    }

    pub(super) fn take_out(&mut self, marked: &Column<bool>) {
        let mut none = Vec::new();
        let held = take_out(&mut self.pairs, &mut none, marked);
        let capped = take_out(&mut self.capped, &mut none, marked);
        let before = self.minus.len();
        self.minus.retain(|&id| !marked.get(id));
        let gone = capped + (before - self.minus.len()) as u64;
        self.other += held.saturating_sub(gone);
        take_out(&mut self.alone, &mut none, marked);
        self.alone_minus.retain(|&id| !marked.get(id));
    }

    /// `before` = everything in it is without author.
    pub(super) fn close(self, index: i64, before: bool, summer: &mut Summer) -> Closed {
        let mut pairs = self.pairs;
        // What one piece alone told is mostly in order already.
        let summed = pairs.is_sorted_by(|a, b| a.0 < b.0) && pairs.iter().all(|pair| pair.1 > 0);
        if !summed || !self.minus.is_empty() || !self.capped.is_empty() {
            summer.add_pairs(&pairs);
            summer.take_back(&self.minus);
            summer.take_pairs(&self.capped);
            pairs.clear();
            summer.finish(&mut pairs);
        }
        pairs.shrink_to_fit();
        let (posts, tagged) = (self.posts.max(0) as u64, self.tagged.max(0) as u64);
        let pairs = Arc::new(pairs);
        let mut alone = Vec::new();
        if !before && !self.alone.is_empty() {
            summer.add_pairs(&self.alone);
            summer.take_back(&self.alone_minus);
            summer.finish(&mut alone);
        }
        let alone = if before { Arc::clone(&pairs) } else { Arc::new(alone) };
        let (other, lasts) = (self.other, Vec::new());
        Closed { index, pairs, lasts, alone, posts, tagged, other }
    }
}

pub(super) fn read_pairs(
    reader: &mut Reader<'_>,
    rows: u32,
    pairs: &mut Vec<Pair>,
) -> Result<(), Nonsense> {
    for _ in 0..reader.get().ok_or(CUT)? {
        let id = reader.get_u32().ok_or(CUT)?;
        let by = reader.get_u32().ok_or(CUT)?;
        if id >= rows {
            return Err(UNKNOWN);
        }
        pairs.push((id, by));
    }
    Ok(())
}
