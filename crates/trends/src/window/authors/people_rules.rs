//! The rules that make authors people: how many of the authors of a tag count in a window.
//!
//! Each rule takes figures of one tag in one window and returns how many people it allows; the
//! smallest of these counts.

use smallvec::SmallVec;

use crate::window::authors::AuthorCounts;
use crate::window::authors::overlay::{AHEAD, OverlayEntry};
use crate::window::authors::span::Span;
use crate::window::sliding_window::Window;

/// This many people are never too many at once.
const FEW: f64 = 3.0;

/// The rule of spread, for `s` people of whom `t` posted in the three busiest minutes: two hundred
/// accounts within three minutes count as three.
fn spread_rule(s: f64, t: f64) -> f64 {
    s.min(FEW + 3.0 * (s - t))
}

/// The rule of repetition: fewer than a hundred people with more than two posts each count less,
/// down to zero at three posts each.
fn repeat_rule(people: f64, posts: f64) -> f64 {
    let each = if people > 0.0 { posts / people } else { 0.0 };
    if each > 2.0 && people < 100.0 { people * (3.0 - each).clamp(0.0, 1.0) } else { people }
}

/// The rule of returning authors: if `share` of all authors who join a tag had posted before,
/// `known` of them allow `known / share` people.
fn returning_rule(people: f64, known: f64, share: f64) -> f64 {
    if share > 0.0 { people.min(known / share) } else { people }
}

/// Authors of one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TagAuthors {
    /// Distinct authors, posts without author each being one.
    pub authors: f64,
    /// The same under the rules of people.
    pub people: f64,
    /// `authors` is an estimate.
    pub estimated: bool,
}

/// Figures of the rules of people for one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RuleFigures {
    /// Distinct authors; posts without author are not among them.
    pub named: f64,
    /// `named` is an estimate, and `units` those of a sample.
    pub estimated: bool,
    /// Length of the units of time of the rule of spread, milliseconds.
    pub unit_ms: i64,
    /// Units with at least one author.
    pub units: u32,
    /// Of `named`, those in the three busiest units; `None` if the rule does not apply.
    pub busiest: Option<f64>,
    /// People that the rule of spread allows; `None` if it does not apply.
    pub spread: Option<f64>,
    /// Their posts.
    pub posts: f64,
    /// People that the rule of repetition allows.
    pub repeat: f64,
    /// Figures of the rule of returning authors; `None` if it does not apply.
    pub known: Option<Returning>,
}

/// Figures of the rule of returning authors for one tag in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returning {
    /// Authors who had posted before they joined the tag.
    pub known: f64,
    /// The share of such authors among all who joined a tag.
    pub share: f64,
    /// People that the rule allows.
    pub allows: f64,
}

impl AuthorCounts {
    /// The authors of a tag in a window.
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

    /// The authors of a tag in a window under the rules of people; at most the number of posts: an
    /// estimate may be larger, and authors of retracted posts may have older ones.
    #[inline]
    pub(in crate::window) fn people_of(&self, id: u32, window: &Window, span: &Span) -> f64 {
        let people = if self.are_few(id, window, span) {
            f64::from(window.people(id))
        } else {
            self.under_rules(id, window, span)
        };
        people.min(f64::from(window.count(id)))
    }

    /// True if no rule can apply: the usual case, and cheap to check.
    #[inline]
    fn are_few(&self, id: u32, window: &Window, span: &Span) -> bool {
        let (authors, posts) = (f64::from(window.people(id)), f64::from(window.count(id)));
        self.known.is_none() && (authors <= FEW || !span.asks) && posts <= 2.0 * authors
    }

    /// Prefetches what [`AuthorCounts::people_of`] will read of the tags after the current one,
    /// which is `number` in `ids`.
    #[inline]
    pub(in crate::window) fn prefetch(
        &self,
        (ids, number): (&[u32], usize),
        window: &Window,
        span: &Span,
    ) {
        let soon = |ahead| ids.get(number + ahead).filter(|id| !self.are_few(**id, window, span));
        soon(2 * AHEAD).into_iter().for_each(|&id| self.sets.prefetch_head(id));
        soon(AHEAD).into_iter().for_each(|&id| self.sets.prefetch_members(id));
    }

    #[inline(never)]
    fn under_rules(&self, id: u32, window: &Window, span: &Span) -> f64 {
        let authors = f64::from(window.people(id));
        let allowed = self.apply_rules(id, window, span, span.asks);
        let alone = (authors - allowed.named).max(0.0);
        let known = allowed.known.map_or(allowed.named, |known| known.allows);
        allowed.spread.unwrap_or(allowed.named).min(allowed.repeat).min(known) + alone
    }

    /// The last posts of members and of authors in open panes; by units of time if the rule of
    /// spread applies.
    fn arrivals(&self, id: u32, span: &Span, by_units: bool) -> Arrivals {
        let mut arrivals = Arrivals::default();
        // Authors of open panes are the newest, and few.
        let mut open: SmallVec<[(usize, u32); 8]> = SmallVec::new();
        if !self.overlaid.is_empty() {
            let first = self.overlaid.partition_point(|entry| entry.id < id);
            let mine = self.overlaid[first..].iter().take_while(|entry| entry.id == id);
            let here = |entry: &&OverlayEntry| entry.authored && entry.windows >> span.at & 1 == 1;
            for entry in mine.filter(here) {
                open.push((span.unit(entry.pane), entry.count));
                arrivals.counted += entry.count;
                arrivals.strangers += if entry.stranger { entry.count } else { 0 };
            }
            open.sort_unstable();
        }
        let mut open = open.into_iter().peekable();
        // The newest are last, so the first one outside the window ends the loop. The unit rarely
        // changes from one to the next.
        let (mut unit, mut until) = (0, 0);
        for member in self.sets.members(id).rev() {
            let ago = span.closed_to.wrapping_sub(member.last);
            if ago >= span.reach {
                break;
            }
            if !member.counts() {
                continue;
            }
            arrivals.counted += 1;
            arrivals.strangers += u32::from(member.marks.stranger());
            if !by_units {
                continue;
            }
            if ago >= until {
                (unit, until) = span.unit_ago(ago);
                while let Some(open) = open.next_if(|open| open.0 <= unit) {
                    arrivals.in_unit(open);
                }
            }
            arrivals.in_unit((unit, 1));
        }
        if by_units {
            open.for_each(|unit| arrivals.in_unit(unit));
            arrivals.end_unit();
        }
        arrivals
    }

    /// The figures of the rules of people for a tag in a window, and what each rule allows.
    pub(in crate::window) fn rule_figures(
        &self,
        id: u32,
        window: &Window,
        span: &Span,
    ) -> RuleFigures {
        self.apply_rules(id, window, span, true)
    }

    fn apply_rules(&self, id: u32, window: &Window, span: &Span, by_units: bool) -> RuleFigures {
        let arrivals = self.arrivals(id, span, by_units);
        let estimated = self.is_estimated(id);
        let authors = f64::from(window.people(id));
        let counted = f64::from(arrivals.counted);
        let s = if estimated { authors } else { counted };
        // Posts without author are people under no rule.
        let alone = (authors - s).max(0.0);
        let posts = (f64::from(window.count(id)) - alone).max(0.0);
        // The rule is applied to a sample as if it were complete, and the result scaled: in a
        // window with few members of the sample nearly all are in the busiest units in any case.
        let each = if arrivals.counted > 0 { s / counted } else { 0.0 };
        let busiest = f64::from(arrivals.busiest.iter().sum::<u32>());
        let asks = span.asks && arrivals.counted > 0;
        RuleFigures {
            named: s,
            estimated,
            unit_ms: span.unit_ms,
            units: arrivals.units,
            busiest: asks.then_some(each * busiest),
            spread: asks.then(|| each * spread_rule(counted, busiest)),
            posts,
            repeat: repeat_rule(s, posts),
            known: self.acquainted(s, &arrivals),
        }
    }

    /// The figures of the rule of returning authors for `s` authors.
    fn acquainted(&self, s: f64, arrivals: &Arrivals) -> Option<Returning> {
        let share = self.known.as_ref()?.share()?;
        if arrivals.counted == 0 {
            return None;
        }
        let known =
            s * (f64::from(arrivals.counted - arrivals.strangers) / f64::from(arrivals.counted));
        Some(Returning { known, share, allows: returning_rule(s, known, share) })
    }
}

/// Last posts of a window's authors, by units of time back from now.
#[derive(Default)]
struct Arrivals {
    /// Authors whose last post is known.
    counted: u32,
    /// Those of them without a post before.
    strangers: u32,
    /// Units with at least one author.
    units: u32,
    /// Authors in the three busiest units, most first.
    busiest: [u32; 3],
    /// The current unit, and its authors so far.
    unit: usize,
    here: u32,
}

impl Arrivals {
    /// So many more arrivals in a unit, which is not newer than any before it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::authors::Rules;
    use crate::window::{Ring, Shape};

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() <= by, "{a} is not {b}");
    }

    #[test]
    fn a_crowd_in_three_minutes_is_no_crowd() {
        let by_minute = |minutes: &[u32]| {
            let mut sorted = minutes.to_vec();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let s: u32 = sorted.iter().sum();
            let t: u32 = sorted.iter().take(3).sum();
            spread_rule(f64::from(s), f64::from(t))
        };
        near(by_minute(&[134, 66]), 3.0, 0.0);
        near(by_minute(&[7, 7, 7, 7]), 24.0, 0.0);
        near(by_minute(&[1, 1, 1, 1, 1]), 5.0, 0.0);
        near(by_minute(&[2; 15]), 30.0, 0.0);
        near(by_minute(&[67, 67, 66, 1, 1, 1]), 12.0, 0.0);
    }

    #[test]
    fn those_who_repeat_themselves_count_less() {
        near(repeat_rule(40.0, 52.0), 40.0, 0.0);
        near(repeat_rule(30.0, 75.0), 15.0, 0.0);
        near(repeat_rule(30.0, 90.0), 0.0, 0.0);
        near(repeat_rule(100.0, 900.0), 100.0, 0.0);
    }

    #[test]
    fn those_whom_nobody_has_seen_before_count_as_far_as_is_usual() {
        near(returning_rule(40.0, 28.0, 0.7), 40.0, 1e-12);
        near(returning_rule(40.0, 36.0, 0.7), 40.0, 0.0);
        near(returning_rule(40.0, 14.0, 0.7), 20.0, 1e-12);
        near(returning_rule(200.0, 0.0, 0.7), 0.0, 0.0);
        near(returning_rule(200.0, 0.0, 0.0), 200.0, 0.0);
    }

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
        let counted = ring.tag_authors(0, 0);
        assert!(counted.estimated && (80.0..=96.0).contains(&counted.authors), "{counted:?}");
        assert!(counted.people > 0.8 * counted.authors, "{counted:?}");
    }
}
