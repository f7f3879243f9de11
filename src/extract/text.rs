//! The general path: the tags of one text, with their places in the text as delivered.

use std::borrow::Cow;
use std::ops::Range;

use super::key::Folder;
use super::scan::{Places, scan_lines};
use super::{Rule, Visit, grammar, markup, words};
use crate::post::{GivenTag, Markup, Post, Raw, Span};

/// A tag with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTag {
    /// What it is counted under.
    pub key: String,
    /// As typed, without the sign (under [`Rule::Words`] the whole word).
    pub display: String,
    /// Code points of the text as delivered, sign included, end exclusive; `None` where the
    /// platform gave the tag apart from the text, or at a place that is not in the text.
    pub span: Option<(u32, u32)>,
}

/// How many tags a text gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tags handed to the visitor.
    pub tags: u32,
    /// Tags dropped because their key is longer than [`super::KEY_MAX_BYTES`].
    pub oversize: u32,
}

/// Finds tags and keeps its buffers, so that a worker allocates for unusual posts only.
#[derive(Debug, Default)]
pub struct Extractor {
    pub(super) folder: Folder,
    /// Room that [`scan_lines`] searches in.
    pub(super) places: Option<Box<Places>>,
}

impl Extractor {
    /// Hands `(key, display, start, end)` of every tag of `text` to `visit`, in order; places are
    /// code points of `text`, sign included, end exclusive.
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

    /// Every tag of the grammar in order, with `None` for a key that is too long.
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

    /// Hands every tag of `post`, as [`Extractor::visit_post`] does, to `visit`, as of line 0.
    ///
    /// Fast where the text lies in `padded` as it is, as that of most lines does.
    pub fn scan_post<V: Visit>(
        &mut self,
        padded: &[u8],
        post: &Post<'_>,
        rule: Rule,
        visit: &mut V,
    ) {
        if rule == Rule::Tags
            && post.given.is_none()
            && post.markup == Markup::Entities
            && let Raw::Plain(text) = post.text
            && let Some(from) = from_place_of(text, padded)
        {
            scan_lines(from, text.len(), rule, self, visit);
            return;
        }
        if rule == Rule::Tags && post.given.is_some() {
            return self.scan_given(padded, post, visit);
        }
        let tally = self.visit_post(post, rule, |key, display| visit.tag(0, 0, key, display));
        (0..tally.oversize).for_each(|_| visit.oversize_tag(0));
    }

    /// Hands `(key, display)` of every tag of `post` to `visit`: those that its platform gave,
    /// else those of its text. [`Rule::Words`] reads the text alone.
    pub fn visit_post(
        &mut self,
        post: &Post<'_>,
        rule: Rule,
        mut visit: impl FnMut(&str, &str),
    ) -> Tally {
        if rule == Rule::Tags && post.given.is_some() {
            return self.visit_given(post, |key, display, _| visit(key, display));
        }
        let text = borrowed(&post.text);
        self.visit_text(&text, post.markup, rule, |key, display, _, _| visit(key, display))
    }

    /// Hands `(key, display, place as given)` of every tag that the platform gave to `visit`;
    /// empty ones are skipped.
    pub fn visit_given(
        &mut self,
        post: &Post<'_>,
        mut visit: impl FnMut(&str, &str, Option<Span>),
    ) -> Tally {
        let mut tally = Tally::default();
        for given in post.given.iter().flatten() {
            self.visit_one(given, &mut tally, &mut visit);
        }
        tally
    }

    fn visit_one(
        &mut self,
        given: &GivenTag<'_>,
        tally: &mut Tally,
        visit: &mut impl FnMut(&str, &str, Option<Span>),
    ) {
        let tag = borrowed(&given.tag);
        let display = tag.trim().trim_start_matches(super::chars::is_sign);
        let Some(key) = self.folder.fold(display) else {
            tally.oversize += 1;
            return;
        };
        if !key.trim().is_empty() {
            visit(key, display, given.span);
            tally.tags += 1;
        }
    }

    /// [`Extractor::visit_given`] for a visitor that takes short ASCII tags as they stand.
    fn scan_given<V: Visit>(&mut self, padded: &[u8], post: &Post<'_>, visit: &mut V) {
        let mut tally = Tally::default();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        for given in post.given.iter().flatten() {
            if let Raw::Plain(tag) = given.tag
                && (1..=16).contains(&tag.len())
                && tag.iter().all(is_word)
                && let Some(from) = from_place_of(tag, padded)
            {
                visit.ascii_tag(0, from, 0, tag.len());
            } else {
                let mut general = |key: &str, display: &str, _| visit.tag(0, 0, key, display);
                self.visit_one(given, &mut tally, &mut general);
            }
        }
        (0..tally.oversize).for_each(|_| visit.oversize_tag(0));
    }
}

/// `padded` from where `part` stands in it; `None` where it stands somewhere else.
#[inline]
fn from_place_of<'a>(part: &[u8], padded: &'a [u8]) -> Option<&'a [u8]> {
    let at = part.as_ptr().addr().checked_sub(padded.as_ptr().addr())?;
    padded.get(at..).filter(|rest| part.len() <= rest.len())
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

/// The string without a copy where it is already decoded.
fn borrowed<'a>(raw: &'a Raw<'_>) -> Cow<'a, str> {
    match raw {
        Raw::Owned(text) => Cow::Borrowed(text),
        Raw::Plain(_) | Raw::Json(_) => raw.to_str(),
    }
}

/// [`Extractor::visit_text`] without buffers to keep; allocates nothing where there is no tag and
/// no markup.
pub fn visit_text(
    text: &str,
    markup: Markup,
    rule: Rule,
    visit: impl FnMut(&str, &str, u32, u32),
) -> Tally {
    Extractor::default().visit_text(text, markup, rule, visit)
}

/// Hands `(key, display, place)` of every tag that the platform gave to `visit`; places are code
/// points of the text as delivered.
pub fn visit_given(
    post: &Post<'_>,
    mut visit: impl FnMut(&str, &str, Option<(u32, u32)>),
) -> Tally {
    let mut text = None;
    Extractor::default().visit_given(post, |key, display, span| {
        let place = match span {
            None => None,
            Some(Span::Chars(start, end)) => Some((start, end)),
            Some(Span::Bytes(start, end)) => {
                let text = text.get_or_insert_with(|| borrowed(&post.text));
                chars_of_bytes(text, start, end)
            }
        };
        visit(key, display, place);
    })
}

/// Code points of a byte range; `None` where it is not one of `text`.
fn chars_of_bytes(text: &str, start: u32, end: u32) -> Option<(u32, u32)> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    let before = text.get(..start)?.chars().count();
    let inside = text.get(start..end)?.chars().count();
    Some((u32::try_from(before).ok()?, u32::try_from(before + inside).ok()?))
}

/// Appends every tag of `text`, in order.
pub fn tags(text: &str, markup: Markup, rule: Rule, out: &mut Vec<FoundTag>) -> Tally {
    visit_text(text, markup, rule, |key, display, start, end| {
        let (key, display) = (key.to_owned(), display.to_owned());
        out.push(FoundTag { key, display, span: Some((start, end)) });
    })
}

/// Appends every tag of `post`: those that its platform gave, else, or where `reparse` asks for
/// it, those of its text.
pub fn post_tags(post: &Post<'_>, rule: Rule, reparse: bool, out: &mut Vec<FoundTag>) -> Tally {
    if rule == Rule::Words || reparse || post.given.is_none() {
        return tags(&borrowed(&post.text), post.markup, rule, out);
    }
    visit_given(post, |key, display, span| {
        out.push(FoundTag { key: key.to_owned(), display: display.to_owned(), span });
    })
}

#[cfg(test)]
mod tests;
