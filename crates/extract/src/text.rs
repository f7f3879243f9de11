//! The general path: the tags of one text, with their places in the text as delivered.

use std::ops::Range;

use super::key::Folder;
use super::markup::{self, Markup};
use super::scan::Places;
use super::{Rule, grammar, words};

/// A tag and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTag {
    /// The key that is counted.
    pub key: String,
    /// As typed, without the sign (under [`Rule::Words`] the whole word).
    pub display: String,
    /// Code points of the text as delivered, including the sign, end exclusive. `None` if the
    /// platform gave the tag separately, or at a place that is not in the text.
    pub span: Option<(u32, u32)>,
}

/// How many tags a text has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tags passed to the visitor.
    pub tags: u32,
    /// Tags dropped because their key is longer than [`super::KEY_MAX_BYTES`].
    pub oversize: u32,
}

/// Finds tags with reused buffers, so that a worker allocates for unusual posts only.
#[derive(Debug, Default)]
pub struct Extractor {
    pub(super) folder: Folder,
    /// Buffer of [`scan_lines`].
    pub(super) places: Option<Box<Places>>,
}

impl Extractor {
    /// Passes `(key, display, start, end)` of every tag of `text` to `visit`, in order. Places are
    /// code points of `text`, including the sign, end exclusive.
    pub fn visit_text(
        &mut self,
        text: &str,
        markup: Markup,
        rule: Rule,
        mut visit: impl FnMut(&str, &str, u32, u32),
    ) -> Tally {
        match rule {
            Rule::Words => visit_words(text, visit),
            Rule::Tags => self.visit_tags(text, markup, &mut visit),
        }
    }

    fn visit_tags(
        &mut self,
        text: &str,
        markup: Markup,
        visit: &mut impl FnMut(&str, &str, u32, u32),
    ) -> Tally {
        let mut tally = Tally::default();
        self.each(text, markup, |key, display, place| match key {
            Some(key) => {
                visit(key, display, place.start, place.end);
                tally.tags += 1;
            }
            None => tally.oversize += 1,
        });
        tally
    }

    /// Every tag of the grammar in order, with `None` if its key is too long.
    pub(super) fn each(
        &mut self,
        text: &str,
        markup: Markup,
        mut each: impl FnMut(Option<&str>, &str, Range<u32>),
    ) {
        let plain = markup::undo(text, markup);
        for hit in grammar::find(&plain.text) {
            let display = &plain.text[hit.word..hit.bytes.end];
            let key = self.folder.fold(display);
            if key.is_none_or(|key| !key.is_empty()) {
                each(key, display, plain.delivered(hit.chars));
            }
        }
    }

    /// The key of one tag, with or without its sign; `None` if it is longer than
    /// [`super::KEY_MAX_BYTES`]. It is empty if nothing visible is left.
    pub fn key(&mut self, tag: &str) -> Option<&str> {
        self.folder.fold(tag)
    }
}

/// `tag` without a leading `#` or `＃`.
#[must_use]
pub fn without_sign(tag: &str) -> &str {
    tag.trim_start_matches(super::chars::is_sign)
}

fn visit_words(text: &str, mut visit: impl FnMut(&str, &str, u32, u32)) -> Tally {
    let mut tally = Tally::default();
    let (mut byte, mut chars) = (0, 0_u32);
    for range in words::find(text.as_bytes()) {
        let word = &text[range.clone()];
        let count = |s: &str| u32::try_from(s.chars().count()).unwrap_or(u32::MAX);
        let start = chars.saturating_add(count(&text[byte..range.start]));
        let end = start.saturating_add(count(word));
        (byte, chars) = (range.end, end);
        if word.len() > super::KEY_MAX_BYTES {
            tally.oversize += 1;
        } else {
            visit(word, word, start, end);
            tally.tags += 1;
        }
    }
    tally
}

/// [`Extractor::visit_text`] without an extractor. Allocates nothing if there is no tag and no
/// markup.
pub fn visit_text(
    text: &str,
    markup: Markup,
    rule: Rule,
    visit: impl FnMut(&str, &str, u32, u32),
) -> Tally {
    Extractor::default().visit_text(text, markup, rule, visit)
}

/// Appends every tag of `text`, in order.
pub fn tags(text: &str, markup: Markup, rule: Rule, out: &mut Vec<FoundTag>) -> Tally {
    visit_text(text, markup, rule, |key, display, start, end| {
        let (key, display) = (key.to_owned(), display.to_owned());
        out.push(FoundTag { key, display, span: Some((start, end)) });
    })
}
