//! A server of X, both APIs, that misbehaves on demand.
//!
//! Posts happen whether somebody listens or not: a stream begins with the next one, and each cut
//! loses a few. What was sent whole is remembered, so that a test knows what must be counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::Chance;

/// The token that the server takes; nothing of ours may ever show it.
pub(crate) const TOKEN: &str = "AAAAcanary%2Bbearer0123456789";

/// How the server behaves; changed while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Every stream is cut after 1 to so many posts, in the middle of the next; 0 = none is.
    pub(crate) cut_within: u64,
    /// So many of a hundred posts come twice.
    pub(crate) again_percent: u64,
    /// Answers instead of a stream, one for each request: status line, headers, body.
    pub(crate) refusals: VecDeque<(&'static str, String, String)>,
    /// Lines sent once, before the next post.
    pub(crate) first: VecDeque<String>,
    /// Posts from this one on have not happened; 0 = all may.
    pub(crate) hold_at: usize,
    /// Time between two posts.
    pub(crate) pace: Duration,
    /// Posts that are sent in one piece.
    pub(crate) burst: usize,
}

/// A server on loopback.
pub(crate) struct Sim {
    pub(crate) addr: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    /// Posts that happen at all.
    posts: usize,
    next: AtomicUsize,
    cuts: AtomicU64,
    stop: AtomicBool,
    generation: AtomicUsize,
    manners: Mutex<Manners>,
    chance: Mutex<Chance>,
    sent: Mutex<BTreeSet<usize>>,
    /// First line and `Authorization` of each request.
    requests: Mutex<Vec<(String, String)>>,
    rules: Mutex<Vec<Value>>,
    /// Streams that are open.
    streams: AtomicUsize,
}

impl Sim {
    /// A server on which so many posts happen.
    pub(crate) fn start(seed: u64, posts: usize, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            posts,
            next: AtomicUsize::new(0),
            cuts: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            generation: AtomicUsize::new(0),
            manners: Mutex::new(manners),
            chance: Mutex::new(Chance(seed)),
            sent: Mutex::default(),
            requests: Mutex::default(),
            rules: Mutex::default(),
            streams: AtomicUsize::new(0),
        });
        crate::sim::accept(listener, &inside, |inside| &inside.stop, Inside::serve);
        Self { addr, inside }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.inside.manners.lock().unwrap());
    }

    /// Ends the stream that is open.
    pub(crate) fn hang_up(&self) {
        self.inside.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.inside.cuts.load(Ordering::SeqCst)
    }

    /// True once the last post was sent or lost.
    pub(crate) fn is_over(&self) -> bool {
        self.inside.next.load(Ordering::SeqCst) >= self.inside.posts
    }

    /// The post that happens next.
    pub(crate) fn next(&self) -> usize {
        self.inside.next.load(Ordering::SeqCst)
    }

    /// Streams that are open.
    pub(crate) fn streams(&self) -> usize {
        self.inside.streams.load(Ordering::SeqCst)
    }

    /// Posts that were sent whole.
    pub(crate) fn sent(&self) -> u64 {
        self.inside.sent.lock().unwrap().len() as u64
    }

    /// Counts of tags of what was sent whole.
    pub(crate) fn totals(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for index in self.inside.sent.lock().unwrap().iter() {
            *totals.entry(tag(*index)).or_default() += 1;
        }
        totals
    }

    /// Requests whose first line holds `what`, with their `Authorization`.
    pub(crate) fn requests(&self, what: &str) -> Vec<(String, String)> {
        let requests = self.inside.requests.lock().unwrap();
        requests.iter().filter(|(line, _)| line.contains(what)).cloned().collect()
    }

    pub(crate) fn rules(&self) -> Vec<Value> {
        self.inside.rules.lock().unwrap().clone()
    }

    pub(crate) fn put_rule(&self, id: &str, value: &str, tag: &str) {
        let rule = json!({ "id": id, "value": value, "tag": tag });
        self.inside.rules.lock().unwrap().push(rule);
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.inside.stop.store(true, Ordering::SeqCst);
        self.hang_up();
        let _ = TcpStream::connect(self.addr);
    }
}

fn tag(index: usize) -> String {
    format!("tag{}", index * 7 % 91)
}

/// A post as v2 sends it.
pub(crate) fn v2(index: usize) -> String {
    let now =
        jiff::Timestamp::from_millisecond(tagtide_posts::clock::Clock::System.now().0).unwrap();
    let tag = tag(index);
    let id = (1_900_000_000_000_000_000 + index).to_string();
    json!({
        "data": {
            "author_id": (index % 50).to_string(), "created_at": format!("{now:.3}"),
            "edit_history_tweet_ids": [id], "id": id, "lang": "fr", "text": format!("né #{tag}"),
            "entities": { "hashtags": [{ "start": 3, "end": 4 + tag.len(), "tag": tag }] },
        },
        "matching_rules": [{ "id": "1", "tag": "" }],
    })
    .to_string()
}

/// A post as v1.1 sends it.
fn v1(index: usize) -> String {
    let now = tagtide_posts::clock::Clock::System.now().0;
    let tag = tag(index);
    json!({
        "id_str": (1_900_000_000_000_000_000 + index).to_string(), "text": format!("né #{tag}"),
        "timestamp_ms": now.to_string(), "user": { "id_str": (index % 50).to_string() },
        "entities": { "hashtags": [{ "text": tag, "indices": [3, 4 + tag.len()] }] },
    })
    .to_string()
}

impl Inside {
    fn manners(&self) -> Manners {
        self.manners.lock().unwrap().clone()
    }

    fn chance(&self, below: u64) -> u64 {
        self.chance.lock().unwrap().below(below)
    }

    fn serve(&self, mut connection: TcpStream) {
        while let Some((line, credentials, body)) = read_request(&mut connection) {
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            self.requests.lock().unwrap().push((line.clone(), credentials.clone()));
            let is_rules = target.starts_with("/2/tweets/search/stream/rules");
            let refusal =
                if is_rules { None } else { self.manners.lock().unwrap().refusals.pop_front() };
            let is_v1 = target.starts_with("/1.1/statuses/filter.json");
            let is_known = if is_v1 {
                credentials.starts_with("OAuth ")
            } else {
                credentials == format!("Bearer {TOKEN}")
            };
            let (status, headers, body) = match refusal {
                Some(refusal) => refusal,
                None if !is_known => (
                    "401 Unauthorized",
                    String::new(),
                    format!("{{\"title\":\"Unauthorized\",\"detail\":\"no such {credentials}\"}}"),
                ),
                None if is_rules => ("200 OK", String::new(), self.change_rules(&body)),
                None => {
                    self.streams.fetch_add(1, Ordering::SeqCst);
                    self.stream(connection, is_v1, target.contains("delimited=length"));
                    self.streams.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
            };
            let sent = write!(
                connection,
                "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if sent.is_err() {
                return;
            }
        }
    }

    /// Does what a request says about rules; the answer.
    fn change_rules(&self, body: &str) -> String {
        let mut rules = self.rules.lock().unwrap();
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        for id in asked["delete"]["ids"].as_array().into_iter().flatten() {
            rules.retain(|rule| rule["id"] != *id);
        }
        let (mut added, mut errors) = (Vec::new(), Vec::new());
        for rule in asked["add"].as_array().into_iter().flatten() {
            if rule["value"] == "bad(" {
                errors.push(json!({ "value": "bad(", "title": "Invalid Rule",
                                    "details": ["no viable alternative at input"] }));
                continue;
            }
            let mut rule = rule.clone();
            rule["id"] = json!((1_000 + rules.len()).to_string());
            added.push(rule.clone());
            rules.push(rule);
        }
        let data = if body.is_empty() { rules.clone() } else { added };
        let mut answer = json!({ "meta": { "sent": "2026-11-23T00:00:00.000Z" } });
        if !data.is_empty() {
            answer["data"] = json!(data);
        }
        if !errors.is_empty() {
            answer["errors"] = json!(errors);
        }
        answer.to_string()
    }

    /// Sends posts until the stream is cut or there are no more; then blank lines.
    fn stream(&self, mut to: TcpStream, is_v1: bool, delimited: bool) {
        let generation = self.generation.load(Ordering::SeqCst);
        let cut_within = self.manners().cut_within;
        let mut left = if cut_within > 0 { 1 + self.chance(cut_within) } else { u64::MAX };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        let mut sent = to.write_all(head.as_bytes());
        while sent.is_ok() && self.generation.load(Ordering::SeqCst) == generation {
            let manners = self.manners();
            let first = self.manners.lock().unwrap().first.pop_front();
            if let Some(line) = first {
                sent = to.write_all(&chunk(&framed(&line, delimited)));
                continue;
            }
            let from = self.next.load(Ordering::SeqCst);
            let end = if manners.hold_at == 0 { self.posts } else { manners.hold_at };
            if from >= end {
                sent = to.write_all(&chunk("\r\n"));
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let make = |index| framed(&if is_v1 { v1(index) } else { v2(index) }, delimited);
            if left == 0 {
                // The next one is cut in its middle, and a few more happen meanwhile.
                let whole = make(from);
                let cut =
                    whole.floor_char_boundary(1 + self.chance(whole.len() as u64 - 3) as usize);
                let _ = to.write_all(&chunk(&whole[..cut]));
                self.next.fetch_add(1 + self.chance(3) as usize, Ordering::SeqCst);
                self.cuts.fetch_add(1, Ordering::SeqCst);
                return;
            }
            let burst = manners.burst.max(1).min(end - from);
            let mut text = String::new();
            for index in from..from + burst {
                let times = 1 + usize::from(self.chance(100) < manners.again_percent);
                text.push_str(&make(index).repeat(times));
            }
            self.next.store(from + burst, Ordering::SeqCst);
            sent = to.write_all(&chunk(&text));
            if sent.is_ok() {
                self.sent.lock().unwrap().extend(from..from + burst);
            }
            left = left.saturating_sub(burst as u64);
            if !manners.pace.is_zero() {
                std::thread::sleep(manners.pace);
            }
        }
    }
}

fn framed(line: &str, delimited: bool) -> String {
    if delimited { format!("{}\n{line}\r\n", line.len() + 2) } else { format!("{line}\r\n") }
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

/// First line, `Authorization` and body of a request.
fn read_request(from: &mut TcpStream) -> Option<(String, String, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let found = head.lines().filter_map(|line| line.split_once(": "));
        found.filter(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let line = head.lines().next()?.to_owned();
    let credentials = header("authorization").unwrap_or_default().to_owned();
    Some((line, credentials, String::from_utf8(body).ok()?))
}
