//! Killed at any moment: everything reported as committed is there, and a replay leaves one copy.
//!
//! The process that is killed is this test program, which runs one ignored test.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tagtide::alert::{Notifier, Reader as Alerts};
use tagtide::history::{MAX_BYTES, RankingSelector, Reader, StoredRanking, Writer};
use tagtide_posts::clock::{Clock, monotonic};

use super::server::{DEADLINE, Server};
use super::{BACKOFF, plan, raised, ranking, secrets};

const DIR: &str = "TAGTIDE_TEST_TOLD_DIR";
const FROM: &str = "TAGTIDE_TEST_TOLD_FROM";
/// Minutes of one run.
const MINUTES: i64 = 4_000;
/// Nothing listens there.
const UNREACHABLE: &str = "http://127.0.0.1:9/";

fn child(test: &str, dir: &Path, from: i64) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let name = format!("crash::{test}");
    command.args(["--exact", name.as_str(), "--ignored", "--nocapture"]);
    command.env(DIR, dir).env(FROM, from.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a child")
}

/// The directory and the first minute of the child.
fn orders() -> (std::path::PathBuf, i64) {
    let dir = std::env::var_os(DIR).expect("a directory");
    let from = std::env::var(FROM).expect("a minute").parse().expect("a number");
    (dir.into(), from)
}

/// The checkpoint of this test: written whole, after the barrier.
fn commit(dir: &Path, minute: i64) {
    std::fs::write(dir.join("tmp"), minute.to_string()).expect("a file");
    std::fs::rename(dir.join("tmp"), dir.join("committed")).expect("renamed");
}

fn committed(dir: &Path) -> i64 {
    let text = std::fs::read_to_string(dir.join("committed"));
    text.map_or(0, |text| text.parse().expect("a number"))
}

/// Lets a child go on until it has committed `minute`, then kills it.
fn kill_after(mut child: Child, dir: &Path, minute: i64) {
    let end = monotonic() + DEADLINE;
    while committed(dir) < minute {
        assert!(monotonic() < end, "the child committed {} of {minute}", committed(dir));
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
}

#[test]
#[ignore = "run by the tests beside it, as a process of its own"]
fn child_keeps_history() {
    let (dir, from) = orders();
    let writer = Writer::start(&dir, MAX_BYTES).expect("it starts");
    for minute in from..MINUTES {
        writer.offer(minute as u64, vec![Arc::new(ranking(minute))]);
        if minute % 10 == 9 {
            assert!(writer.wait_for(minute as u64, DEADLINE));
            commit(&dir, minute + 1);
        }
    }
}

fn history(dir: &Path) -> BTreeMap<i64, StoredRanking> {
    let reader = Reader::open(dir).expect("it is there");
    let asked = RankingSelector {
        view: "all".into(),
        mode: "trending".into(),
        window_s: Some(3_600),
        top: 100,
    };
    let stored = reader.range(0, i64::MAX, None, 1, usize::MAX, &asked).expect("rows");
    stored.rankings.into_iter().map(|ranking| (ranking.at / 60_000, ranking)).collect()
}

#[test]
fn history_holds_one_copy_across_kills() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    for stop in [1, 300, 650] {
        let from = committed(dir);
        kill_after(child("child_keeps_history", dir, from), dir, stop);
        let stored = history(dir);
        let sure = committed(dir);
        assert!((0..sure).all(|minute| stored.contains_key(&minute)), "all of {sure} minutes");
        for (minute, stored) in stored {
            let rows = ranking(minute).trends;
            assert_eq!(stored.trends, rows, "whole and once, minute {minute}");
        }
    }
}

#[test]
#[ignore = "run by the tests beside it, as a process of its own"]
fn child_raises_alerts() {
    let (dir, from) = orders();
    let notifier =
        Notifier::start_with(&dir, &[plan(UNREACHABLE)], Clock::System, BACKOFF, &secrets());
    let notifier = notifier.expect("it starts");
    for (minute, alert) in (from..).zip(raised(from..MINUTES)) {
        notifier.offer(minute as u64, vec![alert]);
        if minute % 10 == 9 {
            assert!(notifier.wait_for(minute as u64, DEADLINE));
            commit(&dir, minute + 1);
        }
    }
}

#[test]
fn a_kill_between_raising_and_telling_loses_no_alert() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = place.path();
    for stop in [1, 100, 200] {
        kill_after(child("child_raises_alerts", dir, committed(dir)), dir, stop);
    }
    let sure = committed(dir);
    let expected: Vec<String> = raised(0..sure).into_iter().map(|alert| alert.key).collect();
    let waiting = Alerts::open(dir).expect("it is there").newest(10_000, None, None).expect("rows");
    assert!(waiting.iter().all(|record| record.state == "waiting"), "no receiver was there");
    let mut keys: Vec<&str> = waiting.iter().map(|record| record.alert.key.as_str()).collect();
    keys.reverse();
    assert!(keys.len() >= expected.len());
    assert_eq!(keys[..expected.len()], expected, "each once, in order");

    // A receiver is there after the next start: it gets each once.
    let server = Server::new(&[]);
    let plans = [plan(&server.url())];
    let notifier = Notifier::start_with(dir, &plans, Clock::System, BACKOFF, &secrets());
    let notifier = notifier.expect("it starts");
    let requests = server.wait_for(keys.len());
    drop(notifier);
    let mut sent: Vec<_> =
        requests.iter().filter_map(|request| request.header("idempotency-key")).collect();
    sent.sort_unstable();
    keys.sort_unstable();
    assert_eq!(sent, keys);
}
