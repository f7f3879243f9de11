//! Sources bring posts in, as raw bytes with the [`Position`]s reached after them.
//!
//! A source frames records and does no parsing. The engine owns the loop, the bounded channel (a
//! source that is not polled reads nothing: back-pressure), the retry policy and the shutdown; a
//! source owns none of them. Workers poll it in turns; it may block in [`Source::poll`] for as
//! long as `wait`, never longer.
//!
//! Resuming is *after* a Position. A source states with [`Guarantee`] what a crash may lose.
//!
//! # Adding a source
//!
//! A kind is one file (or a folder) that holds
//!
//! 1. `KIND`, a [`SourceKind`]: name, keys, formats, and the function that checks the keys;
//! 2. `Options`, its checked keys, with the answers that [`SourceOptions`] asks for: what it reads,
//!    what it may lose, whether it can replay, how it is built;
//! 3. the [`Source`] itself.
//!
//! Then it needs one line in [`SOURCES`], a folder of fixtures, and rows in `docs/job.md` and
//! `docs/sources.md`. The job file, the engine and the commands take it from there.

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
