//! `doctor`: checks this machine and the connection to the platforms of a job. It changes nothing.
//!
//! Each check is one row: pass, warn or fail. Only a fail makes the exit code 1.

mod checks;
mod reach;

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::exit::{FAILED, Failure, Outcome};
use super::flags::state_home;
use super::preflight::{self, Warning};
use super::run::BLUESKY;
use super::summary::counted_as;
use crate::engine;
use crate::job::{Job, Plan, Purpose};
use tagtide_sources::finding::{Finding, Verdict};

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Job file to check, with a test connection to its platforms; default: the job that `run`
    /// runs without one
    job: Option<PathBuf>,
    /// Make no network connection
    #[arg(long)]
    offline: bool,
    /// State directory to check; default: the job's, or the parent of all of them
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Print one JSON array instead of lines
    #[arg(long)]
    json: bool,
}

/// `pass  port 5001: free`.
fn line(finding: &Finding) -> String {
    let verdict = match finding.verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "FAIL",
    };
    let mut line = format!("{verdict}  {}: {}\n", finding.check, finding.found);
    if !finding.help.is_empty() {
        line.push_str(&format!("      help: {}\n", finding.help));
    }
    line
}

/// The job is valid; checks whether the files and secrets that it needs exist.
fn job(plan: &Plan) -> Vec<Finding> {
    let mut findings = vec![Finding::pass("job", format!("`{}` is valid", plan.name))];
    let file = |warning: Warning| Finding::warn("file", warning.what, warning.help);
    findings.extend(preflight::files(plan).into_iter().map(file));
    let secret = |warning: Warning| Finding::fail("secret", warning.what, warning.help);
    findings.extend(preflight::secrets(plan).into_iter().map(secret));
    findings
}

pub(super) fn run(args: &Args) -> Outcome {
    let plan = match &args.job {
        Some(path) => engine::check(&Job::read(path)?, Purpose::Run)?,
        None => engine::check(&Job::parse(BLUESKY, "jobs/bluesky.toml")?, Purpose::Run)?,
    };
    let dir = match (&args.state_dir, &args.job) {
        (Some(dir), _) => Some(dir.clone()),
        (None, Some(_)) => state_home().map(|home| home.join(&plan.name)),
        (None, None) => state_home(),
    };
    let mut findings = Vec::new();
    if args.job.is_some() {
        findings.extend(job(&plan));
    }
    findings.extend(checks::ports());
    findings.extend(checks::state(dir.as_deref()));
    findings.push(checks::clock());
    findings.push(checks::tls());
    if !args.offline {
        findings.extend(reach::sources(&plan)?);
    }
    findings.extend(checks::spark());
    let text = if args.json {
        let failed = |error| Failure::new(FAILED, format_args!("cannot write JSON: {error}"));
        serde_json::to_string_pretty(&findings).map_err(failed)? + "\n"
    } else {
        findings.iter().map(line).collect()
    };
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))?;
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(FAILED, format_args!("{} failed", counted_as(failed, "check"))))
}
