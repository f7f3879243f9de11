//! The loop around a source: polls it, paces it, tries again when it fails, tells when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::clock::{Clock, monotonic};
use crate::decode::{Format, detect::detect};
use crate::engine::embedded::core::{Message, Stop};
use crate::engine::embedded::worker::Recipe;
use crate::job::TextTime;
use crate::post::{Batch, Position};
use crate::source::reconnect::{Cause, Jitter, Reconnect};
use crate::source::{Poll, Source, SourceError};

/// How long a source may block; also how soon a stop is noticed.
const WAIT: Duration = Duration::from_millis(50);
/// How often an idle live source says that it is alive.
const BEAT: Duration = Duration::from_secs(1);
/// Records looked at to recognise the format.
const SAMPLE_BYTES: usize = 64 * 1024;

/// One source and what is around it.
pub(super) struct Reader {
    pub(super) source: Box<dyn Source>,
    pub(super) number: u16,
    pub(super) recipe: Arc<Recipe>,
    pub(super) clock: Clock,
    pub(super) live: bool,
    /// Records per second at the most.
    pub(super) pace: Option<f64>,
    pub(super) positions: Vec<Position>,
    pub(super) batches: Sender<Batch>,
    pub(super) pool: Receiver<Batch>,
    pub(super) core: Sender<Message>,
    pub(super) stop: Stop,
}

impl Reader {
    /// Reads until the source ends, fails for good, or the run stops.
    pub(super) fn run(mut self) {
        let end = self.read();
        let _ =
            self.core.send(Message::SourceEnd { source: self.number, batches: end.0, why: end.1 });
    }

    fn read(&mut self) -> (u64, Option<String>) {
        let mut seq = 0;
        let seed = u64::from(self.number) ^ self.clock.now().0 as u64;
        let mut policy = Reconnect::new(Jitter::Seeded(seed));
        let mut open: Option<Instant> = None;
        let mut beat = monotonic();
        let mut pace = self.pace.map(Pace::new);
        while !self.stop.reading() {
            if open.is_none() {
                match self.source.open(&self.positions) {
                    Ok(()) => {
                        open = Some(monotonic());
                        self.set_start();
                        self.say("live", String::new());
                    }
                    Err(error) => match self.wait_or_give_up(error, &mut policy, Duration::ZERO) {
                        Some(why) => return (seq, Some(why)),
                        None => continue,
                    },
                }
            }
            let mut batch = self.pool.try_recv().unwrap_or_default();
            batch.clear();
            match self.source.poll(&mut batch, WAIT) {
                Ok(Poll::Ready) => {
                    self.recognise(&batch);
                    if let Some(pace) = &mut pace {
                        pace.wait(batch.lines, &self.stop);
                    }
                    for position in &batch.positions {
                        self.keep(position.clone());
                    }
                    self.send(batch, &mut seq);
                    beat = monotonic();
                }
                Ok(Poll::Idle) if self.live && beat.elapsed() >= BEAT => {
                    batch.clear();
                    batch.seal(0);
                    self.send(batch, &mut seq);
                    beat = monotonic();
                }
                Ok(Poll::Idle) => {}
                Ok(Poll::End) => return (seq, None),
                Err(error) => {
                    let good = open.take().map_or(Duration::ZERO, |since| since.elapsed());
                    if let Some(why) = self.wait_or_give_up(error, &mut policy, good) {
                        return (seq, Some(why));
                    }
                }
            }
        }
        (seq, None)
    }

    /// Event time of the first line, where lines have none of their own.
    fn set_start(&self) {
        let stream = &self.recipe.streams[self.number as usize];
        if let TextTime::Rate { start, .. } = stream.text_time {
            let start = start.or_else(|| self.source.modified());
            let _ = stream.start.set(start.unwrap_or_else(|| self.clock.now()));
        }
    }

    fn send(&self, mut batch: Batch, seq: &mut u64) {
        batch.source = self.number;
        batch.seq = *seq;
        batch.arrived = self.clock.now();
        if self.batches.send(batch).is_ok() {
            *seq += 1;
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
        let format = &self.recipe.streams[self.number as usize].format;
        if format.get().is_none() && !batch.records().is_empty() {
            let records = batch.records();
            let sample = &records[..records.len().min(SAMPLE_BYTES)];
            let found = detect(sample).unwrap_or(Format::Text);
            let _ = format.set(found);
            tracing::info!("source `{}` sends format `{}`", self.source.name(), found.name());
        }
    }

    /// Waits before the next attempt; returns why there will be none.
    fn wait_or_give_up(
        &self,
        error: SourceError,
        policy: &mut Reconnect,
        good: Duration,
    ) -> Option<String> {
        match error {
            SourceError::Fatal(why) => {
                self.say("failed", why.clone());
                Some(why)
            }
            SourceError::Retry(why) => {
                let wait = policy.wait(Cause::Network, good);
                let ms = wait.as_millis();
                let name = self.source.name();
                // Once for each loss; the attempts that follow are in the status.
                if good > Duration::ZERO || policy.attempts() == 1 {
                    tracing::warn!("source `{name}` is tried again in {ms} ms: {why}");
                } else {
                    tracing::debug!("source `{name}` is tried again in {ms} ms: {why}");
                }
                self.say("retrying", why);
                self.stop.sleep(wait);
                None
            }
        }
    }

    fn say(&self, state: &'static str, detail: String) {
        let _ = self.core.send(Message::SourceState { source: self.number, state, detail });
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

    fn wait(&mut self, records: u64, stop: &Stop) {
        self.records += records as f64;
        let due = Duration::from_secs_f64(self.records / self.per_second);
        while !stop.reading() {
            let left = due.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return;
            }
            stop.sleep(left);
        }
    }
}
