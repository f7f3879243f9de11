//! Hidden commands for the harnesses: what `cargo xtask bench` and `chaos` ask the program itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::exit::{FAILED, Failure, Outcome};
use super::flags::FORMATS;
use crate::engine::probe;
use tagtide_checkpoint::CRASH_POINTS;
use tagtide_extract::{Extractor, Rule, Visit, scan_lines};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::decode::{self, Format};
use tagtide_posts::post::Batch;
use tagtide_posts::tags;
use tagtide_sources::{Poll, SourceError, SourceOptions, file};

/// Longest record that a scan reads.
const LINE_MAX_BYTES: usize = 1 << 20;

/// Prints the names of the crash points, one a line.
pub(super) fn crash_points() -> Outcome {
    CRASH_POINTS.iter().for_each(|name| println!("{name}"));
    Ok(())
}

#[derive(Args, Debug)]
pub(super) struct ScanArgs {
    file: PathBuf,
    #[arg(long, default_value = "text", value_parser = FORMATS)]
    format: String,
}

/// Counts what it is shown.
#[derive(Default)]
struct Count {
    tags: u64,
    bytes: u64,
}

impl Visit for Count {
    fn ascii_tag(&mut self, _: u32, _: &[u8], _: usize, len: usize) {
        self.tags += 1;
        self.bytes += len as u64;
    }

    fn tag(&mut self, _: u32, _: usize, key: &str, _: &str) {
        self.tags += 1;
        self.bytes += key.len() as u64;
    }

    fn oversize_tag(&mut self, _: u32) {}
}

/// Reads a file and finds its tags on one thread, with no state.
pub(super) fn scan(args: &ScanArgs) -> Outcome {
    let failed = |error: SourceError| Failure::new(FAILED, error);
    let paths = vec![args.file.display().to_string()];
    let options = file::Options { paths, follow: false };
    let mut source = options.build(LINE_MAX_BYTES, &Clock::System).map_err(failed)?;
    source.open(&[]).map_err(failed)?;
    let (mut batch, mut count, mut lines) = (Batch::default(), Count::default(), 0);
    let mut extractor = Extractor::default();
    let start = monotonic();
    loop {
        batch.clear();
        if source.poll(&mut batch, Duration::from_secs(1)).map_err(failed)? == Poll::End {
            break;
        }
        if args.format == "text" {
            let len = batch.records().len();
            lines += u64::from(
                scan_lines(batch.padded(), len, Rule::Tags, &mut extractor, &mut count).lines,
            );
        } else {
            lines += records(&batch, &mut extractor, &mut count);
        }
    }
    say("scan", lines, start);
    println!("{} tags, {} bytes of tags", count.tags, count.bytes);
    Ok(())
}

fn records(batch: &Batch, extractor: &mut Extractor, count: &mut Count) -> u64 {
    let (mut start, mut lines) = (0, 0);
    for end in memchr::memchr_iter(b'\n', batch.records()) {
        let from = std::mem::replace(&mut start, end + 1);
        if let Ok(Some(post)) = decode::decode_padded(Format::X1, batch.padded(), from, end) {
            tags::visit_post(extractor, &post, Rule::Tags, |key, display| {
                count.tag(0, 0, key, display)
            });
        }
        lines += 1;
    }
    lines
}

fn say(what: &str, records: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = records as f64 / seconds / 1e6;
    println!("{what}: {records} records in {seconds:.3} s, {rate:.2} M/s");
}

#[derive(Args, Debug)]
pub(super) struct CheckpointArgs {
    /// Tags in the state
    #[arg(long, default_value_t = 5_000_000)]
    tags: u32,
    /// Tags that change in each epoch
    #[arg(long, default_value_t = 50_000)]
    changed: u32,
    /// Epochs to commit
    #[arg(long, default_value_t = 40)]
    epochs: u32,
    /// Where; a directory that is thrown away
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Commits epochs of a large state and recovers it, with five windows.
pub(super) fn checkpoint(args: &CheckpointArgs) -> Outcome {
    let dir = args.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("tagtide-bench-{}", std::process::id()))
    });
    let figures = probe::checkpoint(&dir, args.tags, args.changed, args.epochs);
    // The directory was ours alone.
    let _ = std::fs::remove_dir_all(&dir);
    let figures = figures.map_err(|error| Failure::new(FAILED, error))?;
    println!("{figures}");
    Ok(())
}

#[derive(Args, Debug)]
pub(super) struct RankArgs {
    /// Live tags
    #[arg(long, default_value_t = 1_000_000)]
    tags: u32,
    /// Ticks
    #[arg(long, default_value_t = 40)]
    ticks: u32,
    /// Windows, minutes
    #[arg(long, value_delimiter = ',', default_values_t = probe::MINUTES)]
    windows: Vec<u64>,
}

/// Makes all rankings of many live tags again and again.
pub(super) fn rank(args: &RankArgs) -> Outcome {
    println!("{}", probe::ranking(args.tags, &args.windows, args.ticks.max(1)));
    Ok(())
}
