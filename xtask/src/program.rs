//! The program's command line as the chores use it: the one place to change with it.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::command::{Log, cargo};
use crate::place;

/// Longest time that a build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);

/// Builds the program without its page, and returns the path of a copy, so that a later build with
/// other features does not change what is being measured.
pub(crate) fn build(log: &Log, release: bool, features: &[&str]) -> anyhow::Result<PathBuf> {
    let features = features.join(",");
    let mut words = vec!["build", "--package", "tagtide", "--bin", "tagtide"];
    words.extend(["--no-default-features", "--features", &features]);
    if release {
        words.push("--release");
    }
    log.run(&mut cargo(&words), BUILD_LIMIT)?;
    let built = place::tagtide(if release { "release" } else { "debug" });
    let dir = place::target().join("xtask/bin");
    fs::create_dir_all(&dir)?;
    let kind = if release { "release" } else { "debug" };
    let name = ["tagtide", kind, &features].join("-");
    let copy = dir.join(name.trim_end_matches('-'));
    fs::copy(&built, &copy).with_context(|| format!("cannot copy `{}`", built.display()))?;
    Ok(copy)
}

/// Builds `tagtide-bench` in the release profile, and returns the path of a copy, in the folder of
/// that of the program.
pub(crate) fn build_bench(log: &Log) -> anyhow::Result<PathBuf> {
    log.run(&mut cargo(&["build", "--release", "--package", "tagtide-bench"]), BUILD_LIMIT)?;
    let built = place::target().join("release/tagtide-bench");
    let dir = place::target().join("xtask/bin");
    fs::create_dir_all(&dir)?;
    let copy = dir.join("tagtide-bench");
    fs::copy(&built, &copy).with_context(|| format!("cannot copy `{}`", built.display()))?;
    Ok(copy)
}

/// Builds the program with default features in the development profile.
pub(crate) fn debug_build(log: &Log) -> anyhow::Result<PathBuf> {
    log.run(&mut cargo(&["build", "--package", "tagtide", "--bin", "tagtide"]), BUILD_LIMIT)?;
    Ok(place::tagtide("debug"))
}

/// One start of `tagtide run` on a job file.
pub(crate) struct Start<'a> {
    /// The program.
    pub(crate) program: &'a Path,
    /// The job file.
    pub(crate) job: &'a Path,
    /// Its state directory.
    pub(crate) state_dir: Option<&'a Path>,
    /// Where it writes its totals at the end.
    pub(crate) summary: &'a Path,
    /// Rows of the summary; `None` = all.
    pub(crate) rows: Option<usize>,
    /// Port of its HTTP server on 127.0.0.1; `None` = no server.
    pub(crate) port: Option<u16>,
}

impl Start<'_> {
    /// The command: two workers, nothing on stdout.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg("run").arg(self.job).args(["--workers", "2", "--quiet"]);
        command.arg("--summary").arg(self.summary);
        if let Some(rows) = self.rows {
            command.arg("--summary-top").arg(rows.to_string());
        }
        let listen = self.port.map_or("none".into(), |port| format!("127.0.0.1:{port}"));
        command.args(["--listen", &listen]).arg("--state-dir");
        command.arg(self.state_dir.unwrap_or(Path::new("none")));
        command
    }
}

/// `tagtide relay --json` of the source of a job file, to clients of a port.
pub(crate) fn relay(program: &Path, job: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.arg("relay").arg(job).args(["--json", "--listen", &format!("127.0.0.1:{port}")]);
    command
}

/// What `tagtide generate` and a job's generator have in common.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    /// Seed.
    pub(crate) seed: u64,
    /// Number of posts.
    pub(crate) posts: u64,
    /// Posts per second of event time.
    pub(crate) rate: u64,
    /// `text`, `text+` or `x1`.
    pub(crate) format: &'static str,
    /// Distinct ordinary tags.
    pub(crate) tags: u32,
}

/// Event time of the first generated post.
const START: &str = "2026-01-05T00:00:00Z";

impl Generated {
    /// `tagtide generate` for these posts.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("generate").args(["--posts", &self.posts.to_string()]);
        command.args(["--seed", &self.seed.to_string(), "--format", self.format]);
        command.args(["--rate", &self.rate.to_string(), "--start", START]);
        command.args(["--tags", &self.tags.to_string()]);
        command
    }

    /// The generator source of a job for these posts.
    pub(crate) fn source(&self, pace: Option<u64>) -> String {
        let pace = pace.map_or(String::new(), |pace| format!("pace = {pace}\n"));
        format!(
            "[[source]]\nkind = \"generator\"\nseed = {}\nposts = {}\nrate = {}\ntags = {}\n\
             live = false\nstart = \"{START}\"\nformat = \"{}\"\n{pace}",
            self.seed, self.posts, self.rate, self.tags, self.format
        )
    }
}

/// The file source of a job; `timing` holds further keys.
pub(crate) fn file_source(path: &Path, format: &str, timing: &str) -> String {
    format!(
        "[[source]]\nkind = \"file\"\npaths = [\"{}\"]\nformat = \"{format}\"\n{timing}",
        path.display()
    )
}

/// All totals that a run wrote at its end.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Posts counted.
    pub(crate) posts: u64,
    /// Tags with a count.
    pub(crate) distinct: u64,
    /// Epoch of its last checkpoint, if it has one.
    pub(crate) epochs: Option<u64>,
    /// Key -> count.
    pub(crate) tags: HashMap<String, u64>,
}

impl Totals {
    /// Reads what `--summary` wrote.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("the run wrote no summary `{}`", path.display()))?;
        let value: Value = serde_json::from_str(&text).context("the summary is not JSON")?;
        let posts = value["posts"].as_u64().context("the summary lacks `posts`")?;
        let rows = value["trends"].as_array().context("the summary lacks `trends`")?;
        let mut tags = HashMap::with_capacity(rows.len());
        for row in rows {
            let (Some(tag), Some(count)) = (row["tag"].as_str(), row["count"].as_u64()) else {
                bail!("a row of the summary lacks `tag` or `count`: {row}");
            };
            if tags.insert(tag.to_owned(), count).is_some() {
                bail!("the summary has two rows of `{tag}`");
            }
        }
        let distinct =
            value["distinct_tags"].as_u64().context("the summary lacks `distinct_tags`")?;
        Ok(Self { posts, distinct, epochs: value["checkpoint_epoch"].as_u64(), tags })
    }
}

/// A free port.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
