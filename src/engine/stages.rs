//! The stages of a run, called one after the other on the caller's thread, without its threads,
//! queues and clock. For measurements only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ingest::{ExtractConfig, make_sources};
use crate::job::{Plan, TextTime};
use crate::run::checkpointer::{self, Checkpointer};
use crate::run::gaps::Gaps;
use crate::run::job_identity::identity;
use crate::run::publisher::Publisher;
use crate::run::ranking_keys;
use crate::run::reports::{ReportThreads, Reports};
use crate::run::state_settings::StateSettings;
use crate::run::view_sections::take_pending;
use crate::run::view_states::{States, open_views};
use crate::run::{EngineError, HashKeys, random_seed};
use tagtide_checkpoint::{CheckpointError, Recovery};
use tagtide_extract::Extractor;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, EventTime};
use tagtide_sources::Poll;
use tagtide_trends::rank::Ranking;
use tagtide_trends::rank::ranking::Key;
use tagtide_trends::state::State;
use tagtide_trends::state::checkpoint_sections::{Sections, encode, give_rows};
use tagtide_trends::state::extracted_batch::ExtractedBatch;
use tagtide_trends::store::hash::Seed;
use tagtide_trends::window::delta::put_rows;

/// So many rows of authors are encoded before their record is due, as in a run.
const ROWS: usize = 1 << 15;

/// One plan with one source, and what was counted of it.
pub struct Stages {
    config: ExtractConfig,
    extractor: Extractor,
    states: States,
    publisher: Publisher,
    extracted: ExtractedBatch,
    /// Buffer of the next batch.
    batch: Batch,
    record: Record,
}

/// What becomes of checkpoint records.
enum Record {
    /// None are made.
    None,
    /// They are encoded on this thread; rows encoded so far for the next one.
    Encoded(Vec<u8>),
    /// They are written to a directory.
    Written(Checkpointer),
}

impl Stages {
    /// For `plan`, with hashes keyed by `key`; `encode` = records are made as with a state
    /// directory, and written nowhere.
    ///
    /// # Errors
    /// [`EngineError::View`].
    pub fn new(plan: &Plan, key: [u8; 32], encode: bool) -> Result<Self, EngineError> {
        let seed = Seed::new(key);
        let record = if encode { Record::Encoded(Vec::new()) } else { Record::None };
        let states = StateSettings::new(plan, &open_views(plan)?, encode, seed).empty();
        Self::with(plan, states, seed, record)
    }

    /// For `plan` with the checkpoint in `dir`, which is thrown away if `fresh`.
    ///
    /// # Errors
    /// [`EngineError::Checkpoint`].
    pub fn open(plan: &Plan, dir: &Path, fresh: bool) -> Result<(Self, Recovery), EngineError> {
        let seed = random_seed();
        let settings = StateSettings::new(plan, &open_views(plan)?, true, seed);
        let opened = checkpointer::open(dir, &identity(plan, None), fresh, settings)?;
        let checkpointer = Checkpointer::start(opened.checkpoint, ReportThreads::default());
        let record = Record::Written(checkpointer.map_err(EngineError::Thread)?);
        Ok((Self::with(plan, opened.states, seed, record)?, opened.recovery))
    }

    fn with(plan: &Plan, states: States, seed: Seed, record: Record) -> Result<Self, EngineError> {
        let filters = open_views(plan)?.into_iter().map(|view| view.filter).collect();
        let config = ExtractConfig::new(plan, filters, HashKeys { tags: seed, people: seed });
        if let TextTime::Rate { start: Some(start), .. } = plan.sources[0].text_time {
            let _ = config.streams[0].start.set(start);
        }
        Ok(Self {
            config,
            extractor: Extractor::default(),
            states,
            publisher: Publisher::new(plan, 0),
            extracted: ExtractedBatch::default(),
            batch: Batch::default(),
            record,
        })
    }

    /// The next batch: whole lines, the number of lines before them, and when they arrived.
    pub fn fill(&mut self, lines: &[u8], first: u64, arrived: i64) {
        self.batch.clear();
        self.batch.buffer().extend_from_slice(lines);
        self.batch.seal(lines.len());
        (self.batch.first, self.batch.arrived) = (first, EventTime(arrived));
    }

    /// Decodes and extracts the batch, as a worker does.
    pub fn extract(&mut self) {
        self.extracted.begin(std::mem::take(&mut self.batch));
        self.config.extract(&mut self.extractor, &mut self.extracted);
        self.batch = self.extracted.batch.take_bytes();
    }

    /// Counts what was extracted, as the counting thread does.
    pub fn count(&mut self) {
        self.states.begin_batch(&self.extracted);
        for row in 0..self.extracted.rows.len() {
            self.states.count_row(&self.extracted, row, i64::MAX);
        }
        drop(self.states.take_reported());
        if let Record::Encoded(encoded) = &mut self.record
            && let Some(rows) = self.states.all.take_rows(ROWS)
        {
            put_rows(encoded, &rows);
        }
    }

    /// Closes what event time has passed and adds open panes, for rankings at event time `at`.
    pub fn show(&mut self, at: i64) {
        self.states.show(at);
        drop(self.states.take_reported());
    }

    /// Every ranking of a tick at event time `at`.
    pub fn rank(&mut self, at: i64) -> Vec<Arc<Ranking>> {
        self.show(at);
        self.publisher.rank(&self.states, at)
    }

    /// The sections of the next checkpoint record, encoded here.
    pub fn record(&mut self) -> Sections {
        let mut sections = take_pending(&mut self.states);
        if let Record::Encoded(rows) = &mut self.record {
            give_rows(&mut sections, rows);
        }
        encode(sections)
    }

    /// Hands an epoch to the checkpoint thread, where there is one.
    ///
    /// # Errors
    /// [`CheckpointError`] of this epoch or one before.
    pub fn commit(&mut self) -> Result<(), CheckpointError> {
        let Record::Written(checkpointer) = &mut self.record else { return Ok(()) };
        let (none, mut gaps) = (BTreeMap::new(), Gaps::new(1));
        let reports = (&mut Reports::default(), &mut gaps);
        checkpointer.epoch(&mut self.states, &[&none], reports, false)
    }

    /// Waits until every epoch handed over is durable; `end` = and ends the checkpoint thread.
    ///
    /// # Errors
    /// [`CheckpointError`] of an epoch handed over.
    pub fn settle(&mut self, end: bool) -> Result<(), CheckpointError> {
        match &mut self.record {
            Record::Written(checkpointer) if end => checkpointer.finish(),
            Record::Written(checkpointer) => checkpointer.settle(),
            Record::None | Record::Encoded(_) => Ok(()),
        }
    }

    /// The state of all posts.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.states.all
    }

    /// Newest event time counted.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.states.all.newest()
    }

    /// Posts counted, tags counted, distinct tags.
    #[must_use]
    pub fn counted(&self) -> [u64; 3] {
        let counters = self.states.all.counters();
        [counters.posts, counters.tags, self.states.all.distinct_tags()]
    }
}

/// Every ranking of `plan`.
#[must_use]
pub fn keys(plan: &Plan) -> Vec<Key> {
    ranking_keys::keys(plan)
}

/// Everything that the first source of `plan` delivers, in batches of whole lines.
///
/// # Errors
/// [`EngineError::Source`].
pub fn deliveries(plan: &Plan) -> Result<Vec<Vec<u8>>, EngineError> {
    let mut sources = make_sources(plan, &Clock::System)?;
    let source = &mut sources[0];
    source.open(&[]).map_err(EngineError::Source)?;
    let (mut batch, mut all) = (Batch::default(), Vec::new());
    loop {
        batch.clear();
        match source.poll(&mut batch, Duration::ZERO).map_err(EngineError::Source)? {
            Poll::End => return Ok(all),
            Poll::Idle => {}
            Poll::Ready => all.push(batch.records().to_vec()),
        }
    }
}
