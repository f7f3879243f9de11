//! Past rankings, stored in `history.sqlite` of the state directory.
//!
//! [`History`] stores each [`Ranking`] under its minute of event time and replaces an earlier one
//! of the same view, mode and window. So a ranking that is computed again after a crash is stored
//! once, even if it has fewer rows then. [`Writer`] does this on its own thread and reports its
//! progress; the checkpoint waits for it. [`Reader`] queries the file on its own connection.
//!
//! Which rankings are stored, and when, is decided in `run::reports`. Nothing here reads a clock:
//! age is measured from the newest stored minute.
//!
//! Limits: the file and its write-ahead log stay below a size limit; the oldest minutes are deleted
//! first. A reader that keeps a transaction open can stop the log from shrinking. Integers are
//! stored up to 2^63 - 1.
//!
//! docs/history.md and the table `about` in the file describe the tables.

mod query;
mod store;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

pub use query::{Kind, RankingSelector, Reader, StoredRanking, StoredRankings, When, WhenError};
pub use store::{History, MAX_BYTES_LEAST};

use crate::durable_queue::DurableQueue;
use crate::sqlite::{Schema, SqliteError};
use tagtide_trends::rank::Ranking;
use tagtide_trends::status::HistoryStatus;

/// Why the history could not be opened, written or read.
pub type HistoryError = SqliteError;

/// Age beyond which only every [`COARSE_MINUTES`]th minute is stored.
pub const FINE_MINUTES: i64 = 48 * 60;
/// Distance of the stored minutes beyond that age.
pub const COARSE_MINUTES: i64 = 15;
/// Default size limit of the file, bytes.
pub const MAX_BYTES: u64 = 1 << 30;

/// The file.
const SCHEMA: Schema = Schema {
    file: "history.sqlite",
    // `tgth`
    id: 0x7467_7468,
    sql: include_str!("schema.sql"),
    migrations: &[],
};

/// The minute of an event time, counted from the Unix epoch.
#[must_use]
pub fn minute_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(60_000)
}

/// `window_s` as a column: 0 for a mode without a window.
fn window_column(window_s: Option<u64>) -> i64 {
    i64::try_from(window_s.unwrap_or(0)).unwrap_or(i64::MAX)
}

/// Writes rankings on its own thread.
pub struct Writer {
    queue: DurableQueue<Vec<Arc<Ranking>>>,
    written: Arc<Written>,
}

/// What was written since the start.
#[derive(Default)]
struct Written {
    rows: AtomicU64,
    /// Newest event time, milliseconds; the least number before the first ranking.
    newest: AtomicI64,
}

impl Written {
    fn add(&self, rankings: &[Arc<Ranking>]) {
        let rows: usize = rankings.iter().map(|ranking| ranking.trends.len()).sum();
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        let newest = rankings.iter().map(|ranking| ranking.at).max().unwrap_or(i64::MIN);
        self.newest.fetch_max(newest, Ordering::Relaxed);
    }
}

impl Writer {
    /// Opens the history of a state directory and starts the thread `history`.
    ///
    /// # Errors
    /// [`HistoryError`] if the file cannot be opened or is not ours; the run may continue without a
    /// history then.
    pub fn start(dir: &Path, max_bytes: u64) -> Result<Self, HistoryError> {
        let mut history = History::open(dir, max_bytes)?;
        let path = dir.join(SCHEMA.file);
        let failed = |error| SqliteError::system("start a thread for", &path, error);
        let newest = AtomicI64::new(i64::MIN);
        let written = Arc::new(Written { newest, ..Written::default() });
        let theirs = Arc::clone(&written);
        let queue = DurableQueue::start("history", move |group: &[Vec<Arc<Ranking>>]| {
            let all: Vec<_> = group.iter().flatten().map(Arc::clone).collect();
            history.write(&all).inspect(|()| theirs.add(&all))
        });
        Ok(Self { queue: queue.map_err(failed)?, written })
    }

    /// Queues rankings under the number of their epoch, which never decreases. Blocks while the
    /// queue is full. False if the thread has ended.
    pub fn offer(&self, seq: u64, rankings: Vec<Arc<Ranking>>) -> bool {
        self.queue.offer(seq, rankings)
    }

    /// The epoch up to which everything is durable or was given up.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.queue.committed()
    }

    /// Waits until everything up to epoch `seq` is durable or was given up, as on a full disk.
    /// False if that took longer than `at_most`.
    #[must_use]
    pub fn wait_for(&self, seq: u64, at_most: Duration) -> bool {
        self.queue.wait_for(seq, at_most)
    }

    /// What was written and lost; an item is one call of [`Writer::offer`].
    #[must_use]
    pub fn status(&self) -> HistoryStatus {
        let newest = self.written.newest.load(Ordering::Relaxed);
        HistoryStatus {
            queue: self.queue.status(),
            rows: self.written.rows.load(Ordering::Relaxed),
            newest: (newest != i64::MIN).then_some(newest),
        }
    }
}
