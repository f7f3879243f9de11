//! Retracted posts: a negative contribution to the pane that counted them.

use std::sync::Arc;

use crate::window::LATE;
use crate::window::author_sections::Retracted;
use crate::window::authors::ClosedPanes;
use crate::window::ring::Ring;
use crate::window::total::bring_total;

impl Ring {
    /// Retracts a post: its tags from its pane, if that is still stored, and from the totals;
    /// `author` 0 = it had none.
    pub fn retract(&mut self, at_ms: i64, ids: &[u32], author: u32) {
        self.remove_overlay();
        let index = self.pane_of(at_ms);
        if let Some(delta) = &mut self.delta {
            delta.minus.push((index, ids.to_vec()));
        }
        let tagged = u64::from(!ids.is_empty());
        if let Some(open) = self.open.iter_mut().find(|open| open.index == index) {
            bring_total(&mut self.total, open, &mut self.summer);
            ids.iter().for_each(|&id| self.total.take(id, 1));
            // The checkpoint records it as a retracted post, not as fewer posts.
            open.saved.posts -= 1;
            open.saved.tagged -= i64::from(!ids.is_empty());
            open.minus.extend_from_slice(ids);
            if self.people.is_some() {
                open.unseen.extend(ids.iter().map(|&id| (id, author)));
            }
            open.posts = open.posts.saturating_sub(1);
            open.tagged = open.tagged.saturating_sub(tagged);
            self.tell_left(index, ids, author);
            return;
        }
        ids.iter().for_each(|&id| self.total.take(id, 1));
        let counted = self.counted(index, ids, author);
        let (ids, all) = (counted.as_deref().unwrap_or(ids), ids);
        let Self { closed, minutes, pane_ms, decay, people_rules, .. } = &mut *self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        let closed = kept.find(index);
        // A late post has no pane and no weight; neither has one beyond the cap, but which posts
        // these were is known only while their pane is stored.
        let capped = people_rules.is_some_and(|rules| rules.cap > 0);
        let weighed = at_ms != LATE && (closed.is_some() || !capped);
        if let Some(decay) = decay.as_mut().filter(|_| weighed) {
            decay.retract((index + 1) * *pane_ms, ids);
        }
        let Some(closed) = closed else { return };
        closed.posts = closed.posts.saturating_sub(1);
        closed.tagged = closed.tagged.saturating_sub(tagged);
        // The checkpoint may still share these lists, which must not change.
        let pairs = Arc::make_mut(&mut closed.pairs);
        for &id in ids {
            if let Ok(at) = pairs.binary_search_by_key(&id, |pair| pair.0) {
                pairs[at].1 = pairs[at].1.saturating_sub(1);
            }
        }
        self.leave(index, all, author);
        for window in &mut self.windows {
            if window.holds(index, self.pane_ms) {
                ids.iter().for_each(|&id| window.take(id, 1));
                window.posts = window.posts.saturating_sub(1);
                window.tagged = window.tagged.saturating_sub(tagged);
            }
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
