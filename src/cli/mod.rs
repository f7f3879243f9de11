//! The command line, one file per command.
//!
//! Flags describe how this process runs; the job file describes the pipeline. Data goes to stdout,
//! messages to stderr. Exit codes are in `exit`.

mod alert;
mod check;
mod completions;
mod dashboard;
mod demo;
mod doctor;
mod exit;
mod explain;
mod extract;
mod flags;
mod generate;
mod history;
mod logging;
mod man;
mod preflight;
mod records;
mod relay;
mod replay;
mod run;
mod run_job;
mod signals;
mod summary;
mod x;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use exit::Outcome;
use logging::LogArgs;
use tagtide_checkpoint::CRASH_POINTS;
use tagtide_sources::options::nearest;

/// Four commands to try first; the help begins with them.
const EXAMPLES: &str = "\
Examples:
  tagtide demo                                  generated posts, page and table; no account
  tagtide run jobs/tutorial.toml                the classic pipeline: TCP 9009 in, top ten out
  tagtide replay posts.jsonl.gz --top 20        count files and print the table
  tagtide relay posts.txt                       serve posts as text lines on TCP 9009";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tagtide",
    version,
    about = "What is trending right now, and why: hashtags from post streams",
    help_template = "{about}\n\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}",
    before_help = EXAMPLES,
    after_help = "Exit codes: 0 done or drained, 1 failed, 2 wrong usage or a job with problems,\n\
                  3 state directory or port in use, 4 checkpoint damaged or of another job,\n\
                  5 every source refused the credentials, 130 second Ctrl-C",
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run on generated posts with planted trends; needs no account and no network
    Demo(demo::Args),
    /// Run a job file
    Run(run::Args),
    /// Count files (or `-` for standard input) and print the table
    Replay(replay::Args),
    /// Serve a source as text lines on TCP, one post per line
    Relay(relay::Args),
    /// Serve only the page, with counts posted to `/updateData`
    Dashboard(dashboard::Args),
    /// Show past rankings
    History(history::Args),
    /// Ask a running tagtide why a tag is listed or not
    Explain(explain::Args),
    /// Test the alerts of a job
    Alert(alert::Args),
    /// Show and change the rules of X's filtered stream
    X(x::Args),
    /// Print the tags of each post, one JSON array per line
    Extract(extract::Args),
    /// Write generated posts to standard output
    Generate(generate::Args),
    /// Check a job file and describe what it does
    Check(check::Args),
    /// Check this machine: ports, state directory, clock, TLS, Java and Spark
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the man page, or write all man pages to a directory
    Man(man::Args),
    /// Print the points at which TAGTIDE_CRASH_AT can kill a run, for the chaos harness
    #[command(hide = true)]
    CrashPoints,
}

/// The whole program: parses the command line, runs the command, returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    signals::ignore_file_size_limit();
    let cli = Cli::try_parse().unwrap_or_else(|error| with_nearest(error).exit());
    cli.log.start();
    match dispatch(cli.command, &cli.log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(cli.log.colored()),
    }
}

/// Suggests the command that was probably meant if clap suggests none: it misses short names.
fn with_nearest(mut error: clap::Error) -> clap::Error {
    let cli = Cli::command();
    let names = cli.get_subcommands().filter(|command| !command.is_hide_set());
    let near = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => nearest(word, names.map(|command| command.get_name())),
        _ => None,
    };
    if let Some(near) = near
        && error.get(ContextKind::SuggestedSubcommand).is_none()
    {
        let near = ContextValue::Strings(vec![near.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, near);
    }
    error
}

fn dispatch(command: Command, log: &LogArgs) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(&args, log),
        Command::Run(args) => run::run(&args, log),
        Command::Replay(args) => replay::run(&args, log),
        Command::Relay(args) => relay::run(&args),
        Command::Dashboard(args) => dashboard::run(&args),
        Command::History(args) => history::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Alert(args) => alert::run(&args),
        Command::X(args) => x::run(&args),
        Command::Extract(args) => extract::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::CrashPoints => {
            CRASH_POINTS.iter().for_each(|name| println!("{name}"));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_command_gets_the_nearest_one() {
        let message = |word| {
            let error = Cli::try_parse_from(["tagtide", word]).expect_err("no command");
            with_nearest(error).to_string()
        };
        for (word, near) in [("rnu", "run"), ("dmeo", "demo"), ("mna", "man"), ("chekc", "check")] {
            let tip = format!("tip: a similar subcommand exists: '{near}'");
            assert!(message(word).contains(&tip), "{}", message(word));
        }
        assert!(message("replya").contains("'replay'"), "{}", message("replya"));
        assert!(!message("qwertyu").contains("tip:"), "{}", message("qwertyu"));
    }

    #[test]
    fn help_leads_with_four_examples() {
        let help = Cli::command().render_long_help().to_string();
        let examples = help.find("Examples:").expect("examples");
        assert!(examples < help.find("Usage:").expect("usage"), "{help}");
        assert_eq!(help.matches("\n  tagtide ").count(), 4, "{help}");
    }
}
