//! The counting thread, the only owner of the states: it counts batches in order, publishes at each
//! tick, hands each epoch to the checkpoint, and answers questions.

mod answers;
mod panes;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select};
use tokio::sync::watch;

use super::checkpointer::Checkpointer;
use super::gaps::Gaps;
use super::handle::Command;
use super::inbox::{Inbox, Work};
use super::message::{Message, RunningEngine, SourceUpdate};
use super::pacing::Pacing;
use super::publisher::Publisher;
use super::reports::Reports;
use super::shutdown::Shutdown;
use super::sink_thread::SinkThread;
use super::snapshots::Snapshots;
use super::view_states::States;
use super::{EngineError, Summary, horizon};
use crate::job::{Plan, TimePlan};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{EventTime, Gap, Position, Reads};
use tagtide_sources::SourceError;
use tagtide_trends::rank::{Ranking, TickSnapshot};
use tagtide_trends::state::extracted_batch::{ExtractedBatch, NO_TIME};
use tagtide_trends::status::SourceStatus;

/// Questions answered before counting goes on.
const QUESTIONS_MAX: usize = 8;

/// The batch being counted.
struct Current {
    batch: Box<ExtractedBatch>,
    row: usize,
}

/// What a batch leaves when it was counted.
struct Finished<'a> {
    source: usize,
    bytes: u64,
    reads: Option<Reads>,
    complete_until: Option<EventTime>,
    to: &'a [Position],
}

/// The counting thread.
pub(super) struct Coordinator {
    parts: Parts,
    inboxes: Vec<Inbox>,
    current: Option<Current>,
    next_tick: Instant,
    next_epoch: Instant,
    pacing: Pacing,
    first_event: Option<i64>,
    failure: Option<EngineError>,
    /// Epochs that are not durable yet, with the Positions that they hold; empty where the engine
    /// does not want to know. No longer than the queue of the checkpoint.
    uncommitted: VecDeque<(u64, Vec<(u16, Position)>)>,
    /// Answered when the run has ended.
    ends: Vec<(usize, Sender<Result<Summary, EngineError>>)>,
}

/// What a coordinator is built from.
pub(super) struct Parts {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) engine: Box<dyn RunningEngine>,
    pub(super) state: States,
    pub(super) publisher: Publisher,
    pub(super) published: watch::Sender<Arc<TickSnapshot>>,
    pub(super) snapshots: Snapshots,
    pub(super) sinks: Vec<SinkThread>,
    pub(super) checkpointer: Option<Checkpointer>,
    pub(super) reports: Reports,
    pub(super) gaps: Gaps,
    pub(super) messages: Receiver<Message>,
    pub(super) commands: Receiver<Command>,
    pub(super) sources: Vec<SourceStatus>,
    pub(super) shutdown: Shutdown,
}

impl Coordinator {
    pub(super) fn new(parts: Parts, positions: Vec<Vec<Position>>) -> Self {
        let now = monotonic();
        Self {
            pacing: Pacing::new(&parts.plan.time),
            inboxes: positions.into_iter().map(Inbox::new).collect(),
            parts,
            current: None,
            next_tick: now,
            next_epoch: now,
            first_event: None,
            failure: None,
            uncommitted: VecDeque::new(),
            ends: Vec::new(),
        }
    }

    /// Runs until every source has ended or the run is stopped, then answers questions until the
    /// last handle is dropped.
    pub(super) fn run(mut self) {
        self.next_tick = monotonic() + self.until_next_tick();
        self.next_epoch = monotonic() + self.parts.plan.epoch();
        loop {
            if self.parts.shutdown.is_now() || self.failure.is_some() {
                break;
            }
            self.keep_time();
            for _ in 0..QUESTIONS_MAX {
                let Ok(command) = self.parts.commands.try_recv() else { break };
                self.obey(command);
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
        self.commit();
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
            let batch = match self.inboxes.iter_mut().find_map(Inbox::take) {
                None => return Some(None),
                Some(Work::Rows(batch)) => batch,
                Some(Work::Panes(batch)) => {
                    self.count_panes(*batch);
                    return None;
                }
            };
            self.note_gap(batch.batch.source as usize, batch.batch.gap.as_deref());
            self.parts.state.begin_batch(&batch);
            self.current = Some(Current { batch, row: 0 });
        }
        let Some(mut current) = self.current.take() else { return Some(None) };
        let horizon = horizon(&self.parts.plan, &self.parts.clock);
        while let Some(row) = current.batch.rows.get(current.row) {
            // A row that does not count is not waited for, and none is while the run drains.
            if row.at <= horizon
                && let Some(due) = self.pacing.due(row.at)
                && !self.parts.shutdown.drains()
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

    fn note_gap(&mut self, source: usize, gap: Option<&Gap>) {
        if let Some(gap) = gap {
            self.parts.gaps.add(source, gap, &self.parts.sources[source].name);
            self.parts.state.each_mut(|state| state.gap_until(gap.to));
        }
    }

    fn finish_batch(&mut self, mut done: Box<ExtractedBatch>) {
        let batch = std::mem::take(&mut done.batch);
        self.finish(Finished {
            source: batch.source as usize,
            bytes: batch.bytes_read() as u64,
            reads: batch.reads,
            complete_until: batch.complete_until,
            to: &batch.positions,
        });
        self.parts.engine.recycle(done);
    }

    /// What follows once every count of a batch is in.
    fn finish(&mut self, done: Finished<'_>) {
        self.report();
        let Parts { checkpointer, state, .. } = &mut self.parts;
        let encoded = checkpointer.as_mut().map(|of| of.encode_early(&mut state.all));
        if let Some(Err(error)) = encoded {
            self.failure = Some(EngineError::Checkpoint(error));
        }
        if let Some(until) = done.complete_until
            && self.parts.plan.time == TimePlan::Live
        {
            self.parts.state.each_mut(|state| state.live_until(done.source, until.0));
        }
        let status = &mut self.parts.sources[done.source];
        status.bytes += done.bytes;
        status.reads = done.reads;
        self.inboxes[done.source].counted(done.to);
    }

    /// Hands over the rankings that were made at boundaries of event time. They belong to the
    /// epoch under way.
    fn report(&mut self) {
        let Parts { state, reports, checkpointer, .. } = &mut self.parts;
        let reported = state.take_reported();
        if !reported.is_empty() {
            let epoch = checkpointer.as_ref().map_or(0, Checkpointer::next);
            reports.take(epoch, reported.into_iter());
        }
    }

    fn wait(&mut self, due: Option<Instant>) {
        if self.parts.shutdown.is_now() {
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
                Err(_) => self.parts.shutdown.now(),
            },
            recv(self.parts.commands) -> command => match command {
                Ok(command) => self.obey(command),
                Err(_) => self.parts.shutdown.drain(),
            },
            default(timeout) => {}
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Rows(batch) => {
                self.inboxes[batch.batch.source as usize].put(Work::Rows(batch));
            }
            Message::Panes(batch) => {
                let source = batch.source as usize;
                let is_new = self.inboxes[source].put(Work::Panes(batch));
                self.parts.sources[source].dropped_updates += u64::from(!is_new);
            }
            Message::Source(SourceUpdate { source, state, detail, reads }) => {
                let status = &mut self.parts.sources[source as usize];
                let connected = &mut self.inboxes[source as usize].connected;
                let is_open = state != "retrying";
                status.reconnects += u64::from(is_open && *connected);
                *connected |= is_open;
                status.state = state.to_owned();
                (status.detail, status.reads) = (detail, reads);
            }
            Message::SourceEnd { source, batches, how } => {
                self.inboxes[source as usize].end(batches);
                self.parts.state.each_mut(|state| state.source_ended(source as usize));
                self.source_ended(source as usize, how);
            }
            Message::Panicked => {
                self.failure.get_or_insert(EngineError::Panicked);
            }
        }
    }

    /// Keeps why a source has ended; where every source has failed, so has the run.
    fn source_ended(&mut self, source: usize, how: Result<(), SourceError>) {
        let state = match &how {
            Ok(()) => "ended",
            Err(SourceError::AuthFailed(_)) => "auth_failed",
            Err(_) => "failed",
        };
        let status = &mut self.parts.sources[source];
        state.clone_into(&mut status.state);
        status.detail = how.as_ref().err().map(ToString::to_string).unwrap_or_default();
        self.inboxes[source].failure = how.err();
        // The first error stays.
        if self.failure.is_none() && self.inboxes.iter().all(|inbox| inbox.failure.is_some()) {
            let failed = self.take_failed().map(|(_, error)| EngineError::Source(error));
            let refused = || self.inboxes[0].failure.take().map(EngineError::AuthFailed);
            self.failure = failed.or_else(refused);
        }
    }

    /// The first source that has failed, and why; those with refused credentials have not.
    fn take_failed(&mut self) -> Option<(usize, SourceError)> {
        let refused = |error: &SourceError| matches!(error, SourceError::AuthFailed(_));
        let failed = |inbox: &Inbox| inbox.failure.as_ref().is_some_and(|error| !refused(error));
        let number = self.inboxes.iter().position(failed)?;
        Some((number, self.inboxes[number].failure.take()?))
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
        let began = monotonic();
        let rankings = self.rank();
        self.publish(rankings, false);
        self.parts.publisher.tick = began.elapsed();
    }

    /// All rankings of this moment.
    fn rank(&mut self) -> Vec<Arc<Ranking>> {
        let at = self.now();
        self.parts.state.show(at);
        self.report();
        self.parts.publisher.rank(&self.parts.state, at)
    }

    /// Publishes rankings with the status; `last` = the run has ended.
    fn publish(&mut self, rankings: Vec<Arc<Ranking>>, last: bool) {
        let of = |number| self.parts.state.all.posts_of(number);
        let all: u64 = (0..self.parts.sources.len()).map(of).sum();
        for (number, status) in self.parts.sources.iter_mut().enumerate() {
            self.parts.gaps.show(number, status);
            self.parts.engine.describe_source(number, status);
            status.posts = of(number);
            status.share = status.posts as f64 / all.max(1) as f64;
        }
        let clock = self.parts.clock.now().0;
        let checkpointer = self.parts.checkpointer.as_ref();
        let checkpoint = (
            checkpointer.map(Checkpointer::committed),
            checkpointer.and_then(|checkpointer| checkpointer.status(clock)),
        );
        let published = Arc::new(self.parts.publisher.publish(
            rankings,
            &self.parts.state,
            clock,
            last,
            &self.parts.sources,
            self.parts.sinks.iter().map(SinkThread::status).collect(),
            checkpoint,
            (self.parts.reports.history_status(), self.parts.reports.alerts_status()),
        ));
        if !self.parts.sinks.is_empty() {
            let brief = Arc::new(published.brief(self.parts.plan.count.top));
            self.parts.sinks.iter().for_each(|sink| sink.offer(&brief));
        }
        self.parts.engine.published(&published);
        self.parts.published.send_replace(published);
    }

    /// Hands what changed to the checkpoint. Where the disk is behind, an epoch is left out and
    /// its changes go with the next one; only the last one waits.
    fn epoch(&mut self, last: bool) {
        // A question may have passed a boundary since the last batch.
        self.report();
        let Parts { state, reports, checkpointer, gaps, .. } = &mut self.parts;
        let Some(checkpointer) = checkpointer else { return };
        let positions: Vec<_> = self.inboxes.iter().map(Inbox::positions).collect();
        let epoch = checkpointer.next();
        if let Err(error) = checkpointer.epoch(state, &positions, (reports, gaps), last) {
            self.failure = Some(EngineError::Checkpoint(error));
        } else if checkpointer.next() > epoch && self.parts.engine.wants_commits() {
            let numbered = (0..).zip(&self.inboxes);
            let all = numbered.flat_map(|(number, inbox)| inbox.all_positions(number));
            self.uncommitted.push_back((epoch, all.collect()));
        }
    }

    /// Passes on which epochs have become durable.
    fn commit(&mut self) {
        let durable = self.parts.checkpointer.as_ref().map_or(0, Checkpointer::committed);
        while let Some((epoch, positions)) = self.uncommitted.pop_front_if(|of| of.0 <= durable) {
            self.parts.engine.committed(epoch, &positions);
        }
    }

    /// The last ranking and the last epoch, then only questions.
    fn end(mut self) {
        if !self.parts.shutdown.is_now() && self.failure.is_none() {
            self.epoch(true);
        }
        // While the last record is on its way to the disk.
        let rankings = self.rank();
        if let Some(checkpointer) = &mut self.parts.checkpointer
            && let Err(error) = checkpointer.finish()
        {
            self.failure.get_or_insert(EngineError::Checkpoint(error));
        }
        self.commit();
        // A run that came to its end by itself has not read all that it should.
        if !self.parts.shutdown.drains()
            && let Some((number, source)) = self.take_failed()
        {
            let name = self.parts.sources[number].name.clone();
            self.failure.get_or_insert(EngineError::OneSource { name, source });
        }
        self.parts.shutdown.drain();
        self.parts.engine.finish();
        self.publish(rankings, true);
        self.parts.sinks.drain(..).for_each(SinkThread::finish);
        for (top, to) in std::mem::take(&mut self.ends) {
            let _ = to.send(self.summary(top));
        }
        while let Ok(command) = self.parts.commands.recv() {
            match command {
                Command::End(top, to) => {
                    let _ = to.send(self.summary(top));
                }
                command => self.obey(command),
            }
        }
    }
}
