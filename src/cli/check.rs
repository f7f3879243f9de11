//! `check`: every problem of a job file, or what the job does and what a crash loses.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;

use super::doubts;
use super::exit::{Failure, Outcome};
use super::summary::counted_as;
use crate::job::units::show_duration;
use crate::job::{
    AlertOn, AlertPlan, Job, Plan, Purpose, SinkPlan, SourceKind, SourcePlan, TimePlan, ViewPlan,
    check,
};
use crate::job::{MastodonStream, MastodonWire};
use crate::source::loss::{Filled, Loss, loss};
use crate::state::recent::POST_MAX_BYTES;

/// Items of a list that are named.
const NAMED: usize = 8;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Job file
    job: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let job = Job::read(&args.job)?;
    let plan = check(&job, Purpose::Run)?;
    let text = describe(&plan);
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))
}

/// The job in plain words.
fn describe(plan: &Plan) -> String {
    let mut out = format!("job `{}` is sound\n", plan.name);
    for source in &plan.sources {
        let _ = writeln!(out, "source {}: {}", source.name, what(source));
        let _ = writeln!(out, "  on a crash: {}", loses(source, plan));
    }
    let windows: Vec<_> = plan.count.windows.iter().map(|w| show_duration(*w)).collect();
    let modes: Vec<_> = plan.count.modes.iter().map(|mode| mode.name()).collect();
    let (mode, window) = plan.count.default;
    let over = match mode.has_window() {
        true => format!(" over {}", show_duration(window)),
        false => String::new(),
    };
    let _ = writeln!(
        out,
        "ranks by {}; by {}{over} unless asked otherwise",
        modes.join(" "),
        mode.name()
    );
    let clock = match plan.time {
        TimePlan::Live => "our clock".to_owned(),
        TimePlan::Replay(None) => "event time, as fast as it goes".to_owned(),
        TimePlan::Replay(Some(speed)) => format!("event time, {speed} times as fast"),
    };
    let _ = writeln!(
        out,
        "counts: windows {}; panes of {}; published every {} by {clock}",
        windows.join(" "),
        show_duration(plan.count.pane),
        show_duration(plan.batch)
    );
    for view in &plan.views {
        let _ = writeln!(out, "view {}: {}", view.name, holds(view));
    }
    if plan.sinks.is_empty() {
        out.push_str("sink: the table on standard output\n");
    }
    for sink in &plan.sinks {
        let _ = writeln!(out, "sink: {}", shows(sink));
    }
    let _ = match plan.limits.recent_posts {
        0 => writeln!(out, "recent posts: none are kept to be read"),
        posts => {
            let mib = posts.saturating_mul(POST_MAX_BYTES).div_ceil(1 << 20);
            writeln!(out, "recent posts: {posts} in memory to be read, at most {mib} MiB")
        }
    };
    if let Some(history) = plan.history {
        let mib = history.max_bytes >> 20;
        let _ = writeln!(out, "history: with a state directory, at most {mib} MiB of rankings");
    }
    for alert in &plan.alerts {
        let _ = writeln!(out, "alert {}: {}", alert.name, tells(alert));
    }
    if !plan.alerts.is_empty() {
        out.push_str("alerts: with a state directory; without one nothing is told\n");
    }
    for doubt in doubts::files(plan) {
        let _ = writeln!(out, "warning: {}\n  help: {}", doubt.what, doubt.help);
    }
    out
}

/// Which posts are in a view.
fn holds(view: &ViewPlan) -> String {
    let mut said = Vec::new();
    let mut say = |what: &str, list: &[String]| {
        // A long list of accounts is no use on a terminal.
        let more = list.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        if !list.is_empty() {
            said.push(format!("{what} {}{rest}", list[..list.len() - more].join(" ")));
        }
    };
    say("language", &view.langs);
    say("source", &view.sources);
    say("author", &view.authors);
    say("with a tag", &view.tags);
    if let Some(path) = &view.authors_file {
        said.push(format!("authors in {}", path.display()));
    }
    format!("posts of {}", said.join(", "))
}

fn tells(alert: &AlertPlan) -> String {
    let what = match &alert.on {
        AlertOn::Peak => "a new peak".to_owned(),
        AlertOn::Top(n) => format!("a tag enters the first {n}"),
        AlertOn::Score(bound) => format!("a score rises over {bound}"),
        AlertOn::Lift(bound) => format!("a tag rises over {bound} times the usual"),
        AlertOn::Watch(tags) => format!("one of {} moves", tags.join(" ")),
    };
    let told = match &alert.webhook {
        None => "told in the feed alone".to_owned(),
        Some(url) => {
            let signed = if alert.secret_env.is_some() { "signed" } else { "not signed" };
            format!("sent to a webhook at {}, {signed}", host(url))
        }
    };
    format!("{what} in the view {}; {told}", alert.view)
}

/// A webhook's URL may itself be the secret: only its host is shown.
fn host(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    parsed.as_ref().and_then(url::Url::host_str).unwrap_or("?").to_owned()
}

fn what(source: &SourcePlan) -> String {
    match &source.kind {
        SourceKind::File { paths, follow } => {
            let follow = if *follow { ", followed" } else { "" };
            format!("files {}{follow}", paths.join(" "))
        }
        SourceKind::Stdin => "standard input".to_owned(),
        SourceKind::Tcp { addr } => format!("lines from {addr}, connected again when it is cut"),
        SourceKind::TcpListen { addr } => format!("lines from whoever connects to {addr}"),
        SourceKind::Jetstream(plan) => {
            let names: Vec<_> = plan.hosts.iter().map(|address| host(address)).collect();
            let wire = plan.wire.name();
            format!("Bluesky, live, by Jetstream {wire} from {}; no account", names.join(", then "))
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
            format!("API v1.1 of X from {server}; X itself has retired it: use kind `x` there")
        }
        SourceKind::Mastodon(plan) => {
            let stream = match &plan.stream {
                MastodonStream::Hashtag(tag) => format!("hashtag {tag}"),
                stream => stream.name().to_owned(),
            };
            let how = match (&plan.token, plan.wire) {
                (None, _) => "polled, as there is no token",
                (_, MastodonWire::Sse) => "by server-sent events, with a token",
                (_, MastodonWire::WebSocket) => "by WebSocket, with a token",
            };
            format!("Mastodon, live, {stream} of {}, {how}", host(&plan.instance))
        }
        SourceKind::Generator(plan) => format!("made-up posts, seed {}", plan.seed),
    }
}

/// What may be lost, in numbers; they hold while the server answers at the first attempt.
fn bound(loss: &Loss) -> String {
    let filled = match loss.filled {
        Filled::All | Filled::LookBack => return "0 posts".to_owned(),
        Filled::No => String::new(),
        Filled::Minutes(minutes) => format!("0 posts of {minutes} min; beyond them "),
        Filled::Posts(posts) => format!("0 of {posts} posts that the timeline gives; without it "),
    };
    let s = |time: Duration| format!("{} s", time.as_secs_f64());
    let silence = match loss.silence == loss.cut {
        true => String::new(),
        false => format!(", {} of a silent one", s(loss.silence)),
    };
    let kernel = match loss.buffer_bytes >> 20 {
        0 => String::new(),
        mib => format!(" and {mib} MiB in the kernel"),
    };
    format!(
        "{filled}the posts of at most {} of a connection that is cut{silence}, {} before a \
         crash{kernel}, and of the time until the next start is connected",
        s(loss.cut),
        s(loss.crash)
    )
}

/// What a crash of this process loses, in the words of the promises, and in numbers.
pub(super) fn loses(source: &SourcePlan, plan: &Plan) -> String {
    let bound = bound(&loss(&source.kind, plan.epoch()));
    match &source.kind {
        SourceKind::File { .. } | SourceKind::Generator(_) => {
            "nothing is lost and nothing counted twice, with a state directory: 0 posts".to_owned()
        }
        SourceKind::Jetstream(_) => format!(
            "effectively once within the server's look-back, with a state directory: {bound} are \
             lost, it goes on where it was and drops what comes twice; what the server no longer \
             has is a gap, measured and shown"
        ),
        SourceKind::X(x) if x.backfill_minutes > 0 => format!(
            "effectively once for outages of up to {} min, which the server brings again; a longer \
             one is a gap, measured and shown; lost are {bound}",
            x.backfill_minutes
        ),
        SourceKind::X(_) | SourceKind::XV1(_) => {
            format!("lost are {bound}; the gap is estimated and shown")
        }
        SourceKind::Mastodon(_) => format!(
            "with a state directory what was missed is filled from the timeline, where the \
             instance lets it be read; lost are {bound}; that is a gap, measured and shown; \
             deletes and edits meanwhile are lost"
        ),
        SourceKind::Stdin => format!(
            "lost are the posts of at most {} s before a crash, and those still in the pipe; they \
             cannot be read again",
            plan.epoch().as_secs_f64()
        ),
        SourceKind::Tcp { .. } | SourceKind::TcpListen { .. } => {
            format!("lost are {bound}; they cannot be read again")
        }
    }
}

fn shows(sink: &SinkPlan) -> String {
    match sink {
        SinkPlan::Stdout { json: false } => "the table on standard output".to_owned(),
        SinkPlan::Stdout { json: true } => {
            "one JSON object per batch on standard output".to_owned()
        }
        SinkPlan::Jsonl { path, .. } => format!("one JSON line per batch in {}", path.display()),
        SinkPlan::Dashboard { url } => format!("the newest ranking to the dashboard at {url}"),
        SinkPlan::Webhook { url, .. } => {
            format!("every ranking as JSON to a webhook at {}", host(url))
        }
    }
}
