//! The other end of each kind of source, as the contract suite needs it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use tagtide_posts::clock::Clock;
use tagtide_sources::generator::write_posts;
use tagtide_sources::stdin::StdinSource;
use tagtide_sources::{Source, generator};

use crate::mastodon_sim::{Instance, Manners as InstanceManners, TOKEN as INSTANCE_TOKEN};
use crate::proxy::Proxy;
use crate::sim::{Manners as SimManners, Sim};
use crate::sim_x::{Manners as XManners, Sim as XSim, TOKEN as X_TOKEN};
use crate::ticker::{self, Ticks};
use crate::toots::Toots;
use crate::world::World;

/// The other end of one source.
pub(crate) trait Peer {
    /// Keys of the source in a job file.
    fn keys(&self) -> String;

    /// A source that its keys cannot make, such as standard input from a pipe of the test.
    fn source(&mut self, _line_max_bytes: usize) -> Option<Box<dyn Source>> {
        None
    }

    /// The source of that name is open.
    fn opened(&mut self, _name: &str) {}

    /// What is released now reaches the source.
    fn is_ready(&mut self) -> bool {
        true
    }

    /// Lets this many records have happened, beside those of before.
    fn release(&mut self, records: usize);

    /// Cuts the connection; false where there is none.
    fn cut(&mut self) -> bool {
        false
    }

    /// Sends what is no record.
    fn garbage(&mut self) {}

    /// The number of a record; `None` where the line is something else.
    fn number(&self, line: &[u8]) -> Option<usize>;

    /// No source holds the other end.
    fn is_free(&mut self) -> bool {
        true
    }
}

/// Makes the other end with this many records.
type Start = fn(usize) -> Box<dyn Peer>;

/// One entry for each kind: its name, how many records it has, its other end.
pub(crate) const PEERS: &[(&str, usize, Start)] = &[
    ("file", 8_000, |_| Box::new(Followed::new())),
    ("stdin", 4_000, |_| Box::new(Piped { pipe: None, sent: 0 })),
    ("tcp", 4_000, |_| Box::new(Server::new())),
    ("tcp-listen", 4_000, |_| Box::new(Client::default())),
    ("jetstream", 1_200, |records| Box::new(Bluesky::new(records))),
    ("x", 1_200, |records| Box::new(X::new(records, "x"))),
    ("x-v1", 1_200, |records| Box::new(X::new(records, "x-v1"))),
    ("mastodon", 600, |records| Box::new(Mastodon::new(records))),
    ("generator", 20_000, |records| Box::new(Generated::new(records))),
    ("ticker", 2_000, |records| Box::new(Ticks::new(records))),
];

/// Bytes that are no record of any format.
const GARBAGE: &[u8] = b"\xff\xfe{\"a\":[[[\0 garbage\n\n";

/// A line of text with the number of its record.
fn line(number: usize) -> String {
    format!("{number} says #tag{} {}\n", number % 7, "é".repeat(number % 60))
}

/// The number of a line of text.
fn number(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line).ok()?.split_once(" says #")?.0.parse().ok()
}

/// Writes lines up to `records`, from `sent` on.
fn write_lines(out: &mut impl Write, sent: &mut usize, records: usize) {
    let text: String = (*sent..records).map(line).collect();
    out.write_all(text.as_bytes()).unwrap();
    *sent = records.max(*sent);
}

/// A file that grows.
struct Followed {
    dir: tempfile::TempDir,
    file: File,
    sent: usize,
}

impl Followed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("posts.txt")).unwrap();
        Self { dir, file, sent: 0 }
    }
}

impl Peer for Followed {
    fn keys(&self) -> String {
        format!("paths = ['{}/posts.txt']\nfollow = true", self.dir.path().display())
    }

    fn release(&mut self, records: usize) {
        write_lines(&mut self.file, &mut self.sent, records);
    }

    fn garbage(&mut self) {
        self.file.write_all(GARBAGE).unwrap();
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        number(line)
    }
}

/// A pipe in place of standard input. It is written by a thread: the kernel takes little.
struct Piped {
    pipe: Option<crossbeam_channel::Sender<Vec<u8>>>,
    sent: usize,
}

impl Peer for Piped {
    fn keys(&self) -> String {
        String::new()
    }

    fn source(&mut self, line_max_bytes: usize) -> Option<Box<dyn Source>> {
        let (reader, writer) = std::io::pipe().unwrap();
        self.pipe = Some(written_by_a_thread(writer));
        let source = StdinSource::from_descriptor(reader.into(), line_max_bytes, &Clock::System);
        Some(Box::new(source))
    }

    fn release(&mut self, records: usize) {
        send_lines(self.pipe.as_ref(), &mut self.sent, records);
    }

    fn garbage(&mut self) {
        self.pipe.as_ref().unwrap().send(GARBAGE.to_vec()).unwrap();
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        number(line)
    }

    fn is_free(&mut self) -> bool {
        is_gone(self.pipe.as_ref())
    }
}

/// A thread that writes what it is sent, until the other end has gone.
fn written_by_a_thread(mut out: impl Write + Send + 'static) -> crossbeam_channel::Sender<Vec<u8>> {
    let (sender, receiver) = crossbeam_channel::bounded::<Vec<u8>>(64);
    std::thread::spawn(move || {
        while let Ok(bytes) = receiver.recv() {
            if out.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    sender
}

fn send_lines(to: Option<&crossbeam_channel::Sender<Vec<u8>>>, sent: &mut usize, records: usize) {
    let mut text = Vec::new();
    write_lines(&mut text, sent, records);
    to.unwrap().send(text).unwrap();
}

/// True once the thread has noticed that there is no reader.
fn is_gone(pipe: Option<&crossbeam_channel::Sender<Vec<u8>>>) -> bool {
    let Some(pipe) = pipe else { return true };
    let sent = pipe.try_send(b"is anything there?\n".to_vec());
    matches!(sent, Err(crossbeam_channel::TrySendError::Disconnected(_)))
}

/// A server of lines.
struct Server {
    listener: TcpListener,
    connection: Option<(TcpStream, crossbeam_channel::Sender<Vec<u8>>)>,
    sent: usize,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener, connection: None, sent: 0 }
    }
}

impl Peer for Server {
    fn keys(&self) -> String {
        format!("addr = '{}'", self.listener.local_addr().unwrap())
    }

    fn opened(&mut self, _name: &str) {
        let (connection, _) = self.listener.accept().unwrap();
        let writer = written_by_a_thread(connection.try_clone().unwrap());
        self.connection = Some((connection, writer));
    }

    fn release(&mut self, records: usize) {
        let writer = self.connection.as_ref().map(|(_, writer)| writer);
        send_lines(writer, &mut self.sent, records);
    }

    fn cut(&mut self) -> bool {
        let (connection, _) = self.connection.take().unwrap();
        connection.shutdown(std::net::Shutdown::Both).unwrap();
        true
    }

    fn garbage(&mut self) {
        let (_, writer) = self.connection.as_ref().unwrap();
        writer.send([GARBAGE, b"a line that is cut"].concat()).unwrap();
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        number(line)
    }

    fn is_free(&mut self) -> bool {
        is_gone(self.connection.as_ref().map(|(_, writer)| writer))
    }
}

/// A client that sends lines; one that is cut comes again.
#[derive(Default)]
struct Client {
    addr: String,
    connection: Option<(TcpStream, crossbeam_channel::Sender<Vec<u8>>)>,
    sent: usize,
}

impl Client {
    fn connect(&mut self) {
        let connection = TcpStream::connect(&self.addr).unwrap();
        let writer = written_by_a_thread(connection.try_clone().unwrap());
        self.connection = Some((connection, writer));
    }
}

impl Peer for Client {
    fn keys(&self) -> String {
        "addr = '127.0.0.1:0'".to_owned()
    }

    fn opened(&mut self, name: &str) {
        // `tcp-listen 127.0.0.1:40123`
        self.addr = name.split(' ').nth(1).unwrap().to_owned();
        self.connect();
    }

    fn release(&mut self, records: usize) {
        let writer = self.connection.as_ref().map(|(_, writer)| writer);
        send_lines(writer, &mut self.sent, records);
    }

    fn garbage(&mut self) {
        let (connection, writer) = self.connection.take().unwrap();
        writer.send([GARBAGE, b"a line that is cut"].concat()).unwrap();
        drop((writer, connection));
        // The listener stays open: a lost sender is no loss of the source.
        self.connect();
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        number(line)
    }

    fn is_free(&mut self) -> bool {
        is_gone(self.connection.as_ref().map(|(_, writer)| writer))
    }
}

/// Distance of two numbers of the simulated Jetstream, and its first one.
const SEQ_STEP: usize = 3;
const SEQ_FIRST: usize = 1_000;

/// A server of Bluesky behind a proxy.
struct Bluesky {
    sim: Sim,
    proxy: Proxy,
}

impl Bluesky {
    fn new(records: usize) -> Self {
        let step_us = 1_000;
        let start_us = Clock::System.now().0 * 1_000 - 1_000_000 - records as i64 * step_us;
        let world = Arc::new(World::new(31, records, start_us, step_us));
        let manners = SimManners { live_from: Some(0), ..SimManners::default() };
        let sim = Sim::start(&world, SEQ_FIRST as u64, manners);
        sim.release(0);
        let proxy = Proxy::start(sim.addr);
        Self { sim, proxy }
    }
}

impl Peer for Bluesky {
    fn keys(&self) -> String {
        format!("hosts = ['ws://{}']", self.proxy.addr)
    }

    fn release(&mut self, records: usize) {
        self.sim.release(records);
    }

    fn cut(&mut self) -> bool {
        self.proxy.cut();
        true
    }

    fn garbage(&mut self) {
        // It comes before the first event of the next stream.
        self.sim.manners(|manners| manners.first.push_back(GARBAGE.to_vec()));
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        let seq = usize::try_from(line["payload"]["seq"].as_u64()?).ok()?;
        Some((seq - SEQ_FIRST) / SEQ_STEP)
    }

    fn is_free(&mut self) -> bool {
        self.proxy.open() == 0
    }
}

/// A server of X, of either API, behind a proxy.
struct X {
    sim: XSim,
    proxy: Proxy,
    is_v1: bool,
    dir: tempfile::TempDir,
}

impl X {
    fn new(records: usize, kind: &str) -> Self {
        let manners = XManners { hold_at: 1, ..XManners::default() };
        let sim = XSim::start(41, records, manners);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), X_TOKEN).unwrap();
        let proxy = Proxy::start(sim.addr);
        Self { sim, proxy, is_v1: kind == "x-v1", dir }
    }
}

impl Peer for X {
    fn keys(&self) -> String {
        let token = self.dir.path().join("token");
        let own = if self.is_v1 {
            let names = ["consumer_key", "consumer_secret", "token", "token_secret"];
            let keys = names.map(|name| format!("{name}_file = {token:?}\n"));
            format!("track = ['#']\n{}", keys.concat())
        } else {
            format!("token_file = {token:?}\nrules = ['#a']\nreads_max_per_day = '1G'\n")
        };
        format!("base_url = 'http://{}'\nconnects_max = '1M'\n{own}", self.proxy.addr)
    }

    fn is_ready(&mut self) -> bool {
        // A stream that was cut would take the next posts with it.
        self.sim.streams() == 1
    }

    fn release(&mut self, records: usize) {
        self.sim.manners(|manners| manners.hold_at = records);
    }

    fn cut(&mut self) -> bool {
        self.proxy.cut();
        true
    }

    fn garbage(&mut self) {
        self.sim.manners(|manners| manners.first.push_back("{\"a\":[[[ garbage".to_owned()));
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        let post = if self.is_v1 { &line["id_str"] } else { &line["data"]["id"] };
        let id: usize = post.as_str()?.parse().ok()?;
        Some(id - 1_900_000_000_000_000_000)
    }

    fn is_free(&mut self) -> bool {
        self.proxy.open() == 0
    }
}

/// An instance of Mastodon behind a proxy.
struct Mastodon {
    instance: Instance,
    proxy: Proxy,
    dir: tempfile::TempDir,
    /// Requests for a timeline before the source was opened last.
    asked: usize,
}

impl Mastodon {
    fn new(records: usize) -> Self {
        let toots = Arc::new(Toots::new(51, records, 200, false));
        let instance = Instance::start(&toots, 51, InstanceManners::default());
        let proxy = Proxy::start(instance.addr);
        let streaming = Some(format!("ws://{}", proxy.addr));
        instance.manners(|manners| manners.streaming = streaming);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), INSTANCE_TOKEN).unwrap();
        Self { instance, proxy, dir, asked: 0 }
    }

    fn timelines(&self) -> usize {
        let requests = self.instance.requests();
        requests.iter().filter(|(target, _)| target.contains("timelines")).count()
    }
}

impl Peer for Mastodon {
    fn keys(&self) -> String {
        let token = self.dir.path().join("token");
        format!("instance = 'http://{}'\ntoken_file = {token:?}", self.proxy.addr)
    }

    fn opened(&mut self, _name: &str) {
        self.asked = self.timelines();
    }

    fn is_ready(&mut self) -> bool {
        self.instance.listeners() == 1 && self.timelines() > self.asked
    }

    fn release(&mut self, records: usize) {
        self.instance.release(records);
    }

    fn cut(&mut self) -> bool {
        self.proxy.cut();
        true
    }

    fn garbage(&mut self) {
        let event = b"event: update\ndata: {\"a\":[[[ garbage\n\n".to_vec();
        self.instance.manners(|manners| manners.first.push_back(event));
    }

    fn number(&self, line: &[u8]) -> Option<usize> {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        line["payload"]["uri"].as_str()?.rsplit('/').next()?.parse().ok()
    }

    fn is_free(&mut self) -> bool {
        self.proxy.open() == 0
    }
}

/// Made-up posts: everything is there from the start, and each line is known.
struct Generated {
    records: usize,
    numbers: HashMap<Vec<u8>, usize>,
}

impl Generated {
    fn new(records: usize) -> Self {
        let mut peer = Self { records, numbers: HashMap::new() };
        let options = ticker::checked(&generator::KIND, &peer.keys());
        let options = options.downcast::<generator::Options>().unwrap();
        let mut bytes = Vec::new();
        write_posts(options, records as u64, &mut bytes).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        peer.numbers = lines.map(|(number, line)| (line.to_vec(), number)).collect();
        assert_eq!(peer.numbers.len(), records + 1, "each line is another one");
        peer
    }
}

impl Peer for Generated {
    fn keys(&self) -> String {
        format!("posts = {}\nstart = '2026-01-01T00:00:00Z'", self.records)
    }

    fn release(&mut self, _records: usize) {}

    fn number(&self, line: &[u8]) -> Option<usize> {
        self.numbers.get(line).copied().filter(|number| *number < self.records)
    }
}
