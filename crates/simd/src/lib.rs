//! Vector code: the one place with `unsafe`, each function beside its safe twin.

pub mod counts;
pub mod json;
pub mod letters;
pub mod lines;

/// Zero bytes that have to follow the end of a buffer: vector loads may run over the end of a
/// record, and must find zeros there, never another record's bytes.
pub const PAD: usize = 64;

/// Asks the processor to bring `place` into its cache; changes nothing else.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, and a prefetch of a valid reference reads nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast::<i8>());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
