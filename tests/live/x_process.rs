//! X as a process: words, exit codes, rules, and a token that nothing shows.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::record::{source, status};
use crate::running::Running;
use crate::sim_x::{Manners, Sim, TOKEN};
use crate::support::until;
use crate::world::Chance;
use crate::x::job;

fn tagtide(args: &[&str], job: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(args).arg(job).env_remove("TAGTIDE_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn printed(output: &Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// Everything below a directory.
fn bytes_of(dir: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_of(&path, into);
        } else {
            into.extend(std::fs::read(&path).unwrap());
        }
    }
}

fn get(addr: &str, path: &str) -> String {
    let mut connection = std::net::TcpStream::connect(addr).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut connection, request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// The token in a variable: looked for in the log at its loudest, the API, the metrics, the
/// command line and every byte of the state directory.
#[test]
fn the_token_is_nowhere() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let echo = ("503 Service Unavailable", String::new(), format!("bad token {TOKEN}"));
    let manners = Manners { cut_within: 40, refusals: [echo].into(), ..Manners::default() };
    let sim = Sim::start(1, 1_000, manners);
    sim.manners(|manners| {
        let detail = format!("{{\"errors\":[{{\"title\":\"x\",\"detail\":\"{TOKEN}\"}}]}}");
        manners.first.push_back(detail);
    });
    let text = job(&sim, dir.path(), "x", "reads_max_per_day = 900");
    let text: Vec<_> = text.lines().filter(|line| !line.starts_with("token_file")).collect();
    let path = dir.path().join("job.toml");
    std::fs::write(&path, text.join("\n") + "\ntoken_env = \"X_CANARY\"\n").unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = port.to_string();
    let args = ["-vv", "run", "--hurry", "2000", "--listen", &listen];
    let mut command = tagtide(&args, &path);
    command.arg("--state-dir").arg(state.path()).env("X_CANARY", TOKEN);
    let mut child = Running::start(&mut command);
    let log = BufReader::new(child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        log.lines().map_while(Result::ok).map(|line| line + "\n").collect::<String>()
    });
    until("it has cut and gone on", || sim.cuts() > 5);
    let mut shown = get(&listen, "/api/v1/status") + &get(&listen, "/metrics");
    assert!(shown.contains("\"reads\"") && shown.contains("source_reads_today"), "{shown}");
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
    shown.push_str(&String::from_utf8_lossy(&cmdline));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let out = child.output();
    shown.push_str(&String::from_utf8_lossy(&out.stdout));
    let log = reader.join().unwrap();
    assert!(log.contains("bad token ***"), "the refusal is logged: {log}");
    shown.push_str(&log);
    let mut kept = Vec::new();
    bytes_of(state.path(), &mut kept);
    assert!(kept.len() > 100, "there is a state");
    shown.push_str(&String::from_utf8_lossy(&kept));
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(sim.requests("stream?")[0].1, format!("Bearer {TOKEN}"));
}

#[test]
fn refused_credentials_end_the_run_with_5_and_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::start(1, 10, Manners::default());
    let text = job(&sim, dir.path(), "x", "reads_max_per_day = 900");
    std::fs::write(dir.path().join("token"), "wrongcanary").unwrap();
    let path = dir.path().join("job.toml");
    std::fs::write(&path, text).unwrap();
    let run = ["run", "--listen", "none", "--state-dir", "none"];
    for args in [run.as_slice(), &["x", "rules", "list"]] {
        let output = tagtide(args, &path).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(5), "{printed}");
        assert!(printed.contains("401") && printed.contains("help: "), "{printed}");
        assert!(!printed.contains("canary"), "{printed}");
    }
}

#[test]
fn rules_are_shown_first_and_changed_with_yes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::start(1, 10, Manners::default());
    sim.put_rule("7", "#theirs", "other");
    sim.put_rule("8", "#old", "tagtide:live");
    let path = dir.path().join("job.toml");
    std::fs::write(&path, job(&sim, dir.path(), "x", "reads_max_per_day = 900")).unwrap();
    let rules = |args: &[&str]| {
        let mut all = vec!["x", "rules"];
        all.extend(args);
        let output = tagtide(&all, &path).output().unwrap();
        (output.status.code(), printed(&output))
    };
    let values = || {
        let rules = sim.rules();
        rules.iter().map(|rule| rule["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (_, listed) = rules(&["list"]);
    assert!(listed.contains("7  #theirs  [of others, other]"), "{listed}");
    let (_, dry) = rules(&["sync"]);
    let wanted = "- 8  #old\n- 7  #theirs  [of others, other]\n+ #a\n+ #b\nnothing was changed";
    assert!(dry.contains(wanted), "{dry}");
    assert_eq!(values(), ["#theirs", "#old"]);
    rules(&["add", "--yes"]);
    assert_eq!(values(), ["#theirs", "#old", "#a", "#b"]);
    rules(&["delete", "--yes", "--id", "8"]);
    assert_eq!(values(), ["#theirs", "#a", "#b"]);
    let (code, done) = rules(&["sync", "--yes"]);
    assert_eq!((code, values()), (Some(0), vec!["#a".to_owned(), "#b".to_owned()]), "{done}");
    assert!(rules(&["sync"]).1.contains("nothing to change"));
    let (code, bad) = rules(&["add", "--yes", "--rule", "bad("]);
    assert_eq!(code, Some(1), "{bad}");
    assert!(bad.contains("no viable alternative") && bad.contains("help: "), "{bad}");
    assert!(!bad.contains(TOKEN), "{bad}");
}

#[test]
fn doctor_says_what_the_server_answers() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::start(1, 10, Manners::default());
    let path = dir.path().join("job.toml");
    std::fs::write(&path, job(&sim, dir.path(), "x", "reads_max_per_day = 900")).unwrap();
    let good = printed(&tagtide(&["doctor"], &path).output().unwrap());
    assert!(good.contains("pass  X API v2: the token is accepted (HTTP 200)"), "{good}");
    assert!(sim.requests("stream?").is_empty(), "a stream would be paid for");
    std::fs::write(dir.path().join("token"), "wrong").unwrap();
    let bad = printed(&tagtide(&["doctor"], &path).output().unwrap());
    assert!(bad.contains("FAIL  X API v2:") && bad.contains("401"), "{bad}");
    std::fs::write(&path, job(&sim, dir.path(), "x-v1", "track = \"#\"")).unwrap();
    let old = printed(&tagtide(&["doctor"], &path).output().unwrap());
    assert!(old.contains("X API v1.1") && old.contains("retired"), "{old}");
}

/// A client that others wrote reads our stand-in for X as it reads X.
#[test]
#[ignore = "needs Python and tweepy; `cargo xtask test` brings both"]
fn tweepy_reads_what_our_server_sends() {
    let python = std::env::var("TAGTIDE_PYTHON").expect("TAGTIDE_PYTHON names one with tweepy");
    let sim = Sim::start(1, 1_000_000, Manners { burst: 3, ..Manners::default() });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/run_x.py");
    let mut tweepy = Command::new(python);
    tweepy.args([script, "--stream", &sim.url(), "--count", "300"]).env("X_BEARER_TOKEN", TOKEN);
    let output = tweepy.output().unwrap();
    let printed = printed(&output);
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&printed);
    assert_eq!(seen["rules"], serde_json::json!(["#tweepy"]), "{printed}");
    let ids: Vec<_> = (0..300).map(|n| (1_900_000_000_000_000_000_u64 + n).to_string()).collect();
    assert_eq!(seen["ids"], serde_json::json!(ids), "{printed}");
}

/// A run of the job, and where its page is.
fn served(path: &Path, dir: &Path) -> (Running, String) {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let page = probe.local_addr().unwrap().to_string();
    drop(probe);
    let mut command = tagtide(&["run", "--hurry", "2000", "--listen", &page], path);
    command.arg("--state-dir").arg(dir.join("state"));
    command.arg("--summary").arg(dir.join("summary.json"));
    (Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())), page)
}

/// Killed again and again: what an epoch has kept stays, nothing counts twice, and what is lost
/// came after that epoch.
#[test]
fn kill9_counts_nothing_twice_and_loses_what_came_since_the_last_epoch() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (kills, seed) = (number("TAGTIDE_KILLS").unwrap_or(6), number("TAGTIDE_SEED").unwrap_or(1));
    let (mut chance, dir) = (Chance(seed), tempfile::tempdir().unwrap());
    let manners = Manners { again_percent: 20, hold_at: 1, ..Manners::default() };
    let sim = Sim::start(seed, usize::MAX, manners);
    let path = dir.path().join("job.toml");
    let free = "reads_max_per_day = \"1G\"\nconnects_max = \"1M\"";
    std::fs::write(&path, job(&sim, dir.path(), "x", free)).unwrap();
    let posts = |page: &str| source(page)["posts"].as_u64().unwrap_or(0);
    let epoch = |page: &str| status(page)["checkpoint_epoch"].as_u64().unwrap_or(0);
    let (mut child, mut page) = served(&path, dir.path());
    until("the first post is counted", || posts(&page) == 1);
    let mut there = 1;
    for kill in 1..=kills {
        let (step, more) = (1 + chance.below(60), chance.below(40));
        let hold = sim.next() + usize::try_from(step).unwrap();
        sim.manners(|manners| manners.hold_at = hold);
        until("they are counted", || posts(&page) == there + step);
        let kept = there + step;
        let before = epoch(&page);
        until("an epoch that began later is kept", || epoch(&page) >= before + 2);
        sim.manners(|manners| manners.hold_at += usize::try_from(more).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(chance.below(30)));
        child.kill().unwrap();
        child.wait().unwrap();
        sim.hang_up();
        // No events until the next process has reported its number of gaps.
        sim.manners(|manners| manners.hold_at = sim.next());
        (child, page) = served(&path, dir.path());
        until("the gap is reported", || source(&page)["gaps"].as_u64() >= Some(kill));
        there = posts(&page);
        assert!((kept..=kept + more).contains(&there), "{there} of {kept} + {more}, seed {seed}");
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let summary = std::fs::read(dir.path().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let sent = sim.totals();
    let (mut sum, rows) = (0, summary["trends"].as_array().unwrap());
    for row in rows {
        let count = row["count"].as_u64().unwrap();
        assert!(count <= sent[row["tag"].as_str().unwrap()], "{row} of {sent:?}, seed {seed}");
        sum += count;
    }
    assert_eq!((summary["posts"].as_u64(), sum), (Some(there), there));
    let lost = sim.next() as u64 - there;
    assert!(lost <= 40 * kills, "{lost} posts are lost in {kills} kills, seed {seed}");
}
