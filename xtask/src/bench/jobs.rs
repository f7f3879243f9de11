//! Timed processes: what bounds a file, and the program counting it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::LIMIT;
use crate::process::Guard;
use crate::program::{Start, Totals, file_source};
use crate::{clock, place};

/// One timed process.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// From its start to its end.
    pub(super) seconds: f64,
    /// Largest resident memory seen.
    pub(super) peak_bytes: u64,
    /// Posts that it counted, where it counts.
    pub(super) posts: u64,
    /// Distinct tags that it counted.
    pub(super) distinct: u64,
    /// Epochs of its checkpoint.
    pub(super) epochs: Option<u64>,
}

/// What a measured job counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counting {
    /// Windows beside the total.
    pub(super) windows: &'static [&'static str],
    /// Keep a checkpoint.
    pub(super) checkpoint: bool,
}

impl Counting {
    /// The job, around its source. Epochs are as short as they may be, so that a run of a second
    /// or two holds several.
    pub(super) fn job(self, source: &str) -> String {
        let windows: Vec<String> = self.windows.iter().map(|w| format!("\"{w}\"")).collect();
        format!(
            "name = \"bench\"\nbatch = \"200ms\"\ntime = \"event\"\nspeed = \"max\"\n[count]\n\
             modes = [\"total\", \"count\"]\nmode = \"total\"\nwindows = [{}]\n{source}",
            windows.join(", ")
        )
    }
}

/// Runs a process to its end, with a watch on its memory.
pub(super) fn timed(command: &mut Command) -> anyhow::Result<Measured> {
    let shown = crate::command::show(command);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let began = clock::monotonic();
    let child = command.spawn().with_context(|| format!("cannot run `{shown}`"))?;
    let mut guard = Guard::new(child, shown.clone());
    let mut measured = Measured::default();
    let status = clock::poll(LIMIT, Duration::from_millis(1), || {
        measured.peak_bytes = measured.peak_bytes.max(guard.peak_bytes().unwrap_or(0));
        guard.try_wait()
    })?;
    measured.seconds = began.elapsed().as_secs_f64();
    match status {
        Some(status) if status.success() => Ok(measured),
        Some(status) => bail!("`{shown}` ended with {status}"),
        None => bail!("`{shown}` was still running after {} s", LIMIT.as_secs()),
    }
}

/// `wc -l` on the file.
pub(super) fn wc(file: &Path) -> anyhow::Result<Measured> {
    timed(Command::new("wc").arg("-l").arg(file))
}

/// Reads the file and finds its tags; keeps nothing.
pub(super) fn bare_scan(program: &Path, file: &Path, format: &str) -> anyhow::Result<Measured> {
    timed(Command::new(program).arg("bench-scan").arg(file).args(["--format", format]))
}

/// `tagtide run` on the file, two workers.
pub(super) fn count_file(
    program: &Path,
    file: &Path,
    format: &str,
    counting: Counting,
) -> anyhow::Result<Measured> {
    let timing =
        if format == "text" { "start = \"2026-01-05T00:00:00Z\"\nrate = 2700\n" } else { "" };
    let dir = fresh_dir("file")?;
    let job = dir.join("job.toml");
    fs::write(&job, counting.job(&file_source(file, format, timing)))?;
    let state_dir = dir.join("state");
    let start = Start {
        program,
        job: &job,
        state_dir: counting.checkpoint.then_some(state_dir.as_path()),
        summary: &dir.join("summary.json"),
        rows: Some(10),
        port: None,
    };
    let measured = timed(&mut start.command())?;
    let totals = Totals::read(start.summary)?;
    let distinct = totals.distinct;
    Ok(Measured { posts: totals.posts, epochs: totals.epochs, distinct, ..measured })
}

/// An empty folder under `target/bench/`.
pub(super) fn fresh_dir(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let dir = place::target().join("bench").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
    Ok(dir)
}

/// A fast run that lost posts is no result.
pub(super) fn expect_posts(measured: &Measured, posts: u64) -> anyhow::Result<()> {
    ensure!(measured.posts == posts, "{} posts were counted of {posts}", measured.posts);
    Ok(())
}
