//! `check`: every problem of a job file, or what the job does and what a crash loses.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::doubts;
use super::exit::{Failure, Outcome};
use crate::job::units::show_duration;
use crate::job::{AlertOn, AlertPlan, Job, Plan, Purpose, TimePlan, ViewPlan, check};
use crate::state::recent::POST_MAX_BYTES;
use tagtide_sources::http_client::host_of;

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
        let _ = writeln!(out, "source {}: {}", source.name, source.options.describe());
        let _ = writeln!(out, "  on a crash: {}", source.options.loss(plan.epoch()));
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
        let _ = writeln!(out, "sink: {}", sink.options.describe());
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
            format!("sent to a webhook at {}, {signed}", host_of(url))
        }
    };
    format!("{what} in the view {}; {told}", alert.view)
}
