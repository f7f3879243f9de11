//! Tags with too many authors to tell apart: a sketch each, and who of them is a sample.
//!
//! Nothing here knows members; what becomes a sketch is told by the panes and by whoever calls.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::window::crowd::Crowds;
use crate::window::pane::Closed;
use crate::window::people::Panes;
use crate::window::ring::MINUTE_MS;
use crate::window::sketch::Sketch;
use crate::window::sliding::Window;

/// A tag with too many authors to tell apart.
#[derive(Clone, Debug, Default)]
pub(in crate::window) struct Big {
    pub(in crate::window) sketch: Sketch,
    /// Members are a sample: authors with a hash below this.
    pub(in crate::window) below: u32,
}

/// All of these tags.
#[derive(Debug, Default)]
pub(in crate::window) struct Bigs {
    big: BTreeMap<u32, Big>,
    /// Panes that the longest window holds.
    horizon: u32,
    /// Windows whose estimates are those of the newest closed pane, a bit each.
    estimated: u64,
}

impl Bigs {
    pub(super) fn new(horizon: u32) -> Self {
        Self { horizon, ..Self::default() }
    }

    /// A pane is about to close. Windows have slid as far.
    pub(super) fn begin(&mut self) {
        self.estimated = 0;
    }

    /// Authors of a tag with fewer authors than that in the pane that closes, and the number of its
    /// posts without author.
    pub(super) fn came(&mut self, id: u32, authors: &[u32], anonymous: u32, now: i64) {
        let horizon = self.horizon;
        let big = self.big.entry(id).or_default();
        big.anonymous(now, anonymous, horizon);
        authors.iter().for_each(|&author| big.sketch.expect(author));
        authors.iter().for_each(|&author| big.sketch.insert(author, now as u32, horizon));
    }

    /// All tags that posted in the pane have come.
    pub(super) fn end(&mut self) {}

    /// Members of a tag that is here are those with a hash below this.
    pub(super) fn below(&self, id: u32) -> Option<u32> {
        self.big.get(&id).map(|big| big.below)
    }

    /// Makes the sample of a tag smaller; false where it is not here.
    pub(super) fn set_below(&mut self, id: u32, below: u32) -> bool {
        let big = self.big.get_mut(&id);
        big.map(|big| big.below = below).is_some()
    }

    /// Takes a tag in, of all that panes and members say of it; panes and windows say it no more.
    /// Members come as pane and author.
    pub(super) fn make(
        &mut self,
        kept: &mut Panes<'_>,
        windows: &mut [Window],
        (id, below): (u32, u32),
        members: impl Iterator<Item = (i64, u32)>,
    ) {
        let mut seen: Vec<_> = members.map(|(pane, author)| (pane, Some(author))).collect();
        let per_minute = (MINUTE_MS / kept.pane_ms).max(1);
        let mut alone = |pane, closed: &mut Closed| {
            if let Ok(at) = closed.pairs.binary_search_by_key(&id, |pair| pair.0)
                && let Some(last) = closed.lasts.get_mut(at)
            {
                *last = 0;
            }
            if let Some(posts) = closed.take_alone(id) {
                seen.extend((0..posts).map(|_| (pane, None)));
            }
        };
        kept.minutes.iter_mut().for_each(|minute| alone(minute.index * per_minute, minute));
        kept.closed.iter_mut().for_each(|closed| alone(closed.index, closed));
        seen.sort_unstable();
        let mut big = Big { below, ..Big::default() };
        for same in seen.chunk_by(|a, b| a.0 == b.0) {
            let authors = same.iter().filter_map(|who| who.1);
            let anonymous = same.len() - authors.clone().count();
            big.anonymous(same[0].0, anonymous as u32, self.horizon);
            authors.for_each(|who| big.sketch.insert(who, same[0].0 as u32, self.horizon));
        }
        windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
        self.big.insert(id, big);
    }

    /// Sketches in which nobody is seen any more when `now` is the newest closed pane go. It shows
    /// nowhere in which panes that was looked for: a pane may close without this tag.
    pub(super) fn bury(&mut self, crowds: &mut Crowds, windows: &mut [Window], now: i64) {
        let horizon = self.horizon;
        self.big.retain(|&id, big| {
            let alive = big.sketch.is_alive(now as u32, horizon);
            if !alive {
                crowds.mark_sample(id, false);
                windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
            }
            alive
        });
    }

    /// Forgets a tag; false where it was not here.
    pub(super) fn forget(&mut self, id: u32) -> bool {
        self.big.remove(&id).is_some()
    }

    /// Tags of a range, for a checkpoint.
    pub(in crate::window) fn range(
        &self,
        ids: std::ops::Range<u32>,
    ) -> impl Iterator<Item = (u32, &Big)> {
        self.big.range(ids).map(|(&id, big)| (id, big))
    }

    /// Puts a tag in, when a checkpoint is read.
    pub(in crate::window) fn insert(&mut self, id: u32, big: Big) {
        self.big.insert(id, big);
    }

    /// Brings the columns of these tags up to the newest closed pane, in the windows asked for, a
    /// bit each.
    pub(super) fn estimate(
        &mut self,
        windows: &mut [Window],
        (newest, pane_ms): (i64, i64),
        asked: u64,
    ) {
        let asked = asked & !self.estimated;
        self.estimated |= asked;
        let panes = |window: &Window| newest.saturating_sub(window.gone_to_pane(pane_ms));
        let held = windows.iter().map(|window| panes(window).clamp(0, u32::MAX.into()) as u32);
        let mut held: SmallVec<[(u32, usize); 16]> = held.zip(0..).collect();
        held.retain(|(_, at)| asked >> *at & 1 == 1);
        if held.is_empty() {
            return;
        }
        held.sort_unstable();
        let panes: SmallVec<[u32; 16]> = held.iter().map(|held| held.0).collect();
        for (&id, big) in &self.big {
            let people = big.sketch.estimate(newest as u32, &panes);
            for (&(_, at), people) in held.iter().zip(people) {
                *windows[at].people.at_mut(id) = people.round() as u32;
            }
        }
    }
}

impl Big {
    /// Posts without author are authors of their own.
    fn anonymous(&mut self, pane: i64, posts: u32, horizon: u32) {
        for post in 0..posts {
            let mixed = (pane as u32).wrapping_mul(0x9e37_79b9) ^ post.wrapping_mul(0x85eb_ca6b);
            let mixed = (mixed ^ mixed >> 16).wrapping_mul(0x7feb_352d);
            self.sketch.insert(mixed ^ mixed >> 15, pane as u32, horizon);
        }
    }
}
