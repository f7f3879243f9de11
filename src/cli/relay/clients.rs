//! The clients of a relay: each has a buffer of at most [`BEHIND_MAX_BYTES`] and a thread that
//! writes it out.
//!
//! One slow client never blocks the reader of the source. If the source can wait, the reader waits
//! only while even the fastest client is behind.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A client this far behind is disconnected.
pub(super) const BEHIND_MAX_BYTES: usize = 8 << 20;
/// A source that can wait is read further when the fastest client has less than this pending.
const AHEAD_MAX_BYTES: usize = 1 << 20;
/// A client that reads nothing for this long is disconnected.
const STUCK_MAX: Duration = Duration::from_secs(30);
/// Most clients at once.
const CLIENTS_MAX: usize = 64;
/// How often a wait checks the stop flag.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// All connected clients, and the thread that accepts new ones.
pub(super) struct Clients {
    shared: Arc<Shared>,
    addr: SocketAddr,
    /// The source can wait.
    waits: bool,
    stop: Arc<AtomicBool>,
}

struct Shared {
    state: Mutex<State>,
    /// Something changed: a client connected, left, or read what was pending.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    clients: Vec<Client>,
    cut: u64,
    ended: bool,
}

struct Client {
    buffer: Arc<Buffer>,
    thread: Option<JoinHandle<()>>,
    stream: TcpStream,
}

/// What one client has not read yet.
#[derive(Default)]
struct Buffer {
    inner: Mutex<Pending>,
    filled: Condvar,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Bytes that the thread is writing.
    writing: usize,
    /// The source has ended: write what is left, then FIN.
    last: bool,
    /// The client is gone.
    gone: bool,
    /// It was disconnected for reading nothing.
    stuck: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Accepts clients on a thread of its own.
    pub(super) fn accept(
        listener: TcpListener,
        waits: bool,
        stop: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared =
            Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("tagtide-relay-accept".into()).spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => {
                        if !accepting.add(stream) {
                            break;
                        }
                    }
                    // Out of descriptors, or the client has left already: neither ends the relay.
                    Err(error) => {
                        tracing::warn!("cannot accept a client: {error}");
                        std::thread::sleep(STOP_CHECK);
                    }
                }
            }
        })?;
        Ok(Self { shared, addr, waits, stop })
    }

    /// Where clients connect.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits for a client; false if it was stopped first.
    pub(super) fn wait_for_one(&self) -> bool {
        let mut state = lock(&self.shared.state);
        while state.clients.is_empty() {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            state = self.shared.wait(state);
        }
        true
    }

    /// Queues complete lines for every client.
    pub(super) fn send(&self, lines: &[u8]) {
        let mut state = lock(&self.shared.state);
        state.drop_gone();
        while self.waits && !self.stop.load(Ordering::Relaxed) && !state.has_room() {
            state = self.shared.wait(state);
            state.drop_gone();
        }
        let mut cut = 0;
        state.clients.retain(|client| {
            let mut pending = lock(&client.buffer.inner);
            let behind = pending.bytes.len() + pending.writing;
            // A single batch can exceed the bound; a client with nothing pending still gets it.
            if behind > 0 && behind + lines.len() > BEHIND_MAX_BYTES {
                pending.gone = true;
                cut += 1;
                client.buffer.filled.notify_all();
                let _ = client.stream.shutdown(Shutdown::Both);
                return false;
            }
            pending.bytes.extend_from_slice(lines);
            client.buffer.filled.notify_all();
            true
        });
        if cut > 0 {
            tracing::warn!("disconnected {cut} clients that were 8 MiB behind");
            state.cut += cut;
        }
    }

    /// Lets each client read what is left, then sends FIN. Returns how many were disconnected.
    pub(super) fn finish(&self) -> u64 {
        let mut state = lock(&self.shared.state);
        state.ended = true;
        let clients = std::mem::take(&mut state.clients);
        drop(state);
        for client in &clients {
            lock(&client.buffer.inner).last = true;
            client.buffer.filled.notify_all();
        }
        let mut stuck = 0;
        for mut client in clients {
            if let Some(thread) = client.thread.take() {
                let _ = thread.join();
            }
            stuck += u64::from(lock(&client.buffer.inner).stuck);
        }
        lock(&self.shared.state).cut + stuck
    }
}

impl State {
    /// Whether the fastest client has little left to read.
    fn has_room(&self) -> bool {
        let behind = |client: &Client| {
            let pending = lock(&client.buffer.inner);
            pending.bytes.len() + pending.writing
        };
        self.clients.iter().map(behind).min().is_some_and(|least| least < AHEAD_MAX_BYTES)
    }

    fn drop_gone(&mut self) {
        let mut stuck = 0;
        self.clients.retain(|client| {
            let pending = lock(&client.buffer.inner);
            stuck += u64::from(pending.stuck);
            !pending.gone
        });
        self.cut += stuck;
    }
}

impl Shared {
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, STOP_CHECK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Adds a client; false if the relay has ended.
    fn add(self: &Arc<Self>, stream: TcpStream) -> bool {
        let mut state = lock(&self.state);
        state.drop_gone();
        if state.ended {
            return false;
        }
        if state.clients.len() >= CLIENTS_MAX {
            tracing::warn!("refused a client: {CLIENTS_MAX} are connected");
            return true;
        }
        let buffer = Arc::new(Buffer::default());
        let started = stream.set_write_timeout(Some(STUCK_MAX)).and_then(|()| {
            let (own, shared, theirs) =
                (stream.try_clone()?, Arc::clone(self), Arc::clone(&buffer));
            std::thread::Builder::new()
                .name("tagtide-relay-client".into())
                .spawn(move || write_out(own, &theirs, &shared))
        });
        match started {
            Ok(thread) => state.clients.push(Client { buffer, thread: Some(thread), stream }),
            Err(error) => tracing::warn!("cannot serve a client: {error}"),
        }
        self.changed.notify_all();
        true
    }
}

/// Writes pending bytes until the client is gone or everything is written.
fn write_out(mut stream: TcpStream, buffer: &Buffer, shared: &Shared) {
    let mut bytes = Vec::new();
    loop {
        let mut pending = lock(&buffer.inner);
        pending.writing = 0;
        while pending.bytes.is_empty() && !pending.last && !pending.gone {
            pending = buffer.filled.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        if pending.gone || pending.bytes.is_empty() {
            break;
        }
        bytes.clear();
        std::mem::swap(&mut bytes, &mut pending.bytes);
        pending.writing = bytes.len();
        drop(pending);
        if let Err(error) = write_all(&mut stream, &bytes, buffer) {
            let mut pending = lock(&buffer.inner);
            let timed_out = matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            );
            pending.stuck = timed_out;
            pending.gone = true;
            drop(pending);
            let _ = stream.shutdown(Shutdown::Both);
            tracing::info!("a client went away: {error}");
            break;
        }
        shared.changed.notify_all();
    }
    let _ = stream.shutdown(Shutdown::Write);
    lock(&buffer.inner).gone = true;
    shared.changed.notify_all();
}

/// Writes in pieces, so that `writing` stays close to the truth.
fn write_all(stream: &mut TcpStream, bytes: &[u8], buffer: &Buffer) -> std::io::Result<()> {
    for piece in bytes.chunks(64 << 10) {
        stream.write_all(piece)?;
        let mut pending = lock(&buffer.inner);
        pending.writing = pending.writing.saturating_sub(piece.len());
    }
    Ok(())
}
