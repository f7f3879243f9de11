//! The hashtag rule in readable form, for a text without markup.
//!
//! A tag is `#` or `＃`, not followed by U+FE0F or U+20E3 (a keycap), then word characters (letters,
//! marks, decimal digits and a few specials such as `_`), at least one of which is a letter or a
//! mark. It must be preceded by the start of the text or by a character that is neither a word
//! character nor `&` (U+FE0E and U+FE0F are allowed, because they end an emoji). A candidate
//! followed by `#`, `＃` or `://` is not a tag, and neither is one inside a URL that began before
//! it.
//!
//! This file is written for reading, not for speed: [`super::scan`] is the fast path and must agree
//! with it on every input.

use std::ops::Range;

use smallvec::SmallVec;

use super::chars::{is_letter, is_sign, is_space, is_word};
use super::url;

/// A tag in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Bytes, including the sign, end exclusive.
    pub bytes: Range<usize>,
    /// Code points, including the sign, end exclusive.
    pub chars: Range<u32>,
    /// First byte after the sign.
    pub word: usize,
    /// The preceding character cannot belong to a URL.
    apart: bool,
}

/// The tags of one text; no allocation up to eight.
pub type Hits = SmallVec<[Hit; 8]>;

/// Every tag of `text`, in order.
#[must_use]
pub fn find(text: &str) -> Hits {
    let mut hits = candidates(text);
    let close = |hit: &&Hit| !hit.apart;
    if let Some(first) = hits.iter().find(close).map(|hit| hit.bytes.start)
        && let Some(last) = hits.iter().rfind(close).map(|hit| hit.bytes.start)
        && text.contains('.')
    {
        drop_inside_urls(&mut hits, &url::find(text, first, last));
    }
    hits
}

/// Candidates, before URLs are excluded.
fn candidates(text: &str) -> Hits {
    let bytes = text.as_bytes();
    let mut hits = Hits::new();
    let mut counted = Counted::default();
    // End of the last match, accepted or rejected: no further tag begins within it.
    let mut consumed = 0;
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'#', 0xEF, &bytes[from..]).map(|i| from + i) {
        let Some(sign) = text[at..].chars().next().filter(|&c| is_sign(c)) else {
            from = at + text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        let word = at + sign.len_utf8();
        from = word;
        let before = text[..at].chars().next_back();
        if !bounds(before) || at - before.map_or(0, char::len_utf8) < consumed {
            continue;
        }
        let Some(end) = word_end(text, word) else { continue };
        consumed = end;
        from = end;
        let after = &text[end..];
        if after.starts_with(is_sign) || after.starts_with("://") {
            continue;
        }
        let chars = counted.to(text, at)..counted.to(text, end);
        hits.push(Hit { bytes: at..end, chars, word, apart: before.is_none_or(is_space) });
    }
    hits
}

/// Whether a tag can begin after `before`.
fn bounds(before: Option<char>) -> bool {
    match before {
        None | Some('\u{FE0E}' | '\u{FE0F}') => true,
        Some('&') => false,
        Some(c) => !is_word(c),
    }
}

/// End of the word that begins at `start`, if it makes a tag.
fn word_end(text: &str, start: usize) -> Option<usize> {
    let rest = &text[start..];
    if rest.starts_with(['\u{FE0F}', '\u{20E3}']) {
        return None;
    }
    let mut letter = false;
    let mut end = text.len();
    for (i, c) in rest.char_indices() {
        if !is_word(c) {
            end = start + i;
            break;
        }
        letter = letter || is_letter(c);
    }
    letter.then_some(end)
}

/// Counts code points forward, visiting each byte once.
#[derive(Default)]
struct Counted {
    byte: usize,
    chars: u32,
}

impl Counted {
    /// Code points before byte `at`, which must not be less than in the last call.
    fn to(&mut self, text: &str, at: usize) -> u32 {
        let more = text[self.byte..at].chars().count();
        self.chars = self.chars.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.byte = at;
        self.chars
    }
}

/// Resolves overlaps of tags and URLs: the one that begins first wins; at the same place, the tag.
fn drop_inside_urls(hits: &mut Hits, urls: &[Range<usize>]) {
    let mut urls = urls.iter().peekable();
    let mut taken = 0;
    hits.retain(|hit| {
        while let Some(url) = urls.next_if(|url| url.start < hit.bytes.start) {
            if url.start >= taken {
                taken = url.end;
            }
        }
        let free = hit.bytes.start >= taken;
        if free {
            taken = hit.bytes.end;
        }
        free
    });
}
