//! Job -> [`Plan`]: units resolved, defaults filled in, kinds known.
//!
//! Every problem is reported at once, in the order of the file. Nothing is opened, connected or
//! looked up here, so a checked plan can still fail on a particular machine; `doctor` and the run
//! itself report that.

mod alerts;
mod count;
mod filters;
mod sinks;
mod sources;
#[cfg(test)]
mod tests;
mod views;

use std::time::Duration;

pub use count::WINDOWS;
use filters::Folding;

use super::schema::Job;
use super::{Diagnostic, HistoryPlan, Limits, Plan, TimePlan, units};
use tagtide_extract::{Occurrences, Rule};
use tagtide_sources::options::Checker;
use tagtide_trends::view::ALL;

/// What a job is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `run`: ticks go by our clock unless the job says `time = "event"`.
    Run,
    /// `replay`: ticks go by event time.
    Replay,
}

/// Shortest publishing interval.
const BATCH_MIN: Duration = Duration::from_millis(10);
/// Longest publishing interval.
const BATCH_MAX: Duration = Duration::from_hours(1);

/// Recent posts held in memory by default.
const RECENT_POSTS: u64 = 10_000;

/// Checks `job` and resolves it.
///
/// # Errors
/// Every problem, each with its place and a hint.
pub fn check(job: &Job, purpose: Purpose) -> Result<Plan, Vec<Diagnostic>> {
    let mut checker = Checker { job: job.place.clone(), ..Checker::default() };
    let name = name(&mut checker, job);
    checker.name.clone_from(&name);
    let rule = checker.word(job.rule.as_ref(), &RULES, Rule::Tags);
    // The original's rule counts every occurrence.
    let often = if rule == Rule::Words { Occurrences::All } else { Occurrences::PerPost };
    let occurrences = checker.word(job.occurrences.as_ref(), &OCCURRENCES, often);
    let batch = batch(&mut checker, job);
    let time = time(&mut checker, job, purpose);
    let limits = limits(&mut checker, job, time);
    let sources = sources::check(&mut checker, job, (time, purpose));
    let platform = sources.iter().any(|source| source.options.kind().is_platform);
    let count = count::check(&mut checker, &job.count, platform);
    let sinks = sinks::check(&mut checker, job);
    let people = filters::people(&mut checker, &job.people);
    let tags = filters::tags(&mut checker, &job.tags, rule);
    let history = history(&mut checker, job);
    let folding = Folding { rule, accents: tags.fold_accents };
    let views = views::check(&mut checker, &job.views, &sources, folding);
    let names: Vec<&str> =
        std::iter::once(ALL).chain(views.iter().map(|view| view.name.as_str())).collect();
    let alerts = alerts::check(&mut checker, &job.alerts, folding, &names);
    if checker.problems.is_empty() {
        return Ok(Plan {
            name,
            sources,
            sinks,
            rule,
            occurrences,
            engine: job.engine.kind.as_ref().map_or(Plan::EMBEDDED, |kind| &kind.value).to_owned(),
            count,
            limits,
            batch,
            time,
            people,
            tags,
            history,
            alerts,
            views,
        });
    }
    checker.problems.sort_by_key(|problem| problem.place.line);
    Err(checker.problems)
}

const RULES: [(&str, Rule); 2] = [("tags", Rule::Tags), ("words", Rule::Words)];
const OCCURRENCES: [(&str, Occurrences); 2] =
    [("per_post", Occurrences::PerPost), ("all", Occurrences::All)];

fn name(checker: &mut Checker, job: &Job) -> String {
    let stem = || {
        let file = job.place.file.as_deref().map(std::path::Path::new);
        let stem = file.and_then(|file| file.file_stem()).and_then(|stem| stem.to_str());
        stem.map_or_else(|| "tagtide".to_owned(), str::to_owned)
    };
    let (name, place) = match &job.name {
        Some(field) => (field.value.clone(), &field.place),
        None => (stem(), &job.place),
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(letters) {
        let what = format!("`{name}` is not a name for a job, which names its state directory");
        checker.problem(place, what, "use up to 64 of `a-z A-Z 0-9 . _ -`, not `.` first");
    }
    name
}

fn batch(checker: &mut Checker, job: &Job) -> Duration {
    checker.bounded(
        job.batch.as_ref(),
        units::duration,
        Duration::from_secs(2),
        (BATCH_MIN, BATCH_MAX),
        "the batch interval must be between `10ms` and `1h`",
    )
}

fn time(checker: &mut Checker, job: &Job, purpose: Purpose) -> TimePlan {
    let speed = checker.optional(job.speed.as_ref(), units::speed).flatten();
    let event = checker.word(job.time.as_ref(), &[("clock", false), ("event", true)], false);
    match (purpose, event) {
        (Purpose::Replay, _) | (_, true) => TimePlan::Replay(speed),
        (Purpose::Run, false) => TimePlan::Live,
    }
}

fn history(checker: &mut Checker, job: &Job) -> Option<HistoryPlan> {
    let max_bytes = checker.bounded(
        job.history_max.as_ref(),
        units::size,
        1 << 30,
        (4 << 20, 1 << 40),
        "between `4MiB` and `1024GiB`",
    );
    job.history.as_ref().is_none_or(|on| on.value).then_some(HistoryPlan { max_bytes })
}

fn limits(checker: &mut Checker, job: &Job, time: TimePlan) -> Limits {
    let limits = &job.limits;
    let tags_max = checker.bounded(
        limits.tags_max.as_ref(),
        units::count,
        1_000_000,
        (1, 1_000_000_000),
        "between 1 and 1G live tags",
    );
    let line_max = checker.bounded(
        limits.line_max.as_ref(),
        units::size,
        1 << 20,
        (64, 1 << 30),
        "between 64 bytes and `1GiB`",
    );
    let remembered = checker.bounded(
        limits.remembered_max.as_ref(),
        units::count,
        1_000_000,
        (0, 1_000_000_000),
        "at most 1G posts; 0 remembers none",
    );
    let remembered_max = checker.bounded(
        limits.remembered_for.as_ref(),
        units::duration,
        Duration::from_hours(24),
        (Duration::from_secs(1), Duration::from_hours(7 * 24)),
        "between `1s` and `7d`",
    );
    // A replay at full speed has no reader for them.
    let default = if time == TimePlan::Replay(None) { 0 } else { RECENT_POSTS };
    let recent_posts = checker.bounded(
        limits.recent_posts.as_ref(),
        units::count,
        default,
        (0, 1_000_000),
        "at most 1M posts; 0 holds none",
    );
    Limits {
        tags_max: usize::try_from(tags_max).unwrap_or(usize::MAX),
        line_max_bytes: usize::try_from(line_max).unwrap_or(usize::MAX),
        remembered_max_posts: usize::try_from(remembered).unwrap_or(usize::MAX),
        remembered_max,
        recent_posts: usize::try_from(recent_posts).unwrap_or(usize::MAX),
    }
}
