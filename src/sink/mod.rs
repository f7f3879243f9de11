//! Sinks take rankings out. Each runs on a thread of its own and never slows the count.

mod dashboard;
mod http;
mod jsonl;
mod stdout;
pub mod table;
mod webhook;

use std::borrow::Cow;

use serde::Serialize;

use crate::job::SinkPlan;
use tagtide_trends::rank::{Published, Ranking, Trend};

/// How a sink that is slower than the batches is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One slot: a newer ranking replaces the one that waits.
    Latest,
    /// Every batch, through a bounded queue; what does not fit is counted as dropped.
    Every,
}

/// Why a sink could not take a ranking; it is counted and logged, never fatal to the job.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Takes rankings out.
pub trait Sink: Send {
    /// Takes one published ranking; may block, on its own thread.
    ///
    /// # Errors
    /// [`SinkError`] where this one was not delivered.
    fn publish(&mut self, published: &Published) -> Result<(), SinkError>;

    /// How it is served when it is slow.
    fn delivery(&self) -> Delivery;

    /// Name for logs and metrics, without secrets.
    fn name(&self) -> String;
}

/// Builds the sink that `plan` describes; the one list of what each kind is made by.
///
/// # Errors
/// [`SinkError`] where it cannot work at all: a file that cannot be opened, a token that is not
/// there.
pub fn build(plan: &SinkPlan) -> Result<Box<dyn Sink>, SinkError> {
    Ok(match plan {
        SinkPlan::Stdout { json } => Box::new(stdout::Stdout::new(std::io::stdout(), *json)),
        SinkPlan::Jsonl { path, rotate_bytes, keep } => {
            Box::new(jsonl::Jsonl::open(path, *rotate_bytes, *keep)?)
        }
        SinkPlan::Dashboard { url } => Box::new(dashboard::Dashboard::new(url)?),
        SinkPlan::Webhook { url, token_env } => {
            Box::new(webhook::Webhook::new(url, token_env.as_deref())?)
        }
    })
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
    fn of(published: &'a Published) -> Option<Self> {
        let ranking = published.default_ranking()?;
        Some(Self { batch: published.batch, published_at: published.published_at, ranking })
    }

    /// One line of JSON with its newline.
    fn json(&self) -> Result<Vec<u8>, SinkError> {
        let error = |error| SinkError(format!("cannot write a ranking as JSON: {error}"));
        let mut line = serde_json::to_vec(self).map_err(error)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// A tag as the original prints it: `#` before the commonest spelling; a word that holds a `#`
/// already (rule `words`) as it stands. A tag of the hashtag grammar never holds one.
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
