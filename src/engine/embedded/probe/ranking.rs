//! Measures what one tick costs with many live tags, all modes and five windows.

use std::time::Duration;

use super::{STEP, plan};
use crate::run::publisher::keys;
use crate::run::random_seed;
use crate::run::state_settings::settings;
use tagtide_posts::clock::monotonic;
use tagtide_posts::post::Batch;
use tagtide_trends::rank::{Mode, PUBLISHED_ROWS_MIN, ranking};
use tagtide_trends::state::State;
use tagtide_trends::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use tagtide_trends::store::hash::Seed;

const MODES: [Mode; 5] = [Mode::Trending, Mode::Total, Mode::Count, Mode::Authors, Mode::Decay];
/// Event time over which the tags come.
const SPAN_MS: i64 = 3_600_000;
const TICK_MS: i64 = 2_000;
/// Posts of one tick.
const TICK_POSTS: u32 = 5_000;

/// Lets `tags` tags live, each posted once and a third of all posts about ever fewer of them, and
/// makes every ranking over windows of so many `minutes` `ticks` times. Returns the
/// figures in words.
#[must_use]
pub fn ranking(tags: u32, minutes: &[u64], ticks: u32) -> String {
    let mut plan = plan(minutes);
    plan.count.modes = MODES.to_vec();
    let seed = random_seed();
    let before = resident();
    let mut state = State::new(settings(&plan, false), seed);
    let mut random = Random(1);
    let mut at = 1_800_000_000_000;
    let steps = tags.div_ceil(STEP);
    for first in (0..tags).step_by(STEP as usize) {
        let once = first..tags.min(first + STEP);
        let again = (0..STEP / 2).map(|_| random.skewed(tags)).collect::<Vec<_>>();
        feed(&mut state, seed, at, once.chain(again), &mut random);
        at += SPAN_MS / i64::from(steps);
    }
    let held = resident().saturating_sub(before);
    let ranked = keys(&plan);
    let mut times: Vec<(&str, Vec<Duration>)> =
        ["all", "laying open panes over"].iter().copied().map(|name| (name, Vec::new())).collect();
    times.extend(MODES.map(|mode| (mode.name(), Vec::new())));
    for _ in 0..ticks {
        let posts: Vec<u32> = (0..TICK_POSTS).map(|_| random.skewed(tags)).collect();
        feed(&mut state, seed, at, posts.into_iter(), &mut random);
        at += TICK_MS;
        let start = monotonic();
        state.show(at, &mut ());
        times[1].1.push(start.elapsed());
        for (number, mode) in MODES.into_iter().enumerate() {
            let start = monotonic();
            for &key in ranked.iter().filter(|key| key.mode == mode) {
                std::hint::black_box(ranking::ranking(&state, key, at, PUBLISHED_ROWS_MIN));
            }
            times[number + 2].1.push(start.elapsed());
        }
        times[0].1.push(start.elapsed());
    }
    let lines: String = times.iter_mut().map(|(name, times)| super::line(name, times)).collect();
    format!(
        "{} live tags, {} rankings a tick, {ticks} ticks\n{lines}{held} bytes of memory, {:.0} a tag",
        state.distinct_tags(),
        ranked.len(),
        held as f64 / f64::from(tags.max(1)),
    )
}

/// Resident memory, bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    1024 * kilobytes.unwrap_or(0_u64)
}

/// Posts with one tag each, by authors of whom most post once.
fn feed(
    state: &mut State,
    seed: Seed,
    at: i64,
    tags: impl Iterator<Item = u32>,
    random: &mut Random,
) {
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    for tag in tags {
        let key = format!("tag{tag}");
        out.begin_post();
        out.push_key(&seed, key.as_bytes(), key.as_bytes(), true);
        out.posts.push(PostKey { author: random.next().max(1), ..PostKey::default() });
        let post = out.posts.len() as u32;
        let entries_end = out.entries.len() as u32;
        out.rows.push(Row { at, until: at, posts: 1, tagged: 1, entries_end, post });
    }
    state.begin_batch(&out, &mut ());
    for row in &out.rows {
        state.count_row(&out, row, i64::MAX, &mut ());
    }
}

struct Random(u64);

impl Random {
    /// One step of SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A tag of `tags`: number n about as often as 1/n.
    fn skewed(&mut self, tags: u32) -> u32 {
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (f64::from(tags).powf(part) as u32).saturating_sub(1)
    }
}
