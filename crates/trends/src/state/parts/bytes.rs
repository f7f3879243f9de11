//! Counts of parts in the checkpoint.
//!
//! A record has the tags that differ in the newest version, each in full; a piece of a snapshot has
//! all of one part in one pane. Both are read alike: a larger version takes the place of a smaller
//! one, tag by tag.

use std::ops::Bound;

use crate::state::pane_update::{Authors, Member, PaneTag, Registers};
use crate::state::parts::{Changed, Key, Part, Parts, Side, name};
use crate::store::varint::{Reader, put, put_bytes, put_signed};
use crate::window::sliding_hll::REGISTERS;

const LISTED: u8 = 1;
const SKETCHED: u8 = 2;

impl Parts {
    /// What has changed since the last call.
    pub(crate) fn take_news(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.news)
    }

    /// The part after `after`, for a snapshot, and which it is; `None` = there are no more.
    pub(crate) fn piece(&self, after: Option<&Key>) -> Option<(Key, Vec<u8>)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (key, part) = self.held.range((from, Bound::Unbounded)).next()?;
        let mut out = Vec::new();
        part.put(key, &Part::default().changes_to(part), &mut out);
        Some((key.clone(), out))
    }

    /// Reads what records and pieces have of parts; `None` where they do not hold what they should.
    pub(crate) fn read(&mut self, body: &[u8]) -> Option<()> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let pane = reader.get_signed()?;
            let source = u16::try_from(reader.get()?).ok()?;
            let part = text(&mut reader)?;
            let version = reader.get()?;
            let (posts, tagged) = (reader.get_signed()?, reader.get_signed()?);
            let tags = (0..reader.get()?).map(|_| tag(&mut reader)).collect::<Option<_>>()?;
            let held = self.held.entry((pane, source, part)).or_default();
            // Every version that counts is larger than 0, or the first.
            if version > held.version || *held == Part::default() {
                held.take_in(Part { version, posts, tagged, tags });
            }
        }
        Some(())
    }
}

impl Part {
    /// Appends pane, source, part, version, posts, posts with a tag, number of tags; then each tag
    /// as it is in the newer version.
    pub(super) fn put(&self, (pane, source, part): &Key, tags: &[Changed<'_>], out: &mut Vec<u8>) {
        put_signed(out, *pane);
        put(out, u64::from(*source));
        put_bytes(out, part.as_bytes());
        put(out, self.version);
        [self.posts, self.tagged].iter().for_each(|&posts| put_signed(out, posts));
        put(out, tags.len() as u64);
        for tag in tags {
            put_bytes(out, tag.key.as_bytes());
            put_bytes(out, tag.display.as_bytes());
            put_side(out, tag.new);
        }
    }

    /// Becomes a newer version, of which only the tags are there that differ.
    fn take_in(&mut self, newer: Self) {
        (self.version, self.posts, self.tagged) = (newer.version, newer.posts, newer.tagged);
        for tag in newer.tags {
            let at = self.tags.binary_search_by(|other| name(other).cmp(&name(&tag)));
            let is_gone = tag.posts == 0 && tag.authors == Authors::Unknown;
            match at {
                Ok(at) if is_gone => drop(self.tags.remove(at)),
                Ok(at) => self.tags[at] = tag,
                Err(at) if !is_gone => self.tags.insert(at, tag),
                Err(_) => {}
            }
        }
    }
}

/// Appends posts, then 0 where no author is known; 1, number of members, members; or 2, the same,
/// registers (a byte each), posts of others.
fn put_side(out: &mut Vec<u8>, (posts, authors): Side<'_>) {
    put_signed(out, posts.into());
    let members = authors.members();
    match authors {
        Authors::Unknown => return out.push(0),
        Authors::Listed(_) => out.push(LISTED),
        Authors::Sketched { .. } => out.push(SKETCHED),
    }
    put(out, members.len() as u64);
    for Member { author, text, posts } in members {
        out.extend_from_slice(&author.to_le_bytes());
        put(out, u64::from(*text));
        put_signed(out, (*posts).into());
    }
    if let Some((registers, others)) = authors.sketch() {
        out.extend_from_slice(registers.ranks());
        put_signed(out, others.into());
    }
}

fn tag(reader: &mut Reader<'_>) -> Option<PaneTag> {
    let (key, display) = (text(reader)?, text(reader)?);
    let posts = small(reader)?;
    let kind = reader.get_byte()?;
    let mut members = Vec::new();
    if kind > 0 {
        for _ in 0..reader.get()? {
            let (author, text) = (reader.get_fixed()?, reader.get_u32()?);
            members.push(Member { author, text, posts: small(reader)? });
        }
    }
    let authors = match kind {
        0 => Authors::Unknown,
        LISTED => Authors::Listed(members),
        SKETCHED => {
            let mut ranks = [0; REGISTERS];
            for rank in &mut ranks {
                *rank = reader.get_byte()?;
            }
            let (registers, others) = (Registers::from_ranks(ranks)?, small(reader)?);
            Authors::Sketched { registers, sample: members, others }
        }
        _ => return None,
    };
    Some(PaneTag { key, display, posts, authors })
}

fn text(reader: &mut Reader<'_>) -> Option<Box<str>> {
    std::str::from_utf8(reader.get_bytes()?).ok().map(Into::into)
}

fn small(reader: &mut Reader<'_>) -> Option<i32> {
    i32::try_from(reader.get_signed()?).ok()
}
