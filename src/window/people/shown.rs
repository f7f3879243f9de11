//! People as rankings see them: estimates, open panes, and the rules that make them people.

use smallvec::{SmallVec, smallvec};

use crate::rank::score;
use crate::window::known;
use crate::window::pane::Open;
use crate::window::people::{Laid, People};
use crate::window::ring::{MINUTE_MS, step_of};
use crate::window::sliding::{Window, pane_before};

/// People of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crowd {
    /// Distinct authors, posts without author each being one.
    pub authors: f64,
    /// The same under the rules of people.
    pub people: f64,
    /// `authors` is an estimate.
    pub estimated: bool,
}

/// What the rules of people see of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowed {
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
    /// People whom the rule of spread allows; `None` where it does not ask.
    pub spread: Option<f64>,
    /// Their posts.
    pub posts: f64,
    /// People whom the rule of repetition allows.
    pub repeat: f64,
    /// What the rule of known authors sees; `None` where it does not ask.
    pub known: Option<Acquainted>,
}

/// What the rule of known authors sees of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Acquainted {
    /// Authors who had posted before they came to the tag.
    pub known: f64,
    /// The share of such authors among all who came to a tag.
    pub share: f64,
    /// People whom the rule allows.
    pub allows: f64,
}

impl People {
    /// Brings the columns of tags that are estimated up to the newest closed pane.
    pub(in crate::window) fn estimate(&mut self, windows: &mut [Window], newest: i64) {
        if std::mem::replace(&mut self.estimated, true) {
            return;
        }
        let panes = |window: &Window| newest.saturating_sub(window.gone_to_pane(self.pane_ms));
        let held = windows.iter().map(|window| panes(window).clamp(0, u32::MAX.into()) as u32);
        let mut held: SmallVec<[(u32, usize); 16]> = held.zip(0..).collect();
        held.sort_unstable();
        let panes: SmallVec<[u32; 16]> = held.iter().map(|held| held.0).collect();
        for (&id, big) in &self.big {
            let people = big.sketch.estimate(newest as u32, &panes);
            for (&(_, at), people) in held.iter().zip(people) {
                *windows[at].people.at_mut(id) = people.round() as u32;
            }
        }
    }

    /// Lays the people of open panes over the windows. `gone_to` is for each window the newest
    /// step that lies before it.
    pub(in crate::window) fn lay(
        &mut self,
        windows: &mut [Window],
        open: &[Open],
        (newest, closed_to): (i64, i64),
        gone_to: &[i64],
    ) {
        self.laid.clear();
        // The windows that hold a pane, a bit each.
        let pane_ms = self.pane_ms;
        let steps: SmallVec<[(i64, i64); 16]> =
            windows.iter().map(|window| window.step_ms).zip(gone_to.iter().copied()).collect();
        let inside = |pane: i64| {
            let bits = steps.iter().enumerate();
            bits.fold(0, |mask, (at, &(step_ms, gone_to))| {
                mask | u32::from(step_of(pane, pane_ms, step_ms) > gone_to) << at
            })
        };
        let mut seen: Vec<(u32, u32, i64)> = Vec::new();
        for pane in open.iter().filter(|pane| pane.index <= newest) {
            let authored = pane.seen.iter().filter(|seen| seen.author != 0);
            let mut here: Vec<_> = authored.map(|s| (s.id, s.author)).collect();
            here.sort_unstable();
            let mut gone = pane.unseen.clone();
            gone.sort_unstable();
            let mut gone = gone.into_iter().peekable();
            here.retain(|who| {
                while gone.next_if(|gone| gone < who).is_some() {}
                gone.next_if_eq(who).is_none()
            });
            self.lay_anonymous(pane, &here, inside(pane.index));
            seen.extend(here.into_iter().map(|(id, author)| (id, author, -pane.index)));
        }
        seen.sort_unstable();
        let known = self.known.as_ref().map(|known| (known, known::first_panes(open, newest)));
        for same in seen.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (id, author, pane) = same[0];
            let member = self.crowds.find(id, author).ok().map(|at| self.crowds.of(id)[at]);
            let member = member.filter(|m| m.posts > 0 && self.is_alive(m, closed_to));
            let before =
                member.filter(|m| !m.marks.only_copies()).map(|m| Self::pane(m.last, closed_to));
            let windows = inside(-pane) & !before.map_or(0, inside);
            let came = -same[same.len() - 1].2;
            let stranger = known.as_ref().is_some_and(|(known, first)| match member {
                Some(member) => member.marks.stranger(),
                None => known.is_stranger(author, came, first),
            });
            self.laid.push(Laid { id, pane: -pane, windows, count: 1, authored: true, stranger });
        }
        self.laid.retain(|laid| laid.windows != 0 && !self.crowds.is_sample(laid.id));
        self.laid.sort_by_key(|laid| laid.id);
        self.add_laid(windows, true);
    }

    fn lay_anonymous(&mut self, pane: &Open, authored: &[(u32, u32)], windows: u32) {
        let mut authored = authored.iter().peekable();
        for &(id, count) in &pane.shown.pairs {
            let mut mine = 0;
            while authored.next_if(|other| other.0 <= id).is_some_and(|other| other.0 <= id) {
                mine += 1;
            }
            let count = count.saturating_sub(mine);
            if count > 0 {
                let (pane, authored, stranger) = (pane.index, false, false);
                self.laid.push(Laid { id, pane, windows, count, authored, stranger });
            }
        }
    }

    /// Takes off what was laid over.
    pub(in crate::window) fn lift(&mut self, windows: &mut [Window]) {
        self.add_laid(windows, false);
        self.laid.clear();
    }

    fn add_laid(&self, windows: &mut [Window], on: bool) {
        for laid in &self.laid {
            for (at, window) in windows.iter_mut().enumerate() {
                if laid.windows >> at & 1 == 1 {
                    let people = window.people.at_mut(laid.id);
                    *people = if on { *people + laid.count } else { *people - laid.count };
                }
            }
        }
    }

    /// The people of a tag in the window number `at`, whose oldest step is after `gone_to`;
    /// `newest` is the newest pane shown, `closed_to` the newest closed one.
    pub(in crate::window) fn crowd(
        &self,
        id: u32,
        (at, window): (usize, &Window),
        gone_to: i64,
        (newest, closed_to): (i64, i64),
    ) -> Crowd {
        let authors = f64::from(window.people(id));
        let posts = f64::from(window.count(id));
        let estimated = self.is_estimated(id);
        if self.known.is_none() && authors <= score::FEW && posts <= 2.0 * authors {
            // No rule can say anything: the usual case, and cheap.
            return Crowd { authors, people: authors, estimated };
        }
        let allowed = self.allowed(id, (at, window), gone_to, (newest, closed_to));
        let alone = (authors - allowed.named).max(0.0);
        let known = allowed.known.map_or(allowed.named, |known| known.allows);
        let people = allowed.spread.unwrap_or(allowed.named).min(allowed.repeat).min(known) + alone;
        Crowd { authors, people, estimated }
    }

    /// When the people came whose last pane is known.
    fn arrivals(
        &self,
        id: u32,
        (at, window): (usize, &Window),
        gone_to: i64,
        (newest, closed_to): (i64, i64),
    ) -> Arrivals {
        let unit_ms = unit_ms(window.ms, self.pane_ms);
        let held = (window.ms / unit_ms + 2).clamp(1, UNITS_MAX as i64) as usize;
        let units = smallvec![0; held];
        let mut came = Arrivals { units, told: 0, strangers: 0, unit_ms, window_ms: window.ms };
        // Units are whole panes: their ages need no division of event times.
        let per_unit = (unit_ms / self.pane_ms) as u32;
        let unit_end = (step_of(newest, self.pane_ms, unit_ms) + 1) * i64::from(per_unit) - 1;
        let mut count = |pane: i64, stranger: bool| {
            let age = (unit_end - pane).clamp(0, u32::MAX.into()) as u32 / per_unit;
            came.units[(age as usize).min(held - 1)] += 1;
            came.told += 1;
            came.strangers += u32::from(stranger);
        };
        let gone_to = pane_before(gone_to, window.step_ms, self.pane_ms);
        for member in self.crowds.of(id).iter().filter(|m| !m.marks.only_copies() && m.posts > 0) {
            let pane = Self::pane(member.last, closed_to);
            if pane > gone_to {
                count(pane, member.marks.stranger());
            }
        }
        if !self.laid.is_empty() {
            let first = self.laid.partition_point(|laid| laid.id < id);
            let mine = self.laid[first..].iter().take_while(|laid| laid.id == id);
            let here = |laid: &&Laid| laid.authored && laid.windows >> at & 1 == 1;
            mine.filter(here).for_each(|laid| count(laid.pane, laid.stranger));
        }
        came
    }

    /// What the rules of people see of a tag, and what each of them allows: arguments as those of
    /// [`People::crowd`].
    pub(in crate::window) fn allowed(
        &self,
        id: u32,
        window: (usize, &Window),
        gone_to: i64,
        ends: (i64, i64),
    ) -> Allowed {
        let came = self.arrivals(id, window, gone_to, ends);
        let estimated = self.is_estimated(id);
        let authors = f64::from(window.1.people(id));
        let told = f64::from(came.told);
        let s = if estimated { authors } else { told };
        // Posts without author are people whom no rule asks.
        let alone = (authors - s).max(0.0);
        let posts = (f64::from(window.1.count(id)) - alone).max(0.0);
        let busiest = came.busiest_three().map(|t| s * t / told);
        Allowed {
            named: s,
            estimated,
            unit_ms: came.unit_ms,
            units: came.units.iter().filter(|count| **count > 0).count() as u32,
            busiest,
            spread: busiest.map(|t| score::spread(s, t)),
            posts,
            repeat: score::repeat(s, posts),
            known: self.acquainted(s, &came),
        }
    }

    /// What the rule of known authors sees of `s` authors, of whom some came as told.
    fn acquainted(&self, s: f64, came: &Arrivals) -> Option<Acquainted> {
        let share = self.known.as_ref()?.share()?;
        if came.told == 0 {
            return None;
        }
        let known = s * (f64::from(came.told - came.strangers) / f64::from(came.told));
        Some(Acquainted { known, share, allows: score::known(s, known, share) })
    }
}

/// Who of a window is known to have come when, counted by units of time back from now.
struct Arrivals {
    units: SmallVec<[u16; 256]>,
    told: u32,
    /// Those of them whom nobody had seen before.
    strangers: u32,
    unit_ms: i64,
    window_ms: i64,
}

impl Arrivals {
    /// How many came in the three busiest units, where the rule of spread asks.
    fn busiest_three(&self) -> Option<f64> {
        let asks = self.window_ms >= UNITS_MIN * self.unit_ms && self.told > 0;
        asks.then(|| f64::from(busiest_three(&self.units)))
    }
}

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

/// How many came in the three busiest units.
fn busiest_three(units: &[u16]) -> u32 {
    let mut best = [0_u16; 3];
    for &count in units.iter().filter(|count| **count > 0) {
        if count > best[2] {
            best[2] = count;
            best.sort_unstable_by(|a, b| b.cmp(a));
        }
    }
    best.iter().map(|&count| u32::from(count)).sum()
}
