//! A flood of new tags at the cap.

use std::collections::HashMap;

use crate::rank::Mode;
use crate::rank::ranking::{Key, ranking, tag};
use crate::state::checkpoint_sections::{Raw, Snapshotter, encode, kind};
use crate::state::extracted_batch::{ExtractedBatch, Row};
use crate::state::restore::Restoring;
use crate::state::{Settings, State};
use crate::store::hash::Seed;
use crate::window::Shape;
use tagtide_posts::post::Batch;

const CAP: usize = 400;

fn settings() -> Settings {
    let windows_ms = vec![60_000, 600_000];
    let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
    Settings {
        lateness_ms: 10_000,
        tags_max: CAP,
        remembered_max_posts: 10,
        remembered_max_ms: 1000,
        keep_delta: true,
        ..Settings::of(shape, Vec::new())
    }
}

fn feed(state: &mut State, at: i64, tags: &[String]) {
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    for tag in tags {
        out.begin_post();
        out.push_key(&Seed::new([5; 32]), tag.as_bytes(), tag.as_bytes(), true);
    }
    let posts = tags.len() as u32;
    out.rows.push(Row { at, until: at, posts, tagged: posts, entries_end: posts, post: 0 });
    state.begin_batch(&out, &mut ());
    let row = out.rows[0];
    state.count_row(&out, &row, i64::MAX, &mut ());
}

#[test]
fn as_many_tags_as_the_cap_says_are_exact() {
    let mut state = State::new(settings(), Seed::new([5; 32]));
    let tags: Vec<String> = (0..CAP).map(|n| format!("tag{n}")).collect();
    for (at, some) in (0..).zip(tags.chunks(30).cycle().take(40)) {
        feed(&mut state, at * 1000, some);
    }
    assert_eq!((state.tags.len(), state.is_approximate()), (CAP, false));
    feed(&mut state, 50_000, &["one more".to_owned()]);
    assert!(state.tags.len() <= CAP && state.is_approximate());
}

#[test]
fn heavy_hitters_outlive_a_flood_and_a_restart() {
    let mut state = State::new(settings(), Seed::new([5; 32]));
    let mut truth: HashMap<String, u64> = HashMap::new();
    let mut records = Vec::new();
    let mut snapshot = None;
    let mut pieces = Vec::new();
    for step in 0..400_i64 {
        // Ten true tags of different size among a flood of tags that come once.
        let heavy = (0..10).flat_map(|n| std::iter::repeat_n(format!("heavy{n}"), 3 + n));
        let flood = (0..20).map(|n| format!("flood{}", step * 20 + n));
        let tags: Vec<String> = heavy.chain(flood).collect();
        for tag in &tags {
            *truth.entry(tag.clone()).or_default() += 1;
        }
        feed(&mut state, step * 1000, &tags);
        assert!(state.tags.len() <= CAP, "the cap holds");
        if step % 7 == 0 {
            let mut sections = state.take_pending();
            sections.push(Raw::Body(kind::META, serde_json::to_vec(&state.meta()).expect("json")));
            records.push(sections);
            let epoch = records.len() as u64;
            if step == 210 {
                snapshot = Some((epoch, Snapshotter::new(&state)));
            }
            if let Some((_, taking)) = &mut snapshot {
                pieces.extend(taking.next(&mut state, epoch).into_iter().flatten());
            }
        }
    }
    let mut last = state.take_pending();
    last.push(Raw::Body(kind::META, serde_json::to_vec(&state.meta()).expect("json")));
    records.push(last);
    assert!(state.is_approximate() && state.counters().evicted_tags > 5000);

    let mut restoring = Restoring::new(settings(), Seed::new([6; 32]));
    let (begun, _) = snapshot.expect("one was taken");
    let mut read = |epoch, raw| {
        assert_eq!(restoring.read(epoch, &encode(raw)), Ok(Vec::new()));
    };
    read(0, pieces);
    for (epoch, raw) in (1..).zip(records).filter(|(epoch, _)| *epoch > begun) {
        read(epoch, raw);
    }
    let mut again = restoring.finish().expect("sections fit together");

    for state in [&mut state, &mut again] {
        state.show(399_000, &mut ());
        let total =
            ranking(state, Key { mode: Mode::Total, window_ms: 0 }, 399_000, 10).expect("ok");
        assert!(total.approximate);
        for (row, n) in total.trends.iter().zip((0..10).rev()) {
            assert_eq!(row.tag, format!("heavy{n}"), "the true top ten in order");
            assert_eq!(row.count, truth[&row.tag], "they never gave way");
        }
        for (key, &count) in &truth {
            let Some(detail) = tag(state, key) else { continue };
            assert!(detail.total >= count, "{key}: an upper bound");
            assert!(detail.total <= count + detail.error_bound, "{key}: within the bound");
        }
    }
    let rows = |state: &State, window_ms| {
        let mode = if window_ms == 0 { Mode::Total } else { Mode::Count };
        ranking(state, Key { mode, window_ms }, 399_000, CAP).expect("configured")
    };
    for window in [0, 60_000, 600_000] {
        assert_eq!(rows(&state, window), rows(&again, window), "recovered equals live");
    }
    let all = rows(&state, 600_000);
    let counted = all.trends.iter().map(|row| row.count).sum::<u64>() + all.other;
    assert_eq!(counted, truth.values().sum::<u64>(), "what was put out is in `other`");
}
