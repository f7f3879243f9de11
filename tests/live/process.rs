//! `tagtide run` of live sources as a process: exit codes, words, kill -9.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::running::Running;
use crate::sim::{Manners, Sim};
use crate::support::until;
use crate::world::{Chance, World};

fn tagtide(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(args).env_remove("TAGTIDE_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A proxy that refuses every connection and notes where they were to go.
fn proxy(answer: &'static str) -> (String, crossbeam_channel::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = format!("http://{}", listener.local_addr().unwrap());
    let (to, asked) = crossbeam_channel::bounded(100);
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let _ = reader.read_line(&mut line);
            let mut rest = String::new();
            while reader.read_line(&mut rest).is_ok_and(|read| read > 2) {
                rest.clear();
            }
            let _ = connection.write_all(answer.as_bytes());
            if to.send(line).is_err() {
                return;
            }
        }
    });
    (addr, asked)
}

/// The first lines of its log until one holds `what`.
fn log_until(child: &mut Child, what: &str) -> String {
    let mut printed = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    while !printed.contains(what) {
        assert!(log.read_line(&mut printed).unwrap() > 0, "it ended with: {printed}");
    }
    printed
}

#[test]
fn run_alone_is_bluesky_and_says_what_it_tried() {
    let (proxy, asked) = proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().display().to_string();
    let mut command = tagtide(&["run", "--listen", "none", "--state-dir", &state]);
    command.env("HTTPS_PROXY", &proxy).env_remove("NO_PROXY").env_remove("no_proxy");
    let mut child = Running::start(&mut command);
    let printed = log_until(&mut child, "help: ");
    child.kill().unwrap();
    child.wait().unwrap();
    for host in ["jetstream.us-east.bsky.network", "jetstream.us-west.bsky.network"] {
        let line = asked.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(line.starts_with(&format!("CONNECT {host}:443 ")), "{line}");
        assert!(printed.contains(host), "{printed}");
    }
    assert!(printed.contains("tagtide demo") && printed.contains("HTTPS_PROXY"), "{printed}");
}

#[test]
fn refused_credentials_end_the_run_with_5() {
    let world = Arc::new(World::new(1, 10, 1_783_175_888_000_000, 1_000));
    let refused = ("401 Unauthorized", String::new(), "{\"error\":\"AuthRequired\"}".to_owned());
    let manners = Manners { refusals: [refused].into(), ..Manners::default() };
    let sim = Sim::start(&world, 1, manners);
    let dir = tempfile::tempdir().unwrap();
    let job = dir.path().join("job.toml");
    let source = format!("[[source]]\nkind = \"jetstream\"\nhosts = [\"{}\"]\n", sim.host());
    std::fs::write(&job, source).unwrap();
    let job = job.display().to_string();
    let output =
        tagtide(&["run", &job, "--listen", "none", "--state-dir", "none"]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{printed}");
    assert!(printed.contains("AuthRequired"), "{printed}");
}

/// Kills of each wire; `TAGTIDE_KILLS` asks for a campaign, `TAGTIDE_SEED` for another one.
fn kills() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("TAGTIDE_KILLS").unwrap_or(8), number("TAGTIDE_SEED").unwrap_or(1))
}

/// A campaign on one wire: where things lie.
struct Killed {
    job: PathBuf,
    state: PathBuf,
    summary: PathBuf,
}

impl Killed {
    fn command(&self) -> Command {
        let mut command = tagtide(&["run", "--listen", "none", "--json", "--hurry", "200"]);
        command.arg(&self.job).arg("--state-dir").arg(&self.state);
        command.arg("--summary").arg(&self.summary);
        command.env("TAGTIDE_SNAPSHOT_LOG_BYTES", "4096").stderr(Stdio::null());
        command
    }

    /// The last life: until everything is counted, then a calm end.
    fn finish(&self, sim: &Sim, posts: u64) -> Value {
        let mut child = Running::start(&mut self.command());
        let out = BufReader::new(child.stdout.take().unwrap());
        let counted = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&counted);
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let ranking: Value = serde_json::from_str(&line).unwrap();
                seen.store(ranking["posts"].as_u64().unwrap(), Ordering::SeqCst);
            }
        });
        until("the last event was sent", || sim.all_sent());
        until(&format!("{posts} posts are counted"), || counted.load(Ordering::SeqCst) == posts);
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
        reader.join().unwrap();
        serde_json::from_slice(&std::fs::read(&self.summary).unwrap()).unwrap()
    }
}

fn crash_points() -> Vec<String> {
    let output = tagtide(&["crash-points"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// kill -9 at random moments and at crash points, through cuts: nothing lost, nothing double.
fn kill9(wire: &str, dir: &Path) {
    let (kills, seed) = kills();
    let mut chance = Chance(seed);
    let points = crash_points();
    // A life reads some hundred events before it is killed.
    let events = 2_000 + 300 * usize::try_from(kills).unwrap();
    let start_us = tagtide_posts::clock::Clock::System.now().0 * 1000 - events as i64 * 1_000;
    let world = Arc::new(World::new(seed, events, start_us, 1_000));
    let pace = Duration::from_millis(1);
    let manners = Manners { cut_within: 300, live_from: Some(0), pace, ..Manners::default() };
    let sim = Sim::start(&world, 1_000, manners);
    let text = format!(
        "name = \"killed\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = \
         [\"total\", \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\n\
         kind = \"jetstream\"\nwire = \"{wire}\"\nhosts = [\"{}\"]\n",
        sim.host()
    );
    let killed = Killed {
        job: dir.join("job.toml"),
        state: dir.join("state"),
        summary: dir.join("summary.json"),
    };
    std::fs::write(&killed.job, text).unwrap();
    let mut crashed = 0;
    for _ in 0..kills {
        let mut command = killed.command();
        command.stdout(Stdio::null());
        if chance.below(2) == 0 {
            let point = &points[chance.below(points.len() as u64) as usize];
            command.env("TAGTIDE_CRASH_AT", format!("{point}:{}", 1 + chance.below(3)));
        }
        let mut child = Running::start(&mut command);
        std::thread::sleep(Duration::from_millis(100 + chance.below(500)));
        // A crash point counts only if the process died there.
        crashed += u32::from(child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(crashed > 0 || kills < 20, "no crash point fired");
    sim.forget_all_sent();
    sim.manners(|manners| (manners.pace, manners.cut_within) = (Duration::ZERO, 0));
    sim.hang_up();
    let summary = killed.finish(&sim, world.posts());
    let rows = summary["trends"].as_array().unwrap().iter();
    let counted = rows.map(|row| (row["tag"].as_str().unwrap().to_owned(), row["count"].as_u64()));
    let counted: std::collections::BTreeMap<_, _> = counted.collect();
    let wanted = world.totals().into_iter().map(|(tag, count)| (tag, Some(count)));
    assert_eq!(counted, wanted.collect(), "{wire}, seed {seed}, {kills} kills");
}

#[test]
fn kill9_on_v2_loses_nothing_and_counts_nothing_twice() {
    kill9("v2", tempfile::tempdir().unwrap().path());
}

#[test]
fn kill9_on_v1_loses_nothing_and_counts_nothing_twice() {
    kill9("v1", tempfile::tempdir().unwrap().path());
}
