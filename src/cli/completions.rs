//! `completions`: prints a completion script for a shell.

use clap::Args as ClapArgs;
use clap_complete::Shell;

use super::exit::{Failure, Outcome};

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Shell
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: clap::Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "tagtide", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script)
        .map_err(|error| Failure::stdout(&error))
}
