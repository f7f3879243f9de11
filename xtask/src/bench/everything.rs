//! Everything on beside `total` alone: what people, scores, spellings and history cost.

use std::path::Path;

use super::jobs::{Counting, FULL, Measured, count_file, expect_posts};

/// `total` alone.
const ALONE: Counting = Counting { modes: &["total"], batch: "2s", ..FULL };
/// Five modes; with `trending` go its own windows, with a state directory history.
pub(super) const EVERYTHING: Counting =
    Counting { modes: &["total", "count", "authors", "trending", "decay"], ..ALONE };

/// Runs both in turns, `runs` times, and says the ratio of the best.
pub(super) fn measure(
    program: &Path,
    (file, format): (&Path, &str),
    posts: u64,
    runs: u32,
) -> anyhow::Result<String> {
    let (mut alone, mut everything) = (f64::INFINITY, Measured::default());
    everything.seconds = f64::INFINITY;
    for run in 1..=runs.max(1) {
        let first = count_file(program, file, format, ALONE)?;
        let second = count_file(program, file, format, EVERYTHING)?;
        expect_posts(&first, posts)?;
        expect_posts(&second, posts)?;
        let (a, b) = (first.seconds, second.seconds);
        eprintln!("{format}: `total` alone {a:.2} s, everything {b:.2} s, run {run}");
        alone = alone.min(a);
        if b < everything.seconds {
            everything = second;
        }
    }
    Ok(format!(
        "{posts} posts of {format}, five windows, checkpoint: `total` alone {alone:.2} s; five \
         modes, authors, spellings and history {:.2} s, {:.0} MB: {:.0} % of the speed.",
        everything.seconds,
        everything.peak_bytes as f64 / 1e6,
        alone / everything.seconds * 100.0
    ))
}
