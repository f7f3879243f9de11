//! Jobs from text, made-up posts, the independent recount, and waiting with a deadline.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tagtide::engine::{self, EngineError, Run, RunOptions, Summary};
use tagtide::job::{Job, Plan, Purpose};
use tagtide::run::{LiveQuery, Question};
use tagtide_posts::clock::monotonic;
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;
use tagtide_sources::generator::{Options, write_posts};
use tagtide_sources::options::{Field, Place};
use tagtide_trends::rank::{Mode, Query, Ranking};
use tagtide_trends::status::Counters;

/// 2026-01-05T00:00:00Z, the event time of the first post of most jobs here.
pub(crate) const START_MS: i64 = 1_767_571_200_000;
pub(crate) const START: &str = "2026-01-05T00:00:00Z";

/// More rows than any of these jobs has tags.
pub(crate) const ALL: usize = 1_000_000;

/// How long anything that has to happen may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A job for `run`.
pub(crate) fn plan(job: &str) -> Plan {
    plan_on(crate::ENGINE, job)
}

/// The same on an engine.
pub(crate) fn plan_on(engine: &str, job: &str) -> Plan {
    let mut job = Job::parse(job, "job.toml").expect("it parses");
    job.engine.kind = Some(Field { value: engine.to_owned(), place: Place::flag("--engine") });
    engine::check(&job, Purpose::Run).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Options with a state directory, or without.
pub(crate) fn options(workers: usize, state_dir: Option<&Path>) -> RunOptions {
    let state_dir = state_dir.map(Path::to_owned);
    RunOptions { workers, state_dir, ..RunOptions::default() }
}

/// Starts a job.
pub(crate) fn start(job: &str, options: RunOptions) -> Run {
    engine::start(plan(job), options).expect("it starts")
}

/// Runs a job to its end, on two workers and without a state directory.
pub(crate) fn finish(job: &str) -> Counted {
    Counted::of(&start(job, options(2, None)))
}

/// Everything countable that a run came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) counters: Counters,
    pub(crate) newest: Option<i64>,
    pub(crate) rankings: Vec<Ranking>,
}

impl Counted {
    /// Waits for the end and asks for every ranking, whole.
    pub(crate) fn of(run: &Run) -> Self {
        let summary = ended(run).expect("it ends well");
        let total = (Mode::Total, None);
        let windows = summary.status.windows_s.iter().map(|window| (Mode::Count, Some(*window)));
        let rankings = std::iter::once(total)
            .chain(windows)
            .filter_map(|(mode, window_s)| {
                let query = Query { mode: Some(mode), window_s, view: None, top: ALL };
                let mut ranking = run.ask(Question::Ranking(query)).ranking()?;
                // Movement depends on what was published in between.
                ranking.trends.iter_mut().for_each(|trend| trend.change = None);
                Some(ranking)
            })
            .collect();
        let (counters, newest) = (summary.status.counters, summary.status.event_time);
        Self { counters, newest, rankings }
    }

    /// The all-time counts.
    pub(crate) fn totals(&self) -> BTreeMap<String, u64> {
        self.table("total", None)
    }

    /// The counts of one window.
    pub(crate) fn window(&self, seconds: u64) -> BTreeMap<String, u64> {
        self.table("count", Some(seconds))
    }

    fn table(&self, mode: &str, window_s: Option<u64>) -> BTreeMap<String, u64> {
        let is_it = |ranking: &&Ranking| ranking.mode == mode && ranking.window_s == window_s;
        let ranking = self.rankings.iter().find(is_it).expect("it is configured");
        ranking.trends.iter().map(|trend| (trend.tag.clone(), trend.count)).collect()
    }
}

/// The end of a run.
pub(crate) fn ended(run: &Run) -> Result<Summary, EngineError> {
    run.join(ALL)
}

/// Waits until at least so many posts are counted, as far as was published.
pub(crate) fn until_posts(run: &Run, posts: u64) {
    let watch = run.watch();
    until(&format!("{posts} posts are counted"), || watch.borrow().status.counters.posts >= posts);
}

/// Waits until something holds; panics at the deadline.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = monotonic();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "still not after {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Made-up posts, one a line.
pub(crate) fn posts(seed: u64, posts: u64, format: Format) -> Vec<u8> {
    let start = Some(EventTime(START_MS));
    let (rate, tags) = (100.0, 500);
    let plan = Options {
        seed,
        posts: Some(posts),
        rate,
        start,
        live: false,
        past: Duration::ZERO,
        format,
        tags,
    };
    let mut out = Vec::new();
    write_posts(&plan, posts, &mut out).expect("memory takes everything");
    out
}

/// Occurrences of every word with a `#`, split at single spaces: the original's rule.
pub(crate) fn count_words<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for word in lines.flat_map(|line| line.split(' ')).filter(|word| word.contains('#')) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

/// A file in `dir`, as a source of a job; `keys` are further keys.
pub(crate) fn file_source(dir: &Path, name: &str, bytes: &[u8], keys: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("a file");
    format!("[[source]]\nkind = \"file\"\npaths = [\"{}\"]\n{keys}\n", path.display())
}
