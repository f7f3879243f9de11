//! SQLite files of a state directory: how they are opened, and what their errors mean.
//!
//! Each file has one writer, this program, and any number of readers: the write-ahead log lets them
//! read while it writes. Every commit is synced before it counts as done. A file is known as ours
//! by its `application_id` and its `user_version`; another one is never written to.
//!
//! Nothing here knows what lies in the tables. An error names the file and the way out; it never
//! holds a row.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

/// How long one connection waits for another one's lock.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// The write-ahead log is cut to this once its pages are in the file, bytes.
const LOG_KEPT_BYTES: i64 = 4 << 20;

/// What a file is.
#[derive(Debug)]
pub struct Schema {
    /// Name in the state directory.
    pub file: &'static str,
    /// Its `application_id`.
    pub id: i32,
    /// Its `user_version`.
    pub version: i32,
    /// Statements that make it.
    pub sql: &'static str,
}

/// Why a file could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// There is none.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is somebody else's, or of another version.
    #[error(
        "`{}` is not ours: {what}\nhelp: move it out of the state directory, and a new one is begun",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        what: String,
    },
    /// Its pages make no sense.
    #[error(
        "`{}` is damaged: {what}\nhelp: move it and its `-wal` aside, and a new one is begun; counts \
         do not depend on it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// The disk, or the bound on the file, has no room left.
    #[error("cannot write `{}`: no room left\nhelp: free some space on its disk", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It may not be written.
    #[error("cannot write `{}`: it is read-only\nhelp: make file and directory writable for this \
             user", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A question took longer than it may.
    #[error("reading `{}` took too long\nhelp: ask for a shorter range", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot {tried} `{}`: {why}", path.display())]
    Failed {
        /// What was tried.
        tried: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system or SQLite says.
        why: String,
    },
}

impl SqliteError {
    /// One word for status and metrics: `disk_full`, `damaged`, `read_only`, `failed`...
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Foreign { .. } => "foreign",
            Self::Damaged { .. } => "damaged",
            Self::Full { .. } => "disk_full",
            Self::ReadOnly { .. } => "read_only",
            Self::TooLong { .. } => "too_long",
            Self::Failed { .. } => "failed",
        }
    }

    /// Makes sense of what SQLite says about `path`.
    pub fn of(tried: &'static str, path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, what: error.to_string() }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::OperationInterrupted) => Self::TooLong { path },
            _ => Self::Failed { tried, path, why: error.to_string() },
        }
    }
}

/// Opens a file to write, and makes it where there is none; for the owner alone.
///
/// # Errors
/// [`SqliteError`], also where the file is not ours.
pub fn open(dir: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    let path = dir.join(schema.file);
    create(&path)?;
    let failed = |error: rusqlite::Error| SqliteError::of("open", &path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(&path, flags).map_err(failed)?;
    db.busy_timeout(BUSY_MAX).map_err(failed)?;
    let empty = is_empty(&db).map_err(failed)?;
    if empty {
        // Can be said only before the first page is written.
        db.pragma_update(None, "auto_vacuum", "incremental").map_err(failed)?;
    } else {
        check(&db, &path, schema)?;
    }
    settle(&db).map_err(failed)?;
    if empty {
        make(&mut db, schema).map_err(failed)?;
    }
    Ok(db)
}

/// Opens a file to read.
///
/// # Errors
/// [`SqliteError::Missing`] where there is none, or nothing in it yet.
pub fn read(dir: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    let path = dir.join(schema.file);
    if !path.exists() {
        return Err(SqliteError::Missing { path });
    }
    let failed = |error: rusqlite::Error| SqliteError::of("open", &path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(failed)?;
    db.busy_timeout(BUSY_MAX).map_err(failed)?;
    db.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    if is_empty(&db).map_err(failed)? {
        return Err(SqliteError::Missing { path });
    }
    check(&db, &path, schema)?;
    Ok(db)
}

/// Rows may be nobody's but the owner's; what SQLite adds beside it gets the same mode.
fn create(path: &Path) -> Result<(), SqliteError> {
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let path = path.to_owned();
    match made.map_err(|error| (error.kind(), error.to_string())) {
        Ok(_) => Ok(()),
        Err((std::io::ErrorKind::StorageFull, _)) => Err(SqliteError::Full { path }),
        Err((std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem, _)) => {
            Err(SqliteError::ReadOnly { path })
        }
        Err((_, why)) => Err(SqliteError::Failed { tried: "create", path, why }),
    }
}

fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = db.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && pragma(db, "application_id")? == 0)
}

fn check(db: &Connection, path: &Path, schema: &Schema) -> Result<(), SqliteError> {
    let failed = |error| SqliteError::of("open", path, &error);
    let id = pragma(db, "application_id").map_err(failed)?;
    let version = pragma(db, "user_version").map_err(failed)?;
    let what = if id != i64::from(schema.id) {
        format!("its application_id is {id}")
    } else if version != i64::from(schema.version) {
        format!("it is of version {version}, and this program reads {}", schema.version)
    } else {
        return Ok(());
    };
    Err(SqliteError::Foreign { path: path.to_owned(), what })
}

/// What holds for every connection that writes.
fn settle(db: &Connection) -> rusqlite::Result<()> {
    let mode: String = db.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!("SQLite keeps `{mode}` instead of a write-ahead log; readers may wait");
    }
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "temp_store", "memory")?;
    db.query_row(&format!("pragma journal_size_limit = {LOG_KEPT_BYTES}"), [], |_| Ok(()))
}

/// One transaction, so that a file is ours whole or not at all.
fn make(db: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_empty(&tx)? {
        tx.execute_batch(schema.sql)?;
        tx.pragma_update(None, "application_id", schema.id)?;
        tx.pragma_update(None, "user_version", schema.version)?;
    }
    tx.commit()
}

/// A pragma that is a number.
///
/// # Errors
/// What SQLite says.
pub fn pragma(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ONE: Schema =
        Schema { file: "one.sqlite", id: 7, version: 1, sql: "create table t (a integer);" };

    fn dir() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    #[test]
    fn a_file_is_made_once_and_for_the_owner_alone() {
        let dir = dir();
        assert!(matches!(read(dir.path(), &ONE), Err(SqliteError::Missing { .. })));
        let db = open(dir.path(), &ONE).expect("it is made");
        db.execute("insert into t values (5)", []).expect("a row");
        let meta = std::fs::metadata(dir.path().join("one.sqlite")).expect("a file");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        let log = std::fs::metadata(dir.path().join("one.sqlite-wal")).expect("its log");
        assert_eq!(log.permissions().mode() & 0o777, 0o600);
        assert_eq!(pragma(&db, "synchronous"), Ok(2));
        assert_eq!(pragma(&db, "auto_vacuum"), Ok(2));
        let reader = read(dir.path(), &ONE).expect("it is read beside the writer");
        let value: i64 = reader.query_row("select a from t", [], |row| row.get(0)).expect("a row");
        assert_eq!(value, 5);
        reader.execute("insert into t values (6)", []).expect_err("a reader does not write");
        drop((db, reader));
        open(dir.path(), &ONE).expect("it is opened again");
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let dir = dir();
        drop(open(dir.path(), &ONE).expect("it is made"));
        for other in [Schema { id: 8, ..ONE }, Schema { version: 2, ..ONE }] {
            let error = open(dir.path(), &other).expect_err("another's").to_string();
            assert!(error.contains("is not ours") && error.contains("help: "), "{error}");
            read(dir.path(), &other).expect_err("another's");
        }
    }

    #[test]
    fn damage_full_disks_and_missing_rights_are_told_apart() {
        let dir = dir();
        std::fs::write(dir.path().join("one.sqlite"), "no database at all, but long enough")
            .expect("a file");
        let error = open(dir.path(), &ONE).expect_err("damaged");
        assert_eq!(error.word(), "damaged", "{error}");
        let fail = |code| {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            SqliteError::of("write", Path::new("x"), &error).word()
        };
        assert_eq!(fail(rusqlite::ffi::SQLITE_FULL), "disk_full");
        assert_eq!(fail(rusqlite::ffi::SQLITE_READONLY), "read_only");
        assert_eq!(fail(rusqlite::ffi::SQLITE_CORRUPT), "damaged");
        assert_eq!(fail(rusqlite::ffi::SQLITE_INTERRUPT), "too_long");
        assert_eq!(fail(rusqlite::ffi::SQLITE_IOERR), "failed");
    }
}
