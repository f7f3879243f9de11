//! The checks themselves.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use super::Finding;
use crate::cli::summary::grouped;
use tagtide_checkpoint::held_by;
use tagtide_posts::clock::Clock;
use tagtide_sources::http_client::{ROOT_VARIABLES, SYSTEM_ROOTS};

/// Less free disk than this is worth a warning.
const FREE_MIN_KB: u64 = 1 << 20;
/// 2026-01-01: a clock before it is wrong.
const CLOCK_MIN_MS: i64 = 1_767_225_600_000;

/// Ports that the program uses by default.
pub(super) fn ports() -> Vec<Finding> {
    let port = |check, addr: &str, help: &str| match TcpListener::bind(addr) {
        Ok(_) => Finding::pass(check, format!("{addr} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::warn(check, format!("{addr} is in use"), help)
        }
        Err(error) => Finding::warn(check, format!("{addr}: {error}"), help),
    };
    let page = "stop the program that serves there, or use `--listen 127.0.0.1:5002`";
    let relay = "stop the program there, or use `relay --listen 127.0.0.1:9010`";
    vec![
        port("port of the page", "127.0.0.1:5001", page),
        port("port of the relay", "127.0.0.1:9009", relay),
    ]
}

/// The state directory: whether it is writable and has space, and its newest checkpoint.
pub(super) fn state(dir: Option<&Path>) -> Vec<Finding> {
    let Some(dir) = dir else {
        let help = "set `HOME` or `XDG_STATE_HOME`, or use `--state-dir`";
        return vec![Finding::fail("state directory", "unknown", help)];
    };
    // The nearest existing directory; those below it are created when they are needed.
    let there = dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(dir);
    let shown = dir.display();
    let writable = if let Some(pid) = held_by(dir) {
        let help = "end that process before another run of this job, or use another `--state-dir`";
        Finding::warn("state directory", format!("{shown} is held by process {pid}"), help)
    } else if tempfile_in(there) {
        Finding::pass("state directory", format!("{shown} is writable"))
    } else {
        let help = "make it writable, or name another with `--state-dir`";
        Finding::fail("state directory", format!("{shown} is not writable"), help)
    };
    let disk = match free_kb(there) {
        None => Finding::warn("free disk", "unknown", "check with `df`"),
        Some(kb) if kb < FREE_MIN_KB => {
            let help = "free some space: a full disk stops the checkpoint and with it the run";
            Finding::warn("free disk", format!("{} MB", grouped(kb / 1_000)), help)
        }
        Some(kb) => Finding::pass("free disk", format!("{} MB", grouped(kb / 1_000))),
    };
    vec![writable, disk, last_checkpoint(dir)]
}

/// Whether a file can be created there; it is removed again.
fn tempfile_in(dir: &Path) -> bool {
    let probe = dir.join(format!(".tagtide-doctor-{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe).is_ok();
    made && std::fs::remove_file(&probe).is_ok()
}

/// Free space in kB according to `df`, which supports every file system.
fn free_kb(dir: &Path) -> Option<u64> {
    let text = output(Command::new("df").arg("-Pk").arg(dir))?;
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

fn last_checkpoint(dir: &Path) -> Finding {
    let newest = newest(dir, 2);
    let Some((at_ms, name)) = newest else {
        return Finding::pass("last checkpoint", "none yet");
    };
    let ago_s = (Clock::System.now().0 - at_ms) / 1_000;
    Finding::pass("last checkpoint", format!("{} s ago, {name}", ago_s.max(0)))
}

/// Modification time and path of the newest file at most `depth` directories down.
fn newest(dir: &Path, depth: u32) -> Option<(i64, String)> {
    let entries = std::fs::read_dir(dir).ok()?.flatten().take(10_000);
    entries
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            if meta.is_dir() {
                return depth.checked_sub(1).and_then(|depth| newest(&entry.path(), depth));
            }
            let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            let at = i64::try_from(since.as_millis()).ok()?;
            Some((at, entry.path().display().to_string()))
        })
        .max()
}

/// With a wrong clock every post is late or in the future.
pub(super) fn clock() -> Finding {
    let help = "set the machine's clock, and synchronise it by NTP";
    if Clock::System.now().0 < CLOCK_MIN_MS {
        return Finding::fail("clock", "the clock is in the past", help);
    }
    let asked = output(Command::new("timedatectl").args(["show", "-p", "NTPSynchronized"]));
    match asked.as_deref().map(str::trim) {
        Some("NTPSynchronized=yes") => Finding::pass("clock", "synchronised by NTP"),
        Some("NTPSynchronized=no") => Finding::warn("clock", "not synchronised by NTP", help),
        _ => Finding::pass("clock", "plausible; NTP status unknown"),
    }
}

/// Where trusted certificates come from.
pub(super) fn tls() -> Finding {
    const CHECK: &str = "TLS roots";
    let help = "install `ca-certificates`, or set `SSL_CERT_FILE`";
    let known = SYSTEM_ROOTS.iter().find(|file| Path::new(file).exists());
    for name in ROOT_VARIABLES {
        if let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) {
            let shown = value.to_string_lossy().into_owned();
            return if Path::new(&value).exists() {
                let system = known.map(|file| format!(", and {file}")).unwrap_or_default();
                Finding::pass(CHECK, format!("{name} is {shown}{system}"))
            } else {
                Finding::fail(CHECK, format!("{name} is {shown}, which does not exist"), help)
            };
        }
    }
    if cfg!(any(target_os = "macos", windows)) {
        return Finding::pass(CHECK, "the system's");
    }
    known.map_or_else(
        || Finding::warn(CHECK, "none found; https targets cannot be verified", help),
        |file| Finding::pass(CHECK, *file),
    )
}

/// Java and Spark, needed only for the original Spark job.
pub(super) fn spark() -> Vec<Finding> {
    let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let java = output(Command::new("java").arg("-version")).map(first);
    let java = java.map_or_else(
        || Finding::pass("Java", "not found; only Spark needs it (17 or newer)"),
        |version| Finding::pass("Java", version),
    );
    let ask = "import pyspark; print(pyspark.__version__)";
    let spark = output(Command::new("python3").args(["-c", ask])).map(first);
    let spark = spark.map_or_else(
        || Finding::pass("Spark", "not found; only the original job needs it"),
        |version| Finding::pass("Spark", format!("pyspark {version}")),
    );
    vec![java, spark]
}

/// The output of a program, from stdout or else stderr; `None` if it is missing or fails.
fn output(command: &mut Command) -> Option<String> {
    let out = command.stdin(Stdio::null()).env("LC_ALL", "C").output().ok()?;
    let text = if out.stdout.is_empty() { out.stderr } else { out.stdout };
    out.status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_missing_state_directory_passes() {
        let dir = tempfile::tempdir().expect("a directory");
        let findings = state(Some(&dir.path().join("a/b")));
        assert_eq!(findings[0].verdict, Verdict::Pass, "{:?}", findings[0]);
        assert_eq!(findings[2].found, "none yet");
        assert_eq!(state(None)[0].verdict, Verdict::Fail);
    }

    #[test]
    fn a_held_state_directory_is_a_warning() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        std::fs::write(&path, "12345\n").expect("a file");
        let holder = std::fs::File::open(&path).expect("it opens");
        assert_eq!(state(Some(dir.path()))[0].verdict, Verdict::Pass);
        holder.try_lock().expect("it is not locked");
        let found = &state(Some(dir.path()))[0];
        assert!(found.found.ends_with("is held by process 12345"), "{found:?}");
        assert_eq!(found.verdict, Verdict::Warn);
    }

    #[test]
    fn the_newest_file_is_found() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("job")).expect("a directory");
        std::fs::write(dir.path().join("job/log"), "x").expect("a file");
        let (_, name) = newest(dir.path(), 2).expect("a file");
        assert!(name.ends_with("job/log"), "{name}");
    }

    #[test]
    fn a_port_in_use_is_a_warning() {
        let _held = TcpListener::bind("127.0.0.1:9009");
        let finding = &ports()[1];
        assert_eq!(finding.verdict, Verdict::Warn, "{finding:?}");
        assert!(finding.help.contains("--listen"), "{finding:?}");
    }
}
