//! X, both APIs: one answer without end, one record a line.
//!
//! | module | what it does |
//! |---|---|
//! | [`bounds`] | connections in a quarter of an hour, posts in a day |
//! | [`delimited`] | lengths before messages, of v1.1 |
//! | [`lines`] | one open connection |
//! | [`message`] | what the source has to know of a line |
//! | [`oauth`] | the signature of v1.1 |
//! | [`rules`] | what the stream of v2 is filtered by |
//!
//! Nothing can be asked for again, but for the minutes of `backfill_minutes` where the plan has
//! them. So the time between the last sign of life and the next connection is a gap, with an
//! estimate of its posts from the rate before it. Reading is paid for: posts are counted per day
//! (UTC), in the Position, and reading stops at the limit of the job.

mod bounds;
mod delimited;
mod lines;
mod message;
mod oauth;
mod options;
pub mod rules;
#[cfg(test)]
mod tests;
mod v1_options;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use self::bounds::{Budget, Connects};
use self::lines::Lines;
use self::message::Message;
use self::oauth::Keys;
pub use self::options::{KIND, Options};
use self::rules::{Changes, Rules};
pub use self::v1_options::{KIND as V1_KIND, Options as V1Options};
use super::liveness::Liveness;
use super::rate::Rate;
use super::reconnect::Cause;
use super::secret::{Secret, sensitive};
use super::web::{ANSWER_MAX, Refusal, Web, server, why};
use super::{Guarantee, Poll, Source, SourceError, unreadable_cursor};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, Dropped, EventTime, Gap, Position, Reads};

/// Silence for this long is a loss: v2 sends a blank line every 20 s, often a little late,
pub(super) const STALL: Duration = Duration::from_secs(25);
/// and v1.1 every 30 s.
pub(super) const STALL_V1: Duration = Duration::from_secs(90);
/// Posts arrive this long after they were written, so a backfill begins that much earlier.
const LATENCY_MS: i64 = 10_000;
/// The reason of a gap that v1.1 itself reports.
const HELD_BACK: &str = "more matched than the server sends";
/// Members of a post that are needed beside its id and text.
const FIELDS: &str = "author_id,created_at,edit_history_tweet_ids,entities,lang,note_tweet,\
                      referenced_tweets";

/// What a Position holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Cursor {
    /// Everything up to here is delivered, milliseconds since the Unix epoch.
    at: i64,
    /// Posts a second before it.
    rate: f64,
    /// Day of UTC, since the Unix epoch.
    #[serde(default)]
    day: i64,
    /// Posts read on it.
    #[serde(default)]
    reads: u64,
    /// Connections of the last quarter of an hour, seconds since the Unix epoch.
    #[serde(default)]
    connects: Vec<i64>,
}

/// What the two APIs do not share.
enum Wire {
    V2 { plan: Options, token: Secret, rules: Box<Rules>, has_rules: bool, budget: Budget },
    V1 { plan: V1Options, keys: Keys },
}

/// Posts of X, as they happen.
pub struct XSource {
    wire: Wire,
    base: Url,
    web: Web,
    clock: Clock,
    line_max_bytes: usize,
    stall: Duration,
    connects: Connects,
    stream: Option<Lines>,
    /// How the stream has ended; returned once everything before it is delivered.
    ended: Option<(Cause, String)>,
    /// Why the last stream was lost.
    why: String,
    /// Up to when everything is delivered, over all connections.
    last: Option<i64>,
    /// Time of the newest post.
    newest: i64,
    /// Delivered with the next batch.
    gap: Option<Gap>,
    /// A stream has just begun, and its cursor is to be stored.
    begun: bool,
    /// Posts that the server held back on this connection.
    held_back: u64,
    rate: Rate,
    /// Records delivered, over all connections.
    lines: u64,
}

impl XSource {
    /// The filtered stream of API v2; connects in [`Source::open`].
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where there is no token.
    pub fn v2(plan: &Options, line_max_bytes: usize, clock: &Clock) -> Result<Self, SourceError> {
        let wire = Wire::V2 {
            plan: plan.clone(),
            token: Secret::read(&plan.token)?,
            rules: Box::new(Rules::new(plan, clock)?),
            has_rules: false,
            budget: Budget::new(plan.reads_max, plan.price),
        };
        Self::new(wire, &plan.base_url, plan.connects_max, STALL, line_max_bytes, clock)
    }

    /// `statuses/filter` of API v1.1; connects in [`Source::open`].
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where a key is missing.
    pub fn v1(plan: &V1Options, line_max_bytes: usize, clock: &Clock) -> Result<Self, SourceError> {
        let read = |of: usize| Secret::read(&plan.keys[of]);
        let keys = Keys {
            consumer: read(0)?,
            consumer_secret: read(1)?,
            token: read(2)?,
            token_secret: read(3)?,
        };
        let wire = Wire::V1 { plan: plan.clone(), keys };
        Self::new(wire, &plan.base_url, plan.connects_max, STALL_V1, line_max_bytes, clock)
    }

    fn new(
        wire: Wire,
        base: &str,
        connects_max: u32,
        stall: Duration,
        line_max_bytes: usize,
        clock: &Clock,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            wire,
            base: server(base)?,
            web: Web::new(clock)?,
            clock: clock.clone(),
            line_max_bytes,
            stall,
            connects: Connects::new(connects_max),
            stream: None,
            ended: None,
            why: "the job was not running".to_owned(),
            last: None,
            newest: i64::MIN,
            gap: None,
            begun: false,
            held_back: 0,
            rate: Rate::default(),
            lines: 0,
        })
    }

    /// Opens a stream and closes it again.
    ///
    /// # Errors
    /// Why there is none.
    pub fn reach(&mut self) -> Result<(), SourceError> {
        self.dial(0).map(drop)
    }

    /// Resumes from a checkpoint: after a restart, and only then.
    fn take_over(&mut self, after: &[Position]) -> Result<(), SourceError> {
        let Some(position) = after.first().filter(|_| self.last.is_none()) else { return Ok(()) };
        let cursor: Cursor = serde_json::from_str(&position.at)
            .map_err(|error| unreadable_cursor(&self.name(), error))?;
        self.last = Some(cursor.at);
        self.rate = Rate::known(cursor.rate);
        self.connects.take_over(&cursor.connects);
        if let Wire::V2 { budget, .. } = &mut self.wire {
            budget.take_over(cursor.day, cursor.reads);
        }
        Ok(())
    }

    /// An error where today's posts are used up.
    fn within_budget(&mut self) -> Result<(), SourceError> {
        let Wire::V2 { budget, .. } = &mut self.wire else { return Ok(()) };
        let Some(wait) = budget.held(self.clock.now()) else { return Ok(()) };
        let Reads { today, max_per_day, cost_today } = budget.shown();
        let why = format!(
            "{today} posts were read today, {max_per_day} may be (`reads_max_per_day`), for up to \
             ${cost_today:.2}; reading continues at midnight UTC"
        );
        Err(SourceError::held("read_limit", wait, why))
    }

    /// Adds the job's rules that are not on the server, once.
    fn add_rules(&mut self) -> Result<(), SourceError> {
        let Wire::V2 { plan, rules, has_rules, .. } = &mut self.wire else { return Ok(()) };
        if *has_rules {
            return Ok(());
        }
        let changes = Changes::between(&plan.rules, &plan.tag, &rules.list()?);
        if !changes.add.is_empty() {
            rules.add(&changes.add, &plan.tag)?;
            tracing::info!("added {} rules tagged `{}`", changes.add.len(), plan.tag);
        }
        let surplus = changes.old.len() + changes.others.len();
        if surplus > 0 {
            tracing::warn!(
                "{surplus} rules on the server are not in the job; what they match is read and \
                 paid for: `tagtide x rules sync` shows and deletes them"
            );
        }
        *has_rules = true;
        Ok(())
    }

    /// Minutes to ask for again at `now`, and what they do not cover.
    fn missing(&self, now: EventTime) -> (i64, Option<Gap>) {
        let Some(last) = self.last else { return (0, None) };
        let most = match &self.wire {
            Wire::V2 { plan, .. } => i64::from(plan.backfill_minutes),
            Wire::V1 { .. } => 0,
        };
        let out_ms = (now.0 - last).max(0);
        let minutes = ((out_ms + LATENCY_MS) / 60_000 + 1).min(most);
        let to = now.0 - minutes * 60_000;
        // Without minutes something is missing however short it was.
        let gap = (minutes == 0 || last < to).then(|| Gap {
            from: last,
            to,
            reason: self.why.clone(),
            missed: (self.rate.per_s() * (to - last) as f64 / 1e3).ceil() as u64,
        });
        (minutes, gap)
    }

    /// The request for the stream.
    fn request(&mut self, minutes: i64) -> Result<RequestBuilder, Refusal> {
        let mut url = self.base.clone();
        let credentials: HeaderValue = match &self.wire {
            Wire::V2 { token, .. } => {
                url.set_path("/2/tweets/search/stream");
                url.set_query(Some(&format!("tweet.fields={FIELDS}")));
                if minutes > 0 {
                    url.query_pairs_mut().append_pair("backfill_minutes", &minutes.to_string());
                }
                token.bearer()
            }
            Wire::V1 { plan, keys } => {
                url.set_path("/1.1/statuses/filter.json");
                let pair = |(name, value): &(String, String)| {
                    format!("{}={}", oauth::percent(name), oauth::percent(value))
                };
                let query: Vec<_> = plan.params.iter().map(pair).collect();
                url.set_query(Some(&query.join("&")));
                let now_s = self.clock.now().0.div_euclid(1000);
                sensitive(&oauth::header("GET", &url, &plan.params, keys, &nonce()?, now_s))
            }
        };
        Ok(self.web.client(&url)?.get(url).header(AUTHORIZATION, credentials))
    }

    fn dial(&mut self, minutes: i64) -> Result<Response, SourceError> {
        let asked = self.request(minutes);
        let asked = asked.and_then(|request| self.web.run(answered(&self.web, request)));
        asked.map_err(|refusal| refused(&self.base, &refusal, |why| self.cut_from(why)))
    }

    /// `text` without our credentials, which a server may have sent back.
    fn cut_from(&self, text: &str) -> String {
        match &self.wire {
            Wire::V2 { token, .. } => token.cut_from(text),
            Wire::V1 { keys, .. } => keys.cut_from(text),
        }
    }

    /// Scans new lines: counts posts, finds the end.
    fn look(&mut self, batch: &mut Batch) {
        let now = self.clock.now();
        let (mut posts, mut missed) = (0, 0);
        for line in batch.records().split(|byte| *byte == b'\n') {
            match message::read(line) {
                Message::Blank => {}
                Message::Post(at) => {
                    posts += 1;
                    self.rate.add(now.0 * 1000);
                    if let Some(stream) = &mut self.stream {
                        stream.life.event();
                    }
                    self.newest = self.newest.max(at.unwrap_or(now.0));
                }
                Message::Notice(text) if text.is_empty() => {}
                Message::Notice(text) => {
                    tracing::info!("message of `{}`: {}", self.name(), self.cut_from(&text));
                }
                Message::HeldBack(all) => {
                    missed += all.saturating_sub(self.held_back);
                    self.held_back = self.held_back.max(all);
                }
                Message::End(cause, why) => self.ended = Some((cause, self.cut_from(&why))),
            }
        }
        batch.gap = (missed > 0).then(|| {
            let (from, reason) = (self.last.unwrap_or(now.0), HELD_BACK.to_owned());
            Box::new(Gap { from, to: now.0, reason, missed })
        });
        if let Wire::V2 { budget, .. } = &mut self.wire {
            budget.add(now, posts);
            if budget.held(now).is_some() {
                // What is on its way is not asked for any more.
                self.ended = Some((Cause::Network, "today's reads are used up".to_owned()));
                self.stream = None;
            }
        }
    }

    /// Stores the cursor after `batch`.
    fn keep(&mut self, batch: &mut Batch) {
        let heard = self.stream.as_ref().map_or_else(|| self.clock.now(), |s| s.life.heard_at());
        // While posts arrive, possibly missed ones, everything up to the newest is delivered.
        let quiet = self.stream.as_ref().is_none_or(|s| s.life.complete_until(heard).is_some());
        let until = if quiet { heard.0 } else { self.newest.min(heard.0) };
        let at = self.last.map_or(heard.0, |last| last.max(until));
        self.last = Some(at);
        let (day, reads) = match &self.wire {
            Wire::V2 { budget, .. } => budget.stored(),
            Wire::V1 { .. } => (0, 0),
        };
        let rate = (self.rate.per_s() * 100.0).round() / 100.0;
        let cursor = Cursor { at, rate, day, reads, connects: self.connects.at_s() };
        let at = serde_json::to_string(&cursor).expect("numbers are JSON");
        batch.positions.push(Position { partition: String::new(), at });
    }
}

/// A stream that has begun, or why it has not.
async fn answered(web: &Web, request: RequestBuilder) -> Result<Response, Refusal> {
    let late = |_| Refusal::network("no answer in time");
    let answer = tokio::time::timeout(ANSWER_MAX, request.send()).await.map_err(late)?;
    let answer = answer.map_err(|error| Refusal::network(why(&error)))?;
    if answer.status() != StatusCode::OK {
        let read = tokio::time::timeout(ANSWER_MAX, Web::refusal(web.clock(), answer));
        return Err(read.await.map_err(late)?);
    }
    let coding = answer.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if coding.is_some_and(|coding| coding != b"identity") {
        return Err(Refusal::network("the answer is packed although it was not asked to be"));
    }
    Ok(answer)
}

/// The error of a server that refused; `cut` removes credentials from its words.
fn refused(base: &Url, refusal: &Refusal, cut: impl Fn(&str) -> String) -> SourceError {
    let host = base.host_str().unwrap_or_default();
    let why = cut(&format!("{host}: {}", refusal.why));
    match refusal.cause {
        // Whatever its status: another connection of this account is open.
        Cause::Network | Cause::Http5xx if refusal.body.contains("ConnectionException") => {
            SourceError::retry(Cause::RateLimited { retry_after: None }, why)
        }
        _ if refusal.is_auth() => SourceError::auth_failed(format!(
            "{why}\nhelp: look at the token, and at what the account's plan allows; `tagtide \
             doctor JOB` asks again"
        )),
        cause => SourceError::retry(cause, why),
    }
}

/// 128 unpredictable bits, in hexadecimal.
fn nonce() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::network(format!("no random numbers: {error}")))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

impl Source for XSource {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        self.stream = None;
        self.ended = None;
        self.take_over(after)?;
        self.within_budget()?;
        self.add_rules()?;
        self.connects.note(self.clock.now()).map_err(|wait| {
            let why = "as many connections were tried in 15 minutes as may be (`connects_max`)";
            SourceError::held("retrying", wait, why)
        })?;
        let (minutes, _) = self.missing(self.clock.now());
        let answer = self.dial(minutes)?;
        let now = self.clock.now();
        self.gap = self.missing(now).1;
        if self.gap.is_some() {
            self.rate.jump();
        }
        let delimited = matches!(&self.wire, Wire::V1 { plan, .. } if plan.delimited);
        let life = Liveness::new(self.stall, monotonic(), now);
        let lines = Lines::new(answer, self.line_max_bytes, delimited, life, &self.clock);
        (self.stream, self.begun, self.held_back) = (Some(lines), true, 0);
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        if let Some((cause, why)) = self.ended.take() {
            self.stream = None;
            self.why.clone_from(&why);
            self.within_budget()?;
            return Err(SourceError::retry(cause, format!("lost `{}`: {why}", self.name())));
        }
        let Some(stream) = &mut self.stream else {
            return Err(SourceError::retry(Cause::Network, "not connected"));
        };
        batch.first = self.lines;
        if std::mem::take(&mut self.begun) {
            // The gap and the connection are stored at once, whatever follows.
            batch.seal(0);
            batch.gap = self.gap.take().map(Box::new);
            self.keep(batch);
            return Ok(Poll::Ready);
        }
        if let Some(why) = self.web.run(stream.fill(batch, wait)) {
            self.ended = Some((Cause::Network, why));
        }
        if batch.lines == 0 && batch.dropped == Dropped::default() {
            return if self.ended.is_some() { self.poll(batch, wait) } else { Ok(Poll::Idle) };
        }
        self.lines += batch.lines;
        self.look(batch);
        self.keep(batch);
        Ok(Poll::Ready)
    }

    fn guarantee(&self) -> Guarantee {
        match &self.wire {
            Wire::V2 { plan, .. } if plan.backfill_minutes > 0 => Guarantee::WithinLookBack,
            _ => Guarantee::AtMostOnce,
        }
    }

    fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        self.stream.as_ref()?.life.complete_until(now)
    }

    fn reads(&self) -> Option<Reads> {
        match &self.wire {
            Wire::V2 { budget, .. } => Some(budget.shown()),
            Wire::V1 { .. } => None,
        }
    }

    fn name(&self) -> String {
        let kind = if matches!(self.wire, Wire::V2 { .. }) { "x" } else { "x-v1" };
        format!("{kind} {}", self.base.host_str().unwrap_or_default())
    }
}
