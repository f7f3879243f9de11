//! A pane, or a minute of panes, being restored from pieces and records.

use std::sync::Arc;

use crate::store::column::Column;
use crate::store::varint::Reader;
use crate::window::counted::Change;
use crate::window::delta::Surplus;
use crate::window::evict::take_out;
use crate::window::pane::{ClosedPane, Pair, PaneSum};
use crate::window::restore::{CUT, CorruptSection, UNKNOWN};

/// A pane being restored.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) pairs: Vec<Pair>,
    pub(super) minus: Vec<u32>,
    /// Posts taken back of those that were counted elsewhere, and of these those without author.
    pub(super) less: Vec<Pair>,
    pub(super) alone_less: Vec<Pair>,
    /// Posts beyond the cap that records tell of, and that the piece has taken off already.
    pub(super) beyond: Vec<Surplus>,
    pub(super) beyond_before: Vec<Surplus>,
    /// Posts without author, and those of them that were retracted.
    pub(super) alone: Vec<Pair>,
    pub(super) alone_minus: Vec<u32>,
    pub(super) posts: i64,
    pub(super) tagged: i64,
    pub(super) other: u64,
}

impl Parts {
    /// Reads a pane and adds it; returns its pairs.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        rows: u32,
    ) -> Result<&[Pair], CorruptSection> {
        let before = self.pairs.len();
        self.posts += reader.get_signed().ok_or(CUT)?;
        self.tagged += reader.get_signed().ok_or(CUT)?;
        read_pairs(reader, rows, &mut self.pairs)?;
        Ok(&self.pairs[before..])
    }

    /// Takes in how what was counted elsewhere has changed.
    pub(super) fn change(&mut self, change: &Change, authors: bool) {
        let put = |by: i64, more: &mut Vec<Pair>, less: &mut Vec<Pair>| {
            let to = if by > 0 { more } else { less };
            let posts = by.unsigned_abs().min(u32::MAX.into()) as u32;
            to.extend((posts > 0).then_some((change.id, posts)));
        };
        put(change.posts(), &mut self.pairs, &mut self.less);
        if authors {
            put(change.unknown, &mut self.alone, &mut self.alone_less);
        }
    }

    pub(super) fn take_out(&mut self, marked: &Column<bool>) {
        let mut none = Vec::new();
        let held = take_out(&mut self.pairs, &mut none, marked);
        let before = self.minus.len();
        self.minus.retain(|&id| !marked.get(id));
        let mut gone = (before - self.minus.len()) as i64;
        gone += take_out(&mut self.less, &mut none, marked) as i64;
        take_out(&mut self.alone_less, &mut none, marked);
        gone += self.beyond.iter().filter(|of| marked.get(of.0)).map(|of| of.2).sum::<i64>();
        self.beyond.retain(|of| !marked.get(of.0));
        self.beyond_before.retain(|of| !marked.get(of.0));
        self.other += held.saturating_sub_signed(gone);
        take_out(&mut self.alone, &mut none, marked);
        self.alone_minus.retain(|&id| !marked.get(id));
    }

    /// `before` = no post in it has an author.
    pub(super) fn close(self, index: i64, before: bool, summer: &mut PaneSum) -> ClosedPane {
        let mut pairs = self.pairs;
        // A single piece is usually sorted already.
        let summed = pairs.is_sorted_by(|a, b| a.0 < b.0) && pairs.iter().all(|pair| pair.1 > 0);
        let less = self.minus.is_empty() && self.less.is_empty();
        if !summed || !less || !self.beyond.is_empty() {
            let of = |sign: i64| {
                let some = self.beyond.iter().filter(move |of| of.2.signum() == sign);
                some.map(|of| (of.0, of.2.unsigned_abs() as u32)).collect::<Vec<_>>()
            };
            summer.add_pairs(&pairs);
            summer.add_pairs(&of(-1));
            summer.retract(&self.minus);
            summer.take_pairs(&self.less);
            summer.take_pairs(&of(1));
            pairs.clear();
            summer.finish(&mut pairs);
        }
        pairs.shrink_to_fit();
        let (posts, tagged) = (self.posts.max(0) as u64, self.tagged.max(0) as u64);
        let pairs = Arc::new(pairs);
        let mut alone = Vec::new();
        if !before && !self.alone.is_empty() {
            summer.add_pairs(&self.alone);
            summer.retract(&self.alone_minus);
            summer.take_pairs(&self.alone_less);
            summer.finish(&mut alone);
        }
        let alone = if before { Arc::clone(&pairs) } else { Arc::new(alone) };
        let (other, lasts) = (self.other, Vec::new());
        let mut all = [self.beyond, self.beyond_before].concat();
        all.sort_unstable();
        let same = all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        let sum = same.map(|same| (same[0].0, same[0].1, same.iter().map(|of| of.2).sum::<i64>()));
        let left = sum.filter(|of| of.2 > 0).map(|(id, who, by)| (id, who, by as u32));
        let beyond = left.collect();
        ClosedPane { index, pairs, lasts, alone, beyond, posts, tagged, other }
    }
}

pub(super) fn read_pairs(
    reader: &mut Reader<'_>,
    rows: u32,
    pairs: &mut Vec<Pair>,
) -> Result<(), CorruptSection> {
    let number = reader.get().ok_or(CUT)?;
    // A pair has at least two bytes: a corrupt length reserves no more than the bytes that follow.
    pairs.reserve((reader.rest().len() / 2).min(usize::try_from(number).unwrap_or(usize::MAX)));
    for _ in 0..number {
        let id = reader.get_u32().ok_or(CUT)?;
        let by = reader.get_u32().ok_or(CUT)?;
        if id >= rows {
            return Err(UNKNOWN);
        }
        pairs.push((id, by));
    }
    Ok(())
}

/// Reads the posts beyond the cap of one pane, after its index.
pub(super) fn read_surplus(
    reader: &mut Reader<'_>,
    rows: u32,
    surplus: &mut Vec<Surplus>,
) -> Result<(), CorruptSection> {
    for _ in 0..reader.get().ok_or(CUT)? {
        let (id, author) = (reader.get_u32().ok_or(CUT)?, reader.get_u32().ok_or(CUT)?);
        surplus.push((id, author, reader.get_signed().ok_or(CUT)?));
        if id >= rows {
            return Err(UNKNOWN);
        }
    }
    Ok(())
}
