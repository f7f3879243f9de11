//! `cargo xtask chaos kill9`: kill -9 the program repeatedly, and compare its final counts with an
//! independent recount.
//!
//! A campaign is a series of runs. Each run starts with an empty state directory, is killed and
//! restarted until its source ends, and is then compared: every tag's total must equal a naive
//! recount. Kills happen at random moments and at the program's own named crash points. A crash
//! point counts only if the process really died there. The seed determines everything except the
//! exact moments, which depend on the scheduler.

mod campaign;
mod input;
pub(crate) mod oracle;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, ensure};

use crate::command::{Log, cargo};
use crate::program;
use campaign::{Campaign, Report};
use input::Source;

/// Longest time for the build, and for each kill on both wires.
const JETSTREAM_LIMIT: Duration = Duration::from_secs(1_800);
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Options of `cargo xtask chaos`.
#[derive(clap::Args)]
pub(crate) struct ChaosArgs {
    #[command(subcommand)]
    fault: Fault,
}

#[derive(clap::Subcommand)]
enum Fault {
    /// Kill with SIGKILL at random moments and at every named crash point.
    Kill9(Kill9),
}

#[derive(clap::Args, Clone, Debug)]
struct Kill9 {
    /// Kills per source.
    #[arg(long, default_value_t = 200)]
    cycles: u32,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Source of the job.
    #[arg(long, value_enum, default_value_t = Source::Both)]
    source: Source,
    /// Build the program with a planted bug, and succeed only if the recount finds it.
    #[arg(long)]
    planted_bug: bool,
    /// Use the development profile, which builds faster.
    #[arg(long)]
    debug: bool,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl ChaosArgs {
    /// A short campaign for `cargo xtask test`.
    pub(crate) fn brief(planted_bug: bool) -> Self {
        let (source, debug, program) = (Source::Both, true, None);
        let kill9 = Kill9 { cycles: 24, seed: 9, source, planted_bug, debug, program };
        Self { fault: Fault::Kill9(kill9) }
    }
}

/// Runs the chore.
pub(crate) fn run(args: &ChaosArgs) -> anyhow::Result<ExitCode> {
    let report = kill9(&Log::create("chaos")?, args)?;
    print!("{report}");
    Ok(ExitCode::SUCCESS)
}

/// The same as a step of the tests.
pub(crate) fn run_logged(log: &Log, args: &ChaosArgs) -> anyhow::Result<()> {
    kill9(log, args).map(|_| ())
}

/// Runs all requested campaigns; an error unless each has the expected result.
fn kill9(log: &Log, args: &ChaosArgs) -> anyhow::Result<String> {
    let Fault::Kill9(args) = &args.fault;
    ensure!(args.cycles > 0, "a campaign without kills proves nothing");
    if args.source == Source::Jetstream {
        return jetstream(log, args);
    }
    let features: &[&str] = if args.planted_bug { &["planted-bug"] } else { &[] };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => program::build(log, !args.debug, features)?,
    };
    let mut text = String::new();
    let mut wrong = 0;
    for kind in args.source.kinds() {
        let campaign = Campaign::prepare(*kind, &program, args.cycles, args.seed)?;
        let report = campaign.run(args.planted_bug)?;
        let _ = writeln!(text, "{kind:?}: seed {}\n{report}", args.seed);
        if !args.planted_bug {
            verdict(&report, &text)?;
        }
        wrong += report.lost + report.double;
    }
    if args.planted_bug {
        ensure!(wrong > 0, "{text}the planted bug was not found");
        text.push_str("the planted bug was found, as expected\n");
    }
    Ok(text)
}

/// The same against the fake Jetstream server of the tests.
fn jetstream(log: &Log, args: &Kill9) -> anyhow::Result<String> {
    ensure!(!args.planted_bug, "no planted bug shows with Jetstream: duplicates are dropped");
    let mut command = cargo(&["test", "--no-default-features", "--test", "live", "--", "kill9"]);
    command.env("TAGTIDE_KILLS", args.cycles.to_string());
    command.env("TAGTIDE_SEED", args.seed.to_string());
    log.run(&mut command, JETSTREAM_LIMIT + KILL_LIMIT * args.cycles)?;
    Ok(format!(
        "Jetstream: seed {}, {} kills on each wire: 0 lost, 0 double\n",
        args.seed, args.cycles
    ))
}

/// What must hold without a planted bug.
fn verdict(report: &Report, text: &str) -> anyhow::Result<()> {
    ensure!(report.lost + report.double == 0, "{text}counts are wrong");
    ensure!(report.posts_right(), "{text}the number of posts is wrong");
    ensure!(report.points_fired() > 0, "{text}no crash point fired, so none was tested");
    let unfired = report.unfired();
    if report.had_time_for_all() && !unfired.is_empty() {
        bail!("{text}crash points that never fired: {}", unfired.join(", "));
    }
    Ok(())
}
