//! `alert test`: sends a test alert to each webhook of a job, signed like a real one.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::exit::{FAILED, Failure, Outcome, USAGE};
use super::summary::counted_as;
use crate::alert::{Answer, test_fire};
use crate::engine;
use crate::job::{AlertPlan, Job, Plan, Purpose};
use crate::sink::table;
use tagtide_posts::clock::Clock;

/// Test the alerts of a job
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send a test alert to each webhook of a job, signed like a real one, and print the answers
    Test(Test),
}

#[derive(ClapArgs, Debug)]
struct Test {
    /// Job file
    #[arg(value_name = "JOB.toml")]
    job: PathBuf,
    /// Test this rule only
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let What::Test(args) = &args.what;
    let plan = engine::check(&Job::read(&args.job)?, Purpose::Run)?;
    let rules = chosen(&plan, args.rule.as_deref())?;
    let mut failed = 0;
    for rule in rules {
        let line = match test_fire(&plan.name, rule, &Clock::System) {
            Ok(None) => format!("alert {}: no webhook; it appears in the feed only\n", rule.name),
            Ok(Some(answer)) => {
                failed += usize::from(!(200..300).contains(&answer.status));
                show(&rule.name, &answer)
            }
            Err(error) => {
                failed += 1;
                format!("alert {}: {error}\n", rule.name)
            }
        };
        std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())
            .map_err(|error| Failure::stdout(&error))?;
    }
    if failed == 0 {
        return Ok(());
    }
    let failed = counted_as(failed, "test alert");
    Err(Failure::new(FAILED, format_args!("not accepted: {failed}")))
}

fn chosen<'a>(plan: &'a Plan, name: Option<&str>) -> Result<Vec<&'a AlertPlan>, Failure> {
    let rules = plan.alerts.iter().filter(|rule| name.is_none_or(|name| rule.name == name));
    let rules: Vec<_> = rules.collect();
    if !rules.is_empty() {
        return Ok(rules);
    }
    let names: Vec<_> = plan.alerts.iter().map(|rule| format!("`{}`", rule.name)).collect();
    let message = match name {
        Some(name) if !names.is_empty() => {
            format!("the job has no alert `{name}`\nhelp: it has {}", names.join(", "))
        }
        _ => "the job has no alerts\nhelp: add `[[alert]]` with `on = \"peak\"`, as in \
              `docs/alerts.md`"
            .to_owned(),
    };
    Err(Failure::new(USAGE, message))
}

/// Status line and body of an answer, made safe for a terminal.
fn show(rule: &str, answer: &Answer) -> String {
    let mut lines = format!("alert {rule}: {} {}\n", answer.status, answer.reason);
    if (300..400).contains(&answer.status) {
        lines.push_str("  redirects are not followed: use the target address in the job\n");
    }
    for line in answer.body.lines().take(10) {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "  {}", table::shown(line));
    }
    lines
}
