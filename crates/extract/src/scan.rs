//! The fast path: the tags of a whole block of lines in one pass.
//!
//! The pass finds newlines and the bytes at which a tag can begin, 64 bytes at a time. A plain tag
//! after white space is decided at once. Anything that needs more context (a reference such as
//! `&num;` next to it, a possible URL or a non-ASCII letter before it, invalid UTF-8) sends the
//! rest of that line to the reference path, [`super::Extractor`], whose result is used. So both
//! paths give the same tags on every input.
//!
//! A line ends at `\n` or `\r\n`; the end of the block ends its last line. UTF-8 is checked only
//! near tags. Bytes after `len` never affect the result.

use std::borrow::Cow;

use super::{Extractor, KEY_MAX_BYTES, Rule, Scanned, Visit, chars, words};
use crate::markup::Markup;
use tagtide_simd::lines::{Lanes, Task, dispatch};

/// Finds the tags of the lines in `padded[..len]` and passes them to `visit`, in order.
///
/// Fast if [`tagtide_simd::PAD`] bytes follow `len`; correct in any case.
///
/// # Panics
/// If `len` is greater than `padded.len()`.
pub fn scan_lines<V: Visit>(
    padded: &[u8],
    len: usize,
    rule: Rule,
    extractor: &mut Extractor,
    visit: &mut V,
) -> Scanned {
    match rule {
        Rule::Tags => dispatch(Block::new(padded, len, extractor, visit)),
        Rule::Words => scan_words(&padded[..len], visit),
    }
}

/// The scan of one block.
struct Block<'a, V> {
    /// The lines only.
    bytes: &'a [u8],
    /// The lines and the padding after them.
    padded: &'a [u8],
    visit: &'a mut V,
    extractor: &'a mut Extractor,
    invalid: u32,
}

/// `N` bytes from `at`, with zeros after the end of the buffer.
#[inline(always)]
fn window<const N: usize>(padded: &[u8], at: usize) -> [u8; N] {
    if let Some(bytes) = padded.get(at..).and_then(|rest| rest.first_chunk::<N>()) {
        return *bytes;
    }
    let mut bytes = [0; N];
    let rest = padded.get(at..).unwrap_or_default();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes
}

impl<V: Visit> Task for Block<'_, V> {
    type Out = Scanned;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Scanned {
        let len = self.bytes.len();
        let mut found = Found::new(self.extractor.places.take().unwrap_or_default());
        let mut resume = 0;
        // Candidates are found first and decided afterwards: the first loop has no branches, the
        // second has many, and separated they do not stall each other.
        for from in (0..len).step_by(STRETCH) {
            let to = len.min(from + STRETCH);
            let count = self.find(lanes, from, to, &mut found);
            for &at in &found.places.all[..count] {
                let at = at as usize;
                let line = found.places.line(at, from);
                if at >= resume && !self.decide(lanes, at, line) {
                    resume = self.reference(at, line);
                }
            }
        }
        self.extractor.places = Some(found.places);
        let mut scanned = found.scanned;
        scanned.lines += u32::from(self.bytes.last().is_some_and(|&b| b != b'\n'));
        scanned.invalid_utf8 = self.invalid;
        scanned
    }
}

/// Bytes that are searched before the candidates in them are decided.
const STRETCH: usize = 2048;

/// Blocks of 64 bytes in a stretch.
const BLOCKS: usize = STRETCH / 64;

/// The bytes of a stretch at which a tag can begin, and its newlines.
#[derive(Debug)]
pub(super) struct Places {
    /// Room for one per byte, and for the excess that the last block writes.
    all: Vec<u32>,
    /// Newlines of each block of 64 bytes.
    newlines: [u64; BLOCKS],
    /// Lines that end before the stretch.
    lines: [u32; BLOCKS],
}

impl Default for Places {
    fn default() -> Self {
        Self { all: vec![0; STRETCH + 64], newlines: [0; BLOCKS], lines: [0; BLOCKS] }
    }
}

impl Places {
    /// The line of `at`, in the stretch that begins at `from`.
    #[inline(always)]
    fn line(&self, at: usize, from: usize) -> u32 {
        let block = (at - from) / 64 % BLOCKS;
        let before = self.newlines[block] & ((1 << (at % 64)) - 1);
        self.lines[block] + before.count_ones()
    }
}

/// The state of the search.
struct Found {
    /// Candidates of the current stretch.
    places: Box<Places>,
    scanned: Scanned,
    /// Bit 0: the byte before the next block was a newline.
    newline: u64,
    /// Bit 0: that byte was the first of its line.
    start: u64,
}

impl Found {
    /// An empty search; `places` is the buffer of an earlier search.
    #[inline(always)]
    fn new(places: Box<Places>) -> Self {
        Self { places, scanned: Scanned::default(), newline: 1, start: 0 }
    }
}

impl<'a, V: Visit> Block<'a, V> {
    fn new(padded: &'a [u8], len: usize, extractor: &'a mut Extractor, visit: &'a mut V) -> Self {
        Self { bytes: &padded[..len], padded, visit, extractor, invalid: 0 }
    }

    /// Finds the candidates in `from..to`, which begins at a multiple of 64. Returns how many.
    #[inline(always)]
    fn find<L: Lanes>(&self, lanes: L, from: usize, to: usize, found: &mut Found) -> usize {
        let mut count = 0;
        let mut base = from;
        while base < to {
            let marks = lanes.marks(&window::<64>(self.padded, base));
            let live = if to - base >= 64 { u64::MAX } else { (1 << (to - base)) - 1 };
            let newline = marks.newline & live;
            // In an empty line the newline is the first byte, or the second after `\r`.
            let start = newline << 1 | found.newline;
            let short = newline & (start | start << 1 | found.start);
            if short != 0 {
                found.scanned.empty += self.empty_lines(base, short);
            }
            (found.newline, found.start) = (newline >> 63, start >> 63);
            let block = (base - from) / 64 % BLOCKS;
            found.places.newlines[block] = newline;
            found.places.lines[block] = found.scanned.lines;
            let stops = marks.stop & live;
            // At most one per byte, so there is room for those of one more block.
            if let Some(room) = found.places.all[count..].first_chunk_mut() {
                lanes.places(stops, base as u32, room);
            }
            count += stops.count_ones() as usize;
            found.scanned.lines += newline.count_ones();
            base += 64;
        }
        count
    }

    /// How many of the lines that end at the newlines `short` after `base` are empty.
    #[cold]
    fn empty_lines(&self, base: usize, mut short: u64) -> u32 {
        let mut empty = 0;
        while short != 0 {
            let before = &self.bytes[..base + short.trailing_zeros() as usize];
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            empty += u32::from(before.last().is_none_or(|&b| b == b'\n'));
            short &= short - 1;
        }
        empty
    }

    /// The byte at `at`; the end of the block reads as a newline.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    /// Decides about the candidate at `at`, and passes it on if it is a tag. `false` if the
    /// reference path must decide.
    #[inline(always)]
    fn decide<L: Lanes>(&mut self, lanes: L, at: usize, line: u32) -> bool {
        let sign = match self.bytes[at] {
            b'#' => 1,
            // `&num;` is the only name for a sign.
            b'&' => return !self.bytes[at..].starts_with(b"&num;"),
            _ if self.bytes[at..].starts_with(WIDE_SIGN) => WIDE_SIGN.len(),
            _ => return true,
        };
        match self.before(at) {
            Before::Free => {}
            Before::Bound => return true,
            Before::Unsure => return false,
        }
        let first = at + sign;
        let Some((end, letter)) = self.word_end(lanes, first) else { return false };
        let next = self.byte(end);
        if !next.is_ascii() {
            return self.wide(first, line);
        }
        if next == b'&' || (next == b':' && matches!(self.byte(end + 1), b'/' | b'&')) {
            return false;
        }
        if letter && next != b'#' {
            if end - first > KEY_MAX_BYTES {
                self.visit.oversize_tag(line);
            } else {
                self.visit.ascii_tag(line, self.padded, first, end - first);
            }
        }
        true
    }

    /// What the bytes before the `#` at `at` allow.
    #[inline(always)]
    fn before(&self, at: usize) -> Before {
        let back = |n: usize| at.checked_sub(n).map_or(b'\n', |i| self.bytes[i]);
        let space = |b| matches!(b, b' ' | b'\n' | b'\t');
        match back(1) {
            b if space(b) => Before::Free,
            b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Before::Bound,
            b'&' => match self.byte(at + 1) {
                b'3' if self.bytes[at..].starts_with(b"#39;") => Before::Bound,
                b'0'..=b'9' | b'x' | b'X' => Before::Unsure,
                _ => Before::Bound,
            },
            // It can end a reference.
            b';' => Before::Unsure,
            // No URL consists of one such character followed by `#`.
            b if b.is_ascii() && (at < 2 || space(back(2))) => Before::Free,
            _ => self.before_without_space(at),
        }
    }

    /// The same if no white space is near. A URL has a dot, and a reference and an earlier tag have
    /// their signs; if the bytes back to the last white space have none of them, the preceding
    /// character decides.
    fn before_without_space(&self, at: usize) -> Before {
        let from = at.saturating_sub(REACH);
        let near = &self.bytes[from..at];
        let start = match near.iter().rposition(|b| matches!(b, b' ' | b'\n' | b'\t')) {
            Some(space) => space + 1,
            None if from == 0 => 0,
            None => return Before::Unsure,
        };
        let run = &near[start..];
        if run.iter().any(|b| matches!(b, b'.' | b'#' | b'&' | 0xEF)) {
            return Before::Unsure;
        }
        let lead = run.iter().rposition(|b| !matches!(b, 0x80..0xC0)).unwrap_or(0);
        match self.char_at(from + start + lead) {
            Some((c, len)) if lead + len == run.len() && !chars::is_word(c) => Before::Free,
            Some((_, len)) if lead + len == run.len() => Before::Bound,
            _ => Before::Unsure,
        }
    }

    /// End of the ASCII word at `first`, and whether it has a letter.
    #[inline(always)]
    fn word_end<L: Lanes>(&self, lanes: L, first: usize) -> Option<(usize, bool)> {
        let word = lanes.word(&window::<32>(self.padded, first));
        let run = word.word.trailing_ones();
        if run == 32 {
            return Some(self.long_word_end(first));
        }
        let letter = word.letter & ((1 << run) - 1);
        let end = first + run as usize;
        if end <= self.bytes.len() {
            return Some((end, letter != 0));
        }
        // The word ran into the padding.
        Some(self.long_word_end(first))
    }

    #[cold]
    fn long_word_end(&self, first: usize) -> (usize, bool) {
        let rest = &self.bytes[first..];
        let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let run = rest.iter().position(|b| !word(b)).unwrap_or(rest.len());
        (first + run, rest[..run].iter().any(u8::is_ascii_alphabetic))
    }

    /// Decides about a non-ASCII tag whose word begins at `first`, if nothing before it forbids a
    /// tag.
    fn wide(&mut self, first: usize, line: u32) -> bool {
        if self.bytes[first..].starts_with("\u{FE0F}".as_bytes())
            || self.bytes[first..].starts_with("\u{20E3}".as_bytes())
        {
            return true;
        }
        let classes = chars::Classes::get();
        let (mut end, mut any, mut all) = (first, 0, chars::SETTLED);
        let next = loop {
            let Some((c, len)) = self.char_at(end) else { return false };
            let class = classes.of(c);
            if class & chars::WORD == 0 {
                break c;
            }
            any |= class;
            all &= class;
            end += len;
        };
        if next == '&' || (next == ':' && matches!(self.byte(end + 1), b'/' | b'&')) {
            return false;
        }
        if any & chars::LETTER == 0 || chars::is_sign(next) {
            return true;
        }
        if all != 0 && end - first <= KEY_MAX_BYTES {
            self.visit.settled_tag(line, self.padded, first, end - first);
            return true;
        }
        let Ok(display) = str::from_utf8(&self.bytes[first..end]) else { return false };
        match self.extractor.folder.fold(display) {
            None => self.visit.oversize_tag(line),
            Some("") => {}
            Some(key) => self.visit.tag(line, first, key, display),
        }
        true
    }

    /// The character at `at` and its length in bytes: a newline at the end of the block, `None` if
    /// the bytes are not valid UTF-8.
    #[inline(always)]
    fn char_at(&self, at: usize) -> Option<(char, usize)> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let low = |b: u8| (b & 0xC0 == 0x80).then_some(u32::from(b & 0x3F));
        let (code, len, least) = match *rest {
            [] => return Some(('\n', 1)),
            [b @ 0..0x80, ..] => return Some((char::from(b), 1)),
            [a @ 0xC0..0xE0, b, ..] => (u32::from(a & 0x1F) << 6 | low(b)?, 2, 0x80),
            [a @ 0xE0..0xF0, b, c, ..] => {
                (u32::from(a & 0xF) << 12 | low(b)? << 6 | low(c)?, 3, 0x800)
            }
            [a @ 0xF0..0xF8, b, c, d, ..] => {
                let high = u32::from(a & 7) << 18 | low(b)? << 12;
                (high | low(c)? << 6 | low(d)?, 4, 0x1_0000)
            }
            _ => return None,
        };
        // Overlong forms and surrogates are not UTF-8.
        Some((char::from_u32(code).filter(|_| code >= least)?, len))
    }

    /// Passes on the tags of the line of `at` that begin at `at` or later, by the reference path.
    /// Returns the end of the line.
    #[cold]
    #[inline(never)]
    fn reference(&mut self, at: usize, line: u32) -> usize {
        let start = memchr::memrchr(b'\n', &self.bytes[..at]).map_or(0, |i| i + 1);
        let end = memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |i| at + i);
        let closed = end < self.bytes.len();
        let bytes = &self.bytes[start..end];
        let bytes = if closed { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes };
        // `&#35;tag` begins at its `&`.
        let first = at - start;
        let first = first - usize::from(bytes[..first].ends_with(b"&"));
        let text = String::from_utf8_lossy(bytes);
        let (from, broken) = match &text {
            Cow::Borrowed(text) => (count(&text[..first]), Broken(Vec::new())),
            Cow::Owned(_) => (Broken::chars(&bytes[..first]), Broken::of(bytes)),
        };
        let mut touched = false;
        let Self { visit, extractor, .. } = self;
        extractor.each(&text, Markup::Entities, |key, display, place| {
            touched = touched || broken.touch(&place);
            match key {
                _ if place.start < from => {}
                Some(key) => visit.tag(line, at, key, display),
                None => visit.oversize_tag(line),
            }
        });
        self.invalid += u32::from(touched);
        end
    }
}

/// The full-width sign.
const WIDE_SIGN: &[u8] = "＃".as_bytes();

/// Bytes before a sign that are searched for white space.
const REACH: usize = 128;

/// What the bytes before a sign allow.
enum Before {
    /// A tag can begin, and no URL reaches it.
    Free,
    /// No tag can begin.
    Bound,
    /// The reference path must read the line.
    Unsure,
}

/// Code points of `text`.
fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// Places of invalid UTF-8 in a line, in code points of its lossy decoding.
struct Broken(Vec<u32>);

impl Broken {
    fn of(bytes: &[u8]) -> Self {
        let mut places = Vec::new();
        let mut chars = 0_u32;
        for chunk in bytes.utf8_chunks() {
            chars += count(chunk.valid());
            if !chunk.invalid().is_empty() {
                places.push(chars);
                chars += 1;
            }
        }
        Self(places)
    }

    /// Code points of `bytes`, each invalid sequence one.
    fn chars(bytes: &[u8]) -> u32 {
        let chunks = bytes.utf8_chunks();
        chunks.map(|c| count(c.valid()) + u32::from(!c.invalid().is_empty())).sum()
    }

    /// Whether one is directly before or after `place`.
    fn touch(&self, place: &std::ops::Range<u32>) -> bool {
        let is = |at: u32| self.0.binary_search(&at).is_ok();
        is(place.end) || place.start.checked_sub(1).is_some_and(is)
    }
}

/// The lines of a block by the original's rule.
fn scan_words<V: Visit>(block: &[u8], visit: &mut V) -> Scanned {
    let mut scanned = Scanned::default();
    let mut from = 0;
    while from < block.len() {
        let rest = &block[from..];
        let (line, next) = match memchr::memchr(b'\n', rest) {
            Some(i) => (rest[..i].strip_suffix(b"\r").unwrap_or(&rest[..i]), from + i + 1),
            None => (rest, block.len()),
        };
        let mut invalid = false;
        for range in words::find(line) {
            let word = String::from_utf8_lossy(&line[range.clone()]);
            invalid = invalid || matches!(word, Cow::Owned(_));
            if word.len() > KEY_MAX_BYTES {
                visit.oversize_tag(scanned.lines);
            } else {
                visit.tag(scanned.lines, from + range.start, &word, &word);
            }
        }
        scanned.invalid_utf8 += u32::from(invalid);
        scanned.empty += u32::from(line.is_empty());
        scanned.lines += 1;
        from = next;
    }
    scanned
}

#[cfg(test)]
mod tests;
