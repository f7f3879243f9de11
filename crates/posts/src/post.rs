//! The shared nouns: [`Post`], [`Batch`], [`Position`], [`EventTime`].
//!
//! Nothing here does I/O, reads a clock or depends on a platform. A [`Post`] borrows from the bytes
//! of its [`Batch`]; on the hot path no post owns memory.

pub mod escape;

use std::borrow::Cow;

use smallvec::SmallVec;
pub use tagtide_extract::Markup;
pub use tagtide_simd::PAD;

/// Event time: milliseconds since the Unix epoch (docs/glossary.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// The beginning of the year 1. Older times are clamped to it.
    pub const EARLIEST: Self = Self(-62_135_596_800_000);
    /// A live post further ahead of our clock than this (milliseconds) is a future post.
    pub const AHEAD_MAX_MS: i64 = 5 * 60_000;
}

/// The effect of a record on the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Op {
    /// A new post.
    #[default]
    Create,
    /// An edit: retracts the post with the same identity (or with those in [`Post::replaces`]),
    /// then counts the new text at the time of the original.
    Update,
    /// Retracts the post with this identity.
    Delete,
    /// Retracts every remembered post of [`Post::author`] (account deleted or suspended).
    DropAuthor,
}

/// A string of the record, decoded only when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// Plain bytes; can be invalid UTF-8.
    Plain(&'a [u8]),
    /// The inside of a JSON string, with escapes; can be invalid UTF-8.
    Json(&'a [u8]),
    /// Already decoded, by a path that had to own it.
    Owned(String),
}

impl Default for Raw<'_> {
    fn default() -> Self {
        Raw::Plain(b"")
    }
}

/// Like `String::from_utf8_lossy`, but fast for valid UTF-8.
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

    /// The bytes of [`Raw::to_str`], with a fast path for ASCII, which most identities are.
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

    /// The bytes as the platform wrote them, including escapes.
    #[must_use]
    pub fn as_delivered(&self) -> &[u8] {
        match self {
            Raw::Plain(bytes) | Raw::Json(bytes) => bytes,
            Raw::Owned(text) => text.as_bytes(),
        }
    }

    /// Whether it is empty.
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
    /// Its place, including the `#`, end exclusive; `None` if it is not in the text.
    pub span: Option<Span>,
}

/// A place in the text as delivered. The unit depends on the platform.
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
    /// Its effect.
    pub op: Op,
    /// Identity for deletes and edits, as defined by the format; empty = none.
    pub id: Raw<'a>,
    /// A second name of this identity, valid only within the source that delivered it (Mastodon:
    /// the instance's local id, which is all that a delete contains); empty = none. A delete
    /// without [`Post::id`] means the post remembered under this name.
    pub alias: Raw<'a>,
    /// Distinguishes revisions of one identity, and mostly orders them (Bluesky `rev`); empty =
    /// none.
    pub rev: Raw<'a>,
    /// Earlier identities that this post replaces (X v2 `edit_history_tweet_ids`).
    pub replaces: SmallVec<[Raw<'a>; 2]>,
    /// Account id on its platform; empty = unknown.
    pub author: Raw<'a>,
    /// The platform marks the account as a bot.
    pub bot: bool,
    /// Event time in the record; `None` = by the source's rule (arrival, rate).
    pub time: Option<EventTime>,
    /// Language tag such as `en`; empty = unknown.
    pub lang: Raw<'a>,
    /// The text as delivered.
    pub text: Raw<'a>,
    /// The markup of [`Post::text`].
    pub markup: Markup,
    /// Tags given by the platform; `None` = it gave no list, so the text is parsed.
    pub given: Option<GivenTags<'a>>,
    /// A retweet or boost.
    pub repost: bool,
    /// Its author does not want it listed (Mastodon: `unlisted`): it counts, but its text is not
    /// shown.
    pub unlisted: bool,
}

/// A place in one partition of a source, in a form of the source's own (one line of JSON). Resuming
/// is *after* it, never at it. Only the source that made it reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The independent, ordered sub-stream: a path, a host, `""` if there is only one.
    pub partition: String,
    /// The place in it.
    pub at: String,
}

/// Raw records and the Positions reached after them.
///
/// Contract for sources: `bytes` holds complete records, each ended by `\n` (every format is framed
/// by newlines here; a source with another framing writes one record per line), followed by [`PAD`]
/// zero bytes from [`Batch::seal`].
#[derive(Debug, Default)]
pub struct Batch {
    /// Index of the source in the job.
    pub source: u16,
    /// Which of its source's partitions that are read at the same time its records are of; the
    /// watermark of a source is the least of theirs. Filled by the source, 0 where there is one.
    pub partition: u16,
    /// Number of the batch within its source, from 0, without gaps.
    pub seq: u64,
    /// Complete records, then `PAD` zeros once sealed.
    bytes: Vec<u8>,
    /// Length of the records without the padding.
    len: usize,
    /// Length of the records that [`Batch::take_bytes`] removed.
    read: usize,
    /// Asks the source for small batches, because its records are paced.
    pub small: bool,
    /// A later step needs each line: the source should [note](Batch::note_ends) the ends of lines
    /// if it finds them anyway.
    pub wants_ends: bool,
    /// Noted ends of lines.
    ends: Vec<usize>,
    /// `bytes` still has its old content from before [`Batch::clear`].
    stale: bool,
    /// Records (lines, including empty ones) of this source before this batch.
    pub first: u64,
    /// Lines in this batch, including empty ones, if the source counts them.
    pub lines: u64,
    /// When its bytes arrived.
    pub arrived: EventTime,
    /// Event time up to which its partition is delivered, as far as a live source knows; `None` if
    /// only the records tell.
    pub complete_until: Option<EventTime>,
    /// What is missing before this batch.
    pub gap: Option<Box<Gap>>,
    /// Posts read today, if reading is paid for.
    pub reads: Option<Reads>,
    /// Positions reached after this batch.
    pub positions: SmallVec<[Position; 1]>,
    /// Records that the source dropped.
    pub dropped: Dropped,
}

/// Posts that a source could not deliver.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Gap {
    /// Event time of the last post before it, milliseconds since the Unix epoch.
    pub from: i64,
    /// Event time of the first post after it.
    pub to: i64,
    /// The reason, for users.
    pub reason: String,
    /// Estimate of missed posts: the previous rate times the duration.
    pub missed: u64,
}

/// Posts read from a source that is paid for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub struct Reads {
    /// Posts since midnight UTC.
    pub today: u64,
    /// Limit at which reading stops until the next midnight UTC.
    pub max_per_day: u64,
    /// Upper bound of today's cost in US dollars.
    pub cost_today: f64,
}

/// Records dropped before decoding, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Longer than the line limit.
    pub oversize: u64,
    /// Incomplete, because the connection was lost.
    pub partial: u64,
}

impl Batch {
    /// Empties it for reuse. The buffer keeps its capacity, and its old bytes for [`Batch::room`].
    pub fn clear(&mut self) {
        let (bytes, mut ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
        ends.clear();
        *self = Self { bytes, ends, stale: true, ..Self::default() };
    }

    /// The buffer to which a source appends complete records; empty after [`Batch::clear`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if std::mem::take(&mut self.stale) {
            self.bytes.clear();
        }
        &mut self.bytes
    }

    /// The first `bytes` bytes of the buffer, to be overwritten, as an alternative to
    /// [`Batch::buffer`]. Their content is old and meaningless: filling them with zeros would cost
    /// a fifth of the time of reading a file.
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() < bytes + PAD {
            self.bytes.resize(bytes + PAD, 0);
        }
        &mut self.bytes[..bytes]
    }

    /// Ends filling: truncates to `len` bytes and writes the padding after them.
    pub fn seal(&mut self, len: usize) {
        debug_assert!(len <= self.bytes.len(), "a batch cannot be longer than its buffer");
        self.room(len);
        self.bytes[len..len + PAD].fill(0);
        self.len = len;
    }

    /// Notes the newlines in `from..to`, complete lines that were just written. Returns their
    /// number.
    pub fn note_ends(&mut self, from: usize, to: usize) -> usize {
        let before = self.ends.len();
        self.ends.extend(memchr::memchr_iter(b'\n', &self.bytes[from..to]).map(|at| from + at));
        self.ends.len() - before
    }

    /// Finds the newlines that end its lines, unless they were noted.
    pub fn find_ends(&mut self) -> &[usize] {
        let noted = self.ends.len() as u64 == self.lines
            && self.ends.last().map_or(0, |end| end + 1) == self.len;
        if !noted {
            self.ends.clear();
            self.note_ends(0, self.len);
        }
        &self.ends
    }

    /// The newlines found by the last [`Batch::find_ends`].
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Moves the buffer into another batch; this one keeps the metadata of its records.
    #[must_use]
    pub fn take_bytes(&mut self) -> Self {
        let (bytes, mut ends) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.ends));
        ends.clear();
        self.read = std::mem::take(&mut self.len);
        Self { bytes, ends, stale: true, ..Self::default() }
    }

    /// Bytes of the records, also after they were moved out.
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
