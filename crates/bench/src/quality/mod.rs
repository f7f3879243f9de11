//! How good the rankings are: benchmarks with a known answer, run through the code that ranks live.
//!
//! B, injection: bursts planted into an ordinary background, with bots beside them; who lists the
//! bursts, how soon, and who falls for the bots. A, [`nab`]: labelled series of real counts.

mod nab;
mod shapes;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args as ClapArgs;

use self::shapes::Shape;
use self::world::{BIN_MS, DAYS, HOUR_MS, Kind, Post, START_MS, World};
use tagtide_posts::post::Batch;
use tagtide_trends::rank::ranking::Key;
use tagtide_trends::rank::report::{Report, Reported, Reporter};
use tagtide_trends::rank::{Mode, Ranking};
use tagtide_trends::score::trending::windows_ms;
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
        for (mode, verdict) in injection(world, args.window * 1000, rule) {
            let name = format!("{}{}", mode.name(), if rule { "+known" } else { "" });
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

/// How one mode did.
#[derive(Clone, Debug, Default)]
struct Verdict {
    precision: f64,
    bot_rows: f64,
    turnover: f64,
    delay: [f64; 2],
    never: f64,
    bot_minutes: [f64; 3],
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c] = self.bot_minutes;
        write!(
            f,
            " {:.3}   {:5.2} %      {:4.2}   {:6.1} {:6.1}  never {:4.1}  {a:5.0} {b:5.0} {c:5.0}",
            self.precision,
            100.0 * self.bot_rows,
            self.turnover,
            self.delay[0],
            self.delay[1],
            self.never,
        )
    }
}

impl Verdict {
    fn mean(all: &[Self]) -> Self {
        let n = all.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / n;
        Self {
            precision: mean(&|v| v.precision),
            bot_rows: mean(&|v| v.bot_rows),
            turnover: mean(&|v| v.turnover),
            delay: [mean(&|v| v.delay[0]), mean(&|v| v.delay[1])],
            never: mean(&|v| v.never),
            bot_minutes: [0, 1, 2].map(|kind| mean(&|v| v.bot_minutes[kind])),
        }
    }
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
    let settings = Settings { compare: true, ..Settings::of(shape, vec![window_ms]) };
    State::new(settings, SEED)
}

/// Nobody attacks a benchmark.
const SEED: Seed = Seed::new([0x5a; 32]);

/// Counts posts as a batch of a source would be counted.
struct Feeder {
    state: State,
    batch: ExtractedBatch,
    reports: Reporter,
}

impl Feeder {
    fn feed(&mut self, posts: &[Post], anonymous: bool) {
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
        self.state.begin_batch(&self.batch, &mut self.reports);
        for row in &self.batch.rows {
            self.state.count_row(&self.batch, row, i64::MAX, &mut self.reports);
        }
    }
}

const MODES: [Mode; 9] = Mode::ALL;

/// Benchmark B: one run of ten days.
fn injection(mut world: World, window_ms: i64, known: bool) -> Vec<(Mode, Verdict)> {
    let kinds = world.kinds();
    let key = |mode: Mode| Key { mode, window_ms: if mode.has_window() { window_ms } else { 0 } };
    let reports = MODES.map(|mode| Report { key: key(mode), rows: TOP, every_ms: JUDGED_MS });
    let state = state((PANE_MS, window_ms), known);
    let reports = Reporter::new(reports.to_vec());
    let mut feeder = Feeder { state, batch: ExtractedBatch::default(), reports };
    let mut judges: HashMap<&'static str, Judge> = HashMap::new();
    let mut posts = Vec::new();
    for bin in 0..DAYS * 24 * HOUR_MS / BIN_MS {
        world.bin(START_MS + bin * BIN_MS, &mut posts);
        feeder.feed(&posts, false);
        for Reported { ranking, .. } in feeder.reports.take() {
            let mode = MODES.iter().find(|mode| mode.name() == ranking.mode);
            let judge = judges.entry(mode.map_or("", |mode| mode.name())).or_default();
            judge.look(&kinds, &ranking);
        }
    }
    let verdict = |mode: &Mode| {
        let judge = judges.remove(mode.name()).unwrap_or_default();
        (*mode, judge.verdict(&kinds))
    };
    MODES.iter().map(verdict).collect()
}

/// Looks at the rankings of one mode.
#[derive(Default)]
struct Judge {
    precision: Vec<f64>,
    rows: usize,
    bot_rows: usize,
    bot_minutes: [f64; 3],
    turnover: Vec<f64>,
    before: Vec<u32>,
    listed: HashMap<u32, i64>,
}

impl Judge {
    fn look(&mut self, kinds: &[Kind], ranking: &Ranking) {
        let at = ranking.at;
        if at < START_MS + 24 * HOUR_MS || at % JUDGED_MS != 0 {
            return;
        }
        let tag =
            |row: &tagtide_trends::rank::Trend| row.tag[1..].parse::<u32>().unwrap_or(u32::MAX);
        let tags: Vec<u32> = ranking.trends.iter().map(tag).collect();
        // A burst that begins or ends at this very moment is neither.
        let burst =
            |kind: &Kind| matches!(kind, Kind::Burst(from, to) if (*from..*to).contains(&at));
        let active = kinds.iter().filter(|kind| burst(kind)).count();
        let hits = tags.iter().filter(|&&tag| burst(&kinds[tag as usize])).count();
        if active > 0 {
            self.precision.push(hits as f64 / active.min(TOP) as f64);
        }
        for &tag in &tags {
            self.listed.entry(tag).or_insert(at);
            if let Kind::Bot(kind, _) = kinds[tag as usize] {
                self.bot_rows += 1;
                self.bot_minutes[kind] += JUDGED_MS as f64 / 60_000.0;
            }
        }
        self.rows += tags.len();
        if !self.before.is_empty() {
            let new = tags.iter().filter(|tag| !self.before.contains(tag)).count();
            self.turnover.push(new as f64);
        }
        self.before = tags;
    }

    fn verdict(&self, kinds: &[Kind]) -> Verdict {
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
        let (mut delays, mut never, mut events) = (Vec::new(), 0.0, [0.0; 3]);
        for (tag, kind) in (0..).zip(kinds) {
            match kind {
                Kind::Burst(from, _) => match self.listed.get(&tag) {
                    Some(at) => delays.push((at - from).max(0) as f64 / 60_000.0),
                    None => never += 1.0,
                },
                Kind::Bot(kind, _) => events[*kind] += 1.0,
                Kind::Background => {}
            }
        }
        delays.sort_by(f64::total_cmp);
        let quantile = |q: f64| delays.get((delays.len() as f64 * q) as usize).copied();
        Verdict {
            precision: mean(&self.precision),
            bot_rows: self.bot_rows as f64 / self.rows.max(1) as f64,
            turnover: mean(&self.turnover),
            delay: [0.5, 0.75].map(|q| quantile(q).unwrap_or(f64::NAN)),
            never,
            bot_minutes: [0, 1, 2].map(|kind| self.bot_minutes[kind] / f64::max(events[kind], 1.0)),
        }
    }
}
