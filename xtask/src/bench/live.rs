//! The job of `tagtide run` on a Jetstream server on loopback that sends 50,000 posts a second for
//! a minute: is the rate kept up with, and does memory stay where it is?
//!
//! It counts posts, in short windows, so that half a minute fills whatever may be held: what grows
//! after that is a leak. (People are kept for three minutes there, longer than this takes.)
//!
//! The server writes on time or as soon as the socket takes it, so a program that does not keep up
//! makes it late. Frames are those of wire v1, unpacked, each with a post of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::jobs::serve;
use super::tcp::accept;
use crate::place::{self, fresh_dir};
use crate::random::Random;
use crate::{clock, http};

/// Posts of a second,
const RATE: u64 = 50_000;
/// sent in so many pieces,
const STEPS: u64 = 50;
/// for so many seconds.
const SECONDS: u64 = 60;
const TAGS: u64 = 20_000;
const AUTHORS: u64 = 500_000;
/// Of the job.
const WINDOW: &str = "8s";
/// From here on nothing new has to be held: windows are full, and a million posts remembered.
const FULL_S: u64 = 40;
/// What memory may grow by after that.
const GROWTH_MAX: f64 = 1.05;
/// How far behind the last post may be counted.
const BEHIND_MAX: Duration = Duration::from_secs(5);

/// Runs it, and says what it took.
pub(super) fn measure(program: &Path) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let dir = fresh_dir("bench/live")?;
    let source = format!(
        "[[source]]\nkind = \"jetstream\"\nwire = \"v1\"\nhosts = [\"ws://{}\"]\n",
        listener.local_addr()?
    );
    let (mut guard, port) = serve(program, &dir, &with_source(&source)?, true)?;
    let stream = tungstenite::accept(accept(&listener)?)?.into_inner();
    let sender = thread::spawn(move || send(stream));
    let mut memory = Vec::new();
    for tens in 0..=SECONDS / 10 {
        if tens > 0 {
            thread::sleep(Duration::from_secs(10));
        }
        memory.push(guard.resident_bytes().context("`tagtide run` has ended")? as f64 / 1e6);
        eprintln!("{} s: {:.0} MB", 10 * tens, memory.last().unwrap_or(&0.0));
    }
    let (took, ended, stream) =
        sender.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    let all = RATE * SECONDS;
    let counted = clock::poll(Duration::from_secs(60), Duration::from_millis(50), || {
        let status = http::get_json(port, "/api/v1/status")?;
        Ok((status["counters"]["posts"].as_u64() == Some(all)).then_some(()))
    })?;
    let behind = ended.elapsed();
    drop(stream);
    counted.with_context(|| format!("{all} posts were sent and not all counted"))?;
    guard.terminate()?;
    guard.wait(Duration::from_secs(60))?;
    let late = took.saturating_sub(Duration::from_secs(SECONDS));
    ensure!(late < BEHIND_MAX, "the posts of {SECONDS} s took {:.1} s", took.as_secs_f64());
    ensure!(behind < BEHIND_MAX, "counted {:.1} s after the last", behind.as_secs_f64());
    let at = |second: u64| memory[(second / 10) as usize];
    let growth = at(SECONDS) / at(FULL_S);
    ensure!(growth < GROWTH_MAX, "memory grew from {} to {} MB", at(FULL_S), at(SECONDS));
    Ok(format!(
        "Bluesky at {RATE} posts a second for {SECONDS} s, {all} posts: sent in {:.1} s, all counted \
         at most {:.1} s after the last; {:.0} MB after 10 s, {:.0} MB after {FULL_S} s, {:.0} MB \
         at the end.",
        took.as_secs_f64(),
        behind.as_secs_f64(),
        at(10),
        at(FULL_S),
        at(SECONDS),
    ))
}

/// The usual job with this source, which counts posts in a short window.
fn with_source(source: &str) -> anyhow::Result<String> {
    let usual = fs::read_to_string(place::root().join("jobs/bluesky.toml"))?;
    let (head, sink) = usual.split_once("[[sink]]").context("the job has no sink")?;
    let mut head: Vec<_> = head.lines().map(str::to_owned).collect();
    for (key, value) in [
        ("source = ", String::new()),
        ("windows = ", format!("pane = \"2s\"\nwindows = [\"{WINDOW}\"]")),
        ("window = ", format!("window = \"{WINDOW}\"")),
        ("modes = ", "modes = [\"count\", \"total\"]".into()),
        ("mode = ", "mode = \"count\"".into()),
    ] {
        let mut lines = head.iter_mut();
        let line = lines.find(|line| line.starts_with(key));
        *line.with_context(|| format!("the job has no line `{key}`"))? = value;
    }
    Ok(format!("{}\n{source}\n[[sink]]{sink}", head.join("\n")))
}

/// Sends the posts on time; how long that took, when it ended, and the stream, still open.
fn send(mut stream: TcpStream) -> std::io::Result<(Duration, std::time::Instant, TcpStream)> {
    let mut random = Random::new(11);
    let began = clock::monotonic();
    let (mut out, mut text) = (Vec::new(), String::new());
    for step in 0..SECONDS * STEPS {
        let due = Duration::from_millis(step * 1_000 / STEPS);
        thread::sleep(due.saturating_sub(began.elapsed()));
        out.clear();
        let at_us = clock::unix_seconds() * 1_000_000;
        for post in 0..RATE / STEPS {
            let number = step * (RATE / STEPS) + post;
            text.clear();
            frame(&mut text, &mut random, number, at_us + number % 1_000_000);
            let length = u16::try_from(text.len()).expect("a post is short");
            out.extend_from_slice(&[0x81, 126]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        stream.write_all(&out)?;
    }
    Ok((began.elapsed(), clock::monotonic(), stream))
}

/// A post as the server tells it; one in three has a tag, some tags much more often than others.
fn frame(text: &mut String, random: &mut Random, number: u64, at_us: u64) {
    let author = random.between(1, AUTHORS);
    let (words, mut tags) = (random.next(), String::new());
    if number.is_multiple_of(3) {
        let most = random.between(1, TAGS);
        let tag = random.between(1, most);
        let _ = write!(tags, "\"tag{tag}\"");
    }
    let written = write!(
        text,
        "{{\"did\":\"did:plc:{author:024}\",\"time_us\":{at_us},\"kind\":\"commit\",\"cursor\":\
         {number},\"commit\":{{\"rev\":\"3r{number}\",\"operation\":\"create\",\"collection\":\
         \"app.bsky.feed.post\",\"rkey\":\"3k{number}\",\"record\":{{\"$type\":\
         \"app.bsky.feed.post\",\"createdAt\":\"2026-01-01T00:00:00Z\",\"langs\":[\"en\"],\"text\":\
         \"something that {words:x} says about nothing much, and more\",\"tags\":[{tags}]}},\
         \"cid\":\"bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}}}"
    );
    written.expect("memory takes everything");
}
