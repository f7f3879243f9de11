//! A Mastodon instance that misbehaves on demand: both wires, timelines, its description of itself.
//!
//! A stream cannot be rewound: it continues with the next event. Events without a listener are in
//! the timeline only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::toots::{Toot, Toots};
use crate::world::Chance;

/// Looks for new events so often.
const STEP: Duration = Duration::from_millis(1);
/// The token that it takes.
pub(crate) const TOKEN: &str = "canary-7f3a9c51e2";

/// How an instance behaves; changed while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Every stream is cut after 1 to so many events; 0 = none is.
    pub(crate) cut_within: u64,
    /// After a cut up to so many new posts come before anybody listens again.
    pub(crate) away_within: u64,
    /// So many of a hundred posts come twice.
    pub(crate) again_percent: u64,
    /// Answers instead of a stream, one for each request: status line, headers, body.
    pub(crate) refusals: VecDeque<(&'static str, String, String)>,
    /// The same for timelines.
    pub(crate) timeline_refusals: VecDeque<(&'static str, String, String)>,
    /// Refuse all timelines: status line, body.
    pub(crate) no_timeline: Option<(&'static str, &'static str)>,
    /// Its streaming address; `None` = its own.
    pub(crate) streaming: Option<String>,
    /// Timelines are read without a token.
    pub(crate) is_open: bool,
    /// Sent before the first event of a stream, unchanged.
    pub(crate) first: VecDeque<Vec<u8>>,
    /// Lines end with CRLF.
    pub(crate) crlf: bool,
}

/// An instance on loopback.
pub(crate) struct Instance {
    pub(crate) addr: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    addr: SocketAddr,
    toots: Arc<Toots>,
    /// The lower bits of its ids.
    number: u64,
    /// Events before this one have happened.
    happened: AtomicUsize,
    /// Events from this one on must wait.
    released: AtomicUsize,
    /// Events that happened without a listener.
    unsent: Mutex<BTreeSet<usize>>,
    generation: AtomicUsize,
    stop: AtomicBool,
    manners: Mutex<Manners>,
    chance: Mutex<Chance>,
    /// Paths and queries, as they came, and whether the right token was there.
    requests: Mutex<Vec<(String, bool)>>,
    cuts: AtomicUsize,
    listeners: AtomicUsize,
}

impl Instance {
    /// An instance that sees all of `toots`; `number` is below 65,536.
    pub(crate) fn start(toots: &Arc<Toots>, number: u64, manners: Manners) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), toots, number, manners)
    }

    pub(crate) fn at(
        listener: TcpListener,
        toots: &Arc<Toots>,
        number: u64,
        manners: Manners,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            addr,
            toots: Arc::clone(toots),
            number,
            happened: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            unsent: Mutex::default(),
            generation: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            manners: Mutex::new(manners),
            chance: Mutex::new(Chance(number)),
            requests: Mutex::default(),
            cuts: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
        });
        crate::sim::accept(listener, &inside, |inside| &inside.stop, Inside::serve);
        Self { addr, inside }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Lets so many events happen, one by one, while somebody listens.
    pub(crate) fn release(&self, events: usize) {
        self.inside.released.store(events, Ordering::SeqCst);
    }

    /// Makes `events` happen without being sent.
    pub(crate) fn happen(&self, events: usize) {
        let before = self.inside.happened.swap(events, Ordering::SeqCst);
        self.inside.released.fetch_max(events, Ordering::SeqCst);
        self.inside.unsent.lock().unwrap().extend(before..events);
    }

    pub(crate) fn manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.inside.manners.lock().unwrap());
    }

    /// Ends every stream that is open.
    pub(crate) fn hang_up(&self) {
        self.inside.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Everything that was released has happened.
    pub(crate) fn is_done(&self) -> bool {
        let (happened, released) = (&self.inside.happened, &self.inside.released);
        happened.load(Ordering::SeqCst) >= released.load(Ordering::SeqCst)
    }

    /// Events that were not sent.
    pub(crate) fn unsent(&self) -> BTreeSet<usize> {
        self.inside.unsent.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<(String, bool)> {
        self.inside.requests.lock().unwrap().clone()
    }

    pub(crate) fn cuts(&self) -> usize {
        self.inside.cuts.load(Ordering::SeqCst)
    }

    /// An event in the words of tests/interop/mastodon_client.py.
    pub(crate) fn expected(&self, n: usize) -> Value {
        let (event, payload) = self.inside.event(n);
        let status: Value = serde_json::from_str(&payload).unwrap();
        if event == "delete" {
            return json!([event, payload]);
        }
        let tags = status["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone());
        json!([event, status["id"], status["uri"], tags.collect::<Value>()])
    }

    /// Ids of the posts that are left at the end, the oldest first.
    pub(crate) fn ids_left(&self) -> Value {
        let left = self.inside.toots.left(|_| true);
        left.keys().map(|n| self.inside.id(*n).to_string()).collect()
    }

    /// Streams that are open.
    pub(crate) fn listeners(&self) -> usize {
        self.inside.listeners.load(Ordering::SeqCst)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.inside.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
    }
}

/// One open stream.
enum Wire {
    Sse(TcpStream, &'static str),
    Socket(Box<WebSocket<TcpStream>>, TcpStream),
}

impl Wire {
    fn send(&mut self, event: &str, payload: &str) -> std::io::Result<()> {
        match self {
            Self::Sse(out, end) => {
                out.write_all(format!("event: {event}{end}data: {payload}{end}{end}").as_bytes())
            }
            Self::Socket(socket, _) => {
                let frame = json!({ "stream": ["public"], "event": event, "payload": payload });
                socket.send(Message::Text(frame.to_string().into())).map_err(std::io::Error::other)
            }
        }
    }

    /// A sign of life; fails where the other end has gone.
    fn beat(&mut self) -> std::io::Result<()> {
        match self {
            Self::Sse(out, end) => out.write_all(format!(":thump{end}").as_bytes()),
            Self::Socket(socket, _) => match socket.read() {
                Ok(Message::Pong(_)) => {
                    socket.send(Message::Ping("a".into())).map_err(std::io::Error::other)
                }
                Err(Error::Io(error)) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    Err(error)
                }
                Ok(_) | Err(Error::Io(_)) => Ok(()),
                Err(error) => Err(std::io::Error::other(error)),
            },
        }
    }

    fn raw(&mut self) -> &mut TcpStream {
        match self {
            Self::Sse(out, _) | Self::Socket(_, out) => out,
        }
    }
}

impl Inside {
    fn manners(&self) -> Manners {
        self.manners.lock().unwrap().clone()
    }

    fn chance(&self, below: u64) -> u64 {
        self.chance.lock().unwrap().below(below)
    }

    fn id(&self, n: usize) -> u64 {
        (self.toots.time_ms(n) << 16) + self.number
    }

    fn time(&self, n: usize) -> String {
        let ms = self.toots.time_ms(n).cast_signed();
        format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap())
    }

    fn status(&self, n: usize, tags: &[String], edited: Option<usize>) -> Value {
        let text: String =
            tags.iter().map(|tag| format!("<a href=\"x\">#<span>{tag}</span></a> ")).collect();
        let tags: Vec<Value> =
            tags.iter().map(|tag| json!({ "name": tag, "url": format!("x/{tag}") })).collect();
        json!({
            "id": self.id(n).to_string(), "created_at": self.time(n),
            "uri": format!("https://home.example/users/u/statuses/{n}"), "language": "fr",
            "visibility": "public", "content": format!("<p>n\u{e9} {text}</p>"), "tags": tags,
            "account": { "id": "1", "acct": format!("u{}@home.example", n % 997), "bot": false },
            "reblog": null, "edited_at": edited.map(|at| self.time(at)), "url": null,
            "sensitive": false, "spoiler_text": "", "media_attachments": [], "mentions": [], "emojis": [],
        })
    }

    /// The event of that number: its name, and what goes with it.
    fn event(&self, n: usize) -> (&'static str, String) {
        match &self.toots.events[n] {
            Toot::New(tags) => ("update", self.status(n, tags, None).to_string()),
            Toot::Edit(of, tags) => ("status.update", self.status(*of, tags, Some(n)).to_string()),
            Toot::Gone(of) => ("delete", self.id(*of).to_string()),
        }
    }

    fn serve(&self, mut connection: TcpStream) {
        let _ = connection.set_nodelay(true);
        let Some(head) = crate::sim::read_head(&mut connection) else { return };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let sent = crate::sim::header(&head, "authorization");
        let is_known = sent == Some(&format!("Bearer {TOKEN}"));
        self.requests.lock().unwrap().push((target.clone(), is_known));
        let url = url::Url::parse(&format!("http://sim{target}")).unwrap();
        let path = url.path().to_owned();
        if path.starts_with("/api/v1/streaming") {
            let refusal = self.manners.lock().unwrap().refusals.pop_front();
            return match refusal {
                Some((status, headers, body)) => answer(connection, status, &headers, &body),
                None if !is_known => {
                    let body = r#"{"error":"Error: Missing access token"}"#;
                    answer(connection, "401 Unauthorized", "", body);
                }
                None => self.stream(connection, &head, &path),
            };
        }
        let (status, headers, body) = self.look_up(&url, is_known);
        answer(connection, status, &headers, &body);
    }

    fn look_up(&self, url: &url::Url, is_known: bool) -> (&'static str, String, String) {
        let manners = self.manners();
        let none = String::new;
        if url.path() == "/api/v2/instance" {
            let streaming = manners.streaming.unwrap_or_else(|| format!("ws://{}", self.addr));
            let feeds = json!({ "local": "authenticated", "remote": "authenticated" });
            let body = json!({ "domain": "sim", "title": "sim", "version": "4.5.0",
                "configuration": { "urls": { "streaming": streaming },
                    "timelines_access": { "live_feeds": feeds, "hashtag_feeds": feeds } } });
            return ("200 OK", none(), body.to_string());
        }
        if url.path() == "/api/v1/accounts/verify_credentials" {
            return match is_known {
                true => ("200 OK", none(), json!({ "id": "1", "acct": "me" }).to_string()),
                false => {
                    let body = r#"{"error":"The access token is invalid"}"#;
                    ("401 Unauthorized", none(), body.to_owned())
                }
            };
        }
        if !url.path().starts_with("/api/v1/timelines/") {
            return ("404 Not Found", none(), r#"{"error":"Record not found"}"#.to_owned());
        }
        let refusal = self.manners.lock().unwrap().timeline_refusals.pop_front();
        if let Some(refusal) = refusal {
            return refusal;
        }
        if let Some((status, body)) = manners.no_timeline {
            return (status, none(), body.to_owned());
        }
        if !is_known && !manners.is_open {
            let body = r#"{"error":"This method requires an authenticated user"}"#;
            return ("422 Unprocessable Content", none(), body.to_owned());
        }
        ("200 OK", none(), self.timeline(url))
    }

    /// A page, the newest first.
    fn timeline(&self, url: &url::Url) -> String {
        let query = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.parse::<u64>().ok())
        };
        let limit = query("limit").unwrap_or(20).min(40) as usize;
        let happened = self.happened.load(Ordering::SeqCst);
        // Those before the page are not looked at.
        let first = match query("min_id") {
            Some(id) => {
                ((id >> 16).saturating_sub(self.toots.start_ms) / self.toots.step_ms) as usize
            }
            None => happened.saturating_sub(1_000),
        };
        let left = self.toots.left(|n| (first..happened).contains(&n));
        let left: BTreeMap<_, _> = left.into_iter().filter(|(n, _)| *n >= first).collect();
        let page: Vec<Value> = match query("min_id") {
            Some(id) => {
                let after = left.iter().filter(|(n, _)| self.id(**n) > id).take(limit);
                let mut page: Vec<_> =
                    after.map(|(n, (tags, edited))| self.status(*n, tags, *edited)).collect();
                page.reverse();
                page
            }
            None => left
                .iter()
                .rev()
                .take(limit)
                .map(|(n, (tags, edited))| self.status(*n, tags, *edited))
                .collect(),
        };
        Value::Array(page).to_string()
    }

    fn stream(&self, mut connection: TcpStream, head: &str, path: &str) {
        let manners = self.manners();
        let end = if manners.crlf { "\r\n" } else { "\n" };
        let mut wire = if path == "/api/v1/streaming" {
            let key = crate::sim::header(head, "sec-websocket-key").unwrap_or_default();
            let accept = derive_accept_key(key.as_bytes());
            let _ = write!(
                connection,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\
                 \r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            let raw = connection.try_clone().unwrap();
            let _ = connection.set_read_timeout(Some(STEP));
            let mut socket = WebSocket::from_raw_socket(connection, Role::Server, None);
            let _ = socket.send(Message::Ping("a".into()));
            Wire::Socket(Box::new(socket), raw)
        } else {
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
                 Connection: close\r\n\r\n:){end}"
            );
            Wire::Sse(connection, end)
        };
        while let Some(bytes) = self.manners.lock().unwrap().first.pop_front() {
            let sent = match &mut wire {
                Wire::Sse(out, _) => out.write_all(&bytes).is_ok(),
                Wire::Socket(socket, _) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    socket.send(Message::Text(text.into())).is_ok()
                }
            };
            assert!(sent, "the client has gone before the first event");
        }
        self.listeners.fetch_add(1, Ordering::SeqCst);
        self.events(&mut wire, &manners);
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }

    fn events(&self, wire: &mut Wire, manners: &Manners) {
        let generation = self.generation.load(Ordering::SeqCst);
        let from = self.happened.load(Ordering::SeqCst);
        let mut cut_after = match manners.cut_within {
            0 => u64::MAX,
            within => 1 + self.chance(within),
        };
        while !self.stop.load(Ordering::SeqCst) {
            if self.generation.load(Ordering::SeqCst) != generation {
                let _ = wire.raw().shutdown(Shutdown::Write);
                return;
            }
            let next = self.happened.load(Ordering::SeqCst);
            if next >= self.released.load(Ordering::SeqCst) {
                // A client that has gone is noticed by what is written to it.
                if wire.beat().is_err() {
                    return;
                }
                std::thread::sleep(STEP);
                continue;
            }
            if cut_after == 0 {
                self.cut(wire, next, manners.away_within);
                return;
            }
            cut_after -= 1;
            self.happened.store(next + 1, Ordering::SeqCst);
            let (name, payload) = self.event(next);
            if wire.send(name, &payload).is_err() {
                self.unsent.lock().unwrap().insert(next);
                return;
            }
            let back = next - self.chance((next - from).min(50) as u64 + 1) as usize;
            if self.chance(100) < manners.again_percent
                && matches!(self.toots.events[back], Toot::New(_))
            {
                let (name, payload) = self.event(back);
                let _ = wire.send(name, &payload);
            }
        }
    }

    /// Ends a stream in the middle of a post, where it can be; some posts more come meanwhile.
    fn cut(&self, wire: &mut Wire, next: usize, away_within: u64) {
        let is_new = |n: &usize| matches!(self.toots.events[*n], Toot::New(_));
        let released = self.released.load(Ordering::SeqCst);
        let most = if away_within == 0 { 0 } else { self.chance(away_within + 1) as usize };
        let away = (next..released).take(most).take_while(is_new).count();
        if away > 0
            && let Wire::Sse(out, end) = wire
        {
            let (name, payload) = self.event(next);
            let whole = format!("event: {name}{end}data: {payload}{end}");
            let at = self.chance(whole.len() as u64) as usize;
            let _ = out.write_all(&whole.as_bytes()[..at]);
        }
        self.unsent.lock().unwrap().extend(next..next + away);
        self.happened.store(next + away, Ordering::SeqCst);
        self.cuts.fetch_add(1, Ordering::SeqCst);
        let _ = wire.raw().shutdown(Shutdown::Write);
        // What the client still says is read, so that nothing that was sent is taken back.
        let _ = wire.raw().set_read_timeout(Some(Duration::from_secs(5)));
        while wire.raw().read(&mut [0; 1_024]).is_ok_and(|read| read > 0) {}
    }
}

fn answer(mut connection: TcpStream, status: &str, headers: &str, body: &str) {
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
