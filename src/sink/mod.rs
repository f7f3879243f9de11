//! Sinks take rankings out. Each runs on a thread of its own and never slows the count.
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
    /// What it is, in a few words.
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

/// The checked options of one sink.
pub trait SinkOptions: Any + fmt::Debug + Send + Sync {
    /// Its kind.
    fn kind(&self) -> &'static SinkKind;

    /// What it writes where, in one line and without secrets, for `check`.
    fn describe(&self) -> String;

    /// Where it writes; two sinks of one kind may not write to one target.
    fn target(&self) -> String;

    /// Makes the sink.
    ///
    /// # Errors
    /// [`SinkError`] where it cannot work at all: a file that cannot be opened, a token that is
    /// not there.
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

/// How a sink that is slower than the batches is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One slot: a newer ranking replaces the one that waits.
    Latest,
    /// Every batch, through a bounded queue; what does not fit is counted as dropped.
    Every,
}

/// Why a sink could not take a ranking; it is counted and logged, never fatal to the job. Its text
/// holds no secret.
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

/// Takes rankings out.
pub trait Sink: Send {
    /// Takes one published ranking; may block, on its own thread.
    ///
    /// # Errors
    /// [`SinkError`] where this one was not delivered.
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError>;

    /// How it is served when it is slow.
    fn delivery(&self) -> Delivery;

    /// Name for logs and metrics, without secrets.
    fn name(&self) -> String;
}

/// What the JSON sinks write: the default ranking of one batch.
#[derive(Serialize)]
struct Line<'a> {
    /// Number of the batch, from 1.
    batch: u64,
    /// Our clock at the tick, milliseconds since the Unix epoch.
    published_at: i64,
    #[serde(flatten)]
    ranking: &'a Ranking,
}

impl<'a> Line<'a> {
    /// `None` where nothing is ranked.
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

/// A tag as the original prints it: `#` before the commonest spelling; a word that holds a `#`
/// already (rule `words`) is printed unchanged. A tag of the hashtag grammar never holds one.
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
