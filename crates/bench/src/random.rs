//! Random numbers, reproducible by seed.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// For a seed, which may be a small number.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// With this state.
    pub(crate) fn of(state: u64) -> Self {
        Self(state)
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From `low` to `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.between(0.0, 1.0)).ln()
    }

    /// Gamma with shape 8 and mean 1.
    pub(crate) fn gamma8(&mut self) -> f64 {
        (0..8).map(|_| self.exponential()).sum::<f64>() / 8.0
    }

    /// Poisson; beyond 50 by steps of half, which add up.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 50.0 {
            return self.poisson(mean / 2.0) + self.poisson(mean / 2.0);
        }
        let (mut left, mut count) = (mean, 0);
        loop {
            left -= self.exponential();
            if left < 0.0 {
                return count;
            }
            count += 1;
        }
    }

    /// Geometric from 1 on, with this mean.
    pub(crate) fn geometric(&mut self, mean: f64) -> u32 {
        let mut count = 1;
        while self.between(0.0, 1.0) > 1.0 / mean && count < 1000 {
            count += 1;
        }
        count
    }
}
