//! Writing: replacing whole rankings, thinning old minutes, the size limit of the file.
//!
//! Old rows are deleted before new ones are inserted, in the same transaction: the pages of the
//! oldest minutes go to the free list and are reused at once, so the file stays below its limit and
//! is hardly ever rewritten.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{
    Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior, params,
    params_from_iter,
};

use super::{COARSE_MINUTES, FINE_MINUTES, SCHEMA, minute_of, window_column};
use crate::sqlite::{self, SqliteError, pragma};
use tagtide_trends::rank::columns::{COLUMNS, Column, Field};
use tagtide_trends::rank::{Ranking, Trend};

/// Smallest size limit; a smaller one is raised to this, bytes.
pub const MAX_BYTES_LEAST: u64 = 4 << 20;
/// Largest part of the limit for the write-ahead log, bytes.
const LOG_MAX_BYTES: u64 = 16 << 20;
/// Bytes of a row besides its texts.
const ROW_BYTES: usize = 64;
/// Rows deleted at once to free pages.
const ROOM_ROWS: i64 = 200;
/// Deletions of that size in one transaction, when a file is cut to a smaller limit.
const CUTS: u32 = 100;
/// A row longer than this needs an overflow page.
const SPILL_BYTES: usize = 900;
/// Pages that a transaction needs besides those of its rows: inner nodes, the table `about`.
const SLACK_PAGES: i64 = 32;

/// The history of one state directory, to write.
#[derive(Debug)]
pub struct History {
    db: Connection,
    path: PathBuf,
    page_bytes: u64,
    /// Size limit of the file without its log.
    pages_max: i64,
    /// Approximate size of one transaction.
    batch_bytes: usize,
}

impl History {
    /// Opens or creates `history.sqlite` in `dir`, and cuts it to `max_bytes` (at least
    /// [`MAX_BYTES_LEAST`]) if it is larger.
    ///
    /// # Errors
    /// [`SqliteError`] if that fails or the file is not ours.
    pub fn open(dir: &Path, max_bytes: u64) -> Result<Self, SqliteError> {
        let db = sqlite::open(dir, &SCHEMA)?;
        let path = dir.join(SCHEMA.file);
        let max_bytes = max_bytes.max(MAX_BYTES_LEAST);
        let log_bytes = (max_bytes / 2).min(LOG_MAX_BYTES);
        let failed = |error| SqliteError::new("open", &path, error);
        let page = pragma(&db, "page_size").map_err(failed)?;
        let page_bytes = u64::try_from(page).unwrap_or(4_096).max(512);
        let pages = (max_bytes - log_bytes) / page_bytes;
        let mut history = Self {
            db,
            path,
            page_bytes,
            pages_max: i64::try_from(pages).unwrap_or(i64::MAX),
            // The log has room for a transaction of this size and another one before a checkpoint.
            batch_bytes: usize::try_from(log_bytes / 8).unwrap_or(usize::MAX),
        };
        let empty_log_at = log_bytes / 4 / page_bytes;
        let limited = history.limit(empty_log_at);
        limited.map_err(|error| SqliteError::new("open", &history.path, error))?;
        Ok(history)
    }

    /// Cuts a file that is too large, and has SQLite enforce the limit from here on.
    fn limit(&mut self, empty_log_at: u64) -> rusqlite::Result<()> {
        let db = &mut self.db;
        db.query_row(&format!("pragma wal_autocheckpoint = {empty_log_at}"), [], |_| Ok(()))?;
        while pragma(db, "page_count")? - pragma(db, "freelist_count")? > self.pages_max {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut more = true;
            for _ in 0..CUTS {
                let used = pragma(&tx, "page_count")? - pragma(&tx, "freelist_count")?;
                more = more && used > self.pages_max && delete_oldest(&tx)?;
            }
            tx.commit()?;
            if !more {
                break;
            }
        }
        let over = pragma(db, "page_count")? - self.pages_max;
        if over > 0 {
            // Each step frees one page.
            let mut vacuum = db.prepare(&format!("pragma incremental_vacuum({over})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
            drop(steps);
            drop(vacuum);
            db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
        }
        db.query_row(&format!("pragma max_page_count = {}", self.pages_max), [], |_| Ok(()))
    }

    /// Stores `rankings`, each replacing the one of the same minute, view, mode and window; of two
    /// with the same key the later one remains. Durable on return. One transaction, or several
    /// where the size limit of the log requires it; a ranking is never split.
    ///
    /// # Errors
    /// [`SqliteError`]; rankings that were not committed have left no trace and can be passed
    /// again.
    pub fn write(&mut self, rankings: &[Arc<Ranking>]) -> Result<(), SqliteError> {
        let mut rest = rankings;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|ranking| {
                let before = bytes;
                bytes += bytes_of(ranking);
                before == 0 || bytes <= self.batch_bytes
            });
            let (group, after) = rest.split_at(fits.count());
            rest = after;
            let written = self.write_group(group);
            written.map_err(|error| SqliteError::new("write", &self.path, error))?;
        }
        Ok(())
    }

    /// Makes SQLite fail to grow the file, as on a full disk.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: i64) {
        let limit = format!("pragma max_page_count = {}", pages.max(1));
        self.db.query_row(&limit, [], |_| Ok(())).expect("it takes a limit");
    }

    /// Makes SQLite fail to write, as on a read-only disk.
    #[cfg(test)]
    pub(super) fn forbid_writing(&self) {
        self.db.pragma_update(None, "query_only", true).expect("it takes it");
    }

    fn write_group(&mut self, rankings: &[Arc<Ranking>]) -> rusqlite::Result<()> {
        let bytes: u64 = rankings.iter().map(|ranking| bytes_of(ranking) as u64).sum();
        // A page that was split is half empty.
        let needed = i64::try_from(bytes * 2 / self.page_bytes).unwrap_or(i64::MAX);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        make_room(&tx, self.pages_max, needed.saturating_add(SLACK_PAGES))?;
        for ranking in rankings {
            replace(&tx, ranking)?;
        }
        let minutes = rankings.iter().map(|ranking| minute_of(ranking.at));
        if let (Some(first), Some(last)) = (minutes.clone().min(), minutes.max()) {
            thin(&tx, first, last)?;
        }
        tx.commit()
    }
}

/// Approximate size of a ranking in the file.
fn bytes_of(ranking: &Ranking) -> usize {
    let head = ranking.view.len() + ranking.mode.len();
    let row = |row: &Trend| {
        let optional = COLUMNS.iter().map(|column| match &column.field {
            Field::Text(of) => (of.get)(row).map_or(0, String::len),
            Field::Count(_) | Field::Number(_) => 0,
        });
        row.tag.len() + row.display.len() + optional.sum::<usize>() + ROW_BYTES
    };
    let spilled = |bytes| if bytes > SPILL_BYTES { bytes + 4_096 } else { bytes };
    ranking.trends.iter().map(|trend| spilled(head + row(trend))).sum()
}

/// SQLite has signed integers only.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn replace(tx: &Transaction<'_>, ranking: &Ranking) -> rusqlite::Result<()> {
    let minute = minute_of(ranking.at);
    let window_s = window_column(ranking.window_s);
    let (view, mode) = (&ranking.view, &ranking.mode);
    tx.prepare_cached(
        "delete from ranking where minute = ?1 and view = ?2 and mode = ?3 and window_s = ?4",
    )?
    .execute(params![minute, view, mode, window_s])?;
    let mut insert = tx.prepare_cached(&insert_sql())?;
    for row in &ranking.trends {
        let (tag, display, count) = (&row.tag, &row.display, signed(row.count));
        let first = params![minute, view, mode, window_s, row.rank, tag, display, count];
        let optional = COLUMNS.each_ref().map(|column| value(column, row));
        let optional = optional.iter().map(|value| value as &dyn ToSql);
        insert.execute(params_from_iter(first.iter().copied().chain(optional)))?;
    }
    Ok(())
}

/// The statement that inserts a row; names make it independent of the order in the file.
fn insert_sql() -> String {
    let names = COLUMNS.each_ref().map(|column| column.name).join(", ");
    let values = ", ?".repeat(COLUMNS.len());
    format!(
        "insert into ranking (minute, view, mode, window_s, rank, tag, display, count, {names}) \
         values (?, ?, ?, ?, ?, ?, ?, ?{values})"
    )
}

fn value(column: &Column, row: &Trend) -> Value {
    match &column.field {
        Field::Count(of) => (of.get)(row).copied().map(signed).into(),
        Field::Number(of) => (of.get)(row).copied().into(),
        Field::Text(of) => (of.get)(row).cloned().into(),
    }
}

/// Deletes old minutes except every [`COARSE_MINUTES`]th. Minutes that were thinned before are
/// scanned again only if a replay has written some of them.
fn thin(tx: &Transaction<'_>, first: i64, last: i64) -> rusqlite::Result<()> {
    let query = "select value from about where key = 'thinned_to'";
    let thinned: Option<i64> = tx.query_row(query, [], |row| row.get(0))?;
    // The edge never moves back, so the order in which minutes were written does not matter.
    let edge = thinned.unwrap_or(i64::MIN).max(last.saturating_sub(FINE_MINUTES));
    let from = thinned.map_or(i64::MIN, |thinned| thinned.min(first));
    if from >= edge {
        return Ok(());
    }
    tx.prepare_cached(
        "delete from ranking where minute >= ?1 and minute < ?2 and minute % ?3 <> 0",
    )?
    .execute(params![from, edge, COARSE_MINUTES])?;
    tx.prepare_cached("update about set value = ?1 where key = 'thinned_to'")?.execute([edge])?;
    Ok(())
}

/// Deletes the oldest minutes until `needed` pages are free below the limit.
fn make_room(tx: &Transaction<'_>, pages_max: i64, needed: i64) -> rusqlite::Result<()> {
    loop {
        let used = pragma(tx, "page_count")? - pragma(tx, "freelist_count")?;
        if used.saturating_add(needed) <= pages_max || !delete_oldest(tx)? {
            return Ok(());
        }
    }
}

/// Deletes the oldest minutes with at least [`ROOM_ROWS`] rows, or all; false if there are none.
fn delete_oldest(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    let query = "select minute from ranking order by minute, view, mode, window_s, rank limit 1 \
                 offset ?1";
    let last: Option<i64> =
        tx.prepare_cached(query)?.query_row([ROOM_ROWS], |row| row.get(0)).optional()?;
    let delete = "delete from ranking where minute <= ?1";
    let deleted = tx.prepare_cached(delete)?.execute([last.unwrap_or(i64::MAX)])?;
    Ok(deleted > 0)
}
