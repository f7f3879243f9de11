//! Timed processes: what bounds a file, and the program counting it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure};

use super::LIMIT;
use super::parts::Parts;
use crate::clock;
use crate::place::fresh_dir;
use crate::process::Guard;
use crate::program::{Start, Totals, file_source, free_port};

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
    /// Rankings kept, the first one shown.
    pub(super) modes: &'static [&'static str],
    /// The batch interval. No epoch is shorter.
    pub(super) batch: &'static str,
    /// Windows beside the total.
    pub(super) windows: &'static [&'static str],
    /// Keep a checkpoint.
    pub(super) checkpoint: bool,
}

/// One window and no checkpoint. Batches, and so epochs, are as short as they may be, so that a run
/// of a second or two holds several.
pub(super) const PLAIN: Counting =
    Counting { modes: &["total", "count"], batch: "200ms", windows: &["1h"], checkpoint: false };
/// Five windows and a checkpoint.
pub(super) const FULL: Counting =
    Counting { windows: &["1m", "5m", "15m", "1h", "24h"], checkpoint: true, ..PLAIN };

impl Counting {
    /// The job, around its source.
    pub(super) fn job(self, source: &str) -> String {
        let list = |names: &[&str]| {
            names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        };
        format!(
            "name = \"bench\"\nbatch = \"{}\"\ntime = \"event\"\nspeed = \"max\"\n[count]\n\
             modes = [{}]\nmode = \"{}\"\nwindows = [{}]\n{source}",
            self.batch,
            list(self.modes),
            self.modes[0],
            list(self.windows)
        )
    }
}

/// Runs a process to its end, with a watch on its memory.
pub(super) fn timed(command: &mut Command) -> anyhow::Result<Measured> {
    let shown = crate::command::show(command);
    let began = clock::monotonic();
    let mut guard = Guard::spawn(command.stdout(Stdio::null()))?;
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
pub(super) fn bare_scan(parts: &Parts, file: &Path, format: &str) -> anyhow::Result<Measured> {
    timed(parts.command("scan").arg(file).args(["--format", format]))
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
    let dir = fresh_dir("bench/file")?;
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

/// `tagtide run` on a job, with its files in `dir`: until its guard goes, and asked at the port.
pub(super) fn serve(
    program: &Path,
    dir: &Path,
    job: &str,
    checkpoint: bool,
) -> anyhow::Result<(Guard, u16)> {
    let (job_file, state_dir, port) = (dir.join("job.toml"), dir.join("state"), free_port()?);
    fs::write(&job_file, job)?;
    let start = Start {
        program,
        job: &job_file,
        state_dir: checkpoint.then_some(state_dir.as_path()),
        summary: &dir.join("summary.json"),
        rows: Some(10),
        port: Some(port),
    };
    Ok((Guard::spawn(start.command().stdout(Stdio::null()))?, port))
}

/// A fast run that lost posts is no result.
pub(super) fn expect_posts(measured: &Measured, posts: u64) -> anyhow::Result<()> {
    ensure!(measured.posts == posts, "{} posts were counted of {posts}", measured.posts);
    Ok(())
}
