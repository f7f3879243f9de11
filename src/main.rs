//! The binary: parses the command line and calls `cli`; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    tagtide::cli::main()
}
