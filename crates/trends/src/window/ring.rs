//! The panes of one view, the windows over them, and the all-time totals.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::window::authors::{AuthorCounts, AuthorRow, ClosedPanes, PaneAuthors, Rules};
use crate::window::decay::Decay;
use crate::window::first_seen::FirstSeen;
use crate::window::pane::{ClosedPane, OpenPane, Pair, PaneSum, SavedLengths};
use crate::window::sliding_window::Window;
use crate::window::total::{Total, bring_total};

pub(super) const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Logs kept for reuse: as many as there are open panes if nothing is very late.
const SPARE: usize = 2;

/// Lengths, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Pane.
    pub pane_ms: i64,
    /// Windows: whole panes; beyond one hour whole minutes, and then panes divide a minute or are
    /// whole minutes themselves.
    pub windows_ms: Vec<i64>,
    /// Rules of people; `None` = authors are not counted.
    pub people: Option<Rules>,
    /// Half-life of decayed counts; `None` = there are none.
    pub decay_ms: Option<i64>,
}

/// Panes, windows, totals.
#[derive(Debug)]
pub struct Ring {
    pub(super) pane_ms: i64,
    /// Age in panes at which panes merge to minutes or are dropped.
    pub(super) fine: i64,
    pub(super) windows: Vec<Window>,
    pub(super) total: Total,
    pub(super) first: FirstSeen,
    pub(super) open: Vec<OpenPane>,
    pub(super) closed: VecDeque<ClosedPane>,
    pub(super) minutes: VecDeque<ClosedPane>,
    /// Panes up to this one are closed.
    pub(super) closed_to: i64,
    /// The newest pane of the overlay, while there is one.
    pub(super) shown_at: Option<i64>,
    pub(super) summer: PaneSum,
    /// Logs of closed panes, for reuse.
    spare: Vec<Vec<u32>>,
    pub(super) delta: Option<super::delta::Delta>,
    pub(super) decay: Option<Decay>,
    pub(super) people_rules: Option<Rules>,
    /// Present from the first post with an author on: until then each post is an author.
    pub(super) people: Option<AuthorCounts>,
}

impl Ring {
    /// Empty. `keep_delta` = collect changes for a checkpoint.
    #[must_use]
    pub fn new(shape: &Shape, keep_delta: bool) -> Self {
        // Panes of a minute and more need not merge.
        let merges = shape.pane_ms < MINUTE_MS;
        let long = merges && shape.windows_ms.iter().any(|&ms| ms > HOUR_MS);
        let longest = shape.windows_ms.iter().copied().max().unwrap_or(0);
        let windows = shape.windows_ms.iter().map(|&ms| Window {
            ms,
            step_ms: if merges && ms > HOUR_MS { MINUTE_MS } else { shape.pane_ms },
            gone_to: i64::MIN,
            ..Window::default()
        });
        Self {
            pane_ms: shape.pane_ms,
            fine: if long { HOUR_MS } else { longest } / shape.pane_ms,
            windows: windows.collect(),
            total: Total::default(),
            first: FirstSeen::default(),
            open: Vec::new(),
            closed: VecDeque::new(),
            minutes: VecDeque::new(),
            closed_to: i64::MIN,
            shown_at: None,
            summer: PaneSum::default(),
            spare: Vec::new(),
            delta: keep_delta.then(super::delta::Delta::default),
            decay: shape.decay_ms.map(|ms| Decay::new(ms, keep_delta)),
            people_rules: shape.people,
            people: None,
        }
    }

    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.summer.grow(rows);
        self.total.column.grow(rows);
        self.first.grow(rows);
        self.windows.iter_mut().for_each(|window| window.column.grow(rows));
        if let Some(decay) = &mut self.decay {
            decay.grow(rows);
        }
        if let Some(people) = &mut self.people {
            people.grow(rows);
            self.windows.iter_mut().for_each(|window| window.people.grow(rows));
        }
    }

    /// The pane of an event time.
    #[must_use]
    pub fn pane_of(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.pane_ms)
    }

    /// True if the pane of `at_ms` is closed.
    #[must_use]
    pub fn is_late(&self, at_ms: i64) -> bool {
        self.pane_of(at_ms) <= self.closed_to
    }

    /// Counts posts whose pane is open; `who` = author and fingerprint of the text, if known.
    pub fn add(
        &mut self,
        at_ms: i64,
        posts: u64,
        tagged: u64,
        ids: &[u32],
        who: Option<(u32, u32)>,
    ) {
        let index = self.pane_of(at_ms);
        debug_assert!(index > self.closed_to, "a closed pane takes no posts");
        if who.is_some() && self.people.is_none() {
            self.begin_people();
        }
        let people = self.people.is_some();
        let open = self.open_pane(index);
        open.log.extend_from_slice(ids);
        if people {
            let (author, print) = who.unwrap_or_default();
            open.seen.extend(ids.iter().map(|&id| AuthorRow { id, author, print }));
        }
        open.posts += posts;
        open.tagged += tagged;
    }

    /// Counts posts whose pane is closed: all-time only.
    pub fn add_late(&mut self, ids: &[u32]) {
        ids.iter().for_each(|&id| self.total.add(id, 1));
        let from = self.closed_to.saturating_add(1).saturating_mul(self.pane_ms);
        self.first.late(from, ids, self.delta.is_some());
        if let Some(delta) = &mut self.delta {
            delta.late.extend_from_slice(ids);
        }
    }

    pub(super) fn open_pane(&mut self, index: i64) -> &mut OpenPane {
        // Posts come nearly in order, so the pane is the last one or close to it.
        let at = self.open.iter().rposition(|open| open.index <= index);
        match at {
            Some(at) if self.open[at].index == index => &mut self.open[at],
            _ => {
                let at = at.map_or(0, |at| at + 1);
                let log = self.spare.pop().unwrap_or_default();
                self.open.insert(at, OpenPane { index, log, ..OpenPane::default() });
                &mut self.open[at]
            }
        }
    }

    /// Closes every pane that ends at or before `watermark_ms`, in order.
    pub fn close_to(&mut self, watermark_ms: i64) {
        let to = self.pane_of(watermark_ms) - 1;
        if to <= self.closed_to {
            return;
        }
        self.remove_overlay();
        while self.open.first().is_some_and(|open| open.index <= to) {
            let open = self.open.remove(0);
            self.close(open);
        }
        self.closed_to = to;
        self.expire(to);
        if let Some(people) = &mut self.people {
            people.prune_sketched(&mut self.windows, to);
        }
    }

    fn close(&mut self, mut open: OpenPane) {
        let seen = self.people.as_mut().map(|people| people.sort(&open.seen));
        let whole = seen.filter(|_| open.seen.len() == open.log.len());
        let mut pairs = whole.unwrap_or_else(|| self.summer.sum(&open.log));
        pairs.shrink_to_fit();
        let mut pairs = Arc::new(pairs);
        self.save_open(&mut open, Some(&pairs));
        if open.in_total == 0 {
            self.total.add_all(&pairs);
        } else {
            bring_total(&mut self.total, &mut open, &mut self.summer);
        }
        if !open.minus.is_empty() || !open.counted.is_empty() {
            self.summer.add_pairs(&pairs);
            self.summer.add_pairs(&open.counted.pairs);
            self.summer.retract(&open.minus);
            let mut left = Vec::new();
            self.summer.finish(&mut left);
            pairs = Arc::new(left);
        }
        self.first.close(open.index * self.pane_ms, &pairs, self.delta.is_some());
        self.closed_to = open.index;
        self.expire(open.index);
        let PaneAuthors { lasts, alone, beyond } = self.close_people(&mut open, &mut pairs);
        let alone = Arc::new(alone);
        let OpenPane { index, posts, tagged, other, mut log, .. } = open;
        if self.spare.len() < SPARE {
            log.clear();
            self.spare.push(log);
        }
        if let Some(decay) = &mut self.decay {
            decay.add((index + 1) * self.pane_ms, &pairs);
        }
        let closed = ClosedPane { index, pairs, lasts, alone, beyond, posts, tagged, other };
        self.windows.iter_mut().for_each(|window| window.add_closed(&closed));
        self.closed.push_back(closed);
    }

    /// Counts the authors of a pane that closes, and takes posts beyond the cap off `pairs`.
    fn close_people(&mut self, open: &mut OpenPane, pairs: &mut Arc<Vec<Pair>>) -> PaneAuthors {
        let Self { people, closed, minutes, windows, pane_ms, .. } = self;
        let Some(people) = people else { return PaneAuthors::default() };
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let taken = people.close(&mut kept, windows, open, pairs);
        if !taken.beyond.is_empty() {
            let pairs = Arc::make_mut(pairs);
            for &(id, _, by) in &taken.beyond {
                if let Ok(at) = pairs.binary_search_by_key(&id, |pair| pair.0) {
                    pairs[at].1 -= by;
                }
            }
            if let Some(delta) = &mut self.delta {
                let surplus = taken.beyond.iter().map(|&(id, who, by)| (id, who, i64::from(by)));
                delta.beyond.push((open.index, surplus.collect()));
            }
        }
        taken
    }

    /// Subtracts the panes that fall out of each window when `newest` is its newest pane, and
    /// merges or drops panes that are no longer needed on their own.
    fn expire(&mut self, newest: i64) {
        for window in &mut self.windows {
            let gone_to = window.gone_at(newest, self.pane_ms);
            let kept = (&self.closed, &self.minutes);
            for closed in fallen(kept, self.pane_ms, window.step_ms, window.gone_to, gone_to) {
                window.take_closed(closed);
            }
            window.gone_to = window.gone_to.max(gone_to);
        }
        let minutes = self.windows.iter().any(|window| window.step_ms != self.pane_ms);
        self.merge(newest - self.fine, minutes);
        let by_minutes = self.windows.iter().filter(|window| window.step_ms != self.pane_ms);
        if let Some(kept) = by_minutes.map(|window| window.gone_to).min() {
            while self.minutes.front().is_some_and(|minute| minute.index <= kept) {
                self.minutes.pop_front();
            }
        }
    }

    /// Turns panes up to `to` into minutes, a whole minute at a time; drops them if no window is
    /// longer than an hour.
    fn merge(&mut self, to: i64, keep: bool) {
        let per_minute = (MINUTE_MS / self.pane_ms).max(1);
        let (mut lasts, mut alone) = (Vec::new(), Vec::new());
        while let Some(first) = self.closed.front() {
            let minute = first.index.div_euclid(per_minute);
            if first.index > to || (keep && minute * per_minute + per_minute - 1 > to) {
                return;
            }
            let mut whole = ClosedPane { index: minute, ..ClosedPane::default() };
            lasts.clear();
            while self.closed.front().is_some_and(|c| {
                if keep { c.index.div_euclid(per_minute) == minute } else { c.index <= to }
            }) {
                let Some(closed) = self.closed.pop_front() else { break };
                if keep {
                    self.summer.add_pairs(&closed.pairs);
                    lasts.extend(closed.pairs.iter().map(|pair| pair.0).zip(closed.lasts));
                    alone.extend_from_slice(&closed.alone);
                    whole.beyond.extend(closed.beyond);
                    whole.posts += closed.posts;
                    whole.tagged += closed.tagged;
                    whole.other += closed.other;
                }
            }
            if keep {
                let mut pairs = Vec::new();
                self.summer.finish(&mut pairs);
                pairs.shrink_to_fit();
                if !lasts.is_empty() {
                    self.summer.add_pairs(&lasts);
                    whole.lasts = self.summer.finish_beside(&pairs);
                }
                if !alone.is_empty() {
                    self.summer.add_pairs(&alone);
                    alone.clear();
                    self.summer.finish(Arc::make_mut(&mut whole.alone));
                }
                whole.beyond.sort_unstable();
                whole.pairs = Arc::new(pairs);
                self.minutes.push_back(whole);
            }
        }
    }

    /// Author counts before the first author; `None` if authors are not counted.
    pub(super) fn empty_authors(&self) -> Option<AuthorCounts> {
        let longest = self.windows.iter().map(|window| window.ms).max().unwrap_or(self.pane_ms);
        self.people_rules.map(|rules| AuthorCounts::new(rules, self.pane_ms, longest))
    }

    /// Until the first post with an author, posts are people.
    pub(super) fn begin_people(&mut self) {
        self.remove_overlay();
        let Some(mut people) = self.empty_authors() else { return };
        people.grow(self.total.column.rows());
        people.from = self.closed_to;
        self.people = Some(people);
        let mut open = std::mem::take(&mut self.open);
        for open in &mut open {
            // Without retracted posts: nothing would subtract them later.
            let mut pairs = Vec::new();
            self.summer.sum_open(open, &mut pairs);
            let posts = pairs.iter().flat_map(|&(id, n)| std::iter::repeat_n(id, n as usize));
            open.seen = posts.map(|id| AuthorRow { id, author: 0, print: 0 }).collect();
            if !open.counted.is_empty() {
                self.log_counted(open);
            }
        }
        self.open = open;
        for window in &mut self.windows {
            window.people = window.column.snapshot();
        }
        for closed in self.closed.iter_mut().chain(&mut self.minutes) {
            closed.lasts = closed.pairs.iter().map(|pair| pair.1).collect();
            closed.alone = Arc::clone(&closed.pairs);
        }
    }

    /// Length of a pane.
    #[must_use]
    pub fn pane_ms(&self) -> i64 {
        self.pane_ms
    }

    /// Decayed counts, if there are any.
    #[must_use]
    pub fn decay(&self) -> Option<&Decay> {
        self.decay.as_ref()
    }

    /// True if no window holds a closed pane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.minutes.is_empty()
    }

    /// Start of the oldest open pane.
    #[must_use]
    pub fn open_from(&self) -> Option<i64> {
        self.open.first().map(|open| open.index * self.pane_ms)
    }

    /// Panes up to this one are closed.
    #[must_use]
    pub fn closed_to(&self) -> i64 {
        self.closed_to
    }

    /// Gives a new tag the total that an evicted one may have had.
    pub fn inherit(&mut self, id: u32, total: u64) {
        self.total.add(id, total);
    }

    /// Windows, ascending as configured.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// All-time counts.
    #[must_use]
    pub fn total(&self) -> &Total {
        &self.total
    }

    /// Counts of one tag in each stored pane, oldest first: (start ms, length ms, count).
    #[must_use]
    pub fn series(&self, id: u32) -> Vec<(i64, i64, u64)> {
        let count = |pairs: &[Pair]| {
            pairs.binary_search_by_key(&id, |pair| pair.0).map_or(0, |at| u64::from(pairs[at].1))
        };
        let mut series = Vec::new();
        for minute in &self.minutes {
            series.push((minute.index * MINUTE_MS, MINUTE_MS, count(&minute.pairs)));
        }
        for pane in &self.closed {
            series.push((pane.index * self.pane_ms, self.pane_ms, count(&pane.pairs)));
        }
        for open in &self.open {
            series.push((open.index * self.pane_ms, self.pane_ms, open.count(id)));
        }
        series
    }

    pub(super) fn mark_saved(open: &mut OpenPane) {
        let (posts, tagged) = (open.posts as i64, open.tagged as i64);
        open.saved = SavedLengths { log: open.log.len(), seen: open.seen.len(), posts, tagged };
    }

    /// Recomputes the windows from the stored panes.
    pub(super) fn rebuild_windows(&mut self) {
        for window in &mut self.windows {
            let gone_to = window.gone_at(self.closed_to, self.pane_ms);
            window.gone_to = gone_to;
            if window.step_ms != self.pane_ms {
                for minute in self.minutes.iter().filter(|m| m.index > gone_to) {
                    window.add_closed(minute);
                }
            }
            for pane in &self.closed {
                if step_of(pane.index, self.pane_ms, window.step_ms) > gone_to {
                    window.add_closed(pane);
                }
            }
        }
    }
}

/// True if windows beyond an hour, which slide by minutes, can be made of panes of this length.
#[must_use]
pub fn fits_minutes(pane_ms: i64) -> bool {
    MINUTE_MS % pane_ms == 0 || pane_ms % MINUTE_MS == 0
}

/// The step of length `step_ms` that contains a pane.
pub(super) fn step_of(pane: i64, pane_ms: i64, step_ms: i64) -> i64 {
    if step_ms == pane_ms { pane } else { pane.saturating_mul(pane_ms).div_euclid(step_ms) }
}

/// What falls out of a window with its steps in `(after, to]`: panes, and also whole minutes for a
/// window that slides by minutes.
pub(super) fn fallen<'a>(
    (closed, minutes): (&'a VecDeque<ClosedPane>, &'a VecDeque<ClosedPane>),
    pane_ms: i64,
    step_ms: i64,
    after: i64,
    to: i64,
) -> impl Iterator<Item = &'a ClosedPane> {
    let range = |panes: &'a VecDeque<ClosedPane>, step: &dyn Fn(&ClosedPane) -> i64| {
        let start = panes.partition_point(|closed| step(closed) <= after);
        let end = panes.partition_point(|closed| step(closed) <= to);
        panes.range(start..end.max(start))
    };
    let minutes = (step_ms != pane_ms).then(|| range(minutes, &|minute| minute.index));
    let panes = range(closed, &|pane| step_of(pane.index, pane_ms, step_ms));
    minutes.into_iter().flatten().chain(panes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_go_before_1970_too() {
        let windows_ms = vec![MINUTE_MS, 2 * HOUR_MS];
        let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
        for from in [-100 * HOUR_MS, 100 * HOUR_MS] {
            let mut ring = Ring::new(&shape, false);
            ring.grow(1);
            ring.add(from, 1, 1, &[0], None);
            for (hours, empty) in [(1, false), (2, false), (3, true)] {
                ring.close_to(from + hours * HOUR_MS);
                assert_eq!(ring.is_empty(), empty, "{hours} hours after {from}");
            }
        }
    }

    #[test]
    fn panes_of_minutes_make_windows_of_hours() {
        let windows_ms = vec![HOUR_MS, 4 * HOUR_MS];
        let shape = Shape { pane_ms: 5 * MINUTE_MS, windows_ms, people: None, decay_ms: None };
        let mut ring = Ring::new(&shape, false);
        ring.grow(1);
        for pane in 0..100 {
            ring.add(pane * shape.pane_ms, 1, 1, &[0], None);
            ring.close_to((pane + 1) * shape.pane_ms);
            let counts = [0, 1].map(|at| i64::from(ring.windows()[at].count(0)));
            assert_eq!(counts, [(pane + 1).min(12), (pane + 1).min(48)], "after pane {pane}");
        }
    }
}
