//! A flood of tags that are used only once, against a cap on live tags: memory stays within it, and
//! the tags that many use are right.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::ensure;

use super::jobs::timed;
use crate::place::{self, fresh_dir};
use crate::program::{Start, Totals, file_source};
use crate::random::Random;

const POSTS: u64 = 10_000_000;
/// Posts with a tag that many use, one in so many.
const HEAVY_EVERY: u64 = 50;
/// Tags that many use, each half as often as the one before.
const HEAVY: usize = 20;
const TAGS_MAX: u64 = 1_000_000;
/// Posts per second of event time.
const RATE: u64 = 5_000;
const START_MS: u64 = 1_767_571_200_000;

/// Counts the flood in all modes and over five windows, and says what it took.
pub(super) fn measure(program: &Path) -> anyhow::Result<String> {
    let dir = fresh_dir("bench/flood")?;
    let file = place::target().join("bench").join(format!("flood-{POSTS}.txt"));
    let truth = write(&file)?;
    let job = dir.join("job.toml");
    let source = file_source(&file, "text+", "");
    fs::write(
        &job,
        format!(
            "name = \"bench\"\ntime = \"event\"\nspeed = \"max\"\n[count]\nmode = \"total\"\n\
             modes = [\"total\", \"count\", \"authors\", \"trending\", \"decay\"]\n\
             [limits]\ntags_max = {TAGS_MAX}\n{source}"
        ),
    )?;
    let summary = dir.join("summary.json");
    let start = Start {
        program,
        job: &job,
        state_dir: None,
        summary: &summary,
        rows: Some(10),
        port: None,
    };
    let measured = timed(&mut start.command())?;
    let totals = Totals::read(&summary)?;
    ensure!(totals.posts == POSTS, "{} posts were counted of {POSTS}", totals.posts);
    ensure!(totals.distinct <= TAGS_MAX, "{} tags are live", totals.distinct);
    for (number, wanted) in truth.iter().enumerate().take(10) {
        let tag = format!("heavy{number}");
        let counted = totals.tags.get(&tag);
        ensure!(counted == Some(wanted), "{tag} has {counted:?}, and should have {wanted}");
    }
    Ok(format!(
        "A flood of {POSTS} posts, all but one in {HEAVY_EVERY} with a tag of its own, at \
         `tags_max` = {TAGS_MAX}, five modes and five windows: {:.1} s, {:.0} MB, {} tags live at \
         the end, the ten largest exact.",
        measured.seconds,
        measured.peak_bytes as f64 / 1e6,
        totals.distinct
    ))
}

/// Writes the posts, and says how often each of the tags that many use is in them.
fn write(file: &Path) -> anyhow::Result<[u64; HEAVY]> {
    let mut random = Random::new(9);
    let mut counts = [0; HEAVY];
    let mut out = BufWriter::new(File::create(file)?);
    for post in 0..POSTS {
        let (at, author) = (START_MS + post * 1000 / RATE, random.next() >> 32);
        if post % HEAVY_EVERY == 0 {
            let number = (random.next().trailing_zeros() as usize).min(HEAVY - 1);
            counts[number] += 1;
            writeln!(out, "{author}\t{at}\tthis is it #heavy{number}")?;
        } else {
            writeln!(out, "{author}\t{at}\tsomething new #r{:x}", random.next())?;
        }
    }
    out.flush()?;
    Ok(counts)
}
