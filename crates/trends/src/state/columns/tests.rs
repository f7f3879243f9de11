//! Snapshots against plain copies of what they were taken from, while counting goes on.

use std::sync::Arc;

use proptest::prelude::*;

use crate::rank::ranking::{Key, ranking, snapshot_ranking};
use crate::rank::{Mode, Ranking};
use crate::state::columns::{ColumnSnapshot, Columns};
use crate::state::extracted_batch::{ExtractedBatch, PostKey};
use crate::state::tag_filter::TagFilter;
use crate::state::{Settings, State};
use crate::store::hash::Seed;
use crate::window::Shape;
use crate::window::authors::Rules;
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::{Batch, Op};

const PANE: i64 = 10_000;
const WINDOWS: [i64; 2] = [20_000, 60_000];
const SEED: Seed = Seed::new([9; 32]);

fn state(tags_max: usize) -> State {
    let shape = Shape {
        pane_ms: PANE,
        windows_ms: WINDOWS.to_vec(),
        people: Some(Rules::default()),
        decay_ms: Some(60_000),
    };
    let settings = Settings {
        lateness_ms: 15_000,
        tags_max,
        remembered_max_posts: 1000,
        remembered_max_ms: i64::MAX,
        keep_delta: true,
        ..Settings::of(shape, Vec::new())
    };
    State::new(settings, SEED)
}

/// Counts one post: its time, its number (also that of what it deletes), and keys with spellings.
fn post(state: &mut State, at: i64, op: Op, number: u64, tags: &[(String, String)]) {
    let mut batch = ExtractedBatch::default();
    batch.begin(Batch::default());
    let post = PostKey { op, id: number, author: (number % 7) << 32, ..PostKey::default() };
    batch.push_post(&SEED, at, post, tags.iter().map(|tag| (tag.0.as_str(), tag.1.as_str())));
    state.begin_batch(&batch, &mut ());
    batch.rows.iter().for_each(|row| state.count_row(&batch, row, i64::MAX, &mut ()));
}

/// A tag that is short, long, or in letters whose case is not told by a mask.
fn tag(number: u8, spelling: u8) -> (String, String) {
    let key = match number % 3 {
        0 => format!("tag{number}"),
        1 => format!("a_longer_tag_of_number_{number}"),
        _ => format!("\u{e4}hre{number}"),
    };
    let typed = match spelling % 4 {
        0 => key.clone(),
        1 => key.to_uppercase(),
        2 => key.replacen(['t', 'a', '\u{e4}'], "A", 1),
        _ => key.replace('r', "R"),
    };
    (key, typed)
}

fn snapshot(state: &mut State, at: i64) -> ColumnSnapshot {
    state.show(at, &mut ());
    state.snapshot(at)
}

/// Everything that a reader sees of one tag.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    key: String,
    display: String,
    spellings: Vec<(String, u64)>,
    total: u64,
    error: u64,
    weight: f64,
    first_seen: Option<i64>,
    windows: Vec<(u32, u64)>,
    listed: bool,
}

/// A copy of columns.
fn plain(columns: Columns<'_>, first_seen: impl Fn(u32) -> Option<i64>) -> Vec<Option<Plain>> {
    let names = columns.names;
    let of = |id| {
        let total = columns.total.count(id);
        let windows = columns.windows.iter().enumerate();
        Plain {
            key: names.key_string(id),
            display: columns.display(id),
            spellings: names.spellings(id, total),
            total,
            error: columns.error_of(id),
            weight: columns.decay.map_or(0.0, |decay| decay.column().get(id)),
            first_seen: first_seen(id),
            windows: windows.map(|(at, of)| (of.count(id), columns.authors(id, at))).collect(),
            listed: columns.may_list(id),
        }
    };
    (0..names.rows()).map(|id| names.is_live(id).then(|| of(id))).collect()
}

fn keys() -> Vec<Key> {
    let windows = [Mode::Count, Mode::Authors]
        .into_iter()
        .flat_map(|mode| WINDOWS.map(|window_ms| Key { mode, window_ms }));
    let whole = [Mode::Total, Mode::Decay].map(|mode| Key { mode, window_ms: 0 });
    windows.chain(whole).collect()
}

/// A snapshot, and what the state said at the moment when it was taken.
struct Taken {
    snapshot: ColumnSnapshot,
    plain: Vec<Option<Plain>>,
    rankings: Vec<Option<Ranking>>,
}

impl Taken {
    fn new(state: &mut State, at: i64) -> Self {
        let snapshot = snapshot(state, at);
        let plain = plain(state.columns(), |id| state.ring.first_seen(id));
        let rankings = keys().into_iter().map(|key| ranking(state, key, at, 5)).collect();
        Self { snapshot, plain, rankings }
    }

    fn check_columns(&self) {
        let of = &self.snapshot;
        let now = plain(of.columns(), |id| of.first_seen(id));
        assert_eq!(now.len(), self.plain.len());
        now.iter().zip(&self.plain).for_each(|(now, then)| assert_eq!(now, then));
    }

    /// The columns, and everything that is made of them.
    fn check(&self) {
        self.check_columns();
        let of = &self.snapshot;
        let rankings: Vec<_> = keys().into_iter().map(|key| snapshot_ranking(of, key, 5)).collect();
        assert_eq!(rankings, self.rankings);
        for (id, tag) in (0..).zip(&self.plain).filter_map(|(id, tag)| Some((id, tag.as_ref()?))) {
            assert_eq!(of.find(tag.key.as_bytes()), Some(id), "{}", tag.key);
        }
        assert_eq!(of.find(b"never counted"), None);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// How long before the newest, and tags with spellings.
    Post(i64, Vec<(u8, u8)>),
    Delete(prop::sample::Index),
    Pass(i64),
    TagFilter(u8),
    Record,
    Take,
    Drop(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let tags = prop::collection::vec((0_u8..24, 0_u8..4), 0..4);
    prop_oneof![
        12 => (0_i64..40_000, tags).prop_map(|(ago, tags)| Step::Post(ago, tags)),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        3 => (0_i64..30_000).prop_map(Step::Pass),
        1 => (0_u8..24).prop_map(Step::TagFilter),
        1 => Just(Step::Record),
        4 => Just(Step::Take),
        3 => any::<prop::sample::Index>().prop_map(Step::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With more tags than the cap allows, so that ids mean other tags while snapshots are alive.
    #[test]
    fn a_snapshot_stays_as_it_was(steps in prop::collection::vec(step(), 1..80)) {
        let mut state = state(12);
        let (mut now, mut posts, mut alive) = (1_000_000, 0, Vec::new());
        for step in steps {
            match step {
                Step::Post(ago, tags) => {
                    posts += 1;
                    let tags: Vec<_> = tags.into_iter().map(|(n, typed)| tag(n, typed)).collect();
                    post(&mut state, now - ago, Op::Create, posts, &tags);
                }
                Step::Delete(which) if posts > 0 => {
                    let number = which.index(posts as usize) as u64 + 1;
                    post(&mut state, now, Op::Delete, number, &[]);
                }
                Step::Delete(_) => {}
                Step::Pass(ms) => {
                    now += ms;
                    state.live_until(0, now);
                }
                Step::TagFilter(number) => {
                    let hide = Patterns::new(std::iter::once(tag(number, 0).0));
                    state.change_tag_filter(TagFilter { hide, ..TagFilter::default() });
                }
                Step::Record => drop(state.take_pending()),
                Step::Take => alive.push(Taken::new(&mut state, now)),
                Step::Drop(which) if !alive.is_empty() => {
                    alive.swap_remove(which.index(alive.len())).check();
                }
                Step::Drop(_) => {}
            }
            alive.iter().for_each(Taken::check_columns);
        }
        alive.iter().for_each(Taken::check);
    }
}

#[test]
fn a_state_grows_past_its_snapshots() {
    let mut state = state(1 << 20);
    let mut alive = Vec::new();
    // Past the end of a chunk of each kind of column, long keys and odd spellings too.
    for (round, count) in [(0_i64, 50_u32), (1, 9_000), (2, 57_000)] {
        let tags: Vec<_> = (0..count)
            .map(|n| format!("{}{round}_{n}", if n % 4 == 0 { "a_rather_long_tag_" } else { "t" }))
            .map(|key| (key.clone(), if key.len() % 2 == 0 { key.to_uppercase() } else { key }))
            .collect();
        let at = 1_000_000 + round * 40_000;
        for (number, some) in (1..).zip(tags.chunks(1000)) {
            post(&mut state, at, Op::Create, number + round as u64 * 1000, some);
        }
        state.live_until(0, at + 40_000);
        state.show(at + 40_000, &mut ());
        alive.iter().for_each(Taken::check);
        if round < 2 {
            alive.push(Taken::new(&mut state, at));
        }
    }
    assert!(state.tags.rows() > 1 << 16);
}

#[test]
fn memory_is_counted_and_free_again() {
    let mut state = state(1000);
    post(&mut state, 0, Op::Create, 1, &[tag(0, 0), tag(1, 1), tag(2, 2)]);
    state.live_until(0, 100_000);
    let first = snapshot(&mut state, 100_000);
    let all = first.held_bytes();
    assert_eq!(all.exclusive, 0, "nothing has changed since");
    post(&mut state, 100_000, Op::Create, 2, &[tag(0, 0)]);
    drop(snapshot(&mut state, 100_000));
    let held = first.held_bytes();
    assert_eq!(held.shared + held.exclusive, all.shared, "a snapshot does not grow");
    assert!(held.exclusive > 0 && held.shared > 0, "{held:?}");
    let before = state.ring.total().column().at(0) as *const u64;
    drop(first);
    post(&mut state, 200_000, Op::Create, 3, &[tag(0, 0)]);
    state.show(200_000, &mut ());
    let after = state.ring.total().column().at(0) as *const u64;
    assert_eq!(after, before, "a chunk that no snapshot holds is not copied");
}

#[test]
fn another_thread_reads_one_while_counting_goes_on() {
    let mut state = state(1000);
    post(&mut state, 0, Op::Create, 1, &[tag(0, 0), tag(1, 1)]);
    let taken = Arc::new(Taken::new(&mut state, 0));
    let reader = std::thread::spawn({
        let taken = Arc::clone(&taken);
        move || (0..50).for_each(|_| taken.check())
    });
    for number in 2..200 {
        let at = number as i64 * 1000;
        post(&mut state, at, Op::Create, number, &[tag(number as u8 % 20, number as u8)]);
    }
    reader.join().expect("it stays as it was");
}
