//! The embedded engine: sources and workers in this process, which send rows.

use crate::engine::{Engine, Start};
use crate::ingest::{ExtractConfig, Ingest, make_sources};
use crate::run::{EngineError, RunningEngine};

/// Sources and workers in this process.
pub(super) struct Embedded;

impl Engine for Embedded {
    fn start(self: Box<Self>, start: Start) -> Result<Box<dyn RunningEngine>, EngineError> {
        let Start { plan, options, from, filters, keys, out, shutdown } = start;
        let sources = make_sources(&plan, &options.clock)?;
        let config = ExtractConfig::new(&plan, filters, keys);
        let ingest = Ingest::start(&plan, &options, sources, &from, config, &out, &shutdown)?;
        Ok(Box::new(ingest))
    }
}
