//! Counts made elsewhere: what an engine sends that counts posts itself.
//!
//! An engine either sends posts, as rows of batches, or it counts them and sends [`PaneUpdate`]s:
//! counts of tags in panes, the smallest slices of event time. `State::apply` turns an update into
//! what the posts themselves would have left behind, so rankings, baselines, checkpoints and
//! history do not depend on where the counting took place.
//!
//! There are two kinds of updates, and either may arrive more than once:
//!
//! - [`How::Add`]: what one range of input adds. The range is the unit. It applies only where it
//!   begins at the recorded Position of each of its partitions, and moves these to its end
//!   ([`PaneUpdate::follows`]).
//! - [`How::Replace`]: everything that one part of the work has counted in a pane so far. Of each
//!   part the largest version applies, different parts add up, and updates may arrive in any order.
//!
//! What an update does not say is which posts it counted. The sender knows the posts, so it finds
//! duplicates, edits and deletes, and sends the difference that they make.

use std::collections::BTreeMap;

use crate::state::edits::short as author_id;
pub use crate::window::registers::Registers;

/// Authors of a tag that are listed one by one; more of them are sketched.
pub const LISTED_MAX: usize = 512;

/// Authors in the sample of a sketch: one more than a list holds, so that the state reaches the
/// same sample of a tag's authors as it does from all of them.
pub const SAMPLE: usize = LISTED_MAX + 1;

/// Counts of panes that were made elsewhere: one unit, which applies as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct PaneUpdate {
    /// Number of the source whose posts were counted.
    pub source: u16,
    /// How the counts relate to those sent before.
    pub how: How,
    /// The input that was read for it, at most one range of each partition of the source. The ends
    /// become durable together with the counts.
    pub input: Vec<InputRange>,
    /// The counts; a pane of a view occurs once.
    pub panes: Vec<PaneCounts>,
    /// Event time in milliseconds: once everything that was sent before has arrived, the sender
    /// counts nothing more in panes that end at or before it. It is about the partitions of `input`
    /// (without these, about the whole source), or about the part that is replaced. `None` = it
    /// does not say.
    pub watermark: Option<i64>,
}

/// How the counts of an update relate to those sent before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// They come on top. Negative counts take posts back, never below zero.
    #[default]
    Add,
    /// They take the place of what this part has sent before for the same panes and views.
    Replace {
        /// Who counted: a process, a region. No post may be counted by two parts.
        part: Box<str>,
        /// Grows with every change of the panes, for instance the number of records counted.
        version: u64,
    },
}

/// A range of one partition of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputRange {
    /// The partition; `""` where the source has only one.
    pub partition: String,
    /// Position where the range begins; `None` = nothing of the partition was counted before.
    pub from: Option<String>,
    /// Position where it ends.
    pub to: String,
}

/// Counts of one view in one pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PaneCounts {
    /// 0 = all posts; then the views of the job, from 1.
    pub view: u16,
    /// Start of the pane / its length; [`PaneCounts::LATE`] for posts that were late when they
    /// were counted, also where they are taken back.
    pub pane: i64,
    /// The sender has ended this pane and all before it, as with a watermark at the pane's end.
    pub closed: bool,
    /// Posts; below 0 = taken back.
    pub posts: i64,
    /// Posts with a tag.
    pub tagged: i64,
    /// Counts of tags, in the order in which they were first seen. A tag with several spellings has
    /// an entry for each.
    pub tags: Vec<PaneTag>,
}

impl PaneCounts {
    /// The pane of posts that count all-time only.
    pub const LATE: i64 = crate::window::LATE;
}

/// One tag, in one spelling, in one pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PaneTag {
    /// Its key: the folded tag, as `tagtide extract` prints it.
    pub key: Box<str>,
    /// The tag as typed, without `#`.
    pub display: Box<str>,
    /// Occurrences; below 0 = taken back.
    pub posts: i32,
    /// Who wrote the posts.
    pub authors: Authors,
}

/// The authors of a tag in a pane, as far as they are known. A post of an unknown author counts as
/// an author of its own, as in a stream of posts.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Authors {
    /// No author is known.
    #[default]
    Unknown,
    /// All that are known, at most [`LISTED_MAX`] different ones besides those whose posts are
    /// taken back; posts beyond the sum of theirs have unknown authors.
    Listed(Vec<Member>),
    /// More than that.
    Sketched {
        /// All of them.
        registers: Registers,
        /// Those with the [`SAMPLE`] smallest hashes, with all of their posts.
        sample: Vec<Member>,
        /// Posts of the others. Posts beyond the sum of these and the sample's have unknown
        /// authors.
        others: i32,
    },
}

impl Authors {
    /// Those that have entries of their own.
    pub(crate) fn members(&self) -> &[Member] {
        match self {
            Self::Unknown => &[],
            Self::Listed(members) | Self::Sketched { sample: members, .. } => members,
        }
    }

    /// The sketch, and the posts of authors that only the sketch knows.
    pub(crate) fn sketch(&self) -> Option<(&Registers, i32)> {
        match self {
            Self::Sketched { registers, others, .. } => Some((registers, *others)),
            _ => None,
        }
    }
}

/// An author of a tag in a pane; one who posted several texts has an entry for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Keyed hash of the author, never 0. The upper 32 bits tell authors apart.
    pub author: u64,
    /// Fingerprint of the text, by which copies are known; 0 = none.
    pub text: u32,
    /// Occurrences; below 0 = taken back.
    pub posts: i32,
}

impl PaneTag {
    /// True where some of its posts come on top.
    pub(crate) fn adds(&self) -> bool {
        let others = |(_, others)| others > 0;
        self.posts > 0
            || self.authors.members().iter().any(|member| member.posts > 0)
            || self.authors.sketch().is_some_and(others)
    }
}

impl PaneUpdate {
    /// True where the update may be applied: it replaces, or each of its ranges begins at the
    /// Position that `recorded` has of the partition. Otherwise it was applied before, or one
    /// before it is missing.
    pub fn follows<'a>(&self, recorded: impl Fn(&str) -> Option<&'a str>) -> bool {
        let begins_there = |range: &InputRange| range.from.as_deref() == recorded(&range.partition);
        self.how != How::Add || self.input.iter().all(begins_there)
    }

    /// Event time up to which the sender counts nothing more, by its watermark or by a pane that it
    /// has ended; `None` = it does not say.
    #[must_use]
    pub fn watermark(&self, pane_ms: i64) -> Option<i64> {
        let ended = self.panes.iter().filter(|pane| pane.closed);
        let ends = ended.map(|pane| pane.pane.saturating_add(1).saturating_mul(pane_ms));
        self.watermark.max(ends.max())
    }

    /// One update for each view, with its part of the counts, of a job that has so many besides the
    /// view of all posts, which comes first. All of them have the same watermark.
    #[must_use]
    pub fn by_view(mut self, views: usize, pane_ms: i64) -> Vec<Self> {
        self.watermark = self.watermark(pane_ms);
        let mut panes: Vec<Vec<PaneCounts>> = vec![Vec::new(); views + 1];
        for pane in std::mem::take(&mut self.panes) {
            if let Some(panes) = panes.get_mut(usize::from(pane.view)) {
                panes.push(pane);
            }
        }
        panes.into_iter().map(|panes| Self { panes, ..self.clone() }).collect()
    }
}

/// Gathers the authors of a tag in a pane in bounded memory, for a sender of [`PaneUpdate`]s.
#[derive(Clone, Debug, Default)]
pub struct AuthorSet {
    /// Posts by author and text; once sketched, those of the sample.
    members: BTreeMap<(u64, u32), i32>,
    /// Different authors among them.
    authors: usize,
    /// Posts taken back of authors that had none.
    taken: BTreeMap<(u64, u32), i32>,
    sketch: Option<Registers>,
    /// Posts of authors beyond the sample.
    others: i32,
}

impl AuthorSet {
    /// Counts posts with one text of an author; 0 = unknown, who is not gathered.
    pub fn add(&mut self, author: u64, text: u32, posts: i32) {
        if author == 0 || posts == 0 {
            return;
        }
        if let Some(sketch) = &mut self.sketch {
            if posts > 0 {
                sketch.insert(author_id(author));
            }
            let last = self.members.last_key_value().map_or(0, |last| last.0.0);
            if author_id(author) > author_id(last) {
                self.others += posts;
                return;
            }
        }
        if !self.has(author) {
            if posts < 0 {
                *self.taken.entry((author, text)).or_default() += posts;
                return;
            }
            self.authors += 1;
        }
        *self.members.entry((author, text)).or_default() += posts;
        if self.authors > SAMPLE || self.authors > LISTED_MAX && self.sketch.is_none() {
            self.shrink();
        }
    }

    fn has(&self, author: u64) -> bool {
        let id = u64::from(author_id(author));
        let from = if id == 1 { 0 } else { id << 32 };
        let mut same = self.members.range((from, 0)..=(id << 32 | u64::from(u32::MAX), u32::MAX));
        same.next().is_some()
    }

    /// Becomes a sketch, and its sample no larger than [`SAMPLE`].
    fn shrink(&mut self) {
        if self.sketch.is_none() {
            let mut sketch = Registers::new();
            let came = self.members.iter().filter(|(_, posts)| **posts > 0);
            came.for_each(|((author, _), _)| sketch.insert(author_id(*author)));
            self.sketch = Some(sketch);
        }
        while self.authors > SAMPLE
            && let Some(((last, _), _)) = self.members.last_key_value()
        {
            let last = author_id(*last);
            while let Some(entry) = self.members.last_entry()
                && author_id(entry.key().0) == last
            {
                self.others += entry.remove();
            }
            self.authors -= 1;
        }
    }

    /// The authors for an update.
    #[must_use]
    pub fn authors(&self) -> Authors {
        let members = self.members.iter().chain(&self.taken).filter(|(_, posts)| **posts != 0);
        let members = members.map(|(&(author, text), &posts)| Member { author, text, posts });
        match &self.sketch {
            None if self.members.is_empty() && self.taken.is_empty() => Authors::Unknown,
            None => Authors::Listed(members.collect()),
            Some(registers) => Authors::Sketched {
                registers: registers.clone(),
                sample: members.collect(),
                others: self.others,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(n: u32) -> u64 {
        u64::from(n.wrapping_mul(0x9e37_79b9) | 1) << 32 | u64::from(n)
    }

    #[test]
    fn many_authors_are_sketched_whatever_their_order() {
        for authors in [0, LISTED_MAX, LISTED_MAX + 1, 5_000] {
            let (mut one, mut other) = (AuthorSet::default(), AuthorSet::default());
            let mut all: Vec<_> = (0..authors as u32).map(author).collect();
            let mut registers = Registers::new();
            for &author in &all {
                one.add(author, 0, 1);
                one.add(author, 7, 2);
                registers.insert(author_id(author));
            }
            all.sort_unstable();
            for &author in all.iter().rev() {
                other.add(author, 7, 1);
            }
            for &author in &all {
                other.add(author, 0, 1);
                other.add(author, 7, 1);
            }
            assert_eq!(one.authors(), other.authors(), "{authors} authors");
            let posts = |members: &[Member]| members.iter().map(|m| m.posts).sum::<i32>();
            match one.authors() {
                Authors::Unknown => assert_eq!(authors, 0),
                Authors::Listed(members) => {
                    assert!(authors <= LISTED_MAX);
                    assert_eq!(posts(&members), 3 * authors as i32);
                }
                Authors::Sketched { registers: of, sample, others } => {
                    assert_eq!(of, registers);
                    assert_eq!(sample.len(), 2 * authors.min(SAMPLE));
                    assert_eq!(posts(&sample) + others, 3 * authors as i32);
                    let last = sample.last().map(|member| member.author);
                    assert_eq!(last, Some(all[authors.min(SAMPLE) - 1]));
                }
            }
        }
    }

    #[test]
    fn what_is_added_begins_where_the_last_one_ended() {
        let range = |partition: &str, from: Option<&str>| InputRange {
            partition: partition.to_owned(),
            from: from.map(str::to_owned),
            to: "9".to_owned(),
        };
        let update =
            |how, input| PaneUpdate { source: 0, how, input, panes: Vec::new(), watermark: None };
        let recorded = |partition: &str| (partition == "a").then_some("5");
        for (from, b, follows) in [
            (Some("5"), None, true),
            (Some("4"), None, false),
            (None, None, false),
            (Some("5"), Some("0"), false),
        ] {
            let input = vec![range("a", from), range("b", b)];
            assert_eq!(update(How::Add, input.clone()).follows(recorded), follows, "{input:?}");
            let how = How::Replace { part: "p".into(), version: 1 };
            assert!(update(how, input).follows(recorded), "its version decides");
        }
    }

    #[test]
    fn each_view_gets_its_own_panes() {
        let pane = |view, pane| PaneCounts { view, pane, ..PaneCounts::default() };
        let panes = vec![pane(1, 3), pane(0, 3), pane(1, 4), pane(7, 3)];
        let update =
            PaneUpdate { source: 2, how: How::Add, input: Vec::new(), panes, watermark: Some(9) };
        let panes = |update: &PaneUpdate| update.panes.iter().map(|of| of.pane).collect();
        let views: Vec<Vec<i64>> = update.clone().by_view(2, 10).iter().map(panes).collect();
        assert_eq!(views, [vec![3], vec![3, 4], vec![]]);
        let marks = |update: PaneUpdate| {
            let marks = update.by_view(2, 10).into_iter();
            marks.map(|of| (of.watermark(10), of.panes.len())).collect::<Vec<_>>()
        };
        assert_eq!(marks(update.clone()), [(Some(9), 1), (Some(9), 2), (Some(9), 0)]);
        let silent = PaneUpdate { watermark: None, ..update };
        assert_eq!(marks(silent.clone()), [(None, 1), (None, 2), (None, 0)]);
        let mut ended = silent;
        ended.panes[1].closed = true;
        assert_eq!(marks(ended), [(Some(40), 1), (Some(40), 2), (Some(40), 0)]);
    }
}
