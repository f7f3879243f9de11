//! What crosses the seam between an engine and the run that counts for it.
//!
//! An engine sends [`Message`]s; the coordinator calls a [`RunningEngine`]. Nothing else passes.

use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::{EventTime, Gap, Position, Reads};
use tagtide_sources::SourceError;
use tagtide_trends::rank::TickSnapshot;
use tagtide_trends::state::extracted_batch::ExtractedBatch;
use tagtide_trends::state::pane_update::PaneUpdate;
use tagtide_trends::status::{Counters, SourceStatus};

/// What an engine sends to the coordinator, through a bounded queue.
#[derive(Debug)]
pub enum Message {
    /// Posts of one batch; batches are numbered by source and may arrive out of order.
    Rows(Box<ExtractedBatch>),
    /// Counts that the engine made of one batch; numbered like those of `Rows`.
    Panes(Box<PaneBatch>),
    /// A source has changed its state.
    Source(SourceUpdate),
    /// A source has ended after `batches` batches.
    SourceEnd {
        /// Number of the source.
        source: u16,
        /// How many batches it has sent.
        batches: u64,
        /// Why it ended, where that is an error.
        how: Result<(), SourceError>,
    },
    /// A thread of the engine has panicked; what it was working on is lost.
    Panicked,
}

/// Counts of one batch of input. It is applied whole or not at all, and its end becomes durable
/// with it.
#[derive(Clone, Debug, Default)]
pub struct PaneBatch {
    /// Number of the source.
    pub source: u16,
    /// Number of the batch within its source, from 0, without holes. One that comes twice is
    /// dropped and counted.
    pub seq: u64,
    /// The counts, in order. Several, so that panes can close between them; if one of them does not
    /// [follow](PaneUpdate::follows) the recorded Positions, the batch is dropped and counted.
    pub updates: Vec<PaneUpdate>,
    /// Posts of the source that were counted.
    pub posts: u64,
    /// Records that were not counted, by reason, with deletes and edits; counts of posts and tags
    /// follow from `updates`.
    pub counters: Counters,
    /// Event time of its first post.
    pub first: Option<i64>,
    /// Bytes of records read, unpacked.
    pub bytes: u64,
    /// What was read today, where reading is paid for.
    pub reads: Option<Reads>,
    /// What is missing before it.
    pub gap: Option<Box<Gap>>,
    /// Event time up to which a live source has delivered everything.
    pub complete_until: Option<EventTime>,
}

/// The state of a source.
#[derive(Debug)]
pub struct SourceUpdate {
    /// Number of the source.
    pub source: u16,
    /// `live`, `retrying` and so on, as [`SourceStatus::state`] has it.
    pub state: &'static str,
    /// Why it retries; else empty.
    pub detail: String,
    /// What was read today, where reading is paid for.
    pub reads: Option<Reads>,
}

/// A started engine, as the coordinator calls it. Each method is called on the counting thread,
/// so none may block.
pub trait RunningEngine: Send {
    /// Names of the sources, in the order of the plan.
    fn source_names(&self) -> Vec<String>;

    /// Fills in what only the engine knows about a source (its format, its recording); called at
    /// each tick.
    fn describe_source(&self, _source: usize, _status: &mut SourceStatus) {}

    /// Takes back the buffers of a batch that was counted.
    fn recycle(&self, _batch: Box<ExtractedBatch>) {}

    /// From now on posts of these accounts do not count. True where the list has changed.
    fn block(&self, _accounts: Patterns) -> bool {
        false
    }

    /// True where [`RunningEngine::committed`] is wanted.
    fn wants_commits(&self) -> bool {
        false
    }

    /// Called once an epoch is durable: each source will be resumed after these Positions.
    fn committed(&self, _epoch: u64, _positions: &[(u16, Position)]) {}

    /// Called with everything that was published at a tick.
    fn published(&self, _tick: &TickSnapshot) {}

    /// The run is about to end: finishes what the engine itself writes, within a few seconds.
    fn finish(&self) {}
}
