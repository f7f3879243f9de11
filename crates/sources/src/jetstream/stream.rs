//! One open connection: frames into a batch, signs of life, and how it ends.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_stream::Stream as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::cursor::{LastEvent, Resume, Verdict, is_ahead};
use super::frame::{self, At, Frame};
use super::unpack::{Unpacked, Unpacker};
use crate::framing::most_bytes;
use crate::liveness::Liveness;
use crate::rate::Rate;
use crate::stream::why;
use crate::websocket::Socket;
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, EventTime, Gap};

/// Silence for this long is a loss; the server pings every 30 s.
const STALL: Duration = Duration::from_secs(45);

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Closed, cut, silent.
    Lost(String),
    /// A frame that cannot be read past.
    Broken(String),
    /// The server numbers its events differently than before.
    OtherHistory,
}

/// One open connection.
pub(super) struct Stream {
    socket: Socket,
    resume: Resume,
    unpack: Option<Unpacker>,
    partition: String,
    pub(super) rate: Rate,
    clock: Clock,
    life: Liveness,
    /// The furthest event; a repeated one does not move it back.
    furthest: Option<At>,
    /// An event arrived that is newer than all before it.
    pub(super) got_on: bool,
    /// How it has ended; returned once everything before it is delivered.
    pub(super) ended: Option<Ended>,
    /// Collected while a batch is filled.
    result: FillResult,
}

/// The result of one fill, besides the records.
#[derive(Default)]
struct FillResult {
    lines: u64,
    oversize: u64,
    place: Option<At>,
    gap: Option<Gap>,
}

impl Stream {
    pub(super) fn new(
        socket: Socket,
        resume: Resume,
        unpack: Option<Unpacker>,
        partition: String,
        rate: Rate,
        clock: &Clock,
    ) -> Self {
        Self {
            socket,
            life: Liveness::new(STALL, monotonic(), clock.now()),
            resume,
            unpack,
            partition,
            rate,
            clock: clock.clone(),
            furthest: None,
            got_on: false,
            ended: None,
            result: FillResult::default(),
        }
    }

    /// Up to when everything is delivered.
    pub(super) fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        self.life.complete_until(now)
    }

    /// Fills `batch` with what arrives within `wait` and seals it; returns how the stream ended.
    pub(super) async fn fill(
        &mut self,
        batch: &mut Batch,
        wait: Duration,
        line_max_bytes: usize,
    ) -> Option<Ended> {
        let most = most_bytes(batch);
        let buffer = batch.buffer();
        let frames = std::future::poll_fn(|cx| self.frames(cx, buffer, most, line_max_bytes));
        let ended = tokio::time::timeout(wait, pin!(frames)).await.unwrap_or(None);
        let silent = |silent: Duration| Ended::Lost(format!("silent for {} s", silent.as_secs()));
        let ended = ended.or_else(|| self.life.silence(monotonic()).map(silent));
        let FillResult { lines, oversize, place, gap } = std::mem::take(&mut self.result);
        let len = buffer.len();
        batch.seal(len);
        batch.lines = lines;
        batch.dropped.oversize = oversize;
        batch.gap = gap.map(Box::new);
        if let Some(At { seq, time_us, .. }) = place {
            let rate = (self.rate.per_s() * 100.0).round() / 100.0;
            batch.positions.push(LastEvent { seq, time_us, rate }.position(&self.partition));
        }
        ended
    }

    /// Reads frames until the batch is full or none is left; waits for the first.
    fn frames(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        most: usize,
        line_max_bytes: usize,
    ) -> Poll<Option<Ended>> {
        while buffer.len() < most {
            let message = match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(message) => message,
                Poll::Pending if self.result.lines > 0 => break,
                Poll::Pending => return Poll::Pending,
            };
            self.life.frame(monotonic(), self.clock.now());
            let ended = match message {
                Some(Ok(Message::Text(text))) => {
                    self.record(text.as_bytes(), buffer, line_max_bytes)
                }
                Some(Ok(Message::Binary(bytes))) => self.packed(&bytes, buffer, line_max_bytes),
                Some(Ok(Message::Close(close))) => Some(Ended::Lost(match close {
                    Some(close) => format!("the server closes: {} {}", close.code, close.reason),
                    None => "the server closes".to_owned(),
                })),
                // Pings are answered by the socket.
                Some(Ok(_)) => None,
                Some(Err(error)) => Some(self.failed(&error)),
                None => Some(Ended::Lost("closed by the other end".to_owned())),
            };
            if ended.is_some() {
                return Poll::Ready(ended);
            }
        }
        Poll::Ready(None)
    }

    fn failed(&mut self, error: &Error) -> Ended {
        match error {
            Error::Io(error) => Ended::Lost(why(error)),
            Error::Capacity(_) => {
                self.result.oversize += 1;
                Ended::Broken("a frame without end".to_owned())
            }
            Error::Utf8(_) => Ended::Broken("a frame that is no text".to_owned()),
            Error::ConnectionClosed | Error::AlreadyClosed => {
                Ended::Lost("closed by the other end".to_owned())
            }
            Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ) => Ended::Lost("cut without a word".to_owned()),
            error => Ended::Broken(error.to_string()),
        }
    }

    fn packed(
        &mut self,
        bytes: &[u8],
        buffer: &mut Vec<u8>,
        line_max_bytes: usize,
    ) -> Option<Ended> {
        let Some(mut unpack) = self.unpack.take() else {
            // It was not asked for; decoding decides what it is.
            return self.record(bytes, buffer, line_max_bytes);
        };
        let ended = match unpack.unpack(bytes) {
            Unpacked::Whole => self.record(&unpack.frame, buffer, line_max_bytes),
            Unpacked::TooLong => {
                self.result.oversize += 1;
                None
            }
            Unpacked::Damaged => {
                // One malformed record, which decoding counts.
                self.append(b"?", buffer);
                None
            }
        };
        self.unpack = Some(unpack);
        ended
    }

    /// One frame of JSON.
    fn record(
        &mut self,
        bytes: &[u8],
        buffer: &mut Vec<u8>,
        line_max_bytes: usize,
    ) -> Option<Ended> {
        match frame::read(bytes) {
            Frame::Event(at) => {
                self.life.event();
                let is_ahead = is_ahead(at.time_us, self.clock.now());
                match self.resume.classify(&at, is_ahead) {
                    Verdict::Take => {}
                    Verdict::TakeAfter(gap) => {
                        self.rate.jump();
                        self.result.gap = Some(gap);
                    }
                    Verdict::Drop => return None,
                    Verdict::OtherHistory => return Some(Ended::OtherHistory),
                }
                if !is_ahead {
                    self.took(at);
                }
            }
            Frame::Error(name, message) => {
                return Some(Ended::Lost(format!("the server answers {name}: {message}")));
            }
            Frame::Notice(name, message) => {
                tracing::info!("notice of `{}`: {name}: {message}", self.partition);
                if name == "OutdatedCursor" {
                    self.resume.reason = "it is longer ago than the server looks back";
                }
                return None;
            }
            Frame::Other => {}
        }
        if bytes.len() > line_max_bytes {
            self.result.oversize += 1;
        } else {
            self.append(bytes, buffer);
        }
        None
    }

    fn took(&mut self, at: At) {
        let newest = self.resume.last().map_or(i64::MIN, |last| last.time_us);
        self.got_on |= at.time_us > newest;
        if at.is_post && at.time_us > newest {
            self.rate.add(at.time_us);
        }
        if self.furthest.is_none_or(|before| at.is_further_than(&before)) {
            self.furthest = Some(at);
            self.result.place = Some(at);
        }
    }

    /// A newline inside a frame can only be between members.
    fn append(&mut self, bytes: &[u8], buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(bytes);
        if memchr::memchr2(b'\n', b'\r', bytes).is_some() {
            for byte in buffer[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
                *byte = b' ';
            }
        }
        buffer.push(b'\n');
        self.result.lines += 1;
    }
}
