//! The command line, one file per command.
//!
//! Flags say how this process runs; what the pipeline *is* stands in the job file. Standard output
//! is data, stderr is talk. Exit codes are those of `exit`.

mod alert;
mod bench;
mod check;
mod completions;
mod dashboard;
mod demo;
mod doctor;
mod doubts;
mod execute;
mod exit;
mod explain;
mod extract;
mod flags;
mod generate;
mod history;
mod man;
mod quality;
mod records;
mod relay;
mod replay;
mod run;
mod signals;
mod summary;
mod talk;
mod x;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use exit::Outcome;
use tagtide_sources::options::nearest;
use talk::Talk;

/// Four things to try first; the help begins with them.
const EXAMPLES: &str = "\
Examples:
  tagtide demo                                  made-up posts, the page, the table; no account
  tagtide run jobs/tutorial.toml                the classic pipeline: TCP 9009 in, top ten out
  tagtide replay posts.jsonl.gz --top 20        count files and print the table
  tagtide relay posts.txt                       posts as text lines on TCP 9009, for Spark";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tagtide",
    version,
    about = "What is trending right now, and why: hashtags from post streams",
    help_template = "{about}\n\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}",
    before_help = EXAMPLES,
    after_help = "Exit codes: 0 done or drained, 1 failed, 2 wrong use or a job with problems,\n\
                  3 state directory or port in use, 4 checkpoint damaged or foreign,\n\
                  5 every source refused the credentials, 130 second Ctrl-C",
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Cli {
    #[command(flatten)]
    talk: Talk,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Made-up posts with planted trends, the page and the table; no account, no network
    Demo(demo::Args),
    /// Run a job file
    Run(run::Args),
    /// Count files (or `-` for standard input) and print the table
    Replay(replay::Args),
    /// Serve a source as text lines on TCP, one post a line
    Relay(relay::Args),
    /// The page alone, fed by POSTs to `/updateData`
    Dashboard(dashboard::Args),
    /// Rankings as they were
    History(history::Args),
    /// Why a tag is listed or not, asked of a tagtide that runs
    Explain(explain::Args),
    /// Try the alerts of a job
    Alert(alert::Args),
    /// Rules of the filtered stream of X: see and change them
    X(x::Args),
    /// Print the tags of each post as one JSON array a line
    Extract(extract::Args),
    /// Write made-up posts to standard output
    Generate(generate::Args),
    /// Check a job file and say what it does
    Check(check::Args),
    /// Look at this machine: ports, state directory, clock, TLS, Java and Spark
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the man page, or write all of them to a directory
    Man(man::Args),
    /// Names at which TAGTIDE_CRASH_AT can kill a run, for the chaos harness
    #[command(hide = true)]
    CrashPoints,
    /// Read a file and find its tags, without counting, for the bench
    #[command(hide = true)]
    BenchScan(bench::ScanArgs),
    /// Commit and recover a state of many tags, for the bench
    #[command(hide = true)]
    BenchCheckpoint(bench::CheckpointArgs),
    /// Rank many live tags in all modes, for the bench
    #[command(hide = true)]
    BenchRank(bench::RankArgs),
    /// Judge the rankings on benchmarks with a known answer
    #[command(hide = true)]
    Quality(quality::QualityArgs),
}

/// The whole program: reads the command line, runs the command, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    signals::ignore_file_size_limit();
    let cli = Cli::try_parse().unwrap_or_else(|error| with_nearest(error).exit());
    cli.talk.start();
    match dispatch(cli.command, &cli.talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(cli.talk.colored()),
    }
}

/// Names the command that was probably meant, where clap names none: it finds no short ones.
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

fn dispatch(command: Command, talk: &Talk) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(&args, talk),
        Command::Run(args) => run::run(&args, talk),
        Command::Replay(args) => replay::run(&args, talk),
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
        Command::CrashPoints => bench::crash_points(),
        Command::BenchScan(args) => bench::scan(&args),
        Command::BenchCheckpoint(args) => bench::checkpoint(&args),
        Command::BenchRank(args) => bench::rank(&args),
        Command::Quality(args) => quality::run(&args),
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
        let said = |word| {
            let error = Cli::try_parse_from(["tagtide", word]).expect_err("no command");
            with_nearest(error).to_string()
        };
        for (word, near) in [("rnu", "run"), ("dmeo", "demo"), ("mna", "man"), ("chekc", "check")] {
            let tip = format!("tip: a similar subcommand exists: '{near}'");
            assert!(said(word).contains(&tip), "{}", said(word));
        }
        assert!(said("replya").contains("'replay'"), "{}", said("replya"));
        assert!(!said("qwertyu").contains("tip:"), "{}", said("qwertyu"));
    }

    #[test]
    fn help_leads_with_four_examples() {
        let help = Cli::command().render_long_help().to_string();
        let examples = help.find("Examples:").expect("examples");
        assert!(examples < help.find("Usage:").expect("usage"), "{help}");
        assert_eq!(help.matches("\n  tagtide ").count(), 4, "{help}");
    }
}
