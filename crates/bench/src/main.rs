//! Measurements of tagtide that link its own parts: the program itself has no commands for them.
//!
//! `cargo xtask bench` builds this binary, runs it and puts the figures together.

#![forbid(unsafe_code)]

mod instructions;

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
    /// Run one case whose instructions callgrind counts, or list the cases
    Instructions(instructions::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Instructions(args) => instructions::run(&args),
    }
}
