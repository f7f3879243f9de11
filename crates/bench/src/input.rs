//! Fixed inputs: posts of the generator source, Jetstream events made of them, and lines that
//! bring very many tags.

use anyhow::{Context, anyhow};
use serde_json::json;
use tagtide::engine::stages::{Stages, deliveries};
use tagtide::job::{Job, Plan, Purpose, check};

use crate::random::Random;

/// Key of all hashes.
const KEY: [u8; 32] = *b"fixed, so that counts are equal!";
/// Event time of the first post: [`START`].
pub(crate) const START_MS: i64 = 1_767_571_200_000;
const START: &str = "2026-01-05T00:00:00Z";
/// Bytes of one batch, about; as sources fill them.
const BATCH_BYTES: usize = 1 << 20;
/// The job up to its modes: a replay at full speed.
const JOB: &str = "name = \"instructions\"\ntime = \"event\"\nspeed = \"max\"\n[count]\n\
                   windows = [\"1m\", \"5m\", \"15m\", \"1h\", \"24h\"]\n";

/// What is counted.
pub(crate) struct Input {
    pub(crate) format: &'static str,
    pub(crate) posts: u64,
    /// Posts per second of event time.
    pub(crate) rate: u64,
}

impl Input {
    /// Batches of whole lines.
    pub(crate) fn batches(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let made = if self.format == "jetstream" { "text+" } else { self.format };
        let job = format!(
            "{JOB}[[source]]\nkind = \"generator\"\nlive = false\nseed = 1\ntags = 50_000\n\
             posts = {}\nrate = {}\nformat = \"{made}\"\nstart = \"{START}\"\n",
            self.posts, self.rate
        );
        let batches = deliveries(&plan(&job)?)?;
        if self.format != "jetstream" {
            return Ok(batches);
        }
        let lines = batches.iter().flat_map(|batch| batch.split(|&byte| byte == b'\n'));
        let lines = lines.filter(|line| !line.is_empty());
        let mut events = vec![Vec::new()];
        for (number, line) in (0..).zip(lines) {
            if events.last().is_none_or(|batch: &Vec<u8>| batch.len() >= BATCH_BYTES) {
                events.push(Vec::new());
            }
            let batch = events.last_mut().context("there is one")?;
            jetstream(std::str::from_utf8(line)?, number, batch)?;
        }
        Ok(events)
    }

    /// Stages of a job that reads this format; `checkpoint` = as with a state directory.
    pub(crate) fn stages(&self, modes: &str, checkpoint: bool) -> anyhow::Result<Stages> {
        let mut job = format!("{JOB}{modes}[[source]]\nkind = \"stdin\"\n");
        job += &format!("format = \"{}\"\n", self.format);
        if self.format == "text" {
            job += &format!("start = \"{START}\"\nrate = {}\n", self.rate);
        }
        Ok(Stages::new(&plan(&job)?, KEY, checkpoint)?)
    }
}

/// A job that is sound.
pub(crate) fn plan(job: &str) -> anyhow::Result<Plan> {
    let problem = |problems| anyhow!("the job has problems: {problems:?}");
    let job = Job::parse(job, "job.toml").map_err(|problems| anyhow!("{problems:?}"))?;
    check(&job, Purpose::Run).map_err(problem)
}

/// Lines of a batch.
pub(crate) fn newlines(batch: &[u8]) -> u64 {
    batch.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// The post of a `text+` line as an event of Jetstream's v2 wire: words with a `#` are tag facets.
fn jetstream(line: &str, number: u64, out: &mut Vec<u8>) -> anyhow::Result<()> {
    let (author, rest) = line.split_once('\t').context("an author")?;
    let (ms, text) = rest.split_once('\t').context("a time")?;
    let time = jiff::Timestamp::from_millisecond(ms.parse()?)?.to_string();
    let (mut facets, mut from) = (Vec::new(), 0);
    while let Some(at) = text[from..].find('#').map(|at| from + at) {
        let end = text[at..].find(char::is_whitespace).map_or(text.len(), |end| at + end);
        if end > at + 1 {
            facets.push(json!({
                "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": &text[at + 1..end]}],
                "index": {"byteEnd": end, "byteStart": at},
            }));
        }
        from = end;
    }
    let event = json!({
        "$type": "message",
        "payload": {
            "$type": "network.bsky.jetstream.subscribeEvents#commit",
            "cid": "bafyreibitowyj5exucmk66alpwfpxo7lefcjkbn4hywxwma6ajidcilrxa",
            "collection": "app.bsky.feed.post",
            "did": format!("did:plc:{author:a>24}"),
            "operation": "create",
            "record": {
                "$type": "app.bsky.feed.post",
                "createdAt": time,
                "facets": facets,
                "langs": ["en"],
                "text": text,
            },
            "rev": format!("3ke6k{number:08x}"),
            "rkey": format!("22as6{number:08x}"),
            "seq": number,
            "time": time,
        }
    });
    serde_json::to_writer(&mut *out, &event)?;
    out.push(b'\n');
    Ok(())
}

/// `text+` lines of one hour in which each of `tags` tags is posted once, and a few of them by
/// many authors.
pub(crate) fn every_tag(tags: u64) -> Vec<Vec<u8>> {
    let mut random = Random::of(1);
    let mut batches = Vec::new();
    for first in (0..tags).step_by(10_000) {
        let mut batch = Vec::new();
        let at = START_MS + (first * 3_600_000 / tags) as i64;
        for tag in first..tags.min(first + 10_000) {
            line(&mut random, tag, at, &mut batch);
            if tag % 2 == 0 {
                let again = skewed(&mut random, tags);
                line(&mut random, again, at, &mut batch);
            }
        }
        batches.push(batch);
    }
    batches
}

/// `text+` lines of one moment with some of `tags` tags, some of them much more often than others.
pub(crate) fn some_tags(tags: u64, posts: u64, at: i64, seed: u64) -> Vec<u8> {
    let mut random = Random::of(seed << 32);
    let mut batch = Vec::new();
    for _ in 0..posts {
        let tag = skewed(&mut random, tags);
        line(&mut random, tag, at, &mut batch);
    }
    batch
}

/// A tag of `tags`: the lowest come most often. Made of integers only, so that it is the same on
/// every machine.
fn skewed(random: &mut Random, tags: u64) -> u64 {
    let bits = u64::from(64 - tags.leading_zeros());
    let most = 1 << (1 + random.bits() % bits);
    random.bits() % tags.min(most)
}

/// A post by one of very many authors.
fn line(random: &mut Random, tag: u64, at: i64, out: &mut Vec<u8>) {
    let author = random.bits() % 1_000_000;
    out.extend_from_slice(format!("user{author}\t{at}\t#tag{tag} is here\n").as_bytes());
}
