//! Vector code for tagtide, and its only crate with `unsafe`.
//!
//! Every vector function has a safe equivalent that defines its result, runs on processors without
//! the instructions, and is compared with it by property tests. The instruction set is detected at
//! run time; `TAGTIDE_SIMD=portable` or `avx2` selects a lower one, for tests.
//!
//! | module | finds |
//! |---|---|
//! | [`lines`] | newlines, word characters and bytes at which a hashtag can begin |
//! | [`json`] | the ends of JSON strings and containers, and members that can be skipped |
//! | [`letters`] | the letters of a text, and their hash |
//! | [`counts`] | counts above a threshold |
//!
//! No function reads outside the slice or array that it gets. [`PAD`] zero bytes after a buffer
//! make some of them faster.

pub mod counts;
pub mod json;
pub mod letters;
#[cfg(target_arch = "x86_64")]
mod level;
pub mod lines;

/// Zero bytes after the end of a buffer. Vector loads can run past the end of a record and must
/// find zeros there, not old bytes.
pub const PAD: usize = 64;

/// Prefetches `place` into the cache. Has no other effect.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, and a prefetch of a valid reference has no effect on memory.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast::<i8>());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
