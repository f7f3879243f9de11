//! `source = ...` and `[[source]]`: where posts come from.

use std::time::Duration;

use super::{Checker, Purpose, platforms, x};
use crate::job::file::SourceJob;
use crate::job::kinds::{self, SOURCE_KEYS, SOURCES};
use crate::job::problem::{Field, Place, nearest};
use crate::job::units::{self, Scalar};
use crate::job::{GeneratorPlan, SourceKind, SourcePlan, TextTime, TimePlan};
use tagtide_posts::decode::Format;

/// Most sources of a job.
const SOURCES_MAX: usize = 1_000;
/// The longest past of the generator.
const PAST_MAX: Duration = Duration::from_hours(7 * 24);
/// Records per second of event time where nothing else is said.
const RATE: f64 = 1_000.0;

/// Formats that a job may name.
const FORMATS: [(&str, Option<Format>); 7] = [
    ("auto", None),
    ("text", Some(Format::Text)),
    ("text+", Some(Format::TextPlus)),
    ("x1", Some(Format::X1)),
    ("x2", Some(Format::X2)),
    ("jetstream", Some(Format::Jetstream)),
    ("mastodon", Some(Format::Mastodon)),
];

/// What Jetstream sends.
const BLUESKY: [(&str, Format); 2] =
    [("auto", Format::Jetstream), ("jetstream", Format::Jetstream)];

/// What the two APIs of X send.
const X: [(&str, Format); 2] = [("auto", Format::X2), ("x2", Format::X2)];
const X_V1: [(&str, Format); 2] = [("auto", Format::X1), ("x1", Format::X1)];
/// What Mastodon sends.
const MASTODON: [(&str, Format); 2] = [("auto", Format::Mastodon), ("mastodon", Format::Mastodon)];

/// Formats that the generator can write.
const MADE: [(&str, Format); 4] = [
    ("auto", Format::TextPlus),
    ("text", Format::Text),
    ("text+", Format::TextPlus),
    ("x1", Format::X1),
];

pub(super) fn check(checker: &mut Checker, jobs: &[SourceJob], time: TimePlan) -> Vec<SourcePlan> {
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
        let Some(mut plan) = source(checker, job, time) else { continue };
        let taken = |plans: &[SourcePlan], name: &str| plans.iter().any(|p| p.name == name);
        if job.name.is_some() && taken(&plans, &plan.name) {
            let place = job.name.as_ref().map_or(&job.place, |name| &name.place);
            let what = format!("two sources are named `{}`", plan.name);
            checker.problem(place, what, "give each its own `name`");
        } else if taken(&plans, &plan.name) {
            let next = (2..).find(|n| !taken(&plans, &format!("{}-{n}", plan.name)));
            plan.name = format!("{}-{}", plan.name, next.unwrap_or_default());
        }
        let stdin = |plan: &SourcePlan| plan.kind == SourceKind::Stdin;
        if stdin(&plan) && plans.iter().any(stdin) {
            checker.problem(&job.place, "standard input can be read only once", "");
        }
        plans.push(plan);
    }
    plans
}

fn source(checker: &mut Checker, job: &SourceJob, time: TimePlan) -> Option<SourcePlan> {
    let job = &expand(checker, job)?;
    let kind = kind(checker, job)?;
    foreign_keys(checker, job, kind);
    let format = match kind.name {
        "generator" => Some(checker.word(job.format.as_ref(), &MADE, Format::TextPlus)),
        "jetstream" => Some(checker.word(job.format.as_ref(), &BLUESKY, Format::Jetstream)),
        "x" => Some(checker.word(job.format.as_ref(), &X, Format::X2)),
        "x-v1" => Some(checker.word(job.format.as_ref(), &X_V1, Format::X1)),
        "mastodon" => Some(checker.word(job.format.as_ref(), &MASTODON, Format::Mastodon)),
        _ => checker.word(job.format.as_ref(), &FORMATS, None),
    };
    let pace = checker.optional(job.pace.as_ref(), units::rate);
    let start = checker.optional(job.start.as_ref(), units::moment);
    let rate = checker.optional(job.rate.as_ref(), units::rate).unwrap_or(RATE);
    let plan_kind = match kind.name {
        "file" => file(checker, job),
        "stdin" => SourceKind::Stdin,
        "tcp" => SourceKind::Tcp { addr: address(checker, job) },
        "tcp-listen" => SourceKind::TcpListen { addr: address(checker, job) },
        "jetstream" => SourceKind::Jetstream(platforms::jetstream(checker, job)),
        "x" => SourceKind::X(x::v2(checker, job)),
        "x-v1" => SourceKind::XV1(x::v1(checker, job)),
        "mastodon" => SourceKind::Mastodon(platforms::mastodon(checker, job)),
        _ => {
            let format = format.unwrap_or(Format::TextPlus);
            SourceKind::Generator(generator(checker, job, time, rate, format))
        }
    };
    if time != TimePlan::Live {
        event_time(checker, job, &plan_kind, format);
    }
    let name = source_name(checker, job, kind.name);
    let text_time = match time {
        TimePlan::Live => TextTime::Arrival,
        TimePlan::Replay(_) => TextTime::Rate { start, rate },
    };
    Some(SourcePlan { name, kind: plan_kind, format, text_time, pace })
}

/// Writes the short form out into its keys.
fn expand(checker: &mut Checker, job: &SourceJob) -> Option<SourceJob> {
    let Some(short) = &job.short else { return Some(job.clone()) };
    let place = &short.place;
    let text = |value: &str| Some(Field { value: value.to_owned(), place: place.clone() });
    let mut long = SourceJob { short: None, ..job.clone() };
    match short.value.split_once("://") {
        Some((scheme @ ("tcp" | "tcp-listen"), addr)) => {
            long.kind = text(scheme);
            long.addr = text(addr.trim_end_matches('/'));
        }
        Some(("file", path)) => {
            long.kind = text("file");
            long.paths = Some(vec![path_field(path, place)]);
        }
        Some((scheme, _)) => {
            let what = format!("`{scheme}://` is no source that this version knows");
            let help = "`tcp://host:port`, `tcp-listen://address:port`, `stdin`, `generator`, \
                        or a path";
            checker.problem(place, what, help);
            return None;
        }
        None if short.value == "-" => long.kind = text("stdin"),
        None if kinds::find(SOURCES, &short.value).is_some() => long.kind = text(&short.value),
        None => {
            if let Some(near) = meant(&short.value) {
                let what = format!("`{}` is no kind of source", short.value);
                let help = format!("did you mean `{near}`? a file is written `./{}`", short.value);
                checker.problem(place, what, help);
                return None;
            }
            long.kind = text("file");
            long.paths = Some(vec![path_field(&short.value, place)]);
        }
    }
    Some(long)
}

fn path_field(path: &str, place: &Place) -> Field<Scalar> {
    Field { value: Scalar::Text(path.to_owned()), place: place.clone() }
}

/// What people call a platform, and the kind that reads it.
const PLATFORMS: [(&str, &str); 2] = [("bluesky", "jetstream"), ("twitter", "x")];

/// The kind that a bare word was probably meant to be; anything like a path is one.
fn meant(short: &str) -> Option<&'static str> {
    if short.contains(['/', '.', '*', '?', '\\']) {
        return None;
    }
    let kinds = SOURCES.iter().map(|kind| kind.name).filter(|name| *name != "file");
    let near = nearest(short, kinds.chain(PLATFORMS.iter().map(|(platform, _)| *platform)))?;
    let platform = PLATFORMS.iter().find(|(platform, _)| *platform == near);
    Some(platform.map_or(near, |(_, kind)| kind))
}

fn kind(checker: &mut Checker, job: &SourceJob) -> Option<&'static kinds::Kind> {
    let Some(field) = &job.kind else {
        let help = format!("one of {}", kinds::names(SOURCES));
        checker.problem(&job.place, "the source has no `kind`", help);
        return None;
    };
    let found = kinds::find(SOURCES, &field.value);
    if found.is_none() {
        let near = nearest(&field.value, SOURCES.iter().map(|kind| kind.name));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}known kinds: {}", kinds::names(SOURCES));
        checker.problem(&field.place, format!("`{}` is no kind of source", field.value), help);
    }
    found
}

/// Keys that this kind does not take.
fn foreign_keys(checker: &mut Checker, job: &SourceJob, kind: &kinds::Kind) {
    let scalar = |field: &Option<Field<Scalar>>| field.as_ref().map(|f| f.place.clone());
    let flag = |field: &Option<Field<bool>>| field.as_ref().map(|f| f.place.clone());
    let text = |field: &Option<Field<String>>| field.as_ref().map(|f| f.place.clone());
    let first = job.paths.as_ref().map(|paths| paths.first().map_or(&job.place, |p| &p.place));
    let written = [
        ("paths", first.cloned()),
        ("follow", flag(&job.follow)),
        ("addr", text(&job.addr)),
        (
            "hosts",
            job.hosts.as_ref().map(|hosts| hosts.first().map_or(&job.place, |h| &h.place)).cloned(),
        ),
        ("wire", text(&job.wire)),
        ("zstd", flag(&job.zstd)),
        ("zstd_dictionary", text(&job.zstd_dictionary)),
        ("instance", text(&job.instance)),
        ("stream", text(&job.stream)),
        ("tag", text(&job.tag)),
        ("start", scalar(&job.start)),
        ("rate", scalar(&job.rate)),
        ("seed", scalar(&job.seed)),
        ("posts", scalar(&job.posts)),
        ("live", flag(&job.live)),
        ("past", scalar(&job.past)),
        ("tags", scalar(&job.tags)),
    ];
    for (key, place) in written.into_iter().chain(job.x.written(&job.place)) {
        if let Some(place) = place
            && !kind.keys.contains(&key)
        {
            let what = format!("a source of kind `{}` takes no `{key}`", kind.name);
            let help = format!("it takes {}, {}", SOURCE_KEYS.join(", "), kind.keys.join(", "));
            checker.problem(&place, what, help);
        }
    }
}

fn file(checker: &mut Checker, job: &SourceJob) -> SourceKind {
    let fields = job.paths.as_deref().unwrap_or_default();
    let paths: Vec<String> = fields.iter().map(|field| field.value.to_string()).collect();
    if paths.is_empty() {
        let help = "add `paths = [\"posts.txt\"]`";
        checker.problem(&job.place, "the file source has no `paths`", help);
    }
    for field in fields {
        let path = field.value.to_string();
        if path.is_empty() {
            checker.problem(&field.place, "an empty path", "");
        } else if let Err(error) = glob::Pattern::new(&path) {
            checker.problem(&field.place, format!("`{path}` is no pattern: {error}"), "");
        }
    }
    SourceKind::File { paths, follow: job.follow.as_ref().is_some_and(|follow| follow.value) }
}

fn address(checker: &mut Checker, job: &SourceJob) -> String {
    let Some(field) = &job.addr else {
        let help = "add `addr = \"localhost:9009\"`";
        checker.problem(&job.place, "the source has no `addr`", help);
        return String::new();
    };
    if !is_address(&field.value) {
        let what = format!("`{}` is not an address", field.value);
        checker.problem(&field.place, what, "write `host:port`, like `localhost:9009`");
    }
    field.value.clone()
}

/// `host:port`, an IPv6 host in brackets.
fn is_address(addr: &str) -> bool {
    if addr.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = addr.rsplit_once(':') else { return false };
    let letters = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(letters)
        && port.parse::<u16>().is_ok()
}

fn generator(
    checker: &mut Checker,
    job: &SourceJob,
    time: TimePlan,
    rate: f64,
    format: Format,
) -> GeneratorPlan {
    let live = job.live.as_ref().map_or(time == TimePlan::Live, |live| live.value);
    if let Some(field) = &job.live
        && !live
        && time == TimePlan::Live
    {
        let what = "a generator that does not wait runs ahead of our clock";
        checker.problem(&field.place, what, "add `time = \"event\"` to the job");
    }
    let past = checker.bounded(
        job.past.as_ref(),
        units::duration,
        Duration::ZERO,
        (Duration::ZERO, PAST_MAX),
        "at most `7d`",
    );
    if let Some(field) = job.past.as_ref().filter(|_| !live || job.start.is_some()) {
        let what = "`past` is for a generator that waits for each post's time and names no `start`";
        checker.problem(&field.place, what, "leave it out");
    }
    let tags = checker.bounded(
        job.tags.as_ref(),
        units::count,
        20_000,
        (1, 100_000_000),
        "from 1 to 100M ordinary tags",
    );
    GeneratorPlan {
        seed: checker.optional(job.seed.as_ref(), units::count).unwrap_or(1),
        posts: checker.optional(job.posts.as_ref(), units::count),
        rate,
        start: checker.optional(job.start.as_ref(), units::moment),
        live,
        past,
        format,
        tags: u32::try_from(tags).unwrap_or(u32::MAX),
    }
}

/// Ticks by event time need sources whose records have one.
fn event_time(checker: &mut Checker, job: &SourceJob, kind: &SourceKind, format: Option<Format>) {
    let carries_time = format.is_some_and(|format| format != Format::Text);
    let what = match kind {
        SourceKind::File { follow: true, .. } => "a followed file has no end",
        SourceKind::Jetstream(_)
        | SourceKind::Mastodon(_)
        | SourceKind::X(_)
        | SourceKind::XV1(_) => "what happens now has no end",
        SourceKind::Tcp { .. } | SourceKind::TcpListen { .. } if !carries_time => {
            "lines of text from a socket have no event time"
        }
        _ => return,
    };
    let help = match checker.purpose {
        Purpose::Run if carries_time => "use `time = \"clock\"`, or leave `follow` out",
        Purpose::Run => "use `time = \"clock\"`, or name a `format` that carries its own time",
        Purpose::Replay => "use `run` for it",
    };
    checker.problem(&job.place, what, help);
}

fn source_name(checker: &mut Checker, job: &SourceJob, kind: &str) -> String {
    let Some(field) = &job.name else { return kind.to_owned() };
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if field.value.is_empty() || field.value.len() > 64 || !field.value.chars().all(letters) {
        let what = format!("`{}` is no name for a source", field.value);
        checker.problem(&field.place, what, "use up to 64 of `a-z A-Z 0-9 . _ -`");
    }
    field.value.clone()
}
