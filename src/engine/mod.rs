//! Engines execute a [`Plan`]; a started Plan is a [`Run`].
//!
//! An [`Engine`] reads and extracts, here or elsewhere. What it finds crosses the seam as
//! [`Message`]s, and [`crate::run`] counts, ranks and publishes it the same way for every engine.
//! [`ENGINES`] is the one list of them: a new engine is one file and one row.

mod counted;
mod embedded;

pub mod stages;

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use crate::ingest;
use crate::job::{Diagnostic, Job, Plan, Purpose};
use crate::run::{HashKeys, Message, Prepared, RunningEngine, Shutdown};
use tagtide_posts::post::Position;
use tagtide_sources::options::nearest;
use tagtide_trends::view::Filter;

pub use crate::run::{EngineError, Run, RunOptions, Summary};

/// Reads and extracts what a plan asks for, and sends it to the run that counts.
pub trait Engine: Send {
    /// What of `plan` this engine cannot do; `check` prints it, and such a plan is not run.
    fn unsupported(&self, _plan: &Plan) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// Starts its threads, which send to `start.out` until every source has ended or
    /// `start.shutdown` is set, and then let go of it.
    ///
    /// # Errors
    /// [`EngineError`] where a source cannot be made or a thread not be started.
    fn start(self: Box<Self>, start: Start) -> Result<Box<dyn RunningEngine>, EngineError>;
}

/// What an engine is started with.
pub struct Start {
    /// What to do.
    pub plan: Arc<Plan>,
    /// How this process does it.
    pub options: RunOptions,
    /// Where each source is resumed; nothing = at its beginning, or now.
    pub from: Vec<Vec<Position>>,
    /// The filter of each view of the plan.
    pub filters: Vec<Filter>,
    /// Keys of the hashes in what it sends.
    pub keys: HashKeys,
    /// Where it sends to; bounded, so a slow run holds it back.
    pub out: Sender<Message>,
    /// When to stop.
    pub shutdown: Shutdown,
}

/// A kind of engine.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What a job file calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub what: &'static str,
    /// Makes one.
    pub make: fn() -> Box<dyn Engine>,
}

/// All kinds of engines.
pub const ENGINES: &[Kind] = &[
    Kind {
        name: Plan::EMBEDDED,
        what: "sources and workers in this process",
        make: || Box::new(embedded::Embedded),
    },
    Kind {
        name: "counted",
        what: "the same with counts instead of posts: a reference for tests",
        make: || Box::new(counted::Counted),
    },
];

/// The kind of engine of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    ENGINES.iter().find(|kind| kind.name == name)
}

/// [`crate::job::check()`], and whether its engine exists and can do it.
///
/// # Errors
/// Every problem of the job.
pub fn check(job: &Job, purpose: Purpose) -> Result<Plan, Vec<Diagnostic>> {
    let checked = crate::job::check(job, purpose);
    let kind = match &job.engine.kind {
        None => find(Plan::EMBEDDED),
        Some(field) => find(&field.value),
    };
    match (kind, &job.engine.kind, checked) {
        (None, Some(field), checked) => {
            let names = || ENGINES.iter().map(|kind| kind.name);
            let all = || names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let help = nearest(&field.value, names()).map_or_else(
                || format!("kinds are {}", all()),
                |near| format!("did you mean `{near}`?"),
            );
            let what = format!("`{}` is not an engine kind", field.value);
            let mut problems = checked.err().unwrap_or_default();
            problems.push(Diagnostic { place: field.place.clone(), what, help: Some(help) });
            Err(problems)
        }
        (Some(kind), _, Ok(plan)) => match (kind.make)().unsupported(&plan) {
            none if none.is_empty() => Ok(plan),
            problems => Err(problems),
        },
        (_, _, checked) => checked,
    }
}

/// Starts `plan`: recovers, then starts its sinks, its engine and the counting thread.
///
/// # Errors
/// [`EngineError`] where the checkpoint does not allow it, or a source or sink cannot be made.
pub fn start(plan: Plan, options: RunOptions) -> Result<Run, EngineError> {
    let unknown = || EngineError::UnknownEngine(plan.engine.clone());
    let engine = (find(&plan.engine).ok_or_else(unknown)?.make)();
    let plan = Arc::new(plan);
    let prepared = Prepared::new(Arc::clone(&plan), &options)?;
    let (out, messages) = bounded(ingest::workers(&options) * ingest::BATCHES_PER_WORKER);
    let shutdown = Shutdown::default();
    let running = engine.start(Start {
        plan,
        options,
        from: prepared.positions.clone(),
        filters: prepared.filters.clone(),
        keys: prepared.keys,
        out,
        shutdown: shutdown.clone(),
    })?;
    prepared.start(running, messages, shutdown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(engine: &str) -> Result<String, String> {
        let text = format!("source = \"-\"\n[engine]\nkind = \"{engine}\"\n");
        let job = Job::parse(&text, "job.toml").expect("it parses");
        let first = |problems: Vec<Diagnostic>| problems[0].to_string();
        check(&job, Purpose::Run).map(|plan| plan.engine).map_err(first)
    }

    #[test]
    fn an_engine_is_found_by_its_name() {
        for kind in ENGINES {
            assert_eq!(checked(kind.name), Ok(kind.name.to_owned()));
        }
        let near = checked("embeded").expect_err("there is none");
        assert!(near.starts_with("job.toml:3: `engine.kind`: `embeded` is not"), "{near}");
        assert!(near.ends_with("help: did you mean `embedded`?"), "{near}");
        let far = checked("spark").expect_err("there is none");
        assert!(far.contains("help: kinds are `embedded`"), "{far}");
        let paced = "source = \"-\"\ntime = \"event\"\nspeed = 2\n[engine]\nkind = \"counted\"\n";
        let job = Job::parse(paced, "job.toml").expect("it parses");
        let refused = check(&job, Purpose::Run).expect_err("it cannot do that");
        assert!(refused[0].what.contains("does not replay at a `speed`"), "{refused:?}");
        let job = Job::parse("[engine]\nkind = \"spark\"\n", "job.toml").expect("it parses");
        let all = check(&job, Purpose::Run).expect_err("no source and no engine");
        assert_eq!(all.len(), 2, "all problems at once: {all:?}");
        let plan =
            crate::job::check(&Job::parse("source = \"-\"", "a").expect("it parses"), Purpose::Run);
        let plan = Plan { engine: "spark".into(), ..plan.expect("it is sound") };
        let refused = start(plan, RunOptions::default()).map(drop);
        assert!(matches!(refused, Err(EngineError::UnknownEngine(_))), "{refused:?}");
    }
}
