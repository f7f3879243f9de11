//! The server over real sockets on free ports. A watch channel moved by hand and a fake
//! [`LiveQuery`] stand in for the run.

mod api;
mod explain;
mod guard;
mod limits;
mod live;
mod metrics;
mod page;
mod stored;
mod tutorial;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::run::{Answer, Question};
use tagtide_trends::rank::{Explanation, Ranking, TagDetail, Trend};
use tagtide_trends::status::{Counters, RunState, SinkStatus, SourceStatus, Status, ViewStatus};

/// Longest that a test waits for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// Answers with what a test put there.
#[derive(Default)]
struct FakeLive {
    ranking: Mutex<Option<Ranking>>,
    tags: Mutex<Vec<TagDetail>>,
    explanations: Mutex<Vec<Explanation>>,
    asked: AtomicUsize,
    /// The view that was asked for last.
    view: Mutex<Option<String>>,
}

impl LiveQuery for FakeLive {
    fn ask(&self, question: Question) -> Answer {
        match question {
            Question::Ranking(query) => {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.view.lock().unwrap().clone_from(&query.view);
                let mut ranking = self.ranking.lock().unwrap().clone();
                ranking.iter_mut().for_each(|ranking| ranking.trends.truncate(query.top));
                ranking.into()
            }
            Question::Tag { view, key } => {
                *self.view.lock().unwrap() = view;
                self.tags.lock().unwrap().iter().find(|detail| detail.tag == key).cloned().into()
            }
            Question::Columns { .. } => Answer::Nothing,
            Question::Explain { view, key, window_s } => {
                *self.view.lock().unwrap() = view;
                let all = self.explanations.lock().unwrap();
                all.iter().find(|of| of.tag == key && of.window_s == window_s).cloned().into()
            }
        }
    }
}

/// A server and the hands that move it.
struct Rig {
    server: Server,
    published: watch::Sender<Arc<TickSnapshot>>,
    ask: Arc<FakeLive>,
}

impl Rig {
    fn new(first: TickSnapshot, options: ServeOptions) -> Self {
        Self::listening(Listen::Loopback(0), first, options)
    }

    fn listening(listen: Listen, first: TickSnapshot, options: ServeOptions) -> Self {
        let (published, receiver) = watch::channel(Arc::new(first));
        let ask = Arc::new(FakeLive::default());
        let live = Arc::<FakeLive>::clone(&ask);
        let feed = Feed { published: receiver, live, tutorial: Tutorial::Own };
        let server = start(listen, feed, options).unwrap();
        Self { server, published, ask }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    fn get(&self, target: &str) -> Reply {
        get(self.addr(), target)
    }

    fn publish(&self, published: TickSnapshot) {
        self.published.send_replace(Arc::new(published));
    }
}

/// One answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Everything until the server closes.
fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return bytes,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            // Closed with bytes of ours unread.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// Sends bytes as they are; the request must make the server close (`HTTP/1.0` does).
fn raw(addr: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = connect(addr);
    stream.write_all(request).unwrap();
    Reply::parse(&read_all(&mut stream))
}

fn request(
    addr: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.0\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("host: localhost:{}\r\n", addr.port()));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    raw(addr, &bytes)
}

fn get(addr: SocketAddr, target: &str) -> Reply {
    request(addr, "GET", target, &[], b"")
}

/// One server-sent event, or a comment.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sent {
    name: String,
    id: Option<String>,
    data: String,
    comment: String,
}

impl Sent {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A client of a live stream.
struct LiveClient {
    reader: BufReader<TcpStream>,
    head: String,
}

impl LiveClient {
    fn new(addr: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = connect(addr);
        let mut request = format!("GET {target} HTTP/1.0\r\nhost: localhost:{}\r\n", addr.port());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut client = Self { reader: BufReader::new(stream), head: String::new() };
        loop {
            let mut line = String::new();
            client.reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                return client;
            }
            client.head.push_str(&line);
        }
    }

    /// The next event or comment; `None` at the end of the stream.
    fn next(&mut self) -> Option<Sent> {
        let mut sent = Sent::default();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end_matches('\n');
            if line.is_empty() {
                return Some(sent);
            }
            match line.split_once(": ").unwrap() {
                ("event", name) => sent.name = name.into(),
                ("id", id) => sent.id = Some(id.into()),
                ("data", data) => sent.data = data.into(),
                ("retry", _) => {}
                ("", comment) => sent.comment = comment.into(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn event(&mut self, name: &str) -> Sent {
        let sent = self.next().expect("the stream goes on");
        assert_eq!(sent.name, name, "{sent:?}");
        sent
    }
}

fn row(rank: u32, tag: &str, count: u64) -> Trend {
    Trend { rank, tag: tag.to_lowercase(), display: tag.into(), count, ..Trend::default() }
}

fn ranked(mode: &str, window_s: Option<u64>, rows: &[(&str, u64)]) -> Ranking {
    let rows = (1..).zip(rows);
    let trends: Vec<Trend> = rows.map(|(rank, (tag, count))| row(rank, tag, *count)).collect();
    Ranking {
        mode: mode.into(),
        window_s,
        view: "all".into(),
        at: 1_700_000_000_000,
        watermark: 1_699_999_990_000,
        provisional: false,
        approximate: false,
        error_bound: 0,
        other: 0,
        posts: 100,
        tagged_posts: 60,
        distinct_tags: trends.len() as u64,
        learning: None,
        trends,
    }
}

/// A tick with `total` (the default), and `count` over 60 s and 300 s.
fn tick(batch: u64, rows: &[(&str, u64)]) -> TickSnapshot {
    let short: Vec<_> = rows.iter().take(1).copied().collect();
    TickSnapshot {
        batch,
        published_at: 1_700_000_000_000 + i64::try_from(batch).unwrap() * 2_000,
        default: 0,
        rankings: vec![
            Arc::new(ranked("total", None, rows)),
            Arc::new(ranked("count", Some(60), &short)),
            Arc::new(ranked("count", Some(300), rows)),
        ],
        status: Arc::new(status(batch)),
    }
}

fn status(batch: u64) -> Status {
    Status {
        job: "test".into(),
        version: "0".into(),
        state: RunState::Live,
        watermark: Some(1_699_999_990_000),
        lag_ms: Some(1_500),
        posts_per_s: 12.5,
        counters: Counters { posts: batch * 10, malformed: 3, late: 2, ..Counters::default() },
        sources: vec![SourceStatus {
            name: "file \"x\"".into(),
            state: "live".into(),
            posts: 7,
            ..SourceStatus::default()
        }],
        sinks: vec![SinkStatus { name: "stdout".into(), delivered: 5, ..SinkStatus::default() }],
        windows_s: vec![60, 300],
        scored_windows_s: vec![300],
        modes: vec!["total".into(), "count".into()],
        ..Status::default()
    }
}

/// Waits until something holds.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = tagtide_posts::clock::monotonic() + DEADLINE;
    while !holds() {
        assert!(tagtide_posts::clock::monotonic() < until, "{what}");
        std::thread::yield_now();
    }
}
