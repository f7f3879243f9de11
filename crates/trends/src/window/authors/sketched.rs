//! Tags with too many authors for an exact set: a sketch each, and the bound of their sample.
//!
//! Members are not stored here; sketches are made from the panes and from arguments. The authors of
//! a pane are inserted when it closes, all tags in a row, so the next reads are known and
//! prefetched.

use std::ops::Range;

use crate::window::author_sets::AuthorSets;
use crate::window::authors::ClosedPanes;
use crate::window::pane::ClosedPane;
use crate::window::registers::Registers;
use crate::window::ring::MINUTE_MS;
use crate::window::sliding_hll::{Entries, SlidingHll};
use crate::window::sliding_window::Window;
use tagtide_simd::prefetch;

/// How many authors ahead to prefetch: the tag, its register, its entry.
const AHEAD: [usize; 3] = [24, 16, 8];

/// A tag with too many authors for an exact set.
#[derive(Clone, Debug)]
pub(in crate::window) struct SketchedTag {
    pub(in crate::window) sketch: SlidingHll,
    /// Members are a sample: authors with a hash below this.
    pub(in crate::window) below: u32,
}

/// All such tags.
#[derive(Debug, Default)]
pub(in crate::window) struct SketchedTags {
    /// Ids, ascending, and their places in the other lists.
    places: Vec<(u32, u32)>,
    ids: Vec<u32>,
    tags: Vec<SketchedTag>,
    due: Vec<Due>,
    /// Before this pane no sketch becomes empty.
    alive_to: i64,
    /// Authors of the closing pane: place of the tag, author.
    came: Vec<(u32, u32)>,
    /// Places of tags whose estimates have changed.
    asked: Vec<u32>,
    reaches: Reaches,
    /// Panes that the longest window holds.
    horizon: u32,
    /// The newest closed pane known here, or the closing one.
    newest: i64,
    /// Windows whose estimates are those of that pane, a bit each.
    estimated: u64,
}

/// When a tag needs an update.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// Before this pane no window changes.
    slide: i64,
    /// Some windows lack the latest changes.
    tell: bool,
}

/// For a new tag.
const NOW: Due = Due { slide: i64::MIN, tell: true };

/// Reach of the windows, the shortest first.
#[derive(Debug, Default)]
struct Reaches {
    /// Numbers of the windows.
    order: Vec<usize>,
    /// Their panes, up to the newest.
    held: Vec<u32>,
    /// Their panes at least, whatever part of a minute has passed.
    least: Vec<u32>,
}

impl Reaches {
    /// The windows when `newest` is the newest pane; true if their order changes.
    fn set(&mut self, windows: &[Window], newest: i64, pane_ms: i64) -> bool {
        let panes = |panes: i64| panes.clamp(0, u32::MAX.into()) as u32;
        let held = |window: &Window| newest.saturating_sub(window.gone_to_pane(pane_ms));
        let least = |window: &Window| (window.steps() - 1) * (window.step_ms / pane_ms) + 1;
        let mut all: Vec<_> =
            windows.iter().map(|w| (panes(held(w)), panes(least(w)))).zip(0..).collect();
        all.sort_unstable_by_key(|&((held, least), at)| (held, least, at));
        let is_other = !all.iter().map(|of| of.1).eq(self.order.iter().copied());
        self.order = all.iter().map(|of| of.1).collect();
        self.held = all.iter().map(|of| of.0.0).collect();
        self.least = all.iter().map(|of| of.0.1).collect();
        is_other
    }
}

impl SketchedTags {
    pub(super) fn new(horizon: u32) -> Self {
        Self { horizon, newest: i64::MIN, ..Self::default() }
    }

    /// The pane `now` is about to close. Windows have slid as far.
    pub(super) fn begin(&mut self, windows: &[Window], now: i64, pane_ms: i64) {
        self.came.clear();
        self.reach(windows, now, pane_ms);
    }

    fn reach(&mut self, windows: &[Window], newest: i64, pane_ms: i64) {
        if newest == self.newest && windows.len() == self.reaches.order.len() {
            return;
        }
        (self.newest, self.estimated) = (newest, 0);
        if self.reaches.set(windows, newest, pane_ms) {
            self.tags.iter_mut().for_each(|big| big.sketch.forget_windows());
            self.due.fill(NOW);
        }
    }

    fn find(&self, id: u32) -> Result<usize, usize> {
        self.places.binary_search_by_key(&id, |place| place.0)
    }

    fn place(&self, id: u32) -> Option<u32> {
        self.find(id).ok().map(|at| self.places[at].1)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut SketchedTag> {
        self.place(id).map(|place| &mut self.tags[place as usize])
    }

    /// Authors of a sketched tag in the closing pane, in any order, and the number of its posts
    /// without author.
    pub(super) fn on_post(&mut self, id: u32, authors: &[u32], anonymous: u32, now: i64) {
        let Some(place) = self.place(id) else { return };
        self.came.extend(authors.iter().map(|&author| (place, author)));
        self.came.extend(alone(now, anonymous).map(|author| (place, author)));
    }

    /// Inserts the authors of the pane `now`, all of which are known.
    pub(super) fn end(&mut self, now: i64) {
        let mut last = u32::MAX;
        let came = std::mem::take(&mut self.came);
        for (at, &(place, author)) in came.iter().enumerate() {
            let ahead = AHEAD.map(|ahead| came.get(at + ahead));
            if let Some(&(place, _)) = ahead[0] {
                self.tags[place as usize].sketch.prefetch_self();
            }
            if let Some(&(place, author)) = ahead[1] {
                self.tags[place as usize].sketch.prefetch(author);
            }
            if let Some(&(place, author)) = ahead[2] {
                self.tags[place as usize].sketch.prefetch_entry(author);
            }
            if place != last {
                self.begin_tag(place as usize, now);
                last = place;
            }
            self.tags[place as usize].sketch.insert(author);
        }
        self.came = came;
        self.came.clear();
    }

    /// Takes in the authors of a tag that is here, as a sketch of the pane `now` has them.
    pub(super) fn merge(&mut self, id: u32, registers: &Registers, now: i64) {
        let Some(place) = self.place(id).map(|place| place as usize) else { return };
        self.begin_tag(place, now);
        self.tags[place].sketch.merge(registers);
    }

    /// Somebody of a tag has come in the pane `now`.
    fn begin_tag(&mut self, place: usize, now: i64) {
        let (sketch, due) = (&mut self.tags[place].sketch, &mut self.due[place]);
        due.slide(sketch, now, &self.reaches);
        sketch.begin(now as u32);
        // Of a window that was empty this pane is the first to fall out.
        let first = self.reaches.least.first().copied().unwrap_or(u32::MAX);
        *due = Due { slide: due.slide.min(now + i64::from(first)), tell: true };
    }

    /// Members of a tag that is here are those with a hash below this.
    pub(super) fn below(&self, id: u32) -> Option<u32> {
        self.place(id).map(|place| self.tags[place as usize].below)
    }

    /// Halves the sample of a tag; false if it is not sketched.
    pub(super) fn set_below(&mut self, id: u32, below: u32) -> bool {
        let big = self.get_mut(id);
        big.map(|big| big.below = below).is_some()
    }

    /// Moves a tag here from panes and members, and removes it from panes and windows. Members are
    /// given as pane and author.
    pub(super) fn make(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        (id, below): (u32, u32),
        members: impl Iterator<Item = (i64, u32)>,
    ) {
        let mut seen: Vec<_> = members.map(|(pane, author)| (pane, Some(author))).collect();
        let per_minute = (MINUTE_MS / kept.pane_ms).max(1);
        let mut take = |pane, closed: &mut ClosedPane| {
            if let Ok(at) = closed.pairs.binary_search_by_key(&id, |pair| pair.0)
                && let Some(last) = closed.lasts.get_mut(at)
            {
                *last = 0;
            }
            if let Some(posts) = closed.take_alone(id) {
                seen.extend((0..posts).map(|_| (pane, None)));
            }
        };
        kept.minutes.iter_mut().for_each(|minute| take(minute.index * per_minute, minute));
        kept.closed.iter_mut().for_each(|closed| take(closed.index, closed));
        seen.sort_unstable();
        let mut sketch = SlidingHll::new(self.horizon);
        for same in seen.chunk_by(|a, b| a.0 == b.0) {
            let authors = same.iter().filter_map(|who| who.1);
            let anonymous = same.len() - authors.clone().count();
            sketch.begin(same[0].0 as u32);
            let all = alone(same[0].0, anonymous as u32).chain(authors);
            all.for_each(|author| sketch.insert(author));
        }
        windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
        self.insert(id, SketchedTag { sketch, below });
    }

    /// Drops sketches that are empty when `now` is the newest closed pane. When this happens has no
    /// visible effect: a pane may close without the tag.
    pub(super) fn prune(&mut self, sets: &mut AuthorSets, windows: &mut [Window], now: i64) {
        if now < self.alive_to {
            return;
        }
        self.alive_to = i64::MAX;
        for place in (0..self.tags.len()).rev() {
            let panes = self.tags[place].sketch.last_seen(now as u32).unwrap_or(u32::MAX);
            if panes < self.horizon {
                self.alive_to = self.alive_to.min(now + i64::from(self.horizon - panes));
                continue;
            }
            let id = self.ids[place];
            self.forget(id);
            sets.mark_sample(id, false);
            windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
        }
    }

    /// Forgets a tag; false if it was not sketched.
    pub(super) fn forget(&mut self, id: u32) -> bool {
        let Ok(at) = self.find(id) else { return false };
        let place = self.places.remove(at).1;
        self.ids.swap_remove(place as usize);
        self.tags.swap_remove(place as usize);
        self.due.swap_remove(place as usize);
        if let Some(&moved) = self.ids.get(place as usize)
            && let Ok(at) = self.find(moved)
        {
            self.places[at].1 = place;
        }
        true
    }

    /// Tags of a range, for a checkpoint.
    pub(in crate::window) fn range(
        &self,
        ids: Range<u32>,
    ) -> impl Iterator<Item = (u32, &SketchedTag)> {
        let [from, to] = [ids.start, ids.end].map(|id| self.find(id).unwrap_or_else(|at| at));
        let places = self.places[from..to.max(from)].iter();
        places.map(|&(id, place)| (id, &self.tags[place as usize]))
    }

    /// Inserts or replaces a tag.
    fn insert(&mut self, id: u32, big: SketchedTag) {
        self.alive_to = i64::MIN;
        match self.find(id) {
            Ok(at) => {
                let place = self.places[at].1 as usize;
                (self.tags[place], self.due[place]) = (big, NOW);
            }
            Err(at) => {
                self.places.insert(at, (id, self.ids.len() as u32));
                self.ids.push(id);
                self.tags.push(big);
                self.due.push(NOW);
            }
        }
    }

    /// Inserts a tag from the registers of a checkpoint.
    pub(in crate::window) fn restore(
        &mut self,
        (id, below): (u32, u32),
        registers: impl Iterator<Item = Entries>,
    ) {
        let sketch = SlidingHll::restore(registers, self.horizon);
        self.insert(id, SketchedTag { sketch, below });
    }

    /// Updates the columns of these tags to the newest closed pane, in the windows `asked`, a bit
    /// each.
    pub(super) fn estimate(
        &mut self,
        windows: &mut [Window],
        (newest, pane_ms): (i64, i64),
        asked: u64,
    ) {
        self.reach(windows, newest, pane_ms);
        let asked =
            asked & !self.estimated & (1_u64.unbounded_shl(windows.len() as u32)).wrapping_sub(1);
        if asked == 0 {
            return;
        }
        self.estimated |= asked;
        let order = &self.reaches.order;
        let asked = order.iter().rev().fold(0, |bits, at| bits << 1 | asked >> at & 1);
        self.asked.clear();
        let is_due = |(_, due): &(u32, &Due)| due.tell || due.slide <= newest;
        self.asked.extend((0..).zip(&self.due).filter(is_due).map(|(place, _)| place));
        for (number, &place) in self.asked.iter().enumerate() {
            if let Some(&place) = self.asked.get(number + AHEAD[1]) {
                self.tags[place as usize].sketch.prefetch_self();
            }
            if let Some(&place) = self.asked.get(number + AHEAD[2]) {
                self.tags[place as usize].sketch.prefetch_windows();
                let id = self.ids[place as usize];
                windows.iter().for_each(|window| prefetch(window.people.at(id)));
            }
            let place = place as usize;
            let (id, due) = (self.ids[place], &mut self.due[place]);
            let sketch = &mut self.tags[place].sketch;
            due.slide(sketch, newest, &self.reaches);
            due.tell = !sketch.report(asked, |at, people| {
                *windows[order[at]].people.at_mut(id) = whole(people);
            });
        }
    }
}

impl Due {
    /// Slides a sketch's windows, if something may have fallen out of them.
    fn slide(&mut self, sketch: &mut SlidingHll, newest: i64, reaches: &Reaches) {
        if self.slide <= newest {
            let panes = sketch.slide(newest as u32, &reaches.held, &reaches.least);
            self.slide = newest + i64::from(panes);
        }
    }
}

/// Rounds a number that is not negative; `f64::round` would be a call.
fn whole(people: f64) -> u32 {
    let whole = people as u32;
    whole + u32::from(people - f64::from(whole) >= 0.5)
}

/// Posts without author are authors of their own.
fn alone(pane: i64, posts: u32) -> impl Iterator<Item = u32> {
    (0..posts).map(move |post| {
        let mixed = (pane as u32).wrapping_mul(0x9e37_79b9) ^ post.wrapping_mul(0x85eb_ca6b);
        let mixed = (mixed ^ mixed >> 16).wrapping_mul(0x7feb_352d);
        mixed ^ mixed >> 15
    })
}

#[cfg(test)]
mod tests;
