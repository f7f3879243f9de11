//! A Jetstream server that misbehaves on demand, on both wires.
//!
//! Cursors are inclusive; below 1e15 they are numbers of this server, else microseconds. A cursor
//! that is empty or of the future is silently live. What is older than the floor is gone: v1
//! begins at the floor without a word, v2 refuses a number and gives notice of a time.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocket};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::world::{Chance, World};

/// Looks for new events so often.
const STEP: Duration = Duration::from_millis(1);

/// How a server behaves; changed while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Every connection is cut after 1 to so many events; 0 = none is.
    pub(crate) cut_within: u64,
    /// So many of a hundred events come twice.
    pub(crate) again_percent: u64,
    /// Answers instead of a stream, one for each request: status line, headers, body.
    pub(crate) refusals: VecDeque<(&'static str, String, String)>,
    /// Time between two events of a stream.
    pub(crate) pace: Duration,
    /// Events before this index are no longer there.
    pub(crate) floor: usize,
    /// So many dictionaries came before the present one.
    pub(crate) dictionary: u32,
    /// Frames sent before the first event.
    pub(crate) first: VecDeque<Vec<u8>>,
    /// After this index frames that are too long, or no text, stand in for the next event.
    pub(crate) poison_at: Option<usize>,
    /// The server goes silent at this index.
    pub(crate) mute_at: Option<usize>,
    /// Ends with this error frame at this index, once.
    pub(crate) too_slow_at: Option<usize>,
    /// Where a stream without a cursor begins; `None` = with what happens next.
    pub(crate) live_from: Option<usize>,
    /// v1 frames carry no number.
    pub(crate) no_numbers: bool,
}

/// A server on loopback.
pub(crate) struct Sim {
    pub(crate) addr: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    world: Arc<World>,
    /// Number of the first event; the next ones count by three.
    first_seq: AtomicU64,
    /// Streams of an older generation end.
    generation: AtomicUsize,
    /// Events up to here have happened.
    released: AtomicUsize,
    stop: AtomicBool,
    manners: Mutex<Manners>,
    chance: Mutex<Chance>,
    /// Requests for a stream, as they came.
    requests: Mutex<Vec<String>>,
    /// Streams that ended by a cut.
    cuts: AtomicUsize,
    /// Somebody was sent the last event.
    all_sent: AtomicBool,
}

/// Events that come twice come twice so many at a time, in the mean.
const AGAIN_MEAN: u64 = 25;

/// What v2 speaks, named to those who ask for it.
const PROTOCOL: &str = "xrpc.v1.json";

/// The name of the first dictionary.
const FIRST_DICTIONARY: u32 = 20_260_811;

/// A dictionary as the server hands it out: the recorded one, whose bytes 4 to 8 are its name.
pub(crate) fn dictionary(number: u32) -> Vec<u8> {
    let recorded = include_bytes!("../fixtures/jetstream_packed/v2.dictionary.zst");
    let mut bytes = zstd::decode_all(&recorded[..]).unwrap();
    bytes[4..8].copy_from_slice(&(FIRST_DICTIONARY + number).to_le_bytes());
    bytes
}

impl Sim {
    /// A server of `world` whose events are numbered from `first_seq`.
    pub(crate) fn start(world: &Arc<World>, first_seq: u64, manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            released: AtomicUsize::new(world.events.len()),
            world: Arc::clone(world),
            first_seq: AtomicU64::new(first_seq),
            generation: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            manners: Mutex::new(manners),
            chance: Mutex::new(Chance(first_seq)),
            requests: Mutex::default(),
            cuts: AtomicUsize::new(0),
            all_sent: AtomicBool::new(false),
        });
        accept(listener, &inside, |inside| &inside.stop, Inside::serve);
        Self { addr, inside }
    }

    /// As a job names it.
    pub(crate) fn host(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// Lets only so many events have happened.
    pub(crate) fn release(&self, events: usize) {
        self.inside.released.store(events, Ordering::SeqCst);
    }

    pub(crate) fn manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.inside.manners.lock().unwrap());
    }

    /// Ends every stream that is open.
    pub(crate) fn hang_up(&self) {
        self.inside.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The same events get other numbers, as on a server that was reset.
    pub(crate) fn renumber(&self, first_seq: u64) {
        self.inside.first_seq.store(first_seq, Ordering::SeqCst);
    }

    /// Forgets that somebody was sent the last event.
    pub(crate) fn forget_all_sent(&self) {
        self.inside.all_sent.store(false, Ordering::SeqCst);
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.inside.requests.lock().unwrap().clone()
    }

    pub(crate) fn cuts(&self) -> usize {
        self.inside.cuts.load(Ordering::SeqCst)
    }

    pub(crate) fn all_sent(&self) -> bool {
        self.inside.all_sent.load(Ordering::SeqCst)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.inside.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
    }
}

/// What a stream was asked for.
struct Asked {
    is_v2: bool,
    from: usize,
    notice: bool,
    packer: Option<zstd::bulk::Compressor<'static>>,
}

impl Asked {
    /// A frame as it was asked for: where frames are packed, all of them are.
    fn message(&mut self, text: String) -> Message {
        match &mut self.packer {
            None => Message::Text(Utf8Bytes::from(text)),
            Some(packer) => Message::Binary(packer.compress(text.as_bytes()).unwrap().into()),
        }
    }
}

impl Inside {
    fn seq(&self, index: usize) -> u64 {
        self.first_seq.load(Ordering::SeqCst) + 3 * index as u64
    }

    fn manners(&self) -> Manners {
        self.manners.lock().unwrap().clone()
    }

    fn chance(&self, below: u64) -> u64 {
        self.chance.lock().unwrap().below(below)
    }

    fn serve(&self, mut connection: TcpStream) {
        let Some(head) = read_head(&mut connection) else { return };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if target.starts_with("/xrpc/network.bsky.jetstream.getZstdDictionary") {
            let number = self.manners().dictionary;
            let (id, bytes) = (FIRST_DICTIONARY + number, dictionary(number));
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nX-Zstd-Dictionary-Id: {id}\r\nContent-Type: \
                 application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let _ = connection.write_all(&bytes);
            return;
        }
        self.requests.lock().unwrap().push(target.clone());
        let refusal = self.manners.lock().unwrap().refusals.pop_front();
        let answer = match refusal {
            Some(refusal) => Err(refusal),
            None => self.look_up(&target),
        };
        match answer {
            Err((status, headers, body)) => {
                let _ = write!(
                    connection,
                    "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n\
                     {body}",
                    body.len()
                );
            }
            Ok(asked) => {
                let key = header(&head, "sec-websocket-key").unwrap_or_default();
                let accept = derive_accept_key(key.as_bytes());
                let protocol = header(&head, "sec-websocket-protocol").unwrap_or_default();
                let protocol = if asked.is_v2 && protocol.contains(PROTOCOL) {
                    format!("Sec-WebSocket-Protocol: {PROTOCOL}\r\n")
                } else {
                    String::new()
                };
                let _ = write!(
                    connection,
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\
                     \r\n{protocol}Sec-WebSocket-Accept: {accept}\r\n\r\n"
                );
                self.stream(connection, asked);
            }
        }
    }

    /// What a request means, or the refusal that it gets.
    fn look_up(&self, target: &str) -> Result<Asked, (&'static str, String, String)> {
        let bad = |error: &str, message: String| {
            let json = "Content-Type: application/json\r\n".to_owned();
            let body = format!("{{\"error\":\"{error}\",\"message\":\"{message}\"}}");
            ("400 Bad Request", json, body)
        };
        let manners = self.manners();
        let url = url::Url::parse(&format!("http://sim{target}")).unwrap();
        let query = |name: &str| {
            url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let is_v2 = url.path() == "/xrpc/network.bsky.jetstream.subscribeEvents";
        if !is_v2 && url.path() != "/subscribe" {
            return Err(("404 Not Found", String::new(), String::new()));
        }
        if is_v2 && url.query_pairs().any(|(key, _)| key.starts_with("wanted")) {
            return Err(bad("InvalidRequest", "unknown parameter".into()));
        }
        let mut packer = None;
        if let Some(id) = query("zstdDictionary") {
            let current = FIRST_DICTIONARY + manners.dictionary;
            if id != current.to_string() {
                let message = format!("the current one is {current}");
                return Err(bad("UnknownZstdDictionary", message));
            }
            let dictionary = dictionary(manners.dictionary);
            packer = zstd::bulk::Compressor::with_dictionary(1, &dictionary).ok();
        } else if query("compress").as_deref() == Some("true") {
            packer = zstd::bulk::Compressor::with_dictionary(1, &dictionary(0)).ok();
        }
        let events = &self.world.events;
        let live = self.released.load(Ordering::SeqCst);
        let (mut from, mut notice) = (live, false);
        if let Some(cursor) = query("cursor").and_then(|cursor| cursor.parse::<i64>().ok()) {
            let is_time = cursor >= 1_000_000_000_000_000;
            let found = if is_time {
                // Not in the order of time: as far back as the first that is not too old.
                events.iter().position(|event| event.time_us >= cursor)
            } else {
                (0..events.len()).find(|&index| self.seq(index) >= cursor as u64)
            };
            from = found.unwrap_or(live).min(live);
            if from < manners.floor && is_v2 && !is_time {
                let floor = self.seq(manners.floor);
                return Err(bad("CursorTooOld", format!("the floor is {floor}")));
            }
            notice = from < manners.floor && is_v2;
            from = from.max(manners.floor);
        } else if let Some(index) = manners.live_from {
            from = index;
        }
        Ok(Asked { is_v2, from, notice, packer })
    }

    fn stream(&self, connection: TcpStream, mut asked: Asked) {
        let raw = connection.try_clone().unwrap();
        let _ = connection.set_read_timeout(Some(Duration::from_millis(1)));
        let mut socket = WebSocket::from_raw_socket(connection, Role::Server, None);
        let manners = self.manners();
        let mut cut_after = match manners.cut_within {
            0 => u64::MAX,
            within => 1 + self.chance(within),
        };
        if asked.notice {
            let notice = serde_json::json!({
                "$type": "message",
                "payload": {
                    "$type": "network.bsky.jetstream.subscribeEvents#info",
                    "name": "OutdatedCursor",
                    "message": "begins later",
                },
            });
            let _ = socket.send(asked.message(notice.to_string()));
        }
        while let Some(frame) = self.manners.lock().unwrap().first.pop_front() {
            let _ = socket.send(Message::Binary(frame.into()));
        }
        let mut next = asked.from;
        let generation = self.generation.load(Ordering::SeqCst);
        while !self.stop.load(Ordering::SeqCst) {
            if self.generation.load(Ordering::SeqCst) != generation {
                let _ = raw.shutdown(Shutdown::Both);
                return;
            }
            if !manners.pace.is_zero() {
                let _ = socket.flush();
                std::thread::sleep(manners.pace);
            }
            if next >= self.released.load(Ordering::SeqCst) {
                if next == self.world.events.len() {
                    self.all_sent.store(true, Ordering::SeqCst);
                }
                if socket.flush().is_err() || !self.alive(&mut socket) {
                    return;
                }
                std::thread::sleep(STEP);
                continue;
            }
            if cut_after == 0 {
                self.cut(&raw, &mut socket);
                return;
            }
            cut_after -= 1;
            let manners = self.manners();
            if self.misbehaves(&manners, next, &mut asked, &mut socket) {
                return;
            }
            // As after a loss: from some event on all of them once more, in their order.
            if next > asked.from && self.chance(100 * AGAIN_MEAN) < manners.again_percent {
                let back = 1 + self.chance(2 * AGAIN_MEAN - 1) as usize;
                next = next.saturating_sub(back).max(asked.from).max(manners.floor);
            }
            if self.send(&mut socket, &mut asked, &manners, next).is_err() {
                return;
            }
            next += 1;
        }
    }

    fn send(
        &self,
        socket: &mut WebSocket<TcpStream>,
        asked: &mut Asked,
        manners: &Manners,
        index: usize,
    ) -> Result<(), ()> {
        let seq = self.seq(index);
        let text = if asked.is_v2 {
            self.world.v2(index, seq)
        } else {
            self.world.v1(index, (!manners.no_numbers).then_some(seq))
        };
        socket.write(asked.message(text)).map_err(|_| ())?;
        // Often enough for a cut to fall into the middle of what was written.
        if index.is_multiple_of(7) { socket.flush().map_err(|_| ()) } else { Ok(()) }
    }

    /// True where the stream has ended by what `manners` ask for at this index.
    fn misbehaves(
        &self,
        manners: &Manners,
        index: usize,
        asked: &mut Asked,
        socket: &mut WebSocket<TcpStream>,
    ) -> bool {
        if manners.mute_at == Some(index) {
            let _ = socket.flush();
            while !self.stop.load(Ordering::SeqCst) && self.manners().mute_at == Some(index) {
                std::thread::sleep(STEP);
            }
            return true;
        }
        if manners.too_slow_at == Some(index) {
            self.manners.lock().unwrap().too_slow_at = None;
            let error = r#"{"$type":"error","error":"ConsumerTooSlow","message":"cursor 12"}"#;
            let _ = socket.send(asked.message(error.to_owned()));
            let _ = socket.get_ref().shutdown(Shutdown::Both);
            return true;
        }
        if manners.poison_at == Some(index) {
            let _ = socket.flush();
            // A text frame of one byte that is no UTF-8.
            let _ = socket.get_mut().write_all(&[0x81, 0x01, 0xff]);
            std::thread::sleep(Duration::from_millis(20));
            let _ = socket.get_ref().shutdown(Shutdown::Both);
            return true;
        }
        false
    }

    /// Cuts the stream in one of several ways.
    fn cut(&self, raw: &TcpStream, socket: &mut WebSocket<TcpStream>) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
        match self.chance(4) {
            0 => {
                let reason = Utf8Bytes::from_static("going away");
                let _ = socket.close(Some(CloseFrame { code: 1001.into(), reason }));
                let _ = socket.flush();
            }
            // In the middle of a frame.
            1 => {
                let _ = socket.flush();
                let _ = (&*raw).write_all(b"\x81\x7e\x10\x00{\"$type\":\"mess");
                let _ = raw.shutdown(Shutdown::Both);
            }
            2 => {
                let _ = socket.flush();
                let _ = raw.shutdown(Shutdown::Both);
            }
            // What was written and not flushed is lost with it.
            _ => {
                let _ = raw.shutdown(Shutdown::Both);
            }
        }
    }

    /// Looks for a close or an answer; false once the client has gone.
    fn alive(&self, socket: &mut WebSocket<TcpStream>) -> bool {
        match socket.read() {
            Ok(_) => true,
            Err(tokio_tungstenite::tungstenite::Error::Io(error)) => matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
            Err(_) => false,
        }
    }
}

/// Reads the head of a request.
/// Serves each connection on a thread of its own, until the server stops.
pub(crate) fn accept<T: Send + Sync + 'static>(
    listener: TcpListener,
    server: &Arc<T>,
    stop: fn(&T) -> &AtomicBool,
    serve: fn(&T, TcpStream),
) {
    let server = Arc::clone(server);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            if stop(&server).load(Ordering::SeqCst) {
                return;
            }
            let server = Arc::clone(&server);
            std::thread::spawn(move || serve(&server, connection));
        }
    });
}

pub(crate) fn read_head(connection: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read(&mut byte).ok()? == 0 || head.len() > 16 << 10 {
            return None;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
