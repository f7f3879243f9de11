//! `cargo xtask test`: sets up what the tests need and runs all of them, in order.
//!
//! Nothing is skipped: a failed installation fails the steps that need it, and prints the command
//! that would install it. The last line is `N passed, N failed`.

mod browser;
mod readme;
mod setup;
mod steps;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;

use crate::clock;
use crate::command::Log;
use setup::Needs;
use steps::{STEPS, Step};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct TestArgs {
    /// Run only this step (may be repeated).
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps.
    #[arg(long)]
    list: bool,
}

/// Runs the chore. The exit code is 0 if every step passed.
pub(crate) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        for step in STEPS {
            println!("{:<14} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let steps = chosen(&args.only)?;
    let needs = Needs::start(&steps);
    let failed = run_steps(&steps, &needs);
    for (name, _) in &failed {
        println!("failed: {name}");
    }
    println!("{} passed, {} failed", steps.len() - failed.len(), failed.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The named steps, in the order of the list; all of them if none is named.
fn chosen(only: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    for name in only {
        if !STEPS.iter().any(|step| step.name == name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            bail!("no step `{name}`\nhelp: the steps are {}", known.join(", "));
        }
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| step.name == name);
    Ok(STEPS.iter().filter(wanted).collect())
}

/// Runs every step, also after a failure. Returns the failed ones and why.
fn run_steps(steps: &[&'static Step], needs: &Needs) -> Vec<(&'static str, String)> {
    let mut failed = Vec::new();
    let whole = clock::monotonic();
    for (index, step) in steps.iter().enumerate() {
        print!("[{:>2}/{}] {:<14} ", index + 1, steps.len(), step.name);
        let _ = std::io::stdout().flush();
        let began = clock::monotonic();
        let result = run_step(step, needs);
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(notes) => {
                println!("ok      {seconds:>7.1} s");
                notes.iter().for_each(|note| println!("        note: {note}"));
            }
            Err(why) => {
                println!("FAILED  {seconds:>7.1} s\n{why}");
                failed.push((step.name, why));
            }
        }
    }
    println!("{} steps in {:.1} s", steps.len(), whole.elapsed().as_secs_f64());
    failed
}

/// Runs one step and returns its notes. The error contains the command, its exit status and its
/// output.
fn run_step(step: &Step, needs: &Needs) -> Result<Vec<String>, String> {
    let needed = step.needs.iter().map(|need| needs.wait(*need)).collect::<Result<Vec<()>, _>>();
    needed?;
    let log = Log::create(step.name).map_err(|error| format!("{error:#}"))?;
    (step.run)(&log).map_err(|error| format!("{}\n{error:#}", log.tail()))?;
    Ok(log.notes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_their_own_names_and_are_chosen_by_them() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|other| other.name != step.name), "{}", step.name);
        }
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        let two = chosen(&["tidy".into(), "fmt".into()]).unwrap();
        assert_eq!(two.iter().map(|step| step.name).collect::<Vec<_>>(), ["fmt", "tidy"]);
        assert!(chosen(&["nope".into()]).err().unwrap().to_string().contains("the steps are fmt"));
    }
}
