//! Builds the live page into `$OUT_DIR/page`, where the feature `page` embeds it from.
//!
//! Does nothing without that feature. Writes only `web/node_modules` and `$OUT_DIR`. With
//! `TAGTIDE_PAGE_DIR` set, uses the page in that directory and needs no npm.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

/// Oldest Node.js on which the page's build tool runs.
const NODE_MIN: (u32, u32) = (20, 19);

/// Inputs of the page, without `node_modules`, which npm touches in each run.
const INPUTS: [&str; 8] = [
    "src",
    "index.html",
    "package.json",
    "package-lock.json",
    ".npmrc",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
];

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TAGTIDE_PAGE_DIR");
    if env::var_os("CARGO_FEATURE_PAGE").is_none() {
        return ExitCode::SUCCESS;
    }
    match page() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Puts the page into `$OUT_DIR/page`.
fn page() -> Result<(), String> {
    let out = cargo_dir("OUT_DIR")?.join("page");
    if let Some(dir) = env::var_os("TAGTIDE_PAGE_DIR").filter(|dir| !dir.is_empty()) {
        return prebuilt(Path::new(&dir), &out);
    }
    let web = cargo_dir("CARGO_MANIFEST_DIR")?.join("web");
    for input in INPUTS {
        println!("cargo:rerun-if-changed=web/{input}");
    }
    node_is_new_enough()?;
    install(&web)?;
    let mut build = npm(&web, &["run", "build"]);
    run(build.env("TAGTIDE_PAGE_OUT", &out))?;
    if out.join("index.html").is_file() {
        return Ok(());
    }
    Err(format!("build the page: npm left no `{}`", out.join("index.html").display()))
}

fn cargo_dir(name: &str) -> Result<PathBuf, String> {
    let dir = env::var_os(name).ok_or_else(|| format!("build the page: `{name}` is not set"))?;
    Ok(PathBuf::from(dir))
}

/// Copies a prebuilt page.
fn prebuilt(dir: &Path, out: &Path) -> Result<(), String> {
    println!("cargo:rerun-if-changed={}", dir.display());
    if !dir.join("index.html").is_file() {
        return Err(format!(
            "take the page from TAGTIDE_PAGE_DIR: no `index.html` in `{}`\n\
             help: build it by `npm run build` in `web`, or unset TAGTIDE_PAGE_DIR",
            dir.display()
        ));
    }
    let failed = |error: io::Error| format!("copy the page from `{}`: {error}", dir.display());
    match fs::remove_dir_all(out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => copy(dir, out).map_err(failed),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The error for a missing or too old npm or Node.js.
fn without_node(problem: impl Display) -> String {
    let (major, minor) = NODE_MIN;
    format!(
        "build the page: {problem}\n\
         help: install Node.js {major}.{minor} or newer with npm (https://nodejs.org), or build \
         without the page by `--no-default-features`"
    )
}

fn node_is_new_enough() -> Result<(), String> {
    let answer = Command::new("node")
        .arg("--version")
        .output()
        .map_err(|error| without_node(format!("`node --version` cannot be run: {error}")))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let version = text.trim();
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= NODE_MIN => Ok(()),
        (Some(Ok(_)), Some(Ok(_))) => Err(without_node(format!("Node.js {version} is too old"))),
        _ => Err(without_node(format!("`node --version` answered `{version}`"))),
    }
}

/// Installs the packages for the build, unless they are installed.
fn install(web: &Path) -> Result<(), String> {
    let modified = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified());
    let lock = web.join("package-lock.json");
    let wanted = modified(&lock).map_err(|error| format!("read `{}`: {error}", lock.display()))?;
    let installed = web.join("node_modules");
    // npm writes this list last: if it is older or missing, the installation is incomplete.
    if modified(&installed.join(".package-lock.json")).is_ok_and(|time| time >= wanted) {
        return Ok(());
    }
    let mut ci = npm(web, &["ci", "--no-audit", "--no-fund"]);
    // The packages for tests are four times the size; if they are installed they stay.
    if !installed.join("vitest").is_dir() {
        ci.arg("--omit=dev");
    }
    run(&mut ci).map_err(|problem| {
        format!(
            "{problem}\nhelp: the first build reads the page's packages from the network; behind \
             a proxy set npm_config_proxy, or build without the page by `--no-default-features`"
        )
    })
}

fn npm(web: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(web).args(args).env("npm_config_update_notifier", "false");
    command
}

/// Runs `command`. Its output is shown only if it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "`");
    let answer =
        command.output().map_err(|error| without_node(format!("npm cannot be run: {error}")))?;
    if answer.status.success() {
        return Ok(());
    }
    Err(format!(
        "build the page: {shown} ended with {}\n{}{}",
        answer.status,
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr),
    ))
}
