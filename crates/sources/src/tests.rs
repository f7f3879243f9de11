//! The contract suite: what every source must do, run over every source.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::file::FileSource;
use super::stdin::StdinSource;
use super::tcp::TcpSource;
use super::tcp_listen::TcpListenSource;
use super::*;
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Dropped, PAD};

mod network;

const LIMIT: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Gzip,
    Zstd,
    Follow,
    Stdin,
    Tcp,
    TcpListen,
}

const ALL: [Kind; 7] =
    [Kind::Plain, Kind::Gzip, Kind::Zstd, Kind::Follow, Kind::Stdin, Kind::Tcp, Kind::TcpListen];
const LIVE: [Kind; 4] = [Kind::Follow, Kind::Stdin, Kind::Tcp, Kind::TcpListen];
const WIRES: [Kind; 3] = [Kind::Stdin, Kind::Tcp, Kind::TcpListen];

/// A source and the other end of its wire.
struct Rig {
    kind: Kind,
    source: Box<dyn Source>,
    wire: Option<Wire>,
    path: PathBuf,
    got: Vec<u8>,
    dropped: Dropped,
    lines: u64,
    positions: Vec<Position>,
    /// How the source ended, if it did.
    ended: Option<Result<(), String>>,
    _dir: TempDir,
}

/// What the other end writes to.
enum Wire {
    Pipe(std::io::PipeWriter),
    Socket(TcpStream),
    File(File),
}

impl Rig {
    /// A rig whose source is open; `stored` is what a file holds from the start.
    fn new(kind: Kind, stored: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(match kind {
            Kind::Gzip => "posts.gz",
            Kind::Zstd => "posts.zst",
            _ => "posts.txt",
        });
        let packed = match kind {
            Kind::Gzip => {
                let level = flate2::Compression::fast();
                let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
                out.write_all(stored).unwrap();
                out.finish().unwrap()
            }
            Kind::Zstd => zstd::encode_all(stored, 1).unwrap(),
            _ => stored.to_vec(),
        };
        fs::write(&path, packed).unwrap();
        let (source, wire) = Self::connect(kind, &path);
        let positions = Vec::new();
        let (got, dropped, lines, ended) = (Vec::new(), Dropped::default(), 0, None);
        let mut rig =
            Self { kind, source, wire, path, got, dropped, lines, positions, ended, _dir: dir };
        if !WIRES.contains(&kind) {
            rig.source.open(&[]).unwrap();
        } else if !stored.is_empty() {
            rig.send(stored);
        }
        rig
    }

    fn connect(kind: Kind, path: &std::path::Path) -> (Box<dyn Source>, Option<Wire>) {
        let clock = Clock::System;
        match kind {
            Kind::Stdin => {
                let (reader, writer) = std::io::pipe().unwrap();
                let source = StdinSource::from_descriptor(reader.into(), LIMIT, &clock);
                (Box::new(source), Some(Wire::Pipe(writer)))
            }
            Kind::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let addr = listener.local_addr().unwrap().to_string();
                let mut source = TcpSource::new(&addr, LIMIT, &clock);
                source.open(&[]).unwrap();
                (Box::new(source), Some(Wire::Socket(listener.accept().unwrap().0)))
            }
            Kind::TcpListen => {
                let mut source = TcpListenSource::new("127.0.0.1:0", LIMIT, &clock);
                source.open(&[]).unwrap();
                let socket = TcpStream::connect(source.local_addr().unwrap()).unwrap();
                (Box::new(source), Some(Wire::Socket(socket)))
            }
            _ => {
                let follow = kind == Kind::Follow;
                let paths = [path.display().to_string()];
                let wire = follow.then(|| fs::OpenOptions::new().append(true).open(path).unwrap());
                let source = FileSource::new(&paths, follow, LIMIT, &clock);
                (Box::new(source), wire.map(Wire::File))
            }
        }
    }

    /// Writes `bytes` at the other end, polling whenever the wire takes no more.
    fn send(&mut self, mut bytes: &[u8]) {
        let deadline = deadline();
        while !bytes.is_empty() {
            // Small enough for a pipe that was emptied.
            let part = &bytes[..bytes.len().min(4096)];
            let sent = match self.wire.as_mut().unwrap() {
                Wire::Pipe(pipe) => pipe.write(part),
                Wire::File(file) => file.write(part),
                Wire::Socket(socket) => {
                    socket.set_nonblocking(true).unwrap();
                    socket.write(part)
                }
            };
            match sent {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            self.poll();
            assert!(monotonic() < deadline, "{:?} takes nothing", self.kind);
        }
    }

    /// One poll, its batch checked and kept.
    fn poll(&mut self) {
        let mut batch = Batch::default();
        // Old bytes in a reused buffer must never show.
        batch.room(300 * 1024).fill(b'#');
        batch.clear();
        match self.source.poll(&mut batch, Duration::ZERO) {
            Ok(Poll::Ready) => {}
            Ok(Poll::Idle) => assert!(batch.lines == 0),
            Ok(Poll::End) => self.ended = Some(Ok(())),
            Err(SourceError::Fatal(why)) => panic!("{:?}: {why}", self.kind),
            Err(lost) => self.ended = Some(Err(lost.to_string())),
        }
        if self.ended.is_some() || batch.padded().is_empty() {
            return;
        }
        let records = batch.records();
        assert!(records.is_empty() || records.ends_with(b"\n"), "{:?}", self.kind);
        assert_eq!(batch.padded()[records.len()..], [0; PAD], "{:?}", self.kind);
        assert_eq!(batch.lines, memchr::memchr_iter(b'\n', records).count() as u64);
        if batch.lines > 0 {
            assert_eq!(batch.first, self.lines, "{:?}", self.kind);
        }
        self.lines += batch.lines;
        self.got.extend_from_slice(records);
        self.dropped.oversize += batch.dropped.oversize;
        self.dropped.partial += batch.dropped.partial;
        if !batch.positions.is_empty() {
            self.positions = batch.positions.to_vec();
        }
    }

    /// Closes the wire and polls until the source has ended or `enough` holds.
    fn finish(&mut self, enough: impl Fn(&Self) -> bool) {
        self.wire = None;
        self.poll_until(|rig| {
            let endless = matches!(rig.kind, Kind::Follow | Kind::TcpListen);
            if endless { enough(rig) } else { rig.ended.is_some() }
        });
    }

    fn poll_until(&mut self, done: impl Fn(&Self) -> bool) {
        let deadline = deadline();
        while !done(self) {
            self.poll();
            assert!(
                monotonic() < deadline,
                "{:?}: {} lines came, {:?}",
                self.kind,
                self.lines,
                self.dropped
            );
        }
    }
}

fn deadline() -> Instant {
    monotonic() + Duration::from_secs(20)
}

/// Everything goes in at once, and `want` comes out.
fn check(kind: Kind, input: &[u8], want: &[u8], oversize: u64) {
    let mut rig = Rig::new(kind, input);
    rig.finish(|rig| rig.got.len() >= want.len() && rig.dropped.oversize >= oversize);
    assert!(rig.got == want, "{kind:?}: {} bytes, not {}", rig.got.len(), want.len());
    assert_eq!(rig.dropped, Dropped { oversize, partial: 0 }, "{kind:?}");
}

fn lines(n: usize) -> Vec<u8> {
    (0..n)
        .flat_map(|i| format!("{i} says #tag{} {}\n", i % 7, "é".repeat(i % 60)).into_bytes())
        .collect()
}

#[test]
fn lines_come_in_order_and_whole() {
    let input = lines(8_000);
    for kind in ALL {
        check(kind, &input, &input, 0);
    }
}

#[test]
fn empty_input_is_no_line() {
    for kind in ALL {
        check(kind, b"", b"", 0);
        check(kind, b"\n\r\n\n", b"\n\r\n\n", 0);
    }
}

#[test]
fn garbage_is_passed_on_as_it_is() {
    let garbage =
        b"\xef\xbb\xbf#bom\r\n\xff\xfe\x00\x80#x\n\0\0\n\xed\xa0\x80\n{\"a\":[[[[\n\r\r\n";
    for kind in ALL {
        check(kind, garbage, garbage, 0);
    }
}

#[test]
fn endless_lines_are_counted_and_gone() {
    let mut input = b"before\n".to_vec();
    for length in [LIMIT, LIMIT + 1, 3 << 20] {
        input.resize(input.len() + length, b'x');
        input.extend_from_slice(b"\nafter\n");
    }
    let mut want = b"before\n".to_vec();
    want.resize(want.len() + LIMIT, b'x');
    want.extend_from_slice(b"\nafter\nafter\nafter\n");
    for kind in ALL {
        check(kind, &input, &want, 2);
    }
}

#[test]
fn a_last_line_without_newline() {
    for kind in ALL {
        let mut rig = Rig::new(kind, b"one\ntwo");
        rig.finish(|rig| {
            rig.got == b"one\n" && (rig.kind == Kind::Follow || rig.dropped.partial > 0)
        });
        let cut = matches!(kind, Kind::Tcp | Kind::TcpListen);
        let want: &[u8] = if cut || kind == Kind::Follow { b"one\n" } else { b"one\ntwo\n" };
        assert_eq!(rig.got, want, "{kind:?}");
        assert_eq!(rig.dropped.partial, u64::from(cut), "{kind:?}");
    }
}

#[test]
fn one_byte_at_a_time() {
    let input = lines(30);
    for kind in LIVE {
        let mut rig = Rig::new(kind, b"");
        let (mut sent, mut whole) = (0, 0);
        for byte in &input {
            rig.send(&[*byte]);
            sent += 1;
            if *byte == b'\n' {
                whole = sent;
                // Prompt: a line comes before anything is sent behind it.
                rig.poll_until(|rig| rig.got.len() == whole);
            }
            assert!(rig.got.len() <= whole, "{kind:?}");
        }
        assert_eq!(rig.got, input, "{kind:?}");
    }
}

#[test]
fn a_reset_in_mid_line_is_one_partial_and_a_retry() {
    for kind in [Kind::Tcp, Kind::TcpListen] {
        let mut rig = Rig::new(kind, b"one\ntwo\nthr");
        rig.poll_until(|rig| rig.got == b"one\ntwo\n");
        let Some(Wire::Socket(socket)) = rig.wire.take() else { panic!() };
        // Linger 0 makes the close a reset.
        rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
        drop(socket);
        rig.finish(|rig| rig.dropped.partial == 1);
        assert_eq!((rig.got.as_slice(), rig.dropped.partial), (&b"one\ntwo\n"[..], 1), "{kind:?}");
        if kind == Kind::Tcp {
            assert!(rig.ended.unwrap().unwrap_err().starts_with("lost `127.0.0.1:"));
        }
    }
}

#[test]
fn resuming_gives_exactly_the_rest() {
    let input = lines(200_000);
    for kind in [Kind::Plain, Kind::Gzip, Kind::Zstd, Kind::Follow] {
        let mut rig = Rig::new(kind, &input);
        assert_eq!(rig.source.guarantee(), Guarantee::ExactlyOnce);
        let mut resumes = 0;
        while rig.ended.is_none() && rig.got.len() < input.len() {
            let before = rig.got.len();
            rig.poll();
            if rig.got.len() > before {
                // Whatever was read beyond the batch is forgotten, as by a crash.
                let (source, wire) = Rig::connect(kind, &rig.path);
                (rig.source, rig.wire) = (source, wire);
                rig.source.open(&rig.positions).unwrap();
                resumes += 1;
            }
        }
        assert!(rig.got == input, "{kind:?}");
        assert!(resumes >= 2, "{kind:?} resumed {resumes} times");
    }
}

#[test]
fn a_source_that_is_not_polled_reads_nothing() {
    for kind in WIRES {
        let mut rig = Rig::new(kind, b"first\n");
        rig.poll_until(|rig| rig.got == b"first\n");
        let line = [vec![b'y'; 999], vec![b'\n']].concat();
        let mut sent = 0;
        let mut wire = rig.wire.take().unwrap();
        if let Wire::Pipe(pipe) = &wire {
            rustix::io::ioctl_fionbio(pipe, true).unwrap();
        }
        // Full twice in a row, with pauses that would let a reader of its own make room.
        let mut full = 0;
        while full < 200 {
            let part = &line[sent % 1000..];
            let wrote = match &mut wire {
                Wire::Pipe(pipe) => pipe.write(part),
                Wire::Socket(socket) => socket.write(part),
                Wire::File(_) => unreachable!(),
            };
            match wrote {
                Ok(wrote) => (sent, full) = (sent + wrote, 0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    full += 1;
                    std::thread::yield_now();
                }
                Err(error) => panic!("{kind:?}: {error}"),
            }
            assert!(sent < 64 << 20, "{kind:?} swallows without being polled");
        }
        drop(wire);
        let want = 6 + sent / 1000 * 1000;
        rig.poll_until(|rig| rig.got.len() >= want);
        assert!(rig.got[6..].chunks(1000).all(|got| got == line), "{kind:?}");
    }
}

#[test]
fn a_stopped_source_lets_go_of_its_wire() {
    for kind in WIRES {
        let mut rig = Rig::new(kind, b"one\n");
        rig.poll_until(|rig| rig.got == b"one\n");
        let mut wire = rig.wire.take().unwrap();
        drop(rig);
        let deadline = deadline();
        loop {
            let wrote = match &mut wire {
                Wire::Pipe(pipe) => pipe.write(b"x\n"),
                Wire::Socket(socket) => socket.write(b"x\n"),
                Wire::File(_) => unreachable!(),
            };
            match wrote {
                Err(error) if error.kind() != ErrorKind::WouldBlock => break,
                _ => assert!(monotonic() < deadline, "{kind:?} still holds its wire"),
            }
        }
    }
}

/// The keys of each kind that make its options sound; `{secret}` is a file with a secret.
const SOUND: &[(&str, &str)] = &[
    ("file", "paths = 'posts'"),
    ("stdin", ""),
    ("tcp", "addr = 'localhost:9009'"),
    ("tcp-listen", "addr = 'localhost:9009'"),
    ("jetstream", ""),
    ("x", "token_file = '{secret}'\nrules = ['a']\nreads_max_per_day = 1"),
    (
        "x-v1",
        "base_url = 'https://x.example'\ntrack = ['a']\nconsumer_key_file = '{secret}'\n\
         consumer_secret_file = '{secret}'\ntoken_file = '{secret}'\n\
         token_secret_file = '{secret}'",
    ),
    ("mastodon", "instance = 'a.example'"),
    ("generator", ""),
];

#[test]
fn every_kind_can_be_built_and_keeps_its_promise() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "a").unwrap();
    for kind in SOURCES {
        let sound = SOUND.iter().find(|(name, _)| *name == kind.name);
        let (_, keys) = sound.unwrap_or_else(|| panic!("`{}` has no entry in SOUND", kind.name));
        let options = options(kind, &keys.replace("{secret}", &secret.display().to_string()));
        assert_eq!(options.kind().name, kind.name);
        assert!(!options.describe().is_empty());
        let (loss, promise) = (options.loss(Duration::from_secs(2)), options.guarantee());
        let is_exact = promise == Guarantee::ExactlyOnce;
        assert_eq!(is_exact, loss.filled == loss_bounds::Filled::All, "{}", kind.name);
        assert_eq!(is_exact, options.replays() == Replays::Everything, "{}", kind.name);
        let source = options.build(LIMIT, &Clock::System).unwrap();
        assert_eq!(source.guarantee(), promise);
        assert!(source.name().starts_with(kind.name), "{}", source.name());
    }
    assert_eq!(SOUND.len(), SOURCES.len());
}

/// The options that `keys` come to.
fn options(kind: &'static SourceKind, keys: &str) -> std::sync::Arc<dyn SourceOptions> {
    use super::options::toml_table::{Document, Table};
    use super::options::{Checker, Place, Section, Written};
    let root = toml::de::DeTable::parse(keys).unwrap();
    let mut doc = Document::new("job.toml", keys);
    let mut table = Table::new(&mut doc, "source", root.get_ref());
    let written = Written::read(&mut table, kind.keys.iter().copied());
    table.finish();
    assert!(doc.problems.is_empty(), "{:?}", doc.problems);
    let (mut checker, place) = (Checker::default(), Place::default());
    let mut section = Section::new(&mut checker, &place, &written, kind.keys, true);
    let options = (kind.check)(&mut section, kind.formats[0].1);
    assert!(checker.problems.is_empty(), "{}: {:?}", kind.name, checker.problems);
    options
}
