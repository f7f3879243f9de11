//! The steps of `cargo xtask test`, in the order in which they run: cheap ones first, and those
//! that need the built program after the one that builds it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::setup::{self, Need};
use super::{browser, readme};
use crate::chaos::{self, ChaosArgs};
use crate::command::{self, Log, cargo};
use crate::{bench, place, program};

/// One step.
pub(super) struct Step {
    /// Its name for `--only`.
    pub(super) name: &'static str,
    /// What it checks, in a few words.
    pub(super) about: &'static str,
    /// What it needs in addition to Rust.
    pub(super) needs: &'static [Need],
    /// Runs it.
    pub(super) run: fn(&Log) -> anyhow::Result<()>,
}

/// Building the program with its page needs the page's packages.
const PAGE: &[Need] = &[Need::Packages];

/// The grammar step also needs the package to compare with.
const GRAMMAR: &[Need] = &[Need::Packages, Need::TwitterText];

/// Counts instructions.
const VALGRIND: &[Need] = &[Need::Valgrind];

/// All of them.
pub(super) const STEPS: &[Step] = &[
    step("fmt", "formatting of all Rust code", &[], fmt),
    step("clippy", "lints of all Rust code, warnings denied", PAGE, clippy),
    step("deny", "licences, banned crates, origins; advisories", &[Need::CargoDeny], deny),
    step("aarch64", "the portable crates compile for aarch64", &[], aarch64),
    step("build", "the program and all tests, development profile", PAGE, build),
    step("tidy", "house rules: sizes, floors, docs, fixtures", PAGE, tidy),
    step("test", "unit, integration and doc tests", PAGE, test),
    step("simd", "tests of text and JSON without AVX-512, and without any AVX", &[], simd),
    step("grammar", "the hashtag grammar compared with twitter-text", GRAMMAR, grammar),
    step("docs", "documentation builds, warnings denied", PAGE, docs),
    step("readme", "every command of README.md exists", PAGE, readme::check),
    step("web-lint", "lints of the page", PAGE, |log| npm(log, &["run", "lint"])),
    step("web-check", "types of the page", PAGE, |log| npm(log, &["run", "check"])),
    step("web-test", "unit tests of the page", PAGE, |log| npm(log, &["run", "test"])),
    step("browser", "the page in a real browser", &[Need::Packages, Need::Browser], browser::check),
    step(
        "instructions",
        "the hot path takes as many instructions as it did",
        VALGRIND,
        instructions,
    ),
    step(
        "chaos",
        "kill -9 on file and generator: no post lost or counted twice",
        PAGE,
        chaos_holds,
    ),
    step("chaos-planted", "the same finds a planted bug", PAGE, chaos_finds),
    step(
        "interop",
        "side by side with the original, and with public clients of the platforms",
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

/// Advisories need a database from the network; everything else is checked without.
fn deny(log: &Log) -> anyhow::Result<()> {
    let deny = || Command::new(setup::cargo_deny().unwrap_or_else(|| "cargo-deny".into()));
    let mut check = vec!["bans", "licenses", "sources"];
    if log.status(deny().current_dir(place::root()).args(["fetch", "db"]), MINUTE)?.success() {
        check.push("advisories");
    } else {
        log.note("advisories were not checked: their database cannot be fetched");
    }
    let mut deny = deny();
    log.run(deny.current_dir(place::root()).arg("check").args(check), 2 * MINUTE)
}

/// The crates without C code; the others need a C compiler for the target.
fn aarch64(log: &Log) -> anyhow::Result<()> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    let libdir = command::output(Command::new("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]));
    let libdir = libdir.ok().and_then(|path| String::from_utf8(path).ok());
    if !libdir.is_some_and(|path| Path::new(path.trim()).is_dir()) {
        log.note(format!("not checked: install it with `rustup target add {TARGET}`"));
        return Ok(());
    }
    let words = ["check", "--target", TARGET, "-p", "tagtide-simd", "-p", "tagtide-extract"];
    log.run(&mut cargo(&words), 20 * MINUTE)
}

/// Runs what depends on vector code with less than the processor has.
fn simd(log: &Log) -> anyhow::Result<()> {
    let crates = ["-p", "tagtide-simd", "-p", "tagtide-extract", "-p", "tagtide-posts"];
    for level in ["portable", "avx2"] {
        let mut cargo = cargo(&["test", "--lib"]);
        log.run(cargo.args(crates).env("TAGTIDE_SIMD", level), 30 * MINUTE)?;
    }
    Ok(())
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

/// npm with these arguments, in web/.
pub(super) fn npm(log: &Log, words: &[&str]) -> anyhow::Result<()> {
    let mut npm = Command::new("npm");
    log.run(npm.current_dir(place::root().join("web")).args(words), 10 * MINUTE)
}

/// Compares the hashtag grammar with the package that defines it.
fn grammar(log: &Log) -> anyhow::Result<()> {
    let mut cargo = cargo(&["test", "--workspace", "--test", "twitter_text", "--", "--ignored"]);
    log.run(cargo.env("TWITTER_TEXT_DIR", setup::twitter_text_dir()), 30 * MINUTE)
}

fn interop(log: &Log) -> anyhow::Result<()> {
    let mut python = Command::new(place::python());
    python.current_dir(place::root()).arg("tests/interop/run_interop.py");
    let tagtide = program::debug_build(log)?;
    python.arg("--tagtide").arg(&tagtide);
    log.run(&mut python, 15 * MINUTE)?;
    // Our fake servers, checked by clients that others wrote.
    let mut python = Command::new(place::python());
    python.current_dir(place::root()).args(["tests/interop/run_x.py", "--tagtide"]).arg(&tagtide);
    log.run(&mut python, 5 * MINUTE)?;
    let clients = ["tweepy", "mastodon_py", "atproto"];
    let words = [&["test", "--test", "live", "--", "--ignored"], &clients[..]].concat();
    let mut cargo = cargo(&words);
    log.run(cargo.env("TAGTIDE_PYTHON", place::python()), 30 * MINUTE)
}

fn instructions(log: &Log) -> anyhow::Result<()> {
    bench::instructions(log, false).map(drop)
}

fn chaos_holds(log: &Log) -> anyhow::Result<()> {
    chaos::run_logged(log, &ChaosArgs::brief(false))
}

fn chaos_finds(log: &Log) -> anyhow::Result<()> {
    chaos::run_logged(log, &ChaosArgs::brief(true))
}
