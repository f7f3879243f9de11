//! `tagtide-bench`, which measures parts of the program from inside.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{clock, command};

/// The binary that measures the parts of one program.
pub(super) struct Parts {
    binary: PathBuf,
    /// What its commands begin with.
    prefix: &'static str,
}

impl Parts {
    /// `tagtide-bench` in the folder of the program. Programs of before it have these commands
    /// themselves, under other names.
    pub(super) fn of(program: &Path) -> Self {
        let beside = program.with_file_name("tagtide-bench");
        if beside.is_file() {
            Self { binary: beside, prefix: "" }
        } else {
            Self { binary: program.to_owned(), prefix: "bench-" }
        }
    }

    /// The command `name`.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(format!("{}{name}", self.prefix));
        command
    }

    /// Runs the command `name`, and returns what it prints.
    pub(super) fn output(&self, name: &str) -> anyhow::Result<String> {
        let began = clock::monotonic();
        let output = command::output(&mut self.command(name))?;
        eprintln!("{name}: {:.1} s", began.elapsed().as_secs_f64());
        Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
    }
}
