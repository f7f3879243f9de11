//! The state against a naive model, live and after recovery from pieces and records.

mod boundaries;
mod restarts;
mod tag_filter;

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use crate::rank::Mode;
use crate::rank::ranking::{Key, ranking, tag};
use crate::state::checkpoint_sections::{Raw, RawSections, Snapshotter, encode, kind};
use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use crate::state::restore::Restoring;
use crate::state::{Settings, State};
use crate::store::hash::Seed;
use crate::window::Shape;
use tagtide_posts::post::{Batch, Op};

const PANE: i64 = 10_000;
const LATENESS: i64 = 20_000;
const WINDOWS: [i64; 4] = [60_000, 300_000, 3_600_000, 7_200_000];

fn settings() -> Settings {
    let shape = Shape { pane_ms: PANE, windows_ms: WINDOWS.to_vec(), people: None, decay_ms: None };
    Settings {
        lateness_ms: LATENESS,
        tags_max: 1000,
        remembered_max_posts: 1000,
        remembered_max_ms: i64::MAX,
        keep_delta: true,
        ..Settings::of(shape, Vec::new())
    }
}

fn seed(n: u8) -> Seed {
    Seed::new([n; 32])
}

#[derive(Clone, Debug)]
enum Step {
    /// Posts: offset from the newest time, tags, identity.
    Batch(Vec<(i64, Vec<u8>, u64)>),
    Delete(prop::sample::Index),
    Edit(prop::sample::Index, Vec<u8>),
    Pass(i64),
    Look,
    Epoch,
    Snapshot,
}

fn tags() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(0_u8..12, 0..4).prop_map(|set| set.into_iter().collect())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec((-50_000_i64..8_000, tags(), 1_u64..400), 1..12)
            .prop_map(Step::Batch),
        1 => any::<prop::sample::Index>().prop_map(Step::Delete),
        1 => (any::<prop::sample::Index>(), tags()).prop_map(|(at, tags)| Step::Edit(at, tags)),
        2 => prop_oneof![0..30_000_i64, 0..4_000_000_i64, 0..20_000_000_i64].prop_map(Step::Pass),
        2 => Just(Step::Look),
        2 => Just(Step::Epoch),
        1 => Just(Step::Snapshot),
    ]
}

/// Pane of a post (none = late) and its tags.
type Kept = (Option<i64>, Vec<u8>);

/// The counts, derived from the list of posts.
#[derive(Default)]
struct Model {
    newest: Option<i64>,
    closed_to: Option<i64>,
    /// Identity -> pane (none = late) and tags; none = taken back.
    posts: BTreeMap<u64, Option<Kept>>,
    order: Vec<u64>,
}

impl Model {
    /// Closes what the watermark has passed; the next post finds it closed.
    fn close(&mut self) {
        if let Some(newest) = self.newest {
            let to = (newest - LATENESS).div_euclid(PANE) - 1;
            self.closed_to = Some(self.closed_to.map_or(to, |old| old.max(to)));
        }
    }

    fn post(&mut self, id: u64, at: i64, tags: &[u8]) {
        if !self.posts.contains_key(&id) {
            let pane = at.div_euclid(PANE);
            let late = self.closed_to.is_some_and(|closed| pane <= closed);
            self.posts.insert(id, Some(((!late).then_some(pane), tags.to_vec())));
            self.order.push(id);
        }
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        self.close();
    }

    fn counts(&self, inside: impl Fn(Option<i64>) -> bool) -> Vec<(String, u64)> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for (pane, tags) in self.posts.values().flatten() {
            if inside(*pane) {
                for tag in tags {
                    *counts.entry(name(*tag)).or_default() += 1;
                }
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }

    fn window(&self, ms: i64, at: i64) -> (Vec<(String, u64)>, u64) {
        let step = if ms > 3_600_000 { 60_000 } else { PANE };
        // A window ends with the newest pane, which a closed one may be ahead of.
        let newest = at.div_euclid(PANE).max(self.closed_to.unwrap_or(i64::MIN));
        let to = (newest * PANE).div_euclid(step);
        let inside = |pane: Option<i64>| {
            pane.is_some_and(|pane| {
                let at = (pane * PANE).div_euclid(step);
                at > to - ms / step && pane <= newest
            })
        };
        let posts = self.posts.values().flatten().filter(|(pane, _)| inside(*pane)).count();
        (self.counts(inside), posts as u64)
    }
}

fn name(tag: u8) -> String {
    if tag.is_multiple_of(3) { format!("a_long_tag_number_{tag}") } else { format!("tag{tag}") }
}

fn typed(tag: u8, id: u64) -> String {
    if id.is_multiple_of(3) { name(tag).to_uppercase() } else { name(tag) }
}

struct Rig {
    state: State,
    seq: u64,
    model: Model,
    spellings: HashMap<String, BTreeMap<String, u64>>,
    epoch: u64,
    /// As they were handed over: what is counted later must not change them.
    records: Vec<(u64, RawSections)>,
    snapshots: Vec<(u64, RawSections)>,
    taking: Option<(u64, Snapshotter, RawSections)>,
}

impl Rig {
    fn new() -> Self {
        Self {
            state: State::new(settings(), seed(1)),
            seq: 0,
            model: Model::default(),
            spellings: HashMap::new(),
            epoch: 0,
            records: Vec::new(),
            snapshots: Vec::new(),
            taking: None,
        }
    }

    fn feed(&mut self, posts: &[(Op, i64, Vec<u8>, u64, u64)]) {
        let mut out = ExtractedBatch::default();
        let mut batch = Batch::default();
        batch.seq = self.seq;
        out.begin(batch);
        self.seq += 1;
        for (op, at, tags, id, revision) in posts {
            out.begin_post();
            for &tag in tags {
                let (key, typed) = (name(tag), typed(tag, *id));
                out.push_key(&seed(1), key.as_bytes(), typed.as_bytes(), true);
            }
            let (id, revision) = (*id, *revision);
            out.posts.push(PostKey { op: *op, id, revision, ..PostKey::default() });
            out.rows.push(Row {
                at: *at,
                until: *at,
                posts: 1,
                tagged: u32::from(!tags.is_empty()),
                entries_end: out.entries.len() as u32,
                post: out.posts.len() as u32,
            });
        }
        self.state.begin_batch(&out, &mut ());
        for row in &out.rows {
            self.state.count_row(&out, row, i64::MAX, &mut ());
        }
    }

    fn spelled(&mut self, tags: &[u8], id: u64, by: i64) {
        for &tag in tags {
            let count =
                self.spellings.entry(name(tag)).or_default().entry(typed(tag, id)).or_default();
            *count = count.saturating_add_signed(by);
        }
    }

    fn batch(&mut self, posts: Vec<(i64, Vec<u8>, u64)>) {
        self.model.close();
        let newest = self.model.newest.unwrap_or(1_000_000_000);
        let mut rows = Vec::new();
        for (offset, tags, id) in posts {
            if !self.model.posts.contains_key(&id) {
                self.spelled(&tags, id, 1);
            }
            self.model.post(id, newest + offset, &tags);
            rows.push((Op::Create, newest + offset, tags, id, id));
        }
        self.feed(&rows);
    }

    fn delete(&mut self, at: prop::sample::Index) {
        let Some(newest) = self.model.newest.filter(|_| !self.model.order.is_empty()) else {
            return;
        };
        self.model.close();
        let id = *at.get(&self.model.order);
        if let Some((_, tags)) = self.model.posts.insert(id, None).flatten() {
            self.spelled(&tags, id, -1);
        }
        self.feed(&[(Op::Delete, newest, Vec::new(), id, id)]);
    }

    fn edit(&mut self, at: prop::sample::Index, tags: Vec<u8>) {
        let Some(newest) = self.model.newest.filter(|_| !self.model.order.is_empty()) else {
            return;
        };
        self.model.close();
        let id = *at.get(&self.model.order);
        if let Some(Some((pane, old))) = self.model.posts.get(&id).cloned() {
            self.spelled(&old, id, -1);
            self.spelled(&tags, id, 1);
            // What its pane still takes decides; a closed one takes nothing any more.
            let open = pane.filter(|&pane| self.model.closed_to.is_none_or(|c| pane > c));
            self.model.posts.insert(id, Some((open, tags.clone())));
        }
        self.feed(&[(Op::Update, newest, tags, id, self.seq + 1_000_000)]);
    }

    fn look(&mut self) {
        let Some(newest) = self.model.newest else { return };
        self.model.close();
        self.state.show(newest, &mut ());
        check(&self.state, &self.model, &self.spellings, newest);
    }

    fn epoch(&mut self) {
        self.epoch += 1;
        let mut sections = self.state.take_pending();
        sections.push(Raw::Body(kind::META, serde_json::to_vec(&self.state.meta()).expect("json")));
        self.records.push((self.epoch, sections));
        // One piece an epoch: the worst case for what changes in between.
        if let Some((begun, mut snapshot, mut pieces)) = self.taking.take() {
            match snapshot.next(&mut self.state, self.epoch) {
                Some(piece) => {
                    pieces.extend(piece);
                    self.taking = Some((begun, snapshot, pieces));
                }
                None => self.snapshots.push((begun, pieces)),
            }
        }
    }

    fn recover(&mut self) -> State {
        let mut restoring = Restoring::new(settings(), seed(2));
        let mut read = |epoch, raw| {
            assert_eq!(restoring.read(epoch, &encode(raw)), Ok(Vec::new()));
        };
        let (begun, pieces) = self.snapshots.pop().unwrap_or_default();
        read(0, pieces);
        for (epoch, raw) in self.records.drain(..).filter(|(epoch, _)| *epoch > begun) {
            read(epoch, raw);
        }
        restoring.finish().expect("sections fit together")
    }
}

fn check(
    state: &State,
    model: &Model,
    spellings: &HashMap<String, BTreeMap<String, u64>>,
    at: i64,
) {
    let rows = |key| {
        let ranking = ranking(state, key, at, 100).expect("configured");
        let rows = ranking.trends.iter().map(|t| (t.tag.clone(), t.count)).collect::<Vec<_>>();
        (rows, ranking.posts, ranking.distinct_tags)
    };
    let total = rows(Key { mode: Mode::Total, window_ms: 0 });
    let want = model.counts(|_| true);
    assert_eq!(total.2, want.len() as u64, "distinct tags of all time");
    assert_eq!(total.0, want);
    for ms in WINDOWS {
        let (found, posts, distinct) = rows(Key { mode: Mode::Count, window_ms: ms });
        let (want, want_posts) = model.window(ms, at);
        assert_eq!(found, want, "window {ms} at {at}");
        assert_eq!((posts, distinct), (want_posts, want.len() as u64), "window {ms}");
    }
    for (key, typed) in spellings {
        let total = typed.values().sum::<u64>();
        match tag(state, key) {
            None => assert_eq!(total, 0, "{key}"),
            Some(detail) => {
                for spelling in detail.spellings {
                    let want = typed.get(&spelling.display).copied().unwrap_or_default();
                    assert_eq!(spelling.count, want, "{key} as {}", spelling.display);
                }
            }
        }
    }
}

/// A release build, which the edit loop does not make, looks much further.
const CASES: u32 = if cfg!(debug_assertions) { 400 } else { 20_000 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn equals_the_model_live_and_after_recovery(steps in prop::collection::vec(step(), 1..60)) {
        let mut rig = Rig::new();
        for step in steps {
            match step {
                Step::Batch(posts) => rig.batch(posts),
                Step::Delete(at) => rig.delete(at),
                Step::Edit(at, tags) => rig.edit(at, tags),
                Step::Pass(ms) => {
                    if let Some(newest) = rig.model.newest {
                        let id = rig.seq + 500;
                        rig.model.close();
                        rig.model.post(id, newest + ms, &[]);
                        rig.feed(&[(Op::Create, newest + ms, Vec::new(), id, id)]);
                    }
                }
                Step::Look => rig.look(),
                Step::Epoch => rig.epoch(),
                Step::Snapshot => {
                    if rig.taking.is_none() {
                        rig.epoch();
                        let snapshot = Snapshotter::new(&rig.state);
                        rig.taking = Some((rig.epoch, snapshot, Vec::new()));
                    }
                }
            }
        }
        rig.epoch();
        rig.look();
        let mut recovered = rig.recover();
        if let Some(newest) = rig.model.newest {
            recovered.show(newest, &mut ());
            check(&recovered, &rig.model, &rig.spellings, newest);
            prop_assert_eq!(recovered.counters(), rig.state.counters());
            for key in (0..12).map(name) {
                let first = |state: &State| tag(state, &key).map(|tag| tag.first_seen);
                prop_assert_eq!(first(&recovered), first(&rig.state), "{} was first seen", key);
            }
        }
    }
}

/// Posts of one author: operation, event time, identity.
fn account(state: &mut State, seq: u64, posts: &[(Op, i64, u64)]) {
    let mut out = ExtractedBatch::default();
    let mut batch = Batch::default();
    batch.seq = seq;
    out.begin(batch);
    for &(op, at, id) in posts {
        out.begin_post();
        out.posts.push(PostKey { op, id, author: 7, ..PostKey::default() });
        let post = out.posts.len() as u32;
        out.rows.push(Row { at, until: at, posts: 1, tagged: 0, entries_end: 0, post });
    }
    state.begin_batch(&out, &mut ());
    for row in &out.rows {
        state.count_row(&out, row, i64::MAX, &mut ());
    }
}

#[test]
fn an_account_that_went_and_came_back_keeps_what_it_posted_since() {
    let mut state = State::new(settings(), seed(1));
    let gone = (Op::DropAuthor, 2_000, 0);
    account(&mut state, 0, &[(Op::Create, 1_000, 1), gone, (Op::Create, 3_000, 2)]);
    assert_eq!(state.counters().posts, 1);
    // All of it again, as after a reconnect.
    account(&mut state, 1, &[(Op::Create, 1_000, 1), gone, (Op::Create, 3_000, 2)]);
    assert_eq!(state.counters().posts, 1);
}
