//! `run --record`: what was recorded gives the same counts again, and a disk that fails ends
//! nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tagtide::engine::{self, Run, RunOptions};

use crate::mastodon::Settling;
use crate::running::Running;
use crate::support::{Counted, plan, until};
use crate::toots::Toots;
use crate::world::{Chance, World};
use crate::{mastodon_sim, sim, sim_x};

const LINES: u64 = 1_000;

/// The recording's files, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "zst"));
    files.sort();
    files
}

/// What a replay of the files counts: posts, and totals of tags.
fn replay(dir: &Path) -> (u64, BTreeMap<String, u64>, Output) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(["replay", "--json", "--top", "100000"]).args(files(dir));
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let counted: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = counted["trends"].as_array().unwrap().iter();
    let totals = rows
        .map(|row| (row["tag"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
        .collect();
    (counted["posts"].as_u64().unwrap(), totals, output)
}

/// Sends these lines to the first client, and waits for the end.
fn tell(listener: TcpListener, lines: String) {
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.write_all(lines.as_bytes()).unwrap();
        let _ = connection.read(&mut [0]);
    });
}

fn lines() -> String {
    (0..LINES).fold(String::new(), |mut text, n| {
        writeln!(text, "post {n} #t{} #w{}", n % 7, n % 100).unwrap();
        text
    })
}

fn posts(run: &Run, source: usize) -> u64 {
    run.watch().borrow().status.sources.get(source).map_or(0, |source| source.posts)
}

/// Neither packed nor unpacked.
fn has_no_token(record: &Path) {
    let mut raw = Vec::new();
    for path in files(record) {
        raw.extend(zstd::decode_all(std::fs::File::open(&path).unwrap()).unwrap());
        raw.extend(std::fs::read(&path).unwrap());
    }
    for secret in [mastodon_sim::TOKEN, sim_x::TOKEN] {
        assert!(memchr::memmem::find(&raw, secret.as_bytes()).is_none(), "{secret}");
    }
}

/// Waits until so many posts are counted and it stays so: deletes take off again what was counted
/// before them.
fn until_it_settles(run: &Run, posts: impl Fn() -> u64) {
    let (watch, mut settling) = (run.watch(), Settling::default());
    until("all is counted, and nothing comes any more", || {
        let published = watch.borrow().clone();
        settling.is_over(published.status.counters.posts == posts(), published.batch)
    });
}

/// All platforms and TCP at once, through cuts.
#[test]
fn a_replay_of_the_recording_counts_what_the_run_counted() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("wire");
    let start_us = tagtide_posts::clock::Clock::System.now().0 * 1000 - 10_000_000;
    let world = Arc::new(World::new(71, 3_000, start_us, 1_000));
    let manners = sim::Manners { cut_within: 400, live_from: Some(0), ..<_>::default() };
    let bluesky = sim::Sim::start(&world, 1_000, manners);
    let toots = Arc::new(Toots::new(72, 2_000, 1, true));
    let cuts = mastodon_sim::Manners { cut_within: 300, ..<_>::default() };
    let one = mastodon_sim::Instance::start(&toots, 1, cuts.clone());
    let two = mastodon_sim::Instance::start(&toots, 2, cuts);
    let x = sim_x::Sim::start(73, 2_000, sim_x::Manners { cut_within: 90, ..<_>::default() });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (token, x_token) = (dir.path().join("token"), dir.path().join("x"));
    std::fs::write(&token, mastodon_sim::TOKEN).unwrap();
    std::fs::write(&x_token, sim_x::TOKEN).unwrap();
    let mastodon = |of: &mastodon_sim::Instance, wire: &str| {
        let url = of.url();
        format!(
            "[[source]]\nkind = \"mastodon\"\ninstance = \"{url}\"\ntoken_file = {token:?}\n\
             wire = \"{wire}\"\n"
        )
    };
    let job = format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\nkind = \"jetstream\"\nhosts \
         = [{:?}]\n{}{}[[source]]\nkind = \"x\"\nbase_url = \"{}\"\ntoken_file = {x_token:?}\n\
         rules = [\"#a\"]\nreads_max_per_day = \"1G\"\nconnects_max = \"1M\"\n\
         [[source]]\nkind = \"tcp\"\naddr = \"{}\"\nformat = \"text\"\n",
        bluesky.host(),
        mastodon(&one, "sse"),
        mastodon(&two, "websocket"),
        x.url(),
        listener.local_addr().unwrap(),
    );
    tell(listener, lines());
    let options = RunOptions { record: Some(record.clone()), hurry: 2_000, ..<_>::default() };
    let run = engine::start(plan(&job), options).unwrap();
    for of in [&one, &two] {
        until("a stream is open", || of.listeners() > 0);
        until("the timeline was asked", || {
            of.requests().iter().any(|(target, _)| target.contains("timelines"))
        });
        of.release(toots.len());
    }
    let all = world.posts() + toots.posts_left(|_| true) + LINES;
    until("all has been sent", || bluesky.all_sent() && one.is_done() && two.is_done());
    until("X has sent all", || x.is_over());
    until_it_settles(&run, || all + x.sent());
    run.stop(false);
    let counted = Counted::of(&run);
    assert_eq!((counted.counters.posts, posts(&run, 4)), (all + x.sent(), LINES));
    let (again, totals, _) = replay(&record);
    assert_eq!((again, totals), (counted.counters.posts, counted.totals()));
    let status = run.watch().borrow().status.clone();
    for (number, source) in status.sources.iter().enumerate() {
        let recorded = source.recorded.clone().unwrap();
        assert!(recorded.lost == 0 && recorded.records >= source.posts, "{source:?}");
        let prefix = format!("{number}-");
        let is_its = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        };
        let of = files(&record).into_iter().filter(is_its);
        let bytes: u64 = of.map(|path| path.metadata().unwrap().len()).sum();
        assert_eq!(bytes, recorded.bytes, "{}", source.name);
    }
    has_no_token(&record);
}

/// A run of lines over TCP that records in `dir`, behind a shell's `before`; where its page is.
fn run(dir: &Path, lines: String, before: &str) -> (Running, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_tagtide");
    command.args(["-c", &format!("{before}exec \"$0\" \"$@\""), program]);
    command.args(["run", "--source", &format!("tcp://{}", listener.local_addr().unwrap())]);
    command.args(["--state-dir", "none", "--batch", "20ms", "--listen", &page]);
    command.args(["--record", &dir.display().to_string(), "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = Running::start(&mut command);
    tell(listener, lines);
    (child, page)
}

/// The status of the only source.
pub(crate) fn source(page: &str) -> Value {
    status(page)["sources"].get(0).cloned().unwrap_or_default()
}

/// The status of the run whose page is there; null where it does not answer, or not now.
pub(crate) fn status(page: &str) -> Value {
    let ask = || {
        let mut connection = TcpStream::connect(page)?;
        let head = "GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n";
        connection.write_all(format!("{head}Host: {page}\r\n\r\n").as_bytes())?;
        std::io::read_to_string(connection)
    };
    // A busy machine may cut a connection; another is not cut as well.
    let Some(answer) = (0..5).find_map(|_| ask().ok()) else { return Value::Null };
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[test]
fn kill9_leaves_what_was_written_and_a_torn_end_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, page) = run(dir.path(), lines(), "");
    until("it is recorded", || source(&page)["recorded"]["records"] == LINES);
    child.kill().unwrap();
    child.wait().unwrap();
    let (posts, totals, _) = replay(dir.path());
    assert_eq!((posts, totals["t6"]), (LINES, LINES / 7));
    // As power or a kill in mid-write would leave it, with another frame begun.
    let path = &files(dir.path())[0];
    let mut bytes = std::fs::read(path).unwrap();
    let frame = zstd::encode_all(lines().as_bytes(), 1).unwrap();
    bytes.extend_from_slice(&frame[..frame.len() - 9]);
    std::fs::write(path, bytes).unwrap();
    let (posts, _, output) = replay(dir.path());
    assert!((LINES..2 * LINES).contains(&posts), "{posts}");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(printed.contains("is truncated; its complete frames are read"), "{printed}");
}

#[test]
fn a_full_disk_is_counted_and_logged_once_and_the_run_continues() {
    let dir = tempfile::tempdir().unwrap();
    let mut chance = Chance(74);
    // Nothing that packs well, over more than one write.
    let long = (0..40_000).fold(String::new(), |mut text, n| {
        writeln!(text, "#a{n} {:016x}{:016x}", chance.below(u64::MAX), chance.below(u64::MAX))
            .unwrap();
        text
    });
    let (mut child, page) = run(dir.path(), long, "ulimit -f 2; ");
    until("all is counted", || source(&page)["posts"] == 40_000);
    until("none is recorded", || source(&page)["recorded"]["lost"] == 40_000);
    assert!(!source(&page)["recorded"]["last_error"].as_str().unwrap().is_empty());
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    let mut printed = String::new();
    child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success(), "{printed}");
    assert_eq!(printed.matches("the recording lacks records").count(), 1, "{printed}");
    let sizes = files(dir.path()).into_iter().map(|path| path.metadata().unwrap().len());
    assert_eq!(sizes.sum::<u64>(), 0, "no frame without its end is left");
}
