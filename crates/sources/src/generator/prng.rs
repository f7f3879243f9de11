//! Pseudo-random numbers that are the same on every machine: integers only.

/// Mixes 64 bits so that each bit of the result depends on all of them (the finaliser of
/// SplitMix64).
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// SplitMix64: any number of independent streams, each begun in a few nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// The stream `stream` of `seed`.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed ^ mix(stream.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// True in `per_mille` of 1,000 draws.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `all`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }

    /// A rank from `from` to `to` (both at least 1, both included) with weight 1 / rank.
    ///
    /// Every octave [2^k, 2^(k+1)) of ranks weighs about the same, so one is drawn evenly, then a
    /// rank in it, which is kept with 2^k / rank. Exact, without a table or a logarithm.
    pub(super) fn zipf(&mut self, from: u32, to: u32) -> u32 {
        let (low, high) = (from.ilog2(), to.max(from).ilog2());
        loop {
            let octave = 1_u32 << (low + self.below(high - low + 1));
            let bits = self.next();
            let rank = octave | (bits as u32 & (octave - 1));
            let kept = ((bits >> 32) * u64::from(rank)) >> 32 < u64::from(octave);
            if kept && (from..=to.max(from)).contains(&rank) {
                return rank;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_weigh_one_over_rank() {
        let mut rng = Rng::new(1, 2);
        let mut counts = [0_u32; 101];
        for _ in 0..1_000_000 {
            counts[rng.zipf(1, 100) as usize] += 1;
        }
        let harmonic: f64 = (1..=100).map(|r| 1.0 / f64::from(r)).sum();
        for rank in [1, 2, 3, 10, 50, 64, 100] {
            let want = 1e6 / harmonic / f64::from(rank as u32);
            let got = f64::from(counts[rank]);
            assert!((got - want).abs() < 6.0 * want.sqrt(), "{rank}: {got}, not {want}");
        }
        assert_eq!((rng.zipf(1, 1), rng.zipf(7, 7)), (1, 7));
    }
}
