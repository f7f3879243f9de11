//! The clients of a relay: each has a buffer of at most [`BEHIND_MAX_BYTES`] and a thread that
//! writes it out.
//!
//! The reader of the source never blocks on one slow client: it waits, where the source can wait,
//! only while even the fastest client has not taken what it has.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A client this far behind is cut.
pub(super) const BEHIND_MAX_BYTES: usize = 8 << 20;
/// A source that can wait is read on when the fastest client has less than this to take.
const AHEAD_MAX_BYTES: usize = 1 << 20;
/// A client that takes nothing for so long is cut.
const STUCK_MAX: Duration = Duration::from_secs(30);
/// Most clients at once.
const CLIENTS_MAX: usize = 64;
/// How often a wait looks at the stop flag.
const LOOK: Duration = Duration::from_millis(50);

/// Everybody who is connected, and the thread that takes new ones.
pub(super) struct Clients {
    shared: Arc<Shared>,
    addr: SocketAddr,
    /// The source can wait.
    waits: bool,
    stop: Arc<AtomicBool>,
}

struct Shared {
    state: Mutex<State>,
    /// Something changed: a client came or went, or took what it had.
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

/// What one client has not taken yet.
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
    /// Nothing more will come: write what is left, then FIN.
    last: bool,
    /// The client is gone.
    gone: bool,
    /// It was cut for taking nothing.
    stuck: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clients {
    /// Takes clients on a thread of its own.
    pub(super) fn accept(
        listener: TcpListener,
        waits: bool,
        stop: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared =
            Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
        let taking = Arc::clone(&shared);
        std::thread::Builder::new().name("tagtide-relay-accept".into()).spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => {
                        if !taking.take(stream) {
                            break;
                        }
                    }
                    // Out of descriptors, or a client gone already: neither ends the relay.
                    Err(error) => {
                        tracing::warn!("cannot accept a client: {error}");
                        std::thread::sleep(LOOK);
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

    /// Waits for a client; false where it was stopped first.
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

    /// Gives whole lines to every client.
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
            // One batch may itself be larger than the bound; who has nothing left gets it.
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
            tracing::warn!("cut {cut} clients that were 8 MiB behind");
            state.cut += cut;
        }
    }

    /// Lets each client take what is left, then sends FIN; how many were cut in all.
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
    /// The fastest client has little left to take.
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
        self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Takes a client in; false where the relay has ended.
    fn take(self: &Arc<Self>, stream: TcpStream) -> bool {
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

/// Writes what comes until the client is gone or the last is written.
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

/// Writes in pieces, so that how far behind the client is stays known.
fn write_all(stream: &mut TcpStream, bytes: &[u8], buffer: &Buffer) -> std::io::Result<()> {
    for piece in bytes.chunks(64 << 10) {
        stream.write_all(piece)?;
        let mut pending = lock(&buffer.inner);
        pending.writing = pending.writing.saturating_sub(piece.len());
    }
    Ok(())
}
