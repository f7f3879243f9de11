//! The nouns that every floor shares: [`Post`], [`Batch`], [`Position`], [`EventTime`].
//!
//! Nothing here does I/O, reads a clock or knows a platform. A [`Post`] borrows from the bytes of
//! its [`Batch`]; on the hot path no post owns memory.

pub mod escape;

use std::borrow::Cow;

use smallvec::SmallVec;
pub use tagtide_extract::Markup;
pub use tagtide_simd::PAD;

/// Event time: milliseconds since the Unix epoch (docs/glossary.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// The beginning of the year 1; what claims to be older counts as of then.
    pub const EARLIEST: Self = Self(-62_135_596_800_000);
    /// A live post further ahead of our clock than this, milliseconds, is from the future.
    pub const AHEAD_MAX_MS: i64 = 5 * 60_000;
}

/// What a record does to the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Op {
    /// A new post.
    #[default]
    Create,
    /// An edit: takes back the post of the same identity (or of [`Post::replaces`]), then counts
    /// the new text at the time of the original.
    Update,
    /// Takes back the post of this identity.
    Delete,
    /// Takes back every remembered post of [`Post::author`] (account deleted or suspended).
    DropAuthor,
}

/// A string as it stands in the record, decoded only when somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// Bytes as they are; may be invalid UTF-8.
    Plain(&'a [u8]),
    /// The inside of a JSON string, escapes not yet undone; may be invalid UTF-8.
    Json(&'a [u8]),
    /// Already decoded by a path that had to own it.
    Owned(String),
}

impl Default for Raw<'_> {
    fn default() -> Self {
        Raw::Plain(b"")
    }
}

/// `String::from_utf8_lossy`, which takes its time over each byte even where nothing is wrong.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

impl<'a> Raw<'a> {
    /// The string; invalid UTF-8 and lone surrogates become U+FFFD.
    #[must_use]
    pub fn to_str(&self) -> Cow<'a, str> {
        match self {
            Raw::Plain(bytes) => lossy(bytes),
            Raw::Json(bytes) if !bytes.contains(&b'\\') => lossy(bytes),
            Raw::Json(bytes) => Cow::Owned(escape::unescape_lossy(bytes)),
            Raw::Owned(text) => Cow::Owned(text.clone()),
        }
    }

    /// The bytes of [`Raw::to_str`]; those of ASCII, which most identities are, without a closer
    /// look.
    #[must_use]
    pub fn to_bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Raw::Plain(bytes) if bytes.is_ascii() => Cow::Borrowed(bytes),
            _ => match self.to_str() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// The bytes as the platform wrote them, escapes and all.
    #[must_use]
    pub fn as_delivered(&self) -> &[u8] {
        match self {
            Raw::Plain(bytes) | Raw::Json(bytes) => bytes,
            Raw::Owned(text) => text.as_bytes(),
        }
    }

    /// True where nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Raw::Plain(bytes) | Raw::Json(bytes) => bytes.is_empty(),
            Raw::Owned(text) => text.is_empty(),
        }
    }
}

/// A hashtag that the platform itself gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenTag<'a> {
    /// The tag without `#`, as delivered.
    pub tag: Raw<'a>,
    /// Where it stands, `#` included, end exclusive; `None` where it is given apart from the text.
    pub span: Option<Span>,
}

/// A place in the text as delivered. Which unit is said by the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Code points.
    Chars(u32, u32),
    /// UTF-8 bytes (Bluesky facets).
    Bytes(u32, u32),
}

/// Tags given by a platform; no allocation up to eight.
pub type GivenTags<'a> = SmallVec<[GivenTag<'a>; 8]>;

/// One record of a source, decoded.
#[derive(Clone, Debug, Default)]
pub struct Post<'a> {
    /// What it does.
    pub op: Op,
    /// Identity for delete and edit, as semantics of the source define it; empty = none.
    pub id: Raw<'a>,
    /// A second name of this identity, valid only within the source that delivered it (Mastodon:
    /// the instance's local id, the only one that its delete names); empty = none. A delete
    /// without [`Post::id`] means the post remembered under this name.
    pub alias: Raw<'a>,
    /// What tells two revisions of one identity apart, and mostly which is the later one (Bluesky
    /// `rev`); empty = none.
    pub rev: Raw<'a>,
    /// Earlier identities that this post replaces (X v2 `edit_history_tweet_ids`).
    pub replaces: SmallVec<[Raw<'a>; 2]>,
    /// Account id on its platform; empty = unknown.
    pub author: Raw<'a>,
    /// The platform says that the account is a bot.
    pub bot: bool,
    /// Event time that the record carries; `None` = the source's rule (arrival, rate) decides.
    pub time: Option<EventTime>,
    /// Language tag such as `en`; empty = unknown.
    pub lang: Raw<'a>,
    /// The text as delivered.
    pub text: Raw<'a>,
    /// How [`Post::text`] is marked up.
    pub markup: Markup,
    /// Tags given by the platform; `None` = the platform gave no list, so the text is parsed.
    pub given: Option<GivenTags<'a>>,
    /// A retweet or boost.
    pub repost: bool,
    /// Its author wants it in no list (Mastodon: `unlisted`): it counts, and its text is not shown.
    pub unlisted: bool,
}

/// A place in one partition of a source, in the source's own words (one line of JSON). Resuming is
/// *after* it, never at it. Only the source that made it reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The independent, ordered sub-stream: a path, a host, `""` where there is only one.
    pub partition: String,
    /// Where in it.
    pub at: String,
}

/// Raw records and the Positions reached after them.
///
/// Contract for sources: `bytes` holds whole records, each ended by `\n` (framing by newline is
/// the rule for every format; a source whose wire is framed otherwise writes one record a line),
/// and is followed by [`PAD`] zero bytes that [`Batch::seal`] puts there.
#[derive(Debug, Default)]
pub struct Batch {
    /// Index of the source in the job.
    pub source: u16,
    /// Which of its source's partitions that are read at the same time its records are of; the
    /// watermark of a source is the least of theirs. Filled by the source, 0 where there is one.
    pub partition: u16,
    /// Number of the batch within its source, from 0, without holes.
    pub seq: u64,
    /// Whole records, then `PAD` zeros once sealed.
    bytes: Vec<u8>,
    /// Length of the records without the padding.
    len: usize,
    /// Length of the records that [`Batch::take_bytes`] took out.
    read: usize,
    /// Asks the source for little at a time, because its records are let through slowly.
    pub small: bool,
    /// Somebody will look at each line: the source should [note](Batch::note_ends) its end where
    /// it looks for it anyway.
    pub wants_ends: bool,
    /// Ends of lines that were noted.
    ends: Vec<usize>,
    /// `bytes` still holds what it held before [`Batch::clear`].
    stale: bool,
    /// Records (lines, empty ones included) of this source before this batch.
    pub first: u64,
    /// Lines in this batch, empty ones included; filled by the source where it counts them.
    pub lines: u64,
    /// When its bytes arrived.
    pub arrived: EventTime,
    /// Event time up to which its partition is delivered, as far as a live source knows; `None` if
    /// only the records tell.
    pub complete_until: Option<EventTime>,
    /// What is missing before this batch.
    pub gap: Option<Box<Gap>>,
    /// What was read today, where that is paid for.
    pub reads: Option<Reads>,
    /// Positions reached after this batch.
    pub positions: SmallVec<[Position; 1]>,
    /// Records that the source itself had to drop.
    pub dropped: Dropped,
}

/// Posts that a source could not bring.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Gap {
    /// Event time of the last post before it, milliseconds since the Unix epoch.
    pub from: i64,
    /// Event time of the first post after it.
    pub to: i64,
    /// Why, in plain words.
    pub reason: String,
    /// Posts missed: the rate before it, for as long as it lasted.
    pub missed: u64,
}

/// Posts that were read from a source that is paid for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Reads {
    /// Since midnight, UTC.
    pub today: u64,
    /// Reading stops there until the next midnight, UTC.
    pub max_per_day: u64,
    /// What those of today cost at the most, in US dollars.
    pub cost_today: f64,
}

/// Records dropped before decoding, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Longer than the line limit.
    pub oversize: u64,
    /// Cut by a lost connection in mid-record.
    pub partial: u64,
}

impl Batch {
    /// Empties it for reuse; the buffer keeps its capacity, and its old bytes for
    /// [`Batch::room`].
    pub fn clear(&mut self) {
        let (bytes, mut ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
        ends.clear();
        *self = Self { bytes, ends, stale: true, ..Self::default() };
    }

    /// The buffer for a source to append whole records to; empty after [`Batch::clear`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if std::mem::take(&mut self.stale) {
            self.bytes.clear();
        }
        &mut self.bytes
    }

    /// The first `bytes` bytes of the buffer, to be written in place of [`Batch::buffer`]: what
    /// stands there is old and means nothing. A reused batch is not filled with zeros again, which
    /// would cost a fifth of the time that reading a file takes.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < bytes + PAD {
            self.bytes.resize(bytes + PAD, 0);
        }
        &mut self.bytes[..bytes]
    }

    /// Ends filling: keeps the first `len` bytes and writes the padding after them.
    pub fn seal(&mut self, len: usize) {
        debug_assert!(len <= self.bytes.len(), "a batch cannot be longer than its buffer");
        self.room(len);
        self.bytes[len..len + PAD].fill(0);
        self.len = len;
    }

    /// Notes the newlines in `from..to`, whole lines that were just written; returns how many.
    pub fn note_ends(&mut self, from: usize, to: usize) -> usize {
        let before = self.ends.len();
        self.ends.extend(memchr::memchr_iter(b'\n', &self.bytes[from..to]).map(|at| from + at));
        self.ends.len() - before
    }

    /// Where its lines end: the places of their newlines. Looks for them where they were not noted.
    pub fn find_ends(&mut self) -> &[usize] {
        let noted = self.ends.len() as u64 == self.lines
            && self.ends.last().map_or(0, |end| end + 1) == self.len;
        if !noted {
            self.ends.clear();
            self.note_ends(0, self.len);
        }
        &self.ends
    }

    /// What the last [`Batch::find_ends`] found.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// A batch with the buffer of this one, which keeps only what is said about its records.
    #[must_use]
    pub fn take_bytes(&mut self) -> Self {
        let (bytes, mut ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
        ends.clear();
        self.read = std::mem::take(&mut self.len);
        Self { bytes, ends, stale: true, ..Self::default() }
    }

    /// Bytes of the records, whether they are still in it or not.
    #[must_use]
    pub fn bytes_read(&self) -> usize {
        self.len + self.read
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The records followed by [`PAD`] zero bytes.
    #[must_use]
    pub fn padded(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(self.len + PAD)]
    }
}
