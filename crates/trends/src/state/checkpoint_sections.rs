//! The state as checkpoint sections: what changed in an epoch, and the pieces of a snapshot.
//!
//! Numbers are variable-length integers; the layout of each section is documented at its writer. A
//! snapshot is taken piece by piece at different epochs, so each piece has its epoch: a later
//! record counts for a tag or a pane only if its epoch is newer than that of the piece.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::score::baselines::{self, Baselines, Pacing};
use crate::score::trending::Trending;
use crate::state::table::Interned;
use crate::state::{State, parts};
use crate::status::Counters;
use crate::store::varint::{Many, Reader, put, put_bytes, put_signed};
use crate::window::author_sections::AuthorsPiece;
use crate::window::decay::{Decay, Weights};
use crate::window::delta::{AuthorRows, Delta, PanePiece};
use crate::window::first_seen::{self, FirstTimes};
use crate::window::returning_authors::Piece;

/// Numbers of the sections; each is given out once and never used for anything else. 10, 15, 16 and
/// 20 had meanings before the first release.
pub mod kind {
    /// Positions of all sources (written and read by the engine).
    pub const POSITIONS: u16 = 1;
    /// Counters, watermarks, numbering: [`super::Meta`] as JSON.
    pub const META: u16 = 2;
    /// New tags: id, admission number, inherited total, key.
    pub const BORN: u16 = 3;
    /// New spellings: id, bytes (none = as the key).
    pub const LEARNED: u16 = 4;
    /// Occurrences of spellings beyond the first: id << 3 | number.
    pub const SPELLED: u16 = 5;
    /// The same, retracted.
    pub const UNSPELLED: u16 = 6;
    /// Panes.
    pub const PANES: u16 = 7;
    /// Late counts.
    pub const LATE: u16 = 8;
    /// Posts retracted from their panes.
    pub const MINUS: u16 = 9;
    /// Numbers of retracted posts.
    pub const GONE: u16 = 11;
    /// Evicted tags.
    pub const EVICTED: u16 = 12;
    /// Authors of the tags of panes.
    pub const PEOPLE: u16 = 13;
    /// Authors of retracted posts.
    pub const LEFT: u16 = 14;
    /// Decayed counts.
    pub const DECAY: u16 = 17;
    /// When tags were first counted: steps of ids and of times.
    pub const FIRST: u16 = 18;
    /// Posts of closed panes beyond the cap: changes by author.
    pub const BEYOND: u16 = 19;
    /// What alert rules have seen (written and read by the engine).
    pub const RULES: u16 = 30;
    /// Gaps of all sources (written and read by the engine).
    pub const GAPS: u16 = 31;
    /// A view: name, fingerprint of its filter, then kind and body of each of its own sections.
    pub const VIEW: u16 = 32;
    /// Posts of open panes that were counted elsewhere, more or less.
    pub const COUNTED: u16 = 33;
    /// Snapshot: posts of open panes that were counted elsewhere, if authors are counted.
    pub const COUNTED_BEFORE: u16 = 34;
    /// Occurrences of spellings counted elsewhere, more or less: id << 3 | number.
    pub const SPELLED_BY: u16 = 35;
    /// Counts of parts: pane, part, version, and the tags that have changed.
    pub const PARTS: u16 = 36;
    /// Snapshot: panes of some minutes.
    pub const RING: u16 = 21;
    /// Snapshot: the tags of [`super::PART`] ids.
    pub const TAGS: u16 = 22;
    /// Snapshot: authors of the tags of [`super::PART`] ids, and their rows in open panes.
    pub const CROWDS: u16 = 23;
    /// Snapshot: posts without author in the panes of some minutes.
    pub const ALONE: u16 = 24;
    /// Snapshot: some of the authors who have posted before.
    pub const KNOWN: u16 = 25;
    /// Snapshot: posts beyond the cap in the panes of some minutes.
    pub const BEYOND_BEFORE: u16 = 26;
    /// Baselines and held scores of tags, for each window that `trending` is asked for.
    pub const BASELINES: u16 = 27;
    /// Posts remembered.
    pub const REMEMBERED: u16 = 28;
    /// Snapshot: posts that count towards the cap of the tags of [`super::PART`] ids.
    pub const CAPS: u16 = 29;
}

/// Ids of one piece of tags: few enough that writing one does not delay counting.
pub const PART: usize = 1 << 14;

/// Kind and body of a section.
pub type Sections = Vec<(u16, Vec<u8>)>;

/// Sections as the counting thread hands them over; summing and encoding is left to
/// [`encode`] on another thread.
pub type RawSections = Vec<Raw>;

/// One or more sections before they are encoded.
#[derive(Debug)]
pub enum Raw {
    /// Kind and finished body.
    Body(u16, Vec<u8>),
    /// Kind and numbers.
    Tags(u16, Vec<u32>),
    /// Numbers of posts.
    RetractedPosts(Vec<u64>),
    /// [`kind::PANES`], [`kind::LATE`], [`kind::MINUS`], [`kind::PEOPLE`], [`kind::LEFT`],
    /// [`kind::BEYOND`] and [`kind::COUNTED`].
    Delta(Delta),
    /// [`kind::RING`], [`kind::ALONE`] and [`kind::BEYOND_BEFORE`] as of an epoch.
    Ring(u64, Vec<PanePiece>),
    /// [`kind::CROWDS`], [`kind::CAPS`] and [`kind::COUNTED_BEFORE`].
    AuthorSets(AuthorsPiece),
    /// [`kind::KNOWN`].
    Known(Piece),
    /// [`kind::BASELINES`].
    Baselines(Baselines),
    /// [`kind::DECAY`].
    Decay(Weights),
    /// [`kind::FIRST`].
    First(FirstTimes),
    /// [`kind::VIEW`]: name, fingerprint, sections.
    View(String, u64, RawSections),
}

/// Adds the encoded rows that [`State::take_rows`] took before to their record.
pub fn give_rows(record: &mut RawSections, rows: &mut Vec<u8>) {
    let delta = record.iter_mut().find_map(|raw| match raw {
        Raw::Delta(delta) => Some(delta),
        _ => None,
    });
    delta.into_iter().for_each(|first| first.encoded_rows = std::mem::take(rows));
}

/// The encoded sections, in the same order; empty ones are left out.
#[must_use]
pub fn encode(raw: RawSections) -> Sections {
    let mut sections = Vec::with_capacity(raw.len() + 2);
    for raw in raw {
        match raw {
            Raw::Body(of, body) => sections.push((of, body)),
            Raw::Tags(of, ids) => sections.push((of, numbers(ids.into_iter().map(u64::from)))),
            Raw::RetractedPosts(posts) => sections.push((kind::GONE, numbers(posts.into_iter()))),
            Raw::Delta(delta) => {
                use kind::{BEYOND, COUNTED, LATE, LEFT, MINUS, PANES, PEOPLE};
                let kinds = [PANES, LATE, MINUS, PEOPLE, LEFT, BEYOND, COUNTED];
                sections.extend(kinds.into_iter().zip(delta.encode()));
            }
            Raw::Ring(epoch, panes) => {
                let [mut body, mut alone, mut beyond] = <[Vec<u8>; 3]>::default();
                put(&mut body, epoch);
                panes.into_iter().for_each(|kept| kept.put(&mut body, &mut alone, &mut beyond));
                sections.push((kind::RING, body));
                sections.extend([(kind::ALONE, alone), (kind::BEYOND_BEFORE, beyond)]);
            }
            Raw::AuthorSets(crowded) => {
                let (caps, counted) = (crowded.encode_caps(), crowded.encode_counted());
                sections.extend([(kind::CROWDS, crowded.encode()), (kind::CAPS, caps)]);
                sections.push((kind::COUNTED_BEFORE, counted));
            }
            Raw::Known(piece) => sections.push((kind::KNOWN, piece.encode())),
            Raw::Baselines(baselines_of) => {
                sections.push((kind::BASELINES, baselines::encode(&baselines_of)));
            }
            Raw::Decay(weights) => {
                sections.push((kind::DECAY, baselines::encode_weights(&weights)));
            }
            Raw::First(times) => sections.push((kind::FIRST, first_seen::encode(times))),
            Raw::View(name, filter, inner) => {
                sections.push((kind::VIEW, view(&name, filter, encode(inner))));
            }
        }
    }
    sections.retain(|(_, body)| !body.is_empty());
    sections
}

fn view(name: &str, filter: u64, sections: Sections) -> Vec<u8> {
    let bytes = sections.iter().map(|(_, body)| body.len() + 8).sum::<usize>();
    let mut out = Vec::with_capacity(bytes + name.len() + 16);
    put_bytes(&mut out, name.as_bytes());
    out.extend_from_slice(&filter.to_le_bytes());
    for (of, body) in sections {
        put(&mut out, u64::from(of));
        put_bytes(&mut out, &body);
    }
    out
}

/// A view's name, the fingerprint of its filter, and its own sections.
pub type ViewSections<'a> = (&'a str, u64, Vec<(u16, &'a [u8])>);

/// Reads a [`kind::VIEW`]; `None` if it is malformed.
#[must_use]
pub fn read_view(body: &[u8]) -> Option<ViewSections<'_>> {
    let mut reader = Reader::new(body);
    let name = std::str::from_utf8(reader.get_bytes()?).ok()?;
    let filter = reader.get_fixed()?;
    let mut sections = Vec::new();
    while !reader.is_empty() {
        let of = u16::try_from(reader.get()?).ok()?;
        sections.push((of, reader.get_bytes()?));
    }
    Some((name, filter, sections))
}

/// The part that is small and complete in every record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Counts by reason.
    pub counters: Counters,
    /// Posts counted from each source.
    pub posts_of: Vec<u64>,
    /// Newest event time of each source.
    pub newest: Vec<Option<i64>>,
    /// Newest event time of each partition, of sources that have several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<BTreeMap<Box<str>, i64>>,
    /// Panes up to this one are closed.
    pub closed_to: i64,
    /// What tags admitted from now on inherit.
    #[serde(default)]
    pub floor: u64,
    /// Admissions of tags so far.
    #[serde(default)]
    pub admissions: u32,
    /// Boundaries up to this event time are passed.
    #[serde(default)]
    pub passed: Option<i64>,
    /// Panes up to this one were closed before the first post with an author.
    #[serde(default)]
    pub people_from: Option<i64>,
    /// Authors who posted a tag for the first time in the last days, and those of them who had
    /// posted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<[u64; 2]>,
    /// Half-life of counts that decay, and half-lives to their landmark.
    #[serde(default)]
    pub decay: Option<(i64, i64)>,
    /// Progress of `trending` in event time, for each of its windows.
    #[serde(default)]
    pub trending: Vec<Pacing>,
}

impl State {
    /// The part that is small and complete in every record.
    #[must_use]
    pub fn meta(&self) -> Meta {
        Meta {
            counters: self.counters,
            posts_of: self.posts_of.clone(),
            newest: self.marks.all_newest().to_vec(),
            partitions: self.marks.partitions(),
            closed_to: self.ring.closed_to(),
            floor: self.floor,
            admissions: self.tags.admissions(),
            passed: self.passed,
            people_from: self.ring.people_from(),
            joined: self.ring.joined(),
            decay: self.ring.decay().and_then(Decay::origin),
            trending: self.trending.iter().map(Trending::pacing).collect(),
        }
    }

    /// Author rows of the next record, once there are `least`, to be encoded before it is due
    /// ([`give_rows`]). None after an eviction: from then on rows of another tag may have its id.
    pub fn take_rows(&mut self, least: usize) -> Option<AuthorRows> {
        if self.pending.earlier.is_empty() { self.ring.take_rows(least) } else { None }
    }

    /// All changes since the last call, in the order in which they must be read.
    pub fn take_pending(&mut self) -> RawSections {
        let mut pending = std::mem::take(&mut self.pending);
        let from = pending.remembered_from.max(self.remembered.range().start);
        let mut sections = std::mem::take(&mut pending.earlier);
        sections.extend([
            Raw::Body(kind::BORN, pending.born),
            Raw::First(self.ring.first_news()),
            Raw::Body(kind::LEARNED, pending.new_spellings),
            Raw::Tags(kind::SPELLED, pending.spelled),
            Raw::Tags(kind::UNSPELLED, pending.unspelled),
            Raw::Body(kind::SPELLED_BY, spelled_by(&pending.spelled_by)),
            Raw::Body(kind::PARTS, self.parts.take_news()),
            Raw::Delta(self.ring.take_delta()),
            Raw::Body(
                kind::REMEMBERED,
                self.remembered.to_bytes(from..self.remembered.range().end),
            ),
            Raw::RetractedPosts(pending.retracted),
            Raw::Baselines(self.trending.iter_mut().map(Trending::take_changed).collect()),
        ]);
        sections.extend(self.ring.weights(None).map(Raw::Decay));
        self.pending.remembered_from = self.remembered.range().end;
        sections
    }

    /// Encodes the new tags and spellings of a batch at once: that costs little, while encoding
    /// many in a record would make counting wait.
    pub(crate) fn note_names(&mut self) {
        let Interned { born, learned, .. } = &self.interned;
        for &id in born {
            let error = self.error_of(id);
            let out = &mut self.pending.born;
            put(out, u64::from(id));
            put(out, u64::from(self.tags.since(id)));
            put(out, error);
            put_bytes(out, self.tags.key_bytes(id, &mut [0; 16]));
        }
        for &(id, number) in learned {
            let out = &mut self.pending.new_spellings;
            if self.tags.is_plain(id) {
                put(out, u64::from(id));
                put_bytes(out, b"");
                continue;
            }
            let (typed, ..) = self.tags.spellings_met(id);
            if let Some(typed) = typed.get(number as usize) {
                put(out, u64::from(id));
                put_spelling(out, self.tags.key_bytes(id, &mut [0; 16]), typed);
            }
        }
    }

    /// Everything about the tags of a part.
    fn piece_of_tags(&mut self, epoch: u64, part: u32) -> RawSections {
        let first = part * PART as u32;
        let ids = first..self.tags.rows().min(first + PART as u32);
        let mut sections = vec![Raw::Body(kind::TAGS, self.part(epoch, part))];
        let live = ids.clone().filter(|&id| self.tags.is_live(id));
        sections.push(Raw::First(self.ring.first_times(live)));
        sections.extend(self.ring.authors_piece(epoch, ids.clone()).map(Raw::AuthorSets));
        let learned = self.trending.iter().map(|trending| trending.of(ids.clone()));
        sections.push(Raw::Baselines(learned.collect()));
        sections.extend(self.ring.weights(Some(ids)).map(Raw::Decay));
        sections
    }

    /// Epoch, part; then for each tag: id, admission number, key, total, number of spellings,
    /// spellings, counts of all but the first, count of others.
    fn part(&self, epoch: u64, part: u32) -> Vec<u8> {
        // Usually enough; growing in steps would copy it several times.
        let mut out = Vec::with_capacity(PART * 24);
        put(&mut out, epoch);
        put(&mut out, u64::from(part));
        let first = part * PART as u32;
        let end = self.tags.rows().min(first + PART as u32);
        let mut untotalled = vec![0; PART];
        self.ring.add_untotalled(first, &mut untotalled);
        for id in (first..end).filter(|&id| self.tags.is_live(id)) {
            let total = self.ring.total().count(id) + untotalled[(id - first) as usize];
            let mut short = [0; 16];
            let key = self.tags.key_bytes(id, &mut short);
            put(&mut out, u64::from(id));
            put(&mut out, u64::from(self.tags.since(id)));
            put_bytes(&mut out, key);
            put(&mut out, total);
            put(&mut out, self.error_of(id));
            if self.tags.is_plain(id) {
                // Most tags have one spelling, which is the key.
                out.extend_from_slice(&[1, 0, 0]);
                continue;
            }
            let (typed, counts, other) = self.tags.spellings_met(id);
            put(&mut out, typed.len() as u64);
            typed.iter().for_each(|typed| put_spelling(&mut out, key, typed));
            counts.iter().for_each(|&count| put(&mut out, count));
            put(&mut out, other);
        }
        out
    }
}

fn put_spelling(out: &mut Vec<u8>, key: &[u8], typed: &[u8]) {
    put_bytes(out, if typed == key { b"" } else { typed });
}

fn spelled_by(all: &[(u32, i64)]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(tag, by) in all {
        put(&mut out, u64::from(tag));
        put_signed(&mut out, by);
    }
    out
}

fn numbers(values: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut many = Many::to(&mut out);
    values.for_each(|value| many.put(value));
    drop(many);
    out
}

/// A snapshot being taken, piece by piece.
#[derive(Debug)]
pub struct Snapshotter {
    known: usize,
    part: u32,
    minute: i64,
    held: Option<parts::Key>,
    remembered: u64,
}

/// Counts of panes in one piece, about.
const RING_PIECE: usize = 1 << 18;
const REMEMBERED_PIECE: u64 = 1 << 14;

impl Snapshotter {
    /// Begins with the first piece.
    #[must_use]
    pub fn new(state: &State) -> Self {
        let remembered = state.remembered.range().start;
        Self { known: 0, part: 0, minute: i64::MIN, held: None, remembered }
    }

    /// The next piece, as of `epoch`, which must be that of the newest record; `None` = all are
    /// taken.
    pub fn next(&mut self, state: &mut State, epoch: u64) -> Option<RawSections> {
        // Before all tags: reading their authors needs it.
        if self.part == 0
            && let Some(piece) = state.ring.known(self.known, epoch)
        {
            self.known += 1;
            return Some(vec![Raw::Known(piece)]);
        }
        if (self.part as usize * PART) < state.tags.rows() as usize {
            self.part += 1;
            return Some(state.piece_of_tags(epoch, self.part - 1));
        }
        let (minute, panes) = state.ring.snapshot_panes(self.minute, RING_PIECE);
        if !panes.is_empty() {
            self.minute = minute;
            return Some(vec![Raw::Ring(epoch, panes)]);
        }
        if let Some((held, body)) = state.parts.piece(self.held.as_ref()) {
            self.held = Some(held);
            return Some(vec![Raw::Body(kind::PARTS, body)]);
        }
        let posts = state.remembered.range();
        let from = self.remembered.max(posts.start);
        if from < posts.end {
            let end = posts.end.min(from + REMEMBERED_PIECE);
            self.remembered = end;
            return Some(vec![Raw::Body(kind::REMEMBERED, state.remembered.to_bytes(from..end))]);
        }
        None
    }
}
