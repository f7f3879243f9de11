//! `cargo xtask quality`: how good the rankings are, on benchmarks with a known answer, as tables
//! for docs/ranking.md. `tagtide-bench quality` runs them, through the code that ranks live.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::{command, program};

/// What follows `cargo xtask quality`; `--help` too.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct QualityArgs {
    /// Arguments of `tagtide-bench quality`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs them.
pub(crate) fn run(args: &QualityArgs) -> anyhow::Result<ExitCode> {
    let log = command::Log::create("quality")?;
    let bench = program::build_bench(&log)?;
    let status = Command::new(&bench)
        .arg("quality")
        .args(&args.words)
        .status()
        .with_context(|| format!("cannot run `{}`", bench.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::{Args, Chore};

    #[test]
    fn every_argument_is_passed_on() {
        let words = ["--seeds", "1,2", "--help", "--nab", "some where", "-h"];
        let line = ["cargo xtask", "quality"].iter().chain(&words);
        let Chore::Quality(args) = Args::try_parse_from(line).expect("a command line").chore else {
            panic!("another chore");
        };
        assert_eq!(args.words, words);
        let help = Args::try_parse_from(["cargo xtask", "quality", "--help"]).expect("no own help");
        assert!(matches!(help.chore, Chore::Quality(args) if args.words == ["--help"]));
    }
}
