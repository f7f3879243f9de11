//! A HyperLogLog sketch of the authors of one tag in one pane, as it is counted elsewhere.

use crate::window::sliding_hll::{self, REGISTERS};

/// A sketch of authors: the largest rank of each register, 0 = empty.
///
/// Within one pane nothing but the largest rank of a register matters, so this is all that a
/// sliding sketch keeps of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers(Box<[u8; REGISTERS]>);

impl Registers {
    /// Of no author.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::new([0; REGISTERS]))
    }

    /// From the ranks of all registers; `None` where one is larger than a rank can be.
    #[must_use]
    pub fn from_ranks(ranks: [u8; REGISTERS]) -> Option<Self> {
        let is_rank = |&rank: &u8| u32::from(rank) <= sliding_hll::RANK_MAX;
        ranks.iter().all(is_rank).then(|| Self(Box::new(ranks)))
    }

    /// The ranks of all registers.
    #[must_use]
    pub fn ranks(&self) -> &[u8; REGISTERS] {
        &self.0
    }

    /// Takes an author in, by what identifies authors within a tag.
    pub fn insert(&mut self, author: u32) {
        let (register, rank) = sliding_hll::place(author);
        self.0[register] = self.0[register].max(rank as u8);
    }

    /// Takes in the authors of another sketch.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&*other.0).for_each(|(mine, &theirs)| *mine = theirs.max(*mine));
    }

    /// True where it has no author.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&rank| rank == 0)
    }

    /// How many authors it holds, about.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        sliding_hll::estimate_ranks(&self.0)
    }
}

impl Default for Registers {
    fn default() -> Self {
        Self::new()
    }
}
