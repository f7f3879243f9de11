//! `scan`: reads a file and finds its tags on one thread, without counting them. It bounds the
//! speed of a run on the same file.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args as ClapArgs;
use tagtide_extract::{Extractor, Rule, Visit, scan_lines};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::decode::{self, Format};
use tagtide_posts::post::Batch;
use tagtide_posts::tags;
use tagtide_sources::{Poll, SourceOptions as _, file};

/// Longest record.
const LINE_MAX_BYTES: usize = 1 << 20;

#[derive(ClapArgs)]
pub(crate) struct Args {
    file: PathBuf,
    /// Format of its records: text or x1
    #[arg(long, default_value = "text")]
    format: String,
}

/// Counts the tags that it visits.
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

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let is_text = match &*args.format {
        "text" => true,
        "x1" => false,
        other => bail!("cannot scan format `{other}`: only text and x1"),
    };
    let options = file::Options { paths: vec![args.file.display().to_string()], follow: false };
    let mut source = options.build(LINE_MAX_BYTES, &Clock::System)?;
    source.open(&[])?;
    let (mut batch, mut count, mut lines) = (Batch::default(), Count::default(), 0);
    let mut extractor = Extractor::default();
    let start = monotonic();
    loop {
        batch.clear();
        if source.poll(&mut batch, Duration::from_secs(1))? == Poll::End {
            break;
        }
        lines += if is_text {
            let len = batch.records().len();
            scan_lines(batch.padded(), len, Rule::Tags, &mut extractor, &mut count).lines
        } else {
            records(&batch, &mut extractor, &mut count)
        };
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{lines} records in {seconds:.3} s, {:.2} M/s", f64::from(lines) / seconds / 1e6);
    println!("{} tags, {} bytes of tags", count.tags, count.bytes);
    Ok(())
}

/// Decodes the records of a batch and finds their tags; returns how many there are.
fn records(batch: &Batch, extractor: &mut Extractor, count: &mut Count) -> u32 {
    let (mut start, mut lines) = (0, 0);
    for end in memchr::memchr_iter(b'\n', batch.records()) {
        let from = std::mem::replace(&mut start, end + 1);
        if let Ok(Some(post)) = decode::decode_padded(Format::X1, batch.padded(), from, end) {
            tags::visit_post(extractor, &post, Rule::Tags, |key, display| {
                count.tag(0, 0, key, display);
            });
        }
        lines += 1;
    }
    lines
}
