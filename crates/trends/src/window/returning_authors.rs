//! Authors who have posted before: a bit for each author of a stream, in two generations.
//!
//! An author is known from the pane after the first post on. "Before" goes by panes, in the order
//! in which these close, so the order of posts within the lateness and the times of rankings change
//! nothing. Only posts with tags are recorded, and deletes retract nothing.
//!
//! Bounds: two times 8 MiB, for any number of authors. A generation is a week of event time;
//! authors without a post in this one or the last are forgotten. Two authors may share a bit: with
//! n of them in two generations, n / 67 million of the strangers pass for known.

use crate::store::varint::{Reader, put, put_signed};
use crate::window::pane::OpenPane;

/// Bits of an author's hash that choose the bit.
const BITS: u32 = 26;
/// Words of one generation.
const WORDS: usize = 1 << (BITS - 5);
/// Words of each generation in one piece of a snapshot: few enough to copy without a delay.
const PIECE: usize = WORDS / 16;
const DAY_MS: i64 = 86_400_000;
/// Days of a generation.
const DAYS: i64 = 7;

/// The authors of a stream.
#[derive(Debug)]
pub(super) struct ReturningAuthors {
    pane_ms: i64,
    /// Panes in which every author passes for known, because the memory is too young.
    young: i64,
    /// This generation and the one before; empty before the first author.
    seen: [Vec<u32>; 2],
    /// Pane of the first author.
    since: Option<i64>,
    /// Day of the newest pane with an author.
    day: i64,
    /// Authors who joined a tag, and those of them who were known, of the last days: each day
    /// halves the counts before it.
    joined: [u64; 2],
}

/// A piece of it, to be encoded on another thread.
#[derive(Debug)]
pub struct Piece {
    epoch: u64,
    closed_to: i64,
    since: i64,
    day: i64,
    number: usize,
    words: [Vec<u32>; 2],
    /// Authors of open panes, in the first piece.
    open: Vec<(i64, Vec<u32>)>,
}

/// Authors of a pane, some more than once.
fn authors(open: &OpenPane) -> impl Iterator<Item = u32> + '_ {
    let seen = open.seen.iter().map(|seen| seen.author).filter(|&author| author != 0);
    seen.chain(open.came.iter().copied())
}

/// The place of an author's bit: word, and bit within it.
fn bit(author: u32) -> (usize, u32) {
    let number = author >> (u32::BITS - BITS);
    (number as usize / 32, 1 << (number % 32))
}

/// The authors of panes up to `newest`, each with the first of these; by author.
pub(super) fn first_panes(open: &[OpenPane], newest: i64) -> Vec<(u32, i64)> {
    let open = open.iter().filter(|open| open.index <= newest);
    let mut first: Vec<_> =
        open.flat_map(|open| authors(open).map(|author| (author, open.index))).collect();
    first.sort_unstable();
    first.dedup_by_key(|first| first.0);
    first
}

impl ReturningAuthors {
    /// Empty. Every author passes for known in the first `young` panes.
    pub(super) fn new(pane_ms: i64, young: i64) -> Self {
        let seen = <[Vec<u32>; 2]>::default();
        Self { pane_ms, young, seen, since: None, day: 0, joined: [0; 2] }
    }

    /// The same before the first author.
    pub(super) fn cleared(&self) -> Self {
        Self::new(self.pane_ms, self.young)
    }

    /// A pane is about to close.
    pub(super) fn begin(&mut self, open: &OpenPane) {
        if authors(open).next().is_none() {
            return;
        }
        let day = (open.index * self.pane_ms).div_euclid(DAY_MS);
        if self.since.is_none() {
            (self.since, self.day) = (Some(open.index), day);
            self.seen = [vec![0; WORDS], vec![0; WORDS]];
        }
        let days = (day - self.day).clamp(0, i64::from(u64::BITS) - 1);
        self.joined.iter_mut().for_each(|count| *count >>= days);
        match day.div_euclid(DAYS) - self.day.div_euclid(DAYS) {
            0 => {}
            1 => {
                self.seen.swap(0, 1);
                self.seen[0].fill(0);
            }
            _ => self.seen.iter_mut().for_each(|seen| seen.fill(0)),
        }
        self.day = day;
    }

    /// The pane is closed: its authors are known from now on.
    pub(super) fn end(&mut self, open: &OpenPane) {
        for author in authors(open) {
            let (word, bit) = bit(author);
            self.seen[0][word] |= bit;
        }
    }

    fn has(&self, author: u32) -> bool {
        let (word, bit) = bit(author);
        self.seen.iter().any(|seen| seen.get(word).is_some_and(|word| word & bit != 0))
    }

    fn is_young(&self, pane: i64) -> bool {
        self.since.is_none_or(|since| pane - since <= self.young)
    }

    /// An author joins a tag in the closing pane; true = a stranger. `counts` = the author counts
    /// for the tag.
    pub(super) fn joins(&mut self, author: u32, pane: i64, counts: bool) -> bool {
        if self.is_young(pane) {
            return false;
        }
        let known = self.has(author);
        self.joined[0] += u64::from(counts);
        self.joined[1] += u64::from(counts && known);
        !known
    }

    /// The same for an author in an open pane; `first` from [`first_panes`].
    pub(super) fn is_stranger(&self, author: u32, pane: i64, first: &[(u32, i64)]) -> bool {
        let before = first.binary_search_by_key(&author, |first| first.0);
        let before = before.is_ok_and(|at| first[at].1 < pane);
        !self.is_young(pane) && !before && !self.has(author)
    }

    /// The share of authors who were known when they joined a tag; `None` before the first.
    pub(super) fn share(&self) -> Option<f64> {
        let [all, known] = self.joined;
        (all > 0).then(|| known as f64 / all as f64)
    }

    /// The counts behind the share.
    pub(super) fn joined(&self) -> [u64; 2] {
        self.joined
    }

    /// Sets it, when a checkpoint is read.
    pub(super) fn set_joined(&mut self, joined: [u64; 2]) {
        self.joined = joined;
    }

    /// The piece `number` as of `epoch`, where `open` are the panes after `closed_to`; `None` =
    /// there is none.
    pub(super) fn piece(
        &self,
        number: usize,
        (epoch, closed_to): (u64, i64),
        open: &[OpenPane],
    ) -> Option<Piece> {
        let from = number * PIECE;
        let words = |at: usize| Some(self.seen[at].get(from..from + PIECE)?.to_vec());
        let of_pane = |open: &OpenPane| {
            let mut all: Vec<u32> = authors(open).collect();
            all.sort_unstable();
            all.dedup();
            (open.index, all)
        };
        let open = if number == 0 { open.iter().map(of_pane).collect() } else { Vec::new() };
        let (since, day) = (self.since?, self.day);
        Some(Piece { epoch, closed_to, since, day, number, words: [words(0)?, words(1)?], open })
    }

    /// Reads a piece after the number of its closed panes; passes the authors of open panes to
    /// `open`. `None` if it is malformed.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        mut open: impl FnMut(i64, u32),
    ) -> Option<()> {
        (self.since, self.day) = (Some(reader.get_signed()?), reader.get_signed()?);
        let from = usize::try_from(reader.get()?).ok().filter(|&n| n < WORDS / PIECE)? * PIECE;
        for seen in &mut self.seen {
            seen.resize(WORDS, 0);
            let words = &mut seen[from..from + PIECE];
            words.fill(0);
            let mut at = 0;
            for _ in 0..reader.get()? {
                at += usize::try_from(reader.get()?).ok()?;
                *words.get_mut(at)? = reader.get_u32()?;
                at += 1;
            }
        }
        while !reader.is_empty() {
            let index = reader.get_signed()?;
            for _ in 0..reader.get()? {
                open(index, reader.get_u32()?);
            }
        }
        Some(())
    }
}

impl Piece {
    /// Epoch, newest closed pane, pane of the first author, day, number of the piece; for each
    /// generation the words that are not zero: their number, and for each how many are skipped, and
    /// its bits; then for each open pane: its index, number of authors, authors.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.epoch);
        [self.closed_to, self.since, self.day].iter().for_each(|&at| put_signed(&mut out, at));
        put(&mut out, self.number as u64);
        for words in &self.words {
            put(&mut out, words.iter().filter(|word| **word != 0).count() as u64);
            let mut next = 0;
            for (at, &word) in (0_u64..).zip(words).filter(|(_, word)| **word != 0) {
                put(&mut out, at - next);
                put(&mut out, u64::from(word));
                next = at + 1;
            }
        }
        for (index, authors) in &self.open {
            put_signed(&mut out, *index);
            put(&mut out, authors.len() as u64);
            authors.iter().for_each(|&author| put(&mut out, u64::from(author)));
        }
        out
    }
}
