//! How a command ends: its exit code and the error on stderr.
//!
//! 0 done or drained, 1 the job failed, 2 wrong usage or a job file with problems, 3 state
//! directory or port in use, 4 checkpoint damaged or of another job, 5 every source refused the
//! credentials, 130 second Ctrl-C.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::alert::AlertError;
use crate::engine::EngineError;
use crate::job::Diagnostic;
use crate::serve::ServeError;
use crate::sink::SinkError;
use crate::sqlite::SqliteError;
use tagtide_checkpoint::CheckpointError;
use tagtide_sources::SourceError;

/// The job failed.
pub(super) const FAILED: u8 = 1;
/// Wrong usage, or a job file with problems.
pub(super) const USAGE: u8 = 2;
/// State directory or port in use.
pub(super) const HELD: u8 = 3;
/// Checkpoint damaged, or of another job.
pub(super) const CHECKPOINT: u8 = 4;
/// Every source refused the credentials.
pub(super) const AUTH: u8 = 5;
/// Second Ctrl-C.
pub(super) const INTERRUPTED: u8 = 130;

/// Problems of a job that are printed; a file that is not a job can have thousands.
const PROBLEMS_MAX: usize = 20;

/// The result of every command.
pub(super) type Outcome = Result<(), Failure>;

/// Why a command failed: the exit code, and the message.
#[derive(Debug)]
pub(super) struct Failure {
    pub code: u8,
    /// Lines for stderr; empty = nothing is printed.
    pub message: String,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    /// For errors of writing to stdout: a closed pipe is not a failure.
    pub(super) fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { code: 0, message: String::new() };
        }
        Self::new(FAILED, format_args!("cannot write to standard output: {error}"))
    }

    /// Prints the message and returns the exit code of the process.
    pub(super) fn end(&self, color: bool) -> ExitCode {
        if !self.message.is_empty() {
            let (on, off) = if color { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
            // A closed stderr leaves no way to report anything.
            let _ = io::Write::write_fmt(
                &mut io::stderr(),
                format_args!("{on}error{off}: {}\n", self.message),
            );
        }
        ExitCode::from(self.code)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Checkpoint(CheckpointError::Held { .. }) => HELD,
            EngineError::Checkpoint(
                CheckpointError::Damaged { .. } | CheckpointError::Foreign { .. },
            ) => CHECKPOINT,
            EngineError::AuthFailed(_) => AUTH,
            _ => FAILED,
        };
        Self::new(code, error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = match &error {
            ServeError::InUse(_) => HELD,
            ServeError::Address(_) | ServeError::TokenNeeded(_) | ServeError::TokenShort(_) => {
                USAGE
            }
            _ => FAILED,
        };
        Self::new(code, error)
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(problems: Vec<Diagnostic>) -> Self {
        let mut all: Vec<_> = problems.iter().map(ToString::to_string).collect();
        // A flag can set two fields, which then have the same problem.
        all.dedup();
        let message = match all.as_slice() {
            [one] => one.clone(),
            many if many.len() <= PROBLEMS_MAX => {
                format!("{} problems\n{}", many.len(), many.join("\n"))
            }
            many => format!(
                "{} problems; the first {PROBLEMS_MAX} are\n{}\n\
                 help: this may not be a job file; `tagtide replay` counts files of posts",
                many.len(),
                many[..PROBLEMS_MAX].join("\n")
            ),
        };
        Self::new(USAGE, message)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(FAILED, error)
    }
}

impl From<AlertError> for Failure {
    fn from(error: AlertError) -> Self {
        Self::new(FAILED, error)
    }
}

impl From<SqliteError> for Failure {
    fn from(error: SqliteError) -> Self {
        Self::new(FAILED, error)
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::new(FAILED, error)
    }
}
