//! Queries of the outbox on a separate connection.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{Alert, SCHEMA};
use crate::sqlite::{self, SqliteError};

/// An alert and its delivery.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AlertRecord {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// Our clock when it was raised, milliseconds since the Unix epoch.
    pub raised_at: i64,
    /// `feed` (no webhook), `waiting`, `delivered`, `failed`.
    pub state: String,
    /// Attempts of delivery.
    pub tries: u32,
    /// HTTP status of the last answer.
    pub answered: Option<u16>,
    /// Why the last attempt failed; null if it did not.
    pub error: Option<String>,
    /// Our clock when it was delivered, milliseconds since the Unix epoch.
    pub delivered_at: Option<i64>,
}

/// Reads the outbox of one state directory, also while it is being written.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens it.
    ///
    /// # Errors
    /// [`SqliteError::Missing`] if no alert was ever stored.
    pub fn open(dir: &Path) -> Result<Self, SqliteError> {
        Ok(Self { db: sqlite::read(dir, &SCHEMA)?, path: dir.join(SCHEMA.file) })
    }

    /// The newest alerts, newest first; only those of `rule` and `tag` if given.
    ///
    /// # Errors
    /// [`SqliteError`].
    pub fn newest(
        &self,
        top: usize,
        rule: Option<&str>,
        tag: Option<&str>,
    ) -> Result<Vec<AlertRecord>, SqliteError> {
        let top = i64::try_from(top).unwrap_or(i64::MAX);
        let read = || {
            let mut statement = self.db.prepare(
                "select body, raised_ms, state, tries, answered, error, delivered_ms from alert \
                 where (?1 is null or rule = ?1) and (?2 is null or tag = ?2) \
                 order by id desc limit ?3",
            )?;
            statement
                .query_map(params![rule, tag, top], record)?
                .collect::<rusqlite::Result<Vec<AlertRecord>>>()
        };
        read().map_err(|error| SqliteError::new("read", &self.path, error))
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    let body: String = row.get(0)?;
    let alert = serde_json::from_str(&body).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })?;
    Ok(AlertRecord {
        alert,
        raised_at: row.get(1)?,
        state: row.get(2)?,
        tries: row.get(3)?,
        answered: row.get(4)?,
        error: row.get(5)?,
        delivered_at: row.get(6)?,
    })
}
