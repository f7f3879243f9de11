//! A state that is started again and again against one that never was: all rankings are the same.

mod capped;
mod returning;

use proptest::prelude::*;

use super::{name, seed};
use crate::rank::ranking::{Key, ranking};
use crate::rank::report::{Report, Reporter};
use crate::rank::{Mode, Ranking};
use crate::score::Gates;
use crate::score::trending::windows_ms;
use crate::state::checkpoint_sections::{Raw, RawSections, Snapshotter, encode, give_rows, kind};
use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use crate::state::restore::Restoring;
use crate::state::{Settings, State};
use crate::window::Shape;
use crate::window::authors::Rules;
use crate::window::delta::put_rows;
use tagtide_posts::post::{Batch, Op};

const PANE: i64 = 10_000;
const START: i64 = 1_000_000_000;

/// One post, delete or edit.
#[derive(Clone, Debug)]
struct Said {
    op: Op,
    at: i64,
    tags: Vec<u8>,
    id: u64,
    /// 0 = unknown.
    author: u32,
    print: u32,
}

fn settings(trending_ms: &[i64], rules: Rules, long: bool) -> Settings {
    let mut windows: Vec<i64> = trending_ms.iter().flat_map(|&ms| windows_ms(ms, PANE)).collect();
    windows.push(60_000);
    // Who has posted before is asked only once it is known for the longest window.
    windows.extend((!rules.known).then_some(3_600_000));
    windows.extend(long.then_some(7_200_000));
    windows.sort_unstable();
    windows.dedup();
    let shape =
        Shape { pane_ms: PANE, windows_ms: windows, people: Some(rules), decay_ms: Some(30_000) };
    Settings {
        lateness_ms: 20_000,
        tags_max: 1000,
        remembered_max_posts: 1000,
        remembered_max_ms: i64::MAX,
        gates: Gates { min_count: 1, min_authors: 1 },
        keep_delta: true,
        ..Settings::of(shape, trending_ms.to_vec())
    }
}

/// The rankings that are compared as event time passes.
fn reports(settings: &Settings) -> Reporter {
    let asked =
        settings.trending_ms.iter().map(|&window_ms| Key { mode: Mode::Trending, window_ms });
    let others = [
        Key { mode: Mode::Authors, window_ms: 60_000 },
        Key { mode: Mode::Authors, window_ms: 3_600_000 },
        Key { mode: Mode::Decay, window_ms: 0 },
        Key { mode: Mode::Total, window_ms: 0 },
    ];
    let report = |key| Report { key, rows: 100, every_ms: 120_000 };
    Reporter::new(asked.chain(others).map(report).collect())
}

/// Spreads numbers over all 32 bits, and leaves none for nobody.
fn author(n: u32) -> u64 {
    let x = (n ^ n >> 16).wrapping_mul(0x7feb_352d);
    if n == 0 { 0 } else { u64::from((x ^ x >> 15).wrapping_mul(0x846c_a68b) | 1) << 32 }
}

fn feed((state, reports): (&mut State, &mut Reporter), table: u8, seq: u64, said: &[Said]) {
    let mut out = ExtractedBatch::default();
    let mut batch = Batch::default();
    batch.seq = seq;
    out.begin(batch);
    for post in said {
        out.begin_post();
        for &tag in &post.tags {
            let key = name(tag);
            out.push_key(&seed(table), key.as_bytes(), key.as_bytes(), true);
        }
        let revision = if post.op == Op::Update { 1 + seq } else { 0 };
        out.posts.push(PostKey {
            op: post.op,
            id: post.id,
            revision,
            author: author(post.author),
            print: post.print,
            ..PostKey::default()
        });
        out.rows.push(Row {
            at: post.at,
            until: post.at,
            // As a view is told of an edit that fits it no more.
            posts: u32::from(post.op != Op::Update || !post.tags.is_empty()),
            tagged: u32::from(!post.tags.is_empty()),
            entries_end: out.entries.len() as u32,
            post: out.posts.len() as u32,
        });
    }
    state.begin_batch(&out, reports);
    for row in &out.rows {
        state.count_row(&out, row, i64::MAX, reports);
    }
}

fn rankings(state: &mut State, reports: &mut Reporter, at: i64) -> Vec<Ranking> {
    state.show(at, reports);
    let modes = [Mode::Count, Mode::Authors, Mode::Trending];
    let windows: Vec<i64> = state.ring.windows().iter().map(|window| window.ms).collect();
    let keys = windows
        .into_iter()
        .flat_map(|window_ms| modes.into_iter().map(move |mode| Key { mode, window_ms }));
    let rest = [Mode::Decay, Mode::Total].map(|mode| Key { mode, window_ms: 0 });
    keys.chain(rest).filter_map(|key| ranking(state, key, at, 100)).collect()
}

/// Two states that are fed the same.
struct Twins {
    settings: Settings,
    live: State,
    live_reports: Reporter,
    again: State,
    again_reports: Reporter,
    table: u8,
    seq: u64,
    newest: i64,
    posts: Vec<Said>,
    epoch: u64,
    /// Rows of the next record that are encoded.
    rows: Vec<u8>,
    records: Vec<(u64, RawSections)>,
    snapshot: Option<(u64, RawSections)>,
    taking: Option<(u64, Snapshotter, RawSections)>,
    told: usize,
}

impl Twins {
    fn new(settings: Settings) -> Self {
        let live = Settings { keep_delta: false, ..settings.clone() };
        Self {
            live: State::new(live, seed(1)),
            live_reports: reports(&settings),
            again: State::new(settings.clone(), seed(2)),
            again_reports: reports(&settings),
            settings,
            table: 2,
            seq: 0,
            newest: START,
            posts: Vec::new(),
            epoch: 0,
            rows: Vec::new(),
            records: Vec::new(),
            snapshot: None,
            taking: None,
            told: 0,
        }
    }

    fn say(&mut self, said: Vec<Said>) {
        self.seq += 1;
        feed((&mut self.live, &mut self.live_reports), 1, self.seq, &said);
        feed((&mut self.again, &mut self.again_reports), self.table, self.seq, &said);
        if let Some(rows) = self.again.take_rows(3) {
            put_rows(&mut self.rows, &rows);
        }
        for post in said {
            self.newest = self.newest.max(post.at);
            if post.op == Op::Create {
                self.posts.push(post);
            }
        }
        self.reports();
    }

    fn reports(&mut self) {
        let live: Vec<_> = self.live_reports.take().collect();
        let again: Vec<_> = self.again_reports.take().collect();
        self.told += live.len();
        assert_eq!(again, live, "reports at {}", self.newest);
    }

    fn look(&mut self) {
        let live = rankings(&mut self.live, &mut self.live_reports, self.newest);
        let again = rankings(&mut self.again, &mut self.again_reports, self.newest);
        for (again, live) in again.iter().zip(live) {
            assert_eq!(*again, live, "at {}", self.newest);
        }
        assert_eq!(self.again.ring.joined(), self.live.ring.joined(), "at {}", self.newest);
        self.reports();
    }

    fn epoch(&mut self) {
        self.epoch += 1;
        let mut sections = self.again.take_pending();
        give_rows(&mut sections, &mut self.rows);
        let meta = serde_json::to_vec(&self.again.meta()).expect("json");
        sections.push(Raw::Body(kind::META, meta));
        self.records.push((self.epoch, sections));
        // One piece an epoch: the worst case for what changes in between.
        if let Some((begun, mut snapshot, mut pieces)) = self.taking.take() {
            match snapshot.next(&mut self.again, self.epoch) {
                Some(piece) => {
                    pieces.extend(piece);
                    self.taking = Some((begun, snapshot, pieces));
                }
                None => self.snapshot = Some((begun, pieces)),
            }
        }
    }

    fn snapshot(&mut self) {
        if self.taking.is_none() {
            self.epoch();
            self.taking = Some((self.epoch, Snapshotter::new(&self.again), Vec::new()));
        }
    }

    /// Only what the checkpoint has is left; the snapshot is where the log begins from now on.
    fn restart(&mut self) {
        self.again.show(self.newest, &mut self.again_reports);
        self.live.show(self.newest, &mut self.live_reports);
        self.reports();
        self.epoch();
        self.taking = None;
        self.table = self.table % 100 + 1;
        let mut restoring = Restoring::new(self.settings.clone(), seed(self.table));
        let begun = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.0);
        let pieces = self.snapshot.take().map(|(begun, pieces)| (begun, encode(pieces)));
        let records = self.records.drain(..).filter(|(epoch, _)| *epoch > begun);
        let records: Vec<_> = records.map(|(epoch, raw)| (epoch, encode(raw))).collect();
        let all = pieces.iter().map(|(_, pieces)| (0, pieces));
        for (epoch, sections) in all.chain(records.iter().map(|(epoch, raw)| (*epoch, raw))) {
            assert_eq!(restoring.read(epoch, sections), Ok(Vec::new()));
        }
        self.again = restoring.finish().expect("sections fit together");
        let raw = |sections: Vec<(u16, Vec<u8>)>| {
            sections.into_iter().map(|(of, body)| Raw::Body(of, body)).collect()
        };
        self.snapshot = pieces.map(|(begun, pieces)| (begun, raw(pieces)));
        self.records =
            records.into_iter().map(|(epoch, sections)| (epoch, raw(sections))).collect();
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Posts: offset from the newest time, tags, author, fingerprint.
    Batch(Vec<(i64, Vec<u8>, u32, u32)>),
    Delete(prop::sample::Index),
    Edit(prop::sample::Index, Vec<u8>),
    Pass(i64),
    Look,
    Peek,
    Epoch,
    Snapshot,
    Restart,
}

fn tags(most: u8) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(0..most, 0..4).prop_map(|set| set.into_iter().collect())
}

fn step(most: u8) -> impl Strategy<Value = Step> {
    let print = prop_oneof![Just(0_u32), 1_u32..4, any::<u32>()];
    let post = (-50_000_i64..8_000, tags(most), 0_u32..12, print);
    let pass = prop_oneof![
        16 => 0..30_000_i64,
        5 => 0..400_000_i64,
        1 => 3_000_000..4_000_000_i64,
        1 => 7_000_000..9_000_000_i64,
    ];
    prop_oneof![
        8 => prop::collection::vec(post, 1..12).prop_map(Step::Batch),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => (any::<prop::sample::Index>(), tags(most)).prop_map(|(at, tags)| Step::Edit(at, tags)),
        3 => pass.prop_map(Step::Pass),
        2 => Just(Step::Look),
        1 => Just(Step::Peek),
        3 => Just(Step::Epoch),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Restart),
    ]
}

/// Which posts have an author.
#[derive(Clone, Copy, Debug)]
enum Authors {
    All,
    Some,
    /// From the middle on.
    Later,
}

fn authors() -> impl Strategy<Value = Authors> {
    prop_oneof![Just(Authors::All), Just(Authors::Some), Just(Authors::Later)]
}

fn run(twins: &mut Twins, steps: Vec<Step>, authors: Authors) {
    let half = steps.len() / 2;
    let known = twins.settings.shape.people.is_some_and(|rules| rules.known);
    for (number, step) in steps.into_iter().enumerate() {
        let old = |twins: &Twins, at: prop::sample::Index| {
            (!twins.posts.is_empty()).then(|| twins.posts[at.index(twins.posts.len())].clone())
        };
        match step {
            Step::Batch(posts) => {
                let from = twins.posts.len() as u64 + 1;
                let newest = twins.newest;
                // Some stay, and others come.
                let new = if known { number as u32 / 3 * 5 } else { 0 };
                let said = (from..).zip(posts).map(|(id, (offset, tags, author, print))| {
                    let author = match authors {
                        Authors::All => author + 1,
                        Authors::Later if number < half => 0,
                        Authors::Some | Authors::Later => author,
                    };
                    let author = author + if author > 6 { new } else { 0 };
                    Said { op: Op::Create, at: newest + offset, tags, id, author, print }
                });
                twins.say(said.collect());
            }
            Step::Delete(at) => {
                if let Some(post) = old(twins, at) {
                    let at = twins.newest;
                    twins.say(vec![Said { op: Op::Delete, at, tags: Vec::new(), ..post }]);
                }
            }
            Step::Edit(at, tags) => {
                if let Some(post) = old(twins, at) {
                    let at = twins.newest;
                    twins.say(vec![Said { op: Op::Update, at, tags, ..post }]);
                }
            }
            Step::Pass(ms) => {
                let id = twins.posts.len() as u64 + 1;
                // Now and then for weeks.
                let ms = if known && ms % 5 == 0 { ms * 500 } else { ms };
                let at = twins.newest + ms;
                let author = u32::from(matches!(authors, Authors::All));
                let tags = Vec::new();
                twins.say(vec![Said { op: Op::Create, at, tags, id, author, print: 0 }]);
            }
            Step::Look => twins.look(),
            Step::Peek => drop(rankings(&mut twins.again, &mut twins.again_reports, twins.newest)),
            Step::Epoch => twins.epoch(),
            Step::Snapshot => twins.snapshot(),
            Step::Restart => twins.restart(),
        }
    }
    twins.restart();
    twins.look();
    // What is learned and held shows once more time has passed.
    for ms in [15_000, 60_000, 130_000] {
        let (at, id) = (twins.newest + ms, twins.posts.len() as u64 + 1);
        let tags = vec![0, 1, 2];
        twins.say(vec![Said { op: Op::Create, at, tags, id, author: 3, print: 9 }]);
        twins.look();
    }
}

/// A release build, which the edit loop does not make, looks much further.
const CASES: u32 = if cfg!(debug_assertions) { 30 } else { 10_000 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn a_restart_shows_nowhere(
        steps in prop::collection::vec(step(12), 1..50),
        two in any::<bool>(),
        long in any::<bool>(),
        cap in prop_oneof![Just(0_u8), Just(2)],
        authors in authors(),
        known in any::<bool>(),
    ) {
        let asked: &[i64] = if two { &[60_000, 300_000] } else { &[60_000] };
        let mut twins = Twins::new(settings(asked, Rules { cap, cap_ms: 60_000, known }, long));
        run(&mut twins, steps, authors);
    }

    #[test]
    fn nor_does_it_where_tags_give_way(
        steps in prop::collection::vec(step(60), 1..60),
        authors in authors(),
        known in any::<bool>(),
    ) {
        let rules = Rules { known, ..Rules::default() };
        let mut settings = settings(&[60_000], rules, !known);
        settings.tags_max = 45;
        run(&mut Twins::new(settings), steps, authors);
    }
}

/// Posts of one tag by many, so that it is counted by a sketch; some of them copies.
fn crowded(twins: &mut Twins, from: u32, to: u32) {
    for n in (from..to).step_by(100) {
        let first = twins.posts.len() as u64 + 1;
        let at = twins.newest + 3_000;
        let said = (first..).zip(n..n + 100).map(|(id, n)| {
            let (author, print) = (n + 1, if n.is_multiple_of(7) { 5 } else { n });
            Said { op: Op::Create, at, tags: vec![1, 2 + (n % 3) as u8], id, author, print }
        });
        twins.say(said.collect());
        twins.epoch();
    }
}

#[test]
fn a_crowd_too_large_to_tell_apart_is_kept() {
    let mut twins = Twins::new(settings(&[60_000], Rules::default(), true));
    crowded(&mut twins, 0, 400);
    twins.snapshot();
    crowded(&mut twins, 300, 900);
    twins.restart();
    twins.look();
    assert!(twins.snapshot.is_some(), "pieces and records are both needed");
    // The snapshot after this holds the sketch itself.
    twins.snapshot();
    crowded(&mut twins, 700, 2500);
    twins.restart();
    twins.look();
    crowded(&mut twins, 0, 300);
    twins.look();
    let id = twins.again.tags.find(name(1).as_bytes()).expect("live");
    let crowd = twins.again.ring.tag_authors(id, twins.again.ring.windows().len() - 1);
    // A seventh are copies, and the newest are in open panes.
    assert!(crowd.estimated && (1500.0..2300.0).contains(&crowd.authors), "{crowd:?}");
    // When all have gone, the tag is exact again in both.
    for ms in [8_000_000, 30_000, 30_000] {
        let (at, id) = (twins.newest + ms, twins.posts.len() as u64 + 1);
        twins.say(vec![Said { op: Op::Create, at, tags: vec![1], id, author: 1, print: 0 }]);
        twins.restart();
        twins.look();
    }
    assert!(twins.told > 100, "reports were compared");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn the_order_within_the_lateness_is_nothing(
        posts in prop::collection::vec(
            (0_i64..9_000, tags(12), 0_u32..12, 0_u32..4, 0_i64..19_000),
            1..120,
        ),
        known in any::<bool>(),
    ) {
        let rules = Rules { cap: 2, cap_ms: 60_000, known };
        let mut settings = settings(&[60_000], rules, false);
        settings.keep_delta = false;
        let mut at = START;
        let posts: Vec<_> = (1..).zip(posts).map(|(id, (gap, tags, author, print, late))| {
            at += gap;
            let author = author + if known && author > 8 { id as u32 } else { 0 };
            (at + late, Said { op: Op::Create, at, tags, id, author, print })
        }).collect();
        // The first and the last are in order: reports are of the same stretch.
        let edge = |at, id| Said { op: Op::Create, at, tags: vec![1], id, author: 1, print: 0 };
        let told = |mut posts: Vec<(i64, Said)>, late: bool| {
            if late {
                posts.sort_by_key(|post| post.0);
            }
            let mut state = State::new(settings.clone(), seed(1));
            let mut reports = reports(&settings);
            feed((&mut state, &mut reports), 1, 0, &[edge(START - 1, 1000)]);
            for (seq, post) in (1..).zip(posts) {
                feed((&mut state, &mut reports), 1, seq, &[post.1]);
            }
            feed((&mut state, &mut reports), 1, 1000, &[edge(at + 400_000, 1001)]);
            let mut told: Vec<Ranking> = reports.take().map(|told| told.ranking).collect();
            // The watermark is that of the moment of writing.
            told.iter_mut().for_each(|ranking| ranking.watermark = 0);
            told
        };
        let in_order = told(posts.clone(), false);
        let listed = in_order.iter().any(|ranking| !ranking.trends.is_empty());
        prop_assert!(listed || in_order.len() < 12);
        prop_assert_eq!(told(posts, true), in_order);
    }
}
