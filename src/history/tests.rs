//! A model of whole rankings by minute, the bound on the file, thinning, damage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use tagtide_trends::rank::Trend;
use tagtide_trends::rank::columns::{COLUMNS, Field};

const HOUR_MS: i64 = 3_600_000;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn row(rank: u32, tag: &str) -> Trend {
    Trend {
        rank,
        tag: tag.to_owned(),
        display: tag.to_uppercase(),
        count: u64::from(100 - rank.min(99)),
        authors: Some(7),
        score: Some(4.5),
        status: Some("rising".to_owned()),
        ..Trend::default()
    }
}

fn ranking(minute: i64, view: &str, mode: &str, window_s: Option<u64>, tags: &[&str]) -> Ranking {
    let rows = (1..).zip(tags).map(|(rank, tag)| row(rank, tag)).collect();
    Ranking {
        mode: mode.to_owned(),
        window_s,
        view: view.to_owned(),
        at: minute * 60_000,
        trends: rows,
        ..Ranking::default()
    }
}

fn hour(minute: i64, tags: &[&str]) -> Arc<Ranking> {
    Arc::new(ranking(minute, "all", "trending", Some(3_600), tags))
}

fn asked() -> RankingSelector {
    RankingSelector { view: "all".into(), mode: "trending".into(), window_s: Some(3_600), top: 50 }
}

fn history(dir: &tempfile::TempDir) -> History {
    History::open(dir.path(), MAX_BYTES).expect("it opens")
}

fn all_of(dir: &tempfile::TempDir) -> Vec<(i64, Vec<String>)> {
    let reader = Reader::open(dir.path()).expect("it is there");
    let stored = reader.range(i64::MIN, i64::MAX, None, 1, usize::MAX, &asked()).expect("rows");
    assert_eq!(stored.next, None);
    let tags = |row: &Trend| row.tag.clone();
    let rankings = stored.rankings.iter();
    rankings.map(|r| (r.at / 60_000, r.trends.iter().map(tags).collect())).collect()
}

#[test]
fn what_is_written_is_read_back_with_its_reasons() {
    let dir = dir();
    let mut history = history(&dir);
    let total = Arc::new(ranking(120, "all", "total", None, &["c"]));
    history.write(&[hour(119, &["a", "b"]), hour(120, &["b", "a"]), total]).expect("written");
    let reader = Reader::open(dir.path()).expect("it is there");
    let stored = reader.at(120 * 60_000 + 59_999, None, &asked()).expect("rows");
    assert_eq!(stored.rankings.len(), 1);
    assert_eq!((stored.rankings[0].at, stored.window_s), (120 * 60_000, Some(3_600)));
    assert_eq!(stored.rankings[0].trends, [row(1, "b"), row(2, "a")]);
    let first =
        reader.at(120 * 60_000 - 1, None, &RankingSelector { top: 1, ..asked() }).expect("rows");
    assert_eq!(first.rankings[0].trends, [row(1, "a")]);
    assert!(reader.at(0, None, &asked()).expect("no rows").rankings.is_empty());
    let total = RankingSelector { mode: "total".into(), window_s: None, ..asked() };
    let stored = reader.at(1_000 * 60_000, None, &total).expect("rows");
    assert_eq!((stored.window_s, stored.rankings[0].trends.len()), (None, 1));
    assert_eq!(reader.newest().expect("rows"), Some(120 * 60_000));
    let usual = reader.usual("all").expect("rows");
    assert_eq!(usual, Some(("trending".to_owned(), Some(3_600))), "stored at minute 119");
    assert_eq!(reader.usual("ja").expect("rows"), None);
}

#[test]
fn every_declared_column_is_in_the_schema_and_is_read_back() {
    let dir = dir();
    let mut history = history(&dir);
    let db = rusqlite::Connection::open(dir.path().join("history.sqlite")).expect("it opens");
    let names = |table: &str| {
        let query = format!("select name from pragma_table_info('{table}') order by name");
        let mut query = db.prepare(&query).expect("SQL");
        let names = query.query_map([], |row| row.get(0)).expect("rows");
        names.collect::<Result<Vec<String>, _>>().expect("names")
    };
    let and_declared = |shown: bool, others: &[&'static str]| {
        let declared = COLUMNS.iter().filter(|column| !shown || !column.modes.is_empty());
        let mut names: Vec<_> = declared.map(|column| column.name).collect();
        names.extend(others);
        names.sort_unstable();
        names
    };
    let others = ["minute", "view", "mode", "window_s", "rank", "tag", "display", "count"];
    assert_eq!(names("ranking"), and_declared(false, &others));
    let others = ["at", "view", "mode", "window_s", "rank", "display", "count"];
    assert_eq!(names("readable"), and_declared(true, &others));
    let mut full = row(1, "a");
    for (number, column) in (1_u8..).zip(&COLUMNS) {
        match &column.field {
            Field::Count(of) => *(of.slot)(&mut full) = Some(number.into()),
            Field::Number(of) => *(of.slot)(&mut full) = Some(number.into()),
            Field::Text(of) => *(of.slot)(&mut full) = Some(number.to_string()),
        }
    }
    let empty = Trend { rank: 2, tag: "b".to_owned(), ..Trend::default() };
    let mut written = ranking(1, "all", "trending", Some(3_600), &[]);
    written.trends = vec![full, empty];
    history.write(&[Arc::new(written.clone())]).expect("written");
    let reader = Reader::open(dir.path()).expect("it is there");
    let stored = reader.at(60_000, None, &asked()).expect("rows");
    assert_eq!(stored.rankings[0].trends, written.trends);
}

#[test]
fn a_ranking_written_again_takes_the_place_of_the_first() {
    let dir = dir();
    let mut history = history(&dir);
    history.write(&[hour(1, &["a", "b", "c"]), hour(2, &["d"])]).expect("written");
    history.write(&[hour(1, &["b"]), hour(2, &[])]).expect("written again");
    assert_eq!(all_of(&dir), [(1, vec!["b".to_owned()])]);
}

#[test]
fn ranges_go_by_tag_by_hour_and_in_pieces() {
    let dir = dir();
    let mut history = history(&dir);
    let tags = |minute: i64| if minute % 2 == 0 { ["x", "y", "z"] } else { ["z", "y", "x"] };
    let rankings: Vec<_> = (1..=180).map(|minute| hour(minute, &tags(minute))).collect();
    history.write(&rankings).expect("written");
    let reader = Reader::open(dir.path()).expect("it is there");
    let ms = |minute: i64| minute * 60_000;
    let tag = reader.range(ms(10) + 1, ms(14), Some("x"), 1, 100, &asked()).expect("rows");
    let places: Vec<_> = tag.rankings.iter().map(|r| (r.at / 60_000, r.trends[0].rank)).collect();
    assert_eq!(places, [(11, 3), (12, 1), (13, 3), (14, 1)]);
    let hours = reader.hours(0, HOUR_MS * 3, None, 100, &asked()).expect("rows");
    assert_eq!(hours.rankings.iter().map(|r| r.at).collect::<Vec<_>>(), [60, 120, 180].map(ms));
    // Ten rows hold three whole rankings of three.
    let mut from = 0;
    let mut seen = 0;
    loop {
        let piece = reader.range(from, ms(180), None, 1, 10, &asked()).expect("rows");
        assert!(piece.rankings.iter().all(|ranking| ranking.trends.len() == 3));
        assert!(piece.rankings.len() <= 3);
        seen += piece.rankings.len();
        let Some(next) = piece.next else { break };
        assert!(next > from);
        from = next;
    }
    assert_eq!(seen, 180);
}

#[test]
fn what_is_left_out_has_a_meaning() {
    let of = |at, from, to, tag| When::of(at, from, to, 1_000_000_000, tag);
    let day = 86_400_000;
    assert_eq!(of(Some(5), None, None, true), Ok(When::At(5)));
    assert_eq!(of(None, None, None, false), Ok(When::At(1_000_000_000)));
    let last_day = When::Between(1_000_000_000 - day, 1_000_000_000);
    assert_eq!(of(None, None, None, true), Ok(last_day));
    assert_eq!(of(None, Some(7), None, false), Ok(When::Between(7, 1_000_000_000)));
    assert_eq!(of(None, None, Some(day), false), Ok(When::Between(0, day)));
    assert!(of(Some(5), None, Some(6), false).is_err());
    assert!(of(None, Some(6), Some(5), false).is_err());
}

#[test]
fn old_minutes_are_thinned() {
    let dir = dir();
    let mut history = history(&dir);
    for minute in (0..=FINE_MINUTES + 100).step_by(5) {
        history.write(&[hour(minute, &["a"])]).expect("written");
    }
    let edge = FINE_MINUTES + 100 - FINE_MINUTES;
    let minutes: Vec<_> = all_of(&dir).into_iter().map(|(minute, _)| minute).collect();
    let expected = (0..=FINE_MINUTES + 100).step_by(5).filter(|m| *m >= edge || m % 15 == 0);
    assert_eq!(minutes, expected.collect::<Vec<_>>());
    // A replay that begins further back leaves nothing between either.
    history.write(&[hour(20, &["b"]), hour(30, &["b"])]).expect("written");
    let again: Vec<_> = all_of(&dir).into_iter().map(|(minute, _)| minute).collect();
    assert_eq!(again, minutes);
    assert_eq!(all_of(&dir)[2], (30, vec!["b".to_owned()]));
}

#[test]
fn the_file_stays_below_its_bound_and_the_oldest_go_first() {
    let dir = dir();
    let max = MAX_BYTES_LEAST;
    let mut history = History::open(dir.path(), max).expect("it opens");
    let long: Vec<String> = (0..50).map(|n| format!("{n:0>600}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let size = || {
        ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"]
            .iter()
            .filter_map(|name| std::fs::metadata(dir.path().join(name)).ok())
            .map(|meta| meta.len())
            .sum::<u64>()
    };
    let mut largest = 0;
    for first in (0..400).step_by(8) {
        let group: Vec<_> = (first..first + 8).map(|minute| hour(minute, &long)).collect();
        history.write(&group).expect("room is made");
        largest = largest.max(size());
    }
    assert!(largest <= max, "{largest} of {max} bytes");
    assert!(largest > max / 4, "{largest}: the room is used");
    let stored: Vec<i64> = all_of(&dir).into_iter().map(|(minute, _)| minute).collect();
    let first = stored[0];
    assert!(first > 300 && stored == (first..400).collect::<Vec<_>>(), "{stored:?}");
    drop(history);
    // A smaller bound cuts the file that is there.
    let dir = self::dir();
    let mut history = History::open(dir.path(), MAX_BYTES).expect("it opens");
    for minute in 0..200 {
        history.write(&[hour(minute, &long)]).expect("written");
    }
    drop(history);
    drop(History::open(dir.path(), max).expect("it is cut"));
    let cut = std::fs::metadata(dir.path().join("history.sqlite")).expect("a file").len();
    assert!(cut <= max / 2, "{cut}");
    assert_eq!(all_of(&dir).last().expect("a ranking").0, 199);
}

#[test]
fn a_writer_is_waited_for_and_loses_nothing() {
    let dir = dir();
    let writer = Writer::start(dir.path(), MAX_BYTES).expect("it starts");
    for minute in 0..300 {
        let seq = u64::try_from(minute / 3).expect("not negative");
        assert!(writer.offer(seq, vec![hour(minute, &["a", "b"])]));
    }
    assert!(writer.wait_for(50, Duration::from_secs(20)));
    assert!(all_of(&dir).len() > 150);
    assert!(writer.wait_for(100, Duration::from_secs(20)));
    let status = writer.status();
    assert_eq!((status.rows, status.newest), (600, Some(299 * 60_000)));
    assert_eq!((status.queue.kept, status.queue.waiting), (300, 0));
    drop(writer);
    assert_eq!(all_of(&dir).len(), 300);
}

#[test]
fn a_full_disk_is_an_error_and_recovers() {
    let dir = dir();
    let mut history = history(&dir);
    history.write(&[hour(1, &["a"])]).expect("written");
    history.limit_pages(0);
    let long: Vec<String> = (0..50).map(|n| format!("{n:0>600}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let error = history.write(&[hour(2, &long)]).expect_err("no room");
    assert_eq!(error.word(), "disk_full", "{error}");
    assert_eq!(all_of(&dir), [(1, vec!["a".to_owned()])], "nothing of it is there");
    history.limit_pages(1_000_000);
    history.write(&[hour(2, &long)]).expect("room again");
    history.forbid_writing();
    let error = history.write(&[hour(3, &["a"])]).expect_err("read-only");
    assert_eq!(error.word(), "read_only", "{error}");
    assert_eq!(all_of(&dir).len(), 2);
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let dir = dir();
    let mut history = history(&dir);
    let tags: Vec<String> = (0..50).map(|n| format!("tag{n}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let rankings: Vec<_> = (0..200).map(|minute| hour(minute, &tags)).collect();
    history.write(&rankings).expect("written");
    drop(history);
    let path = dir.path().join("history.sqlite");
    let whole = std::fs::read(&path).expect("a file");
    let mut errors = 0;
    for page in 1..whole.len() / 4_096 {
        let mut bytes = whole.clone();
        bytes[page * 4_096..page * 4_096 + 64].fill(0xff);
        std::fs::write(&path, &bytes).expect("a file");
        let read = Reader::open(dir.path())
            .and_then(|reader| reader.range(i64::MIN, i64::MAX, None, 1, usize::MAX, &asked()));
        if let Err(error) = read {
            assert_eq!(error.word(), "damaged", "{error}");
            errors += 1;
        }
        let written = History::open(dir.path(), MAX_BYTES)
            .and_then(|mut history| history.write(&[hour(50, &["a"])]));
        if let Err(error) = written {
            assert_eq!(error.word(), "damaged", "{error}");
        }
        let _ = std::fs::remove_file(dir.path().join("history.sqlite-wal"));
        let _ = std::fs::remove_file(dir.path().join("history.sqlite-shm"));
    }
    assert!(errors > 100, "{errors} of {} pages", whole.len() / 4_096);
}

#[test]
fn other_tools_read_it() {
    let dir = dir();
    let mut history = history(&dir);
    history.write(&[hour(29_000_000, &["a", "b"])]).expect("written");
    let db = rusqlite::Connection::open(dir.path().join("history.sqlite")).expect("it opens");
    let row: (String, i64, String) = db
        .query_row("select at, rank, display from readable where rank = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a row");
    assert_eq!(row, ("2025-02-19T21:20:00Z".to_owned(), 2, "B".to_owned()));
    let check: String = db.query_row("pragma integrity_check", [], |row| row.get(0)).expect("row");
    assert_eq!(check, "ok");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_holds_what_a_model_holds(
        writes in prop::collection::vec(
            prop::collection::vec((0_i64..3_100, 0_usize..4), 1..6),
            1..12,
        ),
    ) {
        let dir = dir();
        let mut history = history(&dir);
        let mut model: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let mut newest = i64::MIN;
        for (turn, group) in writes.iter().enumerate() {
            let mut rankings = Vec::new();
            for (minute, rows) in group {
                let tags: Vec<String> = (0..*rows).map(|n| format!("t{turn}x{n}")).collect();
                let refs: Vec<&str> = tags.iter().map(String::as_str).collect();
                rankings.push(hour(*minute, &refs));
                model.insert(*minute, tags);
            }
            history.write(&rankings).expect("written");
            model.retain(|_, tags| !tags.is_empty());
            newest = newest.max(group.iter().map(|(minute, _)| *minute).max().unwrap_or(newest));
            let edge = newest - FINE_MINUTES;
            model.retain(|minute, _| *minute >= edge || minute % COARSE_MINUTES == 0);
            if turn % 4 == 3 {
                drop(history);
                history = self::history(&dir);
            }
        }
        prop_assert_eq!(all_of(&dir), model.into_iter().collect::<Vec<_>>());
    }
}
