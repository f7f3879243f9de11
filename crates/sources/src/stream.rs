//! Reading lines from a descriptor that may have nothing to read: stdin, a pipe, a socket.
//!
//! poll(2) waits for the first byte up to a deadline, then one read goes straight into the batch.
//! Nothing is read ahead: what is not polled stays in the kernel, whose buffer is the
//! back-pressure. Linux and other Unix systems only.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::framing::Framer;
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, Dropped};

/// The result of [`fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// At least one whole line is there.
    Lines,
    /// The wait is over and no whole line came.
    Waited,
    /// The other end has closed; whole lines may have come before.
    Closed,
}

/// Waits until one of `fds` can be read (or has closed) or `wait` is over; true = one can.
pub(crate) fn ready(fds: &mut [PollFd<'_>], wait: Duration) -> std::io::Result<bool> {
    let wait = Timespec {
        tv_sec: wait.as_secs().min(86_400).cast_signed(),
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    match rustix::event::poll(fds, Some(&wait)) {
        Ok(count) => Ok(count > 0),
        // A signal: the caller looks at its deadline and comes back.
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Reads from `input` until a whole line is there, `wait` is over or the other end closed.
///
/// The caller has begun the framer's fill, and finishes it afterwards in every case.
pub(crate) fn fill<R: Read + AsFd>(
    input: &mut R,
    framer: &mut Framer,
    batch: &mut Batch,
    wait: Duration,
) -> std::io::Result<Filled> {
    let deadline = monotonic() + wait;
    loop {
        let left = deadline.saturating_duration_since(monotonic());
        let can = ready(&mut [PollFd::new(&*input, PollFlags::IN)], left)?;
        if can {
            match input.read(framer.space(batch)) {
                Ok(0) => return Ok(Filled::Closed),
                Ok(read) => framer.accept(batch, read),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if framer.has_lines() {
            return Ok(Filled::Lines);
        }
        if left.is_zero() {
            return Ok(Filled::Waited);
        }
    }
}

/// Seals `batch` at `records`, numbers and stamps it; true where it holds anything to deliver.
/// `lines` is the number of lines that the source has delivered so far.
pub(crate) fn deliver(batch: &mut Batch, records: usize, lines: &mut u64, clock: &Clock) -> bool {
    batch.seal(records);
    batch.first = *lines;
    batch.arrived = clock.now();
    *lines += batch.lines;
    batch.lines > 0 || batch.dropped != Dropped::default()
}

/// True for errors that mean "not now".
pub(crate) fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// The reason of an I/O error, in our own words for common ones.
pub(crate) fn why(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        ErrorKind::TimedOut => "timed out".into(),
        ErrorKind::AddrInUse => "address in use".into(),
        ErrorKind::AddrNotAvailable => "no such address on this machine".into(),
        _ => error.to_string(),
    }
}
