//! The durable half of an epoch: one atomic record of counts *and* Positions.
//!
//! The checkpoint knows nothing of what it keeps: a record is a list of typed, versioned,
//! length-prefixed [`Section`]s. It is an append-only log of per-epoch records (CRC32C, one write +
//! fdatasync) with a full snapshot every so many epochs (temporary file, fsync, rename, fsync of
//! the directory). [`Checkpoint`] is the whole of it, for use by one background thread.
//!
//! What holds:
//! - An epoch whose [`Checkpoint::commit`] came back `Ok` survives a killed process and a power
//!   cut.
//! - Recovery gives whole epochs without holes, or an error that names the file; never a part of
//!   an epoch, and never a fresh start where the marker says that there was a checkpoint.
//! - After a failed write or sync nothing more is committed: the log is poisoned, a sync is never
//!   tried twice, and the way on is a new start at the last committed epoch.
//!
//! Limits: a record is at most 1 GiB. A log that was cut at its very end is the same as one whose
//! last write was torn: the epochs before the cut are recovered, and [`Recovery::torn_bytes`] says
//! so unless the cut lies exactly between two records; a cut that reaches behind what a snapshot
//! has seen is an error.

#![forbid(unsafe_code)]

mod crash;
mod directory;
mod disk;
mod identity;
mod lock;
mod log;
mod marker;
mod names;
mod reader;
mod record;
mod recover;
mod snapshot;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use crash::{CRASH_POINTS, CRASH_POINTS_RARE};
pub use directory::Checkpoint;
pub use identity::{Earlier, Identity, Part};
pub use lock::held_by;

/// One typed part of a record. Unknown kinds are skipped, unless `required`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is; numbers are given out in `state::snapshot` and never reused.
    pub kind: u16,
    /// Version of its own encoding.
    pub version: u8,
    /// A reader that does not know `kind` must stop.
    pub required: bool,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A [`Section`] as it is read back, in the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionRef<'a> {
    /// What it is.
    pub kind: u16,
    /// Version of its own encoding.
    pub version: u8,
    /// A reader that does not know `kind` must stop.
    pub required: bool,
    /// Its bytes.
    pub body: &'a [u8],
}

impl SectionRef<'_> {
    /// A copy that owns its bytes.
    #[must_use]
    pub fn to_section(&self) -> Section {
        Section {
            kind: self.kind,
            version: self.version,
            required: self.required,
            body: self.body.to_vec(),
        }
    }
}

/// Takes in what [`Checkpoint::open`] reads back. An `Err` stops the start: it says what is wrong
/// with the sections, and the error names the file and the place.
pub trait Restore {
    /// Comes before anything else, on a first start too. It comes *again* where a damaged snapshot
    /// was found half-way: then everything told so far is to be forgotten.
    fn begin(&mut self, key: &Key);

    /// The next piece of the snapshot, in the order in which the pieces were written.
    ///
    /// # Errors
    /// What is wrong with `sections`.
    fn piece(&mut self, sections: &[SectionRef<'_>]) -> Result<(), String>;

    /// The record of the next epoch, after all pieces, ascending without holes. Pieces may already
    /// contain some of these epochs: each piece says in its own sections up to which.
    ///
    /// # Errors
    /// What is wrong with `sections`.
    fn record(&mut self, epoch: u64, sections: &[SectionRef<'_>]) -> Result<(), String>;
}

/// What [`Checkpoint::open`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// There was no checkpoint: this is a first start.
    pub first: bool,
    /// Newest committed epoch; 0 = none. The next commit is of the epoch after it.
    pub epoch: u64,
    /// The epoch at which the snapshot that was read had been begun; `None` = there was none.
    pub snapshot: Option<u64>,
    /// Pieces of that snapshot.
    pub pieces: u64,
    /// Epochs read from the log.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of an unfinished record that were cut from the end of the log.
    pub torn_bytes: u64,
    /// What was wrong with newer snapshots, which were set aside; worth a warning each.
    pub set_aside: Vec<String>,
}

/// Key for keyed hashes that mean the same after a restart: 256 random bits, made once per
/// directory. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// The bits.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What is wrong with a state directory; each says the way out.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another process holds the directory.
    #[error(
        "state directory `{}` is held by process {pid}\n\
         help: stop that process, or give this one its own `--state-dir`",
        dir.display()
    )]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The holder.
        pid: u32,
    },
    /// A file does not hold what was written, or is missing.
    #[error(
        "checkpoint file `{}` is damaged: {what}\n\
         help: restore it from a backup, or begin anew with `--fresh`",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// It belongs to another job, or to a job that has changed in a way that counts cannot follow.
    #[error("checkpoint in `{}` is of another job: {what}\nhelp: {help}", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// What differs.
        what: String,
        /// The way out.
        help: String,
    },
    /// The file system refused.
    #[error("cannot {what} `{}`: {source}{}", file.display(), help(source))]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn help(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            "\nhelp: make room on that disk and start again; what was committed is kept"
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            "\nhelp: give a directory that this user may write by `--state-dir`"
        }
        _ => "",
    }
}

fn io_error(what: &'static str, file: PathBuf, source: std::io::Error) -> CheckpointError {
    CheckpointError::Io { what, file, source }
}

/// A call that does not fit the state of the checkpoint; nothing was written.
fn misuse(what: &'static str, file: PathBuf, why: String) -> CheckpointError {
    io_error(what, file, std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
}
