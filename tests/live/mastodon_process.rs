//! `tagtide run` and `doctor` of Mastodon as a process: words, exit codes, kill -9, and no token
//! anywhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::mastodon_sim::{Instance, Manners, TOKEN};
use crate::running::Running;
use crate::support::until;
use crate::toots::Toots;
use crate::world::Chance;

const NAME: &str = "TAGTIDE_TEST_TOKEN";

fn toots(count: usize) -> Arc<Toots> {
    Arc::new(Toots::new(51, count, 1, false))
}

/// A job on `of`, in `dir`; its path.
fn job(dir: &Path, of: &Instance, keys: &str) -> String {
    let path = dir.join("job.toml");
    let text = format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\nkind = \"mastodon\"\n\
         instance = \"{}\"\n{keys}\n",
        of.url()
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn tagtide(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(args).env("TAGTIDE_LOG", "trace").env(NAME, TOKEN).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(job: &str, state: &str, args: &[&str]) -> Command {
    let mut command = tagtide(&["run", job, "--state-dir", state, "--hurry", "200"]);
    command.args(args);
    command
}

fn printed(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    out + &String::from_utf8_lossy(&output.stderr)
}

/// Everything that lies in `dir`, as one text.
fn everything_in(dir: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => everything_in(&entry.path(), into),
            false => into.extend(std::fs::read(entry.path()).unwrap()),
        }
    }
}

fn has_token(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, TOKEN.as_bytes()).is_some()
}

fn ask(addr: &str, path: &str) -> String {
    let mut connection = std::net::TcpStream::connect(addr).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn end(mut child: Running, signal: Signal) -> Output {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    drop(child.stdin.take());
    child.output()
}

#[test]
fn refused_credentials_end_with_5_and_the_token_is_not_repeated() {
    let of = Instance::start(&toots(10), 1, Manners::default());
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").display().to_string();
    let job = job(dir.path(), &of, &format!("token_env = \"{NAME}\""));
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let body = format!("{{\"error\":\"{TOKEN} may not read this\"}}");
        of.manners(|manners| manners.refusals.push_back((status, String::new(), body)));
        let output = run(&job, &state, &["--listen", "none"]).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(5), "{printed}");
        let refusal = format!("HTTP {status}: *** may not read this");
        assert!(printed.contains(&refusal) && printed.contains("read:statuses"), "{printed}");
        assert!(!printed.contains(TOKEN), "{printed}");
    }
    // Without a token the timeline says no.
    let job = self::job(dir.path(), &of, "");
    let output = run(&job, &state, &["--listen", "none"]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(5), "{printed}");
    assert!(
        printed.contains("requires an authenticated user") && printed.contains("token_env"),
        "{printed}"
    );
}

#[test]
fn the_token_is_in_no_log_metric_answer_command_line_or_file() {
    let toots = toots(400);
    let of = Instance::start(&toots, 1, Manners { cut_within: 40, ..Manners::default() });
    let limited = format!("{{\"error\":\"slow down, {TOKEN}\"}}");
    let refusal = ("429 Too Many Requests", String::new(), limited);
    of.manners(|manners| manners.refusals.push_back(refusal.clone()));
    of.manners(|manners| manners.timeline_refusals.push_back(refusal));
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let job = job(dir.path(), &of, &format!("token_env = \"{NAME}\""));
    let addr = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        probe.local_addr().unwrap().to_string()
    };
    let mut command = run(&job, &state.display().to_string(), &["--listen", &addr]);
    // A pipe without a reader would block it.
    let log = dir.path().join("log");
    command.stdout(std::fs::File::create(dir.path().join("out")).unwrap());
    let child = Running::start(command.stderr(std::fs::File::create(&log).unwrap()));
    until("a stream is open", || of.listeners() > 0);
    of.release(400);
    until("everything has happened", || of.is_done() && of.cuts() > 3);
    let pages: String = ["/api/v1/status", "/metrics", "/api/v1/trends", "/api/v1/openapi.json"]
        .map(|path| ask(&addr, path))
        .concat();
    assert!(pages.contains("mastodon public") && !pages.contains(TOKEN), "{pages}");
    let line = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
    assert!(end(child, Signal::TERM).status.success());
    let printed = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
    assert!(printed.contains("slow down, ***"), "the answer without the token: {printed}");
    assert!(!printed.contains(TOKEN), "{printed}");
    let mut kept = std::fs::read(dir.path().join("out")).unwrap();
    everything_in(&state, &mut kept);
    assert!(!kept.is_empty() && !has_token(&kept) && !has_token(&line));
    assert!(of.requests().iter().any(|(_, token)| *token), "it was sent, all the same");
}

#[test]
fn doctor_says_whose_the_token_is_and_who_may_read() {
    let of = Instance::start(&toots(10), 1, Manners::default());
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").display().to_string();
    let job = job(dir.path(), &of, &format!("token_env = \"{NAME}\""));
    let doctor = |name: &str| {
        let mut command = tagtide(&["doctor", &job, "--state-dir", &state]);
        printed(&command.env(NAME, name).output().unwrap())
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let words = doctor(TOKEN);
    for wanted in ["HTTP 200 OK: it is that of @me", "local authenticated", "public opens"] {
        assert!(words.contains(wanted), "no `{wanted}` in {words}");
    }
    let words = doctor("another");
    for wanted in ["HTTP 401 Unauthorized: The access token is invalid", "Missing access token"] {
        assert!(words.contains(wanted), "no `{wanted}` in {words}");
    }
    assert!(!words.contains(TOKEN), "{words}");
}

#[test]
fn kill9_loses_no_post_where_the_timeline_can_be_read() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) = (number("TAGTIDE_KILLS").unwrap_or(8), number("TAGTIDE_SEED").unwrap_or(1));
    let mut chance = Chance(seed);
    let count = 200 + 60 * usize::try_from(kills).unwrap();
    let toots = Arc::new(Toots::new(seed, count, 200, false));
    let manners = Manners { cut_within: 300, away_within: 12, ..Manners::default() };
    let of = Instance::start(&toots, 1, manners);
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").display().to_string();
    let summary = dir.path().join("summary.json");
    let job = job(dir.path(), &of, &format!("token_env = \"{NAME}\""));
    let args = ["--listen", "none", "--json", "--summary", &summary.display().to_string()];
    let start = || {
        let mut command = run(&job, &state, &args);
        command.env("TAGTIDE_LOG", "warn").env("TAGTIDE_SNAPSHOT_LOG_BYTES", "4096");
        command.stderr(Stdio::null());
        command
    };
    // The first start begins with what comes next, and is calm, so that it knows where that was.
    let first = Running::start(start().stdout(Stdio::null()));
    until("a stream is open", || of.listeners() > 0);
    of.release(20);
    until("everything has happened", || of.is_done());
    assert!(end(first, Signal::TERM).status.success());
    for kill in 1..=kills {
        let mut command = start();
        let mut child = Running::start(command.stdout(Stdio::null()));
        of.release(60 * usize::try_from(kill).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(100 + chance.below(500)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = Running::start(&mut start());
    of.release(count);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let posts = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&posts);
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let ranking: serde_json::Value = serde_json::from_str(&line).unwrap();
            seen.store(ranking["posts"].as_u64().unwrap(), Ordering::SeqCst);
        }
    });
    until(&format!("{count} posts are counted, seed {seed}"), || {
        posts.load(Ordering::SeqCst) == count as u64
    });
    assert!(end(child, Signal::TERM).status.success());
    reader.join().unwrap();
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    let rows = summary["trends"].as_array().unwrap().iter();
    let counted: std::collections::BTreeMap<_, _> = rows
        .map(|row| (row["tag"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(counted, toots.totals_of(|_| true), "seed {seed}, {kills} kills");
}
