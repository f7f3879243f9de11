//! `checkpoint`: commits epochs of a large state as a run would, and recovers it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args as ClapArgs;
use tagtide::engine::stages::Stages;
use tagtide_posts::clock::{monotonic, thread_ran};

use crate::input;
use crate::times;

/// Tags of one batch.
const STEP: u32 = 10_000;
/// Event time of the first batch.
const START_MS: i64 = 1_800_000_000_000;
/// Event time that a batch takes while the state is filled, and afterwards.
const FILL_MS: i64 = 100;
const STEP_MS: i64 = 400;
/// Posts in batches without time and author; no history, so that only the checkpoint is measured.
const JOB: &str = "name = \"bench\"\nhistory = false\n[count]\nmodes = [\"total\", \"count\"]\n\
                   mode = \"total\"\nwindow = \"1m\"\n\
                   windows = [\"1m\", \"5m\", \"15m\", \"1h\", \"24h\"]\n\
                   [[source]]\nkind = \"stdin\"\nformat = \"text\"\n";

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Tags in the state
    #[arg(long, default_value_t = 5_000_000)]
    tags: u32,
    /// Tags that change in each epoch
    #[arg(long, default_value_t = 50_000)]
    changed: u32,
    /// Epochs to commit
    #[arg(long, default_value_t = 40)]
    epochs: u32,
    /// An empty directory, removed at the end
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Commits epochs and recovers all of them.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("tagtide-bench-{}", std::process::id()))
    });
    let figures = measure(&dir, args);
    let _ = std::fs::remove_dir_all(&dir);
    println!("{}", figures?);
    Ok(())
}

fn measure(dir: &Path, args: &Args) -> anyhow::Result<String> {
    let mut plan = input::plan(JOB)?;
    plan.limits.tags_max = 100_000_000;
    plan.limits.recent_posts = 0;
    let Args { tags, changed, epochs, .. } = *args;
    let (mut stages, _) = Stages::open(&plan, dir, true)?;
    let mut at = START_MS;
    for first in (0..tags).step_by(STEP as usize) {
        feed(&mut stages, at, (first..tags.min(first + STEP)).map(u64::from));
        at += FILL_MS;
    }
    let (first, _) = commit(&mut stages)?;
    let (mut pauses, mut commits) = (Vec::new(), Vec::new());
    let mut next = 1_u64;
    for _ in 0..epochs {
        for _ in 0..changed.div_ceil(STEP) {
            feed(
                &mut stages,
                at,
                (0..STEP).map(|_| {
                    next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (next >> 33) % u64::from(tags)
                }),
            );
            at += STEP_MS;
        }
        let (paused, done) = commit(&mut stages)?;
        pauses.push(paused);
        commits.push(done);
    }
    stages.settle(true)?;
    let start = monotonic();
    let (mut again, recovery) = Stages::open(&plan, dir, false)?;
    let seconds = start.elapsed().as_secs_f64();
    // What open panes hold is in no total before it is shown.
    for stages in [&mut again, &mut stages] {
        stages.show(at);
    }
    let [again, before] = [&again, &stages].map(|stages| stages.state());
    let same =
        again.counters() == before.counters() && again.distinct_tags() == before.distinct_tags();
    Ok(format!(
        "{changed} changed of {tags} tags, {epochs} epochs, five windows\n{}{}\
         first record of all tags: counting paused {:.1} ms\n\
         recovery: {seconds:.2} s, {} bytes, {} pieces, {} records, equal: {same}",
        times::line("durable after", &mut commits),
        paused(&mut pauses),
        times::millis(first.wall),
        recovery.bytes,
        recovery.pieces,
        recovery.records,
    ))
}

/// Posts with one tag each, all in one batch.
fn feed(stages: &mut Stages, at: i64, tags: impl Iterator<Item = u64>) {
    let lines: String = tags.map(|tag| format!("#tag{tag}\n")).collect();
    stages.fill(lines.as_bytes(), 0, at);
    stages.extract();
    stages.count();
}

/// Commits an epoch: how long that stopped counting, and after which time the epoch was durable.
fn commit(stages: &mut Stages) -> anyhow::Result<(Pause, Duration)> {
    let (start, ran) = (monotonic(), thread_ran());
    stages.commit()?;
    let pause = Pause { wall: start.elapsed(), ran: thread_ran().saturating_sub(ran) };
    stages.settle(false)?;
    Ok((pause, start.elapsed()))
}

/// How long counting stopped for an epoch.
struct Pause {
    wall: Duration,
    /// The part of it in which the thread had a processor.
    ran: Duration,
}

/// The longest pause may be due to a busy machine, so the line has processor times too.
fn paused(pauses: &mut [Pause]) -> String {
    let mut wall: Vec<_> = pauses.iter().map(|pause| pause.wall).collect();
    pauses.sort_by_key(|pause| pause.wall);
    let longest = pauses.last().map_or(0.0, |pause| times::millis(pause.ran));
    let most = pauses.iter().map(|pause| times::millis(pause.ran)).fold(0.0, f64::max);
    let line = times::line("counting paused", &mut wall);
    let line = line.trim_end();
    format!("{line}, of which it ran for {longest:.1} ms; it never ran longer than {most:.1} ms\n")
}
