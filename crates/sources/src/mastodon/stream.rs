//! One open connection, on either wire: events into lines, signs of life, and how it ends.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio_stream::StreamExt as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::WireName;
use super::lines::Lines;
use super::sse::{Heard, Sse};
use crate::stream;
use crate::web::{ANSWER_MAX, Refusal, Web, why};
use crate::websocket::{self, Socket};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::EventTime;

/// Frames beyond this multiple of the record limit end the connection; shorter ones that are
/// still too long are dropped one by one.
const FRAME_LIMITS: usize = 4;

/// Silence for this long is a loss; a server writes every 15 s, or pings every 30 s.
pub(crate) const STALL: Duration = Duration::from_secs(45);

enum Wire {
    Sse(Box<(Response, Sse)>),
    WebSocket(Box<Socket>),
}

/// One open connection.
pub(super) struct Stream {
    wire: Wire,
    clock: Clock,
    life: Liveness,
}

/// The last sign of life.
#[derive(Clone, Copy, Debug)]
struct Liveness {
    at: Instant,
    time: EventTime,
}

impl Liveness {
    fn new(clock: &Clock) -> Self {
        Self { at: monotonic(), time: clock.now() }
    }

    /// For how long there was none, where that is a loss.
    fn silence(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.at)).filter(|silent| *silent >= STALL)
    }
}

/// What a WebSocket brings.
#[derive(Deserialize)]
struct Envelope {
    event: String,
    #[serde(default)]
    payload: serde_json::Value,
}

impl Stream {
    /// Opens the stream that `request` asks for.
    pub(super) async fn open(
        request: RequestBuilder,
        wire: WireName,
        clock: &Clock,
        line_max_bytes: usize,
    ) -> Result<Self, Refusal> {
        let wire = match wire {
            WireName::Sse => {
                let answer = open_sse(request, clock).await?;
                Wire::Sse(Box::new((answer, Sse::new(line_max_bytes))))
            }
            WireName::WebSocket => {
                let frame_max = line_max_bytes.saturating_mul(FRAME_LIMITS);
                let socket = websocket::open(request, clock, frame_max).await?;
                Wire::WebSocket(Box::new(socket))
            }
        };
        Ok(Self { wire, clock: clock.clone(), life: Liveness::new(clock) })
    }

    /// Time of the last sign of life: everything up to then is delivered.
    pub(super) fn heard_at(&self) -> EventTime {
        self.life.time
    }

    /// Fills `lines` with what arrives within `wait`, up to `most` bytes; returns how the stream
    /// ended.
    pub(super) async fn fill(
        &mut self,
        lines: &mut Lines,
        most: usize,
        wait: Duration,
    ) -> Option<String> {
        let deadline = monotonic() + wait;
        while lines.buffer.len() < most {
            let left = match lines.count {
                0 => deadline.saturating_duration_since(monotonic()),
                _ => Duration::ZERO,
            };
            match tokio::time::timeout(left, self.step(lines)).await {
                Err(_) => break,
                Ok(None) => {}
                Ok(ended) => return ended,
            }
        }
        let silent = self.life.silence(monotonic())?;
        Some(format!("silent for {} s", silent.as_secs()))
    }

    /// True where the connection has ended inside an event.
    pub(super) fn is_inside(&self) -> bool {
        matches!(&self.wire, Wire::Sse(of) if of.1.is_inside())
    }

    /// Waits for the next piece and takes it in. Nothing is lost where it is not waited for.
    async fn step(&mut self, lines: &mut Lines) -> Option<String> {
        match &mut self.wire {
            Wire::Sse(of) => {
                let (answer, sse) = &mut **of;
                let piece = match answer.chunk().await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => return Some("closed by the other end".to_owned()),
                    Err(error) => return Some(why(&error)),
                };
                let now = self.clock.now();
                let alive = sse.push(&piece, |heard| match heard {
                    Heard::Message(event, data) => lines.event(&event, &data, now.0),
                    Heard::TooLong => lines.oversize += 1,
                });
                if alive {
                    self.life = Liveness::new(&self.clock);
                }
                None
            }
            Wire::WebSocket(socket) => {
                let message = socket.next().await;
                let now = self.clock.now();
                self.life = Liveness::new(&self.clock);
                match message {
                    Some(Ok(Message::Text(text))) => envelope(&text, lines, now),
                    Some(Ok(Message::Close(close))) => {
                        return Some(match close {
                            Some(close) => {
                                format!("the server closes: {} {}", close.code, close.reason)
                            }
                            None => "the server closes".to_owned(),
                        });
                    }
                    // Pings are answered by the socket.
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Some(failed(&error)),
                    None => return Some("closed by the other end".to_owned()),
                }
                None
            }
        }
    }
}

async fn open_sse(request: RequestBuilder, clock: &Clock) -> Result<Response, Refusal> {
    let asked = request.header(ACCEPT, "text/event-stream").send();
    let late = |_| Refusal::network("no answer in time");
    let asked = tokio::time::timeout(ANSWER_MAX, asked).await.map_err(late)?;
    let answer = asked.map_err(|error| Refusal::network(why(&error)))?;
    if answer.status() != StatusCode::OK {
        let read = tokio::time::timeout(ANSWER_MAX, Web::refusal(clock, answer));
        return Err(read.await.map_err(late)?);
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return Err(Refusal::network("the answer is no stream of events"));
    }
    Ok(answer)
}

/// One frame: the payload is JSON in a string, or the id of a status.
fn envelope(text: &str, lines: &mut Lines, now: EventTime) {
    let Ok(Envelope { event, payload }) = serde_json::from_str(text) else {
        // One malformed record, which decoding counts.
        return lines.event("update", text, now.0);
    };
    match payload {
        serde_json::Value::String(payload) => lines.event(&event, &payload, now.0),
        serde_json::Value::Null => lines.event(&event, "", now.0),
        payload => lines.event(&event, &payload.to_string(), now.0),
    }
}

fn failed(error: &Error) -> String {
    match error {
        Error::Io(error) => stream::why(error),
        Error::Capacity(_) => "a frame without end".to_owned(),
        Error::ConnectionClosed | Error::AlreadyClosed => "closed by the other end".to_owned(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "cut without a word".to_owned()
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_loss_after_45_s() {
        let life = Liveness::new(&Clock::held(EventTime(7)));
        assert_eq!(life.silence(life.at + Duration::from_millis(44_999)), None);
        assert_eq!(life.silence(life.at + STALL), Some(STALL));
        assert_eq!(life.time, EventTime(7));
    }
}
