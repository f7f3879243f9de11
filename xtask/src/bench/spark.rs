//! The original Spark job on the same machine, fed by the original's sender.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::command::{Log, output};
use crate::place::{self, fresh_dir};
use crate::process::Guard;
use crate::program::Generated;

/// Posts sent to it: enough for several of its batches.
const POSTS: u64 = 200_000;

/// Longest time for the whole job.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs it once; the time is its own, from the start of its stream to the batch that had all.
pub(super) fn measure(log: &Log, program: &Path) -> anyhow::Result<String> {
    let python = place::python();
    let help = "help: run `cargo xtask test --only interop` once, which installs it";
    ensure!(python.is_file(), "the Spark job needs `{}`\n{help}", python.display());
    let dir = fresh_dir("bench/spark")?;
    let posts = dir.join("posts.txt");
    let generated = Generated { seed: 2, posts: POSTS, rate: 2_700, format: "text", tags: 100_000 };
    let bytes = output(&mut generated.command(program))?;
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split(['\n', ' ']).filter(|word| word.contains('#'));
    let (total, distinct) = words.fold((0_u64, HashSet::new()), |(total, mut seen), word| {
        seen.insert(word);
        (total + 1, seen)
    });
    fs::write(&posts, &bytes)?;
    let interop = place::root().join("tests/interop");
    let mut sender = Command::new(&python);
    sender.arg(interop.join("original_sender.py")).arg(&posts);
    sender.args(["--port", "0", "--hold", "600"]).stdout(Stdio::piped());
    let mut sender = Guard::spawn(&mut sender)?;
    let stdout = sender.child().stdout.take().context("the sender has no output")?;
    let mut line = String::new();
    // Kept to the end: the sender writes once more.
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut line)?;
    let port = line.trim().strip_prefix("listening ").context("the sender does not listen")?;
    let out = dir.join("table.json");
    let mut spark = Command::new(&python);
    spark.arg(interop.join("original_spark.py")).args(["--port", port, "--batch", "2"]);
    spark.args(["--host", "127.0.0.1", "--until-total", &total.to_string()]);
    spark.args(["--timeout", "540"]).arg("--out").arg(&out);
    eprintln!("the original Spark job, {POSTS} posts");
    log.run(&mut spark, LIMIT)?;
    let result: Value = serde_json::from_str(&fs::read_to_string(&out)?)?;
    let seconds = result["seconds"].as_f64().context("the Spark job gave no time")?;
    Ok(format!(
        "The original Spark job (local[2], batch 2 s) took {seconds:.1} s for {POSTS} posts with \
         {} distinct words: {:.0} posts/s, start of the session not counted.",
        distinct.len(),
        POSTS as f64 / seconds
    ))
}
