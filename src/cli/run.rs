//! `run`: runs a job file, or a job made of flags only.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::exit::{Failure, Outcome};
use super::flags::{
    Counting, Process, Serving, default_state_dir, scalar, source, stdout_sink, text,
};
use super::logging::LogArgs;
use super::run_job::run_job;
use crate::engine;
use crate::engine::RunOptions;
use crate::job::{Diagnostic, Job, Purpose};

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Job file, such as jobs/tutorial.toml; default: what is trending on Bluesky
    #[arg(value_name = "JOB.toml")]
    job: Option<PathBuf>,
    /// Replace the job's sources: tcp://host:port, tcp-listen://addr, stdin, generator or a path
    #[arg(long, value_name = "URL")]
    source: Vec<String>,
    /// Publishing interval, such as 2s
    #[arg(long, value_name = "TIME")]
    batch: Option<String>,
    #[command(flatten)]
    counting: Counting,
    #[command(flatten)]
    serving: Serving,
    #[command(flatten)]
    process: Process,
    /// Save the raw input of all sources to this directory, for `replay`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Print one JSON object per ranking instead of the table
    #[arg(long)]
    json: bool,
    /// Where to write counts and totals of all tags at the end, for harnesses
    #[arg(long, hide = true, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Divide all retry delays by this factor, for harnesses
    #[arg(long, hide = true, value_name = "N", default_value_t = 0)]
    hurry: u32,
    /// Send counts twice and out of order, by this seed, for tests
    #[arg(long, hide = true, value_name = "SEED", default_value_t = 0)]
    shuffle: u64,
    /// Rows in that file [default: all]
    #[arg(long, hide = true, value_name = "N", default_value_t = usize::MAX)]
    summary_top: usize,
}

/// The job to run if neither a job nor a source is given.
pub(super) const BLUESKY: &str = include_str!("../../jobs/bluesky.toml");

pub(super) fn run(args: &Args, log: &LogArgs) -> Outcome {
    let job = job(args)?;
    let mut plan = engine::check(&job, Purpose::Run)?;
    stdout_sink(&mut plan, args.json, log.quiet);
    let state_dir = match args.process.state_dir {
        Some(_) => args.process.state_dir(None)?,
        None => default_state_dir(&plan.name)?,
    };
    let options = RunOptions {
        workers: args.process.workers(),
        state_dir,
        fresh: args.process.fresh,
        accept_grammar: args.process.accept_grammar,
        record: args.record.clone(),
        hurry: args.hurry,
        shuffle: args.shuffle,
        ..RunOptions::default()
    };
    run_job(
        plan,
        options,
        &args.serving,
        args.summary.as_deref().map(|file| (file, args.summary_top)),
        args.job.as_deref(),
    )
}

/// The job of the file, with the flags applied.
fn job(args: &Args) -> Result<Job, Failure> {
    let mut job = match &args.job {
        Some(path) => Job::read(path).map_err(|problems| not_a_job(path, problems))?,
        None if args.source.is_empty() => Job::parse(BLUESKY, "jobs/bluesky.toml")?,
        None => Job { name: Some(text("--source", &name_of(&args.source))), ..Job::default() },
    };
    if !args.source.is_empty() {
        job.sources = args.source.iter().map(|short| source("--source", short)).collect();
    }
    if let Some(batch) = &args.batch {
        job.batch = Some(scalar("--batch", batch));
    }
    args.counting.apply(&mut job);
    Ok(job)
}

/// The error for a job file that cannot be parsed; it may be a file of posts.
fn not_a_job(path: &Path, problems: Vec<Diagnostic>) -> Failure {
    let mut failure = Failure::from(problems);
    let named = path.extension().is_some_and(|end| end == "toml");
    if path.is_file() && !named && !failure.message.contains("tagtide replay") {
        let help = format!("\nhelp: `tagtide replay {}` counts a file of posts", path.display());
        failure.message.push_str(&help);
    }
    failure
}

/// A name for a job made of sources only, so that two such jobs do not share a state directory.
fn name_of(sources: &[String]) -> String {
    let joined = sources.join("-");
    let letter = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
    let name: String = joined.chars().map(letter).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let start = name.len().saturating_sub(56);
    let name = name[start..].trim_start_matches(['.', '-']);
    if name.is_empty() { "run".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_without_file_is_named_after_its_sources() {
        assert_eq!(name_of(&["tcp://localhost:9009".into()]), "tcp-localhost-9009");
        assert_eq!(name_of(&["-".into()]), "run");
        assert_eq!(name_of(&["../é/posts.txt".into()]), "posts.txt");
        assert!(name_of(&["x".repeat(200)]).len() <= 64);
    }
}
