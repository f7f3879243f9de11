//! Skips members of an object that the caller does not need.
//!
//! Most members of most records are skipped, and their cost is instructions. So this handles only
//! the common form, `"key":value,` followed by the quote of the next key, without white space or
//! escapes in the key, whose value is a string, a container, a literal or a number of digits only.
//! It stops at the first member that is different, and the caller parses that one.

use super::{container_end, string_end};

/// Keys that are not skipped: a bit for each first letter (its lowest five bits), by length. Keys
/// longer than 31 bytes are never skipped.
pub type Letters = [u32; 32];

/// A member that was not skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The index of the opening quote of its key.
    pub at: usize,
    /// The length of the key, if it has no escapes and a colon follows its closing quote. Both can
    /// be beyond the end.
    pub key: Option<u32>,
}

/// The first member that is not plain, or whose key is in `letters`. `at` is the index of the
/// opening quote of a key. Everything skipped ends before `end`, and no skipped container nests
/// `room` levels or more.
#[inline(always)]
#[must_use]
pub fn after_plain(bytes: &[u8], at: usize, end: usize, room: u32, letters: &Letters) -> Member {
    let end = end.min(bytes.len());
    #[cfg(target_arch = "x86_64")]
    {
        use super::x86::{Avx2, Avx512, Lanes};
        if let Some(lanes) = Avx512::detect() {
            return lanes.after_plain(bytes, at, end, room, letters);
        } else if let Some(lanes) = Avx2::detect() {
            return lanes.after_plain(bytes, at, end, room, letters);
        }
    }
    scalar::after_plain(bytes, at, end, room, letters)
}

/// The safe equivalent, also used near the end of the slice.
pub(super) mod scalar {
    use super::{Letters, Member, container_end, string_end};

    pub(in super::super) fn after_plain(
        bytes: &[u8],
        at: usize,
        end: usize,
        room: u32,
        letters: &Letters,
    ) -> Member {
        let mut at = at;
        while let Some(next) = after_one(bytes, at, end, room, letters) {
            at = next;
        }
        let key = string_end(bytes, at + 1, bytes.len()).filter(|key| !key.escaped);
        let key = key.filter(|key| bytes.get(key.quote + 1) == Some(&b':'));
        let key = key.and_then(|key| u32::try_from(key.quote - at - 1).ok());
        Member { at, key: key.filter(|key| *key < 32) }
    }

    fn after_one(
        bytes: &[u8],
        at: usize,
        end: usize,
        room: u32,
        letters: &Letters,
    ) -> Option<usize> {
        let quoted = |at: usize| string_end(bytes, at + 1, end);
        let key = quoted(at).filter(|key| !key.escaped)?.quote;
        let first = bytes.get(at + 1)?;
        let wanted = letters.get(key - at - 1)? >> (first % 32) & 1 == 1;
        let rest = bytes.get(key + 1..end)?.strip_prefix(b":").filter(|_| !wanted)?;
        let value = key + 2;
        let after = match rest.first()? {
            b'"' => quoted(value)?.quote + 1,
            b'{' | b'[' if room > 0 && matches!(rest.get(1), Some(b'}' | b']')) => value + 2,
            b'{' | b'[' => container_end(bytes, value + 1, end, room)?,
            b'n' if rest.starts_with(b"null") => value + 4,
            b't' if rest.starts_with(b"true") => value + 4,
            b'f' if rest.starts_with(b"false") => value + 5,
            b'0'..=b'9' => value + rest.iter().position(|byte| !byte.is_ascii_digit())?,
            _ => return None,
        };
        (bytes.get(after..end)?.starts_with(b",\"")).then_some(after + 1)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::*;

    use super::super::x86::Lanes;
    use super::{Letters, Member, digits};

    /// Bytes that must be readable from a member's index: a key and a short value.
    const REACH: usize = 128;

    #[inline(always)]
    pub(in super::super) fn after_plain<L: Lanes>(
        lanes: L,
        bytes: &[u8],
        at: usize,
        end: usize,
        room: u32,
        letters: &Letters,
    ) -> Member {
        let mut at = at;
        while at < bytes.len() && bytes.len() - at >= REACH {
            // SAFETY: a token of `Lanes` proves that the features exist.
            let (length, word) = unsafe { key(&bytes[at..at + REACH]) };
            if length > 31 || word as u16 != u16::from_le_bytes(*b"\":") {
                break;
            }
            let first = bytes[at + 1];
            if letters[length] >> (first % 32) & 1 == 1 {
                return Member { at, key: Some(length as u32) };
            }
            let value = at + length + 3;
            match after_value(lanes, bytes, value, word >> 16, end, room) {
                Some(after) if after + 1 < end && is_next(bytes, after) => at = after + 1,
                _ => return Member { at, key: Some(length as u32) },
            }
        }
        Member { at, key: None }
    }

    /// The first quote or backslash after the first byte, counted from there (32 for none), and the
    /// eight bytes from there.
    #[target_feature(enable = "avx2,bmi1")]
    #[inline]
    fn key(member: &[u8]) -> (usize, u64) {
        assert!(member.len() == REACH, "as many bytes as are read");
        // SAFETY: the reads end at most 41 bytes after the first, and need no alignment.
        unsafe {
            let length = marks(member.as_ptr().add(1)).trailing_zeros() as usize;
            (length, member.as_ptr().add(1 + length).cast::<u64>().read_unaligned())
        }
    }

    /// The quotes and backslashes among 32 bytes.
    ///
    /// # Safety
    ///
    /// They are readable.
    #[target_feature(enable = "avx2,bmi1")]
    #[inline]
    unsafe fn marks(from: *const u8) -> u32 {
        // SAFETY: guaranteed by the caller, and the load needs no alignment.
        let block = unsafe { _mm256_loadu_si256(from.cast()) };
        let quotes = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(0x22));
        let backslashes = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(0x5C));
        _mm256_movemask_epi8(_mm256_or_si256(quotes, backslashes)).cast_unsigned()
    }

    /// Whether a comma and a quote follow.
    #[inline(always)]
    fn is_next(bytes: &[u8], after: usize) -> bool {
        matches!(bytes.get(after..after + 2), Some(b",\""))
    }

    /// The index after the value at `value`, whose first bytes are `word`.
    #[inline(always)]
    fn after_value<L: Lanes>(
        lanes: L,
        bytes: &[u8],
        value: usize,
        word: u64,
        end: usize,
        room: u32,
    ) -> Option<usize> {
        match word as u8 {
            b'"' => {
                if let Some(block) = bytes.get(value + 1..value + 33) {
                    // SAFETY: the block has 32 bytes, and a token of `Lanes` proves that the
                    // features exist.
                    let marks = unsafe { marks(block.as_ptr()) };
                    let quote = value + 1 + marks.trailing_zeros() as usize;
                    if marks != 0 && bytes[quote] == b'"' {
                        return Some(quote + 1);
                    }
                }
                lanes.string_end(bytes, value + 1, end).map(|end| end.quote + 1)
            }
            b'n' if word as u32 == u32::from_le_bytes(*b"null") => Some(value + 4),
            b't' if word as u32 == u32::from_le_bytes(*b"true") => Some(value + 4),
            b'f' if (word >> 8) as u32 == u32::from_le_bytes(*b"alse") => Some(value + 5),
            b'0'..=b'9' => {
                let mut after = value;
                loop {
                    let eight = bytes.get(after..after + 8)?;
                    let digits = digits(u64::from_le_bytes(eight.try_into().ok()?));
                    after += digits;
                    if digits < 8 {
                        return Some(after);
                    }
                }
            }
            b'{' | b'[' if room > 0 && matches!((word >> 8) as u8, b'}' | b']') => Some(value + 2),
            b'{' | b'[' => lanes.container_end(bytes, value + 1, end, room),
            _ => None,
        }
    }
}

/// The number of leading digits among eight bytes, the lowest first.
#[inline(always)]
#[must_use]
pub fn digits(word: u64) -> usize {
    let zero = word ^ 0x3030_3030_3030_3030;
    let over = ((zero & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676) | zero;
    (over & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8
}
