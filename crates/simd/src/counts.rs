//! Finds counts above a threshold, 64 at a time.
//!
//! `avx2` and `plain` return the same on every input.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use crate::level::{Cached, Level};

/// Counts examined in one step.
pub const BLOCK: usize = 64;

/// A bit for each of `counts` that is at least `least`, the first one in the lowest bit.
#[inline]
#[must_use]
pub fn at_least(counts: &[u32; BLOCK], least: u32) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 {
        // SAFETY: the feature was detected.
        return unsafe { avx2(counts, least) };
    }
    plain(counts, least)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn level() -> Level {
    static LEVEL: Cached = Cached::new();
    LEVEL.get(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    Level::new(is_x86_feature_detected!("avx2"), false)
}

fn plain(counts: &[u32; BLOCK], least: u32) -> u64 {
    counts.iter().rev().fold(0, |bits, &count| bits << 1 | u64::from(count >= least))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(counts: &[u32; BLOCK], least: u32) -> u64 {
    use std::arch::x86_64::{
        _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_max_epu32,
        _mm256_movemask_ps, _mm256_set1_epi32,
    };
    const LANES: usize = 8;
    let least = _mm256_set1_epi32(least.cast_signed());
    counts.as_chunks::<LANES>().0.iter().rev().fold(0, |bits, eight| {
        // SAFETY: eight counts are 32 bytes, and the load needs no alignment.
        let counts = unsafe { _mm256_loadu_si256(std::ptr::from_ref(eight).cast()) };
        // The maximum of both is the count itself.
        let enough = _mm256_cmpeq_epi32(_mm256_max_epu32(counts, least), counts);
        let mask = _mm256_movemask_ps(_mm256_castsi256_ps(enough));
        bits << LANES | u64::from(mask.cast_unsigned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_level_is_as_asked_for() {
        crate::level::tests::is_as_asked_for(level(), detect());
    }

    #[test]
    fn both_ways_find_the_same() {
        let mut random = 7_u64;
        for round in 0..10_000_u32 {
            let counts = std::array::from_fn(|_| {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                ((random >> 32) as u32) >> (round % 33).min(31)
            });
            for least in [0, 1, 5, round, counts[0], 1 << 31, u32::MAX] {
                let meant = plain(&counts, least);
                assert_eq!(at_least(&counts, least), meant, "{least} in {counts:?}");
                assert_eq!(
                    meant.count_ones() as usize,
                    counts.iter().filter(|&&c| c >= least).count()
                );
                assert_eq!(meant & 1 == 1, counts[0] >= least);
            }
        }
    }
}
