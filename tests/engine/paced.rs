//! Replays at a speed, for which rows wait one by one: only the embedded engine does that.

use tagtide_posts::clock::monotonic;
use tagtide_posts::decode::Format;

use crate::support::{
    Counted, START, START_MS, file_source, finish, options, posts, start, until_posts,
};
use crate::{counts, edges, resume};

#[test]
fn a_paced_replay_comes_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let keys = format!("format = \"text\"\nrate = 400\nstart = \"{START}\"");
    let source = file_source(dir.path(), "posts.txt", &posts(6, 4_000, Format::Text), &keys);
    let job = |speed: &str| {
        format!(
            "batch = \"50ms\"\nspeed = {speed}\n{}[count]\nwindows = [\"1m\"]\n{source}",
            counts::WORDS
        )
    };
    let began = monotonic();
    let run = start(&job("10"), options(2, None));
    let watch = run.watch();
    let paced = Counted::of(&run);
    // 10 s of event time at ten times the speed; the last row begins a batch interval earlier.
    assert!(began.elapsed().as_millis() >= 900, "{:?}", began.elapsed());
    assert!(watch.borrow().batch >= 15, "{} batches", watch.borrow().batch);
    assert_eq!(paced, finish(&job("\"max\"")));
}

#[test]
fn a_paced_replay_does_not_wait_for_what_it_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let year_9999 = 8_000 * 365 * 86_400;
    let bytes = edges::lines(&[(0, "#a"), (year_9999, "#far"), (1, "#a")]);
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let counted = finish(&format!("speed = \"1000\"\n{}{source}", edges::JOB));
    assert_eq!((counted.counters.posts, counted.counters.future), (2, 1));
}

#[test]
fn a_paced_replay_that_stops_within_a_batch() {
    // The whole file is one batch, of which an epoch must not hold a part. Its last post is
    // hours away, so that the run cannot have ended before it is stopped.
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = posts(15, 1_000, Format::TextPlus);
    bytes.extend_from_slice(format!("last\t{}\t#end\n", START_MS + 86_400_000).as_bytes());
    let source = file_source(dir.path(), "posts.txt", &bytes, "format = \"text+\"");
    let whole = finish(&resume::job(&source));
    let paced = format!("speed = 10\n{}", resume::job(&source)).replace("10ms", "50ms");
    let state = dir.path().join("state");
    let run = start(&paced, options(2, Some(&state)));
    // Longer than two epochs can be apart.
    until_posts(&run, 600);
    run.stop(true);
    let stopped = Counted::of(&run).counters.posts;
    assert!((600..=1_000).contains(&stopped), "{stopped}");
    assert_eq!(Counted::of(&start(&resume::job(&source), options(2, Some(&state)))), whole);
}
