//! The durable half of an epoch: one atomic record of counts *and* Positions.
//!
//! The checkpoint knows nothing of what it keeps: a record is a list of typed, versioned,
//! length-prefixed [`Section`]s. It is an append-only log of per-epoch records (CRC32C, one write +
//! fdatasync) with a full snapshot every so many epochs (temporary file, fsync, rename, fsync of
//! the directory).

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

use std::path::PathBuf;

/// What is wrong with a state directory; each says the way out.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Another process holds the directory.
    #[error("state directory `{}` is held by process {pid}\nhelp: stop that process, or give this one its own `--state-dir`", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The holder.
        pid: u32,
    },
    /// A file does not hold what was written.
    #[error("checkpoint file `{}` is damaged: {what}\nhelp: restore it from a backup, or begin anew with `--fresh`", file.display())]
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
    #[error("cannot {what} `{}`: {source}", file.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
