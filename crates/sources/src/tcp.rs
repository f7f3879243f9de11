//! A TCP client: one record a line, as the sender of the original pipeline writes them.
//!
//! A lost connection drops the line that it cut, which is counted, and ends in
//! [`SourceError::Retry`]; the engine waits and opens again. Nothing can be read twice: a crash
//! loses what came since the last checkpoint plus what the kernel held, which
//! [`RECEIVE_BUFFER_BYTES`] bounds.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::framing::Framer;
use super::kind::{LINE_FORMATS, RATE, Replays, START, SourceKind, SourceOptions};
use super::loss_bounds::{Buffer, Filled as Refilled, LossBounds};
use super::options::Key;
use super::options::address::host_and_port;
use super::reconnect::Cause;
use super::stream::{Filled, deliver, fill, why};
use super::{Guarantee, Poll, Reason, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, Position};

/// Asked of the kernel for each connection, instead of one that grows by itself; Linux clamps it
/// to `net.core.rmem_max` and doubles the result for its own bookkeeping.
pub const RECEIVE_BUFFER_BYTES: usize = 1024 * 1024;

/// How long one address may take to answer.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Lines from a TCP server, connected to again when it is lost.
pub static KIND: SourceKind = SourceKind {
    name: "tcp",
    about: "lines from a TCP server, connected to again when it is lost",
    keys: &[Key::text("addr"), START, RATE],
    formats: LINE_FORMATS,
    short_key: Some("addr"),
    aliases: &[],
    is_platform: false,
    check: |section, _| Arc::new(Options { addr: host_and_port(section) }),
};

/// Where it connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `host:port`.
    pub addr: String,
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("lines from {}, reconnecting when it is lost", self.addr)
    }

    fn loss(&self, epoch: Duration) -> LossBounds {
        socket_loss(epoch)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn replays(&self) -> Replays {
        Replays::Nothing
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(TcpSource::new(&self.addr, line_max_bytes, clock)))
    }

    fn no_event_time(&self, carries_time: bool) -> Option<&'static str> {
        (!carries_time).then_some(NO_EVENT_TIME)
    }
}

/// Why a replay cannot go by the time of such lines.
pub(super) const NO_EVENT_TIME: &str = "lines of text from a socket have no event time";

/// What a socket loses: nothing can be asked for again.
pub(super) fn socket_loss(epoch: Duration) -> LossBounds {
    LossBounds {
        buffer: Buffer::Kernel(RECEIVE_BUFFER_BYTES),
        ..LossBounds::live(epoch, Duration::ZERO, CONNECT_MAX, Refilled::No)
    }
}

/// Lines from the server at one address.
#[derive(Debug)]
pub struct TcpSource {
    /// `host:port`.
    addr: String,
    connection: Option<TcpStream>,
    /// Why the connection is gone, until it is returned.
    lost: Option<Reason>,
    framer: Framer,
    line_max_bytes: usize,
    clock: Clock,
    /// Lines delivered, over all connections.
    lines: u64,
}

impl TcpSource {
    /// A client of `addr` (`host:port`); connects in [`Source::open`].
    #[must_use]
    pub fn new(addr: &str, line_max_bytes: usize, clock: &Clock) -> Self {
        Self {
            addr: addr.to_owned(),
            connection: None,
            lost: None,
            framer: Framer::new(line_max_bytes),
            line_max_bytes,
            clock: clock.clone(),
            lines: 0,
        }
    }

    /// The connection is gone.
    fn lost(&self, why: Reason) -> SourceError {
        let why = why.reworded(|why| format!("lost `{}`: {why}", self.addr));
        SourceError::retry(Cause::Network, why)
    }

    fn connect(&self) -> Result<TcpStream, SourceError> {
        let addr = &self.addr;
        if addr.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(SourceError::fatal(format!(
                "cannot connect to `{addr}`: no port in it\nhelp: write `host:port`, such as \
                 `localhost:9009`"
            )));
        }
        let found = addr.to_socket_addrs().map_err(|error| {
            let text = format!("cannot find the address of `{addr}`: {}", why(&error));
            SourceError::retry(Cause::Network, Reason::because(text, error))
        })?;
        let mut last = Reason::from("the name has no address");
        for each in found {
            match TcpStream::connect_timeout(&each, CONNECT_MAX) {
                Ok(connection) => {
                    settle(&connection);
                    return Ok(connection);
                }
                Err(error) => last = Reason::because(why(&error), error),
            }
        }
        let reason = last.reworded(|why| {
            format!("cannot connect to `{addr}`: {why}\nhelp: start the sender that listens there")
        });
        Err(SourceError::retry(Cause::Network, reason))
    }
}

/// Bounds the kernel's buffer and lets it notice a peer that vanished without a word. Neither is
/// needed for correctness, so a refusal is not an error.
pub(crate) fn settle(connection: &TcpStream) {
    use rustix::net::sockopt;
    let _ = sockopt::set_socket_recv_buffer_size(connection, RECEIVE_BUFFER_BYTES);
    let _ = sockopt::set_socket_keepalive(connection, true);
    let _ = sockopt::set_tcp_keepidle(connection, Duration::from_secs(60));
    let _ = sockopt::set_tcp_keepintvl(connection, Duration::from_secs(10));
    let _ = sockopt::set_tcp_keepcnt(connection, 6);
}

impl Source for TcpSource {
    fn open(&mut self, _after: &[Position]) -> Result<(), SourceError> {
        self.connection = None;
        self.lost = None;
        self.framer = Framer::new(self.line_max_bytes);
        self.connection = Some(self.connect()?);
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let Some(connection) = self.connection.as_mut() else {
            let why = self.lost.take().unwrap_or_else(|| "not connected".into());
            return Err(self.lost(why));
        };
        self.framer.begin(0);
        let lost = match fill(connection, &mut self.framer, batch, wait) {
            Ok(Filled::Closed) => Some("closed by the other end".into()),
            Ok(Filled::Lines | Filled::Waited) => None,
            Err(error) => Some(Reason::because(why(&error), error)),
        };
        if lost.is_some() {
            self.framer.connection_lost();
            self.connection = None;
            self.lost = lost;
        }
        let records = self.framer.finish(batch);
        let came = deliver(batch, records, &mut self.lines, &self.clock);
        match (came, self.lost.take_if(|_| !came)) {
            (_, Some(why)) => Err(self.lost(why)),
            (true, None) => Ok(Poll::Ready),
            (false, None) => Ok(Poll::Idle),
        }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn name(&self) -> String {
        format!("tcp {}", self.addr)
    }
}
