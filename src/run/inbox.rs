//! Batches of one source, put back into their order.

use std::collections::BTreeMap;

use super::message::PaneBatch;
use tagtide_posts::post::Position;
use tagtide_sources::SourceError;
use tagtide_trends::state::extracted_batch::ExtractedBatch;

/// A batch to be counted.
#[derive(Debug)]
pub(crate) enum Work {
    /// Row by row.
    Rows(Box<ExtractedBatch>),
    /// By panes.
    Panes(Box<PaneBatch>),
}

impl Work {
    fn seq(&self) -> u64 {
        match self {
            Self::Rows(rows) => rows.batch.seq,
            Self::Panes(panes) => panes.seq,
        }
    }
}

/// What has arrived from one source.
#[derive(Default)]
pub(crate) struct Inbox {
    /// Number of the next batch.
    next: u64,
    /// Batches that wait for earlier ones.
    waiting: BTreeMap<u64, Work>,
    /// How many batches there are, once the source has ended.
    batches: Option<u64>,
    /// Partition -> where the counted batches end.
    positions: BTreeMap<String, String>,
    /// The source was connected once.
    pub(crate) connected: bool,
    /// Why the source has ended, where that is an error.
    pub(crate) failure: Option<SourceError>,
}

impl Inbox {
    /// Of a source that is resumed after these Positions.
    pub(crate) fn new(positions: Vec<Position>) -> Self {
        Self {
            positions: positions.into_iter().map(|p| (p.partition, p.at)).collect(),
            ..Self::default()
        }
    }

    /// Puts a batch in; false where it was there before.
    pub(crate) fn put(&mut self, batch: Work) -> bool {
        let seq = batch.seq();
        seq >= self.next && self.waiting.insert(seq, batch).is_none()
    }

    /// The next batch in order, if it has arrived.
    pub(crate) fn take(&mut self) -> Option<Work> {
        let batch = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(batch)
    }

    /// No batch follows the first `batches`.
    pub(crate) fn end(&mut self, batches: u64) {
        self.batches = Some(batches);
    }

    /// True once every batch was taken.
    pub(crate) fn ended(&self) -> bool {
        self.batches == Some(self.next)
    }

    /// Where the counted batches end in a partition.
    pub(crate) fn position(&self, partition: &str) -> Option<&str> {
        self.positions.get(partition).map(String::as_str)
    }

    /// Moves the Positions to the end of a batch that was counted whole.
    pub(crate) fn counted(&mut self, positions: &[Position]) {
        for position in positions {
            let at = self.positions.entry(position.partition.clone()).or_default();
            at.clone_from(&position.at);
        }
    }

    /// The same, as Positions of the source `number`.
    pub(crate) fn all_positions(&self, number: u16) -> impl Iterator<Item = (u16, Position)> + '_ {
        let position = |(partition, at): (&String, &String)| Position {
            partition: partition.clone(),
            at: at.clone(),
        };
        self.positions.iter().map(move |of| (number, position(of)))
    }

    /// Partition -> where the counted batches end.
    pub(crate) fn positions(&self) -> &BTreeMap<String, String> {
        &self.positions
    }
}
