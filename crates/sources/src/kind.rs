//! What a kind of source declares: its keys, its options, and what the rest asks of them.
//!
//! The job, the engine and the commands know a source by its [`SourceOptions`] and never by its
//! kind, so a new kind changes none of them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::finding::Finding;
use super::loss_bounds::LossBounds;
use super::options::{Key, Section};
use super::{Guarantee, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;
use tagtide_posts::post::Position;

/// One kind of source: an entry of [`SOURCES`](super::SOURCES).
pub struct SourceKind {
    /// As job files name it; also the default name of such a source.
    pub name: &'static str,
    /// What it reads, in one line.
    pub about: &'static str,
    /// Keys that it takes besides those of every source.
    pub keys: &'static [Key],
    /// Formats that its records may have, by the name that job files use; the first is the
    /// default, and `None` is recognised from the first records.
    pub formats: &'static [(&'static str, Option<Format>)],
    /// The key that the short form `name://value` sets; `None` where there is no such form.
    pub short_key: Option<&'static str>,
    /// What people call it besides, for hints.
    pub aliases: &'static [&'static str],
    /// Posts come as people write them: `trending` is the default mode.
    pub is_platform: bool,
    /// Checks the keys and resolves them; `Format` is the one that the job names, or the default.
    pub check: fn(&mut Section<'_>, Option<Format>) -> Arc<dyn SourceOptions>,
}

impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceKind({})", self.name)
    }
}

/// What a source has of its past when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replays {
    /// Everything from the beginning, or from any Position.
    Everything,
    /// What came after a Position; a first start begins now.
    AfterPosition,
    /// Nothing: each start begins now.
    Nothing,
}

impl Replays {
    /// True where a start after these Positions has a gap in the past, so that what is usual
    /// cannot be learned from the time before it.
    #[must_use]
    pub fn misses_the_past(self, after: &[Position]) -> bool {
        match self {
            Self::Everything => false,
            Self::AfterPosition => after.is_empty(),
            Self::Nothing => true,
        }
    }
}

/// The checked options of one source.
///
/// Methods with a default are for what most kinds are not: a source of files, one that a token
/// opens, one that ends.
pub trait SourceOptions: Any + fmt::Debug + Send + Sync {
    /// Its kind.
    fn kind(&self) -> &'static SourceKind;

    /// What it reads from where, in one line and without secrets, for `check`.
    fn describe(&self) -> String;

    /// What a crash, a cut and silence lose at most, with a checkpoint every `epoch`.
    fn loss(&self, epoch: Duration) -> LossBounds;

    /// What it promises across a crash.
    fn guarantee(&self) -> Guarantee;

    /// What it has of its past when it starts.
    fn replays(&self) -> Replays;

    /// Makes the source; [`Source::open`] connects it. Records longer than `line_max_bytes` are
    /// dropped and counted.
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where it cannot work at all: a token that is not in its place.
    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError>;

    /// Tries the way to it, for `doctor`: one finding for each thing that has to be right.
    ///
    /// # Errors
    /// As [`SourceOptions::build`].
    fn reach(&self, _line_max_bytes: usize, _clock: &Clock) -> Result<Vec<Finding>, SourceError> {
        Ok(Vec::new())
    }

    /// Why ticks cannot go by the event time of its records, if they cannot. `carries_time`: the
    /// format of the records holds their time.
    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        None
    }

    /// Why a job may have only one such source, if so.
    fn only_one(&self) -> Option<&'static str> {
        None
    }

    /// Why only `run` may read it, with the way out; `relay` and `extract` keep no checkpoint.
    fn only_run(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Paths and patterns of the files that it reads.
    fn files(&self) -> &[String] {
        &[]
    }

    /// It loses nothing when it is read slowly, or not at all for a while.
    fn can_wait(&self) -> bool {
        false
    }
}

impl dyn SourceOptions {
    /// The options as those of one kind; `None` where they are of another.
    #[must_use]
    pub fn downcast<T: SourceOptions>(&self) -> Option<&T> {
        let any: &dyn Any = self;
        any.downcast_ref()
    }
}

/// The kind of that name.
#[must_use]
pub fn find(kinds: &[&'static SourceKind], name: &str) -> Option<&'static SourceKind> {
    kinds.iter().copied().find(|kind| kind.name == name)
}

/// Formats of kinds whose records are lines of whatever kind a user has.
pub(super) const LINE_FORMATS: &[(&str, Option<Format>)] = &[
    ("auto", None),
    ("text", Some(Format::Text)),
    ("text+", Some(Format::TextPlus)),
    ("x1", Some(Format::X1)),
    ("x2", Some(Format::X2)),
    ("jetstream", Some(Format::Jetstream)),
    ("mastodon", Some(Format::Mastodon)),
];

/// Event time of the first record that carries none, in a replay.
pub(super) const START: Key = Key::scalar("start");
/// Records per second of event time, in a replay.
pub(super) const RATE: Key = Key::scalar("rate");
