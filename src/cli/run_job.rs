//! What `run` and `demo` have in common: engine, server, signals, and the final summary.

use std::path::{Path, PathBuf};

use super::exit::{FAILED, Failure, Outcome};
use super::flags::Serving;
use super::{signals, summary};
use crate::engine::{self, Run, RunOptions};
use crate::job::{Job, Plan, Purpose, TimePlan};
use crate::serve::{self, Feed, Listen, PORT, Server, Tutorial};
use crate::sink::dashboard;
use tagtide_sources::http_client::is_loopback;

/// Runs `plan` until its sources end or a signal arrives.
///
/// `summary_file`: where to write counts and rows of the final ranking, and how many rows.
/// `job_file`: reread its lists at SIGHUP.
pub(super) fn run_job(
    plan: Plan,
    options: RunOptions,
    serving: &Serving,
    summary_file: Option<(&Path, usize)>,
    job_file: Option<&Path>,
) -> Outcome {
    let listen = where_to_listen(&plan, serving)?;
    let mut serve_options = serving.options(plan.count.top, plan.rule)?;
    serve_options.state_dir.clone_from(&options.state_dir);
    if let Some(listen) = listen {
        // A port in use must fail before anything is read or printed.
        serve::probe(listen, &serve_options)?;
    }
    if options.state_dir.is_none() && !plan.alerts.is_empty() {
        tracing::warn!(
            "alerts are disabled: they need a state directory\n\
             help: remove `--state-dir none`, or name a directory"
        );
    }
    let by_our_clock = plan.time == TimePlan::Live;
    let top = summary_file.map_or(plan.count.top, |(_, top)| top);
    let signals = signals::install()?;
    let run = engine::start(plan, options)?;
    let stopping = run.clone();
    let reload = job_file.map(|path| reload(path.to_owned(), run.clone()));
    signals.on_stop(move || stopping.stop(false), reload)?;
    let server = match listen {
        None => None,
        Some(listen) => match start_server(listen, &run, serve_options) {
            Ok(server) => Some(server),
            Err(failure) => {
                run.stop(true);
                // The server's failure is the one that the user must see.
                let _ = run.join(0);
                return Err(failure);
            }
        },
    };
    let ended = run.join(top);
    if let Some(server) = server {
        server.stop();
    }
    let ended = ended?;
    tracing::info!("{}", summary::counted(&ended));
    let counters = &ended.status.counters;
    if by_our_clock && counters.late > counters.posts / 2 {
        tracing::warn!(
            "most posts were older than any open pane: they count in the total only\n\
             help: count old posts by their own time, with `tagtide replay` or `time = \"event\"`"
        );
    }
    if let Some((file, _)) = summary_file {
        let json = summary::json(&ended, ended.status.checkpoint_epoch)?;
        std::fs::write(file, json).map_err(|error| {
            Failure::new(FAILED, format_args!("cannot write `{}`: {error}", file.display()))
        })?;
    }
    Ok(())
}

/// Rereads the lists of a job file.
fn reload(path: PathBuf, run: Run) -> Box<dyn Fn() + Send> {
    Box::new(move || {
        let plan = Job::read(&path).and_then(|job| engine::check(&job, Purpose::Run));
        match plan {
            Ok(plan) => {
                run.change_lists(&plan);
                tracing::info!("reread the lists of `{}`", path.display());
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!("the lists were not changed: {problem}");
                }
            }
        }
    })
}

fn start_server(
    listen: Listen,
    run: &Run,
    options: serve::ServeOptions,
) -> Result<Server, Failure> {
    let live = std::sync::Arc::new(run.clone());
    let feed = Feed { published: run.watch(), live, tutorial: Tutorial::Own };
    let server = serve::start(listen, feed, options)?;
    log_address(&server);
    Ok(server)
}

/// Logs the address of the page.
pub(super) fn log_address(server: &Server) {
    if let Some(addr) = server.addrs().first() {
        let shown = if addr.ip().is_loopback() {
            format!("http://localhost:{}", addr.port())
        } else {
            format!("http://{addr}")
        };
        tracing::info!("the page is at {shown}");
    }
}

/// Where to listen; nowhere by default if a dashboard sink posts to the address of the page.
fn where_to_listen(plan: &Plan, serving: &Serving) -> Result<Option<Listen>, Failure> {
    if serving.listen.is_none()
        && let Some(url) = own_port(plan)
    {
        tracing::info!(
            "not serving a page: rankings are posted to `{url}`\n\
             help: `--listen ADDR` serves one elsewhere"
        );
        return Ok(None);
    }
    serving.listen()
}

/// The dashboard sink that has our own default address as its target.
fn own_port(plan: &Plan) -> Option<&str> {
    plan.sinks.iter().find_map(|sink| {
        let url = &sink.options_as::<dashboard::Options>()?.url;
        let parsed = url::Url::parse(url).ok()?;
        let ours = is_loopback(&parsed) && parsed.port_or_known_default() == Some(PORT);
        ours.then_some(url.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(text: &str, listen: Option<&str>) -> Option<Listen> {
        let job = Job::parse(text, "job.toml").expect("it parses");
        let plan = engine::check(&job, Purpose::Run).expect("it is valid");
        let serving = Serving { listen: listen.map(str::to_owned), ..Serving::default() };
        where_to_listen(&plan, &serving).expect("a valid address")
    }

    #[test]
    fn a_dashboard_at_our_own_address_gets_the_port() {
        let tutorial = include_str!("../../jobs/tutorial.toml");
        assert_eq!(listens(tutorial, None), None);
        assert_eq!(listens(tutorial, Some("5002")), Some(Listen::Loopback(5002)));
        let elsewhere = tutorial.replace("localhost:5001", "localhost:5003");
        assert_eq!(listens(&elsewhere, None), Some(Listen::Loopback(5001)));
        assert_eq!(listens("source = \"-\"", Some("none")), None);
    }
}
