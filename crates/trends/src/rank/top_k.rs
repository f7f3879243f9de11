//! The largest counts of a dense column, found by one scan.
//!
//! A scan of five million counts takes about a millisecond and happens once a refresh; keeping a
//! heap would cost more at every post.

use std::cmp::Ordering;

use crate::store::column::CHUNK;
use crate::store::cow_column::CowColumn;

/// Counts looked at together: a block whose largest is too small is skipped.
const BLOCK: usize = 64;

/// Ids and counts of the `top` largest counts above zero that `keep` selects, best first.
/// `tie(a, b)` orders ids of equal counts, the better first, and must be total.
pub fn top<T>(
    column: &CowColumn<T>,
    rows: u32,
    top: usize,
    keep: impl Fn(u32) -> bool,
    tie: impl Fn(u32, u32) -> Ordering,
) -> Vec<(u32, T)>
where
    T: Copy + PartialOrd + Default,
{
    let mut best: Vec<(u32, T)> = Vec::new();
    if top == 0 {
        return best;
    }
    let order = |a: &(u32, T), b: &(u32, T)| {
        b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then_with(|| tie(a.0, b.0))
    };
    // Candidates gather up to this many before the worst are cut off, so a cut pays for itself.
    let enough = top.saturating_mul(2).max(1024);
    let mut least = T::default();
    for (c, chunk) in column.chunks().enumerate() {
        for (b, block) in chunk.chunks(BLOCK).enumerate() {
            let largest =
                block.iter().copied().fold(T::default(), |a, b| if b > a { b } else { a });
            if largest < least || largest == T::default() {
                continue;
            }
            let first = c * CHUNK + b * BLOCK;
            for (i, &count) in block.iter().enumerate() {
                let id = (first + i) as u32;
                if count >= least && count > T::default() && id < rows && keep(id) {
                    best.push((id, count));
                }
            }
            if best.len() >= enough {
                cut(&mut best, top, order);
                least = best[top - 1].1;
            }
        }
    }
    cut(&mut best, top, order);
    best.sort_unstable_by(order);
    best
}

/// Cuts all but the `top` best off; those that stay are in no order.
pub(super) fn cut<E>(best: &mut Vec<E>, top: usize, order: impl Fn(&E, &E) -> Ordering) {
    if best.len() > top {
        if top > 0 {
            best.select_nth_unstable_by(top - 1, order);
        }
        best.truncate(top);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_left_of_a_cut_to_none() {
        let mut rows = vec![2, 1, 3];
        cut(&mut rows, 0, u32::cmp);
        assert_eq!(rows, [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn equals_sorting_everything(
            counts in prop::collection::vec(0_u32..50, 1..5000),
            n in 0_usize..300,
        ) {
            let mut column = CowColumn::default();
            column.grow(counts.len());
            for (id, &count) in counts.iter().enumerate() {
                *column.at_mut(id as u32) = count;
            }
            // Ties by descending id, so that the order of ids does not help.
            let kept = |id: u32| !id.is_multiple_of(7);
            let found = top(&column, counts.len() as u32, n, kept, |a, b| b.cmp(&a));
            let want = (0..).zip(counts).filter(|(id, count)| *count > 0 && kept(*id));
            let mut want: Vec<_> = want.collect();
            want.sort_by(|a: &(u32, u32), b| b.1.cmp(&a.1).then(b.0.cmp(&a.0)));
            want.truncate(n);
            prop_assert_eq!(found, want);
        }
    }
}
