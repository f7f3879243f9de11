//! The page in a real browser: tests/browser/ under Node's own test runner.
//!
//! All tests run against a stand-in server and the page as npm builds it. Those that must hold on
//! any server also run against the program itself, and so does the form that asks for the token,
//! against a program that other machines can reach. Screenshots are written to
//! `target/xtask/shots/`.

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

/// The file that also runs against the program.
const SMOKE: &str = "smoke.test.mjs";
/// The file that runs only against a program with a token.
const LOGIN: &str = "login.test.mjs";
const TOKEN: &str = "of the browser's test";

const LIMIT: Duration = Duration::from_secs(600);

/// Runs all of them.
pub(super) fn check(log: &Log) -> anyhow::Result<()> {
    npm(log, &["run", "build"])?;
    let dir = place::root().join("tests/browser");
    let mut stand_in = node(&test_files(&dir)?);
    stand_in.env("TAGTIDE_SHOTS", place::target().join("xtask/shots"));
    log.run(&mut stand_in, LIMIT).context("against the stand-in server")?;

    let program = program::debug_build(log)?;
    for (file, host, token) in [(SMOKE, "127.0.0.1", None), (LOGIN, "0.0.0.0", Some(TOKEN))] {
        let port = free_port()?;
        let _demo = demo(&program, &format!("{host}:{port}"), port, token)?;
        let mut node = node(&[dir.join(file)]);
        node.env("TAGTIDE_URL", format!("http://127.0.0.1:{port}")).envs(variable(token));
        log.run(&mut node, LIMIT).with_context(|| format!("{file} against the program itself"))?;
    }
    Ok(())
}

fn variable(token: Option<&str>) -> Option<(&str, &str)> {
    token.map(|token| ("TAGTIDE_TOKEN", token))
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
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs") && !file.ends_with(LOGIN));
    files.sort();
    if files.is_empty() {
        bail!("no test files in `{}`", dir.display());
    }
    Ok(files)
}

/// Starts `tagtide demo` and waits until it is ready.
fn demo(program: &Path, listen: &str, port: u16, token: Option<&str>) -> anyhow::Result<Guard> {
    let mut demo = Command::new(program);
    demo.args(["demo", "--quiet", "--past", "1m", "--listen", listen]).envs(variable(token));
    let mut guard = Guard::spawn(demo.stdout(Stdio::null()))?;
    // Only `/healthz` needs no token.
    let path = if token.is_some() { "/healthz" } else { "/readyz" };
    let ready = clock::poll(Duration::from_secs(30), Duration::from_millis(50), || {
        if let Some(status) = guard.try_wait()? {
            bail!("`tagtide demo` ended with {status}");
        }
        Ok(http::open(port, path).ok())
    })?;
    ready.context("`tagtide demo` was not ready after 30 s")?;
    Ok(guard)
}
