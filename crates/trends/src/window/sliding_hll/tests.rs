//! Windows of a sketch as they are kept, held against all that was ever seen.

use super::*;
use proptest::prelude::*;

const HORIZON: u32 = 40;

/// Takes in who was seen in one pane.
fn see(sketch: &mut SlidingHll, pane: u32, held: &[u32], authors: impl IntoIterator<Item = u32>) {
    sketch.slide(pane, held, held);
    sketch.begin(pane);
    authors.into_iter().for_each(|author| sketch.insert(author));
}

/// What is told of all windows, over what was told before.
fn told(sketch: &mut SlidingHll, newest: u32, held: &[u32], before: &mut [f64]) {
    sketch.slide(newest, held, held);
    assert!(sketch.report(u64::MAX, |at, people| before[at] = people));
}

/// The same of a sketch that knows nothing of windows.
fn cleared(sketch: &SlidingHll, newest: u32, held: &[u32]) -> Vec<f64> {
    let (mut sketch, mut people) = (sketch.clone(), vec![-1.0; held.len()]);
    sketch.forget_windows();
    told(&mut sketch, newest, held, &mut people);
    people
}

/// The estimate of those seen in the last `panes` panes, from all that were ever seen.
fn plainly(seen: &[(u32, u32)], newest: u32, panes: u32) -> f64 {
    let mut largest = [0; REGISTERS];
    for (author, _) in seen.iter().filter(|seen| age(newest & PANE_MASK, seen.1) < panes) {
        let rank = ((author << BITS).leading_zeros() as usize).min(Q) + 1;
        let largest = &mut largest[(author >> (32 - BITS)) as usize];
        *largest = rank.max(*largest);
    }
    let m = REGISTERS as f64;
    let of = |is: &dyn Fn(usize) -> bool| largest.iter().filter(|rank| is(**rank)).count() as f64;
    let weights = largest.iter().filter(|rank| (1..=Q).contains(*rank));
    let weight: f64 = weights.map(|&rank| (-(rank as f64)).exp2()).sum();
    let full = of(&|rank| rank > Q);
    let z = m * tau(1.0 - full / m) * (-(Q as f64)).exp2() + weight;
    m * m / (2.0 * std::f64::consts::LN_2 * (z + m * sigma(of(&|rank| rank == 0) / m)))
}

proptest! {
    #[test]
    fn what_is_kept_of_windows_is_what_was_seen(
        from in prop_oneof![Just(PANE_MASK - 20), Just(1000)],
        came in prop::collection::vec(
            (any::<u32>(), prop_oneof![0_u32..3, 0_u32..3, 0_u32..60], 0_u32..30, any::<u64>()),
            1..600,
        ),
    ) {
        let held = [1, 2, 7, 20, HORIZON - 1];
        let (mut sketch, mut pane, mut seen) = (SlidingHll::new(HORIZON), from, Vec::new());
        let mut kept = [0.0; 5];
        for (author, step, zeros, asked) in came {
            if step == 2 {
                // A restart: windows are told anew.
                let entries: Vec<_> = sketch.entries(pane).collect();
                sketch = SlidingHll::restore(entries.iter().cloned(), HORIZON);
                prop_assert!(sketch.entries(pane).eq(entries));
            }
            pane += step;
            // Ranks that chance alone would hardly ever give.
            let author = author & !0 << (32 - BITS) | author << BITS >> BITS >> zeros.min(23);
            see(&mut sketch, pane, &held, [author]);
            seen.push((author, pane & PANE_MASK));
            sketch.report(asked, |at, people| kept[at] = people);
            sketch.steps_max = 8;
            if step == 1 {
                // Nobody came for a while.
                sketch.slide(pane + 1, &held, &held);
                pane += 1;
            }
        }
        told(&mut sketch, pane, &held, &mut kept);
        for (got, panes) in kept.iter().zip(held) {
            let want = plainly(&seen, pane, panes);
            prop_assert!((got - want).abs() <= want * 1e-12, "{panes} panes: {got}, not {want}");
        }
        prop_assert_eq!(cleared(&sketch, pane, &held), kept);
        prop_assert!(sketch.steps.len() <= HORIZON as usize);
        let free = std::iter::successors(Some(sketch.free), |&cell| {
            (cell != NONE).then(|| sketch.cells[cell as usize][1])
        });
        let free = free.filter(|cell| *cell != NONE).count();
        let cells = (0..REGISTERS).map(|r| sketch.chain(sketch.registers[r]).count());
        let cells: usize = cells.map(|entries| entries.saturating_sub(1)).sum();
        prop_assert_eq!(cells + free, sketch.cells.len(), "no cell is lost");
    }

    #[test]
    fn nothing_falls_out_before_it_is_said(
        panes in prop::collection::vec(0_u32..30, 1..60), silence in 1_u32..50,
    ) {
        let held = [3, 10, HORIZON - 1];
        let (mut sketch, mut pane, mut before) = (SlidingHll::new(HORIZON), 5, [0.0; 3]);
        for (n, step) in panes.into_iter().enumerate() {
            pane += step;
            see(&mut sketch, pane, &held, [author(n as u32)]);
        }
        told(&mut sketch, pane, &held, &mut before);
        let due = sketch.slide(pane, &held, &held);
        let changes = cleared(&sketch, pane + silence, &held) != before;
        prop_assert!(!changes || silence >= due);
        if due < 50 {
            prop_assert!(cleared(&sketch, pane + due, &held) != before);
        }
    }
}

/// Spreads numbers over all 32 bits.
fn author(n: u32) -> u32 {
    let x = (n ^ n >> 16).wrapping_mul(0x7feb_352d);
    let x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[test]
fn each_window_has_its_own_estimate() {
    let mut sketch = SlidingHll::new(150);
    let held = [1, 2, 10, 50, 149];
    // Pane p has authors p * 100 .. p * 100 + 400: each is seen in up to four panes.
    for pane in 0..200 {
        let authors = (pane * 100..pane * 100 + 400).map(author);
        see(&mut sketch, pane.wrapping_sub(50), &held, authors);
    }
    for (panes, got) in held.iter().zip(cleared(&sketch, 149, &held)) {
        let want = f64::from((panes - 1) * 100 + 400);
        assert!((got / want - 1.0).abs() < 0.12, "{panes} panes: {got}, not {want}");
    }
    let entries: usize = sketch.entries(149).map(|entries| entries.len()).sum();
    assert!(entries < 512 * 12, "dominated ranks are dropped, {entries} are left");
}

#[test]
fn the_order_within_a_pane_is_nothing() {
    let (mut a, mut b) = (SlidingHll::new(100), SlidingHll::new(100));
    for pane in 0..5 {
        see(&mut a, pane, &[3], (0..3000).map(|n| author(n * (pane + 1))));
        see(&mut b, pane, &[3], (0..3000).rev().map(|n| author(n * (pane + 1))));
    }
    assert!(a.entries(4).eq(b.entries(4)));
    assert_eq!(cleared(&a, 4, &[1, 3]), cleared(&b, 4, &[1, 3]));
}

#[test]
fn few_are_counted_nearly_exactly_and_none_as_none() {
    let mut sketch = SlidingHll::new(100);
    assert_eq!(cleared(&sketch, 7, &[10]), [0.0]);
    see(&mut sketch, 7, &[5, 10], (0..20).map(author));
    assert!((cleared(&sketch, 7, &[5, 10])[1] - 20.0).abs() < 1.5);
    assert_eq!(cleared(&sketch, 30, &[10]), [0.0], "they have fallen out");
}

#[test]
fn a_sketch_of_few_is_small() {
    let mut sketch = SlidingHll::new(10_000);
    for pane in 0..600 {
        see(&mut sketch, pane * 10, &[6, 60, 600], [author(pane)]);
    }
    let bytes = |len: usize, size: usize| len * size;
    let size = bytes(sketch.registers.capacity(), 4)
        + bytes(sketch.cells.capacity(), 8)
        + bytes(sketch.panes.capacity(), 4)
        + bytes(sketch.steps.capacity(), 8);
    assert!(size < 14 << 10, "{size} bytes");
}
