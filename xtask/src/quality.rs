//! `cargo xtask quality`: how good the rankings are, on benchmarks with a known answer, as tables
//! for docs/ranking.md. The program itself runs them, through the code that ranks live.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::{command, program};

/// Options of `cargo xtask quality`.
#[derive(clap::Args)]
pub(crate) struct QualityArgs {
    /// Seeds of benchmark B; each is ten days of made-up posts.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 4])]
    seeds: Vec<u64>,
    /// Window asked for, seconds.
    #[arg(long, default_value_t = 3600)]
    window: u32,
    /// Real shapes for two bursts in three: hourly counts, one shape a line, commas between.
    #[arg(long)]
    shapes: Option<PathBuf>,
    /// Leave the bots out.
    #[arg(long)]
    no_bots: bool,
    /// Benchmark A instead, on the series of a copy of NAB in this folder.
    #[arg(long)]
    nab: Option<PathBuf>,
}

/// Runs them.
pub(crate) fn run(args: &QualityArgs) -> anyhow::Result<ExitCode> {
    let log = command::Log::create("quality")?;
    let tagtide = program::build(&log, true, &[])?;
    let mut run = Command::new(&tagtide);
    run.arg("quality");
    if let Some(nab) = &args.nab {
        run.arg("--nab").arg(nab);
    }
    let seeds: Vec<String> = args.seeds.iter().map(u64::to_string).collect();
    run.args(["--seeds", &seeds.join(","), "--window", &args.window.to_string()]);
    if let Some(shapes) = &args.shapes {
        run.arg("--shapes").arg(shapes);
    }
    if args.no_bots {
        run.arg("--no-bots");
    }
    let status = run.status().with_context(|| format!("cannot run `{}`", tagtide.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
