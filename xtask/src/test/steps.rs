//! The steps of `cargo xtask test`, in the order in which they run: cheap ones first, and those
//! that need the built program after the one that builds it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::readme;
use super::setup::{Need, chromium};
use crate::chaos::{self, ChaosArgs};
use crate::command::{Log, cargo};
use crate::place;

/// One step.
pub(super) struct Step {
    /// What it is called with `--only`.
    pub(super) name: &'static str,
    /// What it holds, in a few words.
    pub(super) about: &'static str,
    /// What it needs beside Rust.
    pub(super) needs: &'static [Need],
    /// Does it.
    pub(super) run: fn(&Log) -> anyhow::Result<()>,
}

/// Builds the program with its page, so the page's packages have to be there before.
const PAGE: &[Need] = &[Need::Packages];

/// All of them.
pub(super) const STEPS: &[Step] = &[
    step("fmt", "formatting of all Rust code", &[], fmt),
    step("clippy", "lints of all Rust code, warnings denied", PAGE, clippy),
    step("build", "the program and all tests, development profile", PAGE, build),
    step("tidy", "house rules: sizes, floors, docs, fixtures", PAGE, tidy),
    step("test", "unit, integration and doc tests", PAGE, test),
    step("docs", "documentation builds, warnings denied", PAGE, docs),
    step("readme", "every command of README.md is known", PAGE, readme::check),
    step("web-lint", "lints of the page", PAGE, |log| npm(log, &["run", "lint"])),
    step("web-check", "types of the page", PAGE, |log| npm(log, &["run", "check"])),
    step("web-test", "unit tests of the page", PAGE, |log| npm(log, &["run", "test"])),
    step("browser", "the page in a real browser", &[Need::Packages, Need::Browser], browser),
    step("chaos", "kill -9 on file and generator: nothing lost or double", PAGE, chaos_holds),
    step("chaos-planted", "the same finds a planted bug", PAGE, chaos_finds),
    step(
        "interop",
        "side by side with the original",
        &[Need::Packages, Need::Python, Need::Java],
        interop,
    ),
];

const fn step(
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    run: fn(&Log) -> anyhow::Result<()>,
) -> Step {
    Step { name, about, needs, run }
}

const MINUTE: Duration = Duration::from_secs(60);

fn fmt(log: &Log) -> anyhow::Result<()> {
    log.run(&mut cargo(&["fmt", "--all", "--check"]), 2 * MINUTE)
        .context("help: run `cargo fmt --all`")
}

fn clippy(log: &Log) -> anyhow::Result<()> {
    let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    log.run(&mut cargo(&words), 20 * MINUTE)
}

fn build(log: &Log) -> anyhow::Result<()> {
    log.run(&mut cargo(&["build", "--workspace"]), 30 * MINUTE)?;
    log.run(&mut cargo(&["test", "--workspace", "--no-run"]), 30 * MINUTE)
}

fn tidy(log: &Log) -> anyhow::Result<()> {
    log.run(&mut cargo(&["test", "--workspace", "--test", "tidy"]), 30 * MINUTE)
}

fn test(log: &Log) -> anyhow::Result<()> {
    log.run(&mut cargo(&["test", "--workspace", "--no-fail-fast"]), 30 * MINUTE)
}

fn docs(log: &Log) -> anyhow::Result<()> {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
    log.run(doc.env("RUSTDOCFLAGS", "-D warnings"), 20 * MINUTE)
}

fn npm(log: &Log, words: &[&str]) -> anyhow::Result<()> {
    let mut npm = Command::new("npm");
    log.run(npm.current_dir(place::root().join("web")).args(words), 10 * MINUTE)
}

/// Runs every test file of tests/browser under Node's own test runner.
fn browser(log: &Log) -> anyhow::Result<()> {
    let dir = place::root().join("tests/browser");
    let entries = fs::read_dir(&dir).with_context(|| format!("no `{}`", dir.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        [".test.mjs", ".test.js", ".test.ts"].iter().any(|end| name.ends_with(end))
    });
    files.sort();
    if files.is_empty() {
        bail!("no test files in `{}`", dir.display());
    }
    let mut node = Command::new("node");
    node.current_dir(place::root()).arg("--test").args(files);
    node.env("TAGTIDE", place::tagtide("debug"));
    if let Some(browser) = chromium() {
        node.env("CHROMIUM", browser);
    }
    log.run(&mut node, 10 * MINUTE)
}

fn interop(log: &Log) -> anyhow::Result<()> {
    let mut python = Command::new(place::python());
    python.current_dir(place::root()).arg("tests/interop/run_interop.py");
    python.arg("--tagtide").arg(place::tagtide("debug"));
    log.run(&mut python, 15 * MINUTE)
}

fn chaos_holds(log: &Log) -> anyhow::Result<()> {
    chaos::run_logged(log, &ChaosArgs::brief(false))
}

fn chaos_finds(log: &Log) -> anyhow::Result<()> {
    chaos::run_logged(log, &ChaosArgs::brief(true))
}
