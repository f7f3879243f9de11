//! A TCP listener: several senders at once, one record a line.
//!
//! One poll(2) waits for all of them, and each ready sender is read straight into the batch behind
//! the one before, framed by itself: lines of two senders never mix. There is no thread and no
//! queue between the kernel and the batch, so a source that is not polled reads nothing.
//!
//! At most [`SENDERS_MAX`] senders; one more is turned away by closing its connection, and a
//! sender's unfinished line may take as much memory as the line limit. A crash loses what came
//! since the last checkpoint plus what the kernel held for each sender.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::framing::{BATCH_BYTES, Framer};
use super::kind::{LINE_FORMATS, RATE, Replays, START, SourceKind, SourceOptions};
use super::loss_bounds::LossBounds;
use super::options::Key;
use super::options::address::host_and_port;
use super::stream::{deliver, is_passing, ready, why};
use super::tcp::{NO_EVENT_TIME, settle, socket_loss};
use super::{Guarantee, Poll, Reason, Source, SourceError};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, Dropped, Position};

/// Most senders at once.
pub const SENDERS_MAX: usize = 256;

/// A batch that holds this much takes no more senders in its round.
const ROUND_MAX_BYTES: usize = BATCH_BYTES / 2;

/// Lines from up to 256 TCP clients at once.
pub static KIND: SourceKind = SourceKind {
    name: "tcp-listen",
    about: "lines from up to 256 TCP clients at once",
    keys: &[Key::text("addr"), START, RATE],
    formats: LINE_FORMATS,
    short_key: Some("addr"),
    aliases: &[],
    is_platform: false,
    check: |section, _| Arc::new(Options { addr: host_and_port(section) }),
};

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `address:port`.
    pub addr: String,
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("lines from clients that connect to {}", self.addr)
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
        Ok(Box::new(TcpListenSource::new(&self.addr, line_max_bytes, clock)))
    }

    fn no_event_time(&self, carries_time: bool) -> Option<&'static str> {
        (!carries_time).then_some(NO_EVENT_TIME)
    }
}

/// One connection and its unfinished line.
#[derive(Debug)]
struct Sender {
    connection: TcpStream,
    framer: Framer,
    closed: bool,
}

/// Lines from clients that connect.
#[derive(Debug)]
pub struct TcpListenSource {
    /// `address:port` as asked for.
    addr: String,
    listener: Option<TcpListener>,
    senders: Vec<Sender>,
    /// Who is read first in the next round, so that a fast sender does not starve the others.
    next: usize,
    line_max_bytes: usize,
    clock: Clock,
    /// Lines delivered, over all connections.
    lines: u64,
    /// Connections turned away.
    refused: u64,
    /// No sender is accepted before this; set when the machine has no descriptor left.
    closed_until: Option<Instant>,
}

impl TcpListenSource {
    /// A listener on `addr` (`address:port`; port 0 = any); binds in [`Source::open`].
    #[must_use]
    pub fn new(addr: &str, line_max_bytes: usize, clock: &Clock) -> Self {
        Self {
            addr: addr.to_owned(),
            listener: None,
            senders: Vec::new(),
            next: 0,
            line_max_bytes,
            clock: clock.clone(),
            lines: 0,
            refused: 0,
            closed_until: None,
        }
    }

    /// Where it listens, once open.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Connections turned away so far because [`SENDERS_MAX`] others were open.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn bind(&self) -> std::io::Result<TcpListener> {
        let listener = TcpListener::bind(&self.addr)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Waits for any sender to write, close or connect; reads nothing.
    fn wait_for_any(&self, ready_now: &mut Vec<bool>, wait: Duration) -> std::io::Result<bool> {
        let closed = self.closed_until.is_some_and(|until| monotonic() < until);
        let accepts = if closed { PollFlags::empty() } else { PollFlags::IN };
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.senders.len() + 1);
        fds.extend(self.listener.iter().map(|listener| PollFd::new(listener, accepts)));
        fds.extend(self.senders.iter().map(|each| PollFd::new(&each.connection, PollFlags::IN)));
        let any = ready(&mut fds, wait)?;
        ready_now.clear();
        ready_now.extend(fds.iter().map(|fd| any && !fd.revents().is_empty()));
        Ok(ready_now.first() == Some(&true))
    }

    /// Accepts every sender that waits.
    fn accept_all(&mut self) -> std::io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        loop {
            let connection = match listener.accept() {
                Ok((connection, _)) => connection,
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                // No descriptor left, most likely: the others continue, and the listener is not
                // polled for a while.
                Err(error) => {
                    self.closed_until = Some(monotonic() + Duration::from_secs(1));
                    tracing::warn!(at = %self.addr, why = why(&error), "cannot accept a sender");
                    return Ok(());
                }
            };
            if self.senders.len() >= SENDERS_MAX {
                self.refused += 1;
                if self.refused.is_power_of_two() {
                    let (at, refused) = (&self.addr, self.refused);
                    tracing::warn!(%at, refused, "turned a sender away: {SENDERS_MAX} are open");
                }
                continue;
            }
            settle(&connection);
            connection.set_nonblocking(true)?;
            let framer = Framer::new(self.line_max_bytes);
            self.senders.push(Sender { connection, framer, closed: false });
        }
    }

    /// Reads each ready sender once, behind what the batch already holds.
    fn round(&mut self, batch: &mut Batch, ready_now: &[bool], mut records: usize) -> usize {
        let count = self.senders.len();
        let first = self.next % count.max(1);
        for step in 0..count {
            let index = (first + step) % count;
            if !ready_now[index + 1] {
                continue;
            }
            if records > ROUND_MAX_BYTES {
                self.next = index;
                break;
            }
            let sender = &mut self.senders[index];
            sender.framer.begin(records);
            match sender.connection.read(sender.framer.space(batch)) {
                Ok(0) => sender.closed = true,
                Ok(read) => sender.framer.accept(batch, read),
                Err(error) => sender.closed = !is_passing(&error),
            }
            if sender.closed {
                sender.framer.connection_lost();
            }
            records = sender.framer.finish(batch);
            self.next = index + 1;
        }
        self.senders.retain(|sender| !sender.closed);
        records
    }

    fn gather(&mut self, batch: &mut Batch, deadline: Instant) -> std::io::Result<usize> {
        let mut ready_now = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(monotonic());
            let has_new = self.wait_for_any(&mut ready_now, left)?;
            let records = self.round(batch, &ready_now, 0);
            if has_new {
                self.accept_all()?;
            }
            if records > 0 || batch.dropped != Dropped::default() || left.is_zero() {
                return Ok(records);
            }
        }
    }
}

impl Source for TcpListenSource {
    fn open(&mut self, _after: &[Position]) -> Result<(), SourceError> {
        if self.listener.is_none() {
            self.listener = Some(self.bind().map_err(|error| {
                let (addr, why) = (&self.addr, why(&error));
                let help = match error.kind() {
                    ErrorKind::AddrInUse => {
                        "stop the program that listens there, or choose another port"
                    }
                    ErrorKind::PermissionDenied => "choose a port from 1024 on",
                    _ => "write `address:port`, such as `127.0.0.1:9009`",
                };
                let text = format!("cannot listen on `{addr}`: {why}\nhelp: {help}");
                SourceError::fatal(Reason::because(text, error))
            })?);
        }
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let records = self.gather(batch, monotonic() + wait).map_err(|error| {
            let text = format!("cannot listen on `{}`: {}", self.addr, why(&error));
            SourceError::fatal(Reason::because(text, error))
        })?;
        let came = deliver(batch, records, &mut self.lines, &self.clock);
        Ok(if came { Poll::Ready } else { Poll::Idle })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn name(&self) -> String {
        match self.local_addr() {
            Some(addr) => format!("tcp-listen {addr}"),
            None => format!("tcp-listen {}", self.addr),
        }
    }
}
