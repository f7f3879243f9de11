//! `alerts.sqlite`: raised alerts, those already delivered included.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{Alert, SCHEMA};
use crate::sqlite::{self, SqliteError};

/// Most alerts stored; the oldest ones that no longer wait are deleted first.
pub const ROWS_MAX: i64 = 10_000;

/// Writes the outbox of one state directory. Several may be open; each call is one transaction.
#[derive(Debug)]
pub struct Outbox {
    db: Connection,
    path: PathBuf,
}

/// An alert that waits for delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) rule: String,
    pub(super) body: String,
    pub(super) raised_ms: i64,
    /// Number of attempts before.
    pub(super) tries: u32,
}

impl Outbox {
    /// Opens or creates it.
    ///
    /// # Errors
    /// [`SqliteError`].
    pub fn open(dir: &Path) -> Result<Self, SqliteError> {
        Ok(Self { db: sqlite::open(dir, &SCHEMA)?, path: dir.join(SCHEMA.file) })
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SqliteError> {
        let done =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|tx| {
                let value = work(&tx)?;
                tx.commit()?;
                Ok(value)
            });
        done.map_err(|error| SqliteError::new("write", &self.path, error))
    }

    /// Stores alerts that were raised at `now_ms` of our clock; durable on return. An alert whose
    /// key is already stored is ignored. `has_webhook` is asked for the name of the rule.
    ///
    /// # Errors
    /// [`SqliteError`]; none of them is stored then.
    pub fn enqueue(
        &mut self,
        alerts: &[Alert],
        now_ms: i64,
        has_webhook: impl Fn(&str) -> bool,
    ) -> Result<(), SqliteError> {
        self.write(|tx| {
            let mut insert = tx.prepare_cached(
                "insert or ignore into alert (key, at, rule, view, tag, text, body, raised_ms, \
                 state, next_ms) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8)",
            )?;
            for alert in alerts {
                let body = serde_json::to_string(alert)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let state = if has_webhook(&alert.rule) { "waiting" } else { "feed" };
                let Alert { key, at, rule, view, tag, text, .. } = alert;
                insert.execute(params![key, at, rule, view, tag, text, body, now_ms, state])?;
            }
            trim(tx)
        })
    }

    /// The alert that is due next, if any. Its next attempt is set to `again(&waiting)`, so that an
    /// attempt is recorded before it is made.
    pub(super) fn claim(
        &mut self,
        now_ms: i64,
        again: impl FnOnce(&Waiting) -> i64,
    ) -> Result<Option<Waiting>, SqliteError> {
        self.write(|tx| {
            let row = tx
                .prepare_cached(
                    "select id, key, rule, body, raised_ms, tries from alert \
                     where state = 'waiting' and next_ms <= ?1 order by next_ms, id limit 1",
                )?
                .query_row([now_ms], |row| {
                    Ok(Waiting {
                        id: row.get(0)?,
                        key: row.get(1)?,
                        rule: row.get(2)?,
                        body: row.get(3)?,
                        raised_ms: row.get(4)?,
                        tries: row.get(5)?,
                    })
                })
                .optional()?;
            if let Some(waiting) = &row {
                tx.prepare_cached(
                    "update alert set tries = tries + 1, next_ms = ?2 where id = ?1",
                )?
                .execute(params![waiting.id, again(waiting)])?;
            }
            Ok(row)
        })
    }

    /// Marks it as delivered.
    pub(super) fn delivered(
        &mut self,
        id: i64,
        status: u16,
        now_ms: i64,
    ) -> Result<(), SqliteError> {
        self.write(|tx| {
            tx.execute(
                "update alert set state = 'delivered', answered = ?2, error = null, \
                 delivered_ms = ?3 where id = ?1",
                params![id, status, now_ms],
            )
        })?;
        Ok(())
    }

    /// Marks it as failed: no further attempt.
    pub(super) fn failed(
        &mut self,
        id: i64,
        status: Option<u16>,
        why: &str,
    ) -> Result<(), SqliteError> {
        self.write(|tx| {
            tx.execute(
                "update alert set state = 'failed', answered = ?2, error = ?3 where id = ?1",
                params![id, status, why],
            )
        })?;
        Ok(())
    }

    /// Sets the next attempt to `next_ms`; no other alert of the rule is sent before.
    pub(super) fn postpone(
        &mut self,
        waiting: &Waiting,
        status: Option<u16>,
        why: &str,
        next_ms: i64,
    ) -> Result<(), SqliteError> {
        self.write(|tx| {
            tx.execute(
                "update alert set next_ms = ?2, answered = ?3, error = ?4 where id = ?1",
                params![waiting.id, next_ms, status, why],
            )?;
            tx.execute(
                "update alert set next_ms = max(next_ms, ?2) where state = 'waiting' and rule = ?1",
                params![waiting.rule, next_ms],
            )
        })?;
        Ok(())
    }

    /// Moves attempts that are due after `latest_ms` to `latest_ms`, after our clock was set back.
    pub(super) fn advance_to(&mut self, latest_ms: i64) -> Result<(), SqliteError> {
        self.write(|tx| {
            tx.execute(
                "update alert set next_ms = ?1 where state = 'waiting' and next_ms > ?1",
                [latest_ms],
            )
        })?;
        Ok(())
    }

    /// Number of alerts that wait for delivery.
    pub(super) fn waiting(&self) -> Result<u64, SqliteError> {
        let query = "select count(*) from alert where state = 'waiting'";
        let count = self.db.query_row(query, [], |row| row.get::<_, i64>(0));
        count
            .map(|count| u64::try_from(count).unwrap_or_default())
            .map_err(|error| SqliteError::new("read", &self.path, error))
    }

    /// When the next attempt is due; `None` if no alert waits.
    pub(super) fn next_ms(&self) -> Result<Option<i64>, SqliteError> {
        let query = "select min(next_ms) from alert where state = 'waiting'";
        self.db
            .query_row(query, [], |row| row.get(0))
            .map_err(|error| SqliteError::new("read", &self.path, error))
    }
}

/// Deletes all but [`ROWS_MAX`] alerts: first those that no longer wait, then waiting ones, which
/// are counted.
fn trim(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let over = |tx: &Transaction<'_>| {
        tx.query_row("select count(*) from alert", [], |row| row.get::<_, i64>(0))
            .map(|rows| rows - ROWS_MAX)
    };
    for (which, is_loss) in [("where state <> 'waiting'", false), ("", true)] {
        let over = over(tx)?;
        if over <= 0 {
            return Ok(());
        }
        let delete = format!(
            "delete from alert where id in (select id from alert {which} order by id limit ?)"
        );
        let deleted = tx.execute(&delete, [over])?;
        if is_loss && deleted > 0 {
            tracing::warn!("dropped {deleted} undelivered alerts: more than {ROWS_MAX} wait");
            tx.execute(
                "update about set value = value + ?1 where key = 'dropped'",
                [deleted as i64],
            )?;
        }
    }
    Ok(())
}
