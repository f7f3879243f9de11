//! The input of the killed job, and its job file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::oracle;
use crate::command::output;
use crate::program::{Generated, file_source};

/// Sources that resume from a Position, so that a crash must lose nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Source {
    /// A text file.
    File,
    /// The program's own generator.
    Generator,
    /// One after the other.
    Both,
    /// Bluesky's Jetstream, both wires, by a server on loopback that cuts its streams too.
    Jetstream,
}

impl Source {
    /// The sources that it consists of.
    pub(super) fn kinds(self) -> &'static [Source] {
        match self {
            Source::File => &[Source::File],
            Source::Generator => &[Source::Generator],
            Source::Both => &[Source::File, Source::Generator],
            Source::Jetstream => &[],
        }
    }
}

/// Posts of one run.
const POSTS: u64 = 24_000;

/// Distinct ordinary tags in them.
const TAGS: u32 = 2_000;

/// Records per second that a run reads, so that it takes six seconds, and longer with every kill.
const PACE: u64 = 4_000;

/// A job and its expected counts.
pub(super) struct Input {
    /// The job file.
    pub(super) job: PathBuf,
    /// Posts in the source.
    pub(super) posts: u64,
    /// Key -> count, recounted without the program's own code.
    pub(super) expected: HashMap<String, u64>,
}

impl Input {
    /// Writes posts and job file into `dir`.
    pub(super) fn prepare(
        kind: Source,
        program: &Path,
        dir: &Path,
        seed: u64,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
        let generated = Generated { seed, posts: POSTS, rate: PACE, format: "text", tags: TAGS };
        let posts = output(&mut generated.command(program))?;
        let file = dir.join("posts.txt");
        fs::write(&file, &posts)?;
        let source = match kind {
            Source::Generator => generated.source(Some(PACE)),
            Source::File | Source::Both | Source::Jetstream => {
                file_source(&file, "text", &format!("pace = {PACE}\n"))
            }
        };
        let job = dir.join("chaos.toml");
        fs::write(
            &job,
            format!(
                "name = \"chaos\"\nrule = \"words\"\noccurrences = \"all\"\nbatch = \"100ms\"\n\
                 time = \"event\"\n[count]\nmodes = [\"total\", \"count\"]\nmode = \"total\"\n\
                 windows = [\"1m\", \"5m\"]\n{source}"
            ),
        )?;
        Ok(Self { job, posts: POSTS, expected: oracle::count_words(&posts) })
    }
}
