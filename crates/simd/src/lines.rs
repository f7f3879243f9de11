//! Classifies 64 or 32 bytes at a time, for the scan over lines.
//!
//! [`Avx512`], [`Avx2`] and [`Scalar`] return the same on every input. [`dispatch`] selects one per
//! call by what the processor supports. Nothing is read outside the given arrays.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use crate::level::{Cached, Level};

/// One bit per byte, lowest bit first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `\n`
    pub newline: u64,
    /// `#`, `&` or 0xEF (the lead byte of `＃`)
    pub stop: u64,
}

/// One bit per byte, lowest bit first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// ASCII letters, digits and `_`
    pub word: u32,
    /// ASCII letters
    pub letter: u32,
}

/// One implementation.
pub trait Lanes: Copy {
    /// The marks of 64 bytes.
    fn marks(self, bytes: &[u8; 64]) -> Marks;
    /// The word characters of 32 bytes.
    fn word(self, bytes: &[u8; 32]) -> Word;
    /// Writes `base` plus the index of each bit in `set`, in order. Excess values written after
    /// them are meaningless.
    fn places(self, set: u64, base: u32, out: &mut [u32; 64]);
}

/// [`Lanes::places`] bit by bit.
#[inline(always)]
fn places(mut set: u64, base: u32, out: &mut [u32; 64]) {
    let mut left = set.count_ones();
    // At least two are written, usually more than exist, which saves a branch.
    for two in out.as_chunks_mut::<2>().0 {
        for place in two {
            *place = base.wrapping_add(set.trailing_zeros());
            set &= set.wrapping_sub(1);
        }
        left = left.saturating_sub(2);
        if left == 0 {
            break;
        }
    }
}

/// Work that is compiled once per implementation. `run` should be `#[inline(always)]`.
pub trait Task {
    /// The result.
    type Out;
    /// Does the work.
    fn run<L: Lanes>(self, lanes: L) -> Self::Out;
}

/// Runs `task` with the fastest implementation that this processor supports.
pub fn dispatch<T: Task>(task: T) -> T::Out {
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = Avx512::detect() {
        // SAFETY: `Avx512` exists only if the features were detected.
        return unsafe { run_avx512(lanes, task) };
    } else if let Some(lanes) = Avx2::detect() {
        // SAFETY: `Avx2` exists only if the features were detected.
        return unsafe { run_avx2(lanes, task) };
    }
    task.run(Scalar)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn run_avx512<T: Task>(lanes: Avx512, task: T) -> T::Out {
    task.run(lanes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn run_avx2<T: Task>(lanes: Avx2, task: T) -> T::Out {
    task.run(lanes)
}

#[cfg(target_arch = "x86_64")]
fn level() -> Level {
    static LEVEL: Cached = Cached::new();
    LEVEL.get(supported)
}

#[cfg(target_arch = "x86_64")]
fn supported() -> Level {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi2");
    Level::new(avx2, avx512)
}

/// One byte at a time.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Lanes for Scalar {
    #[inline]
    fn marks(self, bytes: &[u8; 64]) -> Marks {
        let mut marks = Marks::default();
        for (i, &b) in bytes.iter().enumerate() {
            marks.newline |= u64::from(b == b'\n') << i;
            marks.stop |= u64::from(matches!(b, b'#' | b'&' | 0xEF)) << i;
        }
        marks
    }

    #[inline]
    fn word(self, bytes: &[u8; 32]) -> Word {
        let mut word = Word::default();
        for (i, &b) in bytes.iter().enumerate() {
            word.word |= u32::from(b.is_ascii_alphanumeric() || b == b'_') << i;
            word.letter |= u32::from(b.is_ascii_alphabetic()) << i;
        }
        word
    }

    #[inline]
    fn places(self, set: u64, base: u32, out: &mut [u32; 64]) {
        places(set, base, out);
    }
}

/// 32 bytes at a time. Its existence proves that the processor has the features.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// The token, if this processor supports it.
    #[must_use]
    pub fn detect() -> Option<Self> {
        (level() >= Level::Avx2).then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    #[inline(always)]
    fn marks(self, bytes: &[u8; 64]) -> Marks {
        // SAFETY: the token proves that AVX2 exists.
        unsafe { avx2::marks(bytes) }
    }

    #[inline(always)]
    fn word(self, bytes: &[u8; 32]) -> Word {
        // SAFETY: the token proves that AVX2 exists.
        unsafe { avx2::word(bytes) }
    }

    #[inline(always)]
    fn places(self, set: u64, base: u32, out: &mut [u32; 64]) {
        places(set, base, out);
    }
}

/// 64 bytes at a time. Its existence proves that the processor has the features.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// The token, if this processor supports it.
    #[must_use]
    pub fn detect() -> Option<Self> {
        (level() >= Level::Avx512).then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512 {
    #[inline(always)]
    fn marks(self, bytes: &[u8; 64]) -> Marks {
        // SAFETY: the token proves that AVX-512 exists.
        unsafe { avx512::marks(bytes) }
    }

    #[inline(always)]
    fn word(self, bytes: &[u8; 32]) -> Word {
        // SAFETY: the token proves that AVX-512 exists.
        unsafe { avx512::word(bytes) }
    }

    #[inline(always)]
    fn places(self, set: u64, base: u32, out: &mut [u32; 64]) {
        // SAFETY: the token proves that AVX-512 exists.
        unsafe { avx512::places(set, base, out) }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{Marks, Word};

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn marks(bytes: &[u8; 64]) -> Marks {
        // SAFETY: the load is within the 64 bytes, and needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        let equal = |to: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(to.cast_signed()));
        Marks { newline: equal(b'\n'), stop: equal(b'#') | equal(b'&') | equal(0xEF) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn newlines(bytes: &[u8; 64]) -> u64 {
        // SAFETY: the load is within the 64 bytes, and needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\n'.cast_signed()))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) fn word(bytes: &[u8; 32]) -> Word {
        // SAFETY: the load is within the 32 bytes, and needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let range = |bytes, first: u8, count: u8| {
            let from = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.cast_signed()));
            _mm256_cmplt_epu8_mask(from, _mm256_set1_epi8(count.cast_signed()))
        };
        let letter = range(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), b'a', 26);
        let joint = _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8(b'_'.cast_signed()));
        Word { word: letter | range(bytes, b'0', 10) | joint, letter }
    }

    /// The indexes of the bytes.
    const NUMBERS: [u8; 64] = {
        let mut numbers = [0; 64];
        let mut n = 0;
        while n < 64 {
            numbers[n] = n as u8;
            n += 1;
        }
        numbers
    };

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
    pub(super) fn places(set: u64, base: u32, out: &mut [u32; 64]) {
        // SAFETY: the table has 64 bytes, and the load needs no alignment.
        let numbers = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
        let numbers = _mm512_maskz_compress_epi8(set, numbers);
        let base_of_all = _mm512_set1_epi32(base.cast_signed());
        let first = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(numbers));
        // SAFETY: there is room for 16 of 64, and the store needs no alignment.
        unsafe {
            let places = _mm512_add_epi32(first, base_of_all);
            _mm512_storeu_si512(out.as_mut_ptr().cast(), places);
        }
        // More than sixteen are rare.
        if set.count_ones() > 16 {
            super::places(set, base, out);
        }
    }
}

/// Newlines among `bytes`.
#[must_use]
pub fn count(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if Avx512::detect().is_some() {
        // SAFETY: `Avx512` exists only if the features were detected.
        return unsafe { count_avx512(bytes) };
    }
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
fn count_avx512(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<64>();
    let newlines = |block: &[u8; 64]| avx512::newlines(block).count_ones() as usize;
    let rest = rest.iter().filter(|byte| **byte == b'\n').count();
    blocks.iter().map(newlines).sum::<usize>() + rest
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    use super::{Marks, Word};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(mask: __m256i) -> u32 {
        _mm256_movemask_epi8(mask).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal(bytes: __m256i, to: u8) -> __m256i {
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(to.cast_signed()))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn stop(bytes: __m256i) -> __m256i {
        let ascii = _mm256_or_si256(equal(bytes, b'#'), equal(bytes, b'&'));
        _mm256_or_si256(ascii, equal(bytes, 0xEF))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn marks(bytes: &[u8; 64]) -> Marks {
        // SAFETY: both loads are within the 64 bytes and need no alignment.
        let (low, high) = unsafe {
            let at = bytes.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
        };
        let join = |low, high| u64::from(bits(low)) | u64::from(bits(high)) << 32;
        Marks {
            newline: join(equal(low, b'\n'), equal(high, b'\n')),
            stop: join(stop(low), stop(high)),
        }
    }

    /// Bytes from `first` on, `count` of them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn range(bytes: __m256i, first: u8, count: u8) -> __m256i {
        let from = _mm256_add_epi8(bytes, _mm256_set1_epi8(first.wrapping_neg().cast_signed()));
        let last = _mm256_set1_epi8((count - 1).cast_signed());
        _mm256_cmpeq_epi8(_mm256_min_epu8(from, last), from)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn word(bytes: &[u8; 32]) -> Word {
        // SAFETY: the load is within the 32 bytes, and needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let lower = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        let letter = range(lower, b'a', 26);
        let other = _mm256_or_si256(range(bytes, b'0', 10), equal(bytes, b'_'));
        Word { word: bits(_mm256_or_si256(letter, other)), letter: bits(letter) }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_level_is_as_asked_for() {
        crate::level::tests::is_as_asked_for(level(), supported());
    }

    #[test]
    fn every_byte_is_classified_alike_at_every_place() {
        if let Some(lanes) = Avx2::detect() {
            compare(lanes);
        }
        if let Some(lanes) = Avx512::detect() {
            compare(lanes);
        }
    }

    fn compare(lanes: impl Lanes) {
        for b in 0..=255_u8 {
            for at in 0..64 {
                let mut bytes = [b.wrapping_mul(31); 64];
                bytes[at] = b;
                assert_eq!(lanes.marks(&bytes), Scalar.marks(&bytes), "{b} at {at}");
                let mut half = [b.wrapping_mul(17); 32];
                half[at % 32] = b;
                assert_eq!(lanes.word(&half), Scalar.word(&half), "{b} at {at}");
            }
        }
    }

    #[test]
    fn places_are_those_of_the_bits() {
        let sets = [0, 1, 1 << 63, u64::MAX, 0x8000_0001_0000_0001, 0xFFFF, 0x1_FFFF, 0x5555 << 40];
        for set in sets {
            let meant: Vec<u32> = (0..64).filter(|i| set >> i & 1 == 1).map(|i| i + 70).collect();
            let check = |lanes: &dyn Fn(&mut [u32; 64])| {
                let mut out = [7; 64];
                lanes(&mut out);
                assert_eq!(out[..meant.len()], meant, "{set:x}");
            };
            check(&|out| Scalar.places(set, 70, out));
            if let Some(lanes) = Avx2::detect() {
                check(&|out| lanes.places(set, 70, out));
            }
            if let Some(lanes) = Avx512::detect() {
                check(&|out| lanes.places(set, 70, out));
            }
        }
    }

    #[test]
    fn newlines_are_counted() {
        for len in 0..200 {
            let bytes: Vec<u8> = (0..len).map(|n| if n % 7 == 1 { b'\n' } else { n }).collect();
            let twin = memchr::memchr_iter(b'\n', &bytes).count();
            assert_eq!(count(&bytes), twin, "{len}");
        }
    }

    #[test]
    fn marks_name_the_bytes_they_say() {
        let mut bytes = [b'.'; 64];
        (bytes[0], bytes[1], bytes[31], bytes[32], bytes[63]) = (b'\n', b'\r', b'#', b'&', 0xEF);
        let marks = Scalar.marks(&bytes);
        assert_eq!(marks.newline, 1);
        assert_eq!(marks.stop, 1 << 31 | 1 << 32 | 1 << 63);
        let word = Scalar.word(b"aZ_09 /:@[`{\x80\xFFbcdefghijklmnopqrs");
        assert_eq!((word.word & 0x3FFF, word.letter & 0x3FFF), (0b1_1111, 0b11));
    }
}
