//! Creating, migrating and refusing files; kinds of errors.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const ONE: Schema = Schema {
    file: "one.sqlite",
    id: 7,
    sql: "create table t (a integer); insert into t values (1);",
    migrations: &[],
};

/// A later program's schema of the same file.
const THREE: Schema = Schema {
    sql: "create table u (b text, c integer default 9); insert into u values ('1', 9);",
    migrations: &[
        "create table u (b text); insert into u select a from t; drop table t;",
        "alter table u add column c integer default 9;",
    ],
    ..ONE
};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn a_file_is_created_once_for_its_owner_only() {
    let dir = dir();
    assert!(matches!(read(dir.path(), &ONE), Err(SqliteError::Missing { .. })));
    let db = open(dir.path(), &ONE).expect("it is created");
    db.execute("insert into t values (5)", []).expect("a row");
    let meta = std::fs::metadata(dir.path().join("one.sqlite")).expect("a file");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    let log = std::fs::metadata(dir.path().join("one.sqlite-wal")).expect("its log");
    assert_eq!(log.permissions().mode() & 0o777, 0o600);
    assert_eq!(pragma(&db, "synchronous"), Ok(2));
    assert_eq!(pragma(&db, "auto_vacuum"), Ok(2));
    let reader = read(dir.path(), &ONE).expect("it is read beside the writer");
    let value: i64 = reader.query_row("select sum(a) from t", [], |row| row.get(0)).expect("a row");
    assert_eq!(value, 6);
    reader.execute("insert into t values (6)", []).expect_err("a reader does not write");
    drop((db, reader));
    open(dir.path(), &ONE).expect("it is opened again");
}

/// The table `u` of a file.
fn rows(db: &Connection) -> Vec<(String, i64)> {
    let mut statement = db.prepare("select b, c from u").expect("the newest schema");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn a_foreign_file_is_not_touched() {
    let dir = dir();
    drop(open(dir.path(), &ONE).expect("it is created"));
    let other = Schema { id: 8, ..ONE };
    for error in [open(dir.path(), &other), read(dir.path(), &other)] {
        let error = error.expect_err("another program's").to_string();
        assert!(error.contains("is not ours: its application_id is 7\nhelp: "), "{error}");
    }
    let db = open(dir.path(), &ONE).expect("ours");
    db.pragma_update(None, "user_version", 0).expect("it takes any");
    let error = open(dir.path(), &ONE).expect_err("no version of ours").to_string();
    assert!(error.contains("its user_version is 0"), "{error}");
}

#[test]
fn an_older_file_is_migrated_step_by_step_by_whoever_opens_it() {
    for open_it in [open, read] {
        let dir = dir();
        drop(open(dir.path(), &ONE).expect("it is created"));
        let db = open_it(dir.path(), &THREE).expect("it is migrated");
        assert_eq!(pragma(&db, "user_version"), Ok(3));
        assert_eq!(rows(&db), [("1".to_owned(), 9)]);
        let new = self::dir();
        assert_eq!(rows(&open(new.path(), &THREE).expect("it is created")), rows(&db));
    }
}

#[test]
fn a_failed_step_leaves_the_version_before_it() {
    let dir = dir();
    drop(open(dir.path(), &ONE).expect("it is created"));
    const BROKEN: Schema =
        Schema { migrations: &[THREE.migrations[0], "drop table u; no sql"], ..ONE };
    let error = open(dir.path(), &BROKEN).expect_err("the second step fails");
    assert!(error.to_string().starts_with("cannot migrate `"), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "it keeps its cause");
    let db = open(dir.path(), &THREE).expect("it goes on from version 2");
    assert_eq!(rows(&db), [("1".to_owned(), 9)]);
}

#[test]
fn a_newer_file_is_refused_and_not_touched() {
    let dir = dir();
    drop(open(dir.path(), &THREE).expect("it is created"));
    for error in [open(dir.path(), &ONE), read(dir.path(), &ONE)] {
        let error = error.expect_err("it is newer");
        assert_eq!(error.word(), "newer");
        let text = error.to_string();
        assert!(text.contains("version 3, and this program knows versions up to 1"), "{text}");
        assert!(text.contains("help: use the newer program"), "{text}");
    }
    assert_eq!(rows(&open(dir.path(), &THREE).expect("as it was")), [("1".to_owned(), 9)]);
}

#[test]
fn damage_full_disks_and_missing_rights_are_distinguished() {
    let dir = dir();
    std::fs::write(dir.path().join("one.sqlite"), "no database at all, but long enough")
        .expect("a file");
    let error = open(dir.path(), &ONE).expect_err("damaged");
    assert_eq!(error.word(), "damaged", "{error}");
    let fail = |code| {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        SqliteError::new("write", Path::new("x"), error).word()
    };
    assert_eq!(fail(rusqlite::ffi::SQLITE_FULL), "disk_full");
    assert_eq!(fail(rusqlite::ffi::SQLITE_READONLY), "read_only");
    assert_eq!(fail(rusqlite::ffi::SQLITE_CORRUPT), "damaged");
    assert_eq!(fail(rusqlite::ffi::SQLITE_INTERRUPT), "too_long");
    assert_eq!(fail(rusqlite::ffi::SQLITE_IOERR), "failed");
}
