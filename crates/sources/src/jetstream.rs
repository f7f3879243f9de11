//! Bluesky Jetstream, both wires: one WebSocket to one of several hosts, one record a frame.
//!
//! | module | what it does |
//! |---|---|
//! | [`dial`] | addresses, the dictionary |
//! | [`cursor`] | where to resume, and whether anything is missing |
//! | [`frame`] | what the source needs of a frame; decoding is elsewhere |
//! | [`stream`] | one open connection |
//! | [`unpack`] | zstd |
//!
//! If a host fails, the next one of the list is used; a lost stream is first requested again from
//! the same host. Duplicates are recognised by their identity (did, collection, rkey, rev); a gap
//! is measured and delivered with the first event after it.

mod cursor;
mod dial;
mod frame;
mod options;
mod stream;
mod unpack;

use std::time::Duration;

use url::Url;

use self::cursor::{Resume, Way};
use self::dial::Dictionary;
pub use self::options::{KIND, Options, Wire};
use self::stream::{Ended, Stream};
use self::unpack::Unpacker;
use super::rate::Rate;
use super::reconnect::Cause;
use super::web::{Refusal, Web, server};
use super::websocket;
use super::{Guarantee, Poll, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, Dropped, EventTime, Position};

/// Streams in a row that broke at the same event, before that event is given up.
const BREAKS_MAX: u32 = 3;
/// Frames beyond this multiple of the record limit end the connection; shorter ones that are
/// still too long are dropped one by one.
const FRAME_LIMITS: usize = 4;

/// Posts of Bluesky, as they happen.
pub struct JetstreamSource {
    plan: Options,
    hosts: Vec<Url>,
    /// The host that is asked next.
    host: usize,
    web: Web,
    clock: Clock,
    line_max_bytes: usize,
    stream: Option<Stream>,
    /// The stream was good when it was lost: only its host is tried first.
    was_good: bool,
    /// Dictionary of a host, by its number in the list.
    dictionary: Option<(usize, Dictionary)>,
    way: Way,
    /// Why something may be missing, if the server stated it.
    reason: Option<&'static str>,
    /// Streams in a row that broke without getting on.
    breaks: u32,
    rate: Option<Rate>,
    /// Records delivered, over all connections.
    lines: u64,
}

impl JetstreamSource {
    /// A client of the hosts of `plan`; connects in [`Source::open`].
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where a host is no address, or the runtime cannot be made.
    pub fn new(plan: &Options, line_max_bytes: usize, clock: &Clock) -> Result<Self, SourceError> {
        let hosts = plan.hosts.iter().map(|host| server(host));
        let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
        let web = Web::new(clock)?;
        Ok(Self {
            plan: plan.clone(),
            hosts,
            host: 0,
            web,
            clock: clock.clone(),
            line_max_bytes,
            stream: None,
            was_good: false,
            dictionary: None,
            way: Way::Number,
            reason: None,
            breaks: 0,
            rate: None,
            lines: 0,
        })
    }

    /// Opens a stream of each host and closes it again: which host, and why not.
    fn reach(&mut self) -> Vec<(String, Result<(), SourceError>)> {
        let hosts = 0..self.hosts.len();
        hosts
            .map(|host| {
                self.host = host;
                let opened = self.dial(&[]).map(drop);
                (self.partition(), opened)
            })
            .collect()
    }

    /// `v2 jetstream.us-east.bsky.network`
    fn partition(&self) -> String {
        let host = &self.hosts[self.host];
        let port = host.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = host.host_str().unwrap_or_default();
        format!("{} {name}{port}", self.plan.wire.name())
    }

    /// The dictionary of the present host, fetched if it is not known yet.
    fn dictionary(&mut self) -> Result<Option<Dictionary>, Refusal> {
        if let Some(path) = &self.plan.dictionary {
            let bytes = std::fs::read(path).map_err(|error| {
                Refusal::network(format!("cannot read `{}`: {error}", path.display()))
            })?;
            return Ok(Some(Dictionary { id: None, bytes }));
        }
        if self.plan.wire == Wire::V1 || !self.plan.compress {
            return Ok(None);
        }
        if let Some((host, dictionary)) = &self.dictionary
            && *host == self.host
        {
            return Ok(Some(dictionary.clone()));
        }
        let host = self.hosts[self.host].clone();
        let client = self.web.client(&host)?;
        let found = self.web.run(dial::dictionary(&client, &host, &self.web))?;
        self.dictionary = found.clone().map(|found| (self.host, found));
        Ok(found)
    }

    /// Opens the stream of the present host; repeats the request as the server asks.
    fn dial(&mut self, after: &[Position]) -> Result<Stream, SourceError> {
        let partition = self.partition();
        let mut asked_again = 0;
        loop {
            let resume = Resume::new(after, &partition, self.way, self.clock.now());
            let mut resume = resume?;
            resume.reason = self.reason.unwrap_or(resume.reason);
            let refusal = match self.dial_once(&partition, resume) {
                Ok(stream) => return Ok(stream),
                Err(refusal) => refusal,
            };
            asked_again += 1;
            if asked_again < 4 && refusal.body.contains("UnknownZstdDictionary") {
                self.dictionary = None;
            } else if asked_again < 4 && refusal.body.contains("CursorTooOld") {
                // By time it begins with the oldest that it has; without a cursor with the next.
                self.way = if self.way == Way::Number { Way::Time } else { Way::Live };
            } else {
                return Err(refused(&partition, &refusal));
            }
        }
    }

    fn dial_once(&mut self, partition: &str, resume: Resume) -> Result<Stream, Refusal> {
        let dictionary = self.dictionary()?;
        let host = &self.hosts[self.host];
        let cursor = resume.cursor();
        let url = dial::stream_url(host, self.plan.wire, cursor, dictionary.as_ref());
        let frame_max = self.line_max_bytes.saturating_mul(FRAME_LIMITS);
        let unpack = dictionary.map(|of| Unpacker::new(&of.bytes, self.line_max_bytes));
        let unpack = unpack.transpose().map_err(|error| {
            Refusal::network(format!("its zstd dictionary cannot be used: {error}"))
        })?;
        let client = self.web.client(&url)?;
        let socket = self.web.run(websocket::open(client.get(url), &self.clock, frame_max))?;
        let known = resume.last().map(|last| Rate::known(last.rate)).unwrap_or_default();
        let rate = self.rate.take().unwrap_or(known);
        Ok(Stream::new(socket, resume, unpack, partition.to_owned(), rate, &self.clock))
    }

    /// Handles the end of a stream; returns the error for it.
    fn end(&mut self, stream: Stream, ended: Ended) -> SourceError {
        let partition = self.partition();
        // A server with another history is up; it only needs another request.
        self.was_good = stream.got_on || ended == Ended::OtherHistory;
        if !self.was_good {
            self.host = (self.host + 1) % self.hosts.len();
        }
        if stream.got_on {
            self.breaks = 0;
        }
        self.rate = Some(stream.rate);
        let why = match ended {
            Ended::Lost(why) => why,
            Ended::OtherHistory => {
                self.way = Way::Time;
                "its events have other numbers now; it is asked by time".to_owned()
            }
            Ended::Broken(why) => {
                self.breaks += 1;
                if self.breaks >= BREAKS_MAX {
                    self.way = Way::Live;
                    self.reason = Some("what the server sent there could not be read");
                }
                why
            }
        };
        SourceError::retry(Cause::Network, format!("lost `{partition}`: {why}"))
    }
}

/// The error of a host that opened no stream.
fn refused(partition: &str, refusal: &Refusal) -> SourceError {
    let why = format!("{partition}: {}", refusal.why);
    if refusal.is_auth() {
        SourceError::auth_failed(why)
    } else {
        SourceError::retry(refusal.cause, why)
    }
}

/// All hosts have failed: the longest wait of any, and every reason once.
fn all_refused(refusals: &[SourceError]) -> SourceError {
    let weight = |cause: &Cause| match cause {
        Cause::Network => (0, None),
        Cause::Http5xx => (1, None),
        Cause::RateLimited { retry_after } => (2, *retry_after),
    };
    let causes = refusals.iter().filter_map(|refusal| match refusal {
        SourceError::Retry(cause, _) => Some(*cause),
        _ => None,
    });
    let cause = causes.max_by_key(weight);
    let whys: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    let whys = whys.join("; ");
    match cause {
        None => SourceError::auth_failed(whys),
        Some(cause) => SourceError::retry(
            cause,
            format!(
                "no Bluesky server can be reached: {whys}\nhelp: check the network and \
                 `HTTPS_PROXY`, and run `tagtide doctor`; `tagtide demo` needs no network"
            ),
        ),
    }
}

impl Source for JetstreamSource {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        self.stream = None;
        let only_one = std::mem::take(&mut self.was_good);
        let mut refusals = Vec::new();
        for _ in 0..if only_one { 1 } else { self.hosts.len() } {
            match self.dial(after) {
                Ok(stream) => {
                    self.stream = Some(stream);
                    return Ok(());
                }
                Err(fatal @ SourceError::Fatal(_)) => return Err(fatal),
                Err(refusal) if only_one => return Err(refusal),
                Err(refusal) => refusals.push(refusal),
            }
            self.host = (self.host + 1) % self.hosts.len();
        }
        Err(all_refused(&refusals))
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let Some(mut stream) = self.stream.take() else {
            return Err(SourceError::retry(Cause::Network, "not connected"));
        };
        let ended = match stream.ended.take() {
            Some(ended) => Some(ended),
            None => self.web.run(stream.fill(batch, wait, self.line_max_bytes)),
        };
        let came = batch.lines > 0 || batch.dropped != Dropped::default();
        if stream.got_on {
            (self.way, self.reason) = (Way::Number, None);
        }
        if let Some(ended) = ended {
            if !came {
                return Err(self.end(stream, ended));
            }
            stream.ended = Some(ended);
        }
        batch.first = self.lines;
        self.lines += batch.lines;
        self.stream = Some(stream);
        Ok(if came { Poll::Ready } else { Poll::Idle })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WithinLookBack
    }

    fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        self.stream.as_ref()?.complete_until(now)
    }

    fn name(&self) -> String {
        format!("jetstream {}", self.plan.wire.name())
    }
}
