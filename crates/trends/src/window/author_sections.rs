//! Authors in the checkpoint: posts with authors since the last record, retracted authors, and the
//! members of the tags of a part of a snapshot.
//!
//! Members and sketches follow from the posts of each tag in the order of panes. So a record has
//! the posts, and reading it closes the panes again by the same code.

use std::ops::Range;

use crate::store::varint::{Many, put, put_signed};
use crate::window::author_sets::{Member, PRINTS, Print};
use crate::window::authors::{AuthorRow, SketchedTag};
use crate::window::counted::{Counted, PaneChanges};
use crate::window::decay::Weights;
use crate::window::returning_authors::Piece;
use crate::window::ring::Ring;

/// A post that was retracted from a stored closed pane.
#[derive(Clone, Debug)]
pub struct Retracted {
    /// Panes up to this one were closed at that time.
    pub closed_to: i64,
    /// The post's pane.
    pub index: i64,
    /// Its author; 0 = unknown.
    pub author: u32,
    /// Its tags.
    pub ids: Vec<u32>,
}

/// Posts with tags and their authors in one open pane.
#[derive(Debug, Default)]
pub(super) struct OpenRows {
    pub(super) seen: Vec<AuthorRow>,
    pub(super) unseen: Vec<(u32, u32)>,
    /// Authors without a tag, if returning authors are recorded.
    pub(super) came: Vec<u32>,
    /// What was counted elsewhere.
    pub(super) counted: Counted,
}

/// Authors of the tags of some ids, to be encoded on another thread.
#[derive(Debug)]
pub struct AuthorsPiece {
    epoch: u64,
    closed_to: i64,
    members: Vec<(u32, u32, Member)>,
    prints: Vec<(u32, [Print; PRINTS])>,
    sketched: Vec<(u32, SketchedTag)>,
    open: Vec<(i64, OpenRows)>,
    /// What was counted elsewhere of each open pane.
    counted: Vec<PaneChanges>,
    /// Number of a span, and what counts towards the cap in it: tag, author, posts.
    caps: (i64, Vec<(u32, u32, u8)>),
}

impl Retracted {
    /// Appends panes closed, pane, author, number of tags, tags.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.closed_to);
        put_signed(out, self.index);
        put(out, u64::from(self.author));
        put(out, self.ids.len() as u64);
        self.ids.iter().for_each(|&id| put(out, u64::from(id)));
    }
}

/// Appends pane, number of runs; then for each run of one post, or of posts without author: author
/// and fingerprint (8 bytes), number of tags, tags.
pub(super) fn put_seen(out: &mut Vec<u8>, index: i64, seen: &[AuthorRow]) {
    put_signed(out, index);
    let who = |seen: &AuthorRow| u64::from(seen.author) | u64::from(seen.print) << 32;
    let others = seen.windows(2).filter(|pair| who(&pair[0]) != who(&pair[1]));
    put(out, others.count() as u64 + u64::from(!seen.is_empty()));
    // Eight bytes for a run, and usually three for a tag.
    out.reserve(seen.len() * 12);
    let mut many = Many::to(out);
    let mut rest = seen;
    while let Some(first) = rest.first() {
        let mine = who(first);
        let len = rest.iter().position(|seen| who(seen) != mine).unwrap_or(rest.len());
        many.put_fixed(mine);
        many.put(len as u64);
        rest[..len].iter().for_each(|seen| many.put(u64::from(seen.id)));
        rest = &rest[len..];
    }
}

impl AuthorsPiece {
    /// Epoch, newest closed pane, span; then for each author of a tag whose posts count towards the
    /// cap in it: tag, author, posts. Empty if there is none.
    #[must_use]
    pub fn encode_caps(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let (span, counted) = &self.caps;
        if counted.is_empty() {
            return out;
        }
        put(&mut out, self.epoch);
        put_signed(&mut out, self.closed_to);
        put_signed(&mut out, *span);
        for &(id, author, posts) in counted {
            [id, author, posts.into()].iter().for_each(|&number| put(&mut out, number.into()));
        }
        out
    }

    /// Epoch, newest closed pane; then for each open pane what was counted elsewhere, as changes of
    /// nothing. Nothing where there is none.
    #[must_use]
    pub fn encode_counted(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.counted.is_empty() {
            put(&mut out, self.epoch);
            put_signed(&mut out, self.closed_to);
            self.counted.iter().for_each(|changes| changes.put(&mut out));
        }
        out
    }

    /// Epoch, newest closed pane; number of tags with members, and for each: id, number of
    /// members, members; number of sketches, and for each: id, bound of the sample, registers, each
    /// with its number of entries; number of tags with texts, and for each: id, texts (8 bytes
    /// each: fingerprint, author, minute); then for each open pane: its rows, number of retracted
    /// rows, and these (tag, author).
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.members.len() * 14 + 64);
        put(&mut out, self.epoch);
        put_signed(&mut out, self.closed_to);
        let sets = || self.members.chunk_by(|a, b| a.0 == b.0);
        put(&mut out, sets().count() as u64);
        for set in sets() {
            put(&mut out, u64::from(set[0].0));
            put(&mut out, set.len() as u64);
            set.iter().for_each(|(_, author, member)| put_member(&mut out, *author, member));
        }
        put(&mut out, self.sketched.len() as u64);
        for (id, tag) in &self.sketched {
            put(&mut out, u64::from(*id));
            put(&mut out, u64::from(tag.below));
            for register in tag.sketch.entries(self.closed_to as u32) {
                put(&mut out, register.len() as u64);
                register.iter().for_each(|&entry| put(&mut out, u64::from(entry)));
            }
        }
        put(&mut out, self.prints.len() as u64);
        for (id, prints) in &self.prints {
            put(&mut out, u64::from(*id));
            for Print { print, author, minute } in prints {
                out.extend_from_slice(&print.to_le_bytes());
                out.extend_from_slice(&author.to_le_bytes());
                out.extend_from_slice(&minute.to_le_bytes());
            }
        }
        for (index, rows) in &self.open {
            put_seen(&mut out, *index, &rows.seen);
            put(&mut out, rows.unseen.len() as u64);
            for &(id, author) in &rows.unseen {
                put(&mut out, u64::from(id));
                put(&mut out, u64::from(author));
            }
        }
        out
    }
}

/// Author, last pane (4 bytes each), posts << 1 | only copies | stranger << 17, 0.
fn put_member(out: &mut Vec<u8>, author: u32, member: &Member) {
    let who = u64::from(author) | u64::from(member.last) << 32;
    out.extend_from_slice(&who.to_le_bytes());
    let (copies, stranger) = (member.marks.only_copies(), member.marks.stranger());
    put(out, u64::from(member.posts) << 1 | u64::from(copies) | u64::from(stranger) << 17);
    // A field that is no longer used.
    out.push(0);
}

impl Ring {
    /// The authors of some tags as of `epoch`; `None` if authors are not counted.
    #[must_use]
    pub fn authors_piece(&self, epoch: u64, ids: Range<u32>) -> Option<AuthorsPiece> {
        let people = self.people.as_ref()?;
        let members = |id| people.sets.of(id).map(move |(author, member)| (id, author, member));
        let members = ids.clone().flat_map(members).collect();
        let prints =
            ids.clone().filter_map(|id| Some((id, people.sets.prints(id).try_into().ok()?)));
        let prints = prints.filter(|(_, prints): &(_, [Print; PRINTS])| prints[0].print != 0);
        let prints = prints.collect();
        let sketched =
            people.sketched.range(ids.clone()).map(|(id, tag)| (id, tag.clone())).collect();
        let caps = people.post_caps.of(ids.clone());
        let open = self.open.iter().map(|open| {
            let seen = open.seen.iter().copied().filter(|seen| ids.contains(&seen.id)).collect();
            let unseen = open.unseen.iter().copied().filter(|gone| ids.contains(&gone.0)).collect();
            (open.index, OpenRows { seen, unseen, ..OpenRows::default() })
        });
        let open = open.filter(|(_, rows)| !rows.seen.is_empty() || !rows.unseen.is_empty());
        let open = open.collect();
        let counted = self.open.iter().map(|open| PaneChanges {
            index: open.index,
            authors: true,
            changes: open.counted.as_changes(|id| ids.contains(&id)),
        });
        let counted = counted.filter(|pane| !pane.changes.is_empty()).collect();
        let closed_to = self.closed_to;
        Some(AuthorsPiece { epoch, closed_to, members, prints, sketched, open, counted, caps })
    }

    /// Decayed counts that changed since the last call, or those of the tags in a range; `None` if
    /// there are none. Removes the overlay.
    pub fn weights(&mut self, ids: Option<Range<u32>>) -> Option<Weights> {
        self.decay.as_ref()?;
        self.remove_overlay();
        self.decay.as_mut().map(|decay| decay.weights(ids))
    }

    /// The piece `number` of the returning authors, as of `epoch`; `None` = there is none.
    #[must_use]
    pub fn known(&self, number: usize, epoch: u64) -> Option<Piece> {
        let known = self.people.as_ref()?.known.as_ref()?;
        known.piece(number, (epoch, self.closed_to), &self.open)
    }

    /// Authors who joined a tag in the last days, and those of them who had posted before; `None`
    /// if that is not recorded.
    #[must_use]
    pub fn joined(&self) -> Option<[u64; 2]> {
        Some(self.people.as_ref()?.known.as_ref()?.joined())
    }

    /// Panes up to this one were closed before the first post with an author; `None` if authors are
    /// not counted.
    #[must_use]
    pub fn people_from(&self) -> Option<i64> {
        self.people.as_ref().map(|people| people.from)
    }
}
