//! Mastodon: one stream of one instance, by server-sent events or a WebSocket; without a token its
//! timeline is polled.
//!
//! | module | what it does |
//! |---|---|
//! | [`instance`] | addresses, and an instance's description of itself |
//! | [`stream`] | one open connection, on either wire |
//! | [`sse`] | server-sent events out of pieces of bytes |
//! | [`catch_up`] | pages of the timeline |
//! | [`lines`] | events as records |
//! | [`cursor`] | where to resume |
//!
//! A stream has no memory. So once it is open, and before anything is read from it, missed posts
//! are read from the timeline; duplicates of the two are recognised by their identity. What the
//! timeline does not return is a gap. It holds no deletes and edits of that time.

mod catch_up;
mod cursor;
mod instance;
mod lines;
mod options;
mod reach;
mod sse;
mod stream;

use std::time::Duration;

use reqwest::Client;
use url::Url;

pub(super) use self::catch_up::POSTS_MAX as TIMELINE_POSTS_MAX;
use self::catch_up::{CatchUp, Step, Timeline};
use self::cursor::Cursor;
use self::instance::About;
use self::lines::Lines;
pub use self::options::{KIND, Options, StreamName, WireName};
pub(super) use self::stream::STALL;
use self::stream::Stream;
use super::framing::most_bytes;
use super::reconnect::Cause;
use super::secret::Secret;
use super::web::{Refusal, Web, server};
use super::{Guarantee, Poll, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, Dropped, EventTime, Gap, Position};

/// How often a timeline is polled; a server allows 300 requests in 5 minutes,
const POLL: Duration = Duration::from_secs(5);
/// which leaves this much time between two pages.
const PAGE_PAUSE: Duration = Duration::from_secs(1);
/// Failures of the timeline in a row, before what it has is given up.
const TRIES_MAX: u32 = 3;

/// Posts that one instance of Mastodon sees, as they happen.
pub struct MastodonSource {
    plan: Options,
    instance: Url,
    token: Option<Secret>,
    web: Web,
    clock: Clock,
    line_max_bytes: usize,
    /// The instance's description of itself; asked again after a stream was refused.
    about: Option<About>,
    stream: Option<Stream>,
    /// From when on the stream delivers everything.
    opened_at: i64,
    catch_up: Option<CatchUp>,
    /// Up to when polling has delivered everything.
    polled_at: Option<EventTime>,
    /// Failures of the timeline since it last answered.
    tries: u32,
    lines: Lines,
    /// Delivered with the next batch.
    gap: Option<Gap>,
    /// Why the stream has ended; returned once everything before it is delivered.
    ended: Option<SourceError>,
    /// Records delivered, over all connections.
    delivered: u64,
}

impl MastodonSource {
    /// A client of the instance of `plan`; connects in [`Source::open`].
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where the token cannot be read, or the instance is not an address.
    pub fn new(plan: &Options, line_max_bytes: usize, clock: &Clock) -> Result<Self, SourceError> {
        Ok(Self {
            plan: plan.clone(),
            instance: server(&plan.instance)?,
            token: plan.token.as_ref().map(Secret::read).transpose()?,
            web: Web::new(clock)?,
            clock: clock.clone(),
            line_max_bytes,
            about: None,
            stream: None,
            opened_at: 0,
            catch_up: None,
            polled_at: None,
            tries: 0,
            lines: Lines::new(line_max_bytes),
            gap: None,
            ended: None,
            delivered: 0,
        })
    }

    /// `public mastodon.example`, `hashtag/rust mastodon.example`
    fn partition(&self) -> String {
        let port = self.instance.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = self.instance.host_str().unwrap_or_default();
        match &self.plan.stream {
            StreamName::Hashtag(tag) => format!("hashtag/{tag} {host}{port}"),
            stream => format!("{} {host}{port}", stream.name()),
        }
    }

    /// The client of the instance itself.
    fn client(&mut self) -> Result<Client, Refusal> {
        self.web.client(&self.instance)
    }

    /// The instance's description of itself; it is requested without the token.
    fn ask_about(&mut self) -> Result<About, Refusal> {
        let client = self.client()?;
        let get = |path| {
            let url = instance::at(&self.instance, path);
            self.web.run(instance::ask(&client, url, None, &self.clock, Duration::ZERO))
        };
        let body = match get("/api/v2/instance") {
            Err(refusal) if refusal.status.is_some_and(|status| status.as_u16() == 404) => {
                get("/api/v1/instance")?
            }
            answer => answer?,
        };
        instance::about(&self.instance, &body)
    }

    /// Opens the stream at the address that the instance names.
    fn dial(&mut self) -> Result<Stream, Refusal> {
        let about = match self.about.take() {
            Some(about) => about,
            None => self.ask_about()?,
        };
        let url = instance::stream_url(&about.streaming, &self.plan.stream, self.plan.wire);
        let client = self.web.client(&url)?;
        let request = instance::with_token(client.get(url), self.token.as_ref());
        let opened = Stream::open(request, self.plan.wire, &self.clock, self.line_max_bytes);
        let stream = self.web.run(opened)?;
        self.about = Some(about);
        Ok(stream)
    }

    /// The error for an answer that is neither a stream nor a timeline.
    fn refused(&self, refusal: &Refusal) -> SourceError {
        let why = format!("{}: {}", self.partition(), self.why(refusal));
        if !instance::is_auth(refusal) {
            return SourceError::retry(refusal.cause, why);
        }
        let help = match self.token {
            Some(_) => {
                "the token has to be that of a user of this instance, with the scope \
                 `read:statuses`; `tagtide doctor JOB` says more"
            }
            None => {
                "this instance shows its timeline to its users only: make an application in its \
                 settings with the scope `read:statuses`, and name its token with `token_env`"
            }
        };
        SourceError::auth_failed(format!("{why}\nhelp: {help}"))
    }

    /// Words of a server, without the token, which it may have repeated.
    fn why(&self, refusal: &Refusal) -> String {
        match &self.token {
            Some(token) => token.cut_from(&refusal.why),
            None => refusal.why.clone(),
        }
    }

    /// Begins to read the timeline from the cursor on, after a pause.
    fn begin(&mut self, pause: Duration) -> Result<(), SourceError> {
        let client = self.client().map_err(|refusal| self.refused(&refusal))?;
        let between = if self.token.is_some() { Duration::ZERO } else { PAGE_PAUSE };
        let timeline = self.timeline(&client, between);
        let catch_up = CatchUp::new(&timeline, &self.lines, pause);
        self.catch_up = Some(catch_up);
        Ok(())
    }

    fn timeline<'a>(&'a self, client: &'a Client, pause: Duration) -> Timeline<'a> {
        Timeline {
            client,
            instance: &self.instance,
            stream: &self.plan.stream,
            token: self.token.as_ref(),
            clock: &self.clock,
            pause,
        }
    }

    /// Notes what is missing, from the cursor to the time `to`.
    fn miss(&mut self, to: i64, reason: String) {
        if let Some(cursor) = &self.lines.cursor {
            self.gap = Some(cursor.gap(to, reason));
        }
        self.lines.jump();
        self.lines.reached(None, to);
    }

    /// Reads the timeline.
    fn read_timeline(&mut self, mut catch_up: CatchUp, wait: Duration) -> Result<(), SourceError> {
        let client = self.client().map_err(|refusal| self.refused(&refusal))?;
        let between = if self.token.is_some() { Duration::ZERO } else { PAGE_PAUSE };
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(0));
        let step = {
            let timeline = self.timeline(&client, between);
            self.web.run(catch_up.step(&timeline, &mut lines, wait))
        };
        self.lines = lines;
        match step {
            Ok(Step::On) => self.catch_up = Some(catch_up),
            Ok(Step::Done) => self.caught_up(&catch_up),
            Ok(Step::TooMuch) => {
                let to = self.since(&catch_up);
                self.miss(to, "more was missed than 40 pages of the timeline hold".to_owned());
                if self.token.is_none() {
                    self.skip();
                }
                self.caught_up(&catch_up);
            }
            Err(refusal) => return self.timeline_refused(&catch_up, &refusal),
        }
        Ok(())
    }

    /// From when on everything is delivered, whatever the timeline holds.
    fn since(&self, catch_up: &CatchUp) -> i64 {
        if self.token.is_some() { self.opened_at } else { catch_up.asked_at() }
    }

    /// Polling continues with the next post.
    fn skip(&mut self) {
        if let Some(cursor) = &mut self.lines.cursor {
            cursor.id = None;
        }
    }

    fn caught_up(&mut self, catch_up: &CatchUp) {
        self.tries = 0;
        let at = self.since(catch_up);
        self.lines.reached(None, at);
        self.polled_at = Some(EventTime(catch_up.asked_at()));
    }

    /// The timeline fails: it is asked again with a new stream, or given up.
    fn timeline_refused(
        &mut self,
        catch_up: &CatchUp,
        refusal: &Refusal,
    ) -> Result<(), SourceError> {
        if self.token.is_none() {
            return Err(self.refused(refusal));
        }
        self.tries += 1;
        let why = format!("the timeline cannot be read: {}", self.why(refusal));
        if instance::may_pass(refusal) && self.tries < TRIES_MAX {
            let why = format!("{}: {why}", self.partition());
            return Err(SourceError::retry(refusal.cause, why));
        }
        if !catch_up.is_first() || self.lines.cursor.is_some() {
            self.miss(self.opened_at, why);
        }
        self.caught_up(catch_up);
        Ok(())
    }

    /// Reads the stream.
    fn read_stream(&mut self, mut stream: Stream, most: usize, wait: Duration) -> bool {
        let ended = self.web.run(stream.fill(&mut self.lines, most, wait));
        let Some(why) = ended else {
            self.stream = Some(stream);
            return false;
        };
        let partial = stream.is_inside();
        self.lines.reached(None, stream.heard_at().0);
        let why = format!("lost `{}`: {why}", self.partition());
        self.ended = Some(SourceError::retry(Cause::Network, why));
        partial
    }

    /// Does the next step; true where a record was cut.
    fn turn(&mut self, most: usize, wait: Duration) -> Result<bool, SourceError> {
        if let Some(catch_up) = self.catch_up.take() {
            self.read_timeline(catch_up, wait)?;
        } else if let Some(stream) = self.stream.take() {
            return Ok(self.read_stream(stream, most, wait));
        } else if self.token.is_none() {
            self.begin(POLL)?;
        } else {
            return Err(SourceError::retry(Cause::Network, "not connected"));
        }
        Ok(false)
    }
}

impl Source for MastodonSource {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        (self.stream, self.catch_up, self.ended) = (None, None, None);
        if self.lines.cursor.is_none()
            && let Some(cursor) = Cursor::of(after, &self.partition())?
        {
            self.lines.go_on(cursor);
        }
        if self.token.is_some() {
            let stream = self.dial().map_err(|refusal| self.refused(&refusal))?;
            self.stream = Some(stream);
            self.opened_at = self.clock.now().0;
        }
        self.begin(Duration::ZERO)
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let most = most_bytes(batch);
        std::mem::swap(batch.buffer(), &mut self.lines.buffer);
        let turned = self.turn(most, wait);
        std::mem::swap(batch.buffer(), &mut self.lines.buffer);
        let len = batch.buffer().len();
        batch.seal(len);
        batch.lines = std::mem::take(&mut self.lines.count);
        batch.dropped.oversize = std::mem::take(&mut self.lines.oversize);
        match turned {
            Ok(partial) => batch.dropped.partial = u64::from(partial),
            Err(error) => self.ended = Some(error),
        }
        batch.gap = self.gap.take().map(Box::new);
        let has_moved = std::mem::take(&mut self.lines.moved);
        let came = batch.lines > 0 || batch.dropped != Dropped::default() || batch.gap.is_some();
        if let Some(cursor) = self.lines.cursor.as_ref().filter(|_| has_moved) {
            batch.positions.push(cursor.position(&self.partition()));
        }
        if !came && !has_moved {
            return self.ended.take().map_or(Ok(Poll::Idle), Err);
        }
        batch.first = self.delivered;
        self.delivered += batch.lines;
        Ok(Poll::Ready)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        match (&self.stream, &self.catch_up) {
            (Some(stream), None) => Some(stream.heard_at().min(now)),
            _ => self.polled_at.filter(|_| self.token.is_none()),
        }
    }

    fn state(&self) -> &'static str {
        if self.token.is_some() { "live" } else { "polling" }
    }

    fn name(&self) -> String {
        format!("mastodon {}", self.partition())
    }
}
