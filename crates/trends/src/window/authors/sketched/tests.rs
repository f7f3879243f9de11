//! Columns of estimated tags, after any posts and queries, compared with a restart.

use super::*;
use proptest::prelude::*;

const PANE_MS: i64 = 10_000;
const TAGS: u32 = 4;

/// Windows of panes and of minutes, not in the order of their lengths.
fn windows() -> Vec<Window> {
    let of = |(ms, step_ms): (i64, i64)| {
        let mut window = Window { ms, step_ms, gone_to: i64::MIN, ..Window::default() };
        window.people.grow(TAGS as usize);
        window
    };
    let shapes = [(30_000, PANE_MS), (420_000, 60_000), (10_000, PANE_MS), (180_000, 60_000)];
    shapes.map(of).into()
}

fn slide(windows: &mut [Window], newest: i64) {
    windows.iter_mut().for_each(|window| window.gone_to = window.gone_at(newest, PANE_MS));
}

fn people(windows: &[Window]) -> Vec<Vec<u32>> {
    (0..TAGS).map(|id| windows.iter().map(|window| window.people(id)).collect()).collect()
}

/// Columns as after a restart.
fn again(bigs: &SketchedTags, newest: i64) -> Vec<Vec<u32>> {
    let (mut other, mut windows) = (SketchedTags::new(bigs.horizon), windows());
    for (id, big) in bigs.range(0..TAGS) {
        let entries: Vec<_> = big.sketch.entries(newest as u32).collect();
        other.restore((id, big.below), entries.into_iter());
    }
    slide(&mut windows, newest);
    other.estimate(&mut windows, (newest, PANE_MS), u64::MAX);
    people(&windows)
}

proptest! {
    #[test]
    fn columns_are_those_of_a_restart(
        came in prop::collection::vec(
            (0..TAGS, 0_u32..40, prop_oneof![0_i64..3, 0_i64..3, 0_i64..90], any::<u64>()),
            1..200,
        ),
    ) {
        let horizon = ((420_000 + MINUTE_MS) / PANE_MS) as u32 + 1;
        let (mut bigs, mut sets, mut windows) =
            (SketchedTags::new(horizon), AuthorSets::default(), windows());
        sets.grow(TAGS as usize);
        let (mut now, mut number) = (1000_i64, 0_u32);
        for (id, authors, silence, asked) in came {
            if silence > 0 {
                now += silence;
                slide(&mut windows, now);
                // A boundary without posts.
                bigs.prune(&mut sets, &mut windows, now);
                bigs.estimate(&mut windows, (now, PANE_MS), asked);
            }
            now += 1;
            slide(&mut windows, now);
            bigs.prune(&mut sets, &mut windows, now);
            bigs.begin(&windows, now, PANE_MS);
            if bigs.below(id).is_none() {
                let (mut closed, mut minutes) = Default::default();
                let mut kept =
                    ClosedPanes { closed: &mut closed, minutes: &mut minutes, pane_ms: PANE_MS };
                let members = (0..70).map(|n: u32| (now - i64::from(n % 50), (n << 23) | (n * n)));
                bigs.make(&mut kept, &mut windows, (id, 7), members);
            }
            let authors: Vec<u32> = (0..authors)
                .map(|_| {
                    number += 1;
                    number.wrapping_mul(0x9e37_79b9)
                })
                .collect();
            bigs.on_post(id, &authors, authors.len() as u32 % 3, now);
            bigs.end(now);
            bigs.estimate(&mut windows, (now, PANE_MS), asked);
            if asked & 1 == 1 {
                bigs.estimate(&mut windows, (now, PANE_MS), u64::MAX);
                prop_assert_eq!(people(&windows), again(&bigs, now));
            }
            if asked & 15 == 2 {
                prop_assert!(bigs.forget(id));
                windows.iter_mut().for_each(|window| *window.people.at_mut(id) = 0);
            }
        }
        bigs.estimate(&mut windows, (now, PANE_MS), u64::MAX);
        prop_assert_eq!(people(&windows), again(&bigs, now));
    }
}
