//! Sorts the author rows of a pane by tag, author and text.
//!
//! Ids of tags are small and dense, so they are sorted digit by digit; only the few rows of one tag
//! are compared.

use crate::window::authors::AuthorRow;

/// Bits of a digit: its counters fit into the fastest cache.
const BITS: u32 = 11;
/// Fewer rows than this, fewer than the counters, are sorted by comparison.
const FEW: usize = 512;

fn who(seen: &AuthorRow) -> u64 {
    u64::from(seen.author) << 32 | u64::from(seen.print)
}

/// Fills `sorted` with the rows by tag, author and text; `spare` is a reused buffer.
pub(super) fn sort(seen: &[AuthorRow], sorted: &mut Vec<AuthorRow>, spare: &mut Vec<AuthorRow>) {
    sorted.clear();
    if seen.len() < FEW {
        sorted.extend_from_slice(seen);
        sorted.sort_unstable_by_key(|seen| (seen.id, who(seen)));
        return;
    }
    sorted.resize(seen.len(), AuthorRow::default());
    spare.resize(seen.len(), AuthorRow::default());
    let bits = u32::BITS - seen.iter().fold(0, |all, seen| all | seen.id).leading_zeros();
    deal(seen, sorted, 0);
    for digit in 1..bits.div_ceil(BITS) {
        deal(sorted, spare, digit * BITS);
        std::mem::swap(sorted, spare);
    }
    for mine in sorted.chunk_by_mut(|a, b| a.id == b.id).filter(|mine| mine.len() > 1) {
        mine.sort_unstable_by_key(who);
    }
}

/// Distributes rows by one digit of their ids, stably.
fn deal(from: &[AuthorRow], to: &mut [AuthorRow], shift: u32) {
    let digit = |seen: &AuthorRow| (seen.id >> shift) as usize % (1 << BITS);
    let mut next = [0_u32; 1 << BITS];
    from.iter().for_each(|seen| next[digit(seen)] += 1);
    let mut start = 0;
    for count in &mut next {
        start += std::mem::replace(count, start);
    }
    for seen in from {
        let place = &mut next[digit(seen)];
        to[*place as usize] = *seen;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_plain_order(
            bits in 1_u32..32,
            rows in prop::collection::vec((any::<u32>(), 0_u32..4, 0_u32..3), 0..2000),
        ) {
            let row = |(id, author, print): (u32, u32, u32)| {
                AuthorRow { id: id >> bits, author, print }
            };
            let seen: Vec<AuthorRow> = rows.into_iter().map(row).collect();
            let (mut plain, mut sorted) = (seen.clone(), vec![AuthorRow::default(); 7]);
            plain.sort();
            sort(&seen, &mut sorted, &mut Vec::new());
            prop_assert_eq!(sorted, plain);
        }
    }
}
