//! Retracted posts: a negative contribution to the pane that counted them.

use std::sync::Arc;

use crate::window::LATE;
use crate::window::author_sections::Retracted;
use crate::window::authors::ClosedPanes;
use crate::window::delta::PaneDelta;
use crate::window::ring::Ring;
use crate::window::total::bring_total;

impl Ring {
    /// Retracts a post: its tags from its pane, if that is still stored, and from the totals;
    /// `author` 0 = it had none.
    pub fn retract(&mut self, at_ms: i64, ids: &[u32], author: u32) {
        let tagged = u64::from(!ids.is_empty());
        self.retract_from(self.pane_of(at_ms), ids, author, (1, tagged));
    }

    /// Retracts occurrences of tags of one author from the pane `index`, and a number of posts and
    /// of posts with a tag.
    pub(super) fn retract_from(
        &mut self,
        index: i64,
        ids: &[u32],
        author: u32,
        (posts, tagged): (u64, u64),
    ) {
        self.remove_overlay();
        if let Some(delta) = &mut self.delta {
            delta.minus.push((index, ids.to_vec()));
        }
        if let Some(open) = self.open.iter_mut().find(|open| open.index == index) {
            bring_total(&mut self.total, open, &mut self.summer);
            ids.iter().for_each(|&id| self.total.take(id, 1));
            // The checkpoint takes it for a post taken back, not for fewer posts.
            open.saved.posts -= 1;
            open.saved.tagged -= i64::from(!ids.is_empty());
            open.minus.extend_from_slice(ids);
            if self.people.is_some() {
                open.unseen.extend(ids.iter().map(|&id| (id, author)));
            }
            open.posts = open.posts.saturating_sub(posts);
            open.tagged = open.tagged.saturating_sub(tagged);
            self.tell_left(index, ids, author);
            return;
        }
        ids.iter().for_each(|&id| self.total.take(id, 1));
        let counted = self.counted(index, ids, author);
        let (ids, all) = (counted.as_deref().unwrap_or(ids), ids);
        let Self { closed, minutes, pane_ms, decay, people_rules, delta, .. } = &mut *self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let closed = kept.find(index);
        // A late post has no pane and no weight; neither has one beyond the cap, but which posts
        // these were is known only while their pane is stored.
        let capped = people_rules.is_some_and(|rules| rules.cap > 0);
        let late = index == LATE.div_euclid(*pane_ms);
        let weighed = !late && (closed.is_some() || !capped);
        if let Some(decay) = decay.as_mut().filter(|_| weighed) {
            decay.retract((index + 1) * *pane_ms, ids);
        }
        let Some(closed) = closed else { return };
        if let Some(delta) = delta.as_mut().filter(|_| posts == 0) {
            // The checkpoint takes each entry for a retracted post.
            delta.panes.push(PaneDelta::posts(index, 1, i64::from(!ids.is_empty())));
        }
        // What the checkpoint has in hand stays as it was when it took it.
        let pairs = Arc::make_mut(&mut closed.pairs);
        for &id in ids {
            if let Ok(at) = pairs.binary_search_by_key(&id, |pair| pair.0) {
                pairs[at].1 = pairs[at].1.saturating_sub(1);
            }
        }
        self.leave(index, all, author);
        for window in self.windows.iter_mut().filter(|w| w.holds(index, self.pane_ms)) {
            ids.iter().for_each(|&id| window.take(id, 1));
        }
        self.less_posts(index, posts, tagged);
    }

    /// A closed pane has so many posts less, and posts with a tag.
    fn less_posts(&mut self, index: i64, posts: u64, tagged: u64) {
        let Self { closed, minutes, pane_ms, .. } = &mut *self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let Some(closed) = kept.find(index) else { return };
        closed.posts = closed.posts.saturating_sub(posts);
        closed.tagged = closed.tagged.saturating_sub(tagged);
        for window in self.windows.iter_mut().filter(|w| w.holds(index, self.pane_ms)) {
            window.posts = window.posts.saturating_sub(posts);
            window.tagged = window.tagged.saturating_sub(tagged);
        }
    }

    /// Takes posts back from a closed pane, whatever their tags.
    pub(super) fn take_posts(&mut self, index: i64, posts: u64, tagged: u64) {
        let Self { closed, minutes, pane_ms, .. } = &mut *self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let Some(closed) = kept.find(index) else { return };
        let (posts, tagged) = (posts.min(closed.posts), tagged.min(closed.tagged));
        self.less_posts(index, posts, tagged);
        if let Some(delta) = self.delta.as_mut().filter(|_| posts > 0 || tagged > 0) {
            delta.panes.push(PaneDelta::posts(index, -(posts as i64), -(tagged as i64)));
        }
    }

    /// The tags for which a post of a closed pane counts, if not for all: of an author with posts
    /// beyond the cap, one of these is retracted first.
    fn counted(&mut self, index: i64, ids: &[u32], author: u32) -> Option<Vec<u32>> {
        let Self { closed, minutes, pane_ms, .. } = &mut *self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let closed = kept.find(index).filter(|closed| !closed.beyond.is_empty())?;
        let (counted, spared) = closed.divide(ids, author);
        if let Some(delta) = self.delta.as_mut().filter(|_| !spared.is_empty()) {
            delta.beyond.push((index, spared.iter().map(|&id| (id, author, -1)).collect()));
        }
        Some(counted)
    }

    /// Retracts the author of a post in a stored closed pane.
    fn leave(&mut self, index: i64, ids: &[u32], author: u32) {
        self.tell_left(index, ids, author);
        let Self { people, closed, minutes, windows, pane_ms, .. } = self;
        let Some(people) = people else { return };
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        for &id in ids {
            people.left(&mut kept, windows, (id, author, index), self.closed_to);
        }
    }

    fn tell_left(&mut self, index: i64, ids: &[u32], author: u32) {
        if let Some(delta) = self.delta.as_mut().filter(|_| self.people.is_some()) {
            delta.left.push(Retracted {
                closed_to: self.closed_to,
                index,
                author,
                ids: ids.into(),
            });
        }
    }
}
