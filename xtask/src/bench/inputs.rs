//! Files to measure on, made once and kept in `target/bench/`.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};

use crate::place;
use crate::program::Generated;

/// Posts per second of event time: 20 million span two hours.
const TEXT_RATE: u64 = 2_700;

/// The same span for a tenth of the posts.
const JSON_RATE: u64 = 270;

/// Distinct ordinary tags of both.
const TAGS: u32 = 100_000;

/// Posts with author and time.
pub(super) const PLUS_POSTS: u64 = 5_000_000;

/// Posts of the file of distinct tags, and the distinct tags in them.
pub(super) const DISTINCT_POSTS: u64 = 2_000_000;
const DISTINCT_TAGS: u64 = 1_000_000;

/// Where the files are and how they are made.
pub(super) struct Inputs {
    dir: PathBuf,
    program: PathBuf,
    text: Generated,
    json: Generated,
}

impl Inputs {
    /// Makes no file yet.
    pub(super) fn new(program: &Path, posts: u64, json_posts: u64) -> anyhow::Result<Self> {
        let dir = place::target().join("bench");
        fs::create_dir_all(&dir).with_context(|| format!("cannot create `{}`", dir.display()))?;
        let text = Generated { seed: 1, posts, rate: TEXT_RATE, format: "text", tags: TAGS };
        let json =
            Generated { seed: 1, posts: json_posts, rate: JSON_RATE, format: "x1", tags: TAGS };
        Ok(Self { dir, program: program.to_path_buf(), text, json })
    }

    /// Text lines.
    pub(super) fn text(&self) -> anyhow::Result<PathBuf> {
        self.generate(&self.text)
    }

    /// Text lines with author and time.
    pub(super) fn plus(&self) -> anyhow::Result<PathBuf> {
        self.generate(&Generated {
            seed: 5,
            posts: PLUS_POSTS,
            format: "text+",
            ..self.text.clone()
        })
    }

    /// Full v1.1 JSON, one post a line.
    pub(super) fn json(&self) -> anyhow::Result<PathBuf> {
        self.generate(&self.json)
    }

    fn generate(&self, wanted: &Generated) -> anyhow::Result<PathBuf> {
        let name =
            format!("{}-{}-{}-{}.txt", wanted.format, wanted.posts, wanted.rate, wanted.tags);
        let file = self.dir.join(name);
        if file.exists() {
            return Ok(file);
        }
        eprintln!("generating `{}`", file.display());
        let part = file.with_extension("part");
        let mut command = wanted.command(&self.program);
        command.stdin(Stdio::null()).stdout(File::create(&part)?);
        let status = command.status().context("cannot run `tagtide generate`")?;
        ensure!(status.success(), "`tagtide generate` ended with {status}");
        fs::rename(&part, &file)?;
        Ok(file)
    }

    /// Every tag twice, in an order without neighbours.
    pub(super) fn distinct(&self) -> anyhow::Result<PathBuf> {
        let file = self.dir.join(format!("distinct-{DISTINCT_TAGS}.txt"));
        if file.exists() {
            return Ok(file);
        }
        let part = file.with_extension("part");
        let mut out = BufWriter::new(File::create(&part)?);
        for post in 0..DISTINCT_POSTS {
            let tag = post.wrapping_mul(7_368_787) % DISTINCT_TAGS;
            writeln!(out, "one of very many tags is #distinct{tag} and no other")?;
        }
        out.flush()?;
        fs::rename(&part, &file)?;
        Ok(file)
    }
}
