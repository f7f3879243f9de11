//! Removes the markup of a text, and maps places in the plain text back to the text as delivered.
//!
//! Borrows if there is no markup. HTML is read as far as extraction needs it: tags are removed,
//! ends of blocks and `<br>` become newlines, references become characters. It is not a sanitiser,
//! and its result is never displayed.

use std::borrow::Cow;
use std::ops::Range;

use super::entity;

/// The markup of a post's text, which extraction removes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Markup {
    /// HTML entities are decoded (`&#39;`, `&amp;`): X and plain text lines.
    #[default]
    Entities,
    /// Nothing is changed: Bluesky.
    Verbatim,
    /// Tags are removed, block ends and `<br>` become newlines, entities are decoded: Mastodon.
    Html,
}

/// A text without its markup.
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    /// The text that the grammar reads.
    pub text: Cow<'a, str>,
    /// Differences from the text as delivered, in order, in code points.
    edits: Vec<Edit>,
}

/// A replaced piece.
#[derive(Clone, Debug)]
struct Edit {
    plain: Range<u32>,
    delivered: Range<u32>,
}

impl Plain<'_> {
    /// The code points of the delivered text that `plain`, which is not empty, came from.
    #[must_use]
    pub fn delivered(&self, plain: Range<u32>) -> Range<u32> {
        if self.edits.is_empty() {
            return plain;
        }
        let first = self.place(plain.start).start;
        let last = self.place(plain.end.saturating_sub(1)).end;
        first..last
    }

    /// Where one code point came from.
    fn place(&self, at: u32) -> Range<u32> {
        let behind = self.edits.partition_point(|edit| edit.plain.end <= at);
        if let Some(edit) = self.edits.get(behind)
            && edit.plain.start <= at
        {
            return edit.delivered.clone();
        }
        let start = match behind.checked_sub(1).and_then(|i| self.edits.get(i)) {
            Some(edit) => edit.delivered.end + (at - edit.plain.end),
            None => at,
        };
        start..start + 1
    }
}

/// `text` without the markup `markup`.
#[must_use]
pub fn undo(text: &str, markup: Markup) -> Plain<'_> {
    let as_is = Plain { text: Cow::Borrowed(text), edits: Vec::new() };
    let bytes = text.as_bytes();
    match markup {
        Markup::Verbatim => as_is,
        Markup::Entities if memchr::memchr(b'&', bytes).is_none() => as_is,
        Markup::Html if memchr::memchr2(b'&', b'<', bytes).is_none() => as_is,
        Markup::Entities => Undoing::new(text).run(false).unwrap_or(as_is),
        Markup::Html => Undoing::new(text).run(true).unwrap_or(as_is),
    }
}

/// The work on one text.
struct Undoing<'a> {
    text: &'a str,
    /// Bytes of `text` that `plain` already covers.
    copied: usize,
    plain: String,
    plain_chars: u32,
    text_chars: u32,
    edits: Vec<Edit>,
    /// The rest has no `>`, and so no tags.
    no_more_tags: bool,
    /// A quote was never closed, so quotes no longer have a meaning.
    quotes_broken: bool,
}

impl<'a> Undoing<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            copied: 0,
            plain: String::new(),
            plain_chars: 0,
            text_chars: 0,
            edits: Vec::new(),
            no_more_tags: false,
            quotes_broken: false,
        }
    }

    /// The plain text, or `None` if there was no markup.
    fn run(mut self, html: bool) -> Option<Plain<'a>> {
        let mut from = 0;
        loop {
            let rest = &self.text.as_bytes()[from..];
            let next = if html && !self.no_more_tags {
                memchr::memchr2(b'&', b'<', rest)
            } else {
                memchr::memchr(b'&', rest)
            };
            let Some(at) = next.map(|i| from + i) else { break };
            if rest[at - from] == b'&' {
                from = match entity::reference(&self.text[at..]) {
                    Some((meaning, len)) => {
                        self.replace(at..at + len, meaning.into_iter().flatten());
                        at + len
                    }
                    None => at + 1,
                };
            } else {
                from = match self.tag_end(at) {
                    Some(end) => {
                        let newline = breaks_line(&self.text[at + 1..end - 1]).then_some('\n');
                        self.replace(at..end, newline.into_iter());
                        end
                    }
                    None => at + 1,
                };
            }
        }
        if self.edits.is_empty() {
            return None;
        }
        self.plain.push_str(&self.text[self.copied..]);
        Some(Plain { text: Cow::Owned(self.plain), edits: self.edits })
    }

    /// Replaces the bytes `range` by `chars`, after copying the bytes before them.
    fn replace(&mut self, range: Range<usize>, chars: impl Iterator<Item = char>) {
        let same = &self.text[self.copied..range.start];
        let count = |s: &str| u32::try_from(s.chars().count()).unwrap_or(u32::MAX);
        let kept = count(same);
        self.plain.push_str(same);
        let plain = self.plain_chars.saturating_add(kept);
        let delivered = self.text_chars.saturating_add(kept);
        self.plain_chars = plain;
        for c in chars {
            self.plain.push(c);
            self.plain_chars = self.plain_chars.saturating_add(1);
        }
        self.text_chars = delivered.saturating_add(count(&self.text[range.clone()]));
        self.copied = range.end;
        let edit = Edit { plain: plain..self.plain_chars, delivered: delivered..self.text_chars };
        self.edits.push(edit);
    }

    /// End of the tag whose `<` is at `at`; `None` if that is only a character.
    fn tag_end(&mut self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let first = bytes.get(at + 1)?;
        if !(first.is_ascii_alphabetic() || matches!(first, b'/' | b'!' | b'?')) {
            return None;
        }
        if !self.quotes_broken {
            let mut quote = None;
            for (i, &b) in bytes.iter().enumerate().skip(at + 1) {
                match quote {
                    Some(q) if q == b => quote = None,
                    Some(_) => {}
                    None if b == b'>' => return Some(i + 1),
                    None if b == b'"' || b == b'\'' => quote = Some(b),
                    None => {}
                }
            }
            self.quotes_broken = true;
        }
        let end = memchr::memchr(b'>', &bytes[at + 1..]).map(|i| at + 1 + i + 1);
        self.no_more_tags = end.is_none();
        end
    }
}

/// True for `<br>` and the ends of block elements. `inside` is the text between `<` and `>`.
fn breaks_line(inside: &str) -> bool {
    let closing = inside.starts_with('/');
    let name = inside.trim_start_matches('/');
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let name = &name[..end];
    const BLOCKS: [&str; 18] = [
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "blockquote",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "tr",
        "table",
        "dt",
        "dd",
        "figure",
    ];
    name.eq_ignore_ascii_case("br")
        || (closing && BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str, markup: Markup) -> String {
        undo(text, markup).text.into_owned()
    }

    #[test]
    fn html_becomes_lines() {
        for (html, text) in [
            ("<p>a</p><p>b<br>c<br/>d</p>", "a\nb\nc\nd\n"),
            ("<ul><li>a</li><LI>b</LI></ul>", "a\nb\n\n"),
            ("<a title='>'>x</a>&amp;&lt;b&gt;", "x&<b>"),
            ("a < b <3 <", "a < b <3 <"),
            ("<a title=\"x>y<br>z", "y\nz"),
            ("<a <b", "<a <b"),
            ("<!-- x --><?y?>z", "z"),
            ("<>", "<>"),
        ] {
            assert_eq!(plain(html, Markup::Html), text, "{html}");
        }
    }

    #[test]
    fn nothing_to_undo_is_borrowed() {
        for text in ["", "plain", "AT&T", "a < b", "&bogus;"] {
            for markup in [Markup::Verbatim, Markup::Entities, Markup::Html] {
                assert!(matches!(undo(text, markup).text, Cow::Borrowed(_)), "{text}");
            }
        }
    }

    proptest! {
        /// Every plain character comes from a piece of the text, in order.
        #[test]
        fn places_are_in_order(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "é", "😀", "&amp;", "&#35;", "&NotEqualTilde;", "&x", "<br>", "<p>",
                    "</p>", "<i a='>'>", "<", ">", "\"", " ",
                ]),
                0..16,
            ),
        ) {
            let text = pieces.concat();
            for markup in [Markup::Verbatim, Markup::Entities, Markup::Html] {
                let undone = undo(&text, markup);
                let delivered: Vec<char> = text.chars().collect();
                let mut last = 0..0;
                for (i, c) in (0..).zip(undone.text.chars()) {
                    let place = undone.delivered(i..i + 1);
                    prop_assert!(place.start >= last.end || place == last);
                    prop_assert!(place.end as usize <= delivered.len());
                    if place.len() == 1 {
                        prop_assert_eq!(delivered[place.start as usize], c);
                    }
                    last = place;
                }
            }
        }
    }
}
