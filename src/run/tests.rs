//! A run with an engine that a test moves by hand.

mod snapshots;

use std::sync::Mutex;
use std::time::Duration;

use crossbeam_channel::Sender;
use tagtide_posts::post::Batch;

use super::*;
use crate::job::{Job, Purpose, check};
use tagtide_sources::SourceError;
use tagtide_trends::state::extracted_batch::{ExtractedBatch, Row};
use tagtide_trends::state::pane_update::{How, InputRange, PaneCounts, PaneTag, PaneUpdate};

/// What the coordinator has called: epochs with Positions, ticks, and whether it has finished.
#[derive(Default)]
struct Calls {
    committed: Vec<(u64, Vec<(u16, Position)>)>,
    ticks: usize,
    finished: bool,
}

struct ByHand(Arc<Mutex<Calls>>);

impl RunningEngine for ByHand {
    fn source_names(&self) -> Vec<String> {
        vec!["by hand".to_owned()]
    }

    fn wants_commits(&self) -> bool {
        true
    }

    fn committed(&self, epoch: u64, positions: &[(u16, Position)]) {
        self.0.lock().unwrap().committed.push((epoch, positions.to_vec()));
    }

    fn published(&self, _: &tagtide_trends::rank::TickSnapshot) {
        self.0.lock().unwrap().ticks += 1;
    }

    fn finish(&self) {
        self.0.lock().unwrap().finished = true;
    }
}

/// A run over `dir`, where its messages go to, and what it has called.
fn start(dir: &std::path::Path) -> (Run, Sender<Message>, Arc<Mutex<Calls>>) {
    let (run, out, calls, _) = start_with_keys(dir);
    (run, out, calls)
}

/// The same, with the keys of its hashes.
fn start_with_keys(dir: &std::path::Path) -> (Run, Sender<Message>, Arc<Mutex<Calls>>, HashKeys) {
    let job = Job::parse("batch = \"10ms\"\nsource = \"-\"\n", "job.toml").expect("it parses");
    let plan = Arc::new(check(&job, Purpose::Run).expect("it is sound"));
    let options = RunOptions { state_dir: Some(dir.to_owned()), ..RunOptions::default() };
    let calls = Arc::default();
    let (out, messages) = bounded(16);
    let prepared = Prepared::new(plan, &options).expect("an empty directory");
    let keys = prepared.keys;
    let engine = Box::new(ByHand(Arc::clone(&calls)));
    let run = prepared.start(engine, messages, Shutdown::default()).expect("a thread");
    (run, out, calls, keys)
}

/// Posts without tags that end at a Position.
fn batch(seq: u64, at: &str) -> Message {
    let mut rows = Box::<ExtractedBatch>::default();
    let mut batch = Batch::default();
    batch.seq = seq;
    batch.positions.push(Position { partition: "p".into(), at: at.into() });
    rows.begin(batch);
    let at = 1_700_000_000_000;
    rows.rows.push(Row { at, until: at, posts: 10, ..Row::default() });
    Message::Rows(rows)
}

/// One post counted elsewhere, of a range of the partition `p`.
fn counted(seq: u64, from: Option<&str>, to: &str) -> Message {
    let range =
        InputRange { partition: "p".into(), from: from.map(str::to_owned), to: to.to_owned() };
    let tag = PaneTag { key: "a".into(), display: "A".into(), posts: 1, ..PaneTag::default() };
    let pane = 170_000_000;
    let pane = PaneCounts { pane, posts: 1, tagged: 1, tags: vec![tag], ..PaneCounts::default() };
    let (how, input, panes) = (How::Add, vec![range], vec![pane]);
    let update = PaneUpdate { source: 0, how, input, panes, watermark: None };
    let batch = PaneBatch { seq, updates: vec![update], posts: 1, ..PaneBatch::default() };
    Message::Panes(Box::new(batch))
}

fn end(how: Result<(), SourceError>) -> Message {
    Message::SourceEnd { source: 0, batches: 2, how }
}

#[test]
fn an_engine_is_told_what_has_become_durable() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, out, calls) = start(dir.path());
    // The second batch first: no Position moves before the first is there.
    out.send(batch(1, "2")).expect("it runs");
    std::thread::sleep(Duration::from_millis(300));
    out.send(batch(0, "1")).expect("it runs");
    out.send(end(Ok(()))).expect("it runs");
    let summary = run.join(10).expect("it ends well");
    assert_eq!(summary.status.counters.posts, 20);
    let calls = calls.lock().unwrap();
    assert!(calls.finished && calls.ticks > 0, "{} ticks", calls.ticks);
    let epochs: Vec<u64> = calls.committed.iter().map(|(epoch, _)| *epoch).collect();
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    assert!(calls.committed[0].1.is_empty(), "nothing was counted in the first epoch");
    let (epoch, positions) = calls.committed.last().expect("the last epoch");
    assert_eq!(Some(*epoch), summary.status.checkpoint_epoch);
    let position = Position { partition: "p".into(), at: "2".into() };
    assert_eq!(positions.as_slice(), [(0, position)]);
}

#[test]
fn a_run_whose_only_source_fails_gives_its_error() {
    let dir = tempfile::tempdir().expect("a directory");
    for (error, refused) in [
        (SourceError::Fatal("the disk is gone".into()), false),
        (SourceError::AuthFailed("the token is not valid".into()), true),
    ] {
        let (run, out, _) = start(&dir.path().join(if refused { "a" } else { "b" }));
        let words = error.to_string();
        out.send(end(Err(error))).expect("it runs");
        let failed = run.join(0).expect_err("no source is left");
        assert_eq!(failed.to_string(), words);
        assert_eq!(matches!(failed, EngineError::AuthFailed(_)), refused, "{failed:?}");
    }
}

#[test]
fn a_platform_begins_now_and_goes_on_where_it_was() {
    let job = "[[source]]\nkind = \"jetstream\"\n[[source]]\nkind = \"generator\"\n";
    let job = Job::parse(job, "job.toml").expect("it parses");
    let plan = check(&job, Purpose::Run).expect("it is sound");
    let (none, some) = (Vec::new(), vec![Position { partition: "a".into(), at: "1".into() }]);
    let misses = |after| [0, 1].map(|source| misses_the_past((&plan.sources[source], after)));
    assert_eq!([misses(&none), misses(&some)], [[true, false], [false, false]]);
}

#[test]
fn counts_apply_once_and_only_where_they_follow() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, out, calls) = start(dir.path());
    let second = || counted(1, Some("1"), "2");
    // Before its turn, and a second time before and after it.
    for batch in [second(), second(), counted(0, None, "1"), second()] {
        out.send(batch).expect("it runs");
    }
    // In its turn, but of a range that was counted before, and of one that is too far on.
    for batch in [counted(2, Some("1"), "2"), counted(3, Some("9"), "10")] {
        out.send(batch).expect("it runs");
    }
    let batches = 4;
    out.send(Message::SourceEnd { source: 0, batches, how: Ok(()) }).expect("it runs");
    let summary = run.join(10).expect("it ends well");
    let status = &summary.status;
    assert_eq!((status.counters.posts, status.sources[0].posts), (2, 2));
    assert_eq!(status.sources[0].dropped_updates, 4);
    let calls = calls.lock().unwrap();
    let (_, positions) = calls.committed.last().expect("the last epoch");
    assert_eq!(positions.as_slice(), [(0, Position { partition: "p".into(), at: "2".into() })]);
}
