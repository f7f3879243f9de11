//! A fingerprint of a text, to recognise copies.
//!
//! Links, mentions, digits, case, markup and punctuation are ignored, so that a copy with another
//! link or number has the same fingerprint. It is computed from the bytes as delivered, because one
//! platform encodes a text in one way only. Fingerprints are in checkpoints, so the algorithm must
//! never change.

use tagtide_simd::letters::{Lanes, Marks, STEP, Task, dispatch};

/// Shorter texts have no fingerprint: many people write the same one independently.
const LETTERS_MIN: u32 = 20;

/// The fingerprint of a text; 0 = none.
#[must_use]
pub fn fingerprint(text: &[u8]) -> u32 {
    dispatch(Fingerprint(text))
}

/// Computes the fingerprint of a text, for any vector width.
struct Fingerprint<'a>(&'a [u8]);

impl Task for Fingerprint<'_> {
    type Out = u32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u32 {
        let text = self.0;
        let mut left_out = LeftOut::new(text);
        let mut kept = lanes.none();
        // Letters of the previous block wait until it is clear that they are not a scheme.
        let (mut waiting, mut letters) = (lanes.load(text, text.len()), 0);
        for at in (0..text.len()).step_by(STEP) {
            let block = lanes.load(text, at);
            let marks = lanes.marks(block);
            let spaces = || lanes.spaces(block);
            let mut out = Out { here: left_out.at_start(at, spaces), before: 0 };
            let links = left_out.links_among(marks);
            if marks.less != 0 {
                let (state, all) = left_out.one_by_one(at, marks, links, out);
                // Field by field, so that they stay in registers while there is no markup.
                left_out.until = state.until;
                left_out.no_tag_ends = state.no_tag_ends;
                left_out.name = 0;
                out = all;
            } else {
                if links != 0 {
                    out = left_out.links(at, links, spaces(), out);
                }
                out.here |= left_out.names(marks, !out.here);
            }
            lanes.keep(&mut kept, waiting, letters & !out.before);
            (waiting, letters) = (block, marks.letter & !out.here);
        }
        lanes.keep(&mut kept, waiting, letters);
        let (letters, hash) = lanes.hash(kept);
        // No branch: short texts are unpredictable.
        ((hash >> 32) as u32).max(1) * u32::from(letters >= LETTERS_MIN)
    }
}

/// Ignored letters, one bit per byte.
#[derive(Clone, Copy)]
struct Out {
    here: u64,
    /// Those of the previous block.
    before: u64,
}

/// Finds mentions, links and markup, with state from block to block.
#[derive(Clone, Copy)]
struct LeftOut<'a> {
    text: &'a [u8],
    /// The text is ignored up to here, apart from links.
    until: usize,
    /// A link continues in the next block.
    link: bool,
    /// Bit 0: a name continues, or begins, in the next block.
    name: u64,
    /// Bit 0: a colon was the last byte of the previous block.
    colon: u64,
    /// The rest of the text has no `>`.
    no_tag_ends: bool,
}

impl<'a> LeftOut<'a> {
    #[inline(always)]
    fn new(text: &'a [u8]) -> Self {
        Self { text, until: 0, link: false, name: 0, colon: 0, no_tag_ends: false }
    }

    /// Ignored bytes of the block at `at` because of a link or markup that began before it.
    #[inline(always)]
    fn at_start(&mut self, at: usize, spaces: impl Fn() -> u64) -> u64 {
        if self.link {
            let spaces = spaces();
            self.link = spaces == 0;
            return below(spaces);
        }
        if self.until > at { self.of_tag(at) } else { 0 }
    }

    /// Ignored bytes of the block at `at`, up to `until`.
    fn of_tag(&self, at: usize) -> u64 {
        let gone = self.until.saturating_sub(at);
        if gone < STEP { !(u64::MAX << gone) } else { u64::MAX }
    }

    /// Mentions in a block, among the bytes `live` that are not ignored yet.
    #[inline(always)]
    fn names(&mut self, marks: Marks, live: u64) -> u64 {
        let (names, at) = (marks.name & live, marks.at & live);
        let starts = at << 1 | self.name;
        // A bit added to the first byte of a name carries through to its end.
        let (ends, over) = names.overflowing_add(starts & names);
        self.name = u64::from(over) | at >> (STEP - 1);
        names & !ends
    }

    /// Possible links: slashes after colons.
    #[inline(always)]
    fn links_among(&mut self, marks: Marks) -> u64 {
        let links = marks.slash & (marks.colon << 1 | self.colon);
        self.colon = marks.colon >> (STEP - 1);
        links
    }

    /// Adds to `out` the real links among the possible ones, including their schemes.
    #[inline(always)]
    fn links(&mut self, at: usize, mut links: u64, spaces: u64, mut out: Out) -> Out {
        while links != 0 {
            let place = links.trailing_zeros();
            links &= links - 1;
            let letters = self.scheme(at + place as usize);
            if letters == 0 || out.here >> place & 1 == 1 {
                continue;
            }
            out.add_scheme(place, letters);
            let end = spaces & u64::MAX << place;
            out.here |= u64::MAX << place & below(end);
            self.link = end == 0;
        }
        out
    }

    /// Length of the scheme of a link whose first slash is at `at`; 0 if it is not a link.
    #[inline(always)]
    fn scheme(&self, at: usize) -> u32 {
        // The first slash can be escaped, as in JSON.
        let (true, Some(colon)) = (self.text.get(at + 1) == Some(&b'/'), at.checked_sub(1)) else {
            return 0;
        };
        let before = &self.text[..colon];
        let word = match before.last_chunk() {
            Some(word) => u64::from_be_bytes(*word),
            None => before.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let lower = word | 0x2020_2020_2020_2020;
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        // The scheme must be at the start of a word.
        if lower << 24 == HTTPS && !is_letter((word >> 40) as u8) {
            5
        } else if lower << 32 == HTTP && !is_letter((word >> 32) as u8) {
            4
        } else {
            0
        }
    }

    /// Ignored bytes of a block in which markup begins, sign by sign, in addition to `out`.
    #[cold]
    #[inline(never)]
    fn one_by_one(mut self, at: usize, marks: Marks, links: u64, mut out: Out) -> (Self, Out) {
        if std::mem::take(&mut self.name) != 0 {
            self.until = self.until.max(at + name(&self.text[at..]));
            out.here |= self.of_tag(at);
        }
        let mut signs = links | marks.at | marks.less;
        while signs & !out.here != 0 {
            let place = (signs & !out.here).trailing_zeros();
            signs &= !(1 << place);
            let sign = at + place as usize;
            let after = &self.text[sign + 1..];
            let length = match self.text[sign] {
                b'@' => name(after),
                b'<' => self.tag(after),
                _ => match self.scheme(sign) {
                    0 => 0,
                    letters => {
                        out.add_scheme(place, letters);
                        after.iter().position(u8::is_ascii_whitespace).unwrap_or(after.len())
                    }
                },
            };
            self.until = sign + 1 + length;
            out.here |= u64::MAX << place & self.of_tag(at);
        }
        (self, out)
    }

    /// Length of an HTML tag after its `<`.
    fn tag(&mut self, after: &[u8]) -> usize {
        let end = if self.no_tag_ends { None } else { memchr::memchr(b'>', after) };
        self.no_tag_ends = end.is_none();
        end.map_or(0, |end| end + 1)
    }
}

/// `https`, first letter in the highest byte, padded with zeros.
const HTTPS: u64 = u64::from_be_bytes(*b"https\0\0\0");
/// The same for `http`.
const HTTP: u64 = u64::from_be_bytes(*b"http\0\0\0\0");

impl Out {
    /// Adds the letters of a scheme before the colon before `place`.
    #[inline(always)]
    fn add_scheme(&mut self, place: u32, letters: u32) {
        let scheme = ((1_u128 << letters) - 1) << (STEP as u32 + place - 1 - letters);
        self.before |= scheme as u64;
        self.here |= (scheme >> STEP) as u64;
    }
}

/// The bits below the lowest bit of `bits`; all bits if `bits` is 0.
#[inline(always)]
fn below(bits: u64) -> u64 {
    (bits & bits.wrapping_neg()).wrapping_sub(1)
}

/// Length of the account name at the start of `text`.
fn name(text: &[u8]) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.iter().take_while(is_part).count()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use tagtide_simd::letters::{Scalar, hash_of};

    #[test]
    fn small_changes_of_a_copy_are_ignored() {
        let text = "Vote for the best answer now #poll";
        let same = [
            "vote FOR the best answer now #Poll 17",
            "@somebody.example Vote for the best answer now! #poll",
            "Vote for the best answer now #poll https://example.org/x1?y=2",
            "<p>Vote for the <b>best</b> answer now #poll</p>",
            "https:\\/\\/example.org\\/z Vote for the best answer now #poll",
        ];
        for other in same {
            assert_eq!(fingerprint(other.as_bytes()), fingerprint(text.as_bytes()), "{other}");
        }
        let long = "Vote for the best answer now ".repeat(10);
        let prints: Vec<u32> = (200..280)
            .map(|at| {
                fingerprint(format!("{} https://example.org/x{}", &long[..at], at).as_bytes())
            })
            .zip((200..280).map(|at| fingerprint(&long.as_bytes()[..at])))
            .inspect(|(with, without)| assert_eq!(with, without))
            .map(|both| both.0)
            .collect();
        assert!(prints.iter().collect::<std::collections::HashSet<_>>().len() > 60);
        assert_ne!(
            fingerprint(b"Vote for the worst answer now #poll"),
            fingerprint(text.as_bytes())
        );
        assert_ne!(fingerprint("Голосуйте за лучший ответ".as_bytes()), 0);
    }

    /// The definition of a fingerprint, letter by letter.
    fn by_letters(text: &[u8]) -> u32 {
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        let mut kept: Vec<bool> = text.iter().map(|byte| is_letter(*byte)).collect();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let (before, after) = (&text[..at], &text[at + 1..]);
            let left_out = match byte {
                b'@' => name(after),
                b'<' => after.iter().position(|byte| *byte == b'>').map_or(0, |end| end + 1),
                b':' if after.starts_with(b"//") || after.starts_with(b"\\/") => {
                    let lower = before.to_ascii_lowercase();
                    let schemes: [&[u8]; 2] = [b"https", b"http"];
                    let scheme = schemes.into_iter().find(|scheme| lower.ends_with(scheme));
                    let start = scheme.map(|scheme| at - scheme.len());
                    match start.filter(|at| *at == 0 || !is_letter(text[at - 1])) {
                        None => 0,
                        Some(start) => {
                            kept[start..at].fill(false);
                            after.iter().position(u8::is_ascii_whitespace).unwrap_or(after.len())
                        }
                    }
                }
                _ => 0,
            };
            kept[at + 1..][..left_out].fill(false);
            at += 1 + left_out;
        }
        let letters = text.iter().zip(kept).filter(|(_, kept)| *kept);
        let letters: Vec<u8> = letters.map(|(byte, _)| byte.to_ascii_lowercase()).collect();
        if letters.len() < LETTERS_MIN as usize {
            return 0;
        }
        ((hash_of(&letters) >> 32) as u32).max(1)
    }

    proptest! {
        #[test]
        fn all_ways_hash_the_same_letters(
            pieces in vec(select(&PIECES[..]), 0..120),
            bytes in vec(any::<u8>(), 0..40),
        ) {
            let mut text = pieces.concat().into_bytes();
            for text in [&text.clone(), { text.extend(bytes); &text }] {
                prop_assert_eq!(fingerprint(text), by_letters(text));
                prop_assert_eq!(Fingerprint(text).run(Scalar), by_letters(text));
                #[cfg(target_arch = "x86_64")]
                if let Some(lanes) = tagtide_simd::letters::Avx2::detect() {
                    prop_assert_eq!(lanes.run(Fingerprint(text)), by_letters(text));
                }
            }
        }
    }

    /// Pieces that are special, and pieces that nearly are.
    const PIECES: [&str; 21] = [
        "a",
        "Z",
        "[",
        "`",
        "{",
        "wordsWORDS",
        "sixteen letters.",
        " ",
        "12",
        "é",
        "日本",
        "@ann",
        "@",
        "> ",
        "/",
        "<b>",
        "<",
        ":",
        "https://a.example/x ",
        "xhttp://",
        "Http:\\/",
    ];

    #[test]
    fn fingerprints_stay_what_they_are() {
        assert_eq!(fingerprint(b"Vote for the best answer now #poll"), 0x0b4b_e120);
        assert_eq!(fingerprint("Голосуйте за лучший ответ".repeat(20).as_bytes()), 0x1a12_c3b4);
    }

    #[test]
    fn a_short_text_has_no_fingerprint() {
        assert_eq!(fingerprint(b"good morning #rust 2026"), 0);
        assert_eq!(fingerprint(b""), 0);
        assert_eq!(fingerprint(b"@"), 0);
        assert_eq!(fingerprint(b"h<"), 0);
    }
}
