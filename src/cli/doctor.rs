//! `doctor`: looks at this machine, and at the way to the platforms of a job, and says what to do;
//! it changes nothing.
//!
//! Each check is one row: pass, warn or fail. Only a fail makes the exit code 1.

mod checks;
mod reach;

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::exit::{FAILED, Failure, Outcome};
use super::flags::state_home;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Job file whose platforms are tried to reach; default: what `run` without a job reads
    job: Option<PathBuf>,
    /// Connect to nobody
    #[arg(long)]
    offline: bool,
    /// State directory to look at; default: where jobs keep theirs
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// One JSON array instead of lines
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// One row.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do; empty where nothing is to be done.
    help: String,
}

impl Finding {
    fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Pass, found: found.into(), help: String::new() }
    }

    fn warn(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), help: help.into() }
    }

    fn fail(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), help: help.into() }
    }

    /// `pass  port 5001: free`.
    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let mut line = format!("{verdict}  {}: {}\n", self.check, self.found);
        if !self.help.is_empty() {
            line.push_str(&format!("      help: {}\n", self.help));
        }
        line
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let home = args.state_dir.clone().or_else(state_home);
    let mut findings = checks::ports();
    findings.extend(checks::state(home.as_deref()));
    findings.push(checks::clock());
    findings.push(checks::tls());
    if !args.offline {
        findings.extend(reach::platforms(args.job.as_deref())?);
    }
    findings.extend(checks::spark());
    let text = if args.json {
        let failed = |error| Failure::new(FAILED, format_args!("cannot write JSON: {error}"));
        serde_json::to_string_pretty(&findings).map_err(failed)? + "\n"
    } else {
        findings.iter().map(Finding::line).collect()
    };
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))?;
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(FAILED, format_args!("{failed} checks failed")))
}
