//! Sockets: binding, accepting, limits on connections and time, shutdown.
//!
//! Each connection holds one of `connections_max` slots. A live stream returns that slot and holds
//! one of `live_max` instead. A connection beyond the limit gets a 503 and is closed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

use super::router::{Front, READERS_MAX};
use super::{Feed, Listen, ServeError, ServeOptions, TOKEN_MIN_CHARS, Timeouts, fd_limit};

/// Most bytes of the request line and headers.
const HEADERS_MAX_BYTES: usize = 16 * 1024;
/// Most bytes per connection that wait in this process to be sent or parsed.
const BUFFER_MAX_BYTES: usize = 64 * 1024;
/// Most bytes per connection that wait in the kernel: all that a client that never reads can hold.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
/// Most connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// Most connections that are being refused at the same time.
const REFUSALS_MAX: usize = 64;
/// Time limit of a refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Pause after the system had no file descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Threads of the server; ranking and counting have their own.
const THREADS: usize = 2;
/// Threads that wait for the live state or the disk.
const BLOCKING_THREADS_MAX: usize = 6;
// Slow queries of files must not delay the live state and the page.
const _: () = assert!(READERS_MAX + 2 <= BLOCKING_THREADS_MAX, "two threads remain free");

/// A running server; [`Server::stop`] or dropping it ends it.
#[derive(Debug)]
pub struct Server {
    runtime: Option<Runtime>,
    addrs: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    drain: Duration,
}

/// Binds the addresses and serves `feed` on its own threads.
///
/// # Errors
/// [`ServeError`] if the address is in use, refused, or reachable by others without a token.
pub fn start(listen: Listen, feed: Feed, options: ServeOptions) -> Result<Server, ServeError> {
    let options = fd_limit::fit(options);
    let addresses = allowed(listen, &options)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("tagtide-serve")
        .enable_all()
        .build()
        .map_err(ServeError::Start)?;
    let sockets = runtime.block_on(async { bind_all(&addresses) })?;
    let addrs: Vec<_> = sockets.iter().map(|(addr, _)| *addr).collect();
    let (stop, stopped) = watch::channel(false);
    let (connections_max, timeouts) = (options.connections_max, options.timeouts);
    let front = {
        let _guard = runtime.enter();
        Front::new(!listen.is_loopback(), feed, options, stopped.clone())?
    };
    let accept = Accept {
        front,
        timeouts,
        slots: Arc::new(Semaphore::new(connections_max)),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        stopped,
    };
    let mut listeners = JoinSet::new();
    for (_, socket) in sockets {
        listeners.spawn_on(accept.clone().run(socket), runtime.handle());
    }
    Ok(Server { runtime: Some(runtime), addrs, stop, listeners, drain: timeouts.drain })
}

/// Checks whether [`start`] could listen now, so that a run that cannot be served is not started.
///
/// # Errors
/// As [`start`].
pub fn probe(listen: Listen, options: &ServeOptions) -> Result<(), ServeError> {
    let addr = allowed(listen, options)?[0];
    match std::net::TcpListener::bind(addr) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ServeError::InUse(addr)),
        Err(source) => Err(ServeError::Listen { addr, source }),
    }
}

/// The addresses to bind; an error if other machines could read without a token.
fn allowed(listen: Listen, options: &ServeOptions) -> Result<Vec<SocketAddr>, ServeError> {
    let addresses = listen.addresses();
    let token = options.token.as_deref().unwrap_or_default();
    match token.chars().count() {
        _ if listen.is_loopback() => Ok(addresses),
        0 => Err(ServeError::TokenNeeded(addresses[0])),
        1..TOKEN_MIN_CHARS => Err(ServeError::TokenShort(addresses[0])),
        _ => Ok(addresses),
    }
}

/// Binds the first address, and the others on the same port if this machine has them.
fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>, ServeError> {
    let mut bound: Vec<(SocketAddr, TcpListener)> = Vec::new();
    for address in addresses {
        let asked_port = address.port();
        let mut address = *address;
        if let (0, Some((first, _))) = (asked_port, bound.first()) {
            address.set_port(first.port());
        }
        match bind(address) {
            Ok(socket) => bound.push((socket.local_addr().unwrap_or(address), socket)),
            // Another program uses it: clients that ask for localhost could get its page.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && asked_port != 0 => {
                return Err(ServeError::InUse(address));
            }
            Err(source) if bound.is_empty() => {
                return Err(ServeError::Listen { addr: address, source });
            }
            Err(error) => tracing::debug!("not listening on `{address}`: {error}"),
        }
    }
    Ok(bound)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let two programs share a port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// The first address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// All addresses.
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Accepts no more connections, ends live streams, finishes answers in progress within
    /// [`Timeouts::drain`], and returns. Must not be called inside an async runtime.
    pub fn stop(mut self) {
        self.stop.send_replace(true);
        let Some(runtime) = self.runtime.take() else { return };
        let mut listeners = std::mem::take(&mut self.listeners);
        runtime.block_on(async {
            // Anything that has not ended by then is dropped with the runtime.
            let all = async { while listeners.join_next().await.is_some() {} };
            let _ = timeout(self.drain + REFUSAL_TIME, all).await;
        });
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection's slot for requests, until a live stream returns it.
#[derive(Clone)]
pub(super) struct Slot(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Slot {
    /// Returns the slot.
    pub(super) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[derive(Clone)]
struct Accept {
    front: Arc<Front>,
    timeouts: Timeouts,
    slots: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Accept {
    async fn run(self, socket: TcpListener) {
        let mut connections = JoinSet::new();
        let mut stopped = self.stopped.clone();
        let mut failing = false;
        loop {
            tokio::select! {
                () = until_stopped(&mut stopped) => break,
                Some(_) = connections.join_next() => {}
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        failing = false;
                        self.admit(stream, &mut connections);
                    }
                    Err(error) => {
                        if !failing {
                            tracing::warn!("cannot accept a connection: {error}");
                        }
                        failing = true;
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(socket);
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(self.timeouts.drain, all).await;
    }

    fn admit(&self, stream: TcpStream, connections: &mut JoinSet<()>) {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            connections.spawn(self.clone().serve(stream, slot));
        } else {
            self.front.app.metrics.refused_connections.inc();
            if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
                connections.spawn(async move {
                    let _ = timeout(REFUSAL_TIME, refuse(stream)).await;
                    drop(permit);
                });
            }
        }
    }

    async fn serve(self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        // A tick must not wait for the acknowledgement of the previous one.
        let _ = stream.set_nodelay(true);
        let slot = Slot(Arc::new(Mutex::new(Some(slot))));
        let front = self.front;
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let front = Arc::clone(&front);
            request.extensions_mut().insert(slot.clone());
            let request = request.map(Body::new);
            async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.timeouts.header)
            .max_header_size(HEADERS_MAX_BYTES)
            .max_buf_size(BUFFER_MAX_BYTES)
            .serve_connection(TokioIo::new(Unstuck::new(stream, self.timeouts.stuck)), service);
        let mut connection = pin!(connection);
        let mut stopped = self.stopped;
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = until_stopped(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("connection ended early: {error}");
        }
    }
}

/// Returns when the server stops.
async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // The guard that this returns must not live across an await of the caller.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// Sends a 503, and gives the client time to read it before the connection closes.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
        content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n\
        retry-after: 5\r\nconnection: close\r\n\r\ntoo many connections\n";
    stream.write_all(BUSY).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection, and the answer could be lost.
    let mut sink = [0_u8; 1_024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

/// A socket whose writes fail if the other side has read nothing for `limit`.
struct Unstuck {
    stream: TcpStream,
    limit: Duration,
    /// Runs while data waits to be sent.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Unstuck {
    fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, limit, waiting: None }
    }

    /// Enforces the time limit on one attempt to write.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl AsyncRead for Unstuck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unstuck {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.timed(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.timed(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
