//! Who posts in the made-up world: accounts by rank, the busiest first.

use super::lexicon::LANGS;
use super::prng::Rng;
use super::tags::pieces;
use super::trends::{BOTS, push_number};

/// Ranks of people; those below are bots. The busiest writes about 0.2 % of all posts.
const FIRST: u32 = 64;
const LAST: u32 = (1 << 18) - 1;

/// An account, by its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account(pub(super) u32);

impl Account {
    /// A random author, more often a busy one.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self(rng.zipf(FIRST, LAST))
    }

    /// A bot.
    pub(super) fn bot(index: usize) -> Self {
        Self(index as u32)
    }

    /// Its number on the platform.
    pub(super) fn id(self) -> u64 {
        2_000_000_000 + u64::from(self.0) * 7_919
    }

    /// Writes its `@` name, without the `@`: letters and digits, at most 15.
    pub(super) fn write_name(self, out: &mut Vec<u8>) {
        if let Some((name, _)) = BOTS.get(self.0 as usize) {
            out.extend_from_slice(name.as_bytes());
            return;
        }
        pieces(self.0, LANGS[super::lexicon::EN].pieces, out);
        if self.0.is_multiple_of(3) {
            push_number(out, u64::from(self.0 % 100));
        }
    }
}
