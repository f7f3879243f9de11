//! Why a run could not start or ended early.

use std::path::{Path, PathBuf};

use crate::alert::AlertError;
use crate::sink::SinkError;
use tagtide_checkpoint::CheckpointError;
use tagtide_sources::SourceError;

/// Why a run could not start or ended early.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan names an engine that does not exist.
    #[error("there is no engine `{0}`")]
    UnknownEngine(String),
    /// A source cannot be made, or cannot go on and no other is left.
    #[error(transparent)]
    Source(SourceError),
    /// A source failed while others went on to their ends.
    #[error("source `{name}` has failed, the others were counted: {source}")]
    OneSource {
        /// Its name.
        name: String,
        /// Why.
        source: SourceError,
    },
    /// Every source has ended because its credentials were refused.
    #[error(transparent)]
    AuthFailed(SourceError),
    /// The file of accounts of a view cannot be read.
    #[error("view `{view}`: cannot read `{}`: {source}", .path.display())]
    View {
        /// Name of the view.
        view: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be recorded.
    #[error(
        "cannot record in `{}`: {source}\nhelp: name a directory that can be written to",
        .dir.display()
    )]
    Record {
        /// Where.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A sink cannot be made.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Alerts cannot be delivered.
    #[error(transparent)]
    Alerts(#[from] AlertError),
    /// The checkpoint is held, damaged, foreign or could not be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A worker has panicked.
    #[error(
        "a worker thread panicked (this is a bug); counts up to the last checkpoint are safe\n\
         help: please report the message above"
    )]
    Panicked,
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The run has ended, and its result was taken before.
    #[error("the engine has ended")]
    Gone,
}

impl EngineError {
    /// For errors of the directory of a recording.
    pub(crate) fn record(dir: &Path, source: std::io::Error) -> Self {
        Self::Record { dir: dir.to_owned(), source }
    }
}
