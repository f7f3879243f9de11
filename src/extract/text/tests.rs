//! Tags that the platform gave, and buffers that are kept.

use smallvec::smallvec;

use super::*;
use crate::post::GivenTag;

type Row = (String, String, Option<(u32, u32)>);

fn given(tag: &str, span: Option<Span>) -> GivenTag<'_> {
    GivenTag { tag: Raw::Plain(tag.as_bytes()), span }
}

fn post<'a>(text: &'a str, tags: &[(&'a str, Option<Span>)]) -> Post<'a> {
    Post {
        text: Raw::Plain(text.as_bytes()),
        markup: Markup::Verbatim,
        given: Some(tags.iter().map(|(tag, span)| given(tag, *span)).collect()),
        ..Post::default()
    }
}

fn rows(post: &Post<'_>, rule: Rule, reparse: bool) -> Vec<Row> {
    let mut out = Vec::new();
    post_tags(post, rule, reparse, &mut out);
    out.into_iter().map(|tag| (tag.key, tag.display, tag.span)).collect()
}

fn row(key: &str, display: &str, span: Option<(u32, u32)>) -> Row {
    (key.to_owned(), display.to_owned(), span)
}

#[test]
fn given_tags_win_over_the_text() {
    let post = post("é #Text", &[("Given", None), ("Text", Some(Span::Chars(2, 7)))]);
    let both = vec![row("given", "Given", None), row("text", "Text", Some((2, 7)))];
    assert_eq!(rows(&post, Rule::Tags, false), both);
    assert_eq!(rows(&post, Rule::Tags, true), [row("text", "Text", Some((2, 7)))]);
    assert_eq!(rows(&post, Rule::Words, false), [row("#Text", "#Text", Some((2, 7)))]);
}

#[test]
fn an_empty_list_is_a_list() {
    assert!(rows(&post("#text", &[]), Rule::Tags, false).is_empty());
}

#[test]
fn byte_places_become_code_points() {
    let spans = [(3, 7), (0, 2), (1, 7), (3, 99), (7, 3)];
    let tags: Vec<_> = spans.map(|(s, e)| ("a", Some(Span::Bytes(s, e)))).into();
    let places: Vec<_> = rows(&post("é #tag", &tags), Rule::Tags, false)
        .into_iter()
        .map(|(_, _, place)| place)
        .collect();
    assert_eq!(places, [Some((2, 6)), Some((0, 1)), None, None, None]);
}

#[test]
fn signs_blanks_and_nothing_are_taken_off() {
    let tags = ["", " ", "#", "＃a", "##B", " c ", "\u{200D}", "two words"];
    let post = post("", &tags.map(|tag| (tag, None)));
    let want = [("a", "a"), ("b", "B"), ("c", "c"), ("two words", "two words")];
    assert_eq!(rows(&post, Rule::Tags, false), want.map(|(key, shown)| row(key, shown, None)));
}

#[test]
fn oversize_tags_are_counted() {
    let long = "a".repeat(super::super::KEY_MAX_BYTES + 1);
    let mut seen = Vec::new();
    let mut extractor = Extractor::default();
    let mut visit = |key: &str, _: &str| seen.push(key.to_owned());
    let given =
        extractor.visit_post(&post("", &[(&long, None), ("b", None)]), Rule::Tags, &mut visit);
    assert_eq!(given, Tally { tags: 1, oversize: 1 });
    let text = format!("#{long} #c");
    let parsed = Post { text: Raw::Plain(text.as_bytes()), ..Post::default() };
    assert_eq!(
        extractor.visit_post(&parsed, Rule::Tags, &mut visit),
        Tally { tags: 1, oversize: 1 }
    );
    assert_eq!(
        extractor.visit_post(&parsed, Rule::Words, &mut visit),
        Tally { tags: 1, oversize: 1 }
    );
    assert_eq!(seen, ["b", "c", "#c"]);
}

#[test]
fn spans_of_json_text_count_decoded_characters() {
    let post = Post {
        text: Raw::Owned("é #tag".to_owned()),
        given: Some(smallvec![given("tag", Some(Span::Bytes(3, 7)))]),
        ..Post::default()
    };
    assert_eq!(rows(&post, Rule::Tags, false), [row("tag", "tag", Some((2, 6)))]);
}
