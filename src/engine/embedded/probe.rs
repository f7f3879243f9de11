//! Measures the checkpoint of a large state as a run would use it, and its rankings; for the bench
//! alone.

mod ranking;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::job::{CountPlan, Limits, PeoplePlan, Plan, TagsPlan, TimePlan};
use crate::run::checkpointer::{self, Checkpointer};
use crate::run::gaps::Gaps;
use crate::run::job_identity::identity;
use crate::run::random_seed;
use crate::run::reports::{ReportThreads, Reports};
use crate::run::state_settings::StateSettings;
use crate::run::view_states::States;
use tagtide_checkpoint::CheckpointError;
use tagtide_posts::clock::{monotonic, thread_ran};
use tagtide_posts::post::Batch;
use tagtide_trends::rank::Mode;
use tagtide_trends::state::State;
use tagtide_trends::state::extracted_batch::{ExtractedBatch, Row};
use tagtide_trends::store::hash::Seed;

pub use ranking::ranking;

/// Windows of a job that names none, minutes.
pub const MINUTES: [u64; 5] = [1, 5, 15, 60, 1440];
/// Tags of one batch of the made-up input.
const STEP: u32 = 10_000;

/// Commits `epochs` epochs in which `changed` of `tags` tags change, and recovers all of it.
/// Returns the figures in words.
///
/// # Errors
/// [`CheckpointError`] of the directory.
pub fn checkpoint(
    dir: &Path,
    tags: u32,
    changed: u32,
    epochs: u32,
) -> Result<String, CheckpointError> {
    let plan = plan(&MINUTES);
    let seed = random_seed();
    let makings = |seed| StateSettings::new(&plan, &[], true, seed);
    let mut opened = checkpointer::open(dir, &identity(&plan, None), true, makings(seed))?;
    let states = &mut opened.states;
    let mut at = 1_800_000_000_000;
    for first in (0..tags).step_by(STEP as usize) {
        feed(&mut states.all, seed, at, (first..tags.min(first + STEP)).map(u64::from));
        at += 100;
    }
    let io = |source| CheckpointError::Io { what: "start", file: dir.to_owned(), source };
    let mut durable =
        Checkpointer::start(opened.checkpoint, ReportThreads::default()).map_err(io)?;
    let positions = BTreeMap::new();
    let mut gaps = Gaps::new(1);
    let mut commit = |states: &mut States| -> Result<(Pause, Duration), CheckpointError> {
        let (start, ran) = (monotonic(), thread_ran());
        durable.epoch(states, &[&positions], (&mut Reports::default(), &mut gaps), false)?;
        let pause = Pause { wall: start.elapsed(), ran: thread_ran().saturating_sub(ran) };
        durable.settle()?;
        Ok((pause, start.elapsed()))
    };
    let (first, _) = commit(states)?;
    let (mut pauses, mut commits) = (Vec::new(), Vec::new());
    let mut next = 1_u64;
    for _ in 0..epochs {
        for _ in 0..changed.div_ceil(STEP) {
            let ids = (0..STEP).map(|_| {
                next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (next >> 33) % u64::from(tags)
            });
            feed(&mut states.all, seed, at, ids.collect::<Vec<_>>().into_iter());
            at += 400;
        }
        let (paused, done) = commit(states)?;
        pauses.push(paused);
        commits.push(done);
    }
    durable.finish()?;
    let start = monotonic();
    let again = checkpointer::open(dir, &identity(&plan, None), false, makings(random_seed()))?;
    let recovery = start.elapsed();
    let (again_all, all) = (&again.states.all, &states.all);
    let same =
        again_all.counters() == all.counters() && again_all.distinct_tags() == all.distinct_tags();
    Ok(format!(
        "{changed} changed of {tags} tags, {epochs} epochs, five windows\n{}{}\
         first record of all tags: counting paused {:.1} ms\n\
         recovery: {:.2} s, {} bytes, {} pieces, {} records, equal: {same}",
        line("durable after", &mut commits),
        paused(&mut pauses),
        millis(first.wall),
        recovery.as_secs_f64(),
        again.recovery.bytes,
        again.recovery.pieces,
        again.recovery.records,
    ))
}

/// How long counting stood still for an epoch.
struct Pause {
    wall: Duration,
    /// How much of it the thread had a processor; the rest the machine took.
    ran: Duration,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn line(what: &str, times: &mut [Duration]) -> String {
    times.sort();
    let ms = |at: usize| millis(times[at.min(times.len() - 1)]);
    let (median, last) = (ms(times.len() / 2), ms(times.len() - 1));
    format!("{what}: median {median:.1} ms, largest {last:.1} ms\n")
}

/// What a busy machine takes is no work of ours, so the longest pause says both.
fn paused(pauses: &mut [Pause]) -> String {
    let mut wall: Vec<_> = pauses.iter().map(|pause| pause.wall).collect();
    pauses.sort_by_key(|pause| pause.wall);
    let longest = pauses.last().map_or(0.0, |pause| millis(pause.ran));
    let most = pauses.iter().map(|pause| millis(pause.ran)).fold(0.0, f64::max);
    let line = line("counting paused", &mut wall);
    let line = line.trim_end();
    format!("{line}, of which it ran for {longest:.1} ms; it never ran longer than {most:.1} ms\n")
}

fn feed(state: &mut State, seed: Seed, at: i64, tags: impl Iterator<Item = u64>) {
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    for tag in tags {
        let key = format!("tag{tag}");
        out.begin_post();
        out.push_key(&seed, key.as_bytes(), key.as_bytes(), true);
    }
    let posts = out.entries.len() as u32;
    let entries_end = posts;
    out.rows.push(Row { at, until: at, posts, tagged: posts, entries_end, post: 0 });
    state.begin_batch(&out, &mut ());
    let row = out.rows[0];
    state.count_row(&out, &row, i64::MAX, &mut ());
}

fn plan(minutes: &[u64]) -> Plan {
    let windows: Vec<_> = minutes.iter().map(|n| Duration::from_secs(60 * n)).collect();
    Plan {
        people: PeoplePlan::default(),
        tags: TagsPlan::default(),
        name: "bench".into(),
        engine: Plan::EMBEDDED.into(),
        sources: vec![crate::job::SourcePlan {
            name: "made up".into(),
            options: Arc::new(tagtide_sources::stdin::Options),
            format: None,
            text_time: crate::job::TextTime::Arrival,
            pace: None,
        }],
        sinks: Vec::new(),
        rule: tagtide_extract::Rule::Tags,
        occurrences: tagtide_extract::Occurrences::PerPost,
        count: CountPlan {
            pane: Duration::from_secs(10),
            default: (Mode::Total, windows[0]),
            windows,
            lateness: Duration::from_secs(10),
            modes: vec![Mode::Total, Mode::Count],
            top: 10,
        },
        limits: Limits {
            tags_max: 100_000_000,
            line_max_bytes: 1 << 20,
            remembered_max_posts: 1_000_000,
            remembered_max: Duration::from_secs(86_400),
            recent_posts: 0,
        },
        batch: Duration::from_secs(2),
        time: TimePlan::Live,
        history: None,
        alerts: Vec::new(),
        views: Vec::new(),
    }
}
