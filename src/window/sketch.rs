//! Distinct authors of a tag that has too many to tell apart: a sliding HyperLogLog.
//!
//! Each register keeps, newest first, the ranks that may still be its largest in some window: a
//! rank that is neither newer nor larger than another can never be (Chabchoub, Hebrail, "Sliding
//! HyperLogLog", ICDMW 2010). Counts are estimated by Ertl's formula (arXiv 1702.01284), which
//! needs no table of corrections; the standard error is 4.6 %.

use smallvec::{SmallVec, smallvec};

use crate::simd::prefetch;

const BITS: u32 = 9;
const REGISTERS: usize = 1 << BITS;
/// Largest rank but one.
const Q: usize = 32 - BITS as usize;
/// Bits of a pane's number that are kept; far fewer panes are alive at a time.
const PANE_BITS: u32 = 27;
const PANE_MASK: u32 = (1 << PANE_BITS) - 1;

/// Windows that are estimated in one pass.
const WINDOWS_AT_ONCE: usize = 16;

/// Authors by the pane in which they were seen last.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Rank << 27 | pane modulo 2^27, newest first, ranks ascending.
    registers: Vec<SmallVec<[u32; 4]>>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { registers: vec![SmallVec::new(); REGISTERS] }
    }
}

/// Panes from `pane` to `newest`, both modulo 2^27.
fn age(newest: u32, pane: u32) -> u32 {
    newest.wrapping_sub(pane) & PANE_MASK
}

impl Sketch {
    /// Asks for what [`Sketch::insert`] will read first.
    pub fn expect(&self, author: u32) {
        prefetch(&self.registers[(author >> (32 - BITS)) as usize]);
    }

    /// Takes an author in who was seen in `pane`, which must not be older than any before it;
    /// whatever was seen `horizon` panes before it or earlier is forgotten.
    pub fn insert(&mut self, author: u32, pane: u32, horizon: u32) {
        let register = &mut self.registers[(author >> (32 - BITS)) as usize];
        // The bit behind the last one bounds the rank.
        let rank = (author << BITS | 1 << (BITS - 1)).leading_zeros() + 1;
        let pane = pane & PANE_MASK;
        if register.first().is_some_and(|&e| e & PANE_MASK == pane && e >> PANE_BITS >= rank) {
            return;
        }
        register.retain(|&mut entry| {
            entry >> PANE_BITS > rank && age(pane, entry & PANE_MASK) < horizon
        });
        register.insert(0, rank << PANE_BITS | pane);
    }

    /// Distinct authors seen in the last so many panes up to `newest`, about: for each number of
    /// `panes`, which ascend. One pass over the registers serves [`WINDOWS_AT_ONCE`].
    #[must_use]
    pub fn estimate(&self, newest: u32, panes: &[u32]) -> SmallVec<[f64; 16]> {
        panes.chunks(WINDOWS_AT_ONCE).flat_map(|panes| self.estimate_some(newest, panes)).collect()
    }

    fn estimate_some(&self, newest: u32, panes: &[u32]) -> SmallVec<[f64; 16]> {
        let newest = newest & PANE_MASK;
        // No branch tells the window of an entry: nobody could foretell it.
        let mut ends = [i32::MAX; WINDOWS_AT_ONCE];
        for (end, &panes) in ends.iter_mut().zip(panes) {
            *end = panes.min(PANE_MASK + 1) as i32;
        }
        let window_of =
            |age: u32| -> usize { ends.iter().map(|&end| usize::from(end <= age as i32)).sum() };
        // How many registers more or fewer have each rank than in the window before.
        let mut ranks: SmallVec<[[i16; Q + 2]; 16]> = smallvec![[0; Q + 2]; panes.len()];
        if let Some(first) = ranks.first_mut() {
            first[0] = REGISTERS as i16;
        }
        for register in &self.registers {
            let mut rank = 0;
            for &entry in register {
                let window = window_of(age(newest, entry & PANE_MASK));
                let Some(ranks) = ranks.get_mut(window) else { break };
                ranks[rank] -= 1;
                rank = (entry >> PANE_BITS) as usize;
                ranks[rank] += 1;
            }
        }
        for window in 1..ranks.len() {
            for rank in 0..Q + 2 {
                ranks[window][rank] += ranks[window - 1][rank];
            }
        }
        ranks.iter().map(ertl).collect()
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

    /// Sets the next register when a checkpoint is read.
    pub fn set(&mut self, register: usize, entries: impl Iterator<Item = u32>) {
        if let Some(register) = self.registers.get_mut(register) {
            register.extend(entries);
        }
    }
}

/// Ertl's improved estimate from how many registers have each rank.
fn ertl(ranks: &[i16; Q + 2]) -> f64 {
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(ranks[Q + 1]) / m);
    for &count in ranks[1..=Q].iter().rev() {
        z = 0.5 * (z + f64::from(count));
    }
    z += m * sigma(f64::from(ranks[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
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
