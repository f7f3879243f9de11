//! Where a JSON string ends, and where a JSON container ends, without looking at what is inside.
//!
//! Every function here is safe for any slice and any `at`: a vector load happens only where the
//! slice really has that many bytes from there, and the last bytes of a slice go through a copy
//! that is filled up with zeros. So padding after a record (`post::PAD`) is speed, never a
//! precondition. What lies between `end` and the end of the slice is read and ignored.
//!
//! [`scalar`] says the same a byte at a time; it is the meaning, the reference of the tests, and
//! what runs where AVX2 and carry-less multiplication are missing.
#![allow(unsafe_code)]

mod plain;

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU8, Ordering};

pub use plain::{Letters, Member, after_plain, digits};

/// Where a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringEnd {
    /// Index of the closing quote.
    pub quote: usize,
    /// True where the string holds a backslash.
    pub escaped: bool,
}

/// Finds the closing quote of a string whose first byte after the opening quote is `at`; `None`
/// where it does not close before `end`.
#[inline(always)]
#[must_use]
pub fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    #[cfg(target_arch = "x86_64")]
    {
        // Keys and most values end within 32 bytes: SSE2 is in every x86-64, so this part is
        // inlined into the caller, which a function that asks for AVX2 cannot be.
        if let Some(place) = x86::first_of_32(bytes, at) {
            let quote = at + place;
            if bytes.get(quote) == Some(&b'"') {
                return (quote < end).then_some(StringEnd { quote, escaped: false });
            }
        }
    }
    string_end_long(bytes, at, end)
}

/// [`string_end`] for what its first 32 bytes did not decide.
fn string_end_long(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    let end = end.min(bytes.len());
    #[cfg(target_arch = "x86_64")]
    if vectors() {
        // SAFETY: `vectors` saw every feature that the function is compiled for.
        return unsafe { x86::string_end(bytes, at, end) };
    }
    scalar::string_end(bytes, at, end)
}

/// Finds the end of an object or array whose first byte after the opening bracket is `at`: the
/// index after its closing bracket. `None` where it does not close before `end`, or where it may
/// nest `room` levels or more inside itself; that is said too early by what one block of 64 bytes
/// holds, never too late. Kinds of brackets are not told apart, and a backslash outside a string,
/// which no JSON has, hides a quote after it.
#[must_use]
pub fn container_end(bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize> {
    let end = end.min(bytes.len());
    #[cfg(target_arch = "x86_64")]
    if vectors() {
        // SAFETY: `vectors` saw every feature that the function is compiled for.
        return unsafe { x86::container_end(bytes, at, end, room) };
    }
    scalar::container_end(bytes, at, end, room)
}

/// True where the processor has what [`x86`] is compiled for; asked once, then remembered.
#[cfg(target_arch = "x86_64")]
#[inline]
fn vectors() -> bool {
    static SEEN: AtomicU8 = AtomicU8::new(0);
    match SEEN.load(Ordering::Relaxed) {
        0 => {
            let has = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("popcnt");
            SEEN.store(1 + u8::from(has), Ordering::Relaxed);
            has
        }
        seen => seen == 2,
    }
}

/// The safe twins.
pub mod scalar {
    use super::StringEnd;

    /// See [`super::string_end`].
    #[must_use]
    pub fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
        let mut escaped = false;
        let mut at = at;
        while at < end {
            match bytes.get(at)? {
                b'"' => return Some(StringEnd { quote: at, escaped }),
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        None
    }

    /// See [`super::container_end`]; exact about `room`.
    #[must_use]
    pub fn container_end(bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize> {
        let mut depth = 1u32;
        let mut at = at;
        while at < end {
            match bytes.get(at)? {
                b'"' => at = string_end(bytes, at + 1, end)?.quote,
                b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 1,
                b'{' | b'[' => {
                    depth += 1;
                    if depth > room {
                        return None;
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::StringEnd;

    /// Bytes looked at in one step: one bit of a `u64` each.
    const BLOCK: usize = 64;

    /// The first quote or backslash among the 32 bytes from `at`, counted from there; `None`
    /// where there is none, or where fewer bytes are readable.
    #[inline(always)]
    pub(super) fn first_of_32(bytes: &[u8], at: usize) -> Option<usize> {
        if at > bytes.len() || bytes.len() - at < 32 {
            return None;
        }
        // SAFETY: 32 bytes are readable from `at`, an unaligned load asks for no alignment, and
        // SSE2 is part of the x86-64 baseline.
        let found = unsafe {
            let from = bytes.as_ptr().add(at);
            let (quote, backslash) = (_mm_set1_epi8(0x22), _mm_set1_epi8(0x5C));
            let find = |block: __m128i| {
                let quotes = _mm_cmpeq_epi8(block, quote);
                let either = _mm_or_si128(quotes, _mm_cmpeq_epi8(block, backslash));
                _mm_movemask_epi8(either).cast_unsigned()
            };
            let low = find(_mm_loadu_si128(from.cast()));
            low | find(_mm_loadu_si128(from.add(16).cast())) << 16
        };
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// The 64 bytes from `at`, zeros where the slice has none.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(bytes: &[u8], at: usize) -> [__m256i; 2] {
        match bytes.get(at..at + BLOCK) {
            Some(block) => load_whole(block),
            None => load_rest(bytes.get(at..).unwrap_or_default()),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load_whole(block: &[u8]) -> [__m256i; 2] {
        assert!(block.len() == BLOCK, "a whole block is 64 bytes");
        // SAFETY: `block` is 64 readable bytes, and the loads ask for no alignment.
        unsafe {
            [
                _mm256_loadu_si256(block.as_ptr().cast()),
                _mm256_loadu_si256(block.as_ptr().add(32).cast()),
            ]
        }
    }

    #[target_feature(enable = "avx2")]
    #[cold]
    fn load_rest(rest: &[u8]) -> [__m256i; 2] {
        let mut copy = [0u8; BLOCK];
        copy[..rest.len()].copy_from_slice(rest);
        load_whole(&copy)
    }

    /// One bit for each byte of the block that equals `what`.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn equal(block: [__m256i; 2], what: u8) -> u64 {
        let what = _mm256_set1_epi8(what.cast_signed());
        let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[0], what)).cast_unsigned();
        let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[1], what)).cast_unsigned();
        u64::from(low) | u64::from(high) << 32
    }

    /// The bytes after an odd number of backslashes, which the last of these escapes. `carry` is 1
    /// where the first byte is escaped by the last of the block before, and is left so for the
    /// next block.
    #[inline(always)]
    fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let runs = backslashes & !*carry;
        let starts = runs & !(runs << 1);
        // Adding its first bit to a run leaves one bit, after its end.
        let from_even = runs.wrapping_add(starts & EVEN) & !runs;
        let (from_odd, over) = runs.overflowing_add(starts & !EVEN);
        let escaped = from_even & !EVEN | from_odd & !runs & EVEN | *carry;
        *carry = u64::from(over);
        escaped
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
        let mut at = at;
        let mut carry = 0;
        let mut any_escape = false;
        while at < end {
            let block = load(bytes, at);
            let mut quotes = equal(block, b'"');
            let backslashes = equal(block, b'\\');
            if backslashes | carry != 0 {
                quotes &= !escaped(backslashes, &mut carry);
            }
            if quotes != 0 {
                let first = quotes.trailing_zeros();
                any_escape |= backslashes & ((1 << first) - 1) != 0;
                let quote = at + first as usize;
                return (quote < end).then_some(StringEnd { quote, escaped: any_escape });
            }
            any_escape |= backslashes != 0;
            at += BLOCK;
        }
        None
    }

    #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
    pub(super) fn container_end(bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize> {
        let mut at = at;
        let mut carry = 0;
        // All ones where the block begins inside a string.
        let mut inside = 0u64;
        let mut depth = 1u32;
        let ones = _mm_set1_epi8(-1);
        let fold = _mm256_set1_epi8(0x20);
        let close = _mm256_set1_epi8(0x26);
        while at < end {
            let block = load(bytes, at);
            let mut quotes = equal(block, b'"');
            let backslashes = equal(block, b'\\');
            if backslashes | carry != 0 {
                quotes &= !escaped(backslashes, &mut carry);
            }
            // Each bit becomes the parity of the quotes up to it: 1 from an opening quote to the
            // byte before the closing one.
            let quotes = _mm_cvtsi64_si128(quotes.cast_signed());
            let parity = _mm_cvtsi128_si64(_mm_clmulepi64_si128(quotes, ones, 0)).cast_unsigned();
            let string = parity ^ inside;
            inside = (string.cast_signed() >> 63).cast_unsigned();
            // Bits 0x26 aside, brackets and braces are 0x7F; so are a few letters, but not one that
            // JSON has outside strings. Blocks without any are most of a long object.
            let valid = !string;
            let either = [_mm256_or_si256(block[0], close), _mm256_or_si256(block[1], close)];
            if equal(either, 0x7F) & valid == 0 {
                at += BLOCK;
                continue;
            }
            // `[` and `]` differ from `{` and `}` in bit 0x20 alone, and no other byte maps there.
            let folded = [_mm256_or_si256(block[0], fold), _mm256_or_si256(block[1], fold)];
            let opens = equal(folded, b'{') & valid;
            let closes = equal(folded, b'}') & valid;
            if depth + opens.count_ones() > room {
                return None;
            }
            if closes.count_ones() >= depth {
                let mut rest = closes;
                let mut closed = 0;
                while rest != 0 {
                    closed += 1;
                    let place = rest.trailing_zeros();
                    let opened = (opens & ((1 << place) - 1)).count_ones();
                    if closed == depth + opened {
                        let after = at + place as usize + 1;
                        return (after <= end).then_some(after);
                    }
                    rest &= rest - 1;
                }
            }
            depth = depth + opens.count_ones() - closes.count_ones();
            at += BLOCK;
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests;
