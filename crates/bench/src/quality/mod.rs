//! How good the rankings are: benchmarks with a known answer, run through the code that ranks live.
//!
//! B, injection: bursts planted into an ordinary background, with bots beside them; who lists the
//! bursts, how soon, and who falls for the bots. A, [`nab`]: labelled series of real counts.

mod judge;
mod nab;
mod rivals;
mod shapes;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;

use self::judge::{Judge, Verdict};
use self::rivals::{RIVALS, Rivals};
use self::shapes::Shape;
use self::world::{BIN_MS, DAYS, HOUR_MS, Kind, Post, START_MS, World};
use tagtide_posts::post::Batch;
use tagtide_trends::rank::Mode;
use tagtide_trends::rank::ranking::{Key, ranking};
use tagtide_trends::score::trending::windows_ms;
use tagtide_trends::state::boundaries::{Observer, Wants};
use tagtide_trends::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use tagtide_trends::state::{Settings, State};
use tagtide_trends::store::hash::Seed;
use tagtide_trends::window::Shape as Windows;
use tagtide_trends::window::authors::Rules;

/// A ranking is judged so often.
const JUDGED_MS: i64 = 15 * 60_000;
const PANE_MS: i64 = 10_000;
const TOP: usize = 10;

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Seeds of the runs
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 4])]
    seeds: Vec<u64>,
    /// Window asked for, seconds
    #[arg(long, default_value_t = 3600)]
    window: i64,
    /// A file of real shapes: one a line, hourly counts separated by commas
    #[arg(long)]
    shapes: Option<PathBuf>,
    /// Leave the bots out
    #[arg(long)]
    no_bots: bool,
    /// Seven of ten who post are one of 200,000 who come back, bots are not; judge the rule of
    /// known authors beside the others
    #[arg(long)]
    known: bool,
    /// Benchmark A on the series in this folder, a copy of NAB
    #[arg(long)]
    nab: Option<PathBuf>,
}

/// Runs what was asked for and prints tables.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(dir) = &args.nab {
        return nab::run(dir, args.window * 1000);
    }
    let shapes = match &args.shapes {
        Some(path) => read_shapes(path)?,
        None => Vec::new(),
    };
    println!(
        "seed mode              P@10  bot rows  turnover  delay min (median, 3/4)  bots listed min"
    );
    let mut all: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
    let rules: &[bool] = if args.known { &[false, true] } else { &[false] };
    for (&seed, &rule) in args.seeds.iter().flat_map(|seed| rules.iter().map(move |r| (seed, r))) {
        let world = World::new(seed, &shapes, !args.no_bots, args.known);
        for (score, verdict) in injection(world, args.window * 1000, rule) {
            let name = format!("{score}{}", if rule { "+known" } else { "" });
            println!("{seed:4} {name:16} {verdict}");
            all.entry(name).or_default().push(verdict);
        }
    }
    println!("\nmean over {} seeds", args.seeds.len());
    for (mode, verdicts) in all {
        println!("     {mode:16} {}", Verdict::mean(&verdicts));
    }
    Ok(())
}

fn read_shapes(path: &PathBuf) -> anyhow::Result<Vec<Shape>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut shapes = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let hours: Result<Vec<f64>, _> = line.split(',').map(|hour| hour.trim().parse()).collect();
        let hours = hours.with_context(|| format!("line {number} of the shapes"))?;
        let shape = Shape::new(hours);
        shapes.push(shape.with_context(|| format!("line {number} of the shapes is all zero"))?);
    }
    Ok(shapes)
}

/// A state that knows `trending` over `window_ms`; `known` = under the rule of known authors too.
fn state((pane_ms, window_ms): (i64, i64), known: bool) -> State {
    let mut windows = windows_ms(window_ms, pane_ms).to_vec();
    windows.sort_unstable();
    let shape = Windows {
        pane_ms,
        windows_ms: windows,
        people: Some(Rules { known, ..Rules::default() }),
        decay_ms: Some(HOUR_MS),
    };
    State::new(Settings::of(shape, vec![window_ms]), SEED)
}

/// Fixed: a benchmark needs no protection against chosen keys.
const SEED: Seed = Seed::new([0x5a; 32]);

/// Counts posts as a batch of a source would be counted.
struct Feeder {
    state: State,
    batch: ExtractedBatch,
}

impl Feeder {
    fn feed(&mut self, posts: &[Post], anonymous: bool, observer: &mut dyn Observer) {
        self.batch.begin(Batch::default());
        for post in posts {
            self.batch.begin_post();
            let key = format!("t{}", post.tag);
            self.batch.push_key(&SEED, key.as_bytes(), key.as_bytes(), true);
            let entries_end = self.batch.entries.len() as u32;
            if !anonymous {
                self.batch.posts.push(PostKey { author: post.author, ..PostKey::default() });
            }
            let row =
                Row { at: post.at, until: post.at, posts: 1, tagged: 1, entries_end, post: 0 };
            let number = if anonymous { 0 } else { self.batch.posts.len() as u32 };
            self.batch.rows.push(Row { post: number, ..row });
        }
        self.state.begin_batch(&self.batch, observer);
        for row in &self.batch.rows {
            self.state.count_row(&self.batch, row, i64::MAX, observer);
        }
    }
}

/// Benchmark B: one run of ten days. Returns the verdict on each mode and each rival.
fn injection(mut world: World, window_ms: i64, known: bool) -> Vec<(&'static str, Verdict)> {
    let state = state((PANE_MS, window_ms), known);
    let mut feeder = Feeder { state, batch: ExtractedBatch::default() };
    let mut posts = Vec::new();
    let mut judges: Option<Judges> = None;
    for bin in 0..DAYS * 24 * HOUR_MS / BIN_MS {
        world.bin(START_MS + bin * BIN_MS, &mut posts);
        let Some(first) = posts.first() else { continue };
        let whole_from = (first.at.div_euclid(PANE_MS) + 1) * PANE_MS;
        let judges = judges.get_or_insert_with(|| Judges {
            kinds: world.kinds(),
            window_ms,
            rivals: Rivals::new((PANE_MS, window_ms), whole_from),
            judges: Default::default(),
        });
        feeder.feed(&posts, false, judges);
    }
    judges.map(|judges| judges.verdicts()).unwrap_or_default()
}

/// How many scores are judged.
const SCORES: usize = Mode::ALL.len() + RIVALS.len();

/// Judges the rankings of every mode and rival as event time passes.
struct Judges {
    kinds: Vec<Kind>,
    window_ms: i64,
    rivals: Rivals,
    /// One for each mode, then one for each rival.
    judges: [Judge; SCORES],
}

impl Judges {
    fn verdicts(&self) -> Vec<(&'static str, Verdict)> {
        let names = Mode::ALL.into_iter().map(Mode::name);
        let names = names.chain(RIVALS.into_iter().map(|(name, _)| name));
        let verdicts = self.judges.iter().map(|judge| judge.verdict(&self.kinds));
        names.zip(verdicts).collect()
    }

    fn judge(&mut self, state: &State, at: i64) {
        let number = |key: &str| key[1..].parse::<u32>().unwrap_or(u32::MAX);
        let (modes, rivals) = self.judges.split_at_mut(Mode::ALL.len());
        for (mode, judge) in Mode::ALL.into_iter().zip(modes) {
            let window_ms = if mode.has_window() { self.window_ms } else { 0 };
            let rows = ranking(state, Key { mode, window_ms }, at, TOP).unwrap_or_default().trends;
            judge.look(&self.kinds, at, rows.iter().map(|row| number(&row.tag)).collect());
        }
        for ((_, rival), judge) in RIVALS.into_iter().zip(rivals) {
            let ids = self.rivals.rows(state, rival, TOP).into_iter();
            let tags = ids.map(|id| number(&state.tags().key_string(id)));
            judge.look(&self.kinds, at, tags.collect());
        }
    }
}

impl Observer for Judges {
    fn next(&self, after: i64, _: i64) -> Option<i64> {
        let next = |ms: i64| (after.div_euclid(ms) + 1) * ms;
        Some(next(JUDGED_MS).min(next(self.rivals.slide_ms())))
    }

    fn wants(&self, at: i64, _: i64) -> Wants {
        if at % JUDGED_MS == 0 { Wants::AllTime } else { Wants::Windows }
    }

    fn look(&mut self, state: &State, at: i64) {
        self.rivals.record_peaks(state, at);
        if at % JUDGED_MS == 0 {
            self.judge(state, at);
        }
        self.rivals.learn(state, at);
    }
}
