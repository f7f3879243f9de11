//! Commands whose output goes to a log file, with a deadline.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process::Guard;
use crate::{clock, place};

/// How much of a failed command's output is shown.
const SHOWN_MAX_LINES: usize = 400;

/// The log of everything that runs under one name, in `target/xtask/<name>.log`.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    notes: Mutex<Vec<String>>,
}

impl Log {
    /// Starts an empty log.
    pub(crate) fn create(name: &str) -> anyhow::Result<Self> {
        let dir = place::target().join("xtask");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
        let path = dir.join(format!("{name}.log"));
        let file =
            File::create(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
        Ok(Self { path, file, notes: Mutex::default() })
    }

    /// Runs a command to its end; its output goes to the log. An error unless it exits with 0.
    pub(crate) fn run(&self, command: &mut Command, limit: Duration) -> anyhow::Result<()> {
        let shown = show(command);
        let status = self.status(command, limit)?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Like [`Log::run`], but returns any exit status.
    pub(crate) fn status(
        &self,
        command: &mut Command,
        limit: Duration,
    ) -> anyhow::Result<ExitStatus> {
        let shown = show(command);
        command.stdout(self.file.try_clone()?).stderr(self.file.try_clone()?);
        let mut guard = Guard::spawn(command)?;
        let step = Duration::from_millis(50);
        match clock::poll(limit, step, || guard.try_wait())? {
            Some(status) => Ok(status),
            None => bail!("`{shown}` was still running after {} s", limit.as_secs()),
        }
    }

    /// Adds a line that is printed even if all goes well, such as what could not be checked.
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.lock_notes().push(note.into());
    }

    /// The notes.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.lock_notes().clone()
    }

    fn lock_notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last lines of the log.
    pub(crate) fn tail(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_MAX_LINES)..].join("\n")
    }
}

/// Runs a command and returns its stdout; an error unless it exits with 0.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let shown = show(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}\n{}", output.status, stderr.trim_end());
    }
    Ok(output.stdout)
}

/// A command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// `cargo` with these arguments, in the repository.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(place::root()).args(words);
    command
}
