//! What is not counted is counted by its reason.

use tagtide::engine::RunOptions;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::EventTime;

use crate::support::{Counted, START_MS, ended, file_source, finish, options, start};

/// Lines of format `text+` at these seconds after the start.
pub(crate) fn lines(posts: &[(i64, &str)]) -> Vec<u8> {
    let line = |(s, text): &(i64, &str)| format!("ann\t{}\t{text}\n", START_MS + s * 1_000);
    posts.iter().map(line).collect::<String>().into_bytes()
}

pub(crate) const JOB: &str = "time = \"event\"\n[count]\nwindows = [\"1m\", \"5m\"]\n";

#[test]
fn a_late_post_counts_in_total_and_in_no_window() {
    let dir = tempfile::tempdir().unwrap();
    // The watermark is at 35 s when the last two arrive: pane 20..30 s is closed.
    let bytes = lines(&[(0, "#a"), (45, "#a"), (31, "#in"), (29, "#late"), (46, "#a")]);
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let counted = finish(&format!("{JOB}{source}"));
    assert_eq!((counted.counters.posts, counted.counters.late), (5, 1));
    assert_eq!(counted.totals()["late"], 1);
    let window = counted.window(60);
    assert_eq!((window.get("late"), window["in"], window["a"]), (None, 1, 3));
}

#[test]
fn lateness_does_not_depend_on_how_the_input_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let posts: Vec<_> = (0..4_000).map(|n| (n / 10 - (n * 7_919 % 40), "#x y #z")).collect();
    let bytes = lines(&posts);
    let whole = file_source(dir.path(), "whole.txt", &bytes, "format = \"text+\"");
    let whole = finish(&format!("{JOB}{whole}"));
    assert!(whole.counters.late > 100, "{:?}", whole.counters);
    // The recount: a post is late if its pane ended at or before the watermark of those before it.
    let mut newest = i64::MIN;
    let mut late = 0;
    for (at, _) in &posts {
        late += u64::from((at.div_euclid(10) + 1) * 10 <= newest.saturating_sub(10));
        newest = newest.max(*at);
    }
    assert_eq!(whole.counters.late, late);
    // One small file after the other: every batch is a few lines.
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (number, part) in lines.chunks(57).enumerate() {
        std::fs::write(dir.path().join(format!("part-{number:04}")), part.concat()).unwrap();
    }
    let paths = dir.path().join("part-*");
    let parts = format!("[[source]]\nkind = \"file\"\npaths = [\"{}\"]\n", paths.display());
    let parts = finish(&format!("{JOB}{parts}format = \"text+\"\n"));
    assert_eq!(parts, whole);
}

#[test]
fn a_post_from_the_future_is_dropped_and_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = lines(&[(0, "#a"), (400 * 86_400, "#year2027"), (1, "#a"), (2, "#a")]);
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let clock = Clock::held(EventTime(START_MS + 5_000));
    let run = start(&format!("{JOB}{source}"), RunOptions { clock, ..options(2, None) });
    let counted = Counted::of(&run);
    let counters = counted.counters;
    assert_eq!((counters.posts, counters.future, counters.late), (3, 1, 0));
    assert_eq!(counted.newest, Some(START_MS + 2_000));
    assert_eq!(counted.totals().into_iter().collect::<Vec<_>>(), [("a".to_owned(), 3)]);
}

#[test]
fn bad_records_are_counted_and_the_others_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = lines(&[(0, "#a")]);
    bytes.extend(b"no tabs at all\nann\tnever\t#b\n\n\xff\xfe#c\t5\n");
    bytes.extend(lines(&[(1, "#\u{20ac}#a"), (2, "#a \u{0}#d")]));
    bytes.extend(format!("ann\t{START_MS}\t#{}\n", "x".repeat(700)).bytes());
    bytes.extend(format!("ann\t{START_MS}\t{}\n", "y".repeat(5_000)).bytes());
    let mut invalid = format!("ann\t{START_MS}\t#a ").into_bytes();
    invalid.extend(b"\xff\n");
    bytes.extend(invalid);
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let counted = finish(&format!("{JOB}[limits]\nline_max = \"4kB\"\n{source}"));
    let counters = counted.counters;
    assert_eq!((counters.posts, counters.malformed, counters.oversize), (5, 3, 1));
    assert_eq!(counters.oversize_tags, 1);
    assert_eq!(counted.totals()["a"], 4);
}

#[test]
fn a_delete_takes_its_post_back() {
    let dir = tempfile::tempdir().unwrap();
    let post = |id: u64, tag: &str| {
        format!(
            "{{\"created_at\":\"Mon Jan 05 00:00:00 +0000 2026\",\"id\":{id},\"id_str\":\"{id}\",\
             \"text\":\"see #{tag}\",\"user\":{{\"id_str\":\"7\"}}}}\n"
        )
    };
    let delete = |id: u64, rest: &str| {
        format!("{{\"delete\":{{\"status\":{{\"id\":{id},\"user_id\":7}}{rest}}}}}\n")
    };
    // With its own time and without: neither moves the window away.
    let timed = delete(1, ",\"timestamp_ms\":\"1767571201000\"");
    let text = [post(1, "gone"), post(2, "kept"), post(2, "kept"), timed].concat();
    let text = [text, delete(4, ""), post(3, "gone"), delete(3, ""), post(4, "gone")].concat();
    let source = file_source(dir.path(), "posts.jsonl", text.as_bytes(), "format = \"x1\"");
    let counted = finish(&format!("{JOB}{source}"));
    let counters = counted.counters;
    assert_eq!((counters.posts, counters.duplicates, counters.deletes), (1, 2, 2));
    assert_eq!((counters.deletes_unknown, counted.newest), (1, Some(START_MS + 1_000)));
    let kept = [("kept".to_owned(), 1)];
    assert_eq!(counted.totals().into_iter().collect::<Vec<_>>(), kept);
    assert_eq!(counted.window(60).into_iter().collect::<Vec<_>>(), kept);
}

#[test]
fn a_source_that_fails_beside_others_ends_the_run_with_its_error() {
    let dir = tempfile::tempdir().unwrap();
    let good = file_source(dir.path(), "good.txt", b"#a #b\n#a\n", "format = \"text\"");
    let bad = format!("[[source]]\nkind = \"file\"\npaths = [\"{}\"]\n", dir.path().display());
    let run = start(&format!("{JOB}{good}{bad}"), options(1, None));
    let error = ended(&run).expect_err("half of the job was not done").to_string();
    assert!(error.contains(&*dir.path().to_string_lossy()), "{error}");
    assert_eq!(Counted::of(&run).totals()["a"], 2, "what could be counted was");
}

#[test]
fn before_the_year_1_there_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = format!("ann\t{}\t#old\n", i64::MIN + 1).into_bytes();
    bytes.extend(lines(&[(0, "#a"), (1, "#a")]));
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let modes = "modes = [\"trending\", \"count\", \"total\"]\n";
    let counted = finish(&format!("{JOB}{modes}{source}"));
    assert_eq!((counted.counters.posts, counted.counters.late), (3, 0));
    assert_eq!(counted.window(300)["a"], 2);
}
