//! Reads the posts of one source, for the commands that do not count: `relay` and `extract`.
//!
//! One thread, no checkpoint. A failing source is retried with the same policy as in a run.
//! Malformed records are counted and skipped.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::exit::{AUTH, FAILED, Failure, USAGE};
use super::flags::{source, text};
use crate::engine;
use crate::job::{Job, Limits, Plan, Purpose, SourcePlan};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::decode::{Format, decode, detect};
use tagtide_posts::post::{Batch, EventTime, Post};
use tagtide_sources::reconnect::{Jitter, Reconnect};
use tagtide_sources::{Poll, Source, SourceError};

/// Longest wait of one poll, and so the longest delay of a signal.
const POLL_MAX: Duration = Duration::from_millis(200);

/// Posts, and what could not be read as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Posts passed on.
    pub posts: u64,
    /// Records that could not be decoded.
    pub malformed: u64,
    /// Records dropped by the source: too long, or incomplete.
    pub dropped: u64,
}

/// One source being read.
pub(super) struct Records {
    plan: SourcePlan,
    limits: Limits,
    source: Box<dyn Source>,
    format: Option<Format>,
    pub tally: Tally,
}

impl Records {
    /// Plans and builds the source, without opening it.
    pub(super) fn new(short: &str, format: Option<&str>) -> Result<Self, Failure> {
        let mut job = Job { sources: vec![source("SOURCE", short)], ..Job::default() };
        if let (Some(format), Some(source)) = (format, job.sources.first_mut()) {
            source.format = Some(text("--format", format));
        }
        Self::of(&job)
    }

    /// The same for the one source of a job file, which can have options that no short form has.
    pub(super) fn of_job(file: &Path) -> Result<Self, Failure> {
        Self::of(&Job::read(file)?)
    }

    fn of(job: &Job) -> Result<Self, Failure> {
        let Plan { mut sources, limits, .. } = engine::check(job, Purpose::Run)?;
        let plan = sources.pop().ok_or_else(|| Failure::new(USAGE, "no source"))?;
        if !sources.is_empty() {
            let what = format_args!("the job has {} sources", sources.len() + 1);
            let help = "name a job file with exactly one source";
            return Err(Failure::new(USAGE, format_args!("{what}\nhelp: {help}")));
        }
        if let Some((what, help)) = plan.options.only_run() {
            return Err(Failure::new(USAGE, format_args!("{what}\nhelp: {help}")));
        }
        let source = plan.options.build(limits.line_max_bytes, &Clock::System)?;
        let format = plan.format;
        Ok(Self { plan, limits, source, format, tally: Tally::default() })
    }

    /// The source that is read.
    pub(super) fn plan(&self) -> &SourcePlan {
        &self.plan
    }

    /// Reads to the end, or until `stop`. Passes each post to `each` with the arrival time of its
    /// batch, then calls `flush`.
    pub(super) fn run<O>(
        &mut self,
        stop: &AtomicBool,
        out: &mut O,
        each: fn(&mut O, EventTime, &Post<'_>) -> Result<(), Failure>,
        flush: fn(&mut O) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let mut after = Vec::new();
        let mut policy = Reconnect::new(Jitter::Seeded(u64::from(std::process::id())));
        let mut open: Option<Instant> = None;
        while !stop.load(Ordering::Relaxed) {
            batch.clear();
            let polled = if open.is_some() {
                self.source.poll(&mut batch, POLL_MAX)
            } else {
                self.source.open(&after).map(|()| Poll::Idle)
            };
            match polled {
                Ok(Poll::End) => break,
                Ok(Poll::Idle) => open = open.or(Some(monotonic())),
                Ok(Poll::Ready) => {
                    self.batch(&batch, out, each)?;
                    flush(out)?;
                    batch.positions.iter().for_each(|at| remember(&mut after, at));
                }
                Err(SourceError::Fatal(why)) => return Err(Failure::new(FAILED, why)),
                Err(SourceError::AuthFailed(why)) => return Err(Failure::new(AUTH, why)),
                Err(SourceError::Held(_, pause, why)) => {
                    open = None;
                    tracing::warn!("{why}");
                    wait(pause, stop);
                }
                Err(SourceError::Retry(cause, why)) => {
                    let good = open.take().map_or(Duration::ZERO, |open| open.elapsed());
                    let pause = policy.wait(cause, good);
                    tracing::warn!("{why}; retrying in {} ms", pause.as_millis());
                    wait(pause, stop);
                }
            }
        }
        Ok(())
    }

    fn batch<O>(
        &mut self,
        batch: &Batch,
        out: &mut O,
        each: fn(&mut O, EventTime, &Post<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.tally.dropped += batch.dropped.oversize + batch.dropped.partial;
        let format = self.format(batch.records())?;
        for record in batch.records().split(|byte| *byte == b'\n') {
            match decode(format, record) {
                // An empty line is neither a post nor malformed.
                _ if record.is_empty() || record == b"\r" => {}
                Ok(Some(post)) => {
                    self.tally.posts += 1;
                    each(out, batch.arrived, &post)?;
                }
                Ok(None) => {}
                Err(_) => self.tally.malformed += 1,
            }
        }
        Ok(())
    }

    /// The format named, or the one detected from the first records.
    fn format(&mut self, sample: &[u8]) -> Result<Format, Failure> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        if sample.iter().all(u8::is_ascii_whitespace) {
            return Ok(Format::Text);
        }
        let Some(format) = detect(sample) else {
            let what = "cannot detect the format of the records";
            let help = "name it with `--format`, as in `--format x1`";
            return Err(Failure::new(FAILED, format_args!("{what}\nhelp: {help}")));
        };
        tracing::info!("format of the records: {}", format.name());
        self.format = Some(format);
        Ok(format)
    }

    /// Logs what could not be read, if anything.
    pub(super) fn log_tally(&self) {
        let Tally { posts, malformed, dropped } = self.tally;
        let max = self.limits.line_max_bytes;
        if malformed > 0 || dropped > 0 {
            tracing::warn!(
                "{posts} posts; skipped {malformed} malformed records and {dropped} that were \
                 incomplete or longer than {max} bytes"
            );
        } else {
            tracing::debug!("{posts} posts");
        }
    }
}

/// Remembers the newest Position of each partition.
fn remember(after: &mut Vec<tagtide_posts::post::Position>, at: &tagtide_posts::post::Position) {
    match after.iter_mut().find(|old| old.partition == at.partition) {
        Some(old) => *old = at.clone(),
        None => after.push(at.clone()),
    }
}

/// Sleeps for `pause`, or until `stop`.
fn wait(pause: Duration, stop: &AtomicBool) {
    let until = monotonic() + pause;
    while !stop.load(Ordering::Relaxed) && monotonic() < until {
        std::thread::sleep(Duration::from_millis(20).min(pause));
    }
}
