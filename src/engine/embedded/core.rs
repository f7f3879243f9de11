//! The one thread that owns the state: it counts batches in order, publishes at each tick, hands
//! an epoch to the checkpoint, and answers questions.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use tokio::sync::watch;

use crate::engine::embedded::durable::Durable;
use crate::engine::embedded::gaps::Gaps;
use crate::engine::embedded::outlet::Outlet;
use crate::engine::embedded::pacing::Pacing;
use crate::engine::embedded::publish::Publisher;
use crate::engine::embedded::record::Recording;
use crate::engine::embedded::stop::Stop;
use crate::engine::embedded::told::Told;
use crate::engine::embedded::views::States;
use crate::engine::embedded::worker::Recipe;
use crate::engine::{EngineError, Summary};
use crate::job::{Plan, TimePlan};
use crate::rank::{Explanation, Published, Query, Ranking, SourceStatus, TagDetail};
use crate::state::extracted::{Extracted, NO_TIME};
use crate::state::lists::Lists;
use tagtide_extract::pattern::Patterns;
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{EventTime, Position, Reads};

/// How far ahead a post may be in a replay: a file may carry planned dates, but not the year 9999.
const FUTURE_REPLAY_MS: i64 = 366 * 86_400_000;

/// Questions answered before counting goes on.
const QUESTIONS_MAX: usize = 8;

/// What other threads tell the core.
pub(super) enum Message {
    /// A batch was extracted.
    Extracted(Box<Extracted>),
    /// A source has changed its state.
    SourceState { source: u16, state: &'static str, detail: String, reads: Option<Reads> },
    /// A source has ended after so many batches.
    SourceEnd { source: u16, batches: u64, how: Ending },
    /// A worker has panicked, and what it had in hand is lost.
    Panicked,
}

/// How a source came to its end, and why.
pub(super) enum Ending {
    Done,
    Failed(String),
    AuthFailed(String),
}

/// What is asked of the core.
pub(super) enum Question {
    Ranking(Query, Sender<Option<Ranking>>),
    /// View, and key.
    Tag(Option<String>, String, Sender<Option<TagDetail>>),
    /// View, key, and window in milliseconds.
    Explain(Option<String>, String, i64, Sender<Option<Explanation>>),
    /// Asked when the run has ended: rows of the final ranking.
    End(usize, Sender<Result<Summary, EngineError>>),
    /// Lists of tags and of accounts have changed.
    Lists(Box<Lists>, Patterns),
    /// Somebody has set [`Stop`].
    Wake,
}

/// Batches of one source, put back in order.
#[derive(Default)]
struct Inbox {
    next: u64,
    waiting: BTreeMap<u64, Box<Extracted>>,
    batches: Option<u64>,
    positions: BTreeMap<String, String>,
    /// It was connected once.
    connected: bool,
}

impl Inbox {
    fn ended(&self) -> bool {
        self.batches == Some(self.next)
    }
}

/// The batch being counted.
struct Current {
    batch: Box<Extracted>,
    row: usize,
}

pub(super) struct Core {
    parts: Parts,
    inboxes: Vec<Inbox>,
    current: Option<Current>,
    next_tick: Instant,
    next_epoch: Instant,
    pacing: Pacing,
    first_event: Option<i64>,
    failure: Option<EngineError>,
}

/// What a core is built from.
pub(super) struct Parts {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) recipe: Arc<Recipe>,
    pub(super) state: States,
    pub(super) publisher: Publisher,
    pub(super) published: watch::Sender<Arc<Published>>,
    pub(super) outlets: Vec<Outlet>,
    pub(super) durable: Option<Durable>,
    pub(super) told: Told,
    pub(super) gaps: Gaps,
    pub(super) messages: Receiver<Message>,
    pub(super) questions: Receiver<Question>,
    pub(super) extracted_pool: Sender<Box<Extracted>>,
    pub(super) recording: Option<Recording>,
    pub(super) sources: Vec<SourceStatus>,
    pub(super) positions: Vec<Vec<Position>>,
    pub(super) stop: Stop,
}

impl Core {
    pub(super) fn new(mut parts: Parts) -> Self {
        let now = monotonic();
        let inbox = |positions: Vec<Position>| Inbox {
            positions: positions.into_iter().map(|p| (p.partition, p.at)).collect(),
            ..Inbox::default()
        };
        Self {
            pacing: Pacing::new(&parts.plan.time),
            inboxes: std::mem::take(&mut parts.positions).into_iter().map(inbox).collect(),
            parts,
            current: None,
            next_tick: now,
            next_epoch: now,
            first_event: None,
            failure: None,
        }
    }

    /// Runs until every source has ended or the run is stopped, then answers questions until
    /// nobody is left to ask.
    pub(super) fn run(mut self) {
        self.next_tick = monotonic() + self.until_next_tick();
        self.next_epoch = monotonic() + self.parts.plan.epoch();
        loop {
            if self.parts.stop.is_now() || self.failure.is_some() {
                break;
            }
            self.keep_time();
            for _ in 0..QUESTIONS_MAX {
                let Ok(question) = self.parts.questions.try_recv() else { break };
                self.answer(question);
            }
            let due = self.count_what_is_due();
            if due.is_none() {
                continue;
            }
            if self.inboxes.iter().all(Inbox::ended) && self.current.is_none() {
                break;
            }
            self.wait(due.flatten());
        }
        self.end();
    }

    /// Ticks and epochs that are due.
    fn keep_time(&mut self) {
        let now = monotonic();
        if now >= self.next_tick {
            self.tick();
            self.next_tick = monotonic() + self.until_next_tick();
        }
        // An epoch ends between batches: Positions say nothing about a part of one.
        if now >= self.next_epoch && self.current.is_none() {
            self.epoch(false);
            self.next_epoch = now + self.parts.plan.epoch();
        }
    }

    /// Ticks fall on whole multiples of the batch interval of our clock.
    fn until_next_tick(&self) -> Duration {
        let batch = (self.parts.plan.batch.as_millis() as i64).max(1);
        Duration::from_millis((batch - self.parts.clock.now().0.rem_euclid(batch)) as u64)
    }

    /// Counts one batch, or as much of it as is due. `None` = something was counted; otherwise
    /// when the next row is due, if that is known.
    fn count_what_is_due(&mut self) -> Option<Option<Instant>> {
        if self.current.is_none() {
            let (inbox, batch) = self
                .inboxes
                .iter_mut()
                .find_map(|inbox| inbox.waiting.remove(&inbox.next).map(|batch| (inbox, batch)))
                .map_or((None, None), |(inbox, batch)| (Some(inbox), Some(batch)));
            let (Some(inbox), Some(batch)) = (inbox, batch) else { return Some(None) };
            inbox.next += 1;
            if let Some(gap) = &batch.batch.gap {
                let source = batch.batch.source as usize;
                self.parts.gaps.add(source, gap, &self.parts.sources[source].name);
                self.parts.state.each_mut(|state| state.gap_until(gap.to));
            }
            self.parts.state.begin_batch(&batch);
            self.current = Some(Current { batch, row: 0 });
        }
        let Some(mut current) = self.current.take() else { return Some(None) };
        let horizon = self.horizon();
        while let Some(row) = current.batch.rows.get(current.row) {
            // What is not counted needs no waiting for; whoever drains does not wait either.
            if row.at <= horizon
                && let Some(due) = self.pacing.due(row.at)
                && !self.parts.stop.drains()
            {
                self.current = Some(current);
                return Some(Some(due));
            }
            self.parts.state.count_row(&current.batch, current.row, horizon);
            self.first_event = self.first_event.or((row.at != NO_TIME).then_some(row.at));
            current.row += 1;
        }
        self.finish_batch(current.batch);
        None
    }

    fn finish_batch(&mut self, mut done: Box<Extracted>) {
        self.tell();
        let Parts { durable, state, .. } = &mut self.parts;
        if let Some(Err(error)) = durable.as_mut().map(|durable| durable.ahead(&mut state.all)) {
            self.failure = Some(EngineError::Checkpoint(error));
        }
        let batch = std::mem::take(&mut done.batch);
        let source = batch.source as usize;
        if let Some(until) = batch.complete_until
            && self.parts.plan.time == TimePlan::Live
        {
            self.parts.state.each_mut(|state| state.live_until(source, until.0));
        }
        self.parts.sources[source].bytes += batch.bytes_read() as u64;
        self.parts.sources[source].reads = batch.reads;
        for position in &batch.positions {
            let at = self.inboxes[source].positions.entry(position.partition.clone()).or_default();
            at.clone_from(&position.at);
        }
        let _ = self.parts.extracted_pool.try_send(done);
    }

    /// Hands over the rankings that event time has put down. They belong to the epoch under way.
    fn tell(&mut self) {
        let Parts { state, told, durable, .. } = &mut self.parts;
        let reported = state.take_reported();
        if !reported.is_empty() {
            told.take(durable.as_ref().map_or(0, Durable::next), reported.into_iter());
        }
    }

    fn horizon(&self) -> i64 {
        self.parts.clock.now().0.saturating_add(match self.parts.plan.time {
            TimePlan::Live => EventTime::AHEAD_MAX_MS,
            TimePlan::Replay(_) => FUTURE_REPLAY_MS,
        })
    }

    fn wait(&mut self, due: Option<Instant>) {
        if self.parts.stop.is_now() {
            return;
        }
        let until = match due {
            Some(due) => due.min(self.next_tick),
            None => self.next_tick.min(self.next_epoch),
        };
        // While a row waits for its time nothing more is taken in: that holds the sources back.
        let never = crossbeam_channel::never();
        let messages = if due.is_some() { &never } else { &self.parts.messages };
        let timeout = until.saturating_duration_since(monotonic());
        select! {
            recv(messages) -> message => match message {
                Ok(message) => self.take_in(message),
                Err(_) => self.parts.stop.now(),
            },
            recv(self.parts.questions) -> question => match question {
                Ok(question) => self.answer(question),
                Err(_) => self.parts.stop.drain(),
            },
            default(timeout) => {}
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Extracted(batch) => {
                let inbox = &mut self.inboxes[batch.batch.source as usize];
                inbox.waiting.insert(batch.batch.seq, batch);
            }
            Message::SourceState { source, state, detail, reads } => {
                let status = &mut self.parts.sources[source as usize];
                let connected = &mut self.inboxes[source as usize].connected;
                let is_open = state != "retrying";
                status.reconnects += u64::from(is_open && *connected);
                *connected |= is_open;
                status.state = state.to_owned();
                (status.detail, status.reads) = (detail, reads);
            }
            Message::SourceEnd { source, batches, how } => {
                self.inboxes[source as usize].batches = Some(batches);
                self.parts.state.each_mut(|state| state.source_ended(source as usize));
                let status = &mut self.parts.sources[source as usize];
                let (state, detail) = match how {
                    Ending::Done => ("ended", String::new()),
                    Ending::Failed(why) => ("failed", why),
                    Ending::AuthFailed(why) => ("auth_failed", why),
                };
                (status.state, status.detail) = (state.to_owned(), detail);
                // Nothing takes the place of what has failed before.
                if let Some(error) = nobody_left(&self.parts.sources) {
                    self.failure.get_or_insert(error);
                }
            }
            Message::Panicked => {
                self.failure.get_or_insert(EngineError::Panicked);
            }
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Ranking(query, to) => {
                let at = self.now();
                self.parts.state.show(at);
                let _ = to.send(self.parts.publisher.ranking(&self.parts.state, &query, at));
            }
            Question::Tag(view, key, to) => {
                self.parts.state.show(self.now());
                let state = self.parts.state.of(view.as_deref());
                let _ = to.send(state.and_then(|state| crate::rank::build::tag(state, &key)));
            }
            Question::Explain(view, key, window_ms, to) => {
                let at = self.now();
                self.parts.state.show(at);
                let state = self.parts.state.of(view.as_deref());
                let explain = |state| crate::rank::explain::explain(state, &key, window_ms, at);
                let _ = to.send(state.and_then(explain));
            }
            Question::Lists(tags, accounts) => {
                self.parts.state.change_lists(&tags);
                let blocked = &self.parts.recipe.blocked;
                let mut blocked = blocked.write().unwrap_or_else(PoisonError::into_inner);
                if **blocked != accounts {
                    // Names are not kept, so nobody knows which posts are theirs.
                    self.parts.state.all.forget_recent();
                }
                *blocked = Arc::new(accounts);
            }
            Question::End(..) => self.parts.publisher.waiting.push(question),
            Question::Wake => {}
        }
    }

    /// Event time at which a window ends now.
    fn now(&self) -> i64 {
        match self.parts.plan.time {
            TimePlan::Live => self.parts.clock.now().0,
            TimePlan::Replay(_) => {
                self.parts.state.all.newest().unwrap_or_else(|| self.parts.clock.now().0)
            }
        }
    }

    fn tick(&mut self) {
        let rankings = self.rank();
        self.publish(rankings, false);
    }

    /// All rankings of this moment.
    fn rank(&mut self) -> Vec<Arc<Ranking>> {
        let at = self.now();
        self.parts.state.show(at);
        self.tell();
        self.parts.publisher.rank(&self.parts.state, at)
    }

    /// Publishes rankings with how everything stands; `last` = the run has ended.
    fn publish(&mut self, rankings: Vec<Arc<Ranking>>, last: bool) {
        let of = |number| self.parts.state.all.posts_of(number);
        let all: u64 = (0..self.parts.sources.len()).map(of).sum();
        for (number, status) in self.parts.sources.iter_mut().enumerate() {
            self.parts.gaps.show(number, status);
            status.recorded = self.parts.recording.as_ref().map(|of| of.status(number));
            status.posts = of(number);
            status.share = status.posts as f64 / all.max(1) as f64;
            let format = self.parts.recipe.streams[number].format.get();
            status.format = format.map(|format| format.name().to_owned());
        }
        let published = Arc::new(self.parts.publisher.publish(
            rankings,
            &self.parts.state,
            self.parts.clock.now().0,
            last,
            &self.parts.sources,
            self.parts.outlets.iter().map(Outlet::status).collect(),
            self.parts.durable.as_ref().map(Durable::committed),
            (self.parts.told.history_status(), self.parts.told.alerts_status()),
        ));
        if !self.parts.outlets.is_empty() {
            let brief = Arc::new(published.brief(self.parts.plan.count.top));
            self.parts.outlets.iter().for_each(|outlet| outlet.offer(&brief));
        }
        self.parts.published.send_replace(published);
    }

    /// Hands what changed to the checkpoint. Where the disk is behind, an epoch is left out and
    /// its changes go with the next one; only the last one waits.
    fn epoch(&mut self, last: bool) {
        // A question may have passed a boundary since the last batch.
        self.tell();
        let Parts { state, told, durable, gaps, .. } = &mut self.parts;
        let Some(durable) = durable else { return };
        let positions: Vec<_> = self.inboxes.iter().map(|inbox| &inbox.positions).collect();
        if let Err(error) = durable.epoch(state, &positions, (told, gaps), last) {
            self.failure = Some(EngineError::Checkpoint(error));
        }
    }

    /// The last ranking and the last epoch, then only questions.
    fn end(mut self) {
        if !self.parts.stop.is_now() && self.failure.is_none() {
            self.epoch(true);
        }
        // While the last record is on its way to the disk.
        let rankings = self.rank();
        if let Some(durable) = &mut self.parts.durable
            && let Err(error) = durable.finish()
        {
            self.failure.get_or_insert(EngineError::Checkpoint(error));
        }
        // A run that came to its end by itself has not read all that it should.
        let failed = self.parts.sources.iter().find(|source| source.state == "failed");
        if let Some(failed) = failed.filter(|_| !self.parts.stop.drains()) {
            let SourceStatus { name, detail, .. } = failed;
            let why = format!("source `{name}` has failed, the others were counted: {detail}");
            self.failure.get_or_insert(EngineError::Source(why));
        }
        self.parts.stop.drain();
        self.parts.recording.iter().for_each(Recording::finish);
        self.publish(rankings, true);
        self.parts.outlets.drain(..).for_each(Outlet::finish);
        for question in std::mem::take(&mut self.parts.publisher.waiting) {
            self.answer_end(question);
        }
        while let Ok(question) = self.parts.questions.recv() {
            self.answer_end(question);
        }
    }

    fn answer_end(&mut self, question: Question) {
        let Question::End(top, to) = question else { return self.answer(question) };
        let at = self.now();
        self.parts.state.show(at);
        let everything = Query { mode: None, window_s: None, view: None, top };
        let result = match self.failure.take() {
            Some(error) => Err(error),
            None => Ok(Summary {
                status: Arc::clone(&self.parts.published.borrow().status),
                ranking: self
                    .parts
                    .publisher
                    .ranking(&self.parts.state, &everything, at)
                    .unwrap_or_default(),
                first_event: self.first_event,
                distinct_tags: self.parts.state.all.distinct_tags(),
            }),
        };
        let _ = to.send(result);
    }
}

/// Why the run has failed, where every source has.
fn nobody_left(sources: &[SourceStatus]) -> Option<EngineError> {
    let failed = sources.iter().find(|source| source.state == "failed");
    if !sources.iter().all(|source| matches!(&*source.state, "failed" | "auth_failed")) {
        return None;
    }
    Some(match failed {
        Some(failed) => EngineError::Source(failed.detail.clone()),
        None => EngineError::AuthFailed(sources[0].detail.clone()),
    })
}
