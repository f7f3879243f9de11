//! Where rankings go. Each sink runs on its own thread and never slows counting.
//!
//! # Adding a sink
//!
//! A kind is one file that holds `KIND`, a [`SinkKind`] with its keys; `Options`, its checked keys
//! with the answers that [`SinkOptions`] asks for; and the [`Sink`] itself. Then it needs one line
//! in [`SINKS`] and rows in `docs/job.md`.

pub mod dashboard;
mod http;
pub mod jsonl;
pub mod stdout;
pub mod table;
pub mod webhook;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use tagtide_sources::Reason;
use tagtide_sources::options::{Key, Section};
use tagtide_trends::rank::{Ranking, TickSnapshot, Trend};

/// Every kind of sink; the one list. A new kind is one line here.
pub static SINKS: &[&SinkKind] = &[&stdout::KIND, &jsonl::KIND, &dashboard::KIND, &webhook::KIND];

/// One kind of sink.
pub struct SinkKind {
    /// As job files name it.
    pub name: &'static str,
    /// Description, in a few words.
    pub about: &'static str,
    /// Keys that it takes besides `kind`.
    pub keys: &'static [Key],
    /// Checks the keys and resolves them.
    pub check: fn(&mut Section<'_>) -> Arc<dyn SinkOptions>,
}

impl fmt::Debug for SinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkKind({})", self.name)
    }
}

/// The checked options of a sink.
pub trait SinkOptions: Any + fmt::Debug + Send + Sync {
    /// Its kind.
    fn kind(&self) -> &'static SinkKind;

    /// Its output in one line, without secrets, for `check`.
    fn describe(&self) -> String;

    /// Where it writes. Two sinks of one kind must not have the same target.
    fn target(&self) -> String;

    /// Makes the sink.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot work at all: a file that cannot be opened, a missing token.
    fn build(&self) -> Result<Box<dyn Sink>, SinkError>;

    /// Environment variable that holds its secret, if any.
    fn secret_env(&self) -> Option<&str> {
        None
    }
}

impl dyn SinkOptions {
    /// The options as those of one kind; `None` where they are of another.
    #[must_use]
    pub fn downcast<T: SinkOptions>(&self) -> Option<&T> {
        let any: &dyn Any = self;
        any.downcast_ref()
    }
}

/// The kind of that name.
#[must_use]
pub fn find(kinds: &[&'static SinkKind], name: &str) -> Option<&'static SinkKind> {
    kinds.iter().copied().find(|kind| kind.name == name)
}

/// What a sink that is slower than the ticks gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The newest ranking: it replaces the one that waits.
    Latest,
    /// Every ranking, through a bounded queue; those that do not fit are counted as skipped.
    Every,
}

/// Why a ranking was not delivered. It is counted and logged, and never ends the job. Its text has
/// no secret.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SinkError(#[from] pub Reason);

impl SinkError {
    /// An error in words.
    #[must_use]
    pub fn new(text: impl Into<Reason>) -> Self {
        Self(text.into())
    }
}

/// Delivers rankings.
pub trait Sink: Send {
    /// Delivers one published ranking. Can block, because it has its own thread.
    ///
    /// # Errors
    /// [`SinkError`] if it was not delivered.
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError>;

    /// What it gets when it is slow.
    fn delivery(&self) -> Delivery;

    /// Name for logs and metrics, without secrets.
    fn name(&self) -> String;
}

/// The output of the JSON sinks: the default ranking of one tick.
#[derive(Serialize)]
struct Line<'a> {
    /// Number of the tick, from 1.
    batch: u64,
    /// Our clock at the tick, milliseconds since the Unix epoch.
    published_at: i64,
    #[serde(flatten)]
    ranking: &'a Ranking,
}

impl<'a> Line<'a> {
    /// `None` if there is no ranking.
    fn of(published: &'a TickSnapshot) -> Option<Self> {
        let ranking = published.default_ranking()?;
        Some(Self { batch: published.batch, published_at: published.published_at, ranking })
    }

    /// One line of JSON with its newline.
    fn json(&self) -> Result<Vec<u8>, SinkError> {
        let error = |error: serde_json::Error| {
            let text = format!("cannot write a ranking as JSON: {error}");
            SinkError(Reason::because(text, error))
        };
        let mut line = serde_json::to_vec(self).map_err(error)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// A tag as the original prints it: `#` and the most common spelling. A word that already contains
/// a `#` (rule `words`) is unchanged; a tag of the hashtag grammar never contains one.
#[must_use]
pub fn hashtag(trend: &Trend) -> Cow<'_, str> {
    if trend.display.contains('#') {
        Cow::Borrowed(&trend.display)
    } else {
        Cow::Owned(format!("#{}", trend.display))
    }
}

#[cfg(test)]
mod tests;
