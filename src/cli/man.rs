//! `man`: prints the man page, or writes one page per command to a directory.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::exit::{FAILED, Failure, Outcome};

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Directory for `tagtide.1`, `tagtide-run.1` and so on [default: print tagtide.1]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, command: clap::Command) -> Outcome {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        return clap_mangen::Man::new(command)
            .render(&mut page)
            .and_then(|()| std::io::Write::write_all(&mut std::io::stdout(), &page))
            .map_err(|error| Failure::stdout(&error));
    };
    std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir)).map_err(
        |error| {
            let dir = dir.display();
            Failure::new(FAILED, format_args!("cannot write man pages to `{dir}`: {error}"))
        },
    )
}
