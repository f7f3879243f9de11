//! Child processes that do not outlive the chore, and their memory use.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock;
use crate::command::show;

/// A child that is killed with all its descendants when this goes out of scope.
pub(crate) struct Guard {
    child: Child,
    shown: String,
}

impl Guard {
    /// Starts a command with an empty stdin.
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let shown = show(command);
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot run `{shown}`"))?, shown })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its status once it has ended.
    pub(crate) fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for `{}`", self.shown))
    }

    /// Waits for the end; an error at the deadline.
    pub(crate) fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        match clock::poll(limit, Duration::from_millis(2), || self.try_wait())? {
            Some(status) => Ok(status),
            None => bail!("`{}` was still running after {} s", self.shown, limit.as_secs()),
        }
    }

    /// Sends SIGKILL and returns the exit status.
    pub(crate) fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill().with_context(|| format!("cannot kill `{}`", self.shown))?;
        Ok(self.child.wait()?)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        let pid = self.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status()?;
        if !status.success() {
            bail!("cannot send SIGTERM to `{}`", self.shown);
        }
        Ok(())
    }

    /// Largest resident memory so far, bytes; `None` once it has ended.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// Resident memory, bytes; `None` once it has ended.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        for pid in descendants(self.child.id()) {
            let pid = pid.to_string();
            let _ = Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes that descend from `pid`, children before grandchildren.
fn descendants(pid: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes: Vec<(u32, u32)> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// The parent of a process. The name before it in `stat` can contain spaces and parentheses.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_takes_grandchildren_with_it() {
        let guard = Guard::spawn(Command::new("sh").args(["-c", "sleep 600 & wait"])).unwrap();
        let shell = guard.id();
        let (limit, step) = (Duration::from_secs(10), Duration::from_millis(5));
        let sleeper = clock::poll(limit, step, || Ok(descendants(shell).first().copied()))
            .unwrap()
            .expect("the shell starts its child");
        assert!(guard.peak_bytes().unwrap() > 0);
        drop(guard);
        let gone = clock::poll(limit, step, || {
            let state = fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            Ok((state.is_empty() || state.contains(") Z")).then_some(()))
        });
        assert!(gone.unwrap().is_some(), "the grandchild {sleeper} still runs");
    }
}
