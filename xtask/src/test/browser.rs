//! The page in a real browser: tests/browser/ under Node's own test runner.
//!
//! All of it runs against a stand-in server and the page as npm builds it; what must hold on any
//! server runs once more against the program itself. Pictures are left in `target/xtask/shots/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::setup::chromium;
use super::steps::npm;
use crate::command::Log;
use crate::process::Guard;
use crate::program::{self, free_port};
use crate::{clock, http, place};

/// The file that runs against the program too.
const SMOKE: &str = "smoke.test.mjs";

const LIMIT: Duration = Duration::from_secs(600);

/// Runs both.
pub(super) fn check(log: &Log) -> anyhow::Result<()> {
    npm(log, &["run", "build"])?;
    let dir = place::root().join("tests/browser");
    let mut stand_in = node(&test_files(&dir)?);
    stand_in.env("TAGTIDE_SHOTS", place::target().join("xtask/shots"));
    log.run(&mut stand_in, LIMIT).context("against the stand-in server")?;

    let port = free_port()?;
    let _demo = demo(&program::debug_build(log)?, port)?;
    let mut program = node(&[dir.join(SMOKE)]);
    program.env("TAGTIDE_URL", format!("http://127.0.0.1:{port}"));
    log.run(&mut program, LIMIT).context("against the program itself")
}

fn node(files: &[PathBuf]) -> Command {
    let mut node = Command::new("node");
    node.current_dir(place::root()).arg("--test").args(files);
    if let Some(browser) = chromium() {
        node.env("CHROMIUM", browser);
    }
    node
}

fn test_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("no `{}`", dir.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    if files.is_empty() {
        bail!("no test files in `{}`", dir.display());
    }
    Ok(files)
}

/// `tagtide demo`, ready to be asked.
fn demo(program: &Path, port: u16) -> anyhow::Result<Guard> {
    let mut demo = Command::new(program);
    demo.args(["demo", "--quiet", "--past", "1m", "--listen", &format!("127.0.0.1:{port}")]);
    let mut guard = Guard::spawn(demo.stdout(Stdio::null()))?;
    let ready = clock::poll(Duration::from_secs(30), Duration::from_millis(50), || {
        if let Some(status) = guard.try_wait()? {
            bail!("`tagtide demo` ended with {status}");
        }
        Ok(http::open(port, "/readyz").ok())
    })?;
    ready.context("`tagtide demo` was not ready after 30 s")?;
    Ok(guard)
}
