//! Engines execute a [`Plan`]; a started Plan is a [`Run`].
//!
//! The engine owns the loop, the channels, the retry policy and the shutdown.

mod embedded;

pub use embedded::probe;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::job::Plan;
use crate::rank::{Ask, Published, Ranking, Status};
use tagtide_checkpoint::CheckpointError;
use tagtide_posts::clock::Clock;

/// How this process runs a Plan (flags and environment, never the job file).
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Worker threads; 0 = one for each core.
    pub workers: usize,
    /// Where the checkpoint lives; `None` = none is kept.
    pub state_dir: Option<PathBuf>,
    /// Where the raw wire is recorded; `None` = nowhere.
    pub record: Option<PathBuf>,
    /// Throw away the checkpoint that is there and begin anew.
    pub fresh: bool,
    /// Sources are tried again so many times sooner than the policy says, for harnesses; 0 = by
    /// the policy.
    pub hurry: u32,
    /// Time of day.
    pub clock: Clock,
}

/// Why a run could not start or ended early.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A source cannot go on and no other is left.
    #[error("{0}")]
    Source(String),
    /// Every source has ended because its credentials were refused.
    #[error("{0}")]
    AuthFailed(String),
    /// The filter of a view cannot be made.
    #[error("{0}")]
    View(String),
    /// Nothing can be recorded.
    #[error("{0}")]
    Record(String),
    /// A sink cannot be made.
    #[error("{0}")]
    Sink(String),
    /// The checkpoint is held, damaged, foreign or could not be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A worker has panicked.
    #[error(
        "a worker has failed in a way that nobody has thought of; what was counted before is kept\n\
         help: please report what stands above"
    )]
    Panicked,
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Counters and sources as they stood.
    pub status: Arc<Status>,
    /// The default ranking at the end, with as many rows as were asked for.
    pub ranking: Ranking,
    /// Event time of the first post counted by this process, if any.
    pub first_event: Option<i64>,
    /// Distinct tags at the end.
    pub distinct_tags: u64,
}

/// A handle on a started run; cheap to clone.
#[derive(Clone)]
pub struct Run {
    inner: Arc<dyn RunHandle>,
}

/// What an engine gives to those who watch its run.
pub trait RunHandle: Ask {
    /// Every published ranking; the receiver sees the newest and may miss some.
    fn watch(&self) -> watch::Receiver<Arc<Published>>;
    /// Asks it to drain, checkpoint and end; `now` ends it without draining.
    fn stop(&self, now: bool);
    /// Takes over the lists of tags and accounts of `plan`, and nothing else of it.
    fn change_lists(&self, plan: &Plan);
    /// Waits for the end. `top` = rows of [`Summary::ranking`].
    ///
    /// # Errors
    /// [`EngineError`] where the run failed.
    fn join(&self, top: usize) -> Result<Summary, EngineError>;
}

impl Run {
    /// Wraps an engine's handle.
    #[must_use]
    pub fn new(inner: Arc<dyn RunHandle>) -> Self {
        Self { inner }
    }
}

impl std::ops::Deref for Run {
    type Target = dyn RunHandle;
    fn deref(&self) -> &Self::Target {
        &*self.inner
    }
}

/// Starts `plan` on the embedded engine.
///
/// Sinks named in the plan are started too.
///
/// # Errors
/// [`EngineError`] where the checkpoint does not allow it.
pub fn start(plan: Plan, options: RunOptions) -> Result<Run, EngineError> {
    Ok(Run::new(embedded::start(plan, options)?))
}
