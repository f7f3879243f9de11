//! `check`: reports every problem of a job file, or describes the job and what a crash would lose.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::exit::{Failure, Outcome};
use super::preflight;
use super::summary::counted_as;
use crate::engine;
use crate::job::units::show_duration;
use crate::job::{
    AlertOn, AlertPlan, Job, Plan, Purpose, SinkPlan, SourceKind, SourcePlan, TimePlan, ViewPlan,
};
use crate::job::{MastodonStream, MastodonWire};
use crate::source::loss::{Filled, Loss, loss};
use tagtide_trends::state::recent::POST_MAX_BYTES;

/// Items of a list that are printed.
const LISTED_MAX: usize = 8;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Job file
    job: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let job = Job::read(&args.job)?;
    let plan = engine::check(&job, Purpose::Run)?;
    let text = describe(&plan);
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))
}

/// The job, described for a user.
fn describe(plan: &Plan) -> String {
    let mut out = format!("job `{}` is valid\n", plan.name);
    if let Some(kind) = engine::find(&plan.engine).filter(|of| of.name != Plan::EMBEDDED) {
        let _ = writeln!(out, "engine {}: {}", kind.name, kind.what);
    }
    for source in &plan.sources {
        let _ = writeln!(out, "source {}: {}", source.name, what(source));
        let _ = writeln!(out, "  loss: {}", losses(source, plan));
    }
    let windows: Vec<_> = plan.count.windows.iter().map(|w| show_duration(*w)).collect();
    let modes: Vec<_> = plan.count.modes.iter().map(|mode| mode.name()).collect();
    let (mode, window) = plan.count.default;
    let over = match mode.has_window() {
        true => format!(" over {}", show_duration(window)),
        false => String::new(),
    };
    let _ = writeln!(out, "rankings: {}; by default {}{over}", modes.join(" "), mode.name());
    let clock = match plan.time {
        TimePlan::Live => "our clock".to_owned(),
        TimePlan::Replay(None) => "event time, as fast as possible".to_owned(),
        TimePlan::Replay(Some(speed)) => format!("event time, at {speed} times the original speed"),
    };
    let _ = writeln!(
        out,
        "counts: windows {}; panes of {}; published every {} by {clock}",
        windows.join(" "),
        show_duration(plan.count.pane),
        show_duration(plan.batch)
    );
    for view in &plan.views {
        let _ = writeln!(out, "view {}: {}", view.name, filter(view));
    }
    if plan.sinks.is_empty() {
        out.push_str("sink: the table on standard output\n");
    }
    for sink in &plan.sinks {
        let _ = writeln!(out, "sink: {}", output(sink));
    }
    let _ = match plan.limits.recent_posts {
        0 => writeln!(out, "recent posts: none in memory"),
        posts => {
            let mib = posts.saturating_mul(POST_MAX_BYTES).div_ceil(1 << 20);
            writeln!(out, "recent posts: {posts} in memory, at most {mib} MiB")
        }
    };
    if let Some(history) = plan.history {
        let mib = history.max_bytes >> 20;
        let _ = writeln!(out, "history: at most {mib} MiB of rankings; needs a state directory");
    }
    for alert in &plan.alerts {
        let _ = writeln!(out, "alert {}: {}", alert.name, rule(alert));
    }
    if !plan.alerts.is_empty() {
        out.push_str("alerts: need a state directory; without one they are disabled\n");
    }
    for warning in preflight::files(plan) {
        let _ = writeln!(out, "warning: {}\n  help: {}", warning.what, warning.help);
    }
    out
}

/// Which posts are in a view.
fn filter(view: &ViewPlan) -> String {
    let mut conditions = Vec::new();
    let mut add = |what: &str, list: &[String]| {
        // A long list of accounts is no use on a terminal.
        let more = list.len().saturating_sub(LISTED_MAX);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        if !list.is_empty() {
            conditions.push(format!("{what} {}{rest}", list[..list.len() - more].join(" ")));
        }
    };
    add("language", &view.langs);
    add("source", &view.sources);
    add("author", &view.authors);
    add("tag", &view.tags);
    if let Some(path) = &view.authors_file {
        conditions.push(format!("authors in {}", path.display()));
    }
    format!("posts with {}", conditions.join(", "))
}

/// When an alert is raised, and where it goes.
fn rule(alert: &AlertPlan) -> String {
    let what = match &alert.on {
        AlertOn::Peak => "a new peak".to_owned(),
        AlertOn::Top(n) => format!("a tag enters the first {n}"),
        AlertOn::Score(bound) => format!("a score rises above {bound}"),
        AlertOn::Lift(bound) => format!("a tag rises above {bound} times the usual"),
        AlertOn::Watch(tags) => format!("one of {} moves", tags.join(" ")),
    };
    let target = match &alert.webhook {
        None => "in the feed only".to_owned(),
        Some(url) => {
            let signed = if alert.secret_env.is_some() { "signed" } else { "not signed" };
            format!("sent to a webhook at {}, {signed}", host(url))
        }
    };
    format!("{what} in view {}; {target}", alert.view)
}

/// The host of a URL. The URL of a webhook can itself be a secret, so only this is printed.
fn host(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    parsed.as_ref().and_then(url::Url::host_str).unwrap_or("?").to_owned()
}

/// What a source reads.
fn what(source: &SourcePlan) -> String {
    match &source.kind {
        SourceKind::File { paths, follow } => {
            let follow = if *follow { ", followed" } else { "" };
            format!("files {}{follow}", paths.join(" "))
        }
        SourceKind::Stdin => "standard input".to_owned(),
        SourceKind::Tcp { addr } => format!("lines from {addr}, reconnecting when it is lost"),
        SourceKind::TcpListen { addr } => format!("lines from clients that connect to {addr}"),
        SourceKind::Jetstream(plan) => {
            let names: Vec<_> = plan.hosts.iter().map(|address| host(address)).collect();
            let wire = plan.wire.name();
            format!("Bluesky, live, by Jetstream {wire} from {}", names.join(", then "))
        }
        SourceKind::X(plan) => {
            let rules = counted_as(plan.rules.len(), "rule");
            let (most, price) = (plan.reads_max, plan.price);
            let day = most as f64 * price;
            format!(
                "X, live, by API v2 from {}, {rules}; reads at most {most} posts a day (UTC), \
                 ${day:.2} at ${price} each",
                host(&plan.base_url)
            )
        }
        SourceKind::XV1(plan) => {
            let server = host(&plan.base_url);
            format!("X API v1.1 from {server}; X itself has retired it: use kind `x` there")
        }
        SourceKind::Mastodon(plan) => {
            let stream = match &plan.stream {
                MastodonStream::Hashtag(tag) => format!("hashtag {tag}"),
                stream => stream.name().to_owned(),
            };
            let how = match (&plan.token, plan.wire) {
                (None, _) => "polled, because there is no token",
                (_, MastodonWire::Sse) => "by server-sent events, with a token",
                (_, MastodonWire::WebSocket) => "by WebSocket, with a token",
            };
            format!("Mastodon, live, {stream} from {}, {how}", host(&plan.instance))
        }
        SourceKind::Generator(plan) => format!("generated posts, seed {}", plan.seed),
    }
}

/// What is lost at most, in numbers. They hold if the server answers the first attempt.
fn bound(loss: &Loss) -> String {
    let s = |time: Duration| format!("{} s", time.as_secs_f64());
    let filled = match loss.filled {
        Filled::All | Filled::LookBack => return "none".to_owned(),
        Filled::No => String::new(),
        Filled::Minutes(minutes) => format!("none for outages of up to {minutes} min; otherwise "),
        Filled::Posts(posts) => {
            format!(
                "none if the timeline returns what was missed, at most {posts} posts; otherwise "
            )
        }
    };
    let kernel = match loss.buffer_bytes >> 20 {
        0 => String::new(),
        mib => format!(", plus {mib} MiB in the kernel's buffer"),
    };
    let silence = match loss.silence == loss.cut {
        true => String::new(),
        false => format!(", a silent one at most {}", s(loss.silence)),
    };
    format!(
        "{filled}a crash loses at most {} of posts{kernel}, and those until the next start is \
         connected; a dropped connection at most {}{silence}",
        s(loss.crash),
        s(loss.cut)
    )
}

/// What a crash of this process loses, as in `docs/promises.md`, with numbers.
pub(super) fn losses(source: &SourcePlan, plan: &Plan) -> String {
    let bound = bound(&loss(&source.kind, plan.epoch()));
    match &source.kind {
        SourceKind::File { .. } | SourceKind::Generator(_) => {
            format!("{bound}, and nothing is counted twice, with a state directory")
        }
        SourceKind::Jetstream(_) => format!(
            "{bound} as far back as the server goes, with a state directory: it resumes after its \
             Position and drops duplicates; a gap beyond that is measured and shown"
        ),
        SourceKind::X(x) if x.backfill_minutes > 0 => {
            format!("{bound}; the gap is measured and shown")
        }
        SourceKind::X(_) | SourceKind::XV1(_) => {
            format!("{bound}; the gap is estimated and shown")
        }
        SourceKind::Mastodon(_) => format!(
            "{bound}; the gap is measured and shown; deletes and edits in the meantime are lost; \
             resuming after a crash needs a state directory"
        ),
        SourceKind::Stdin => format!(
            "a crash loses at most {} s of posts, plus those still in the pipe; they cannot be \
             read again",
            plan.epoch().as_secs_f64()
        ),
        SourceKind::Tcp { .. } | SourceKind::TcpListen { .. } => {
            format!("{bound}; they cannot be read again")
        }
    }
}

/// Where rankings go.
fn output(sink: &SinkPlan) -> String {
    match sink {
        SinkPlan::Stdout { json: false } => "the table on standard output".to_owned(),
        SinkPlan::Stdout { json: true } => {
            "one JSON object per ranking on standard output".to_owned()
        }
        SinkPlan::Jsonl { path, .. } => format!("one JSON line per ranking in {}", path.display()),
        SinkPlan::Dashboard { url } => format!("the newest ranking to the dashboard at {url}"),
        SinkPlan::Webhook { url, .. } => {
            format!("every ranking as JSON to a webhook at {}", host(url))
        }
    }
}
