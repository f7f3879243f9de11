//! What `run` and `demo` have in common: engine, server, signals, and the last words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::{FAILED, Failure, Outcome};
use super::flags::Serving;
use super::{signals, summary};
use crate::engine::{self, Run, RunHandle, RunOptions};
use crate::job::{Job, Plan, Purpose, TimePlan, check};
use crate::rank::{Ask, Explanation, Query, Ranking, TagDetail};
use crate::serve::{self, Feed, Listen, PORT, Server, Tutorial};
use crate::sink::dashboard;
use tagtide_sources::http_client::is_loopback;

/// Runs `plan` to its end: until its sources end, or a signal comes.
///
/// Counts and so many totals go to the file of `last_words` then.
pub(super) fn execute(
    plan: Plan,
    options: RunOptions,
    serving: &Serving,
    last_words: Option<(&Path, usize)>,
    job_file: Option<&Path>,
) -> Outcome {
    let listen = where_to_listen(&plan, serving)?;
    let mut serve_options = serving.options(plan.count.top, plan.rule)?;
    serve_options.state_dir.clone_from(&options.state_dir);
    if let Some(listen) = listen {
        // Before anything is read or printed.
        serve::probe(listen, &serve_options)?;
    }
    if options.state_dir.is_none() && !plan.alerts.is_empty() {
        tracing::warn!(
            "the alerts of this job are told to nobody: they are kept in a state directory\n\
             help: leave `--state-dir none` out, or name a directory"
        );
    }
    let by_our_clock = plan.time == TimePlan::Live;
    let top = last_words.map_or(plan.count.top, |(_, top)| top);
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
                // What the page could not do is what the user has to know.
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
            "most posts were older than any open pane: they count in the total alone\n\
             help: count old posts by their own time, with `tagtide replay` or `time = \"event\"`"
        );
    }
    if let Some((file, _)) = last_words {
        let json = summary::json(&ended, ended.status.checkpoint_epoch)?;
        std::fs::write(file, json).map_err(|error| {
            Failure::new(FAILED, format_args!("cannot write `{}`: {error}", file.display()))
        })?;
    }
    Ok(())
}

/// Reads the lists of a job file again.
fn reload(path: PathBuf, run: Run) -> Box<dyn Fn() + Send> {
    Box::new(move || {
        let plan = Job::read(&path).and_then(|job| check(&job, Purpose::Run));
        match plan {
            Ok(plan) => {
                run.change_lists(&plan);
                tracing::info!("read the lists of `{}` again", path.display());
            }
            Err(problems) => {
                for problem in problems {
                    tracing::error!("the lists stay as they were: {problem}");
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
    let feed =
        Feed { published: run.watch(), ask: Arc::new(Asked(run.clone())), tutorial: Tutorial::Own };
    let server = serve::start(listen, feed, options)?;
    say_where(&server);
    Ok(server)
}

/// Says where the page is.
pub(super) fn say_where(server: &Server) {
    if let Some(addr) = server.addrs().first() {
        let shown = if addr.ip().is_loopback() {
            format!("http://localhost:{}", addr.port())
        } else {
            format!("http://{addr}")
        };
        tracing::info!("the page is at {shown}");
    }
}

/// A run, as the server asks it.
struct Asked(Run);

impl Ask for Asked {
    fn ranking(&self, query: &Query) -> Option<Ranking> {
        let run: &dyn RunHandle = &*self.0;
        run.ranking(query)
    }

    fn tag(&self, view: Option<&str>, key: &str) -> Option<TagDetail> {
        let run: &dyn RunHandle = &*self.0;
        run.tag(view, key)
    }

    fn explain(&self, view: Option<&str>, key: &str, window_s: u64) -> Option<Explanation> {
        let run: &dyn RunHandle = &*self.0;
        run.explain(view, key, window_s)
    }
}

/// Where to listen; nowhere if a dashboard sink posts to where the page would be, and nobody asked.
fn where_to_listen(plan: &Plan, serving: &Serving) -> Result<Option<Listen>, Failure> {
    if serving.listen.is_none()
        && let Some(url) = own_port(plan)
    {
        tracing::info!("no page of its own: rankings are posted to `{url}`; `--listen` serves one");
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
        let plan = check(&job, Purpose::Run).expect("it is sound");
        let serving = Serving { listen: listen.map(str::to_owned), ..Serving::default() };
        where_to_listen(&plan, &serving).expect("a sound address")
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
