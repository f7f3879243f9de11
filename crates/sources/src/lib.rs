//! Public post streams as batches of raw records: Bluesky, X, Mastodon, TCP, files, generated
//! posts.
//!
//! A [`Source`] reads one stream and delivers its records, one per line, in [`Batch`]es. Each batch
//! names the [`Position`]s that are reached after it; a source that is opened after them resumes
//! there. What a record means is decided elsewhere: the crate `tagtide-posts` decodes it.
//!
//! ```
//! use std::time::Duration;
//! use tagtide_posts::{clock::Clock, post::Batch};
//! use tagtide_sources::{Poll, SourceOptions, file};
//!
//! let path = std::env::temp_dir().join(format!("tagtide-sources-{}.txt", std::process::id()));
//! std::fs::write(&path, "a post with a #hashtag\nanother one\n").unwrap();
//!
//! let options = file::Options { paths: vec![path.display().to_string()], follow: false };
//! let mut source = options.build(1 << 20, &Clock::System).unwrap();
//! source.open(&[]).unwrap();
//! let mut batch = Batch::default();
//! assert_eq!(source.poll(&mut batch, Duration::from_secs(1)).unwrap(), Poll::Ready);
//! assert_eq!(batch.records(), b"a post with a #hashtag\nanother one\n");
//!
//! // After a restart the source continues behind these records.
//! let mut resumed = options.build(1 << 20, &Clock::System).unwrap();
//! resumed.open(&batch.positions).unwrap();
//! # std::fs::remove_file(&path).unwrap();
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`SOURCES`] | every kind of source, by the name that job files use |
//! | [`file`](mod@file), [`stdin`], [`tcp`], [`tcp_listen`] | lines of any format |
//! | [`jetstream`], [`x`], [`mastodon`] | platforms, live |
//! | [`generator`] | made-up posts, the same for the same seed |
//! | [`kind`] | what a kind declares: keys, options, losses |
//! | [`options`] | the keys of a job file: reading, checking, units, diagnostics |
//! | [`reconnect`] | how long to wait before a source is opened again |
//! | [`loss_bounds`], [`finding`] | what a crash loses; what a check of the connection finds |
//! | [`framing`] | bytes of a stream -> whole lines of a batch |
//! | [`http_client`] | one HTTP client for everything that sends requests |
//!
//! # The contract
//!
//! A source frames records and does no parsing. It has no loop, no queue, no retry and no shutdown
//! of its own: its caller polls it, opens it again after a [`SourceError::Retry`], and drops it to
//! stop. A source that is not polled reads nothing, so a slow caller holds back the sender.
//! [`Source::poll`] blocks up to `wait`, never longer. Resuming is *after* a Position, never at it.
//! [`Guarantee`] states what a crash may lose.
//!
//! # Adding a source
//!
//! A kind is one file (or a folder) that holds
//!
//! 1. `KIND`, a [`SourceKind`]: name, keys, formats, and the function that checks the keys;
//! 2. `Options`, the checked keys, which answer what [`SourceOptions`] asks: what is read, what may
//!    be lost, whether the past can be replayed, how the source is built;
//! 3. the [`Source`] itself.
//!
//! Then it needs one line in [`SOURCES`], an entry in the contract suite (`tests/sources`),
//! fixtures of its format, and rows in `docs/job.md` and `docs/sources.md`. The job file, the
//! engine and the commands know a source only by these traits. `tests/sources/ticker.rs` is a
//! complete example.

#![forbid(unsafe_code)]

use std::time::Duration;

use tagtide_posts::post::{Batch, EventTime, Position, Reads};

mod error;
pub mod file;
pub mod finding;
pub mod framing;
pub mod generator;
pub mod http_client;
pub mod jetstream;
pub mod kind;
mod liveness;
pub mod loss_bounds;
pub mod mastodon;
pub mod options;
mod rate;
pub mod reconnect;
pub mod secret;
pub mod stdin;
mod stream;
pub mod tcp;
pub mod tcp_listen;
mod web;
mod websocket;
pub mod x;

pub use error::{Reason, SourceError};
pub use kind::{Replays, SourceKind, SourceOptions};

/// Every kind of source; the one list. A new kind is one line here.
pub static SOURCES: &[&SourceKind] = &[
    &file::KIND,
    &stdin::KIND,
    &tcp::KIND,
    &tcp_listen::KIND,
    &jetstream::KIND,
    &x::KIND,
    &x::V1_KIND,
    &mastodon::KIND,
    &generator::KIND,
];

/// Why a replay cannot read a live source.
const NO_END: &str = "a live source never ends";

/// A Position that its source cannot read.
fn unreadable_cursor(partition: &str, error: serde_json::Error) -> SourceError {
    let text = format!(
        "the checkpoint's position of `{partition}` cannot be read: {error}\nhelp: start over with \
         `--fresh`"
    );
    SourceError::fatal(Reason::because(text, error))
}

/// What came of one [`Source::poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The batch holds records (or counts of dropped ones) and is sealed.
    Ready,
    /// Nothing came within `wait`; the source is alive.
    Idle,
    /// The source has ended; nothing will come.
    End,
}

/// What a source promises across a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Nothing lost, nothing double: it can be read again from any Position.
    ExactlyOnce,
    /// Nothing lost, nothing double, as long as the server still has what was missed; where it has
    /// not, the gap is measured and shown.
    WithinLookBack,
    /// What came since the last checkpoint is lost.
    AtMostOnce,
}

/// One stream of records.
pub trait Source: Send {
    /// Connects or opens; resumes after `after` (empty = from the start, or live).
    ///
    /// # Errors
    /// [`SourceError`]; on `Retry` the engine calls again later.
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError>;

    /// Fills `batch` (cleared by the caller) with whole records and seals it; blocks for `wait` at
    /// the most.
    ///
    /// # Errors
    /// [`SourceError`]; what was polled before stays valid.
    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError>;

    /// What it promises across a crash.
    fn guarantee(&self) -> Guarantee;

    /// Event time up to which a live source has delivered everything, `now` being our clock;
    /// `None` where only its records tell, as while it brings what was missed. An idle source that
    /// is connected follows our clock, so that it does not hold the watermark back.
    fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        Some(now)
    }

    /// Partitions that are read at the same time, once it is open. Each batch holds records of one,
    /// [`Batch::partition`], and [`Source::complete_until`] is the least of all.
    fn partitions(&self) -> u16 {
        1
    }

    /// What the status calls it while it is open: `live`, or `polling` where it asks for what is
    /// new now and then.
    fn state(&self) -> &'static str {
        "live"
    }

    /// When its input was last changed, where it is a file (the first of several); `None` before
    /// it is open. After a resume it is still the time that the first open found.
    fn modified(&self) -> Option<EventTime> {
        None
    }

    /// What was read today, where reading is paid for.
    fn reads(&self) -> Option<Reads> {
        None
    }

    /// Name for logs and status, without secrets: `file posts.txt`, `tcp 127.0.0.1:9009`.
    fn name(&self) -> String;
}

#[cfg(test)]
mod tests;
