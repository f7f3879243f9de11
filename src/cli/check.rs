//! `check`: every problem of a job file, or what the job does and what a crash loses.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::exit::{Failure, Outcome};
use crate::job::units::show_duration;
use crate::job::{
    AlertOn, AlertPlan, Job, Plan, Purpose, SinkPlan, SourceKind, SourcePlan, TimePlan, check,
};
use crate::job::{MastodonStream, MastodonWire};

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
    if plan.sinks.is_empty() {
        out.push_str("sink: the table on standard output\n");
    }
    for sink in &plan.sinks {
        let _ = writeln!(out, "sink: {}", shows(sink));
    }
    if let Some(history) = plan.history {
        let mib = history.max_bytes >> 20;
        let _ = writeln!(out, "history: with a state directory, at most {mib} MiB of rankings");
    }
    for alert in &plan.alerts {
        let _ = writeln!(out, "alert {}: {}", alert.name, tells(alert));
    }
    out
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

/// What a crash of this process loses, in the words of the promises.
fn loses(source: &SourcePlan, plan: &Plan) -> String {
    match source.kind {
        SourceKind::File { .. } | SourceKind::Generator(_) => {
            "nothing is lost and nothing counted twice, with a state directory".to_owned()
        }
        SourceKind::Jetstream(_) => {
            "effectively once within the server's look-back, with a state directory: it goes on \
             where it was and drops what comes twice; what the server no longer has is a gap, \
             measured and shown"
                .to_owned()
        }
        SourceKind::Mastodon(_) => {
            "with a state directory what was missed is filled from the timeline, where the \
             instance lets it be read and has at most 40 pages of it; the rest is a gap, measured \
             and shown; deletes and edits meanwhile are lost"
                .to_owned()
        }
        SourceKind::Stdin | SourceKind::Tcp { .. } | SourceKind::TcpListen { .. } => {
            let epoch = plan.batch.max(std::time::Duration::from_millis(200));
            format!(
                "up to {} of posts and what the kernel held are lost; they cannot be read again",
                show_duration(epoch)
            )
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
