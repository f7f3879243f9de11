//! The cap on posts of one author that count for one tag in each span of time, if a job sets one.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::window::authors::Rules;

/// Posts counted in the current span; empty without a cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::window) struct PostCaps {
    /// Number of the span.
    span: i64,
    /// Posts counted, by tag and author, of members and others.
    counted: BTreeMap<(u32, u32), u8>,
}

impl PostCaps {
    /// A pane that starts at `at_ms` is about to close.
    pub(super) fn begin(&mut self, rules: &Rules, at_ms: i64) {
        if rules.cap > 0 {
            self.reach(at_ms.div_euclid(rules.cap_ms));
        }
    }

    /// Forgets counts of spans before `span`.
    fn reach(&mut self, span: i64) {
        if self.span != span {
            self.span = span;
            self.counted.clear();
        }
    }

    /// Counts posts of an author with a tag; returns those beyond the cap.
    pub(super) fn count(&mut self, rules: &Rules, (id, author): (u32, u32), posts: u32) -> u32 {
        if rules.cap == 0 {
            return 0;
        }
        let counted = self.counted.entry((id, author)).or_default();
        let more = posts.min(u32::from(rules.cap.saturating_sub(*counted)));
        *counted += more as u8;
        posts - more
    }

    /// Forgets a tag.
    pub(super) fn forget(&mut self, id: u32) {
        let gone: Vec<_> = self.counted.range((id, 0)..=(id, u32::MAX)).map(|of| *of.0).collect();
        for of in gone {
            self.counted.remove(&of);
        }
    }

    /// The span, and the posts counted in it of some tags: tag, author, posts.
    pub(in crate::window) fn of(&self, ids: Range<u32>) -> (i64, Vec<(u32, u32, u8)>) {
        let counted = self.counted.range((ids.start, 0)..(ids.end, 0));
        (self.span, counted.map(|(&(id, author), &posts)| (id, author, posts)).collect())
    }

    /// Takes in the count of an author of a tag in a span from a checkpoint; spans must be in
    /// order.
    pub(in crate::window) fn restore(&mut self, span: i64, (id, author): (u32, u32), posts: u8) {
        self.reach(span);
        self.counted.insert((id, author), posts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_spans_that_a_checkpoint_tells_the_later_holds() {
        let rules = Rules { cap: 3, cap_ms: 1_000, known: false };
        let mut caps = PostCaps::default();
        caps.restore(4, (1, 9), 3);
        caps.restore(5, (2, 9), 2);
        caps.begin(&rules, 5_999);
        assert_eq!([(1, 9), (2, 9)].map(|of| caps.count(&rules, of, 4)), [1, 3]);
        assert_eq!(caps.of(0..9), (5, vec![(1, 9, 3), (2, 9, 3)]));
    }
}
