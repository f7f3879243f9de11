//! Lists of tags, and what estimates and deletes leave of authors.

use super::{PANE, name, seed, settings};
use crate::rank::Mode;
use crate::rank::ranking::{Key, ranking};
use crate::state::checkpoint_sections::{Raw, encode, kind};
use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use crate::state::restore::Restoring;
use crate::state::tag_filter::TagFilter;
use crate::state::{Settings, State};
use crate::window::Shape;
use crate::window::authors::Rules;
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::{Batch, Op};

fn say(state: &mut State, op: Op, (at, tag, id): (i64, u8, u64), author: u64) {
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    out.begin_post();
    if op == Op::Create {
        out.push_key(state.tags.seed(), name(tag).as_bytes(), name(tag).as_bytes(), true);
    }
    out.posts.push(PostKey { op, id, author: author << 32, ..PostKey::default() });
    let entries_end = out.entries.len() as u32;
    let row = Row { at, until: at, posts: 1, tagged: entries_end, entries_end, post: 1 };
    out.rows.push(row);
    state.begin_batch(&out, &mut ());
    state.count_row(&out, &row, i64::MAX, &mut ());
}

#[test]
fn lists_say_the_same_of_tags_that_a_checkpoint_brings_back() {
    let lists = |list: &str| Patterns::new([list.to_owned()]);
    let lists =
        TagFilter { hide: lists(&name(1)), drop: lists(&name(2)), only: Patterns::default() };
    let settings = Settings { lists, ..settings() };
    let mut state = State::new(settings.clone(), seed(1));
    (0..3).for_each(|tag| say(&mut state, Op::Create, (0, tag, 1 + u64::from(tag)), 1));
    let mut sections = state.take_pending();
    let meta = serde_json::to_vec(&state.meta()).expect("json");
    sections.push(Raw::Body(kind::META, meta));
    let mut restoring = Restoring::new(settings, seed(2));
    assert_eq!(restoring.read(1, &encode(sections)), Ok(Vec::new()));
    let mut again = restoring.finish().expect("sections fit together");
    (0..3).for_each(|tag| say(&mut again, Op::Create, (0, tag, 11 + u64::from(tag)), 1));
    again.show(0, &mut ());
    let id = |tag| again.tags.find(name(tag).as_bytes()).expect("it is there");
    assert_eq!([0, 1, 2].map(|tag| again.ring.total().count(id(tag))), [2, 2, 0]);
    assert_eq!([0, 1, 2].map(|tag| again.may_list(id(tag))), [true, false, false]);
}

#[test]
fn who_has_no_post_left_in_a_window_is_none_of_its_people() {
    let shape = Shape {
        pane_ms: PANE,
        windows_ms: vec![60_000, 600_000],
        people: Some(Rules::default()),
        decay_ms: None,
    };
    let settings = Settings {
        remembered_max_posts: 100,
        remembered_max_ms: i64::MAX,
        lateness_ms: 0,
        ..Settings::of(shape, Vec::new())
    };
    let mut state = State::new(settings, seed(1));
    // Five people say it, and say it again; what they said last they take back.
    for (at, from) in [(0, 1), (300_000, 11)] {
        (0..5).for_each(|n| say(&mut state, Op::Create, (at, 1, from + n), 1 + n));
    }
    say(&mut state, Op::Create, (300_000, 2, 21), 9);
    say(&mut state, Op::Create, (320_000, 3, 22), 9);
    (11..16).for_each(|id| say(&mut state, Op::Delete, (320_000, 1, id), id - 10));
    state.show(320_000, &mut ());
    let id = state.tags.find(name(1).as_bytes()).expect("it is there");
    let crowd = [0, 1].map(|window| state.ring.tag_authors(id, window));
    // All came at once, so that they are three at the most.
    assert_eq!(crowd.map(|crowd| (crowd.authors, crowd.people)), [(0.0, 0.0), (5.0, 3.0)]);
    for rows in [1, 2, 10] {
        let key = Key { mode: Mode::Authors, window_ms: 60_000 };
        let ranking = ranking(&state, key, 320_000, rows).expect("it is kept");
        let tags: Vec<_> = ranking.trends.iter().map(|row| row.tag.clone()).collect();
        assert_eq!(tags, [name(3), name(2)][..rows.min(2)]);
    }
}

#[test]
fn what_is_dropped_leaves_spellings_as_they_were() {
    let mut state = State::new(settings(), seed(1));
    let say = |state: &mut State, typed: &str, id: u64| {
        let mut out = ExtractedBatch::default();
        out.begin(Batch::default());
        out.begin_post();
        out.push_key(&seed(1), b"love", typed.as_bytes(), true);
        out.posts.push(PostKey { id, author: id << 32, ..PostKey::default() });
        let row = Row { at: 0, until: 0, posts: 1, tagged: 1, entries_end: 1, post: 1 };
        out.rows.push(row);
        state.begin_batch(&out, &mut ());
        state.count_row(&out, &row, i64::MAX, &mut ());
    };
    (1..=3).for_each(|id| say(&mut state, "love", id));
    (4..=5).for_each(|id| say(&mut state, "Love", id));
    let drop = Patterns::new(["love".to_owned()]);
    state.change_tag_filter(TagFilter { drop, ..TagFilter::default() });
    (6..=9).for_each(|id| say(&mut state, "Love", id));
    let id = state.tags.find(b"love").expect("it is there");
    let spellings = state.tags.spellings(id, 5);
    assert_eq!(spellings, [("love".to_owned(), 3), ("Love".to_owned(), 2)]);
}
