//! Sparklines: the counts of each row of a ranking over its window.
//!
//! One pass over the panes of the window for all rows together; nothing is stored between ticks.
//! Slots are whole panes (whole minutes beyond one hour), aligned to Unix time, so that a picture
//! moves on without changing; the slot that is still filling is left out, or every line would end
//! in a fall. There are at most [`POINTS_MAX`] of them. A pass that costs more counts than are
//! left of its budget is not made, and the rows have no series.

use crate::rank::Ranking;
use crate::rank::ranking::Key;
use crate::state::State;
use crate::window::Ring;

/// Most points of a series.
pub const POINTS_MAX: i64 = 60;
/// Counts that the passes of one tick may look at: about 4 ms.
pub const COUNTS_MAX: usize = 4_000_000;

/// Bits of the filter before the search: nearly all ids are of no row.
const FILTER: u32 = 1 << 14;

/// Fills in `series` of every row of the ranking `key` at event time `at`; `left` is what remains
/// of [`COUNTS_MAX`]. A ranking without a window has none.
pub fn fill(state: &State, key: Key, at: i64, left: &mut usize, ranking: &mut Ranking) {
    let find = |tag: &str| state.tags.find(tag.as_bytes());
    let ids: Option<Vec<u32>> = ranking.trends.iter().map(|row| find(&row.tag)).collect();
    let Some(ids) = ids else { return };
    if let Some(all) = series(&state.ring, &ids, key.window_ms, at, left) {
        for (row, series) in ranking.trends.iter_mut().zip(all) {
            row.series = Some(series);
        }
    }
}

/// Counts of each of `ids` in each slot of the window, oldest first.
fn series(
    ring: &Ring,
    ids: &[u32],
    window_ms: i64,
    at: i64,
    left: &mut usize,
) -> Option<Vec<Vec<u32>>> {
    let step = ring.step_ms(window_ms)?;
    let slot = (window_ms / step + POINTS_MAX - 1) / POINTS_MAX * step;
    let end = at.div_euclid(slot) * slot;
    // The window ends with the open step; slots that it holds only in part are left out.
    let begin = (at.div_euclid(step) + 1) * step - window_ms;
    let begin = (begin + slot - 1).div_euclid(slot) * slot;
    let points = usize::try_from((end - begin) / slot).ok()?;
    let slices = || ring.slices(begin, end);
    let cost: usize = slices().map(|s| s.pairs.len() + s.log.len() + s.minus.len()).sum();
    *left = left.checked_sub(cost)?;

    let mut rows: Vec<(u32, usize)> = ids.iter().copied().zip(0..).collect();
    rows.sort_unstable();
    let mut filter = vec![false; FILTER as usize];
    ids.iter().for_each(|id| filter[(id % FILTER) as usize] = true);
    let row = |id: u32| {
        let found = filter[(id % FILTER) as usize].then(|| rows.binary_search_by_key(&id, |r| r.0));
        found?.ok().map(|place| rows[place].1)
    };
    let mut all = vec![vec![0_u32; points]; ids.len()];
    for slice in slices() {
        let point = ((slice.start_ms - begin) / slot) as usize;
        for &(id, by) in slice.pairs {
            if let Some(row) = row(id) {
                all[row][point] += by;
            }
        }
        slice.log.iter().filter_map(|&id| row(id)).for_each(|row| all[row][point] += 1);
        // What is taken back was counted in the same pane.
        for row in slice.minus.iter().filter_map(|&id| row(id)) {
            all[row][point] = all[row][point].saturating_sub(1);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Shape;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_counting_the_posts_of_each_slot(
            posts in prop::collection::vec((0_i64..9_000_000, 0_u32..30), 0..300),
            at in 7_000_000_i64..9_000_000,
            closed in 6_000_000_i64..9_000_000,
            gone in 0_usize..20,
        ) {
            let windows_ms = vec![60_000, 300_000, 3_600_000, 7_200_000];
            let shape = Shape {
                pane_ms: 2_000,
                windows_ms: windows_ms.clone(),
                people: None,
                decay_ms: None,
            };
            let mut ring = Ring::new(&shape, false);
            ring.grow(30);
            posts.iter().for_each(|&(at, id)| ring.add(at, 1, 1, &[id], None));
            ring.close_to(closed.min(at));
            posts.iter().take(gone).for_each(|&(at, id)| ring.retract(at, &[id], 0));
            let ids = [17, 3, 29, 0];
            for (window, slot) in windows_ms.into_iter().zip([2_000, 6_000, 60_000, 120_000]) {
                let found = series(&ring, &ids, window, at, &mut 100_000).unwrap();
                let end = at / slot * slot;
                for (id, found) in ids.iter().zip(&found) {
                    prop_assert!((58..=60).contains(&found.len()) || window < 3_600_000);
                    for (back, &found) in found.iter().rev().enumerate() {
                        let of = end / slot - 1 - back as i64;
                        let here = |p: &&(i64, u32)| p.1 == *id && p.0.div_euclid(slot) == of;
                        let want = posts.iter().skip(gone).filter(here).count();
                        prop_assert_eq!(found as usize, want);
                    }
                }
            }
            prop_assert_eq!(series(&ring, &ids, 60_001, at, &mut 100_000), None);
        }
    }

    #[test]
    fn a_pass_beyond_the_budget_is_not_made() {
        let shape = Shape { pane_ms: 1_000, windows_ms: vec![4_000], people: None, decay_ms: None };
        let mut ring = Ring::new(&shape, false);
        ring.grow(2);
        ring.add(1_000, 3, 3, &[0, 1, 1], None);
        let mut left = 5;
        let found = series(&ring, &[1, 0], 4_000, 3_500, &mut left);
        assert_eq!((found, left), (Some(vec![vec![0, 2, 0], vec![0, 1, 0]]), 2));
        assert_eq!(series(&ring, &[1], 4_000, 3_500, &mut left), None);
    }
}
