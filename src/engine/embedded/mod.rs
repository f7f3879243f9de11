//! The embedded engine: one process, one thread that counts.
//!
//! ```text
//! sources --batches--> workers --extracted--> core --rankings--> outlets, page
//!                                               \---epochs-----> checkpoint
//! ```
//! Workers take turns at the sources: who has a source's [`reader`] polls it, passes it on and
//! extracts what it read. There is one worker more for each source, so that sources which are
//! waited for leave the others enough.
//!
//! Every arrow is a bounded queue, so a slow part holds those before it back; only sinks do not.
//! Buffers go back to those who fill them.

mod core;
mod durable;
mod gaps;
mod identify;
mod nested;
mod outlet;
mod pacing;
pub mod probe;
mod publish;
mod reader;
mod record;
mod sampling;
mod share;
mod stop;
mod told;
mod views;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::watch;

use self::core::{Core, Message, Parts, Question};
use self::durable::Durable;
use self::gaps::Gaps;
use self::outlet::Outlet;
use self::publish::Publisher;
use self::reader::{Progress, Reader};
use self::record::{Recording, Rotation};
use self::stop::Stop;
use self::told::Told;
use self::views::{Makings, View};
use self::worker::{Recipe, Stream};
use crate::engine::{EngineError, RunHandle, RunOptions, Summary};
use crate::job::{Plan, SourcePlan, TimePlan};
use crate::rank::build::ALL;
use crate::rank::{Ask, Explanation, Mode, Published, Query, Ranking, SourceStatus, TagDetail};
use crate::state::extracted::Extracted;
use crate::state::hash::Seed;
use crate::state::lists::Lists;
use crate::state::{Gates, Settings, trending};
use crate::window::Shape;
use crate::window::people::Rules;
use tagtide_extract::pattern::Patterns;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::Position;
use tagtide_sources::Source;

/// Extracted batches under way for each worker; this bounds the memory of the queue. So many that
/// workers go on while the core closes a pane or waits for a processor.
const BATCHES_PER_WORKER: usize = 16;
/// How long a source that is gone holds the watermark of the others.
const HOLD_MAX_MS: i64 = 600_000;
/// Below so many tags at the most, a batch of full size might bring more new ones than there is
/// room for.
const SMALL_TAGS_MAX: usize = 1 << 18;
/// Half-life of counts that decay.
const DECAY_MS: i64 = 3_600_000;
/// Key of the hashes of authors in every replay, so that two of the same posts give the same rows:
/// estimates, and whom a text is held to be of that several post within one pane, follow from it.
const REPLAY_KEY: [u8; 32] = *b"everybody may know whom we count";
/// Questions that may wait for the core.
const QUESTIONS: usize = 64;

/// Starts `plan`: recovers, then starts sources, workers, sinks and the core.
///
/// # Errors
/// [`EngineError`] where the checkpoint does not allow it or a source or sink cannot be made.
pub(super) fn start(plan: Plan, options: RunOptions) -> Result<Arc<dyn RunHandle>, EngineError> {
    let workers = match options.workers {
        0 => thread::available_parallelism().map_or(2, std::num::NonZero::get),
        workers => workers,
    };
    let tags = random_seed();
    let views = views::views(&plan)?;
    let makings = Makings::new(&plan, &views, options.state_dir.is_some(), tags);
    let (mut states, positions, people, durable, told, gaps) = match &options.state_dir {
        None => {
            let none = vec![Vec::new(); plan.sources.len()];
            let gaps = Gaps::new(plan.sources.len());
            (makings.empty(), none, random_seed(), None, Told::default(), gaps)
        }
        Some(dir) => {
            let opened = durable::open(dir, &plan, options.fresh, makings)?;
            say(&opened);
            let told = Told::start(dir, &plan, &options.clock, opened.rules.as_deref())?;
            let durable = Durable::start(opened.checkpoint, told.threads());
            let durable = durable.map_err(EngineError::Thread)?;
            (opened.states, opened.positions, opened.people, Some(durable), told, opened.gaps)
        }
    };
    if plan.time == TimePlan::Live && plan.sources.iter().zip(&positions).any(misses_the_past) {
        // What was posted while nobody read is missing, though a post of then may come.
        states.each_mut(|state| state.gap_until(options.clock.now().0));
    }
    let sources = make_sources(&plan, &options.clock)?;
    let people = if plan.time == TimePlan::Live { people } else { Seed::new(REPLAY_KEY) };
    let recipe = Arc::new(recipe(&plan, views, tags, people));
    let outlets = plan.sinks.iter().map(|sink| {
        let sink = sink.options.build().map_err(|error| EngineError::Sink(error.to_string()))?;
        Outlet::start(sink)
    });
    let outlets = outlets.collect::<Result<Vec<_>, _>>()?;
    let publisher = Publisher::new(&plan, options.clock.now().0);
    let (published, watch) = watch::channel(Arc::new(publisher.first()));
    let (ask, questions) = bounded(QUESTIONS);
    let stop = Stop::default();
    let threads = Threads::start(&plan, workers, sources, &positions, &recipe, &options, &stop)?;
    let parts = Parts {
        recording: threads.recording,
        sources: threads.names.into_iter().map(connecting).collect(),
        clock: options.clock,
        recipe,
        state: states,
        publisher,
        published,
        outlets,
        durable,
        told,
        gaps,
        messages: threads.messages,
        questions,
        extracted_pool: threads.extracted_pool,
        positions,
        stop: stop.clone(),
        plan,
    };
    spawn("core", move || Core::new(parts).run())?;
    Ok(Arc::new(Handle { watch, ask, stop }))
}

fn ms(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

fn settings(plan: &Plan, keep_delta: bool) -> Settings {
    let modes = &plan.count.modes;
    let keys = publish::keys(plan);
    let scored = keys.iter().filter(|key| key.mode.is_scored());
    let mut asked: Vec<i64> = scored.map(|key| key.window_ms).collect();
    asked.sort_unstable();
    asked.dedup();
    Settings {
        windows_ms: plan.count.windows.iter().map(|window| ms(*window)).collect(),
        shape: Shape {
            pane_ms: ms(plan.count.pane),
            windows_ms: windows_ms(plan, &asked),
            people: modes.iter().any(|mode| mode.needs_people()).then(|| Rules {
                cap: plan.people.posts_max.unwrap_or(0),
                cap_ms: ms(plan.count.default.1),
                known: plan.people.known,
            }),
            decay_ms: modes.contains(&Mode::Decay).then_some(DECAY_MS),
        },
        lateness_ms: ms(plan.count.lateness),
        // In a replay sources are read at different speeds, and wait for each other.
        hold_max_ms: if plan.time == TimePlan::Live { HOLD_MAX_MS } else { i64::MAX },
        sources: plan.sources.len(),
        tags_max: plan.limits.tags_max,
        remembered_max_posts: plan.limits.remembered_max_posts,
        remembered_max_ms: ms(plan.limits.remembered_max),
        recent_posts: plan.limits.recent_posts,
        trending_ms: asked,
        gates: Gates { min_count: plan.people.min_count, min_authors: plan.people.min_authors },
        compare: modes.iter().any(|mode| mode.is_comparison()),
        reports: if keep_delta { told::reports(plan, ALL) } else { Vec::new() },
        lists: lists(plan),
        keep_delta,
        view: ALL.to_owned(),
        filter: 0,
    }
}

/// True where posts of a source from before this start are missing.
fn misses_the_past((source, after): (&SourcePlan, &Vec<Position>)) -> bool {
    source.options.replays().misses_the_past(after)
}

/// The lists of tags of a plan.
pub(super) fn lists(plan: &Plan) -> Lists {
    let patterns = |list: &Vec<String>| Patterns::new(list.iter().cloned());
    let tags = &plan.tags;
    Lists { hide: patterns(&tags.hide), drop: patterns(&tags.drop), only: patterns(&tags.only) }
}

/// The windows of the job, and those that `trending` needs for each that it is asked for.
fn windows_ms(plan: &Plan, asked: &[i64]) -> Vec<i64> {
    let pane_ms = ms(plan.count.pane);
    let needed = asked.iter().flat_map(|&window| trending::windows_ms(window, pane_ms));
    let mut all: Vec<i64> =
        plan.count.windows.iter().map(|&window| ms(window)).chain(needed).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn recipe(plan: &Plan, views: Vec<View>, tags: Seed, people: Seed) -> Recipe {
    let stream = |source: &SourcePlan| Stream {
        format: source.format.map_or_else(OnceLock::new, OnceLock::from),
        text_time: source.text_time,
        start: OnceLock::new(),
    };
    Recipe {
        rule: plan.rule,
        occurrences: plan.occurrences,
        row_ms: row_ms(plan),
        tags,
        people,
        prints: plan.people.copies && plan.count.modes.iter().any(|mode| mode.needs_people()),
        fold_accents: plan.tags.fold_accents,
        reposts: plan.people.reposts,
        bots: plan.people.bots,
        samples: plan.limits.recent_posts > 0,
        blocked: RwLock::new(Arc::new(Patterns::new(plan.people.block.iter().cloned()))),
        streams: plan.sources.iter().map(stream).collect(),
        views: views.into_iter().map(|view| view.filter).collect(),
    }
}

/// Posts without identity that lie in one of these spans share a row. A row is counted at once, so
/// in a paced replay it must not span more than about a batch interval; panes hold a whole number.
fn row_ms(plan: &Plan) -> i64 {
    let pane_ms = ms(plan.count.pane);
    let TimePlan::Replay(Some(speed)) = plan.time else { return pane_ms };
    let tick_ms = (plan.batch.as_millis() as f64 * speed) as i64;
    let most = tick_ms.clamp(1, pane_ms);
    (1..=most).rev().find(|ms| pane_ms % ms == 0).unwrap_or(1)
}

fn make_sources(plan: &Plan, clock: &Clock) -> Result<Vec<Box<dyn Source>>, EngineError> {
    let make = |source: &SourcePlan| {
        let line_max = plan.limits.line_max_bytes;
        source
            .options
            .build(line_max, clock)
            .map_err(|error| EngineError::Source(error.to_string()))
    };
    plan.sources.iter().map(make).collect()
}

fn say(opened: &durable::Opened) {
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

/// 32 bytes that nobody outside can guess: the standard library seeds its hasher from the system.
fn random_seed() -> Seed {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut bytes = [0; 32];
    for eight in bytes.chunks_mut(8) {
        eight.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    Seed::new(bytes)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), EngineError> {
    thread::Builder::new().name(name.into()).spawn(run).map_err(EngineError::Thread)?;
    Ok(())
}

/// Workers, and the queues around them.
struct Threads {
    names: Vec<String>,
    recording: Option<Recording>,
    messages: Receiver<Message>,
    extracted_pool: Sender<Box<Extracted>>,
}

impl Threads {
    fn start(
        plan: &Plan,
        workers: usize,
        sources: Vec<Box<dyn Source>>,
        positions: &[Vec<Position>],
        recipe: &Arc<Recipe>,
        options: &RunOptions,
        stop: &Stop,
    ) -> Result<Self, EngineError> {
        let threads = workers + sources.len();
        let depth = workers * BATCHES_PER_WORKER;
        let (pass, turns) = bounded(sources.len());
        let (done, messages) = bounded(depth);
        let (extracted_pool, empty_extracted) = bounded(depth + threads);
        let names: Vec<_> = sources.iter().map(|source| source.name()).collect();
        let record =
            |dir: &PathBuf| Recording::start(dir, &names, &options.clock, Rotation::default());
        let recording = options.record.as_ref().map(record).transpose()?;
        for (number, (source, of)) in sources.into_iter().zip(&plan.sources).enumerate() {
            let reader = Box::new(Reader {
                source,
                number: number as u16,
                recipe: Arc::clone(recipe),
                clock: options.clock.clone(),
                live: plan.time == TimePlan::Live,
                small: plan.limits.tags_max < SMALL_TAGS_MAX,
                positions: positions[number].clone(),
                recording: recording.clone(),
                core: done.clone(),
                stop: stop.clone(),
                progress: Progress::new(of.pace, jitter(number, &options.clock), options.hurry),
                turns: pass.clone(),
            });
            // There is room for all of them.
            let _ = pass.send(reader);
        }
        drop(pass);
        for number in 0..threads {
            let (recipe, turns) = (Arc::clone(recipe), turns.clone());
            let (pool, done): (Receiver<_>, Sender<_>) = (empty_extracted.clone(), done.clone());
            spawn(&format!("worker {number}"), move || {
                let work = || worker::work(&recipe, &turns, &pool, &done);
                // The run fails then: nothing of what it had in hand is used again.
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    let _ = done.send(Message::Panicked);
                }
            })?;
        }
        Ok(Self { names, recording, messages, extracted_pool })
    }
}

/// Differs between sources and between runs.
fn jitter(number: usize, clock: &Clock) -> u64 {
    number as u64 ^ clock.now().0 as u64
}

struct Handle {
    watch: watch::Receiver<Arc<Published>>,
    ask: Sender<Question>,
    stop: Stop,
}

impl Ask for Handle {
    fn ranking(&self, query: &Query) -> Option<Ranking> {
        let (to, answer) = bounded(1);
        self.ask.send(Question::Ranking(query.clone(), to)).ok()?;
        answer.recv().ok()?
    }

    fn tag(&self, view: Option<&str>, key: &str) -> Option<TagDetail> {
        let (to, answer) = bounded(1);
        let view = view.map(str::to_owned);
        self.ask.send(Question::Tag(view, key.to_owned(), to)).ok()?;
        answer.recv().ok()?
    }

    fn explain(&self, view: Option<&str>, key: &str, window_s: u64) -> Option<Explanation> {
        let window_ms = i64::try_from(window_s).ok()?.checked_mul(1000)?;
        let (to, answer) = bounded(1);
        let view = view.map(str::to_owned);
        self.ask.send(Question::Explain(view, key.to_owned(), window_ms, to)).ok()?;
        answer.recv().ok()?
    }
}

impl RunHandle for Handle {
    fn watch(&self) -> watch::Receiver<Arc<Published>> {
        self.watch.clone()
    }

    fn stop(&self, now: bool) {
        if now {
            self.stop.now();
        } else {
            self.stop.drain();
        }
        let _ = self.ask.try_send(Question::Wake);
    }

    fn change_lists(&self, plan: &Plan) {
        let accounts = Patterns::new(plan.people.block.iter().cloned());
        let _ = self.ask.send(Question::Lists(Box::new(lists(plan)), accounts));
    }

    fn join(&self, top: usize) -> Result<Summary, EngineError> {
        let (to, answer) = bounded(1);
        let gone = || EngineError::Source("the engine has ended".into());
        self.ask.send(Question::End(top, to)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, Purpose, check};
    use tagtide_posts::post::Batch;
    use tagtide_sources::{Guarantee, Poll, SourceError};

    /// Breaks where nobody has thought of it.
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
    fn a_platform_begins_now_and_goes_on_where_it_was() {
        let job = "[[source]]\nkind = \"jetstream\"\n[[source]]\nkind = \"generator\"\n";
        let job = Job::parse(job, "job.toml").expect("it parses");
        let plan = check(&job, Purpose::Run).expect("it is sound");
        let (none, some) = (Vec::new(), vec![Position { partition: "a".into(), at: "1".into() }]);
        let misses = |after| [0, 1].map(|source| misses_the_past((&plan.sources[source], after)));
        assert_eq!([misses(&none), misses(&some)], [[true, false], [false, false]]);
    }

    #[test]
    fn a_worker_that_panics_says_so() {
        let job = Job::parse("[[source]]\nkind = \"generator\"\n", "job.toml").expect("it parses");
        let plan = check(&job, Purpose::Run).expect("it is sound");
        let (seed, stop, options) = (random_seed(), Stop::default(), RunOptions::default());
        let recipe = Arc::new(recipe(&plan, Vec::new(), seed, seed));
        let sources: Vec<Box<dyn Source>> = vec![Box::new(Broken)];
        let none = [Vec::new()];
        let threads = Threads::start(&plan, 1, sources, &none, &recipe, &options, &stop)
            .expect("threads start");
        let said = threads.messages.iter().any(|message| matches!(message, Message::Panicked));
        assert!(said, "or whoever counts waits for it for ever");
    }
}
