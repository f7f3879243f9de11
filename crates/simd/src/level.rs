//! The instruction set that the functions of a module use: what the processor has, detected once,
//! or less if the environment variable `TAGTIDE_SIMD` is `portable` or `avx2`.
//!
//! The variable exists for tests, which run the slower paths on a processor that has the faster
//! ones. It never selects more than the processor has.

use std::sync::atomic::{AtomicU8, Ordering};

/// The environment variable.
const VARIABLE: &str = "TAGTIDE_SIMD";

/// An instruction set; each contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The safe equivalents.
    Portable,
    /// AVX2 and the other instructions that the module needs.
    Avx2,
    /// AVX-512, likewise.
    Avx512,
}

impl Level {
    /// `avx512` counts only with `avx2`.
    pub(crate) fn new(avx2: bool, avx512: bool) -> Self {
        match (avx2, avx512) {
            (false, _) => Self::Portable,
            (true, false) => Self::Avx2,
            (true, true) => Self::Avx512,
        }
    }
}

/// The level of one module. Zero = not detected yet, else the number of the level plus one.
pub(crate) struct Cached(AtomicU8);

impl Cached {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// The level, from `detect` at the first call. One load afterwards.
    #[inline(always)]
    pub(crate) fn get(&self, detect: fn() -> Level) -> Level {
        match self.0.load(Ordering::Relaxed) {
            1 => Level::Portable,
            2 => Level::Avx2,
            3 => Level::Avx512,
            _ => self.detect(detect),
        }
    }

    #[cold]
    fn detect(&self, detect: fn() -> Level) -> Level {
        let level = detect().min(most(std::env::var(VARIABLE).ok().as_deref()));
        self.0.store(level as u8 + 1, Ordering::Relaxed);
        level
    }
}

/// The highest level that the variable allows.
fn most(variable: Option<&str>) -> Level {
    match variable {
        Some("portable") => Level::Portable,
        Some("avx2") => Level::Avx2,
        _ => Level::Avx512,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A test of each module: the level that it uses is the one that the variable asks for.
    pub(crate) fn is_as_asked_for(level: Level, detected: Level) {
        let asked = most(std::env::var(VARIABLE).ok().as_deref());
        assert_eq!(level, detected.min(asked), "{asked:?}");
    }

    #[test]
    fn the_variable_lowers_a_level_and_never_raises_it() {
        assert_eq!([None, Some("avx512"), Some("")].map(most), [Level::Avx512; 3]);
        assert_eq!(most(Some("avx2")), Level::Avx2);
        assert_eq!(most(Some("portable")), Level::Portable);
        let cached = Cached::new();
        let portable = || Level::Portable;
        assert_eq!(cached.get(portable), Level::Portable);
        assert_eq!(cached.get(|| Level::Avx512), Level::Portable, "detected once");
    }
}
