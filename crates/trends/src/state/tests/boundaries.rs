//! What happens when event time passes a boundary.

use super::{PANE, seed};
use crate::rank::Mode;
use crate::rank::ranking::Key;
use crate::rank::report::{Report, Reported, Reporter};
use crate::score::Gates;
use crate::score::trending::windows_ms;
use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use crate::state::{Settings, State};
use crate::window::Shape;
use crate::window::authors::Rules;
use tagtide_posts::post::Batch;

const W: i64 = 40_000;
const HOUR: i64 = 3_600_000;

/// A state and its reports.
fn state(pane_ms: i64, window_ms: i64, reports: Vec<Report>) -> (State, Reporter) {
    let mut windows = windows_ms(window_ms, pane_ms).to_vec();
    windows.dedup();
    let people = Some(Rules::default());
    let shape = Shape { pane_ms, windows_ms: windows, people, decay_ms: Some(HOUR) };
    let settings = Settings {
        lateness_ms: 10_000,
        gates: Gates { min_count: 1, min_authors: 1 },
        ..Settings::of(shape, vec![window_ms])
    };
    (State::new(settings, seed(3)), Reporter::new(reports))
}

/// Posts one after the other: event time, tag, author.
fn feed((state, reports): &mut (State, Reporter), posts: &[(i64, &str, u64)]) {
    for &(at, tag, author) in posts {
        let mut out = ExtractedBatch::default();
        out.begin(Batch::default());
        out.begin_post();
        out.push_key(&seed(3), tag.as_bytes(), tag.as_bytes(), true);
        out.posts.push(PostKey { author: author << 32, ..PostKey::default() });
        let row = Row { at, until: at, posts: 1, tagged: 1, entries_end: 1, post: 1 };
        out.rows.push(row);
        state.begin_batch(&out, reports);
        state.count_row(&out, &row, i64::MAX, reports);
    }
}

fn report(mode: Mode, window_ms: i64, every_ms: i64) -> Report {
    Report { key: Key { mode, window_ms }, rows: 10, every_ms }
}

/// Moments of the rankings put down, and their first rows with the score.
fn first_rows((_, reports): &mut (State, Reporter)) -> Vec<(i64, String, f64)> {
    let first = |Reported { ranking, .. }: Reported| {
        let row = ranking.trends.first();
        let (tag, score) = row
            .map_or((String::new(), 0.0), |row| (row.tag.clone(), row.score.unwrap_or_default()));
        (ranking.at, tag, score)
    };
    reports.take().map(first).collect()
}

#[test]
fn a_window_is_scored_before_it_is_learned_from() {
    let mut state = state(PANE, W, vec![report(Mode::Trending, W, PANE)]);
    // Long enough for all three windows to have learned, which end together at the next boundary.
    let steady: Vec<_> = (0..64).map(|n| (n * PANE, "steady", 1)).collect();
    feed(&mut state, &steady);
    let end = 64 * PANE;
    assert_eq!(end % (4 * W), 0);
    let burst: Vec<_> = (0..10).map(|n| (end - 1, "burst", 100 + n)).collect();
    feed(&mut state, &burst);
    feed(&mut state, &[(end + 2 * PANE, "steady", 1)]);
    let all = first_rows(&mut state);
    let (_, tag, score) = all.iter().find(|row| row.0 == end).expect("a ranking at the end");
    // Ten in all three windows of a new tag.
    assert_eq!(tag, "burst");
    assert!((score - 5.22).abs() < 0.005, "{score}");
}

#[test]
fn a_window_without_any_tag_is_learned_from_too() {
    let mut state = state(PANE, W, Vec::new());
    // A short window that ends holds nothing, while the long one still does.
    feed(&mut state, &[(0, "x", 1), (10 * PANE, "x", 2), (12 * PANE, "x", 3)]);
    // The first pane is a part of what it began in; all that were whole since count.
    assert_eq!(state.0.trending[0].pacing().windows, [10, 1, 0]);
}

#[test]
fn the_order_of_the_first_posts_decides_nothing() {
    let run = |first: &[(i64, &str, u64)]| {
        let mut state = state(PANE, W, vec![report(Mode::Count, W, PANE)]);
        feed(&mut state, first);
        let rest: Vec<_> = (2..40).map(|n| (n * PANE, "x", n as u64)).collect();
        feed(&mut state, &rest);
        let learned = state.0.trending[0].pacing();
        (first_rows(&mut state), learned)
    };
    // Two panes, the older one within the lateness.
    let (a, b) = ((-2_000, "x", 1), (3_000, "y", 2));
    let (one, other) = (run(&[a, b]), run(&[b, a]));
    assert!(one.0.iter().any(|row| row.0 == 0), "a boundary lies between them");
    assert_eq!(one, other);
}

#[test]
fn where_nothing_is_in_any_window_nothing_is_put_down() {
    let run = |last: &[(i64, &str, u64)]| {
        let mut state = state(PANE, W, vec![report(Mode::Total, 0, HOUR)]);
        feed(&mut state, &[(1_000, "x", 1), (HOUR - 30_000, "x", 1)]);
        feed(&mut state, last);
        feed(&mut state, &[(32 * HOUR, "x", 1)]);
        first_rows(&mut state).into_iter().map(|row| row.0).collect::<Vec<_>>()
    };
    let (a, b) = ((30 * HOUR + 12_000, "x", 1), (30 * HOUR + 3_000, "y", 2));
    assert_eq!(run(&[a, b]), [HOUR], "the day after holds nothing, and neither does its end");
    assert_eq!(run(&[b, a]), [HOUR]);
}

#[test]
fn rankings_are_put_down_at_the_first_end_of_a_pane() {
    let mut state = state(7_000, 28_000, vec![report(Mode::Count, 28_000, 60_000)]);
    let posts: Vec<_> = (-20..60).map(|n| (n * 7_000, "x", 1)).collect();
    feed(&mut state, &posts);
    let at: Vec<_> = first_rows(&mut state).into_iter().map(|row| row.0).collect();
    assert_eq!(at, [-119_000, -56_000, 0, 63_000, 126_000, 182_000, 245_000, 301_000, 364_000]);
}
