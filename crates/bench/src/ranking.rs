//! `rank`: what one tick costs with many live tags, all modes and several windows.

use std::time::Duration;

use clap::Args as ClapArgs;
use tagtide::engine::stages::{Stages, keys};
use tagtide_posts::clock::monotonic;
use tagtide_trends::rank::{Mode, PUBLISHED_ROWS_MIN, ranking};

use crate::input;
use crate::random::Random;
use crate::times;

const MODES: [Mode; 5] = [Mode::Trending, Mode::Total, Mode::Count, Mode::Authors, Mode::Decay];
/// Event time over which the tags come.
const SPAN_MS: i64 = 3_600_000;
const START_MS: i64 = 1_800_000_000_000;
/// Tags of one batch.
const STEP: u32 = 10_000;
const TICK_MS: i64 = 2_000;
/// Posts of one tick.
const TICK_POSTS: u32 = 5_000;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Live tags
    #[arg(long, default_value_t = 1_000_000)]
    tags: u32,
    /// Ticks
    #[arg(long, default_value_t = 40)]
    ticks: u32,
    /// Windows, minutes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5, 15, 60, 1440])]
    windows: Vec<u64>,
}

/// Brings `tags` tags, each posted once and a third of all posts about ever fewer of them, then
/// makes every ranking at each tick.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let windows: Vec<_> = args.windows.iter().map(|minutes| format!("\"{minutes}m\"")).collect();
    let mut plan = input::plan(&format!(
        "name = \"bench\"\nhistory = false\n[count]\nmode = \"total\"\n\
         modes = [\"trending\", \"total\", \"count\", \"authors\", \"decay\"]\n\
         window = {}\nwindows = [{}]\n[[source]]\nkind = \"stdin\"\nformat = \"text+\"\n",
        windows[0],
        windows.join(", ")
    ))?;
    plan.limits.tags_max = 100_000_000;
    plan.limits.recent_posts = 0;
    let before = resident();
    let mut stages = Stages::new(&plan, [7; 32], false)?;
    let mut random = Random::of(1);
    let (tags, mut at) = (args.tags, START_MS);
    let steps = i64::from(tags.div_ceil(STEP));
    for first in (0..tags).step_by(STEP as usize) {
        let once = first..tags.min(first + STEP);
        let again = (0..STEP / 2).map(|_| skewed(&mut random, tags)).collect::<Vec<_>>();
        feed(&mut stages, at, once.chain(again), &mut random);
        at += SPAN_MS / steps;
    }
    let held = resident().saturating_sub(before);
    let keys = keys(&plan);
    let mut times: Vec<(&str, Vec<Duration>)> =
        ["all", "adding open panes"].iter().copied().map(|name| (name, Vec::new())).collect();
    times.extend(MODES.map(|mode| (mode.name(), Vec::new())));
    for _ in 0..args.ticks {
        let posts: Vec<u32> = (0..TICK_POSTS).map(|_| skewed(&mut random, tags)).collect();
        feed(&mut stages, at, posts.into_iter(), &mut random);
        at += TICK_MS;
        let start = monotonic();
        stages.show(at);
        times[1].1.push(start.elapsed());
        for (number, mode) in MODES.into_iter().enumerate() {
            let start = monotonic();
            for &key in keys.iter().filter(|key| key.mode == mode) {
                let ranking = ranking::ranking(stages.state(), key, at, PUBLISHED_ROWS_MIN);
                std::hint::black_box(ranking);
            }
            times[number + 2].1.push(start.elapsed());
        }
        times[0].1.push(start.elapsed());
    }
    let lines: String = times.iter_mut().map(|(name, times)| times::line(name, times)).collect();
    println!(
        "{} live tags, {} rankings a tick, {} ticks\n{lines}{held} bytes of memory, {:.0} a tag",
        stages.state().distinct_tags(),
        keys.len(),
        args.ticks,
        held as f64 / f64::from(tags.max(1)),
    );
    Ok(())
}

/// Resident memory, bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    1024 * kilobytes.unwrap_or(0_u64)
}

/// Posts with one tag each, by authors of whom most post once.
fn feed(stages: &mut Stages, at: i64, tags: impl Iterator<Item = u32>, random: &mut Random) {
    let line = |tag| format!("{}\t{at}\t#tag{tag}\n", random.bits());
    let lines: String = tags.map(line).collect();
    stages.fill(lines.as_bytes(), 0, at);
    stages.extract();
    stages.count();
}

/// A tag of `tags`: number n about as often as 1/n.
fn skewed(random: &mut Random, tags: u32) -> u32 {
    (f64::from(tags).powf(random.between(0.0, 1.0)) as u32).saturating_sub(1)
}
