//! The stages of a run, called one after the other on the caller's thread, without its threads,
//! queues and clock. For measurements only.

use std::sync::Arc;
use std::time::Duration;

use crate::ingest::{ExtractConfig, make_sources};
use crate::job::{Plan, TextTime};
use crate::run::publisher::Publisher;
use crate::run::state_settings::StateSettings;
use crate::run::view_sections::news;
use crate::run::view_states::{States, open_views};
use crate::run::{EngineError, HashKeys};
use tagtide_extract::Extractor;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, EventTime};
use tagtide_sources::Poll;
use tagtide_trends::rank::Ranking;
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
    /// Records are made.
    checkpoint: bool,
    /// Rows encoded so far for the next record.
    rows: Vec<u8>,
}

impl Stages {
    /// For `plan`, with hashes keyed by `key`; `checkpoint` = as with a state directory.
    ///
    /// # Errors
    /// [`EngineError::View`].
    pub fn new(plan: &Plan, key: [u8; 32], checkpoint: bool) -> Result<Self, EngineError> {
        let seed = Seed::new(key);
        let views = open_views(plan)?;
        let states = StateSettings::new(plan, &views, checkpoint, seed).empty();
        let filters = views.into_iter().map(|view| view.filter).collect();
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
            checkpoint,
            rows: Vec::new(),
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
        if self.checkpoint
            && let Some(rows) = self.states.all.take_rows(ROWS)
        {
            put_rows(&mut self.rows, &rows);
        }
    }

    /// Every ranking of a tick at event time `at`.
    pub fn rank(&mut self, at: i64) -> Vec<Arc<Ranking>> {
        self.states.show(at);
        drop(self.states.take_reported());
        self.publisher.rank(&self.states, at)
    }

    /// The sections of the next checkpoint record, encoded.
    pub fn record(&mut self) -> Sections {
        let mut sections = news(&mut self.states);
        give_rows(&mut sections, &mut self.rows);
        encode(sections)
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
