//! `source = ...` and `[[source]]`: where posts come from.
//!
//! What every source has is checked here; its own keys are checked by its kind.

use super::Purpose;
use crate::job::schema::{Job, SourceJob};
use crate::job::{SourcePlan, TextTime, TimePlan, units};
use tagtide_posts::decode::Format;
use tagtide_sources::generator::RATE_DEFAULT;
use tagtide_sources::kind::find;
use tagtide_sources::options::{Checker, Field, Place, Scalar, Section, Value, Written, nearest};
use tagtide_sources::{SourceKind, SourceOptions, file, stdin};

/// Most sources of a job.
const SOURCES_MAX: usize = 1_000;

/// Keys that every source takes.
const COMMON: [&str; 4] = ["name", "kind", "format", "pace"];

/// What a source is checked against.
#[derive(Clone, Copy)]
struct Context {
    kinds: &'static [&'static SourceKind],
    time: TimePlan,
    purpose: Purpose,
}

pub(super) fn check(
    checker: &mut Checker,
    job: &Job,
    (time, purpose): (TimePlan, Purpose),
) -> Vec<SourcePlan> {
    let (jobs, context) = (&job.sources, Context { kinds: job.kinds.sources, time, purpose });
    if jobs.is_empty() {
        let place = checker.job.clone();
        let help = "add `source = \"tcp://localhost:9009\"`, a path, `stdin` or `generator`";
        checker.problem(&place, "the job has no source", help);
    }
    if let Some(job) = jobs.get(SOURCES_MAX) {
        checker.problem(&job.place, format!("more than {SOURCES_MAX} sources"), "");
    }
    let mut plans: Vec<SourcePlan> = Vec::new();
    for job in jobs {
        let Some(mut plan) = source(checker, job, context) else { continue };
        let taken = |plans: &[SourcePlan], name: &str| plans.iter().any(|p| p.name == name);
        if job.name.is_some() && taken(&plans, &plan.name) {
            let place = job.name.as_ref().map_or(&job.place, |name| &name.place);
            let what = format!("two sources are named `{}`", plan.name);
            checker.problem(place, what, "give each its own `name`");
        } else if taken(&plans, &plan.name) {
            let next = (2..).find(|n| !taken(&plans, &format!("{}-{n}", plan.name)));
            plan.name = format!("{}-{}", plan.name, next.unwrap_or_default());
        }
        let kind = plan.options.kind().name;
        if let Some(why) = plan.options.only_one()
            && plans.iter().any(|other| other.options.kind().name == kind)
        {
            checker.problem(&job.place, why, "");
        }
        plans.push(plan);
    }
    plans
}

fn source(checker: &mut Checker, job: &SourceJob, context: Context) -> Option<SourcePlan> {
    let job = &expand(checker, job, context.kinds)?;
    let kind = kind(checker, job, context.kinds)?;
    foreign_keys(checker, job, kind);
    let default = kind.formats.first().and_then(|(_, format)| *format);
    let format = checker.word(job.format.as_ref(), kind.formats, default);
    let pace = checker.optional(job.pace.as_ref(), units::rate);
    let is_live = context.time == TimePlan::Live;
    let mut section = Section::new(checker, &job.place, &job.keys, kind.keys, is_live);
    let options = (kind.check)(&mut section, format);
    if !is_live {
        event_time(checker, job, &*options, format, context.purpose);
    }
    let name = name(checker, job, kind.name);
    let text_time = text_time(checker, job, kind, context.time);
    Some(SourcePlan { name, options, format, text_time, pace })
}

/// Writes the short form out into its keys.
fn expand(
    checker: &mut Checker,
    job: &SourceJob,
    kinds: &[&'static SourceKind],
) -> Option<SourceJob> {
    let Some(short) = &job.short else { return Some(job.clone()) };
    let place = &short.place;
    let of = |kind: &'static SourceKind, value: &str| {
        let mut keys = job.keys.clone();
        if let Some(key) = kind.short_key {
            set(&mut keys, kind, key, value, place);
        }
        let name = Field { value: kind.name.to_owned(), place: place.clone() };
        Some(SourceJob { short: None, kind: Some(name), keys, ..job.clone() })
    };
    if let Some((scheme, value)) = short.value.split_once("://") {
        if let Some(kind) = find(kinds, scheme).filter(|kind| kind.short_key.is_some()) {
            return of(kind, value);
        }
        let what = format!("`{scheme}://` is not a source that this version knows");
        let help =
            "`tcp://host:port`, `tcp-listen://address:port`, `stdin`, `generator`, or a path";
        checker.problem(place, what, help);
        return None;
    }
    if short.value == "-" {
        return of(&stdin::KIND, "");
    }
    if let Some(kind) = find(kinds, &short.value) {
        let name = Field { value: kind.name.to_owned(), place: place.clone() };
        return Some(SourceJob { short: None, kind: Some(name), ..job.clone() });
    }
    if let Some(near) = meant(&short.value, kinds) {
        let what = format!("`{}` is not a source kind", short.value);
        let help = format!("did you mean `{near}`? a file is written `./{}`", short.value);
        checker.problem(place, what, help);
        return None;
    }
    of(&file::KIND, &short.value)
}

/// Sets the key of a short form: a list of one, or a text, of which a last `/` is left out.
fn set(keys: &mut Written, kind: &SourceKind, key: &'static str, value: &str, place: &Place) {
    use tagtide_sources::options::Takes;
    let is_list = kind.keys.iter().any(|known| known.name == key && known.takes == Takes::List);
    let value = if is_list {
        let value = Scalar::Text(value.to_owned());
        Value::List(vec![Field { value, place: place.clone() }])
    } else {
        Value::Text(value.trim_end_matches('/').to_owned())
    };
    keys.set(key, Field { value, place: place.clone() });
}

/// The kind that a bare word was probably meant to be; anything like a path is a file.
fn meant(short: &str, kinds: &[&'static SourceKind]) -> Option<&'static str> {
    if short.contains(['/', '.', '*', '?', '\\']) {
        return None;
    }
    let kinds = || kinds.iter().filter(|kind| kind.name != file::KIND.name);
    let names = kinds().flat_map(|kind| std::iter::once(&kind.name).chain(kind.aliases));
    let near = nearest(short, names.copied())?;
    let of = kinds().find(|kind| kind.name == near || kind.aliases.contains(&near))?;
    Some(of.name)
}

fn kind(
    checker: &mut Checker,
    job: &SourceJob,
    kinds: &[&'static SourceKind],
) -> Option<&'static SourceKind> {
    let all = || kinds.iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ");
    let Some(field) = &job.kind else {
        checker.problem(&job.place, "the source has no `kind`", format!("one of {}", all()));
        return None;
    };
    let found = find(kinds, &field.value);
    if found.is_none() {
        let near = nearest(&field.value, kinds.iter().map(|kind| kind.name));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}known kinds: {}", all());
        checker.problem(&field.place, format!("`{}` is not a source kind", field.value), help);
    }
    found
}

/// Keys that this kind does not take.
fn foreign_keys(checker: &mut Checker, job: &SourceJob, kind: &SourceKind) {
    let own: Vec<&str> = kind.keys.iter().map(|key| key.name).collect();
    for (key, place) in job.keys.keys().filter(|(key, _)| !own.contains(key)) {
        let what = format!("a source of kind `{}` takes no `{key}`", kind.name);
        let takes: Vec<&str> = COMMON.iter().chain(&own).copied().collect();
        checker.problem(place, what, format!("it takes {}", takes.join(", ")));
    }
}

/// Event time of records that carry none; only kinds that take `start` and `rate` set it.
fn text_time(
    checker: &mut Checker,
    job: &SourceJob,
    kind: &'static SourceKind,
    time: TimePlan,
) -> TextTime {
    let takes = |key: &str| kind.keys.iter().any(|known| known.name == key);
    let mut section = Section::new(checker, &job.place, &job.keys, kind.keys, false);
    let start = takes("start").then(|| section.optional("start", units::moment)).flatten();
    let rate = takes("rate").then(|| section.optional("rate", units::rate)).flatten();
    match time {
        TimePlan::Live => TextTime::Arrival,
        TimePlan::Replay(_) => TextTime::Rate { start, rate: rate.unwrap_or(RATE_DEFAULT) },
    }
}

/// Ticks by event time need sources whose records have one.
fn event_time(
    checker: &mut Checker,
    job: &SourceJob,
    options: &dyn SourceOptions,
    format: Option<Format>,
    purpose: Purpose,
) {
    let carries_time = format.is_some_and(|format| format != Format::Text);
    let Some(what) = options.no_event_time(carries_time) else { return };
    let help = match purpose {
        Purpose::Run if carries_time => "use `time = \"clock\"`, or leave `follow` out",
        Purpose::Run => "use `time = \"clock\"`, or name a `format` that carries its own time",
        Purpose::Replay => "use `run` for it",
    };
    checker.problem(&job.place, what, help);
}

fn name(checker: &mut Checker, job: &SourceJob, kind: &str) -> String {
    let Some(field) = &job.name else { return kind.to_owned() };
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if field.value.is_empty() || field.value.len() > 64 || !field.value.chars().all(letters) {
        let what = format!("`{}` is not a name for a source", field.value);
        checker.problem(&field.place, what, "use up to 64 of `a-z A-Z 0-9 . _ -`");
    }
    field.value.clone()
}
