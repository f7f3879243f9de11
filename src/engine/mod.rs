//! Engines execute a [`Plan`]; a started Plan is a [`Run`].
//!
//! An engine reads and extracts; what it finds crosses the seam as [`crate::run::Message`]s, and
//! [`crate::run`] counts, ranks and publishes the same way for every engine.

mod embedded;

pub use embedded::probe;

use std::sync::Arc;

use crossbeam_channel::bounded;

use crate::ingest;
use crate::job::Plan;
use crate::run::{Prepared, Shutdown};

pub use crate::run::{EngineError, Run, RunOptions, Summary};

/// Starts `plan`: recovers, then starts its sinks, its engine and the counting thread.
///
/// # Errors
/// [`EngineError`] where the checkpoint does not allow it, or a source or sink cannot be made.
pub fn start(plan: Plan, options: RunOptions) -> Result<Run, EngineError> {
    let plan = Arc::new(plan);
    let prepared = Prepared::new(Arc::clone(&plan), &options)?;
    let (out, messages) = bounded(ingest::workers(&options) * ingest::BATCHES_PER_WORKER);
    let shutdown = Shutdown::default();
    let engine = embedded::start(&plan, &options, &prepared, &out, &shutdown)?;
    prepared.start(Box::new(engine), messages, shutdown)
}
