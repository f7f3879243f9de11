//! Real processes on a real directory: killed at every crash point, and two at a time.
//!
//! The other process is this test program, made to run one ignored test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use super::{SHARDS, State, commit_all, open, state_at};
use crate::{CRASH_POINTS, CheckpointError};

const DIR: &str = "TAGTIDE_TEST_CHECKPOINT_DIR";
const SEED: u64 = 11;
const SIGKILL: i32 = 9;

fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("tests::process::{test}");
    command.args(["--exact", name.as_str(), "--ignored", "--nocapture"]);
    command.env(DIR, dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run_child(dir: &Path, crash_at: &str) -> ExitStatus {
    child("child_commits", dir).env("TAGTIDE_CRASH_AT", crash_at).status().unwrap()
}

/// The newest epoch that a child reported, after its commit returned.
fn reported(dir: &Path) -> u64 {
    let text = std::fs::read_to_string(dir.join("reported"));
    text.map_or(0, |text| text.parse().unwrap())
}

/// Recovers, and checks the result.
fn is_right(dir: &Path) -> bool {
    let mut state = State::default();
    let (_, recovery) = open(dir, &mut state).unwrap();
    recovery.epoch >= reported(dir)
        && recovery.epoch <= reported(dir) + 1
        && state.values() == state_at(recovery.epoch, SEED).values()
}

#[test]
#[ignore = "run by the tests beside it, as a process of its own"]
fn child_commits() {
    let dir = std::env::var_os(DIR).unwrap();
    let dir = Path::new(&dir);
    let mut state = State::default();
    let (mut checkpoint, recovery) = open(dir, &mut state).unwrap();
    for epoch in recovery.epoch + 1..=recovery.epoch + 6 {
        commit_all(&mut checkpoint, &mut state, epoch..=epoch, SEED);
        std::fs::write(dir.join("reported.tmp"), epoch.to_string()).unwrap();
        std::fs::rename(dir.join("reported.tmp"), dir.join("reported")).unwrap();
        if epoch % 2 == 0 {
            checkpoint.begin_snapshot(epoch).unwrap();
            checkpoint.snapshot_piece(&[state.piece(1, epoch)]).unwrap();
        } else if let Some(begun) = checkpoint.snapshot_begun() {
            assert_eq!(begun + 1, epoch);
            for shard in 2..=SHARDS {
                checkpoint.snapshot_piece(&[state.piece(shard, epoch)]).unwrap();
            }
            checkpoint.finish_snapshot(epoch).unwrap();
        }
    }
}

#[test]
#[ignore = "run by the tests beside it, as a process of its own"]
fn child_holds() {
    let dir = std::env::var_os(DIR).unwrap();
    let _held = open(Path::new(&dir), &mut State::default()).unwrap();
    println!("\nholding");
    // Until the parent kills this process or goes away.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
#[cfg(not(feature = "planted-bug"))]
fn a_kill_at_every_crash_point_loses_nothing_and_doubles_nothing() {
    // They mostly wait for the disk, so run them in parallel.
    std::thread::scope(|scope| {
        for points in CRASH_POINTS.chunks(6) {
            scope.spawn(move || points.iter().for_each(|point| kill_twice(point)));
        }
    });
}

#[cfg(not(feature = "planted-bug"))]
fn kill_twice(point: &str) {
    let dir = tempfile::tempdir().unwrap();
    let status = run_child(dir.path(), point);
    assert_eq!(status.signal(), Some(SIGKILL), "{point}: {status}");
    assert!(is_right(dir.path()), "{point}");
    // Again in the same directory, at a later pass, if there is one.
    let status = run_child(dir.path(), &format!("{point}:2"));
    assert!(is_right(dir.path()), "{point}, again");
    assert!(status.success() || status.signal() == Some(SIGKILL), "{point}: {status}");
    assert!(!status.success() || reported(dir.path()) >= 6, "{point}");
}

#[test]
#[cfg(feature = "planted-bug")]
fn the_planted_bug_shows() {
    let dir = tempfile::tempdir().unwrap();
    let status = run_child(dir.path(), "commit.planted:3");
    assert_eq!(status.signal(), Some(SIGKILL), "{status}");
    assert!(CRASH_POINTS.contains(&"commit.planted"));
    assert!(!is_right(dir.path()));
}

#[test]
fn a_second_process_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = child("child_holds", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "holding"));
    match open(dir.path(), &mut State::default()) {
        Err(CheckpointError::Held { dir: held, pid }) => {
            assert_eq!((held.as_path(), pid), (dir.path(), holder.id()));
        }
        other => panic!("{other:?}"),
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    open(dir.path(), &mut State::default()).unwrap();
}
