//! [`Lanes`] with AVX2 and AVX-512.

use std::arch::x86_64::*;

use crate::level::{Cached, Level};

use super::{
    AT, CLASSES, COLON, Gathered, LESS, LETTER, Lanes, Marks, NAME, SLASH, SPACE, STEP, Scalar,
    TIMES, TURN, Task, WORDS, finish,
};

#[inline(always)]
pub(super) fn level() -> Level {
    static LEVEL: Cached = Cached::new();
    LEVEL.get(detect)
}

pub(super) fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2");
    Level::new(avx2, avx512)
}

/// 32 bytes at a time. Its existence proves that the processor has the features.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this processor supports it.
    #[must_use]
    #[inline]
    pub fn detect() -> Option<Self> {
        (level() >= Level::Avx2).then_some(Self(()))
    }

    /// Runs `task` with it.
    #[inline]
    pub fn run<T: Task>(self, task: T) -> T::Out {
        // SAFETY: the token exists only if the features were detected.
        unsafe { avx2::run(self, task) }
    }
}

impl Lanes for Avx2 {
    type Block = [__m256i; 2];
    type Kept = Gathered;

    #[inline(always)]
    fn load(self, text: &[u8], at: usize) -> Self::Block {
        // SAFETY: the token proves that the features exist.
        unsafe { avx2::load(text, at) }
    }

    #[inline(always)]
    fn marks(self, block: Self::Block) -> Marks {
        // SAFETY: the token proves that the features exist.
        unsafe { avx2::marks(block) }
    }

    #[inline(always)]
    fn spaces(self, block: Self::Block) -> u64 {
        // SAFETY: the token proves that the features exist.
        unsafe { avx2::spaces(block) }
    }

    #[inline(always)]
    fn none(self) -> Gathered {
        Gathered::new()
    }

    #[inline(always)]
    fn keep(self, kept: &mut Gathered, block: Self::Block, set: u64) {
        // SAFETY: the token proves that the features exist.
        unsafe { avx2::put(block, set, kept.room()) };
        kept.add(set.count_ones());
    }

    #[inline(always)]
    fn hash(self, kept: Gathered) -> (u32, u64) {
        kept.hash()
    }
}

/// 64 bytes at a time, with an instruction that compresses selected bytes. Its existence proves
/// that the processor has the features.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this processor supports it.
    #[must_use]
    #[inline]
    pub fn detect() -> Option<Self> {
        (level() >= Level::Avx512).then_some(Self(()))
    }

    /// Runs `task` with it.
    #[inline]
    pub fn run<T: Task>(self, task: T) -> T::Out {
        // SAFETY: the token exists only if the features were detected.
        unsafe { avx512::run(self, task) }
    }
}

impl Lanes for Avx512 {
    /// The classes of bytes. The class of a letter is the letter; that of a non-ASCII byte is the
    /// byte.
    type Block = __m512i;
    type Kept = avx512::Kept;

    #[inline(always)]
    fn load(self, text: &[u8], at: usize) -> Self::Block {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::load(text, at) }
    }

    #[inline(always)]
    fn marks(self, block: Self::Block) -> Marks {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::marks(block) }
    }

    #[inline(always)]
    fn spaces(self, block: Self::Block) -> u64 {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::spaces(block) }
    }

    #[inline(always)]
    fn none(self) -> Self::Kept {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::none() }
    }

    #[inline(always)]
    fn keep(self, kept: &mut Self::Kept, block: Self::Block, set: u64) {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::keep(kept, block, set) };
    }

    #[inline(always)]
    fn hash(self, kept: Self::Kept) -> (u32, u64) {
        // SAFETY: the token proves that the features exist.
        unsafe { avx512::hash(&kept) }
    }
}

mod avx512 {
    use super::*;

    /// Fewer than 64 letters, padded with zeros, and the hash of the earlier ones.
    pub struct Kept {
        letters: __m512i,
        sums: __m512i,
        all: u32,
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2")]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub(super) fn run<T: Task>(lanes: Avx512, task: T) -> T::Out {
        task.run(lanes)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi2")]
    #[inline]
    pub(super) fn load(text: &[u8], at: usize) -> __m512i {
        let at = at.min(text.len());
        let live = _bzhi_u64(u64::MAX, (text.len() - at).min(STEP) as u32);
        // A valid address even if nothing is read: a fault that is suppressed is slow.
        let from = text.as_ptr().wrapping_add(at);
        // SAFETY: only bytes of the slice are read.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(live, from.cast()) };
        // SAFETY: the table has 128 bytes, and the loads need no alignment.
        let (low, high) = unsafe {
            let table = CLASSES.as_ptr();
            (_mm512_loadu_si512(table.cast()), _mm512_loadu_si512(table.add(STEP).cast()))
        };
        let wide = _mm512_movepi8_mask(bytes);
        let classes = _mm512_permutex2var_epi8(low, bytes, high);
        _mm512_mask_mov_epi8(classes, wide, bytes)
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn signs(block: __m512i, which: u8) -> u64 {
        _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(which.cast_signed()))
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn test(block: __m512i, bit: u8) -> u64 {
        _mm512_test_epi8_mask(block, _mm512_set1_epi8(bit.cast_signed()))
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(super) fn marks(block: __m512i) -> Marks {
        // No class has the highest bit set.
        let wide = _mm512_movepi8_mask(block);
        Marks {
            letter: test(block, LETTER) | wide,
            name: test(block, NAME) & !wide,
            at: signs(block, AT),
            less: signs(block, LESS),
            colon: signs(block, COLON),
            slash: signs(block, SLASH),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(super) fn spaces(block: __m512i) -> u64 {
        signs(block, SPACE)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn none() -> Kept {
        Kept { letters: _mm512_setzero_si512(), sums: _mm512_setzero_si512(), all: 0 }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn mix(sums: __m512i, letters: __m512i) -> __m512i {
        const { assert!(size_of::<[u64; WORDS]>() == STEP) };
        // SAFETY: the table has 64 bytes, and the load needs no alignment.
        let times = unsafe { _mm512_loadu_si512(TIMES.as_ptr().cast()) };
        let turned = _mm512_rol_epi64::<{ TURN as i32 }>(sums);
        _mm512_mullo_epi64(_mm512_xor_si512(turned, letters), times)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi2,popcnt")]
    #[inline]
    pub(super) fn keep(kept: &mut Kept, block: __m512i, set: u64) {
        let behind = kept.all % STEP as u32;
        let more = _mm512_maskz_compress_epi8(set, block);
        let moved = _mm512_maskz_expand_epi8(u64::MAX << behind, more);
        let letters = _mm512_or_si512(kept.letters, moved);
        // Whether there are 64 is unpredictable, so the rest is computed in either case.
        let is_full = behind + set.count_ones() >= STEP as u32;
        let rest = _mm512_maskz_compress_epi8(!(u64::MAX >> behind), more);
        let mask = if is_full { u8::MAX } else { 0 };
        kept.sums = _mm512_mask_mov_epi64(kept.sums, mask, mix(kept.sums, letters));
        kept.letters = _mm512_mask_mov_epi64(letters, mask, rest);
        kept.all += set.count_ones();
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    pub(super) fn hash(kept: &Kept) -> (u32, u64) {
        let sums = mix(kept.sums, kept.letters);
        finish(kept.all, _mm512_reduce_add_epi64(sums).cast_unsigned())
    }
}

mod avx2 {
    use super::*;

    /// For each set of eight bytes, the indexes of its members.
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

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub(super) fn run<T: Task>(lanes: Avx2, task: T) -> T::Out {
        task.run(lanes)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn load(text: &[u8], at: usize) -> [__m256i; 2] {
        let bytes = Scalar.load(text, at);
        // SAFETY: both loads are within the 64 bytes and need no alignment.
        unsafe {
            let from = bytes.as_ptr().cast::<__m256i>();
            [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn join(masks: [__m256i; 2]) -> u64 {
        let [low, high] = masks.map(|mask| _mm256_movemask_epi8(mask).cast_unsigned());
        u64::from(low) | u64::from(high) << 32
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn equal(bytes: __m256i, to: u8) -> __m256i {
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(to.cast_signed()))
    }

    /// Bytes from `first` on, `count` of them.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn range(bytes: __m256i, first: u8, count: u8) -> __m256i {
        let from = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.cast_signed()));
        let last = _mm256_set1_epi8((count - 1).cast_signed());
        _mm256_cmpeq_epi8(_mm256_min_epu8(from, last), from)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn letter(bytes: __m256i) -> __m256i {
        range(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), b'a', 26)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn marks(block: [__m256i; 2]) -> Marks {
        let or = |a, b| _mm256_or_si256(a, b);
        let letters = block.map(|bytes| letter(bytes));
        let other = block.map(|bytes| or(range(bytes, b'0', 10), equal(bytes, b'_')));
        let joint = block.map(|bytes| range(bytes, b'-', 2));
        Marks {
            // Non-ASCII bytes have their highest bit set, as the letters found have.
            letter: join(letters) | join(block),
            name: join(letters) | join(other) | join(joint),
            at: join(block.map(|bytes| equal(bytes, b'@'))),
            less: join(block.map(|bytes| equal(bytes, b'<'))),
            colon: join(block.map(|bytes| equal(bytes, b':'))),
            slash: join(block.map(|bytes| or(equal(bytes, b'/'), equal(bytes, b'\\')))),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn spaces(block: [__m256i; 2]) -> u64 {
        let or = |a, b| _mm256_or_si256(a, b);
        join(block.map(|bytes| {
            let lines = or(equal(bytes, b'\n'), equal(bytes, b'\r'));
            let feed = or(equal(bytes, b'\x0C'), equal(bytes, b'\t'));
            or(or(lines, feed), equal(bytes, b' '))
        }))
    }

    /// Writes the bytes in `set` to the beginning of `out`, which has room for some more than there
    /// are.
    #[target_feature(enable = "avx2,popcnt")]
    #[inline]
    pub(super) fn put(block: [__m256i; 2], set: u64, out: &mut [u8]) {
        let (mut len, mut set) = (0, set);
        for half in block {
            let lower = _mm256_and_si256(letter(half), _mm256_set1_epi8(0x20));
            let half = _mm256_or_si256(half, lower);
            for bytes in [_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)] {
                for bytes in [bytes, _mm_srli_si128::<8>(bytes)] {
                    let places = PLACES[(set & 0xFF) as usize].cast_signed();
                    let together = _mm_shuffle_epi8(bytes, _mm_cvtsi64_si128(places));
                    let together = _mm_cvtsi128_si64(together).to_le_bytes();
                    out[len..len + 8].copy_from_slice(&together);
                    len += (set & 0xFF).count_ones() as usize;
                    set >>= 8;
                }
            }
        }
    }
}
