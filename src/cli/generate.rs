//! `generate`: writes generated posts to stdout; the same seed gives the same bytes.

use std::io::{ErrorKind, Write};

use clap::Args as ClapArgs;

use super::exit::{Failure, Outcome, USAGE};
use super::flags::{scalar, source, text};
use crate::engine;
use crate::job::{Job, Purpose};
use tagtide_sources::generator::{self, write_posts};
use tagtide_sources::options::Value;

/// Formats that can be written.
const FORMATS: [&str; 3] = ["text", "text+", "x1"];

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Posts to generate, such as 20M [default: endless]
    #[arg(long, value_name = "N")]
    posts: Option<String>,
    /// Seed that determines every byte
    #[arg(long, value_name = "S", default_value = "1")]
    seed: String,
    /// Format of the records
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = FORMATS)]
    format: String,
    /// Posts per second of event time
    #[arg(long, value_name = "N", default_value = "1000")]
    rate: String,
    /// Event time of the first post [default: a fixed time, so that the bytes are the same]
    #[arg(long, value_name = "RFC3339")]
    start: Option<String>,
    /// Distinct ordinary tags, in addition to the planted ones
    #[arg(long, value_name = "N", default_value = "20k")]
    tags: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut made = source("generate", "generator");
    for (key, flag, value) in [
        ("posts", "--posts", args.posts.as_ref()),
        ("seed", "--seed", Some(&args.seed)),
        ("rate", "--rate", Some(&args.rate)),
        ("start", "--start", args.start.as_ref()),
        ("tags", "--tags", Some(&args.tags)),
    ] {
        if let Some(value) = value {
            made.keys.set(key, scalar(flag, value).map(Value::Scalar));
        }
    }
    made.format = Some(text("--format", &args.format));
    let job = Job { sources: vec![made], ..Job::default() };
    let plan = engine::check(&job, Purpose::Replay)?;
    let source = plan.sources.first();
    let Some(generator) = source.and_then(|source| source.options_as::<generator::Options>())
    else {
        return Ok(());
    };
    let mut out = std::io::stdout();
    write_posts(generator, generator.posts.unwrap_or(u64::MAX), &mut out)
        .and_then(|_| out.flush())
        .map_err(|error| match error.kind() {
            // Nothing was written.
            ErrorKind::InvalidInput => Failure::new(USAGE, error),
            _ => Failure::stdout(&error),
        })
}
