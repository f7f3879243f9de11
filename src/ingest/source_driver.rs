//! Drives one source: polling, pacing, retries, end.
//!
//! A driver has no thread of its own. Workers pass it round: the worker that holds it polls one
//! batch, passes the driver on, and extracts what it has just read while that is still in its
//! cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::extract_config::ExtractConfig;
use super::recorder::Recorder;
use crate::job::TextTime;
use crate::run::{Message, Shutdown, SourceUpdate};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::decode::{Format, detect::detect};
use tagtide_posts::post::{Batch, Position};
use tagtide_sources::reconnect::{Jitter, Reconnect};
use tagtide_sources::{Poll, Source, SourceError};

/// How long a source may block; also how soon a stop is noticed.
const WAIT: Duration = Duration::from_millis(50);
/// How often an idle live source says that it is alive.
const BEAT: Duration = Duration::from_secs(1);
/// A source that is held is asked again so often: clocks are set, machines sleep.
const HELD_STEP: Duration = Duration::from_secs(60);
/// Records looked at to recognise the format.
const SAMPLE_BYTES: usize = 64 * 1024;

/// One source and what is around it.
pub(crate) struct SourceDriver {
    pub(crate) source: Box<dyn Source>,
    pub(crate) number: u16,
    pub(crate) config: Arc<ExtractConfig>,
    pub(crate) clock: Clock,
    pub(crate) live: bool,
    /// Batches are to be small, as few tags are kept: room is made for all of a batch at once.
    pub(crate) small: bool,
    pub(crate) positions: Vec<Position>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) out: Sender<Message>,
    pub(crate) shutdown: Shutdown,
    pub(crate) progress: Progress,
    /// Where it waits for the next worker. Workers end when the last driver has gone from there.
    pub(crate) turns: Sender<Box<SourceDriver>>,
}

/// What a driver remembers from one poll to the next.
pub(crate) struct Progress {
    /// Number of the next batch.
    seq: u64,
    policy: Reconnect,
    hurry: u32,
    /// Since when the source is open.
    open: Option<Instant>,
    /// It was lost, which is logged, and is not connected again.
    lost: bool,
    /// When it last delivered.
    beat: Instant,
    pace: Option<Pace>,
}

impl Progress {
    /// At the start; `pace` = records per second at the most, `seed` of the jitter, waits so many
    /// times shorter as `hurry` says.
    pub(crate) fn new(pace: Option<f64>, seed: u64, hurry: u32) -> Self {
        Self {
            seq: 0,
            policy: Reconnect::new(Jitter::Seeded(seed)),
            hurry: hurry.max(1),
            open: None,
            lost: false,
            beat: monotonic(),
            pace: pace.map(Pace::new),
        }
    }
}

/// What came of one poll.
enum Turn {
    /// The batch is to be extracted.
    Batch,
    Nothing,
    /// The source has ended.
    End(Result<(), SourceError>),
}

impl SourceDriver {
    /// Polls the source once into `batch` and passes the driver on, unless the source has ended or
    /// the run stops. True where `batch` is to be extracted.
    pub(crate) fn turn(mut self: Box<Self>, batch: &mut Batch) -> bool {
        let turn = if self.shutdown.reading() { Turn::End(Ok(())) } else { self.poll(batch) };
        if let Turn::End(how) = turn {
            let (source, batches) = (self.number, self.progress.seq);
            let _ = self.out.send(Message::SourceEnd { source, batches, how });
            return false;
        }
        let filled = matches!(turn, Turn::Batch);
        if filled {
            self.label(batch);
        }
        let turns = self.turns.clone();
        let _ = turns.send(self);
        filled
    }

    fn poll(&mut self, batch: &mut Batch) -> Turn {
        if self.progress.open.is_none() {
            if let Err(error) = self.source.open(&self.positions) {
                return self.wait_or_give_up(error, Duration::ZERO);
            }
            self.progress.open = Some(monotonic());
            self.set_start();
            if std::mem::take(&mut self.progress.lost) {
                tracing::info!("source `{}` is connected again", self.source.name());
            }
            self.report(self.source.state(), String::new());
        }
        batch.clear();
        batch.small = self.small || self.progress.pace.is_some();
        // A text's lines are found together with its tags.
        let format = self.config.streams[self.number as usize].format.get();
        batch.wants_ends = format.is_some_and(|format| *format != Format::Text);
        match self.source.poll(batch, WAIT) {
            Ok(Poll::Ready) => {
                self.recognise(batch);
                self.record(batch);
                if let Some(pace) = &mut self.progress.pace {
                    pace.wait(batch.lines, &self.shutdown);
                }
                for position in &batch.positions {
                    self.keep(position.clone());
                }
                Turn::Batch
            }
            Ok(Poll::Idle) if self.live && self.progress.beat.elapsed() >= BEAT => {
                batch.clear();
                batch.seal(0);
                Turn::Batch
            }
            Ok(Poll::Idle) => Turn::Nothing,
            Ok(Poll::End) => Turn::End(Ok(())),
            Err(error) => {
                let good = self.progress.open.take().map_or(Duration::ZERO, |open| open.elapsed());
                self.wait_or_give_up(error, good)
            }
        }
    }

    fn label(&mut self, batch: &mut Batch) {
        self.progress.beat = monotonic();
        batch.source = self.number;
        batch.seq = self.progress.seq;
        batch.arrived = self.clock.now();
        batch.complete_until = self.source.complete_until(batch.arrived);
        batch.reads = self.source.reads();
        self.progress.seq += 1;
    }

    /// Event time of the first line, where lines have none of their own.
    fn set_start(&self) {
        let stream = &self.config.streams[self.number as usize];
        if let TextTime::Rate { start, .. } = stream.text_time {
            let start = start.or_else(|| self.source.modified());
            let _ = stream.start.set(start.unwrap_or_else(|| self.clock.now()));
        }
    }

    /// Keeps the newest Position of each partition, to open the source again after them.
    fn keep(&mut self, position: Position) {
        match self.positions.iter_mut().find(|old| old.partition == position.partition) {
            Some(old) => *old = position,
            None => self.positions.push(position),
        }
    }

    fn recognise(&self, batch: &Batch) {
        let format = &self.config.streams[self.number as usize].format;
        if format.get().is_none() && !batch.records().is_empty() {
            let records = batch.records();
            let sample = &records[..records.len().min(SAMPLE_BYTES)];
            let found = detect(sample).unwrap_or(Format::Text);
            let _ = format.set(found);
            tracing::info!("source `{}` sends format `{}`", self.source.name(), found.name());
        }
    }

    fn record(&self, batch: &Batch) {
        let format = self.config.streams[self.number as usize].format.get();
        if let (Some(recorder), Some(format)) = (&self.recorder, format) {
            recorder.offer(self.number, format.name(), batch);
        }
    }

    /// Waits before the next attempt; `good` = how long the source was open.
    fn wait_or_give_up(&mut self, error: SourceError, good: Duration) -> Turn {
        let name = self.source.name();
        match error {
            SourceError::Fatal(_) => {
                tracing::error!("source `{name}` has failed: {error}");
                Turn::End(Err(error))
            }
            SourceError::AuthFailed(_) => {
                tracing::error!("source `{name}` has ended, its credentials were refused: {error}");
                Turn::End(Err(error))
            }
            SourceError::Held(state, wait, why) => {
                if !std::mem::replace(&mut self.progress.lost, true) {
                    tracing::warn!("source `{name}` waits: {why}");
                }
                self.report(state, why.into());
                self.shutdown.sleep(wait.min(HELD_STEP) / self.progress.hurry);
                Turn::Nothing
            }
            SourceError::Retry(cause, why) => {
                let wait = self.progress.policy.wait(cause, good) / self.progress.hurry;
                let ms = wait.as_millis();
                // Once for each loss; the attempts that follow are in the status.
                if !std::mem::replace(&mut self.progress.lost, true) {
                    tracing::warn!("source `{name}` is tried again in {ms} ms: {why}");
                } else {
                    tracing::debug!("source `{name}` is tried again in {ms} ms: {why}");
                }
                self.report("retrying", why.into());
                self.shutdown.sleep(wait);
                Turn::Nothing
            }
        }
    }

    fn report(&self, state: &'static str, detail: String) {
        let (source, reads) = (self.number, self.source.reads());
        let update = SourceUpdate { source, state, detail, reads };
        let _ = self.out.send(Message::Source(update));
    }
}

/// Lets records through at a steady rate.
struct Pace {
    per_second: f64,
    started: Instant,
    records: f64,
}

impl Pace {
    fn new(per_second: f64) -> Self {
        Self { per_second, started: monotonic(), records: 0.0 }
    }

    fn wait(&mut self, records: u64, shutdown: &Shutdown) {
        self.records += records as f64;
        let due = Duration::from_secs_f64(self.records / self.per_second);
        while !shutdown.reading() {
            let left = due.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return;
            }
            shutdown.sleep(left);
        }
    }
}
