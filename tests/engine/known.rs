//! The rule of known authors: neither the number of workers nor a kill -9 shows in a score.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tagtide_posts::decode::Format;

use crate::process::{tagtide, write_job};
use crate::support::{file_source, posts, until};

/// Thirteen minutes, of which the first four make authors known.
const POSTS: u64 = 80_000;

fn job(source: &str, known: bool) -> String {
    format!(
        "name = \"known\"\nbatch = \"20ms\"\ntime = \"event\"\n[count]\nwindows = [\"1m\"]\n\
         mode = \"trending\"\nmodes = [\"trending\"]\nwindow = \"1m\"\ntop = 1000\n\
         [people]\nmin_count = 1\nmin_authors = 1\nknown = {known}\n{source}"
    )
}

/// A run with so many workers, which makes a snapshot now and then.
fn run(job: &Path, state: &Path, workers: usize) -> Command {
    let mut command = tagtide(job, state);
    command.args(["--workers", &workers.to_string()]);
    command.env("TAGTIDE_SNAPSHOT_LOG_BYTES", "300000").env("TAGTIDE_ROWS_AHEAD", "200");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Ends a run by SIGKILL once it has written so much.
fn kill(command: &mut Command, state: &Path, bytes: u64) {
    let held = || {
        let files = std::fs::read_dir(state).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>()
    };
    let before = held();
    let mut child = command.spawn().unwrap();
    until("a checkpoint is written", || {
        held().abs_diff(before) > bytes || child.try_wait().unwrap().is_some()
    });
    assert!(child.try_wait().unwrap().is_none(), "it is killed while it runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The rows of the last ranking of a run that ends by itself.
fn last(command: &mut Command) -> Vec<Value> {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success());
    let last = output.stdout.trim_ascii().rsplit(|&byte| byte == b'\n').next().unwrap();
    let published: Value = serde_json::from_slice(last).unwrap();
    let mut rows = published["trends"].as_array().unwrap().clone();
    rows.iter_mut().for_each(|row| row["change"] = Value::Null);
    rows
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn neither_workers_nor_kills_change_a_score() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bytes = posts(41, POSTS, Format::TextPlus);
    let keys = "format = \"text+\"\npace = 40_000\n";
    let source = file_source(dir.path(), "posts.txt", &bytes, keys);
    let with = write_job(dir.path(), "job.toml", &job(&source, true));
    let without = write_job(dir.path(), "without.toml", &job(&source, false));
    // One beginning, so that authors have one hash.
    kill(&mut run(&with, &at("begun"), 2), &at("begun"), 20_000);
    for name in ["whole", "killed", "without"] {
        copy(&at("begun"), &at(name));
    }
    let whole = last(&mut run(&with, &at("whole"), 1));
    assert!(!whole.is_empty() && whole.iter().all(|row| row["score"].is_f64()), "{whole:?}");
    for _ in 0..4 {
        kill(&mut run(&with, &at("killed"), 4), &at("killed"), 100_000);
    }
    assert_eq!(last(&mut run(&with, &at("killed"), 4)), whole);
    assert_ne!(last(&mut run(&without, &at("without"), 1)), whole, "the rule says something");
}
