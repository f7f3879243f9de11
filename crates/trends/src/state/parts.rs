//! What parts of the work have counted so far in panes, for updates that replace.
//!
//! Of each part and pane the counts of the largest version are held. What a larger version differs
//! by is applied like an update that adds. So parts add up, and the order in which updates arrive
//! changes nothing. Counts that a part cannot change any more are forgotten: the pane is closed,
//! and the part has declared it complete.

mod bytes;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::state::State;
use crate::state::pane_update::{Authors, Member, PaneCounts, PaneTag, Registers};

/// Pane, source, part.
pub(crate) type Key = (i64, u16, Box<str>);

/// Counts of parts in panes.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    held: BTreeMap<Key, Part>,
    /// What the next record has of them.
    news: Vec<u8>,
}

/// Counts of one part in one pane.
#[derive(Debug, Default, PartialEq)]
struct Part {
    version: u64,
    posts: i64,
    tagged: i64,
    /// Ascending by key and spelling.
    tags: Vec<PaneTag>,
}

/// Posts of a tag, and their authors.
type Side<'a> = (i32, &'a Authors);

/// A tag that two versions of a part differ in.
#[derive(Debug)]
struct Changed<'a> {
    key: &'a str,
    display: &'a str,
    old: Side<'a>,
    new: Side<'a>,
}

impl State {
    /// What a version of a part adds to what was counted of it in a pane; `None` = nothing, since
    /// it is no newer, or the part has declared the pane complete.
    pub(super) fn replace(
        &mut self,
        (source, part): (u16, &str),
        version: u64,
        pane: &PaneCounts,
    ) -> Option<PaneCounts> {
        let key = (pane.pane, source, part.into());
        let is_new = match self.parts.held.get(&key) {
            Some(held) => held.version < version,
            None => !self.is_complete(pane.pane, source, part),
        };
        if !is_new {
            self.counters.repeated_updates += 1;
            return None;
        }
        let is_closed = self.ring.is_closed(pane.pane);
        let mut tags = pane.tags.clone();
        tags.sort_by(|a, b| name(a).cmp(&name(b)));
        let new = Part { version, posts: pane.posts, tagged: pane.tagged, tags };
        let Parts { held, news } = &mut self.parts;
        let old = held.remove(&key).unwrap_or_default();
        let changed = old.changes_to(&new);
        if self.settings.keep_delta {
            new.put(&key, &changed, news);
        }
        let tags = changed.iter().map(|changed| changed.difference(is_closed)).collect();
        let (posts, tagged) = (new.posts - old.posts, new.tagged - old.tagged);
        held.insert(key, new);
        let PaneCounts { view, pane, closed, .. } = *pane;
        Some(PaneCounts { view, pane, closed, posts, tagged, tags })
    }

    /// True where a part cannot change a pane any more.
    fn is_complete(&self, pane: i64, source: u16, part: &str) -> bool {
        let end = pane.saturating_add(1).saturating_mul(self.ring.pane_ms());
        self.ring.is_closed(pane) && self.marks.complete_to(source.into(), part) >= end
    }

    /// Forgets counts that parts cannot change any more.
    pub(super) fn forget_parts(&mut self) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.held.retain(|(pane, source, part), _| !self.is_complete(*pane, *source, part));
        self.parts = parts;
    }
}

/// What tells the tags of a pane apart.
fn name(tag: &PaneTag) -> (&str, &str) {
    (&tag.key, &tag.display)
}

impl Part {
    /// The tags that a later version differs in.
    fn changes_to<'a>(&'a self, new: &'a Self) -> Vec<Changed<'a>> {
        let mut changes = Vec::new();
        let (mut old, mut new) = (self.tags.iter().peekable(), new.tags.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return changes,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => name(old).cmp(&name(new)),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            if before == after {
                continue;
            }
            let (key, display) = before.or(after).map(name).unwrap_or_default();
            let side = |tag: Option<&'a PaneTag>| {
                tag.map_or((0, &Authors::Unknown), |tag| (tag.posts, &tag.authors))
            };
            changes.push(Changed { key, display, old: side(before), new: side(after) });
        }
    }
}

impl Changed<'_> {
    /// The same as an update that adds would have it. In a pane that is closed posts count all-time
    /// only, with any author, and missing ones are retracted.
    fn difference(&self, is_closed: bool) -> PaneTag {
        let posts = self.new.0.saturating_sub(self.old.0);
        let mut members: BTreeMap<(u64, u32), i32> = BTreeMap::new();
        for (side, sign) in [(self.old.1, -1), (self.new.1, 1)] {
            for Member { author, text, posts } in side.members() {
                *members.entry((*author, *text)).or_default() += sign * posts;
            }
        }
        members.retain(|_, posts| *posts != 0);
        let mut left = posts.min(0);
        if is_closed {
            for posts in members.values_mut() {
                *posts = (*posts).clamp(left, 0);
                left -= *posts;
            }
        }
        let members = members.into_iter();
        let members = members.map(|((author, text), posts)| Member { author, text, posts });
        let members = members.filter(|member| member.posts != 0).collect();
        let authors = match self.sketches() {
            Some((registers, others)) if !is_closed => {
                let registers = registers.clone();
                Authors::Sketched { registers, sample: members, others }
            }
            _ => Authors::Listed(members),
        };
        PaneTag { key: self.key.into(), display: self.display.into(), posts, authors }
    }

    /// The sketch to take in, where it has changed, and how many posts more or less are of authors
    /// that only a sketch knows.
    fn sketches(&self) -> Option<(&Registers, i32)> {
        let (old, new) = (self.old.1.sketch(), self.new.1.sketch());
        let others = |of: Option<(&Registers, i32)>| of.map_or(0, |sketch| sketch.1);
        let registers = new.or(old)?.0;
        (old != new).then(|| (registers, others(new) - others(old)))
    }
}
