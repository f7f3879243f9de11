//! Strings and containers in blocks of 64 bytes, with AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::plain::{Letters, Member};
use super::{StringEnd, level, plain};
use crate::level::Level;

/// Bytes examined in one step: one bit of a `u64` each.
const BLOCK: usize = 64;

/// The first quote or backslash among the 32 bytes from `at`, counted from there. `None` if there
/// is none, or if fewer bytes are readable.
#[inline(always)]
pub(super) fn first_of_32(bytes: &[u8], at: usize) -> Option<usize> {
    if at > bytes.len() || bytes.len() - at < 32 {
        return None;
    }
    // SAFETY: 32 bytes are readable from `at`, the load needs no alignment, and SSE2 is part of the
    // x86-64 baseline.
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

/// One implementation, for blocks of 64 bytes.
pub(super) trait Lanes: Copy {
    /// 64 bytes.
    type Block: Copy;
    /// The 64 bytes from `at`, zeros after the end of the slice.
    fn load(self, bytes: &[u8], at: usize) -> Self::Block;
    /// One bit for each byte of the block that equals `what`.
    fn equal(self, block: Self::Block, what: u8) -> u64;
    /// The same after setting the bits of `fold` in each byte.
    fn equal_folded(self, block: Self::Block, fold: u8, what: u8) -> u64;
    /// See [`super::string_end`].
    fn string_end(self, bytes: &[u8], at: usize, end: usize) -> Option<StringEnd>;
    /// See [`super::container_end`].
    fn container_end(self, bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize>;
    /// See [`super::after_plain`].
    fn after_plain(
        self,
        bytes: &[u8],
        at: usize,
        end: usize,
        room: u32,
        letters: &Letters,
    ) -> Member;
}

/// A block is two registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The token, if this processor supports it.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (level() >= Level::Avx2).then_some(Self(()))
    }
}

/// A block is one register.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The token, if this processor supports it.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (level() >= Level::Avx512).then_some(Self(()))
    }
}

/// [`Lanes`] for a token by the functions of a module.
macro_rules! lanes {
    ($token:ty, $way:ident, $block:ty) => {
        impl Lanes for $token {
            type Block = $block;

            #[inline(always)]
            fn load(self, bytes: &[u8], at: usize) -> Self::Block {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::load(bytes, at) }
            }

            #[inline(always)]
            fn equal(self, block: Self::Block, what: u8) -> u64 {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::equal(block, what) }
            }

            #[inline(always)]
            fn equal_folded(self, block: Self::Block, fold: u8, what: u8) -> u64 {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::equal_folded(block, fold, what) }
            }

            #[inline(always)]
            fn string_end(self, bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::string_end(self, bytes, at, end) }
            }

            #[inline(always)]
            fn container_end(
                self,
                bytes: &[u8],
                at: usize,
                end: usize,
                room: u32,
            ) -> Option<usize> {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::container_end(self, bytes, at, end, room) }
            }

            #[inline(always)]
            fn after_plain(
                self,
                bytes: &[u8],
                at: usize,
                end: usize,
                room: u32,
                letters: &Letters,
            ) -> Member {
                // SAFETY: the token proves that the features exist.
                unsafe { $way::after_plain(self, bytes, at, end, room, letters) }
            }
        }
    };
}

lanes!(Avx2, avx2, [__m256i; 2]);
lanes!(Avx512, avx512, __m512i);

/// The functions of a module, compiled for its features. Most members are shorter than half a
/// block, and skipping them is faster without wider registers.
macro_rules! compiled {
    ($token:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        pub(super) fn string_end(
            lanes: $token,
            bytes: &[u8],
            at: usize,
            end: usize,
        ) -> Option<StringEnd> {
            string_end_by(lanes, bytes, at, end)
        }

        #[target_feature(enable = $features)]
        pub(super) fn container_end(
            lanes: $token,
            bytes: &[u8],
            at: usize,
            end: usize,
            room: u32,
        ) -> Option<usize> {
            container_end_by(lanes, bytes, at, end, room)
        }

        #[target_feature(enable = "avx2,pclmulqdq,bmi1,popcnt")]
        pub(super) fn after_plain(
            lanes: $token,
            bytes: &[u8],
            at: usize,
            end: usize,
            room: u32,
            letters: &Letters,
        ) -> Member {
            plain::x86::after_plain(lanes, bytes, at, end, room, letters)
        }
    };
}

mod avx2 {
    use super::*;

    compiled!(Avx2, "avx2,pclmulqdq,bmi1,bmi2,popcnt");

    /// The 64 bytes from `at`, zeros after the end of the slice.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn load(bytes: &[u8], at: usize) -> [__m256i; 2] {
        match bytes.get(at..at + BLOCK) {
            Some(block) => load_whole(block),
            None => load_rest(bytes.get(at..).unwrap_or_default()),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load_whole(block: &[u8]) -> [__m256i; 2] {
        assert!(block.len() == BLOCK, "a whole block is 64 bytes");
        // SAFETY: `block` is 64 readable bytes, and the loads need no alignment.
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
    pub(super) fn equal(block: [__m256i; 2], what: u8) -> u64 {
        let what = _mm256_set1_epi8(what.cast_signed());
        let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[0], what)).cast_unsigned();
        let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block[1], what)).cast_unsigned();
        u64::from(low) | u64::from(high) << 32
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn equal_folded(block: [__m256i; 2], fold: u8, what: u8) -> u64 {
        let fold = _mm256_set1_epi8(fold.cast_signed());
        equal([_mm256_or_si256(block[0], fold), _mm256_or_si256(block[1], fold)], what)
    }
}

mod avx512 {
    use super::*;

    compiled!(Avx512, "avx512f,avx512bw,avx2,pclmulqdq,bmi1,bmi2,popcnt");

    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    #[inline]
    pub(super) fn load(bytes: &[u8], at: usize) -> __m512i {
        if let Some(whole) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            // SAFETY: `whole` is 64 readable bytes, and the load needs no alignment.
            return unsafe { _mm512_loadu_si512(whole.as_ptr().cast()) };
        }
        let at = at.min(bytes.len());
        let live = _bzhi_u64(u64::MAX, (bytes.len() - at).min(BLOCK) as u32);
        // A valid address even if nothing is read: a fault that is suppressed is slow.
        let from = bytes.as_ptr().wrapping_add(at);
        // SAFETY: only bytes of the slice are read.
        unsafe { _mm512_maskz_loadu_epi8(live, from.cast()) }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(super) fn equal(block: __m512i, what: u8) -> u64 {
        _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(what.cast_signed()))
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(super) fn equal_folded(block: __m512i, fold: u8, what: u8) -> u64 {
        equal(_mm512_or_si512(block, _mm512_set1_epi8(fold.cast_signed())), what)
    }
}

/// The bytes after an odd number of backslashes, which are escaped by the last of these. `carry` is
/// 1 if the first byte is escaped by the last one of the previous block, and is updated for the
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

#[inline(always)]
fn string_end_by<L: Lanes>(lanes: L, bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    let mut at = at;
    let mut carry = 0;
    let mut any_escape = false;
    while at < end {
        let block = lanes.load(bytes, at);
        let mut quotes = lanes.equal(block, b'"');
        let backslashes = lanes.equal(block, b'\\');
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

/// Replaces each bit by the parity of the bits up to it.
#[target_feature(enable = "pclmulqdq")]
#[inline]
fn parity(bits: u64) -> u64 {
    let bits = _mm_cvtsi64_si128(bits.cast_signed());
    _mm_cvtsi128_si64(_mm_clmulepi64_si128(bits, _mm_set1_epi8(-1), 0)).cast_unsigned()
}

#[inline(always)]
fn container_end_by<L: Lanes>(
    lanes: L,
    bytes: &[u8],
    at: usize,
    end: usize,
    room: u32,
) -> Option<usize> {
    let mut at = at;
    let mut carry = 0;
    // All ones if the block begins inside a string.
    let mut inside = 0u64;
    let mut depth = 1u32;
    while at < end {
        let block = lanes.load(bytes, at);
        let mut quotes = lanes.equal(block, b'"');
        let backslashes = lanes.equal(block, b'\\');
        if backslashes | carry != 0 {
            quotes &= !escaped(backslashes, &mut carry);
        }
        // 1 from an opening quote to the byte before the closing one.
        // SAFETY: a token of `Lanes` proves that the features exist.
        let string = unsafe { parity(quotes) } ^ inside;
        inside = (string.cast_signed() >> 63).cast_unsigned();
        // With the bits 0x26 set, brackets and braces are 0x7F; so are a few letters, but none that
        // JSON has outside strings. Most blocks of a long object have none.
        let valid = !string;
        if lanes.equal_folded(block, 0x26, 0x7F) & valid == 0 {
            at += BLOCK;
            continue;
        }
        // `[` and `]` differ from `{` and `}` only in bit 0x20, and no other byte maps there.
        let opens = lanes.equal_folded(block, 0x20, b'{') & valid;
        let closes = lanes.equal_folded(block, 0x20, b'}') & valid;
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
