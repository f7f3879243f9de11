//! The embedded engine: sources and workers in this process send rows.

pub mod probe;

use crossbeam_channel::Sender;

use crate::ingest::{ExtractConfig, Ingest, make_sources};
use crate::job::Plan;
use crate::run::{EngineError, Message, Prepared, RunOptions, Shutdown};

/// Starts sources and workers.
///
/// # Errors
/// [`EngineError`] where a source cannot be made or a thread not be started.
pub(super) fn start(
    plan: &Plan,
    options: &RunOptions,
    prepared: &Prepared,
    out: &Sender<Message>,
    shutdown: &Shutdown,
) -> Result<Ingest, EngineError> {
    let sources = make_sources(plan, &options.clock)?;
    let config = ExtractConfig::new(plan, prepared.filters.clone(), prepared.keys);
    Ingest::start(plan, options, sources, &prepared.positions, config, out, shutdown)
}
