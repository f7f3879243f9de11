//! A run that was stopped and started again comes to what an undisturbed run comes to.

use std::path::Path;

use tagtide::engine::{self, EngineError, RunOptions};
use tagtide_checkpoint::CheckpointError;
use tagtide_posts::decode::Format;

use crate::support::{
    Counted, START, file_source, finish, options, plan, posts, start, until_posts,
};
use crate::views;

const POSTS: u64 = 20_000;

/// Slow enough to be stopped in the middle.
const PACE: &str = "pace = 5000\n";

pub(crate) fn job(source: &str) -> String {
    format!("batch = \"10ms\"\ntime = \"event\"\n[count]\nwindows = [\"1m\", \"5m\"]\n{source}")
}

/// Stops after each of these counts, in turn, and then runs to the end.
fn stopped_at(job: &str, dir: &Path, stops: &[u64], now: bool) -> Counted {
    for stop in stops {
        let run = start(job, options(2, Some(dir)));
        until_posts(&run, *stop);
        run.stop(now);
        let stopped = Counted::of(&run);
        assert!(stopped.counters.posts < POSTS, "it was stopped at its end: {stop}");
    }
    let last = start(&job.replace(PACE, ""), options(1, Some(dir)));
    Counted::of(&last)
}

fn is_the_same(source: &str) {
    let whole = finish(&job(&source.replace(PACE, "")));
    assert_eq!(whole.counters.posts, POSTS);
    let dir = tempfile::tempdir().unwrap();
    for (number, stops) in [vec![1], vec![6_000], vec![1, 3_000, 9_000, 12_000]].iter().enumerate()
    {
        let dir = dir.path().join(format!("drained-{number}"));
        assert_eq!(stopped_at(&job(source), &dir, stops, false), whole, "{stops:?}");
    }
    // Ended without draining: what came since the last epoch is read again.
    let dir = dir.path().join("cut");
    assert_eq!(stopped_at(&job(source), &dir, &[1, 5_000, 9_000], true), whole);
    // Nothing is left to read, and nothing is counted again.
    assert_eq!(Counted::of(&start(&job(source), options(2, Some(&dir)))), whole);
}

#[test]
fn files_of_text() {
    let dir = tempfile::tempdir().unwrap();
    let keys = format!("format = \"text\"\nrate = 50\nstart = \"{START}\"\n{PACE}");
    is_the_same(&file_source(dir.path(), "posts.txt", &posts(11, POSTS, Format::Text), &keys));
}

#[test]
fn files_of_records_with_their_own_time() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = posts(12, POSTS, Format::TextPlus);
    is_the_same(&file_source(
        dir.path(),
        "posts.txt",
        &bytes,
        &format!("format = \"text+\"\n{PACE}"),
    ));
}

#[test]
fn the_generator() {
    is_the_same(&format!(
        "[[source]]\nkind = \"generator\"\nseed = 13\nposts = {POSTS}\nrate = 50\n\
         start = \"{START}\"\nlive = false\ntags = 500\n{PACE}"
    ));
}

#[test]
fn people_who_are_written_before_their_epoch_ends() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = posts(14, 4 * POSTS, Format::TextPlus);
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let job = views::job("", &source).replace("10ms", "2s");
    let state = dir.path().join("state");
    let run = || views::rankings(&views::done(&job, Some(&state)), None);
    let first = run();
    assert!(first.iter().any(|one| one.mode == "authors" && !one.trends.is_empty()));
    assert_eq!(run(), first, "as the checkpoint has it");
}

#[test]
fn another_rule_is_another_job_and_fresh_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let source = file_source(dir.path(), "posts.txt", b"#A #a\n", "format = \"text\"");
    let tags = job(&source);
    assert_eq!(Counted::of(&start(&tags, options(1, Some(&state)))).totals()["a"], 1);
    let words = format!("rule = \"words\"\n{tags}");
    let refused = engine::start(plan(&words), options(1, Some(&state))).map(drop);
    let Err(EngineError::Checkpoint(CheckpointError::Foreign { .. })) = &refused else {
        panic!("{refused:?}")
    };
    let fresh = RunOptions { fresh: true, ..options(1, Some(&state)) };
    assert_eq!(Counted::of(&start(&words, fresh)).totals()["#A"], 1);
}

#[test]
fn a_window_more_starts_empty_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let keys = format!("format = \"text\"\nrate = 50\nstart = \"{START}\"\n{PACE}");
    let source = file_source(dir.path(), "posts.txt", &posts(14, POSTS, Format::Text), &keys);
    let whole = finish(&job(&source.replace(PACE, "")));
    let run = start(&job(&source), options(2, Some(&state)));
    until_posts(&run, 4_000);
    run.stop(false);
    let _ = Counted::of(&run);
    let more = job(&source).replace("\"5m\"", "\"5m\", \"15m\"");
    let resumed = Counted::of(&start(&more, options(2, Some(&state))));
    assert_eq!(resumed.totals(), whole.totals());
    assert_eq!(resumed.window(300), whole.window(300));
    assert!(!resumed.window(900).is_empty());
}
