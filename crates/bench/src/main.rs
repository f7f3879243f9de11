//! Measurements of tagtide that link its own parts: the program itself has no commands for them.
//!
//! `cargo xtask bench` builds this binary, runs it and puts the figures together.

#![forbid(unsafe_code)]

mod checkpoint;
mod input;
mod instructions;
mod quality;
mod random;
mod ranking;
mod scan;
mod times;

use clap::{Parser, Subcommand};

/// Measurements of tagtide's own parts.
#[derive(Parser)]
#[command(name = "tagtide-bench")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read a file and find its tags, without counting them
    Scan(scan::Args),
    /// Commit and recover a state of many tags
    Checkpoint(checkpoint::Args),
    /// Rank many live tags in all modes
    Rank(ranking::Args),
    /// Judge the rankings on benchmarks with a known answer
    Quality(quality::Args),
    /// Run one case whose instructions callgrind counts, or list the cases
    Instructions(instructions::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Scan(args) => scan::run(&args),
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Rank(args) => ranking::run(&args),
        Command::Quality(args) => quality::run(&args),
        Command::Instructions(args) => instructions::run(&args),
    }
}
