//! One campaign: runs that are killed, restarted until they end, and compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::input::{Input, Source};
use super::oracle;
use crate::command::output;
use crate::process::Guard;
use crate::program::{Start, Totals};
use crate::random::Random;
use crate::{clock, place};

/// Shortest and longest lifetime of a process that is killed at a random moment.
const LIFE_MS: (u64, u64) = (30, 1_200);

/// Longest wait for a crash point; then the process is killed anyway.
const POINT_LIMIT: Duration = Duration::from_secs(6);

/// Longest time that one process may take to the end of its source.
const END_LIMIT: Duration = Duration::from_secs(120);

/// Bytes of log after which a snapshot is due: few, so that a run of seconds writes several.
const SNAPSHOT_LOG_BYTES: &str = "4096";

/// Kills at crash points of a directory's first start, per run.
const FIRST_START_KILLS: u32 = 3;

const SIGKILL: i32 = 9;

/// Parameters and state of a campaign.
pub(super) struct Campaign {
    input: Input,
    program: PathBuf,
    dir: PathBuf,
    cycles: u32,
    random: Random,
    report: Report,
    /// Kills left at crash points of the first start in the current run.
    first_start_left: u32,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Killed by us, at a random moment.
    Killed,
    /// Killed itself at the requested crash point.
    Crashed,
    /// Its source ended.
    Ended,
}

impl Campaign {
    /// Makes the input and asks the program for its crash points.
    pub(super) fn prepare(
        kind: Source,
        program: &Path,
        cycles: u32,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let dir = place::target().join("chaos").join(format!("{kind:?}").to_lowercase());
        let _ = fs::remove_dir_all(&dir);
        let input = Input::prepare(kind, program, &dir, seed)?;
        let listed = output(Command::new(program).arg("crash-points"))?;
        let listed = String::from_utf8(listed).context("crash points are not text")?;
        let points = listed.lines().map(|line| (line.trim().to_owned(), 0)).collect();
        let report = Report { points, cycles, ..Report::default() };
        let program = program.to_path_buf();
        let random = Random::new(seed);
        Ok(Self { input, program, dir, cycles, random, report, first_start_left: 0 })
    }

    /// Runs it to its end, or, with `until_wrong`, to the first wrong count.
    pub(super) fn run(mut self, until_wrong: bool) -> anyhow::Result<Report> {
        while self.report.kills < self.cycles {
            self.one_run().with_context(|| {
                format!("run {} after {} kills", self.report.runs, self.report.kills)
            })?;
            if until_wrong && self.report.lost + self.report.double > 0 {
                break;
            }
        }
        Ok(self.report)
    }

    /// One run: from an empty state directory to the end of the source, and the comparison.
    fn one_run(&mut self) -> anyhow::Result<()> {
        self.report.runs += 1;
        let state_dir = self.dir.join("state");
        let _ = fs::remove_dir_all(&state_dir);
        let summary = self.dir.join("summary.json");
        let _ = fs::remove_file(&summary);
        self.first_start_left = FIRST_START_KILLS;
        loop {
            self.report.starts += 1;
            match self.one_life(&state_dir, &summary)? {
                Life::Ended => break,
                Life::Killed => self.report.random_kills += 1,
                Life::Crashed => {}
            }
            self.report.kills += 1;
        }
        let totals = Totals::read(&summary)?;
        let difference = oracle::compare(&self.input.expected, &totals.tags);
        self.report.lost += difference.lost;
        self.report.double += difference.double;
        self.report.examples.extend(difference.examples);
        if totals.posts != self.input.posts {
            self.report.wrong_posts.push((self.input.posts, totals.posts));
        }
        Ok(())
    }

    /// One process, from its start to its end.
    fn one_life(&mut self, state_dir: &Path, summary: &Path) -> anyhow::Result<Life> {
        let log_path = self.dir.join("tagtide.log");
        let log = File::options().create(true).append(true).open(&log_path)?;
        let state_dir = Some(state_dir);
        let start = Start {
            program: &self.program,
            job: &self.input.job,
            state_dir,
            summary,
            rows: None,
            port: None,
        };
        let mut command = start.command();
        command.env("TAGTIDE_SNAPSHOT_LOG_BYTES", SNAPSHOT_LOG_BYTES);
        command.stdout(Stdio::null()).stderr(log);
        let last = self.report.kills >= self.cycles;
        let point = if last { None } else { self.next_point() };
        if let Some(point) = &point {
            let nth = if point.starts_with("commit.") { self.random.between(1, 3) } else { 1 };
            command.env("TAGTIDE_CRASH_AT", format!("{point}:{nth}"));
        }
        let mut guard = Guard::spawn(&mut command)?;
        let life = match (&point, last) {
            (_, true) => END_LIMIT,
            (Some(_), _) => POINT_LIMIT,
            (None, _) => Duration::from_millis(self.random.between(LIFE_MS.0, LIFE_MS.1)),
        };
        let step = Duration::from_millis(1);
        match clock::poll(life, step, || guard.try_wait())? {
            Some(status) => self.ended_by_itself(status, point, &log_path),
            None if last => bail!("the source did not end within {} s", END_LIMIT.as_secs()),
            None => {
                guard.kill()?;
                Ok(Life::Killed)
            }
        }
    }

    /// The end of a process that we did not kill: done, or dead at its crash point. Anything else
    /// is an error.
    fn ended_by_itself(
        &mut self,
        status: ExitStatus,
        point: Option<String>,
        log: &Path,
    ) -> anyhow::Result<Life> {
        if status.success() {
            return Ok(Life::Ended);
        }
        match point {
            Some(point) if status.signal() == Some(SIGKILL) => {
                *self.report.points.entry(point).or_default() += 1;
                Ok(Life::Crashed)
            }
            _ => {
                let text = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines[lines.len().saturating_sub(20)..].join("\n");
                bail!("the program ended with {status}:\n{tail}")
            }
        }
    }

    /// The crash point for the next process: one of the first start while the directory is new,
    /// then every other time the one that fired least often. `None` = a random moment.
    fn next_point(&mut self) -> Option<String> {
        let of_first_start = self.first_start_left > 0;
        if of_first_start {
            self.first_start_left -= 1;
        } else if self.random.between(0, 1) == 0 {
            return None;
        }
        let fits = |name: &str| is_of_first_start(name) == of_first_start;
        let tries = &mut self.report.tries;
        let points = self.report.points.iter().filter(|(name, _)| fits(name));
        let least =
            points.min_by_key(|(name, fired)| (**fired, tries.get(*name).copied().unwrap_or(0)));
        let name = least.map(|(name, _)| name.clone())?;
        *tries.entry(name.clone()).or_default() += 1;
        Some(name)
    }
}

/// Whether it is reached only during the first start in a state directory.
fn is_of_first_start(point: &str) -> bool {
    point.starts_with("start.") || point.starts_with("marker.")
}

/// The result of a campaign.
#[derive(Debug, Default)]
pub(super) struct Report {
    cycles: u32,
    runs: u32,
    starts: u32,
    kills: u32,
    random_kills: u32,
    /// Crash point -> how often a process died there.
    points: BTreeMap<String, u32>,
    /// Crash point -> how often it was requested.
    tries: BTreeMap<String, u32>,
    /// Occurrences missing from the counts.
    pub(super) lost: u64,
    /// Occurrences counted in excess.
    pub(super) double: u64,
    examples: Vec<(String, u64, u64)>,
    wrong_posts: Vec<(u64, u64)>,
}

impl Report {
    /// Crash points at which a process died at least once.
    pub(super) fn points_fired(&self) -> usize {
        self.points.values().filter(|fired| **fired > 0).count()
    }

    /// Crash points at which no process died.
    pub(super) fn unfired(&self) -> Vec<&str> {
        let unfired = self.points.iter().filter(|(_, fired)| **fired == 0);
        unfired.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether every run counted the right number of posts.
    pub(super) fn posts_right(&self) -> bool {
        self.wrong_posts.is_empty()
    }

    /// Whether there were enough kills to request every point more than once.
    pub(super) fn had_time_for_all(&self) -> bool {
        self.cycles as usize >= 4 * self.points.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crashes = self.kills - self.random_kills;
        writeln!(
            f,
            "  kills          {} ({} at random moments, {crashes} at crash points)",
            self.kills, self.random_kills
        )?;
        writeln!(f, "  restarts       {}", self.starts - self.runs)?;
        writeln!(f, "  runs compared  {}", self.runs)?;
        writeln!(f, "  crash points   {} of {} fired", self.points_fired(), self.points.len())?;
        for (name, fired) in &self.points {
            writeln!(f, "    {name:<22} {fired}")?;
        }
        for (expected, counted) in &self.wrong_posts {
            writeln!(f, "  posts          {expected} expected, {counted} counted")?;
        }
        for (key, expected, counted) in self.examples.iter().take(5) {
            writeln!(f, "  `{key}` {expected} expected, {counted} counted")?;
        }
        writeln!(f, "  result         {} lost, {} double", self.lost, self.double)
    }
}
