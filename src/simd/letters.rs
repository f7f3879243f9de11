//! Gathering the letters of a text, sixteen bytes at once.
//!
//! [`scalar`] says what is gathered; a property test of `extract::print` holds both ways against
//! each other.
#![allow(unsafe_code)]

/// Left out.
const SKIP: u8 = 0;
/// `@`, `<` and `:`, which may begin or end something longer that is left out.
pub const SPECIAL: u8 = 1;

/// What each byte is: one of the above, or a letter, in lower case.
pub const CLASSES: [u8; 256] = {
    let mut classes = [SKIP; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'@' | b'<' | b':' => SPECIAL,
            letter @ b'a'..=b'z' => letter,
            letter @ b'A'..=b'Z' => letter | 0x20,
            other @ 0x80..=0xff => other,
            _ => SKIP,
        };
        byte += 1;
    }
    classes
};

/// Bytes looked at in one step; [`gather`] wants room for as many.
pub const STEP: usize = 16;

/// Writes the letters from `text[at..]` to `out[len..]`, up to the first special byte; earlier
/// where less room than [`STEP`] is left. Gives back the new `at` and `len`. What stands in `out`
/// from there on means nothing.
#[inline]
pub fn gather(text: &[u8], at: usize, out: &mut [u8], len: usize) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("ssse3") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the features that the function is compiled for have been found.
        return unsafe { x86::gather(text, at, out, len) };
    }
    scalar::gather(text, at, out, len)
}

/// The safe twin.
pub mod scalar {
    use super::{CLASSES, SPECIAL, STEP};

    /// See [`super::gather`].
    pub fn gather(text: &[u8], at: usize, out: &mut [u8], len: usize) -> (usize, usize) {
        let (mut at, mut len) = (at, len);
        while let Some(&byte) = text.get(at)
            && len + STEP <= out.len()
        {
            let class = CLASSES[byte as usize];
            if class == SPECIAL {
                break;
            }
            // Always written, and kept where it is a letter: which bytes are letters cannot be
            // foretold, and this asks nothing.
            out[len] = class;
            len += usize::from(class > SPECIAL);
            at += 1;
        }
        (at, len)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::STEP;

    /// For each set of eight bytes where they stand, one behind the other.
    const PLACES: [u64; 256] = {
        let mut places = [0; 256];
        let mut set = 0;
        while set < 256 {
            let (mut place, mut count) = (0, 0);
            while place < 8 {
                if set >> place & 1 == 1 {
                    places[set] |= (place as u64) << (8 * count);
                    count += 1;
                }
                place += 1;
            }
            set += 1;
        }
        places
    };

    #[target_feature(enable = "ssse3,popcnt")]
    pub(super) fn gather(text: &[u8], at: usize, out: &mut [u8], len: usize) -> (usize, usize) {
        let (mut at, mut len) = (at, len);
        while at < text.len() && len + STEP <= out.len() {
            let bytes = load(&text[at..]);
            let letter = range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 26);
            let lower = _mm_or_si128(bytes, _mm_and_si128(letter, _mm_set1_epi8(0x20)));
            // Bytes beyond ASCII have their highest bit set, as the letters found have.
            let mut kept = bits(_mm_or_si128(letter, bytes));
            let special = bits(_mm_or_si128(
                _mm_or_si128(equal(bytes, b'@'), equal(bytes, b'<')),
                equal(bytes, b':'),
            ));
            // Without a special byte all of them.
            kept &= (special & special.wrapping_neg()).wrapping_sub(1);
            len += put(out, len, lower, kept & 0xFF);
            len += put(out, len, _mm_srli_si128::<8>(lower), kept >> 8 & 0xFF);
            if special != 0 {
                return (at + special.trailing_zeros() as usize, len);
            }
            at += STEP;
        }
        (at.min(text.len()), len)
    }

    /// The first sixteen bytes, zeros where there are none.
    #[target_feature(enable = "ssse3")]
    #[inline]
    fn load(text: &[u8]) -> __m128i {
        let mut bytes = [0; STEP];
        match text.first_chunk() {
            Some(whole) => bytes = *whole,
            None => bytes[..text.len()].copy_from_slice(text),
        }
        let both = u128::from_le_bytes(bytes);
        _mm_set_epi64x((both >> 64) as i64, both as i64)
    }

    /// Writes those of the lowest eight bytes that `set` names to `out[at..]`; how many they are.
    #[target_feature(enable = "ssse3,popcnt")]
    #[inline]
    fn put(out: &mut [u8], at: usize, bytes: __m128i, set: u32) -> usize {
        let places = _mm_cvtsi64_si128(PLACES[set as usize].cast_signed());
        let together = _mm_cvtsi128_si64(_mm_shuffle_epi8(bytes, places));
        out[at..at + 8].copy_from_slice(&together.to_le_bytes());
        set.count_ones() as usize
    }

    #[target_feature(enable = "ssse3")]
    #[inline]
    fn bits(mask: __m128i) -> u32 {
        _mm_movemask_epi8(mask).cast_unsigned()
    }

    #[target_feature(enable = "ssse3")]
    #[inline]
    fn equal(bytes: __m128i, to: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, _mm_set1_epi8(to.cast_signed()))
    }

    /// Bytes from `first` on, `count` of them.
    #[target_feature(enable = "ssse3")]
    #[inline]
    fn range(bytes: __m128i, first: u8, count: u8) -> __m128i {
        let from = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
        let last = _mm_set1_epi8((count - 1).cast_signed());
        _mm_cmpeq_epi8(_mm_min_epu8(from, last), from)
    }
}
