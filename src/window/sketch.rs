//! Distinct authors of a tag that has too many to tell apart: a sliding HyperLogLog.
//!
//! Each register keeps, newest first, the ranks that may still be its largest in some window: a
//! rank that is neither newer nor larger than another can never be (Chabchoub, Hebrail, "Sliding
//! HyperLogLog", ICDMW 2010). Counts are estimated by Ertl's formula (arXiv 1702.01284), which
//! needs no table of corrections; the standard error is 4.6 %.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use smallvec::SmallVec;

use crate::simd::prefetch;

const BITS: u32 = 9;
/// Registers of a sketch.
pub const REGISTERS: usize = 1 << BITS;
/// Largest rank but one.
const Q: usize = 32 - BITS as usize;
/// Bits of a pane's number that are kept; far fewer panes are alive at a time.
const PANE_BITS: u32 = 27;
const PANE_MASK: u32 = (1 << PANE_BITS) - 1;

/// Steps are looked through for empty ones where there are more.
const STEPS_MIN: usize = 4 * REGISTERS;

/// Authors by the pane in which they were seen last.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Rank << 27 | pane modulo 2^27, newest first, ranks ascending.
    registers: Vec<SmallVec<[u32; 4]>>,
    /// What the entries of each pane add to the sums of a window that reaches back to it, oldest
    /// first: so a window is estimated without a look at the registers.
    steps: VecDeque<Step>,
    /// Empty steps are taken out when there are so many.
    steps_max: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    pane: u32,
    sums: Sums,
}

/// What the estimate asks of the largest rank of each register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Registers that have one.
    filled: i32,
    /// Those whose rank is the largest there is.
    full: i32,
    /// Of the others, the sum of 2^-rank, in units of 2^-[`Q`].
    weight: i64,
}

impl Sums {
    /// What a register adds whose largest rank becomes `rank`, and was `before`.
    fn of(rank: u32, before: Option<u32>) -> Self {
        let weight = |rank: u32| if rank as usize > Q { 0 } else { 1 << (Q - rank as usize) };
        let full = |rank: u32| i32::from(rank as usize > Q);
        Self {
            filled: i32::from(before.is_none()),
            full: full(rank) - before.map_or(0, full),
            weight: weight(rank) - before.map_or(0, weight),
        }
    }

    fn add(&mut self, other: Self) {
        self.filled += other.filled;
        self.full += other.full;
        self.weight += other.weight;
    }

    fn less(self, other: Self) -> Self {
        Self {
            filled: self.filled - other.filled,
            full: self.full - other.full,
            weight: self.weight - other.weight,
        }
    }

    /// Ertl's improved estimate.
    fn estimate(self) -> f64 {
        let m = REGISTERS as f64;
        let empty = m - f64::from(self.filled);
        let z = (m * tau(1.0 - f64::from(self.full) / m) + self.weight as f64)
            * (-(Q as f64)).exp2()
            + m * sigma(empty / m);
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }
}

impl Default for Sketch {
    fn default() -> Self {
        let registers = vec![SmallVec::new(); REGISTERS];
        Self { registers, steps: VecDeque::new(), steps_max: STEPS_MIN }
    }
}

/// Panes from `pane` to `newest`, both modulo 2^27.
fn age(newest: u32, pane: u32) -> u32 {
    newest.wrapping_sub(pane) & PANE_MASK
}

/// The step of a pane, where there is one.
fn step(steps: &mut VecDeque<Step>, pane: u32) -> Option<&mut Sums> {
    let newest = steps.back()?.pane;
    let ago = age(newest, pane);
    // Where every pane has a step, its place is known.
    let place = (steps.len() - 1).checked_sub(ago as usize);
    let place = place.filter(|&place| steps[place].pane == pane).or_else(|| {
        steps.binary_search_by_key(&Reverse(ago), |step| Reverse(age(newest, step.pane))).ok()
    });
    steps.get_mut(place?).map(|step| &mut step.sums)
}

fn rank_of(entry: u32) -> u32 {
    entry >> PANE_BITS
}

fn pane_of(entry: u32) -> u32 {
    entry & PANE_MASK
}

impl Sketch {
    /// Asks for what [`Sketch::insert`] will read first.
    pub fn expect(&self, author: u32) {
        prefetch(&self.registers[(author >> (32 - BITS)) as usize]);
    }

    /// Takes an author in who was seen in `pane`, which must not be older than any before it;
    /// whatever was seen `horizon` panes before it or earlier is forgotten.
    pub fn insert(&mut self, author: u32, pane: u32, horizon: u32) {
        let number = (author >> (32 - BITS)) as usize;
        // The bit behind the last one bounds the rank.
        let rank = (author << BITS | 1 << (BITS - 1)).leading_zeros() + 1;
        let pane = pane & PANE_MASK;
        let Self { registers, steps, .. } = self;
        let register = &mut registers[number];
        if register.first().is_some_and(|&e| pane_of(e) == pane && rank_of(e) >= rank) {
            return;
        }
        // What is newer and not larger is in front, what is too old at the end.
        let (mut outdone, mut before) = (0, None);
        for &entry in register.iter() {
            let sums = step(steps, pane_of(entry));
            let gone = Sums::of(rank_of(entry), before.replace(rank_of(entry)));
            if rank_of(entry) > rank {
                let next = Sums::of(rank_of(entry), Some(rank));
                sums.into_iter().for_each(|sums| sums.add(next.less(gone)));
                break;
            }
            sums.into_iter().for_each(|sums| *sums = sums.less(gone));
            outdone += 1;
        }
        register.drain(..outdone);
        register.retain(|entry| age(pane, pane_of(*entry)) < horizon);
        register.insert(0, rank << PANE_BITS | pane);
        self.begin_step(pane, horizon).add(Sums::of(rank, None));
    }

    /// The step of the newest pane. Those beyond the horizon go.
    fn begin_step(&mut self, pane: u32, horizon: u32) -> &mut Sums {
        if self.steps.back().is_none_or(|step| step.pane != pane) {
            while self.steps.front().is_some_and(|step| age(pane, step.pane) >= horizon) {
                self.steps.pop_front();
            }
            if self.steps.len() >= self.steps_max {
                self.steps.retain(|step| step.sums != Sums::default());
                self.steps_max = STEPS_MIN.max(2 * self.steps.len());
            }
            self.steps.push_back(Step { pane, sums: Sums::default() });
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last].sums
    }

    /// Distinct authors seen in the last so many panes up to `newest`, about: for each number of
    /// `panes`, which ascend.
    #[must_use]
    pub fn estimate(&self, newest: u32, panes: &[u32]) -> SmallVec<[f64; 16]> {
        let newest = newest & PANE_MASK;
        let (mut sums, mut steps) = (Sums::default(), self.steps.iter().rev().peekable());
        let window = |&panes: &u32| {
            while let Some(step) = steps.next_if(|step| age(newest, step.pane) < panes) {
                sums.add(step.sums);
            }
            sums.estimate()
        };
        panes.iter().map(window).collect()
    }

    /// True where somebody was seen in the last `panes` panes.
    #[must_use]
    pub fn is_alive(&self, newest: u32, panes: u32) -> bool {
        let newest = newest & PANE_MASK;
        let first = |register: &SmallVec<[u32; 4]>| register.first().copied();
        self.registers.iter().filter_map(first).any(|e| age(newest, e & PANE_MASK) < panes)
    }

    /// The registers, for the checkpoint.
    pub fn entries(&self) -> impl Iterator<Item = &[u32]> {
        self.registers.iter().map(SmallVec::as_slice)
    }

    /// From the registers as [`Sketch::entries`] gives them, when a checkpoint is read.
    #[must_use]
    pub fn restore(registers: impl Iterator<Item = SmallVec<[u32; 4]>>) -> Self {
        let registers: Vec<_> = registers.take(REGISTERS).collect();
        let some = registers.iter().flatten().next().map_or(0, |&entry| pane_of(entry));
        // Panes are told modulo 2^27, and are near to each other.
        let from_some = |pane: u32| (pane.wrapping_sub(some) << (32 - PANE_BITS)).cast_signed();
        let mut steps: BTreeMap<i32, Step> = BTreeMap::new();
        for register in &registers {
            let mut before = None;
            for &entry in register {
                let pane = pane_of(entry);
                let empty = Step { pane, sums: Sums::default() };
                let step = steps.entry(from_some(pane)).or_insert(empty);
                step.sums.add(Sums::of(rank_of(entry), before.replace(rank_of(entry))));
            }
        }
        Self { registers, steps: steps.into_values().collect(), ..Self::default() }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The estimate of those seen in the last `panes` panes, from all that were ever seen.
    fn plainly(seen: &[(u32, u32)], newest: u32, panes: u32) -> f64 {
        let mut alone = Sketch::default();
        let inside = seen.iter().filter(|(_, pane)| age(newest, *pane) < panes);
        inside.for_each(|&(author, _)| alone.insert(author, newest, u32::MAX));
        alone.estimate(newest, &[1])[0]
    }

    proptest! {
        #[test]
        fn steps_say_what_registers_say(
            from in prop_oneof![Just(PANE_MASK - 20), Just(1000)],
            came in prop::collection::vec((any::<u32>(), 0_u32..3, 0_u32..30), 1..600),
        ) {
            const HORIZON: u32 = 40;
            let (mut sketch, mut pane, mut seen) = (Sketch::default(), from, Vec::new());
            for (author, step, zeros) in came {
                pane += step;
                // Ranks that chance alone would hardly ever give.
                let author = author & !0 << (32 - BITS) | author << BITS >> BITS >> zeros.min(23);
                sketch.insert(author, pane, HORIZON);
                seen.push((author, pane & PANE_MASK));
                sketch.steps_max = 8;
            }
            let windows = [1, 2, 7, 20, HORIZON];
            let got = sketch.estimate(pane, &windows);
            for (got, panes) in got.iter().zip(windows) {
                prop_assert_eq!(*got, plainly(&seen, pane & PANE_MASK, panes), "{} panes", panes);
            }
            let again = Sketch::restore(sketch.entries().map(SmallVec::from_slice));
            prop_assert_eq!(again.estimate(pane, &windows), got);
            prop_assert!(sketch.steps.len() <= HORIZON as usize);
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
        let mut sketch = Sketch::default();
        // Pane p has authors p * 100 .. p * 100 + 400: each is seen in up to four panes.
        for pane in 0..200 {
            for n in pane * 100..pane * 100 + 400 {
                sketch.insert(author(n), pane.wrapping_sub(50), 150);
            }
        }
        for panes in [1, 2, 10, 50, 150] {
            let want = f64::from((panes - 1) * 100 + 400);
            let got = sketch.estimate(149, &[panes])[0];
            assert!((got / want - 1.0).abs() < 0.12, "{panes} panes: {got}, not {want}");
        }
        let entries: usize = sketch.entries().map(<[u32]>::len).sum();
        assert!(entries < 512 * 12, "dominated ranks are dropped, {entries} are left");
    }

    #[test]
    fn the_order_within_a_pane_is_nothing() {
        let (mut a, mut b) = (Sketch::default(), Sketch::default());
        for pane in 0..5 {
            for n in 0..3000 {
                a.insert(author(n * (pane + 1)), pane, 100);
                b.insert(author((2999 - n) * (pane + 1)), pane, 100);
            }
        }
        assert!(a.entries().eq(b.entries()));
    }

    #[test]
    fn few_are_counted_nearly_exactly_and_none_as_none() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.estimate(7, &[10])[0], 0.0);
        (0..20).for_each(|n| sketch.insert(author(n), 7, 100));
        assert!((sketch.estimate(7, &[5, 10])[1] - 20.0).abs() < 1.5);
        assert_eq!(sketch.estimate(30, &[10])[0], 0.0, "they have fallen out");
    }
}
