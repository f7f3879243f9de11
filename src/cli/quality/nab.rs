//! Benchmark A: the Numenta Anomaly Benchmark's series of tweets.

use std::path::Path;

/// Runs it on the series in `dir`.
pub(super) fn run(dir: &Path) -> Result<(), String> {
    Err(format!("there are no series in `{}`", dir.display()))
}
