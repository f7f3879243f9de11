//! The overlay: for rankings, counts of open panes are added to windows and totals, and removed
//! before anything changes.

use std::sync::Arc;

use crate::window::authors::{RuleFigures, Span, TagAuthors};
use crate::window::pane::{OpenPane, OverlaidCounts};
use crate::window::ring::{Ring, fallen, step_of};
use crate::window::total::bring_total;

impl Ring {
    /// Adds the open panes to windows and totals, for a ranking whose newest pane contains `at_ms`.
    /// The counts are valid until the next call that changes panes; if nothing has changed since
    /// the last time, this costs nothing.
    pub fn show(&mut self, at_ms: i64) {
        let newest = self.pane_of(at_ms).max(self.closed_to);
        // Every other change removes the overlay; posts in open panes do not.
        let is_new =
            |open: &OpenPane| open.posts != open.shown.posts || open.log.len() != open.in_total;
        if self.shown_at == Some(newest) && !self.open.iter().any(is_new) {
            return;
        }
        self.remove_overlay();
        for pane in &mut self.open {
            bring_total(&mut self.total, pane, &mut self.summer);
            let pairs = std::mem::take(&mut pane.shown.pairs);
            let mut pairs = Arc::try_unwrap(pairs).unwrap_or_default();
            self.summer.sum_open(pane, &mut pairs);
            pane.shown =
                OverlaidCounts { pairs: Arc::new(pairs), posts: pane.posts, tagged: pane.tagged };
        }
        self.estimate(u64::MAX);
        self.add_overlay(newest, true);
        if let Some(decay) = &mut self.decay {
            for open in self.open.iter().filter(|open| open.index <= newest) {
                decay.overlay((open.index + 1) * self.pane_ms, &open.shown.pairs);
            }
        }
        if let Some(people) = &mut self.people {
            let gone_to: Vec<i64> =
                self.windows.iter().map(|window| window.gone_at(newest, self.pane_ms)).collect();
            let ends = (newest, self.closed_to);
            people.overlay(&mut self.windows, &mut self.open, ends, &gone_to);
        }
        self.shown_at = Some(newest);
    }

    /// Removes what [`Ring::show`] added.
    pub(super) fn remove_overlay(&mut self) {
        if let Some(newest) = self.shown_at.take() {
            if let Some(people) = &mut self.people {
                people.remove_overlay(&mut self.windows);
            }
            if let Some(decay) = &mut self.decay {
                decay.remove_overlay();
            }
            self.add_overlay(newest, false);
        }
    }

    fn add_overlay(&mut self, newest: i64, on: bool) {
        for window in &mut self.windows {
            let gone_to = window.gone_at(newest, self.pane_ms);
            let kept = (&self.closed, &self.minutes);
            for closed in fallen(kept, self.pane_ms, window.step_ms, window.gone_to, gone_to) {
                if on { window.take_closed(closed) } else { window.add_closed(closed) }
            }
            for open in self.open.iter().filter(|open| open.index <= newest) {
                if step_of(open.index, self.pane_ms, window.step_ms) <= gone_to {
                    continue;
                }
                let OverlaidCounts { pairs, posts, tagged } = &open.shown;
                if on {
                    window.add_all(pairs, &[]);
                    window.posts += posts;
                    window.tagged += tagged;
                    window.other += open.other;
                } else {
                    window.take_all(pairs, &[]);
                    window.posts -= posts;
                    window.tagged -= tagged;
                    window.other -= open.other;
                }
            }
        }
    }

    /// The window number `at` with its overlay, to ask it for the authors of many tags.
    #[must_use]
    pub fn span(&self, at: usize) -> Span {
        Span::new(at, &self.windows[at], (self.shown_at, self.closed_to), self.pane_ms)
    }

    /// Authors of a tag in the window number `at`, with its overlay.
    #[must_use]
    pub fn tag_authors(&self, id: u32, at: usize) -> TagAuthors {
        let window = &self.windows[at];
        let Some(people) = &self.people else {
            let posts = f64::from(window.count(id));
            return TagAuthors { authors: posts, people: posts, estimated: false };
        };
        people.tag_authors(id, window, &self.span(at))
    }

    /// Only the authors under the rules of people, of a given window.
    #[must_use]
    #[inline]
    pub fn people_in(&self, id: u32, span: &Span) -> f64 {
        let window = &self.windows[span.at];
        match &self.people {
            Some(people) => people.people_of(id, window, span),
            None => f64::from(window.count(id)),
        }
    }

    /// Prefetches what [`Ring::people_in`] will read of the tags after the current one, which is
    /// `number` in `ids`.
    #[inline]
    pub fn prefetch_authors(&self, ids: &[u32], number: usize, span: &Span) {
        if let Some(people) = &self.people {
            people.prefetch((ids, number), &self.windows[span.at], span);
        }
    }

    /// The figures of the rules of people for a tag in the window number `at`, with its overlay;
    /// `None` if authors are not counted.
    #[must_use]
    pub fn rule_figures(&self, id: u32, at: usize) -> Option<RuleFigures> {
        Some(self.people.as_ref()?.rule_figures(id, &self.windows[at], &self.span(at)))
    }

    /// Distinct authors of a tag in the window number `at`, with its overlay; posts if authors are
    /// not counted.
    #[must_use]
    pub fn authors(&self, id: u32, at: usize) -> f64 {
        let window = &self.windows[at];
        f64::from(if self.people.is_some() { window.people(id) } else { window.count(id) })
    }

    /// True if authors are counted.
    #[must_use]
    pub fn has_people(&self) -> bool {
        self.people.is_some()
    }

    /// Updates the estimates of some windows, a bit each, to the newest closed pane.
    pub fn estimate(&mut self, asked: u64) {
        if let Some(people) = &mut self.people {
            people.estimate(&mut self.windows, self.closed_to, asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Shape;
    use crate::window::authors::Rules;
    use proptest::prelude::*;

    const PANE_MS: i64 = 10_000;

    fn ring() -> Ring {
        let shape = Shape {
            pane_ms: PANE_MS,
            windows_ms: vec![20_000, 60_000],
            people: Some(Rules::default()),
            decay_ms: Some(60_000),
        };
        let mut ring = Ring::new(&shape, true);
        ring.grow(3);
        ring
    }

    /// All-time count, weight, and posts and people in each window.
    type AuthorRow = (u64, f64, [(u32, TagAuthors); 2]);

    /// What a ranking reads of each tag.
    fn seen(ring: &Ring) -> Vec<AuthorRow> {
        let of = |id| {
            let window = |at: usize| (ring.windows()[at].count(id), ring.tag_authors(id, at));
            let windows = [0, 1].map(window);
            let weight = ring.decay().map_or(0.0, |decay| decay.column().get(id));
            (ring.total().count(id), weight, windows)
        };
        (0..3).map(of).collect()
    }

    proptest! {
        #[test]
        fn what_was_shown_before_shows_nowhere(
            steps in prop::collection::vec((0_u8..12, 0_u32..3, 0_i64..3, 1_u32..9), 1..80),
        ) {
            let (mut ring, mut anew) = (ring(), ring());
            let mut now = 100;
            for (what, id, ago, author) in steps {
                let at = (now - ago) * PANE_MS;
                let step = |ring: &mut Ring| match what {
                    0..=4 if !ring.is_late(at) => ring.add(at, 1, 1, &[id], Some((author, 0))),
                    0..=4 => ring.add_late(&[id]),
                    5 if !ring.is_late(at) => ring.add(at, 1, 0, &[], None),
                    6 => ring.retract(at, &[id], author),
                    7 => ring.close_to((now - 1) * PANE_MS),
                    8 => drop(ring.take_delta()),
                    9 => drop(ring.weights(None)),
                    _ => {}
                };
                step(&mut ring);
                step(&mut anew);
                now += i64::from(what == 10);
                ring.show(now * PANE_MS);
                anew.remove_overlay();
                anew.show(now * PANE_MS);
                prop_assert_eq!(seen(&ring), seen(&anew));
            }
        }
    }
}
