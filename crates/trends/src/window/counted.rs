//! Counts of open panes that were made elsewhere.
//!
//! A post that arrives by itself is an id in the log of its pane, and its author a row beside it.
//! Counts arrive summed. Those of listed authors become the rows that the posts would have left
//! behind; all others stay summed, beside the log, so that a million posts cost one pair. They are
//! in the all-time counts at once, and reach the checkpoint as the difference that they made.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::store::varint::{Reader, put, put_signed};
use crate::window::authors::{AuthorRow, ClosedPanes};
use crate::window::pane::{OpenPane, Pair};
use crate::window::registers::Registers;
use crate::window::restore::CorruptSection;
use crate::window::ring::Ring;
use crate::window::sliding_hll::REGISTERS;
use crate::window::total::bring_total;

const CUT: CorruptSection = CorruptSection("a section of counts ends too early");

/// What of an open pane is beside its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Posts by tag, ascending.
    pub pairs: Vec<Pair>,
    /// Tags with authors that are not listed, ascending.
    pub sketches: Vec<Sketched>,
}

/// A tag of an open pane with more authors than are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketched {
    /// The tag.
    pub id: u32,
    /// Posts of authors that are not listed; they are among the posts of its pair.
    pub others: u32,
    /// All authors.
    pub registers: Registers,
}

/// How the counts of one tag in a pane change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The tag.
    pub id: u32,
    /// Posts of unknown authors, more or less.
    pub unknown: i64,
    /// Posts of authors that only the sketch knows, more or less.
    pub others: i64,
    /// Authors to take in.
    pub registers: Option<Registers>,
}

/// How what was counted elsewhere of a pane has changed, for the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaneChanges {
    /// The pane.
    pub index: i64,
    /// Authors are distinguished: those that are unknown are authors of their own.
    pub authors: bool,
    /// Each tag once, ascending.
    pub changes: Vec<Change>,
}

impl Change {
    /// All posts.
    #[must_use]
    pub fn posts(&self) -> i64 {
        self.unknown + self.others
    }
}

impl Counted {
    /// True where nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.sketches.is_empty()
    }

    /// Posts of a tag.
    #[must_use]
    pub fn of(&self, id: u32) -> u32 {
        count(&self.pairs, id)
    }

    /// The sketch of a tag.
    #[must_use]
    pub fn sketch(&self, id: u32) -> Option<&Sketched> {
        let at = self.sketches.binary_search_by_key(&id, |sketched| sketched.id).ok()?;
        self.sketches.get(at)
    }

    /// Posts of a tag whose authors are unknown.
    #[must_use]
    pub fn unknown(&self, id: u32) -> u32 {
        self.of(id).saturating_sub(self.sketch(id).map_or(0, |sketched| sketched.others))
    }

    /// Posts of unknown authors, by tag.
    pub fn all_unknown(&self) -> impl Iterator<Item = Pair> + '_ {
        let mut sketches = self.sketches.iter().peekable();
        self.pairs.iter().map(move |&(id, posts)| {
            while sketches.next_if(|sketched| sketched.id < id).is_some() {}
            let sketched = sketches.peek().filter(|sketched| sketched.id == id);
            (id, posts.saturating_sub(sketched.map_or(0, |sketched| sketched.others)))
        })
    }

    /// All that there is of some tags, as changes of nothing.
    #[must_use]
    pub fn as_changes(&self, of: impl Fn(u32) -> bool) -> Vec<Change> {
        let unknown = self.all_unknown().filter(|pair| of(pair.0));
        let unknown = unknown.map(|(id, n)| Change { id, unknown: n.into(), ..Change::default() });
        let sketches = self.sketches.iter().filter(|sketched| of(sketched.id));
        let others = sketches.map(|Sketched { id, others, registers }| Change {
            id: *id,
            unknown: 0,
            others: i64::from(*others),
            registers: Some(registers.clone()),
        });
        let mut changes: Vec<_> = unknown.chain(others).collect();
        sum(&mut changes);
        changes
    }

    /// Takes changes in, which are ascending by tag, each once. Counts do not fall below zero; the
    /// changes become those that took place.
    pub fn change(&mut self, changes: &mut [Change]) {
        let mut old = std::mem::take(&mut self.pairs).into_iter().peekable();
        let mut pairs = Vec::with_capacity(old.len() + changes.len());
        for change in changes {
            while let Some(pair) = old.next_if(|pair| pair.0 < change.id) {
                pairs.push(pair);
            }
            let before = old.next_if(|pair| pair.0 == change.id).map_or(0, |pair| pair.1);
            let others = self.change_sketch(change);
            let unknown = before - others.min(before);
            change.unknown = apply(unknown, change.unknown);
            let after = i64::from(before) + change.posts();
            if after > 0 {
                pairs.push((change.id, after.min(u32::MAX.into()) as u32));
            }
        }
        pairs.extend(old);
        self.pairs = pairs;
    }

    /// The same; the answer is what was to be taken back of unknown authors and is not there: it
    /// may be in the log.
    fn change_and_rest(&mut self, changes: &mut [Change]) -> Vec<(AuthorRow, i32)> {
        let wanted: Vec<i64> = changes.iter().map(|change| change.unknown).collect();
        self.change(changes);
        let rest = changes.iter().zip(wanted).map(|(change, wanted)| {
            let rest = (wanted - change.unknown).clamp(i32::MIN.into(), 0) as i32;
            (AuthorRow { id: change.id, ..AuthorRow::default() }, rest)
        });
        rest.filter(|(_, rest)| *rest < 0).collect()
    }

    /// The answer is how many posts of others there were.
    fn change_sketch(&mut self, change: &mut Change) -> u32 {
        let at = self.sketches.binary_search_by_key(&change.id, |sketched| sketched.id);
        let at = match at {
            Ok(at) => at,
            Err(_) if change.registers.is_none() => {
                change.others = 0;
                return 0;
            }
            Err(at) => {
                let id = change.id;
                self.sketches.insert(at, Sketched { id, ..Sketched::default() });
                at
            }
        };
        let sketched = &mut self.sketches[at];
        if let Some(registers) = &change.registers {
            sketched.registers.merge(registers);
        }
        let before = sketched.others;
        change.others = apply(before, change.others);
        sketched.others = (i64::from(before) + change.others) as u32;
        before
    }

    /// Takes out the tags that do not stay; the answer is how many posts they had.
    pub fn retain(&mut self, stays: impl Fn(u32) -> bool) -> u64 {
        let mut gone = 0;
        self.pairs.retain(|&(id, posts)| {
            gone += if stays(id) { 0 } else { u64::from(posts) };
            stays(id)
        });
        self.sketches.retain(|sketched| stays(sketched.id));
        gone
    }
}

/// What of a change takes place where there are `before`.
fn apply(before: u32, by: i64) -> i64 {
    i64::from(before).saturating_add(by).clamp(0, u32::MAX.into()) - i64::from(before)
}

/// Makes one of the changes of each tag, ascending.
fn sum(changes: &mut Vec<Change>) {
    changes.sort_by_key(|change| change.id);
    changes.dedup_by(|change, sum| {
        let same = change.id == sum.id;
        if same {
            sum.unknown += change.unknown;
            sum.others += change.others;
            match (&mut sum.registers, change.registers.take()) {
                (Some(sum), Some(registers)) => sum.merge(&registers),
                (none, registers) => *none = none.take().or(registers),
            }
        }
        same
    });
}

impl PaneChanges {
    /// Appends pane, 1 if authors are distinguished, number of tags, and for each: tag, posts of
    /// unknown authors and posts of authors that are not listed, more or less, 1 where registers
    /// follow, registers (a byte each).
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.index);
        out.push(u8::from(self.authors));
        put(out, self.changes.len() as u64);
        for Change { id, unknown, others, registers } in &self.changes {
            put(out, u64::from(*id));
            put_signed(out, *unknown);
            put_signed(out, *others);
            out.push(u8::from(registers.is_some()));
            registers.iter().for_each(|registers| out.extend_from_slice(registers.ranks()));
        }
    }

    /// Reads what [`PaneChanges::put`] wrote; tags have ids below `rows`.
    pub(super) fn read(reader: &mut Reader<'_>, rows: u32) -> Result<Self, CorruptSection> {
        let index = reader.get_signed().ok_or(CUT)?;
        let authors = reader.get_byte().ok_or(CUT)? == 1;
        let mut changes = Vec::new();
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = reader.get_u32().filter(|&id| id < rows).ok_or(CUT)?;
            let unknown = reader.get_signed().ok_or(CUT)?;
            let others = reader.get_signed().ok_or(CUT)?;
            let mut ranks = [0; REGISTERS];
            let registers = if reader.get_byte().ok_or(CUT)? == 1 {
                for rank in &mut ranks {
                    *rank = reader.get_byte().ok_or(CUT)?;
                }
                Some(Registers::from_ranks(ranks).ok_or(CUT)?)
            } else {
                None
            };
            changes.push(Change { id, unknown, others, registers });
        }
        Ok(Self { index, authors, changes })
    }
}

/// Counts of one pane that were made elsewhere.
#[derive(Debug, Default)]
pub struct Counts {
    /// Posts, more or less.
    pub posts: i64,
    /// Posts with a tag, more or less.
    pub tagged: i64,
    /// Posts of listed authors, more or less.
    pub members: Vec<(AuthorRow, i32)>,
    /// Posts of all others.
    pub changes: Vec<Change>,
}

impl Counts {
    /// Each tag once, ascending; without authors if they are not counted.
    fn sum(&mut self, with_authors: bool) {
        if !with_authors {
            let members = self.members.drain(..);
            let unknown = |(seen, posts): (AuthorRow, i32)| Change {
                id: seen.id,
                unknown: posts.into(),
                ..Change::default()
            };
            self.changes.extend(members.map(unknown));
            for change in &mut self.changes {
                change.unknown += std::mem::take(&mut change.others);
                change.registers = None;
            }
        }
        sum(&mut self.changes);
    }

    /// True where there is nothing to add, only to take back, if anything.
    fn is_nothing(&self) -> bool {
        self.posts <= 0
            && self.members.iter().all(|member| member.1 <= 0)
            && self.changes.iter().all(|change| change.unknown <= 0 && change.others <= 0)
    }

    /// Takes out what is not below zero, by tag.
    pub fn take_more(&mut self) -> Vec<Pair> {
        let mut more: BTreeMap<u32, i64> = BTreeMap::new();
        self.members.retain(|(seen, posts)| {
            *more.entry(seen.id).or_default() += i64::from(*posts).max(0);
            *posts < 0
        });
        self.changes.retain(|change| {
            *more.entry(change.id).or_default() += change.posts().max(0);
            change.posts() < 0
        });
        let more = more.into_iter().filter(|pair| pair.1 > 0);
        more.map(|(id, posts)| (id, posts.min(u32::MAX.into()) as u32)).collect()
    }

    /// What is taken back of listed authors, by author; the rest stays.
    fn take_less(&mut self) -> Vec<(AuthorRow, i32)> {
        let (mut less, more): (Vec<_>, _) = self.members.drain(..).partition(|of| of.1 < 0);
        self.members = more;
        less.sort_unstable_by_key(|(seen, _)| (seen.author, seen.id));
        less
    }
}

/// The count of a tag among these, which are ascending.
fn count(pairs: &[Pair], id: u32) -> u32 {
    pairs.binary_search_by_key(&id, |pair| pair.0).map_or(0, |at| pairs[at].1)
}

impl Ring {
    /// True where a pane takes no more posts.
    #[must_use]
    pub fn is_closed(&self, index: i64) -> bool {
        index <= self.closed_to()
    }

    /// Takes counts in of a pane that is open.
    pub fn add_counts(&mut self, index: i64, mut counts: Counts) {
        debug_assert!(index > self.closed_to, "a closed pane takes no posts");
        let is_open = self.open.iter().any(|open| open.index == index);
        if !is_open && counts.is_nothing() {
            return;
        }
        self.remove_overlay();
        let authors = counts.members.iter().any(|member| member.1 > 0)
            || counts.changes.iter().any(|change| change.registers.is_some());
        if authors && self.people.is_none() {
            self.begin_people();
        }
        let authors = self.people.is_some();
        counts.sum(authors);
        let mut less = counts.take_less();
        let Counts { posts, tagged, members, mut changes } = counts;
        let open = self.open_pane(index);
        open.posts = open.posts.saturating_add_signed(posts);
        open.tagged = open.tagged.saturating_add_signed(tagged);
        for (seen, posts) in members {
            open.log.extend(std::iter::repeat_n(seen.id, posts as usize));
            open.seen.extend(std::iter::repeat_n(seen, posts as usize));
        }
        less.extend(open.counted.change_and_rest(&mut changes));
        let less = open.held(less, authors);
        changes.retain(|change| change.posts() != 0 || change.registers.is_some());
        for change in &changes {
            match u64::try_from(change.posts()) {
                Ok(more) => self.total.add(change.id, more),
                Err(_) => self.total.take(change.id, change.posts().unsigned_abs()),
            }
        }
        if let Some(delta) = self.delta.as_mut().filter(|_| !changes.is_empty()) {
            delta.counted.push(PaneChanges { index, authors, changes });
        }
        for mine in less.chunk_by(|a, b| a.0.author == b.0.author) {
            let ids = mine.iter().flat_map(|(seen, n)| std::iter::repeat_n(seen.id, *n as usize));
            self.retract_from(index, &ids.collect::<Vec<_>>(), mine[0].0.author, (0, 0));
        }
    }

    /// Makes ids in the log of what was counted elsewhere; its authors are unknown, and stand among
    /// those seen already.
    pub(super) fn log_counted(&mut self, open: &mut OpenPane) {
        self.save_open(open, None);
        bring_total(&mut self.total, open, &mut self.summer);
        let counted = std::mem::take(&mut open.counted);
        let ids = counted.pairs.iter().flat_map(|&(id, n)| std::iter::repeat_n(id, n as usize));
        open.log.extend(ids);
        (open.in_total, open.saved.log) = (open.log.len(), open.log.len());
    }

    /// Takes posts back that a closed pane counted, or none; the counts are those of
    /// [`Ring::add_counts`] that are below zero.
    pub fn take_counts(&mut self, index: i64, mut counts: Counts) {
        self.remove_overlay();
        counts.changes.retain(|change| change.posts() < 0);
        let unknown = counts.changes.iter().map(|change| {
            let posts = change.posts().max(i32::MIN.into()) as i32;
            (AuthorRow { id: change.id, ..AuthorRow::default() }, posts)
        });
        counts.members.extend(unknown);
        let less = counts.take_less();
        let Self { closed, minutes, pane_ms, .. } = self;
        let mut kept = ClosedPanes { closed, minutes, pane_ms: *pane_ms };
        // No more than the pane has of each tag.
        let pane = kept.find(index).map(|closed| Arc::clone(&closed.pairs));
        let mut left: HashMap<u32, u32> = HashMap::new();
        for mine in less.chunk_by(|a, b| a.0.author == b.0.author) {
            let mut ids = Vec::new();
            for (seen, posts) in mine {
                let has = || pane.as_ref().map_or(u32::MAX, |pairs| count(pairs, seen.id));
                let left = left.entry(seen.id).or_insert_with(has);
                let posts = posts.unsigned_abs().min(*left);
                *left -= posts;
                ids.extend(std::iter::repeat_n(seen.id, posts as usize));
            }
            if !ids.is_empty() {
                self.retract_from(index, &ids, mine[0].0.author, (0, 0));
            }
        }
        let less = |by: i64| u64::try_from(by.saturating_neg()).unwrap_or(0);
        self.take_posts(index, less(counts.posts), less(counts.tagged));
    }

    /// Counts posts whose pane is closed: all-time only; by tag.
    pub fn add_late_counts(&mut self, pairs: &[Pair]) {
        let ids: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
        pairs.iter().for_each(|&(id, posts)| self.total.add(id, posts.into()));
        let from = self.closed_to.saturating_add(1).saturating_mul(self.pane_ms);
        self.first.late(from, &ids, self.delta.is_some());
        if let Some(delta) = &mut self.delta {
            delta.late_pairs.extend_from_slice(pairs);
        }
    }
}
