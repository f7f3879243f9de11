//! Repository chores: `cargo xtask test`, `bench`, `chaos`, `interop`, `quality`.
//!
//! Drives cargo, npm, Python and the program itself from outside. It never links the program, so
//! that it checks what a user runs. Reading `/proc` needs Linux.

mod bench;
mod chaos;
mod clock;
mod command;
mod http;
mod interop;
mod place;
mod process;
mod program;
mod quality;
mod random;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Set up what the tests need, and run all of them.
    Test(test::TestArgs),
    /// Measure speed, memory, checkpoint and latency; print a table for docs/performance.md.
    Bench(bench::BenchArgs),
    /// Kill the program repeatedly, and compare its counts with an independent recount.
    Chaos(chaos::ChaosArgs),
    /// Run the program against real servers, built from their pinned sources.
    Interop(interop::InteropArgs),
    /// Judge the rankings on benchmarks with a known answer; print the tables of docs/ranking.md.
    Quality(quality::QualityArgs),
}

fn main() -> ExitCode {
    let result = match Args::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Chaos(args) => chaos::run(&args),
        Chore::Interop(args) => interop::run(&args),
        Chore::Quality(args) => quality::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
