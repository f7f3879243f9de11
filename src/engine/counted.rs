//! The counted engine: a reference for engines that count by themselves, for tests.
//!
//! It reads and extracts like the embedded engine, sums posts in plain hash maps, and sends counts
//! instead of rows. What it sends gives the same rankings, history and alerts as rows do.
//!
//! ```text
//! ingest --rows--> one thread: a tally for each view --counts--> run
//! ```

mod edits;
mod outbox;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, Op, Position};

use self::outbox::Outbox;
use self::tally::{Moment, Tally};
use crate::engine::{Engine, Start};
use crate::ingest::{ExtractConfig, Ingest, make_sources};
use crate::job::{Diagnostic, Place, Plan, TimePlan};
use crate::run::inbox::{Inbox, Work};
use crate::run::state_settings::{hold_max_ms, ms};
use crate::run::{EngineError, Message, PaneBatch, RunningEngine, horizon, spawn};
use tagtide_sources::SourceError;
use tagtide_trends::state::extracted_batch::{ExtractedBatch, NO_TIME, Row};
use tagtide_trends::state::pane_update::{How, InputRange, PaneCounts, PaneUpdate};
use tagtide_trends::status::{Counters, SourceStatus};
use tagtide_trends::window::Watermarks;

/// Sums posts and sends counts.
pub(super) struct Counted;

impl Engine for Counted {
    fn unsupported(&self, plan: &Plan) -> Vec<Diagnostic> {
        let problem = |what: &str, help: &str| Diagnostic {
            place: Place::default(),
            what: format!("the engine `counted` {what}"),
            help: Some(help.to_owned()),
        };
        let mut problems = Vec::new();
        if let TimePlan::Replay(Some(_)) = plan.time {
            let what = "does not replay at a `speed`";
            problems.push(problem(what, "leave `speed` out, or use the engine `embedded`"));
        }
        problems
    }

    fn start(self: Box<Self>, start: Start) -> Result<Box<dyn RunningEngine>, EngineError> {
        let Start { plan, options, from, filters, keys, out, shutdown } = start;
        let sources = make_sources(&plan, &options.clock)?;
        let views = filters.len() as u16;
        let config = ExtractConfig::new(&plan, filters, keys);
        let depth = out.capacity().unwrap_or(1);
        let (rows, messages) = bounded(depth);
        let ingest = Ingest::start(&plan, &options, sources, &from, config, &rows, &shutdown)?;
        drop(rows);
        let ingest = Arc::new(ingest);
        let lateness_ms = ms(plan.count.lateness);
        let counting = Counting {
            marks: Watermarks::new(plan.sources.len(), lateness_ms, hold_max_ms(&plan)),
            lateness_ms,
            pane_ms: ms(plan.count.pane),
            closed_to: i64::MIN,
            tallies: (0..=views).map(|view| Tally::new(view, &plan)).collect(),
            sources: from.into_iter().map(OfSource::new).collect(),
            clock: options.clock.clone(),
            ingest: Arc::clone(&ingest),
            outbox: Outbox::new(out.clone(), options.shuffle),
            plan,
        };
        spawn("counted", move || {
            let count = || counting.run(&messages);
            if catch_unwind(AssertUnwindSafe(count)).is_err() {
                let _ = out.send(Message::Panicked);
            }
        })?;
        Ok(Box::new(Running(ingest)))
    }
}

/// The workers, seen from the coordinator.
struct Running(Arc<Ingest>);

impl RunningEngine for Running {
    fn source_names(&self) -> Vec<String> {
        self.0.source_names()
    }

    fn describe_source(&self, source: usize, status: &mut SourceStatus) {
        self.0.describe_source(source, status);
    }

    fn block(&self, accounts: Patterns) -> bool {
        self.0.block(accounts)
    }

    fn finish(&self) {
        self.0.finish();
    }
}

/// What is known of a source.
struct OfSource {
    inbox: Inbox,
    /// Event time that was sent last.
    reached: Option<i64>,
    /// How it has ended, and after how many batches.
    end: Option<(u64, Result<(), SourceError>)>,
}

impl OfSource {
    fn new(positions: Vec<Position>) -> Self {
        Self { inbox: Inbox::new(positions), reached: None, end: None }
    }
}

/// The thread that counts.
struct Counting {
    plan: Arc<Plan>,
    clock: Clock,
    ingest: Arc<Ingest>,
    outbox: Outbox,
    /// As the states will have them after what was sent.
    marks: Watermarks,
    lateness_ms: i64,
    pane_ms: i64,
    closed_to: i64,
    /// Of all posts, then of each view.
    tallies: Vec<Tally>,
    sources: Vec<OfSource>,
}

impl Counting {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Rows(rows) => {
                    let source = usize::from(rows.batch.source);
                    self.sources[source].inbox.put(Work::Rows(rows));
                    while let Some(Work::Rows(rows)) = self.sources[source].inbox.take() {
                        self.count(rows);
                    }
                    self.end(source);
                }
                Message::SourceEnd { source, batches, how } => {
                    let of = &mut self.sources[usize::from(source)];
                    of.inbox.end(batches);
                    of.end = Some((batches, how));
                    self.end(source.into());
                }
                other => self.outbox.send(other),
            }
            if messages.is_empty() {
                self.outbox.flush();
            }
        }
        self.outbox.flush();
    }

    /// Passes on that a source has ended, once all its batches are counted.
    fn end(&mut self, source: usize) {
        let of = &mut self.sources[source];
        if of.inbox.ended()
            && let Some((batches, how)) = of.end.take()
        {
            self.marks.ended(source);
            self.outbox.flush();
            self.outbox.send(Message::SourceEnd { source: source as u16, batches, how });
        }
    }

    fn count(&mut self, mut rows: Box<ExtractedBatch>) {
        let batch = std::mem::take(&mut rows.batch);
        let source = usize::from(batch.source);
        let mut out = self.begin(&batch, &rows);
        let horizon = horizon(&self.plan, &self.clock);
        self.close();
        let mut closed = false;
        for (number, row) in rows.rows.iter().enumerate() {
            if closed && may_take_back(row, &rows) {
                // What a closed pane loses was in it when it closed.
                self.flush(source, &mut out);
                closed = false;
            }
            let (closed_to, newest) = (self.closed_to, self.marks.newest());
            let now = Moment { horizon, closed_to, newest };
            let parts = std::iter::once(&*rows).chain(&rows.views);
            let counted = self.tallies.iter_mut().zip(parts);
            let mut counted = counted.map(|(tally, part)| tally.count(part, number, &now));
            // Of views only their counts are asked for.
            add(&mut out, &counted.next().unwrap_or_default());
            counted.for_each(drop);
            out.first = out.first.or((row.at != NO_TIME).then_some(row.at));
            if (NO_TIME + 1..=horizon).contains(&row.until) && self.marks.seen(source, row.until) {
                closed |= self.close();
                if self.sources[source].reached.is_none() {
                    // The first of all says since when a source is waited for.
                    self.sources[source].reached = Some(row.until);
                    out.updates[0].watermark = Some(row.until.saturating_sub(self.lateness_ms));
                }
            }
        }
        self.flush(source, &mut out);
        if let Some(until) = batch.complete_until.filter(|_| self.plan.time == TimePlan::Live) {
            self.marks.seen(source, until.0);
        }
        self.ingest.recycle(rows);
        self.outbox.send(Message::Panes(Box::new(out)));
    }

    /// A batch without counts yet.
    fn begin(&mut self, batch: &Batch, rows: &ExtractedBatch) -> PaneBatch {
        let inbox = &mut self.sources[usize::from(batch.source)].inbox;
        let range = |to: &Position| InputRange {
            partition: to.partition.clone(),
            from: inbox.position(&to.partition).map(str::to_owned),
            to: to.at.clone(),
        };
        let input = batch.positions.iter().map(range).collect();
        inbox.counted(&batch.positions);
        // The first update has the ranges.
        let first = PaneUpdate { input, ..update(batch.source.into(), Vec::new(), None) };
        PaneBatch {
            source: batch.source,
            seq: batch.seq,
            updates: vec![first],
            counters: Counters {
                control: rows.odd.control,
                malformed: rows.odd.malformed,
                invalid_utf8: rows.odd.invalid_utf8,
                oversize_tags: rows.odd.oversize_tags,
                skipped_reposts: rows.odd.skipped_reposts,
                skipped_bots: rows.odd.skipped_bots,
                blocked: rows.odd.blocked,
                oversize: batch.dropped.oversize,
                partial: batch.dropped.partial,
                ..Counters::default()
            },
            bytes: batch.bytes_read() as u64,
            reads: batch.reads,
            gap: batch.gap.clone(),
            complete_until: batch.complete_until,
            ..PaneBatch::default()
        }
    }

    /// Goes on to the newest pane that the watermark has closed; true where there is one more.
    fn close(&mut self) -> bool {
        let Some(watermark) = self.marks.watermark() else { return false };
        let to = watermark.div_euclid(self.pane_ms) - 1;
        let more = to > self.closed_to;
        self.closed_to = self.closed_to.max(to);
        more
    }

    /// Puts what was counted since the last time into `out`, and how far the source has come.
    fn flush(&mut self, source: usize, out: &mut PaneBatch) {
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        self.tallies.iter_mut().for_each(|tally| tally.flush(&mut plus, &mut minus));
        let newest = self.marks.all_newest()[source];
        let moves = newest != std::mem::replace(&mut self.sources[source].reached, newest);
        let watermark = newest.map(|at| at.saturating_sub(self.lateness_ms));
        // The watermark moves after both.
        for (panes, last) in [(plus, minus.is_empty()), (minus, true)] {
            if !panes.is_empty() || last && moves {
                let watermark = watermark.filter(|_| last);
                out.updates.push(update(source, panes, watermark));
            }
        }
    }
}

fn update(source: usize, panes: Vec<PaneCounts>, watermark: Option<i64>) -> PaneUpdate {
    let (source, input) = (source as u16, Vec::new());
    PaneUpdate { source, how: How::Add, input, panes, watermark }
}

/// True for a row that may take posts back.
fn may_take_back(row: &Row, rows: &ExtractedBatch) -> bool {
    let key = row.post.checked_sub(1).map(|post| &rows.posts[post as usize]);
    key.is_some_and(|key| key.op != Op::Create)
}

/// Adds what became of a row.
fn add(out: &mut PaneBatch, row: &Counters) {
    out.posts += row.posts;
    let counters = &mut out.counters;
    counters.future += row.future;
    counters.duplicates += row.duplicates;
    counters.deletes += row.deletes;
    counters.deletes_unknown += row.deletes_unknown;
    counters.edits += row.edits;
}
