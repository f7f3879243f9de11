//! SQLite files of a state directory: opening them, migrating them, and what their errors mean.
//!
//! Each file has one writer, this program, and any number of readers: the write-ahead log lets them
//! read while it writes. Every commit is synced before it counts as done. A file is recognised as
//! ours by its `application_id`; its `user_version` is the version of its schema. A file of an
//! older version is migrated when it is opened, one transaction a step. A file that is not ours, or
//! that a newer program has written, is never changed.
//!
//! Nothing here knows what is in the tables. An error names the file and the way out; it never
//! contains a row.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

/// How long one connection waits for the lock of another.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// The write-ahead log is truncated to this size once its pages are in the file, bytes.
const LOG_MAX_BYTES: i64 = 4 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Name in the state directory.
    pub file: &'static str,
    /// Its `application_id`.
    pub id: i32,
    /// Statements that create the newest version.
    pub sql: &'static str,
    /// Statements that migrate version n to n + 1; the first one migrates version 1.
    pub migrations: &'static [&'static str],
}

impl Schema {
    /// The newest version, as `user_version`.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.migrations.len() as i64 + 1
    }
}

/// Why a file could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file does not exist.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to another program.
    #[error(
        "`{}` is not ours: its {pragma} is {value}\nhelp: move it out of the state directory, \
         and a new one is created",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Which pragma shows it.
        pragma: &'static str,
        /// Its value.
        value: i64,
    },
    /// A newer version of this program has written the file.
    #[error(
        "`{}` has schema version {version}, and this program knows versions up to {known}\nhelp: \
         use the newer program, or move the file out of the state directory, and a new one is \
         created",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        version: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// SQLite cannot make sense of the pages.
    #[error(
        "`{}` is damaged: {source}\nhelp: move it and its `-wal` aside, and a new one is created; \
         counts do not depend on it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite reports.
        source: rusqlite::Error,
    },
    /// The disk is full, or the file has reached its size limit.
    #[error("cannot write `{}`: no room left\nhelp: free some space on its disk", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system reports.
        source: Cause,
    },
    /// The file may not be written.
    #[error("cannot write `{}`: it is read-only\nhelp: make file and directory writable for this \
             user", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system reports.
        source: Cause,
    },
    /// A query exceeded its time limit.
    #[error("reading `{}` took too long\nhelp: ask for a shorter range", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What SQLite reports.
        source: rusqlite::Error,
    },
    /// Anything else.
    #[error("cannot {tried} `{}`: {source}", path.display())]
    Failed {
        /// What was tried.
        tried: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite or the system reports.
        source: Cause,
    },
}

/// Where an error comes from.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl SqliteError {
    /// One word for status and metrics: `disk_full`, `damaged`, `read_only`, `failed`...
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Foreign { .. } => "foreign",
            Self::Newer { .. } => "newer",
            Self::Damaged { .. } => "damaged",
            Self::Full { .. } => "disk_full",
            Self::ReadOnly { .. } => "read_only",
            Self::TooLong { .. } => "too_long",
            Self::Failed { .. } => "failed",
        }
    }

    /// Classifies what SQLite reports about `path`.
    pub fn new(tried: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path, source: source.into() },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { path, source: source.into() }
            }
            Some(ErrorCode::OperationInterrupted) => Self::TooLong { path, source },
            _ => Self::Failed { tried, path, source: source.into() },
        }
    }

    /// Classifies what the system reports about `path`.
    pub fn system(tried: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull => Self::Full { path, source: source.into() },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, source: source.into() }
            }
            _ => Self::Failed { tried, path, source: source.into() },
        }
    }
}

/// Opens a file for writing. Creates it where there is none, readable by its owner only, and
/// migrates it where it has an older version.
///
/// # Errors
/// [`SqliteError`], also where the file is not ours or of a newer version.
pub fn open(dir: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    let path = dir.join(schema.file);
    create(&path).map_err(|error| SqliteError::system("create", &path, error))?;
    let failed = |error| SqliteError::new("open", &path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(&path, flags).map_err(failed)?;
    db.busy_timeout(BUSY_MAX).map_err(failed)?;
    let empty = is_empty(&db).map_err(failed)?;
    if empty {
        // Takes effect only before the first page is written.
        db.pragma_update(None, "auto_vacuum", "incremental").map_err(failed)?;
    } else {
        version(&db, &path, schema)?;
    }
    configure(&db).map_err(failed)?;
    if empty {
        create_tables(&mut db, schema).map_err(failed)?;
    }
    while version(&db, &path, schema)? < schema.version() {
        migrate(&mut db, schema).map_err(|error| SqliteError::new("migrate", &path, error))?;
    }
    Ok(db)
}

/// Opens a file for reading, and migrates it before where it has an older version.
///
/// # Errors
/// [`SqliteError::Missing`] where there is none, or nothing in it yet.
pub fn read(dir: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    let path = dir.join(schema.file);
    if !path.exists() {
        return Err(SqliteError::Missing { path });
    }
    let failed = |error| SqliteError::new("open", &path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(failed)?;
    db.busy_timeout(BUSY_MAX).map_err(failed)?;
    db.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    if is_empty(&db).map_err(failed)? {
        return Err(SqliteError::Missing { path });
    }
    if version(&db, &path, schema)? < schema.version() {
        open(dir, schema)?;
    }
    Ok(db)
}

/// Only the owner may read the rows; SQLite gives the files that it adds the same mode.
fn create(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = db.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && pragma(db, "application_id")? == 0)
}

/// The version of a file that is ours and not newer than this program.
fn version(db: &Connection, path: &Path, schema: &Schema) -> Result<i64, SqliteError> {
    let value = |name| pragma(db, name).map_err(|error| SqliteError::new("open", path, error));
    let (id, version) = (value("application_id")?, value("user_version")?);
    let path = || path.to_owned();
    if id != i64::from(schema.id) {
        return Err(SqliteError::Foreign { path: path(), pragma: "application_id", value: id });
    }
    if version < 1 {
        return Err(SqliteError::Foreign { path: path(), pragma: "user_version", value: version });
    }
    let known = schema.version();
    if version > known {
        return Err(SqliteError::Newer { path: path(), version, known });
    }
    Ok(version)
}

/// Settings of every connection that writes.
fn configure(db: &Connection) -> rusqlite::Result<()> {
    let mode: String = db.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!("SQLite uses the journal mode `{mode}` instead of WAL; readers may wait");
    }
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "temp_store", "memory")?;
    db.query_row(&format!("pragma journal_size_limit = {LOG_MAX_BYTES}"), [], |_| Ok(()))
}

/// One transaction, so that a file is complete or empty.
fn create_tables(db: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_empty(&tx)? {
        tx.execute_batch(schema.sql)?;
        tx.pragma_update(None, "application_id", schema.id)?;
        tx.pragma_update(None, "user_version", schema.version())?;
    }
    tx.commit()
}

/// One step: one transaction, so that a crash leaves one version or the next. Another process may
/// have done it meanwhile.
fn migrate(db: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = pragma(&tx, "user_version")?;
    let step = usize::try_from(version - 1).ok().and_then(|step| schema.migrations.get(step));
    if let Some(step) = step {
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", version + 1)?;
    }
    tx.commit()
}

/// A pragma that is a number.
///
/// # Errors
/// What SQLite reports.
pub fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests;
