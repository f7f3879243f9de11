//! A run: everything around an engine that is the same for every engine.
//!
//! ```text
//! engine --messages--> coordinator --rankings--> sink threads, page, API
//!                          |  \-----epochs-----> checkpoint thread
//!                          \---rankings at boundaries--> history, alerts
//! ```
//! The coordinator is one thread. It owns the states, publishes, ends epochs and answers
//! questions. Every queue is bounded, so a slow part holds back those before it; a sink that is
//! slow holds back nothing.

pub(crate) mod checkpointer;
mod coordinator;
mod error;
pub(crate) mod gaps;
mod handle;
pub(crate) mod inbox;
pub(crate) mod job_identity;
mod live_query;
mod message;
mod pacing;
pub(crate) mod publisher;
pub(crate) mod ranking_keys;
pub(crate) mod reports;
mod shutdown;
mod sink_thread;
mod snapshots;
pub(crate) mod state_settings;
pub(crate) mod view_sections;
pub(crate) mod view_states;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use tokio::sync::watch;

use self::checkpointer::{Checkpointer, Opened};
use self::coordinator::{Coordinator, Parts};
use self::gaps::Gaps;
use self::publisher::Publisher;
use self::reports::Reports;
use self::sink_thread::SinkThread;
use self::snapshots::Snapshots;
use self::state_settings::StateSettings;
use self::view_states::{States, open_views};
use crate::job::{Plan, SinkPlan, SourcePlan, TimePlan};
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{EventTime, Position};
use tagtide_trends::rank::Ranking;
use tagtide_trends::status::{SourceStatus, Status};
use tagtide_trends::store::hash::Seed;
use tagtide_trends::view::Filter;

pub use self::error::EngineError;
pub use self::handle::Run;
pub use self::live_query::{Answer, LiveQuery, Question};
pub use self::message::{Message, PaneBatch, RunningEngine, SourceUpdate};
pub use self::shutdown::Shutdown;

/// Key of the hashes of authors in every replay, so that two of the same posts give the same rows:
/// estimates, and whom a text is held to be of that several post within one pane, follow from it.
const REPLAY_KEY: [u8; 32] = *b"everybody may know whom we count";
/// How far ahead a post may be in a replay: a file may carry planned dates, but not the year 9999.
const FUTURE_REPLAY_MS: i64 = 366 * 86_400_000;
/// Commands that may wait for the coordinator.
const COMMANDS: usize = 64;

/// How this process runs a Plan (flags and environment, never the job file).
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Worker threads; 0 = one for each core.
    pub workers: usize,
    /// Where the checkpoint lives; `None` = none is kept.
    pub state_dir: Option<PathBuf>,
    /// Where the raw wire is recorded; `None` = nowhere.
    pub record: Option<PathBuf>,
    /// Throw away the checkpoint that is there and begin with nothing.
    pub fresh: bool,
    /// This program's grammar, where the user accepts that keys have changed with it.
    pub accept_grammar: Option<u32>,
    /// Divides all retry delays of sources, for harnesses; 0 = 1.
    pub hurry: u32,
    /// For tests: an engine that counts by itself sends some updates twice and all of them out of
    /// order, by this seed; 0 = in order.
    pub shuffle: u64,
    /// Time of day.
    pub clock: Clock,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Counters and sources at the end.
    pub status: Arc<Status>,
    /// The default ranking at the end, with as many rows as were asked for.
    pub ranking: Ranking,
    /// Event time of the first post counted by this process, if any.
    pub first_event: Option<i64>,
    /// Distinct tags at the end.
    pub distinct_tags: u64,
}

/// Keys of the hashes that an engine computes for the states.
#[derive(Clone, Copy, Debug)]
pub struct HashKeys {
    /// Of tags; another one in each process.
    pub tags: Seed,
    /// Of authors and posts; the checkpoint holds it.
    pub people: Seed,
}

/// A run before its engine is started: recovered, its sinks open.
pub(crate) struct Prepared {
    plan: Arc<Plan>,
    clock: Clock,
    states: States,
    checkpointer: Option<Checkpointer>,
    reports: Reports,
    gaps: Gaps,
    sinks: Vec<SinkThread>,
    /// Where each source is resumed.
    pub(crate) positions: Vec<Vec<Position>>,
    /// The filter of each view.
    pub(crate) filters: Vec<Filter>,
    pub(crate) keys: HashKeys,
}

impl Prepared {
    /// Recovers the states of `plan` and opens its sinks.
    ///
    /// # Errors
    /// [`EngineError`] where the checkpoint does not allow it or a sink cannot be made.
    pub(crate) fn new(plan: Arc<Plan>, options: &RunOptions) -> Result<Self, EngineError> {
        let tags = random_seed();
        let views = open_views(&plan)?;
        let settings = StateSettings::new(&plan, &views, options.state_dir.is_some(), tags);
        let sources = plan.sources.len();
        let (mut states, positions, people, checkpointer, reports, gaps) = match &options.state_dir
        {
            None => {
                let none = vec![Vec::new(); sources];
                let gaps = Gaps::new(sources);
                (settings.empty(), none, random_seed(), None, Reports::default(), gaps)
            }
            Some(dir) => {
                let identity = job_identity::identity(&plan, options.accept_grammar);
                let opened = checkpointer::open(dir, &identity, options.fresh, settings)?;
                log_recovery(&opened);
                let rules = opened.rules.as_deref();
                let reports = Reports::start(dir, &plan, &options.clock, rules)?;
                let checkpointer = Checkpointer::start(opened.checkpoint, reports.threads());
                let checkpointer = Some(checkpointer.map_err(EngineError::Thread)?);
                let Opened { states, positions, people, gaps, .. } = opened;
                (states, positions, people, checkpointer, reports, gaps)
            }
        };
        if plan.time == TimePlan::Live && plan.sources.iter().zip(&positions).any(misses_the_past) {
            // What was posted while nothing was read is missing, though a post of then may come.
            states.each_mut(|state| state.gap_until(options.clock.now().0));
        }
        let start = |sink: &SinkPlan| SinkThread::start(sink.options.build()?);
        let sinks = plan.sinks.iter().map(start).collect::<Result<_, EngineError>>()?;
        let people = if plan.time == TimePlan::Live { people } else { Seed::new(REPLAY_KEY) };
        Ok(Self {
            plan,
            clock: options.clock.clone(),
            states,
            checkpointer,
            reports,
            gaps,
            sinks,
            positions,
            filters: views.into_iter().map(|view| view.filter).collect(),
            keys: HashKeys { tags, people },
        })
    }

    /// Starts to count what the engine sends.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub(crate) fn start(
        self,
        engine: Box<dyn RunningEngine>,
        messages: Receiver<Message>,
        shutdown: Shutdown,
    ) -> Result<Run, EngineError> {
        let publisher = Publisher::new(&self.plan, self.clock.now().0);
        let keys = Arc::clone(&publisher.keys);
        let (published, watch) = watch::channel(Arc::new(publisher.first()));
        let (to, commands) = bounded(COMMANDS);
        let parts = Parts {
            sources: engine.source_names().into_iter().map(connecting).collect(),
            engine,
            clock: self.clock,
            state: self.states,
            publisher,
            published,
            snapshots: Snapshots::default(),
            sinks: self.sinks,
            checkpointer: self.checkpointer,
            reports: self.reports,
            gaps: self.gaps,
            messages,
            commands,
            shutdown: shutdown.clone(),
            plan: self.plan,
        };
        let coordinator = Coordinator::new(parts, self.positions);
        spawn("coordinator", move || coordinator.run())?;
        Ok(Run::new(watch, keys, to, shutdown))
    }
}

/// True where posts of a source from before this start are missing.
fn misses_the_past((source, after): (&SourcePlan, &Vec<Position>)) -> bool {
    source.options.replays().misses_the_past(after)
}

fn log_recovery(opened: &Opened) {
    let recovery = &opened.recovery;
    for why in &recovery.set_aside {
        tracing::warn!("a damaged snapshot was set aside: {why}");
    }
    if !recovery.first {
        tracing::info!("resumed after epoch {}", recovery.epoch);
    }
    for name in &opened.new_views {
        tracing::info!("the view `{name}` is new here or has another filter: it starts empty");
    }
    for name in &opened.dropped_views {
        tracing::info!("the view `{name}` is no longer in the job: its counts are dropped");
    }
    if recovery.torn_bytes > 0 {
        tracing::info!(
            "the last write was cut off: {} unfinished bytes were dropped, their posts are read again",
            recovery.torn_bytes
        );
    }
}

fn connecting(name: String) -> SourceStatus {
    SourceStatus { name, state: "connecting".into(), ..SourceStatus::default() }
}

/// 32 bytes that cannot be guessed from outside: the standard library seeds its hasher from the
/// system.
pub(crate) fn random_seed() -> Seed {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut bytes = [0; 32];
    for eight in bytes.chunks_mut(8) {
        eight.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    Seed::new(bytes)
}

/// Posts after this event time are from the future.
pub(crate) fn horizon(plan: &Plan, clock: &Clock) -> i64 {
    clock.now().0.saturating_add(match plan.time {
        TimePlan::Live => EventTime::AHEAD_MAX_MS,
        TimePlan::Replay(_) => FUTURE_REPLAY_MS,
    })
}

/// Starts a thread of that name.
///
/// # Errors
/// [`EngineError::Thread`].
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), EngineError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(EngineError::Thread)?;
    Ok(())
}

#[cfg(test)]
mod tests;
