//! Finds the letters of a text and hashes selected ones, 64 bytes at a time.
//!
//! [`Avx512`], [`Avx2`] and [`Scalar`] return the same on every input. [`dispatch`] selects one per
//! call by what the processor supports. Nothing is read outside the slice: bytes after its end are
//! treated as zeros.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// Bytes examined in one step.
pub const STEP: usize = 64;

/// The class of each byte below 128: a letter in lower case, or one of the classes below.
const CLASSES: [u8; 128] = {
    let mut classes = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            letter @ b'a'..=b'z' => letter,
            letter @ b'A'..=b'Z' => letter | 0x20,
            b'0'..=b'9' | b'_' | b'.' | b'-' => NAME,
            b'@' => AT,
            b'<' => LESS,
            b':' => COLON,
            b'/' | b'\\' => SLASH,
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Bit of letters only.
const LETTER: u8 = 0x40;
/// Bit of bytes in names, including letters.
const NAME: u8 = 0x20;
/// The remaining classes, one bit each.
const AT: u8 = 1;
const LESS: u8 = 2;
const COLON: u8 = 4;
const SLASH: u8 = 8;
const SPACE: u8 = 16;

/// One bit per byte, lowest bit first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Letters, and all non-ASCII bytes
    pub letter: u64,
    /// ASCII letters and digits, `_`, `.` and `-`
    pub name: u64,
    /// `@`
    pub at: u64,
    /// `<`
    pub less: u64,
    /// `:`
    pub colon: u64,
    /// `/` and `\`
    pub slash: u64,
}

/// One implementation.
pub trait Lanes: Copy {
    /// 64 bytes of a text, zeros after its end.
    type Block: Copy;
    /// The letters selected so far.
    type Kept;
    /// The block from `at`.
    fn load(self, text: &[u8], at: usize) -> Self::Block;
    /// The classes of the bytes of a block.
    fn marks(self, block: Self::Block) -> Marks;
    /// The ASCII white space of a block.
    fn spaces(self, block: Self::Block) -> u64;
    /// No letters yet.
    fn none(self) -> Self::Kept;
    /// Adds the letters in `set`, in lower case. `set` must contain letters only.
    fn keep(self, kept: &mut Self::Kept, block: Self::Block, set: u64);
    /// The number of letters, and their hash, as by [`hash_of`].
    fn hash(self, kept: Self::Kept) -> (u32, u64);
}

/// Words that are hashed independently, so that their multiplications do not wait for each other.
const WORDS: usize = STEP / 8;

/// The factor of each word: odd numbers without a pattern.
const TIMES: [u64; WORDS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xff51_afd7_ed55_8ccd,
    0xc4ce_b9fe_1a85_ec53,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
];

/// Bits by which the previous hash is rotated at each step.
const TURN: u32 = 23;

/// Hashes 64 more letters.
#[inline]
fn mix(sums: &mut [u64; WORDS], letters: &[u8]) {
    for ((sum, word), times) in sums.iter_mut().zip(letters.chunks_exact(8)).zip(TIMES) {
        let word = word.first_chunk().copied().map_or(0, u64::from_le_bytes);
        *sum = (sum.rotate_left(TURN) ^ word).wrapping_mul(times);
    }
}

/// The last step of a hash.
#[inline(always)]
fn finish(letters: u32, sum: u64) -> (u32, u64) {
    let sum = sum.wrapping_add(u64::from(letters));
    (letters, (sum ^ sum >> 32).wrapping_mul(TIMES[0]))
}

/// The definition of the hash: the letters in groups of 64, padded with zeros.
#[must_use]
pub fn hash_of(letters: &[u8]) -> u64 {
    let mut sums = [0; WORDS];
    let (steps, rest) = letters.as_chunks::<STEP>();
    steps.iter().for_each(|step| mix(&mut sums, step));
    let mut last = [0; STEP];
    last[..rest.len()].copy_from_slice(rest);
    mix(&mut sums, &last);
    finish(letters.len() as u32, sums.into_iter().fold(0, u64::wrapping_add)).1
}

/// Letters that are not hashed yet, and the hash of the earlier ones.
#[derive(Clone, Copy, Debug)]
pub struct Gathered {
    /// Room for those of one step after up to 63 letters.
    letters: [u8; 2 * STEP],
    len: usize,
    hashed: u32,
    sums: [u64; WORDS],
}

impl Gathered {
    #[inline]
    fn new() -> Self {
        Self { letters: [0; 2 * STEP], len: 0, hashed: 0, sums: [0; WORDS] }
    }

    /// Where the next letters go; excess bytes written after them are ignored.
    #[inline]
    fn room(&mut self) -> &mut [u8] {
        &mut self.letters[self.len..]
    }

    #[inline]
    fn add(&mut self, letters: u32) {
        self.len += letters as usize;
        if self.len >= STEP {
            mix(&mut self.sums, &self.letters[..STEP]);
            self.letters.copy_within(STEP.., 0);
            self.len -= STEP;
            self.hashed += STEP as u32;
        }
    }

    #[inline]
    fn hash(mut self) -> (u32, u64) {
        self.letters[self.len..].fill(0);
        mix(&mut self.sums, &self.letters[..STEP]);
        let sum = self.sums.into_iter().fold(0, u64::wrapping_add);
        finish(self.hashed + self.len as u32, sum)
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
#[inline]
pub fn dispatch<T: Task>(task: T) -> T::Out {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(lanes) = Avx512::detect() {
            return lanes.run(task);
        }
        if let Some(lanes) = Avx2::detect() {
            return lanes.run(task);
        }
    }
    task.run(Scalar)
}

/// One byte at a time.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Lanes for Scalar {
    type Block = [u8; STEP];
    type Kept = Gathered;

    #[inline]
    fn load(self, text: &[u8], at: usize) -> Self::Block {
        let rest = text.get(at..).unwrap_or_default();
        let mut block = [0; STEP];
        match rest.first_chunk() {
            Some(whole) => block = *whole,
            None => block[..rest.len()].copy_from_slice(rest),
        }
        block
    }

    fn marks(self, block: Self::Block) -> Marks {
        let mut marks = Marks::default();
        for (i, &byte) in block.iter().enumerate() {
            let class = CLASSES.get(usize::from(byte)).copied().unwrap_or(LETTER);
            let bit = |is: bool| u64::from(is) << i;
            marks.letter |= bit(class & LETTER != 0);
            marks.name |= bit(class & NAME != 0);
            marks.at |= bit(class == AT);
            marks.less |= bit(class == LESS);
            marks.colon |= bit(class == COLON);
            marks.slash |= bit(class == SLASH);
        }
        marks
    }

    fn spaces(self, block: Self::Block) -> u64 {
        let spaces = block.iter().enumerate().filter(|(_, byte)| byte.is_ascii_whitespace());
        spaces.fold(0, |spaces, (i, _)| spaces | 1 << i)
    }

    fn none(self) -> Gathered {
        Gathered::new()
    }

    fn keep(self, kept: &mut Gathered, block: Self::Block, set: u64) {
        let letters = (0..STEP).filter(|i| set >> i & 1 == 1).map(|i| block[i]);
        for (to, letter) in kept.room().iter_mut().zip(letters) {
            *to = letter.to_ascii_lowercase();
        }
        kept.add(set.count_ones());
    }

    fn hash(self, kept: Gathered) -> (u32, u64) {
        kept.hash()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The results of `lanes` for `text`: marks, white space, and the hash of its letters except
    /// those in `but`.
    fn answers<L: Lanes>(lanes: L, text: &[u8], but: u64) -> (Vec<(Marks, u64)>, (u32, u64)) {
        let (mut all, mut kept) = (Vec::new(), lanes.none());
        for at in (0..text.len() + STEP).step_by(STEP) {
            let block = lanes.load(text, at);
            let marks = lanes.marks(block);
            lanes.keep(&mut kept, block, marks.letter & !but.rotate_left(at as u32 / 7));
            all.push((marks, lanes.spaces(block)));
        }
        (all, lanes.hash(kept))
    }

    fn compare(text: &[u8], but: u64) {
        let meant = answers(Scalar, text, but);
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(lanes) = Avx2::detect() {
                assert_eq!(answers(lanes, text, but), meant, "{text:?}");
            }
            if let Some(lanes) = Avx512::detect() {
                assert_eq!(answers(lanes, text, but), meant, "{text:?}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_level_is_as_asked_for() {
        crate::level::tests::is_as_asked_for(x86::level(), x86::detect());
    }

    #[test]
    fn every_byte_is_classified_alike_at_every_place() {
        for byte in 0..=255_u8 {
            for at in 0..64 {
                let mut text = [byte.wrapping_mul(31); 64];
                text[at] = byte;
                compare(&text, 0);
            }
        }
    }

    #[test]
    fn marks_name_the_bytes_they_say() {
        let block = Scalar.load(b"aZ_09.-@<:/\\ \xC3", 0);
        let marks = Scalar.marks(block);
        assert_eq!((marks.letter, marks.name), (0b10_0000_0000_0011, 0b111_1111));
        assert_eq!((marks.at, marks.less, marks.colon), (1 << 7, 1 << 8, 1 << 9));
        assert_eq!((marks.slash, Scalar.spaces(block)), (0b11 << 10, 1 << 12));
    }

    #[test]
    fn a_hash_is_that_of_the_letters_one_after_the_other() {
        let text: Vec<u8> = (0..300_u32).map(|n| b'a' + (n * n % 26) as u8).collect();
        for len in 0..text.len() {
            let (_, (letters, hash)) = answers(Scalar, &text[..len], 0);
            assert_eq!((letters as usize, hash), (len, hash_of(&text[..len])));
        }
        assert_ne!(hash_of(b"a"), hash_of(b"a\0"), "the length is hashed");
        assert_ne!(hash_of(b"letters that differ"), hash_of(b"letters that differ "));
    }

    proptest! {
        #[test]
        fn letters_are_kept_alike(
            text in proptest::collection::vec(any::<u8>(), 0..400),
            but in any::<u64>(),
        ) {
            compare(&text, but);
            compare(&text, 0);
            let letters: Vec<u8> = text.iter().map(|byte| b'a' + byte % 26).collect();
            compare(&letters, but);
            compare(&letters, 0);
        }
    }
}
