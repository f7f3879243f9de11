//! Cases whose instructions are counted by callgrind: each runs a part of the hot path on one
//! thread, with a fixed input, fixed hash keys and no clock.
//!
//! Callgrind collects inside [`measured_region`] only (`--toggle-collect=*measured_region*`), so
//! making the input and filling the state are not counted. Two runs of one binary differ by less
//! than 0.1 %: the standard library keys its hash maps differently in each process.

use std::hint::black_box;

use anyhow::{Context, bail};
use clap::Args as ClapArgs;
use tagtide::engine::stages::Stages;

use crate::input::{self, Input, START_MS, newlines};

/// `total` and `count`, as most jobs have them.
const FEW: &str = "modes = [\"total\", \"count\"]\n";
/// Every mode.
const EVERYTHING: &str = "modes = [\"total\", \"count\", \"authors\", \"trending\", \"decay\"]\n";

/// Ticks of the case `tick`.
const TICKS: i64 = 10;
/// Epochs of the case `epoch`.
const EPOCHS: i64 = 40;
/// Event time between two of them, and posts.
const ROUND_MS: i64 = 2_000;
const ROUND_POSTS: u64 = 5_000;
/// Live tags of both.
const TAGS: u64 = 200_000;

/// A case: its name, and what it runs.
type Case = (&'static str, fn() -> anyhow::Result<Stages>);

const CASES: [Case; 6] = [
    ("text", || counting(&Input { format: "text", posts: 300_000, rate: 500 }, FEW)),
    ("x1", || counting(&Input { format: "x1", posts: 30_000, rate: 50 }, FEW)),
    ("jetstream", || counting(&Input { format: "jetstream", posts: 40_000, rate: 100 }, FEW)),
    ("text+", || counting(&Input { format: "text+", posts: 80_000, rate: 10 }, EVERYTHING)),
    ("tick", tick),
    ("epoch", epoch),
];

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The case; none = list the cases
    case: Option<String>,
}

/// Runs one case, and prints what it has counted.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let Some(case) = &args.case else {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let Some((name, run)) = CASES.iter().find(|(name, _)| name == case) else {
        bail!("no case `{case}`");
    };
    let [posts, tags, distinct] = run()?.counted();
    println!("{name}: {posts} posts, {tags} tags, {distinct} distinct");
    Ok(())
}

/// The function inside which callgrind collects.
#[inline(never)]
fn measured_region(work: &mut dyn FnMut()) {
    work();
    // Without it the call above would be a jump, which callgrind takes for the end.
    black_box(());
}

/// Decodes, extracts and counts an input, all of it measured.
fn counting(input: &Input, modes: &str) -> anyhow::Result<Stages> {
    let batches = input.batches()?;
    let checkpoint = modes == EVERYTHING;
    let mut stages = input.stages(modes, checkpoint)?;
    // Tables that are made at the first use are not measured.
    feed(&mut input.stages(modes, checkpoint)?, &batches[..1], false);
    feed(&mut stages, &batches, true);
    Ok(stages)
}

fn feed(stages: &mut Stages, batches: &[Vec<u8>], measured: bool) {
    let mut first = 0;
    for batch in batches {
        stages.fill(batch, first, START_MS);
        first += newlines(batch);
        let mut work = || {
            stages.extract();
            stages.count();
        };
        if measured { measured_region(&mut work) } else { work() }
    }
}

/// Every ranking of a state of many tags, at each tick; a few posts come in between.
fn tick() -> anyhow::Result<Stages> {
    rounds(false, TICKS, |stages, at| drop(black_box(stages.rank(at))))
}

/// The checkpoint record of what a few posts have changed in a state of many tags, at each epoch.
fn epoch() -> anyhow::Result<Stages> {
    rounds(true, EPOCHS, |stages, _| drop(black_box(stages.record())))
}

/// Fills a state with many tags, everything on, and does the same to it again and again; a few
/// posts come before each time, and the first time is not measured.
fn rounds(
    checkpoint: bool,
    rounds: i64,
    mut work: impl FnMut(&mut Stages, i64),
) -> anyhow::Result<Stages> {
    let input = Input { format: "text+", posts: 0, rate: 1 };
    let mut stages = input.stages(EVERYTHING, checkpoint)?;
    feed(&mut stages, &input::every_tag(TAGS), false);
    let newest = stages.newest().context("the state is empty")?;
    for round in 0..=rounds {
        let at = newest + ROUND_MS * round;
        feed(&mut stages, &[input::some_tags(TAGS, ROUND_POSTS, at, round as u64)], false);
        let mut work = || work(&mut stages, at);
        if round > 0 { measured_region(&mut work) } else { work() }
    }
    Ok(stages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_made_and_counted() {
        for format in ["text", "x1", "jetstream", "text+"] {
            let stages = counting(&Input { format, posts: 300, rate: 10 }, EVERYTHING);
            let mut stages = stages.expect("a sound job");
            stages.rank(stages.newest().expect("it has posts"));
            let [posts, tags, distinct] = stages.counted();
            assert!(posts == 300 && tags > 200 && distinct > 100, "{format} {posts} {tags}");
        }
    }

    #[test]
    fn a_filled_state_has_every_tag() {
        let input = Input { format: "text+", posts: 0, rate: 1 };
        let mut stages = input.stages(EVERYTHING, true).expect("a sound job");
        feed(&mut stages, &input::every_tag(500), false);
        let at = stages.newest().expect("it has posts");
        feed(&mut stages, &[input::some_tags(500, 40, at, 1)], false);
        assert!(stages.rank(at).iter().any(|ranking| ranking.trends.len() == 100));
        assert_eq!(stages.counted(), [790, 790, 500]);
        assert!(stages.record().len() > 4);
    }
}
