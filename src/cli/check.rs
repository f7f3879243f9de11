//! `check`: reports every problem of a job file, or describes the job and what a crash would lose.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::exit::{Failure, Outcome};
use super::preflight;
use crate::engine;
use crate::job::units::show_duration;
use crate::job::{AlertOn, AlertPlan, Job, Plan, Purpose, TimePlan, ViewPlan};
use tagtide_sources::http_client::host_of;
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
        let _ = writeln!(out, "source {}: {}", source.name, source.options.describe());
        let _ = writeln!(out, "  loss: {}", source.options.loss(plan.epoch()));
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
        let _ = writeln!(out, "sink: {}", sink.options.describe());
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
            format!("sent to a webhook at {}, {signed}", host_of(url))
        }
    };
    format!("{what} in view {}; {target}", alert.view)
}
