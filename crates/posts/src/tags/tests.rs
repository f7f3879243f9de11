//! Tags given by the platform, and reused buffers.

use smallvec::smallvec;

use super::*;

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
fn signs_and_blanks_are_removed_and_empty_tags_skipped() {
    let tags = ["", " ", "#", "＃a", "##B", " c ", "\u{200D}", "two words"];
    let post = post("", &tags.map(|tag| (tag, None)));
    let want = [("a", "a"), ("b", "B"), ("c", "c"), ("two words", "two words")];
    assert_eq!(rows(&post, Rule::Tags, false), want.map(|(key, shown)| row(key, shown, None)));
}

#[test]
fn oversize_tags_are_counted() {
    let long = "a".repeat(tagtide_extract::KEY_MAX_BYTES + 1);
    let mut seen = Vec::new();
    let mut extractor = Extractor::default();
    let mut visit = |key: &str, _: &str| seen.push(key.to_owned());
    let given = visit_post(
        &mut extractor,
        &post("", &[(&long, None), ("b", None)]),
        Rule::Tags,
        &mut visit,
    );
    assert_eq!(given, Tally { tags: 1, oversize: 1 });
    let text = format!("#{long} #c");
    let parsed = Post { text: Raw::Plain(text.as_bytes()), ..Post::default() };
    assert_eq!(
        visit_post(&mut extractor, &parsed, Rule::Tags, &mut visit),
        Tally { tags: 1, oversize: 1 }
    );
    assert_eq!(
        visit_post(&mut extractor, &parsed, Rule::Words, &mut visit),
        Tally { tags: 1, oversize: 1 }
    );
    assert_eq!(seen, ["b", "c", "#c"]);
}

/// The calls of a visitor for one post.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(Vec<(String, String)>, u32);

impl Visit for Seen {
    fn ascii_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        let tag = str::from_utf8(&padded[start..start + len]).unwrap();
        self.tag(line, start, &tag.to_ascii_lowercase(), tag);
    }

    fn tag(&mut self, _: u32, _: usize, key: &str, display: &str) {
        self.0.push((key.to_owned(), display.to_owned()));
    }

    fn oversize_tag(&mut self, _: u32) {
        self.1 += 1;
    }
}

/// Compares both paths for a post, with bytes after its text and tags that would change them.
fn assert_scanned_alike(pieces: &[&str], markup: Markup, rule: Rule, given: bool) {
    let joined = pieces.concat();
    let buffer = format!("x#{joined}y{}", "#more_of_it".repeat(8));
    let text = &buffer.as_bytes()[2..2 + joined.len()];
    let (mut at, mut tags) = (2, Vec::new());
    for piece in pieces {
        let tag = Raw::Plain(&buffer.as_bytes()[at..at + piece.len()]);
        tags.push(GivenTag { tag, span: None });
        at += piece.len();
    }
    tags.push(GivenTag { tag: Raw::Plain(b"Elsewhere"), span: None });
    let given = given.then(|| tags.into());
    for text in [Raw::Plain(text), Raw::Json(text), Raw::Owned(joined.clone())] {
        let post = Post { text, markup, given: given.clone(), ..Post::default() };
        let (mut want, mut seen) = (Seen::default(), Seen::default());
        let mut extractor = Extractor::default();
        let visit = |key: &str, display: &str| want.tag(0, 0, key, display);
        want.1 = visit_post(&mut extractor, &post, rule, visit).oversize;
        scan_post(&mut extractor, buffer.as_bytes(), &post, rule, &mut seen);
        assert_eq!(seen, want, "{joined:?} {markup:?} {rule:?}");
    }
}

#[test]
fn a_post_is_scanned_as_it_is_visited() {
    let long = "a".repeat(tagtide_extract::KEY_MAX_BYTES + 1);
    let (long, wide): (&str, &str) = (&long, &"é".repeat(400));
    let pieces = [
        "#",
        "Rust",
        "a_tag_longer_than_sixteen",
        " ",
        "\t",
        "#Été",
        "日本",
        "＃",
        "&amp;",
        "&num;x",
        "&#35;y",
        "12",
        "_",
        ".",
        "://",
        "x.com/",
        "@",
        "",
        "\r",
        "\n",
        "#c",
        long,
        wide,
    ];
    for first in pieces {
        for second in pieces {
            for third in [" #Tag", "#", "tag", "&"] {
                let pieces = [first, second, third];
                assert_scanned_alike(&pieces, Markup::Entities, Rule::Tags, false);
                assert_scanned_alike(&pieces, Markup::Entities, Rule::Tags, true);
            }
            assert_scanned_alike(&[first, second], Markup::Html, Rule::Tags, false);
            assert_scanned_alike(&[first, second], Markup::Verbatim, Rule::Tags, false);
            assert_scanned_alike(&[first, second], Markup::Entities, Rule::Words, true);
        }
    }
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
