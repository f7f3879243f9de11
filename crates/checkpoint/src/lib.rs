//! A state directory that survives kill -9 and power loss: one atomic record per epoch, snapshots,
//! and recovery.
//!
//! The checkpoint does not know what it stores. A record is a list of typed, length-prefixed
//! [`Section`]s. Records are appended to a log (CRC32C, one write and one fdatasync each), and from
//! time to time a full snapshot keeps the log short (temporary file, fsync, rename, fsync of the
//! directory). [`Checkpoint`] is the entry point, to be used by one background thread.
//!
//! ```
//! use tagtide_checkpoint::{
//!     Checkpoint, CheckpointError, Identity, Key, Part, Restore, RestoreError, Section,
//!     SectionRef,
//! };
//!
//! /// Collects what the log contains.
//! #[derive(Default)]
//! struct Texts(Vec<String>);
//!
//! impl Restore for Texts {
//!     fn begin(&mut self, _key: &Key) {
//!         self.0.clear();
//!     }
//!
//!     fn piece(&mut self, _sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
//!         Ok(()) // no snapshot in this example
//!     }
//!
//!     fn record(&mut self, _: u64, sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
//!         self.0.extend(sections.iter().map(|s| String::from_utf8_lossy(s.body).into_owned()));
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), CheckpointError> {
//! # let tmp = tempfile::tempdir().unwrap();
//! # let dir = tmp.path();
//! let job = Identity { job: "example".into(), parts: vec![Part::new("rule", "tags")] };
//! let section = Section { kind: 1, required: true, body: b"one".to_vec() };
//!
//! let (mut checkpoint, recovery) = Checkpoint::open(dir, &job, false, &mut Texts::default())?;
//! assert!(recovery.first);
//! checkpoint.commit(1, &[section])?; // durable from here on
//! drop(checkpoint);
//!
//! let mut texts = Texts::default();
//! let (_, recovery) = Checkpoint::open(dir, &job, false, &mut texts)?;
//! assert_eq!((recovery.epoch, texts.0), (1, vec!["one".to_owned()]));
//! # Ok(())
//! # }
//! ```
//!
//! Guarantees:
//! - An epoch whose [`Checkpoint::commit`] returned `Ok` survives kill -9 and power loss.
//! - Recovery returns complete epochs without gaps, or an error that names the file. It never
//!   returns part of an epoch, and never a first start if the marker says that there was a
//!   checkpoint.
//! - After a failed write or sync nothing more is committed: the log is poisoned, a sync is never
//!   retried, and the way on is a restart at the last committed epoch.
//!
//! Limits: a record is at most 1 GiB. A log that was truncated at its very end cannot be
//! distinguished from one whose last write was torn: the epochs before the cut are recovered, and
//! [`Recovery::torn_bytes`] reports it unless the cut is exactly between two records. A cut before
//! something that a snapshot has seen is an error.

#![forbid(unsafe_code)]

mod crash;
mod damage;
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
pub use damage::{Damage, RestoreError};
pub use directory::Checkpoint;
pub use identity::{Earlier, Identity, Part};
pub use lock::held_by;

/// One typed part of a record. Unknown kinds are skipped, unless `required`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its type. Numbers are assigned by the caller (docs/checkpoint.md) and never reused.
    pub kind: u16,
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
    /// A reader that does not know `kind` must stop.
    pub required: bool,
    /// Its bytes.
    pub body: &'a [u8],
}

impl SectionRef<'_> {
    /// A copy that owns its bytes.
    #[must_use]
    pub fn to_section(&self) -> Section {
        Section { kind: self.kind, required: self.required, body: self.body.to_vec() }
    }
}

/// Receives what [`Checkpoint::open`] reads back. An `Err` describes what is wrong with the
/// sections; it stops the start with an error that adds the file and the place.
pub trait Restore {
    /// Called before anything else, also on a first start. Called *again* if a damaged snapshot was
    /// found half-way: then everything received so far must be discarded.
    fn begin(&mut self, key: &Key);

    /// The next piece of the snapshot, in the order in which they were written.
    ///
    /// # Errors
    /// What is wrong with `sections`.
    fn piece(&mut self, sections: &[SectionRef<'_>]) -> Result<(), RestoreError>;

    /// The record of the next epoch, after all pieces, ascending without gaps. Pieces can already
    /// contain some of these epochs: the sections of a piece must state up to which.
    ///
    /// # Errors
    /// What is wrong with `sections`.
    fn record(&mut self, epoch: u64, sections: &[SectionRef<'_>]) -> Result<(), RestoreError>;
}

/// What [`Checkpoint::open`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// There was no checkpoint: this is a first start.
    pub first: bool,
    /// Newest committed epoch; 0 = none. The next commit must be the epoch after it.
    pub epoch: u64,
    /// The epoch at which the snapshot that was read was begun; `None` = there was none.
    pub snapshot: Option<u64>,
    /// Pieces of that snapshot.
    pub pieces: u64,
    /// Epochs read from the log.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of an incomplete record that were cut from the end of the log.
    pub torn_bytes: u64,
    /// What was wrong with newer snapshots, which were set aside. Each deserves a warning.
    pub set_aside: Vec<String>,
}

/// Key for hashes that are stable across restarts: 256 random bits, made once per directory.
/// `Debug` does not print it.
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

/// Why a state directory cannot be used. Each message has a `help:` line.
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
    /// A file does not contain what was written, or is missing.
    #[error(
        "checkpoint file `{}` is damaged: {source}\n\
         help: restore it from a backup, or start over with `--fresh`",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// It belongs to another job, or to a job that has changed incompatibly.
    #[error("checkpoint in `{}` is of another job: {what}\nhelp: {help}", dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// What differs.
        what: String,
        /// What to do.
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
            "\nhelp: free space on that disk and restart; committed epochs are safe"
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            "\nhelp: name a directory that this user can write to with `--state-dir`"
        }
        _ => "",
    }
}

fn io_error(what: &'static str, file: PathBuf, source: std::io::Error) -> CheckpointError {
    CheckpointError::Io { what, file, source }
}

/// The error for a call that the state of the checkpoint does not allow. Nothing was written.
fn misuse(what: &'static str, file: PathBuf, why: String) -> CheckpointError {
    io_error(what, file, std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
}
