//! Questions that are answered on the thread that asks.

use super::*;
use tagtide_trends::rank::{Mode, Query};
use tagtide_trends::state::columns::ColumnSnapshot;
use tagtide_trends::state::extracted_batch::PostKey;

/// Posts of `tags`; the count of a tag shows its number.
fn tagged(keys: HashKeys, seq: u64, tags: std::ops::Range<u64>) -> Message {
    let mut rows = Box::<ExtractedBatch>::default();
    let mut batch = Batch::default();
    batch.seq = seq;
    rows.begin(batch);
    let now = Clock::System.now().0;
    for tag in tags {
        let name = format!("tag{tag}");
        for _ in 0..=tag % 7 {
            let tags = [(name.as_str(), name.as_str())];
            rows.push_post(&keys.tags, now, PostKey::default(), tags);
        }
    }
    Message::Rows(rows)
}

fn columns(run: &Run) -> Arc<ColumnSnapshot> {
    run.ask(Question::Columns { view: None }).columns().expect("the state of all posts")
}

fn distinct(columns: &ColumnSnapshot) -> u64 {
    columns.columns().total.distinct
}

/// Waits until a run has counted so many tags.
fn wait_for(run: &Run, tags: u64) {
    for _ in 0..2_000 {
        if run.watch().borrow().status.tags == tags {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} of {tags} tags", run.watch().borrow().status.tags);
}

#[test]
fn a_ranking_of_many_rows_is_that_of_few_and_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, out, _, keys) = start_with_keys(dir.path());
    out.send(tagged(keys, 0, 0..3_000)).expect("it runs");
    wait_for(&run, 3_000);
    let of = |mode, top| {
        let query = Query { mode: Some(mode), window_s: None, view: None, top };
        run.ask(Question::Ranking(query)).ranking().expect("it is configured")
    };
    for mode in [Mode::Total, Mode::Count] {
        let (few, many) = (of(mode, 20), of(mode, 5_000));
        assert_eq!(many.trends.len(), 3_000, "{mode:?}");
        assert_eq!(many.trends[..20], few.trends, "{mode:?}");
        // A millisecond of the clock may lie between them.
        let head = |of| Ranking { trends: Vec::new(), at: 0, watermark: 0, ..of };
        assert_eq!(head(many), head(few));
    }
    let view = Some("none of this name".to_owned());
    assert!(run.ask(Question::Columns { view }).columns().is_none());
}

#[test]
fn no_more_snapshots_are_alive_than_memory_is_meant_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, out, _, keys) = start_with_keys(dir.path());
    out.send(tagged(keys, 0, 0..10)).expect("it runs");
    wait_for(&run, 10);
    let first = columns(&run);
    out.send(tagged(keys, 1, 10..20)).expect("it runs");
    wait_for(&run, 20);
    let second = columns(&run);
    out.send(tagged(keys, 2, 20..30)).expect("it runs");
    wait_for(&run, 30);
    assert!(Arc::ptr_eq(&columns(&run), &second), "there are two already: the newest of them");
    assert_eq!([distinct(&first), distinct(&second)], [10, 20], "they stay as they were");
    drop(first);
    assert_eq!(distinct(&columns(&run)), 30);
    drop(second);
    out.send(end(Ok(()))).expect("it runs");
    drop(out);
    assert_eq!(distinct(&columns(&run)), 30, "the run has ended, its counts are there");
}
