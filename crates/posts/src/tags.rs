//! The hashtags of a post: those that its platform gave, otherwise those of its text.
//!
//! `tagtide-extract` defines what a hashtag is and how its key is made; this module only chooses
//! which text or list to read.

use std::borrow::Cow;

use tagtide_extract::{Extractor, FoundTag, Markup, Rule, Tally, Visit, scan_lines, without_sign};

use crate::post::{GivenTag, Post, Raw, Span};

/// Passes every tag of `post` to `visit`, as of line 0.
///
/// Uses the fast scan if the text is an unescaped part of `padded`, as it usually is. The tags are
/// those of [`visit_post`].
#[inline]
pub fn scan_post<V: Visit>(
    extractor: &mut Extractor,
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
        scan_lines(from, text.len(), rule, extractor, visit);
        return;
    }
    if rule == Rule::Tags && post.given.is_some() {
        return scan_given(extractor, padded, post, visit);
    }
    let tally = visit_post(extractor, post, rule, |key, display| visit.tag(0, 0, key, display));
    (0..tally.oversize).for_each(|_| visit.oversize_tag(0));
}

/// Passes `(key, display)` of every tag of `post` to `visit`: those that its platform gave,
/// otherwise those of its text. [`Rule::Words`] reads the text only.
pub fn visit_post(
    extractor: &mut Extractor,
    post: &Post<'_>,
    rule: Rule,
    mut visit: impl FnMut(&str, &str),
) -> Tally {
    if rule == Rule::Tags && post.given.is_some() {
        return visit_given(extractor, post, |key, display, _| visit(key, display));
    }
    let text = borrowed(&post.text);
    extractor.visit_text(&text, post.markup, rule, |key, display, _, _| visit(key, display))
}

/// Passes `(key, display, span as given)` of every tag that the platform gave to `visit`. Empty
/// tags are skipped.
fn visit_given(
    extractor: &mut Extractor,
    post: &Post<'_>,
    mut visit: impl FnMut(&str, &str, Option<Span>),
) -> Tally {
    let mut tally = Tally::default();
    for given in post.given.iter().flatten() {
        visit_one(extractor, given, &mut tally, &mut visit);
    }
    tally
}

fn visit_one(
    extractor: &mut Extractor,
    given: &GivenTag<'_>,
    tally: &mut Tally,
    visit: &mut impl FnMut(&str, &str, Option<Span>),
) {
    let tag = borrowed(&given.tag);
    let display = without_sign(tag.trim());
    let Some(key) = extractor.key(display) else {
        tally.oversize += 1;
        return;
    };
    if !key.trim().is_empty() {
        visit(key, display, given.span);
        tally.tags += 1;
    }
}

/// [`visit_given`] for a visitor that accepts short ASCII tags unfolded.
fn scan_given<V: Visit>(extractor: &mut Extractor, padded: &[u8], post: &Post<'_>, visit: &mut V) {
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
            visit_one(extractor, given, &mut tally, &mut general);
        }
    }
    (0..tally.oversize).for_each(|_| visit.oversize_tag(0));
}

/// `padded` from the start of `part` in it; `None` if `part` is not inside.
#[inline]
fn from_place_of<'a>(part: &[u8], padded: &'a [u8]) -> Option<&'a [u8]> {
    let at = part.as_ptr().addr().checked_sub(padded.as_ptr().addr())?;
    padded.get(at..).filter(|rest| part.len() <= rest.len())
}

/// The string, without a copy if it is already decoded.
fn borrowed<'a>(raw: &'a Raw<'_>) -> Cow<'a, str> {
    match raw {
        Raw::Owned(text) => Cow::Borrowed(text),
        Raw::Plain(_) | Raw::Json(_) => raw.to_str(),
    }
}

/// The code points of a byte range; `None` if it is not a range of `text`.
fn chars_of_bytes(text: &str, start: u32, end: u32) -> Option<(u32, u32)> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    let before = text.get(..start)?.chars().count();
    let inside = text.get(start..end)?.chars().count();
    Some((u32::try_from(before).ok()?, u32::try_from(before + inside).ok()?))
}

/// Appends every tag of `post`: those that its platform gave, otherwise (or with `reparse`) those
/// of its text. Spans are code points of the text as delivered.
pub fn post_tags(post: &Post<'_>, rule: Rule, reparse: bool, out: &mut Vec<FoundTag>) -> Tally {
    if rule == Rule::Words || reparse || post.given.is_none() {
        return tagtide_extract::tags(&borrowed(&post.text), post.markup, rule, out);
    }
    let mut text = None;
    visit_given(&mut Extractor::default(), post, |key, display, span| {
        let span = match span {
            None => None,
            Some(Span::Chars(start, end)) => Some((start, end)),
            Some(Span::Bytes(start, end)) => {
                let text = text.get_or_insert_with(|| borrowed(&post.text));
                chars_of_bytes(text, start, end)
            }
        };
        out.push(FoundTag { key: key.to_owned(), display: display.to_owned(), span });
    })
}

#[cfg(test)]
mod tests;
