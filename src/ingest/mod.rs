//! From sources to rows: reading, decoding and extraction, on many threads.
//!
//! Workers take turns at the sources: the worker that holds a [`SourceDriver`] polls it, passes it
//! on, and extracts what it has read. There is one worker more for each source, so that sources
//! which are waited for leave the others enough. Every queue is bounded; buffers go back to the
//! threads that fill them.

mod extract_config;
mod post_keys;
mod recorder;
mod sampling;
mod source_driver;
mod view_split;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread;

use crossbeam_channel::{Sender, bounded};

use self::recorder::{Recorder, Rotation};
use self::source_driver::{Progress, SourceDriver};
use crate::job::{Plan, SourcePlan, TimePlan};
use crate::run::{EngineError, Message, RunOptions, RunningEngine, Shutdown, spawn};
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::Position;
use tagtide_sources::Source;
use tagtide_trends::state::extracted_batch::ExtractedBatch;
use tagtide_trends::status::SourceStatus;

pub(crate) use self::extract_config::ExtractConfig;

/// ExtractedBatch batches under way for each worker; this bounds the memory of the queue. So many
/// that workers go on while the coordinator closes a pane or waits for a processor.
pub(crate) const BATCHES_PER_WORKER: usize = 16;
/// With a `tags_max` below this, a batch of full size might bring more new tags than there is room
/// for.
const SMALL_TAGS_MAX: usize = 1 << 18;

/// How many workers `options` asks for.
pub(crate) fn workers(options: &RunOptions) -> usize {
    match options.workers {
        0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
        workers => workers,
    }
}

/// Makes the sources of a plan; none is opened yet.
///
/// # Errors
/// [`EngineError::Source`] where the plan asks for what a source cannot do.
pub(crate) fn make_sources(
    plan: &Plan,
    clock: &Clock,
) -> Result<Vec<Box<dyn Source>>, EngineError> {
    let make = |source: &SourcePlan| {
        source.options.build(plan.limits.line_max_bytes, clock).map_err(EngineError::Source)
    };
    plan.sources.iter().map(make).collect()
}

/// Running workers, as the rest of the engine sees them.
pub(crate) struct Ingest {
    names: Vec<String>,
    config: Arc<ExtractConfig>,
    recorder: Option<Recorder>,
    pool: Sender<Box<ExtractedBatch>>,
}

impl Ingest {
    /// Starts workers that read `sources` after `positions` and send batches to `out`.
    ///
    /// # Errors
    /// [`EngineError`] where a thread or a recording cannot be started.
    pub(crate) fn start(
        plan: &Plan,
        options: &RunOptions,
        sources: Vec<Box<dyn Source>>,
        positions: &[Vec<Position>],
        config: ExtractConfig,
        out: &Sender<Message>,
        shutdown: &Shutdown,
    ) -> Result<Self, EngineError> {
        let workers = workers(options);
        let config = Arc::new(config);
        let threads = workers + sources.len();
        let (pass, turns) = bounded(sources.len());
        let (pool, empty) = bounded(workers * BATCHES_PER_WORKER + threads);
        let names: Vec<_> = sources.iter().map(|source| source.name()).collect();
        let record = |dir: &std::path::PathBuf| {
            Recorder::start(dir, &names, &options.clock, Rotation::default())
        };
        let recorder = options.record.as_ref().map(record).transpose()?;
        for (number, (source, of)) in sources.into_iter().zip(&plan.sources).enumerate() {
            let driver = Box::new(SourceDriver {
                source,
                number: number as u16,
                config: Arc::clone(&config),
                clock: options.clock.clone(),
                live: plan.time == TimePlan::Live,
                small: plan.limits.tags_max < SMALL_TAGS_MAX,
                positions: positions[number].clone(),
                recorder: recorder.clone(),
                out: out.clone(),
                shutdown: shutdown.clone(),
                progress: Progress::new(of.pace, jitter(number, &options.clock), options.hurry),
                turns: pass.clone(),
            });
            // There is room for all of them.
            let _ = pass.send(driver);
        }
        drop(pass);
        for number in 0..threads {
            let (config, turns) = (Arc::clone(&config), turns.clone());
            let (empty, out) = (empty.clone(), out.clone());
            spawn(&format!("worker {number}"), move || {
                let work = || worker::work(&config, &turns, &empty, &out);
                // The run fails then: nothing of what it had in hand is used again.
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    let _ = out.send(Message::Panicked);
                }
            })?;
        }
        Ok(Self { names, config, recorder, pool })
    }
}

impl RunningEngine for Ingest {
    fn source_names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn describe_source(&self, source: usize, status: &mut SourceStatus) {
        status.recorded = self.recorder.as_ref().map(|of| of.status(source));
        let format = self.config.streams[source].format.get();
        status.format = format.map(|format| format.name().to_owned());
    }

    fn recycle(&self, batch: Box<ExtractedBatch>) {
        let _ = self.pool.try_send(batch);
    }

    fn block(&self, accounts: Patterns) -> bool {
        let mut blocked = self.config.blocked.write().unwrap_or_else(PoisonError::into_inner);
        let changes = **blocked != accounts;
        *blocked = Arc::new(accounts);
        changes
    }

    fn finish(&self) {
        self.recorder.iter().for_each(Recorder::finish);
    }
}

/// Differs between sources and between runs.
fn jitter(number: usize, clock: &Clock) -> u64 {
    number as u64 ^ clock.now().0 as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::{Job, Purpose, check};
    use crate::run::{HashKeys, random_seed};
    use tagtide_posts::post::Batch;
    use tagtide_sources::{Guarantee, Poll, SourceError};

    /// Panics when it is polled.
    struct Broken;

    impl Source for Broken {
        fn open(&mut self, _: &[Position]) -> Result<(), SourceError> {
            Ok(())
        }

        fn poll(&mut self, _: &mut Batch, _: Duration) -> Result<Poll, SourceError> {
            panic!("this is a test")
        }

        fn guarantee(&self) -> Guarantee {
            Guarantee::AtMostOnce
        }

        fn name(&self) -> String {
            "broken".to_owned()
        }
    }

    #[test]
    fn a_worker_that_panics_says_so() {
        let job = Job::parse("[[source]]\nkind = \"generator\"\n", "job.toml").expect("it parses");
        let plan = check(&job, Purpose::Run).expect("it is sound");
        let (seed, shutdown) = (random_seed(), Shutdown::default());
        let options = RunOptions { workers: 1, ..RunOptions::default() };
        let config = ExtractConfig::new(&plan, Vec::new(), HashKeys { tags: seed, people: seed });
        let sources: Vec<Box<dyn Source>> = vec![Box::new(Broken)];
        let (out, messages) = bounded(16);
        let ingest =
            Ingest::start(&plan, &options, sources, &[Vec::new()], config, &out, &shutdown);
        let _ingest = ingest.expect("threads start");
        drop(out);
        let reported = messages.iter().any(|message| matches!(message, Message::Panicked));
        assert!(reported, "or the coordinator waits for it for ever");
    }
}
