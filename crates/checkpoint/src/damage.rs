//! What can be wrong with a file.

use super::names::MARKER;
use super::record::FORMAT;

/// Why [`Restore`](super::Restore) rejects sections.
pub type RestoreError = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with a file of the directory.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It does not exist.
    #[error("it is missing")]
    Missing,
    /// The marker does not exist.
    #[error("it is missing, although there are checkpoint files")]
    NoMarker,
    /// Neither a log nor a snapshot exists.
    #[error("it is missing, although `{MARKER}` shows that a checkpoint began here")]
    NoCheckpoint,
    /// It has another format.
    #[error("format version {0}, this program reads {FORMAT}")]
    Version(u16),
    /// It is too long for its kind, bytes.
    #[error("it is {0} bytes long")]
    Length(u64),
    /// It does not have the form that was written.
    #[error("{0}")]
    Form(&'static str),
    /// The head of a section has unknown flags.
    #[error("a section has unknown flags {0:#04x}")]
    Flags(u8),
    /// Its epochs do not continue those of the file before.
    #[error("it starts after epoch {found}, not {expected}")]
    Start {
        /// The epoch before its first record.
        found: u64,
        /// The last epoch read before.
        expected: u64,
    },
    /// An epoch does not follow the one before.
    #[error("epoch {found} follows epoch {last}")]
    Order {
        /// The epoch.
        found: u64,
        /// The epoch before it.
        last: u64,
    },
    /// A sealed segment does not reach the next one.
    #[error("it ends with epoch {last}, and the next begins after {next}")]
    Gap {
        /// Its last epoch.
        last: u64,
        /// The epoch before the first one of the next segment.
        next: u64,
    },
    /// The log ends before what was committed.
    #[error("it ends with epoch {last}, but epoch {committed} was committed")]
    Short {
        /// Its last epoch.
        last: u64,
        /// A later epoch that a snapshot contains.
        committed: u64,
    },
    /// The sections are intact, but [`Restore`](super::Restore) rejects them.
    #[error(transparent)]
    Rejected(RestoreError),
    /// Damage of one record or piece.
    #[error("{source}, at byte {offset} of {len}")]
    At {
        /// What is wrong.
        source: Box<Damage>,
        /// Offset of the record in the file.
        offset: u64,
        /// Length of the file.
        len: u64,
    },
}

impl From<&'static str> for Damage {
    fn from(form: &'static str) -> Self {
        Self::Form(form)
    }
}
