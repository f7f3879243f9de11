//! What was ranked, kept in `history.sqlite` of the state directory.
//!
//! [`History`] writes what it is given: each [`Ranking`] under its minute of event time, in place
//! of what stood there for the same view, mode and window. So what a replay brings again after a
//! crash is there once, also where it has fewer rows. [`Writer`] does it on a thread of its own and
//! says how far it has come; a checkpoint waits for that. [`Reader`] asks, on a connection of its
//! own.
//!
//! It decides neither what is ranked nor when: that is the engine's. It reads no clock: old is what
//! lies [`FINE_MINUTES`] behind the newest minute kept.
//!
//! Limits: the file and its write-ahead log stay below a bound; the oldest minutes give way first.
//! A reader that holds a transaction open can keep the log from shrinking. A ranking's whole
//! numbers are kept up to 2^63 - 1.
//!
//! The tables are those of docs/history.md and, in words, of the file's own table `about`.

mod query;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use query::{Asked, Kept, KeptRanking, Kind, Reader, When};
pub use store::{History, MAX_BYTES_LEAST};

use crate::durable_queue::DurableQueue;
use crate::sqlite::{Schema, SqliteError};
use tagtide_trends::rank::Ranking;
use tagtide_trends::status::SpoolStatus;

/// Why the history could not be opened, written or read.
pub type HistoryError = SqliteError;

/// Age beyond which only every [`COARSE_MINUTES`]th minute is kept.
pub const FINE_MINUTES: i64 = 48 * 60;
/// Minutes kept of what is older.
pub const COARSE_MINUTES: i64 = 15;
/// Bound of the file where a job names none, bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// The file.
const SCHEMA: Schema = Schema {
    file: "history.sqlite",
    // `tgth`
    id: 0x7467_7468,
    version: 1,
    sql: include_str!("schema.sql"),
};

/// The minute of event time in which a moment lies, counted from the Unix epoch.
#[must_use]
pub fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(60_000)
}

/// `window_s` as a column: 0 stands for a mode without window.
fn window_column(window_s: Option<u64>) -> i64 {
    i64::try_from(window_s.unwrap_or(0)).unwrap_or(i64::MAX)
}

/// Writes rankings on a thread of its own.
pub struct Writer {
    spool: DurableQueue<Vec<Arc<Ranking>>>,
}

impl Writer {
    /// Opens the history of a state directory and starts the thread `history`.
    ///
    /// # Errors
    /// [`HistoryError`] where the file cannot be opened or is not ours; counting may go on without
    /// a history then.
    pub fn start(dir: &Path, max_bytes: u64) -> Result<Self, HistoryError> {
        let mut history = History::open(dir, max_bytes)?;
        let path = dir.join(SCHEMA.file);
        let failed = |error: io::Error| SqliteError::Failed {
            tried: "start a thread for",
            path,
            why: error.to_string(),
        };
        let spool = DurableQueue::start("history", move |group: &[Vec<Arc<Ranking>>]| {
            let all: Vec<_> = group.iter().flatten().map(Arc::clone).collect();
            history.write(&all)
        });
        Ok(Self { spool: spool.map_err(failed)? })
    }

    /// Hands rankings over under the number of the epoch that they belong to, which never falls.
    /// Waits while many wait already. False where the thread has ended.
    pub fn offer(&self, seq: u64, rankings: Vec<Arc<Ranking>>) -> bool {
        self.spool.offer(seq, rankings)
    }

    /// The number up to which everything offered is durable, or was given up.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.spool.committed()
    }

    /// Waits until everything offered up to `seq` is durable, or was given up; a disk that is full
    /// ends the wait too. False where it took longer than `at_most`.
    #[must_use]
    pub fn wait_for(&self, seq: u64, at_most: Duration) -> bool {
        self.spool.wait_for(seq, at_most)
    }

    /// What was kept and lost; an item is what one [`Writer::offer`] brought.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        self.spool.status()
    }
}
