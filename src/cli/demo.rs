//! `demo`: counts generated posts with planted trends; needs no account and no network.

use clap::Args as ClapArgs;

use super::exit::Outcome;
use super::flags::{Counting, Process, Serving, scalar, stdout_sink};
use super::logging::LogArgs;
use super::run_job::run_job;
use crate::engine;
use crate::engine::RunOptions;
use crate::job::{Job, Purpose};
use tagtide_sources::options::Value;

/// The job that `demo` runs.
const JOB: &str = include_str!("../../jobs/demo.toml");

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    serving: Serving,
    #[command(flatten)]
    counting: Counting,
    #[command(flatten)]
    process: Process,
    /// Generate this much past first, so that there are baselines [default: 50m]
    #[arg(long, value_name = "DURATION")]
    past: Option<String>,
    /// Print one JSON object per ranking instead of the table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, log: &LogArgs) -> Outcome {
    let mut job = Job::parse(JOB, "jobs/demo.toml")?;
    args.counting.apply(&mut job);
    if let (Some(past), Some(source)) = (&args.past, job.sources.first_mut()) {
        source.keys.set("past", scalar("--past", past).map(Value::Scalar));
    }
    let mut plan = engine::check(&job, Purpose::Run)?;
    stdout_sink(&mut plan, args.json, log.quiet);
    let options = RunOptions {
        workers: args.process.workers(),
        state_dir: args.process.state_dir(None)?,
        fresh: args.process.fresh,
        accept_grammar: args.process.accept_grammar,
        ..RunOptions::default()
    };
    run_job(plan, options, &args.serving, None, None)
}
