//! AuthorCounts as rankings see them: estimates, open panes, and the rules that make them people.

use smallvec::SmallVec;

use crate::window::authors::{AuthorCounts, TagRows, people_rules, radix_sort};
use crate::window::pane::OpenPane;
use crate::window::returning_authors;
use crate::window::ring::{MINUTE_MS, step_of};
use crate::window::sliding_window::{Window, pane_before};

/// Tags that are asked for before they are dealt with.
const AHEAD: usize = 6;

/// AuthorCounts of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TagAuthors {
    /// Distinct authors, posts without author each being one.
    pub authors: f64,
    /// The same under the rules of people.
    pub people: f64,
    /// `authors` is an estimate.
    pub estimated: bool,
}

/// What the rules of people see of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RuleFigures {
    /// Distinct authors; posts without author are not among them.
    pub named: f64,
    /// `named` is an estimate, and `units` those of a sample.
    pub estimated: bool,
    /// Length of the units of time by which the rule of spread counts, milliseconds.
    pub unit_ms: i64,
    /// Units in which somebody came.
    pub units: u32,
    /// Of `named`, those who came in the three busiest units; `None` where the rule does not ask.
    pub busiest: Option<f64>,
    /// AuthorCounts whom the rule of spread allows; `None` where it does not ask.
    pub spread: Option<f64>,
    /// Their posts.
    pub posts: f64,
    /// AuthorCounts whom the rule of repetition allows.
    pub repeat: f64,
    /// What the rule of known authors sees; `None` where it does not ask.
    pub known: Option<Returning>,
}

/// What the rule of known authors sees of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returning {
    /// Authors who had posted before they came to the tag.
    pub known: f64,
    /// The share of such authors among all who came to a tag.
    pub share: f64,
    /// AuthorCounts whom the rule allows.
    pub allows: f64,
}

/// Those of an open pane of whom the same is true, laid over the windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverlayEntry {
    pub(super) id: u32,
    pane: i64,
    /// Windows that count them, a bit each.
    windows: u64,
    /// Authors, not posts without author.
    authored: bool,
    /// Nobody had seen the authors before.
    stranger: bool,
    /// How many.
    pub(super) count: u32,
}

impl OverlayEntry {
    /// Adds them to others like them, or puts them behind the rest of their tag, which stands last.
    fn join(self, laid: &mut Vec<Self>) {
        let what = |of: &Self| (of.pane, of.windows, of.authored, of.stranger);
        let mut mine = laid.iter_mut().rev().take_while(|other| other.id == self.id);
        match mine.find(|other| what(other) == what(&self)) {
            Some(others) => others.count += self.count,
            None => laid.push(self),
        }
    }
}

impl AuthorCounts {
    /// Brings the columns of tags that are estimated up to the newest closed pane, in the windows
    /// asked for, a bit each.
    pub(in crate::window) fn estimate(&mut self, windows: &mut [Window], newest: i64, asked: u64) {
        self.big.estimate(windows, (newest, self.pane_ms), asked);
    }

    /// Lays the people of open panes over the windows. `gone_to` is for each window the newest
    /// step that lies before it.
    pub(in crate::window) fn overlay(
        &mut self,
        windows: &mut [Window],
        open: &mut [OpenPane],
        (newest, closed_to): (i64, i64),
        gone_to: &[i64],
    ) {
        self.overlaid.clear();
        let gone = windows.iter().zip(gone_to);
        let gone: SmallVec<[i64; 16]> =
            gone.map(|(window, &to)| pane_before(to, window.step_ms, self.pane_ms)).collect();
        // The windows that hold a pane, a bit each.
        let inside = |pane: i64| {
            let bits = gone.iter().enumerate();
            bits.fold(0, |mask, (at, &gone)| mask | u64::from(pane > gone) << at)
        };
        let mut seen: Vec<(u32, u32, i64)> = Vec::new();
        for pane in open.iter_mut().filter(|pane| pane.index <= newest) {
            self.overlay_pane(pane, inside(pane.index), &mut seen);
        }
        // Each pane's are in order.
        seen.sort();
        let known =
            self.known.as_ref().map(|known| (known, returning_authors::first_panes(open, newest)));
        let mut soon = seen.iter().skip(AHEAD);
        let mut sooner = seen.iter().skip(2 * AHEAD);
        for same in seen.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            sooner.nth(same.len() - 1).into_iter().for_each(|who| self.crowds.prefetch_head(who.0));
            soon.nth(same.len() - 1)
                .into_iter()
                .for_each(|who| self.crowds.prefetch_authors(who.0));
            let (id, author, pane) = same[0];
            if self.crowds.is_sample(id) {
                continue;
            }
            let member = self.crowds.find(id, author).map(|at| self.crowds.member(id, at));
            let member = member.filter(|m| m.posts > 0 && self.is_alive(m, closed_to));
            let before =
                member.filter(|m| !m.marks.only_copies()).map(|m| Self::pane(m.last, closed_to));
            let windows = inside(-pane) & !before.map_or(0, inside);
            if windows == 0 {
                continue;
            }
            let came = -same[same.len() - 1].2;
            let stranger = known.as_ref().is_some_and(|(known, first)| match member {
                Some(member) => member.marks.stranger(),
                None => known.is_stranger(author, came, first),
            });
            let pane = -pane;
            OverlayEntry { id, pane, windows, authored: true, stranger, count: 1 }
                .join(&mut self.overlaid);
        }
        self.overlaid.sort_by_key(|laid| laid.id);
        self.add_overlay(windows, true);
    }

    /// Puts the authors of an open pane behind `seen`, by tag and author, and lays its posts
    /// without author.
    fn overlay_pane(&mut self, open: &mut OpenPane, windows: u64, seen: &mut Vec<(u32, u32, i64)>) {
        let (before, laid) = (seen.len(), self.overlaid.len());
        radix_sort::sort(&open.seen, &mut self.sorted, &mut self.spare);
        open.unseen.sort_unstable();
        let mut rows = TagRows { seen: &self.sorted, unseen: &open.unseen };
        for &(id, count) in &open.shown.pairs {
            let mut authored = 0;
            for mine in rows.of(id).chunk_by(|a, b| a.author == b.author) {
                let left = mine.len().saturating_sub(rows.gone(&mine[0])) as u32;
                if left > 0 && mine[0].author != 0 {
                    seen.push((id, mine[0].author, -open.index));
                    authored += left;
                }
            }
            let count = count.saturating_sub(authored);
            if count > 0 && !self.crowds.is_sample(id) && windows != 0 {
                let (pane, authored, stranger) = (open.index, false, false);
                self.overlaid.push(OverlayEntry { id, pane, windows, authored, stranger, count });
            }
        }
        self.overlay_sketched(open, &seen[before..], laid);
    }

    /// Takes off what was laid over.
    pub(in crate::window) fn remove_overlay(&mut self, windows: &mut [Window]) {
        self.add_overlay(windows, false);
        self.overlaid.clear();
    }

    fn add_overlay(&self, windows: &mut [Window], on: bool) {
        for (at, window) in windows.iter_mut().enumerate() {
            for laid in self.overlaid.iter().filter(|laid| laid.windows >> at & 1 == 1) {
                let people = window.people.at_mut(laid.id);
                *people = if on { *people + laid.count } else { *people - laid.count };
            }
        }
    }

    /// The people of a tag in a window.
    pub(in crate::window) fn tag_authors(
        &self,
        id: u32,
        window: &Window,
        span: &Span,
    ) -> TagAuthors {
        let people = self.people_of(id, window, span);
        let authors = f64::from(window.people(id).min(window.count(id)));
        TagAuthors { authors, people, estimated: self.is_estimated(id) }
    }

    /// The authors of a tag in a window under the rules of people; no more than there are posts:
    /// an estimate may be, and whoever took these back may have older ones.
    #[inline]
    pub(in crate::window) fn people_of(&self, id: u32, window: &Window, span: &Span) -> f64 {
        let people = if self.are_few(id, window, span) {
            f64::from(window.people(id))
        } else {
            self.under_rules(id, window, span)
        };
        people.min(f64::from(window.count(id)))
    }

    /// True where no rule can say anything: the usual case, and cheap to tell.
    #[inline]
    fn are_few(&self, id: u32, window: &Window, span: &Span) -> bool {
        let (authors, posts) = (f64::from(window.people(id)), f64::from(window.count(id)));
        self.known.is_none()
            && (authors <= people_rules::FEW || !span.asks)
            && posts <= 2.0 * authors
    }

    /// Asks for what [`AuthorCounts::people_of`] will read of tags that are soon dealt with, the one in
    /// `ids` being `number`.
    #[inline]
    pub(in crate::window) fn prefetch(
        &self,
        (ids, number): (&[u32], usize),
        window: &Window,
        span: &Span,
    ) {
        let soon = |ahead| ids.get(number + ahead).filter(|id| !self.are_few(**id, window, span));
        soon(2 * AHEAD).into_iter().for_each(|&id| self.crowds.prefetch_head(id));
        soon(AHEAD).into_iter().for_each(|&id| self.crowds.prefetch_members(id));
    }

    #[inline(never)]
    fn under_rules(&self, id: u32, window: &Window, span: &Span) -> f64 {
        let authors = f64::from(window.people(id));
        let allowed = self.apply_rules(id, window, span, span.asks);
        let alone = (authors - allowed.named).max(0.0);
        let known = allowed.known.map_or(allowed.named, |known| known.allows);
        allowed.spread.unwrap_or(allowed.named).min(allowed.repeat).min(known) + alone
    }

    /// When the people came whose last pane is known; by units of time where that matters.
    fn arrivals(&self, id: u32, span: &Span, by_units: bool) -> Arrivals {
        let mut came = Arrivals::default();
        // Those of open panes are the newest, and few.
        let mut open: SmallVec<[(usize, u32); 8]> = SmallVec::new();
        if !self.overlaid.is_empty() {
            let first = self.overlaid.partition_point(|laid| laid.id < id);
            let mine = self.overlaid[first..].iter().take_while(|laid| laid.id == id);
            let here = |laid: &&OverlayEntry| laid.authored && laid.windows >> span.at & 1 == 1;
            for laid in mine.filter(here) {
                open.push((span.unit(laid.pane), laid.count));
                came.told += laid.count;
                came.strangers += if laid.stranger { laid.count } else { 0 };
            }
            open.sort_unstable();
        }
        let mut open = open.into_iter().peekable();
        // The newest stand last: from the first who came too early on, all did. The unit changes
        // seldom from one to the next.
        let (mut unit, mut until) = (0, 0);
        for member in self.crowds.members(id).rev() {
            let ago = span.closed_to.wrapping_sub(member.last);
            if ago >= span.reach {
                break;
            }
            if !member.counts() {
                continue;
            }
            came.told += 1;
            came.strangers += u32::from(member.marks.stranger());
            if !by_units {
                continue;
            }
            if ago >= until {
                (unit, until) = span.unit_ago(ago);
                while let Some(open) = open.next_if(|open| open.0 <= unit) {
                    came.in_unit(open);
                }
            }
            came.in_unit((unit, 1));
        }
        if by_units {
            open.for_each(|unit| came.in_unit(unit));
            came.end_unit();
        }
        came
    }

    /// What the rules of people see of a tag in a window, and what each of them allows.
    pub(in crate::window) fn rule_figures(
        &self,
        id: u32,
        window: &Window,
        span: &Span,
    ) -> RuleFigures {
        self.apply_rules(id, window, span, true)
    }

    fn apply_rules(&self, id: u32, window: &Window, span: &Span, by_units: bool) -> RuleFigures {
        let came = self.arrivals(id, span, by_units);
        let estimated = self.is_estimated(id);
        let authors = f64::from(window.people(id));
        let told = f64::from(came.told);
        let s = if estimated { authors } else { told };
        // Posts without author are people whom no rule asks.
        let alone = (authors - s).max(0.0);
        let posts = (f64::from(window.count(id)) - alone).max(0.0);
        // Of a sample the rule is asked as if it were everybody, then each stands for so many: in a
        // window that holds few of it, nearly all come in the busiest units whoever they are.
        let each = if came.told > 0 { s / told } else { 0.0 };
        let busiest = f64::from(came.busiest.iter().sum::<u32>());
        let asks = span.asks && came.told > 0;
        RuleFigures {
            named: s,
            estimated,
            unit_ms: span.unit_ms,
            units: came.units,
            busiest: asks.then_some(each * busiest),
            spread: asks.then(|| each * people_rules::spread(told, busiest)),
            posts,
            repeat: people_rules::repeat(s, posts),
            known: self.acquainted(s, &came),
        }
    }

    /// What the rule of known authors sees of `s` authors, of whom some came as told.
    fn acquainted(&self, s: f64, came: &Arrivals) -> Option<Returning> {
        let share = self.known.as_ref()?.share()?;
        if came.told == 0 {
            return None;
        }
        let known = s * (f64::from(came.told - came.strangers) / f64::from(came.told));
        Some(Returning { known, share, allows: people_rules::known(s, known, share) })
    }
}

/// Who of a window is known to have come when, by units of time back from now.
#[derive(Default)]
struct Arrivals {
    told: u32,
    /// Those of them whom nobody had seen before.
    strangers: u32,
    /// Units in which somebody came.
    units: u32,
    /// How many came in the three busiest, most first.
    busiest: [u32; 3],
    /// The unit being counted, and how many came in it so far.
    unit: usize,
    here: u32,
}

impl Arrivals {
    /// So many more came in a unit, which is not newer than any before it.
    #[inline]
    fn in_unit(&mut self, (unit, authors): (usize, u32)) {
        if unit != self.unit {
            self.end_unit();
            self.unit = unit;
        }
        self.here += authors;
    }

    fn end_unit(&mut self) {
        let mut count = std::mem::take(&mut self.here);
        self.units += u32::from(count > 0);
        for best in &mut self.busiest {
            (*best, count) = (count.max(*best), count.min(*best));
        }
    }
}

/// A window as it is shown, in panes: what does not depend on the tag.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Number of the window.
    pub(in crate::window) at: usize,
    unit_ms: i64,
    /// It has so many units that the rule of spread asks.
    asks: bool,
    /// ClosedPanes of a unit, and 2^36 by them.
    per_unit: u32,
    units_of_pane: u64,
    /// Units that it holds.
    units: usize,
    /// The last pane of the newest unit.
    unit_end: i64,
    /// The newest closed pane, modulo 2^32; whoever came so many panes before it is outside, and
    /// the newest unit ends so many after it.
    closed_to: u32,
    reach: u32,
    ahead: u32,
}

impl Span {
    /// OverlaidCounts are panes up to the first of `ends`, or closed ones alone, which go to the second.
    pub(in crate::window) fn new(
        at: usize,
        window: &Window,
        (shown_at, closed_to): (Option<i64>, i64),
        pane_ms: i64,
    ) -> Self {
        let newest = shown_at.unwrap_or(closed_to);
        let gone_to = pane_before(window.gone_at(newest, pane_ms), window.step_ms, pane_ms);
        // Units are whole panes: their ages need no division of event times.
        let unit_ms = unit_ms(window.ms, pane_ms);
        let per_unit = unit_ms / pane_ms;
        let unit_end = pane_before(step_of(newest, pane_ms, unit_ms), unit_ms, pane_ms);
        let panes = |from: i64, to: i64| to.saturating_sub(from).clamp(0, u32::MAX.into()) as u32;
        Self {
            at,
            unit_ms,
            asks: window.ms >= UNITS_MIN * unit_ms,
            per_unit: per_unit as u32,
            units_of_pane: (1 << UNIT_BITS) / per_unit as u64 + 1,
            units: (window.ms / unit_ms + 2).clamp(1, UNITS_MAX as i64) as usize,
            unit_end,
            closed_to: closed_to as u32,
            reach: panes(gone_to, closed_to),
            ahead: panes(closed_to, unit_end),
        }
    }

    /// The unit of a pane so many before the newest closed one, and how many before it the first
    /// pane of the unit before that lies.
    fn unit_ago(&self, ago: u32) -> (usize, u32) {
        let unit = self.unit_of(ago.wrapping_add(self.ahead));
        let next = (unit as u32 + 1).saturating_mul(self.per_unit).saturating_sub(self.ahead);
        (unit.min(self.units - 1), next)
    }

    /// The unit of an open pane.
    fn unit(&self, pane: i64) -> usize {
        let age = (self.unit_end - pane).clamp(0, u32::MAX.into()) as u32;
        self.unit_of(age).min(self.units - 1)
    }

    /// `age` by the panes of a unit, right where their product is below 2^36; no window has so
    /// many.
    fn unit_of(&self, age: u32) -> usize {
        (u64::from(age).wrapping_mul(self.units_of_pane) >> UNIT_BITS) as usize
    }
}

/// Bits behind the point of [`Span::units_of_pane`].
const UNIT_BITS: u32 = 36;

/// Units of the longest window: 24 hours of minutes, and one that is cut.
const UNITS_MAX: usize = 1441;
/// A window of fewer units has no room to be spread over.
const UNITS_MIN: i64 = 6;

/// The rule of spread looks at the three busiest minutes; in a window of less than a quarter of an
/// hour, at the three busiest of its fifteen parts.
fn unit_ms(window_ms: i64, pane_ms: i64) -> i64 {
    let part = (window_ms / 15 + pane_ms - 1) / pane_ms * pane_ms;
    part.clamp(pane_ms, MINUTE_MS.max(pane_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::authors::Rules;
    use crate::window::{Ring, Shape};

    #[test]
    fn few_of_a_sample_stand_for_many() {
        let (pane_ms, day) = (10_000, 86_400_000);
        let shape = Shape {
            pane_ms,
            windows_ms: vec![120_000, day],
            people: Some(Rules::default()),
            decay_ms: None,
        };
        let mut ring = Ring::new(&shape, false);
        ring.grow(1);
        // Somebody new again and again for a day, at last eight in each pane.
        let mut author = 0_u32;
        for pane in 0..8_640_i64 {
            for _ in 0..if pane < 8_628 { 4 } else { 8 } {
                author = author.wrapping_add(0x9e37_79b9);
                ring.add(pane * pane_ms, 1, 1, &[0], Some((author | 1, 0)));
            }
            ring.close_to((pane + 1) * pane_ms);
        }
        ring.estimate(u64::MAX);
        let crowd = ring.tag_authors(0, 0);
        assert!(crowd.estimated && (80.0..=96.0).contains(&crowd.authors), "{crowd:?}");
        assert!(crowd.people > 0.8 * crowd.authors, "{crowd:?}");
    }

    #[test]
    fn units_of_ages_are_whole_quotients() {
        for per_unit in [1, 2, 3, 6, 7, 59, 60, 599, 600] {
            let pane_ms = 60_000 / per_unit;
            let window = Window { ms: 7 * 86_400_000, step_ms: pane_ms, ..Window::default() };
            let span = Span::new(0, &window, (None, 0), pane_ms);
            let per_unit = (span.unit_ms / pane_ms) as u32;
            for unit in (0..6_048_000 / per_unit).step_by(997) {
                let first = unit * per_unit;
                let got = [first, first + per_unit - 1].map(|age| span.unit_of(age));
                assert_eq!(got, [unit as usize; 2], "{per_unit} panes in a unit");
            }
        }
    }
}
