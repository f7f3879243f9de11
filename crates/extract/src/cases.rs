//! The conformance table: texts and the tags that they hold, with their places.
//!
//! One table for every path and every engine; a change of the rule changes a row here.

use super::{Rule, tags};
use crate::markup::Markup;

/// Text without markup; then its tags as `display@start-end`, separated by one space.
const PLAIN: &[(&str, &str)] = &[
    // What a tag is made of.
    ("", ""),
    ("no tag", ""),
    ("#", ""),
    ("# tag", ""),
    ("#rust", "rust@0-5"),
    ("#Rust is #fun", "Rust@0-5 fun@9-13"),
    ("#a", "a@0-2"),
    ("#1st", "1st@0-4"),
    ("#2026goals", "2026goals@0-10"),
    ("#2026", ""),
    ("#1_2", ""),
    ("#_", ""),
    ("#_a", "_a@0-3"),
    ("#a_", "a_@0-3"),
    ("#snake_case_tag", "snake_case_tag@0-15"),
    ("#é", "é@0-2"),
    ("#e\u{301}", "e\u{301}@0-3"),
    ("#\u{301}", "\u{301}@0-2"),
    ("#日本語", "日本語@0-4"),
    ("#日本語タグ です", "日本語タグ@0-6"),
    ("#한국어", "한국어@0-4"),
    ("#ไทยแลนด์", "ไทยแลนด์@0-9"),
    ("#हिन्दी", "हिन्दी@0-7"),
    ("#עברית", "עברית@0-6"),
    ("#العربية", "العربية@0-8"),
    ("#٣", ""),
    ("#٣a", "٣a@0-3"),
    ("#Ⅷ", ""),
    ("#①", ""),
    ("#²", ""),
    ("#x²", "x@0-2"),
    ("#𠀋", "𠀋@0-2"),
    ("#𝒳𝒴", "𝒳𝒴@0-3"),
    // Specials that join.
    ("#ハッシュ・タグ", "ハッシュ・タグ@0-8"),
    ("#il·lusió", "il·lusió@0-9"),
    ("#צה״ל", "צה״ל@0-5"),
    ("#ג׳ירפה", "ג׳ירפה@0-7"),
    ("#בית־ספר", "בית־ספר@0-8"),
    ("#می\u{200C}خواهم", "می\u{200C}خواهم@0-9"),
    ("#क्\u{200D}ष", "क्\u{200D}ष@0-5"),
    ("#あ〜い", "あ〜い@0-4"),
    ("#あ～い", "あ～い@0-4"),
    ("#々〃ゞ", "々〃ゞ@0-4"),
    ("#゛", ""),
    ("#か゛", "か゛@0-3"),
    ("#བོད་སྐད", "བོད་སྐད@0-8"),
    ("#꙾", ""),
    ("#а꙾б", "а꙾б@0-4"),
    // What ends a tag.
    ("#covid-19", "covid@0-6"),
    ("#C++", "C@0-2"),
    ("#tag.", "tag@0-4"),
    ("#tag, #more!", "tag@0-4 more@6-11"),
    ("#tag's", "tag@0-4"),
    ("#tag…", "tag@0-4"),
    ("#tag😀", "tag@0-4"),
    ("#🔥", ""),
    ("#a🔥b", "a@0-2"),
    ("#tag\nnext", "tag@0-4"),
    ("#tag。次", "tag@0-4"),
    ("#tag、#次", "tag@0-4 次@5-7"),
    ("#tag:", "tag@0-4"),
    ("#tag:/", "tag@0-4"),
    ("#tag/x", "tag@0-4"),
    ("#tag@me", "tag@0-4"),
    ("#tag&more", "tag@0-4"),
    // What may stand before it.
    ("a#tag", ""),
    ("1#tag", ""),
    ("_#tag", ""),
    ("é#tag", ""),
    ("日本#tag", ""),
    ("日本 #tag", "tag@3-7"),
    ("日本。#tag", "tag@3-7"),
    ("&#tag", ""),
    ("(#tag)", "tag@1-5"),
    ("\"#tag\"", "tag@1-5"),
    (".#tag", "tag@1-5"),
    ("-#tag", "tag@1-5"),
    ("@#tag", "tag@1-5"),
    ("😀#tag", "tag@1-5"),
    ("☀\u{FE0F}#tag", "tag@2-6"),
    ("☎\u{FE0E}#tag", "tag@2-6"),
    ("\u{3000}#tag", "tag@1-5"),
    ("\u{200B}#tag", "tag@1-5"),
    ("\u{200D}#tag", ""),
    ("·#tag", ""),
    // The sign.
    ("＃tag", "tag@0-4"),
    ("＃日本", "日本@0-3"),
    ("##tag", "tag@1-5"),
    ("#＃tag", "tag@1-5"),
    ("﹟tag", ""),
    ("#\u{FE0F}\u{20E3}", ""),
    ("#\u{20E3}a", ""),
    ("#\u{FE0F}a", ""),
    // What rejects it.
    ("#a#b", ""),
    ("#a＃b", ""),
    ("#a##b", "b@3-5"),
    ("#a #b#c #d", "a@0-2 d@8-10"),
    ("#http://x", ""),
    ("#tag://", ""),
    ("#a\u{FE0F}#b", ""),
    // URLs.
    ("example.com/#tag", ""),
    ("example.com/ #tag", "tag@13-17"),
    ("http://example.com/#tag", ""),
    ("HTTPS://EXAMPLE.COM/#tag", ""),
    ("https://example.com/a/#b/#c", ""),
    ("https://example.com/?q=#tag", ""),
    ("https://example.com?q=/#tag", ""),
    ("https://example.com:8080/#tag", ""),
    ("https://example.com#tag", ""),
    ("https://example.com/(x)/#tag", ""),
    ("https://example.com/(#tag)", ""),
    ("https://example.com/(#tag", "tag@21-25"),
    ("see (example.com/#tag)", ""),
    ("example.invalidtld/#tag", "tag@19-23"),
    ("example/#tag", "tag@8-12"),
    ("http://localhost/#tag", "tag@17-21"),
    ("example.com.#tag", "tag@12-16"),
    ("https://example.xn--p1ai/#tag", ""),
    ("http://пример.рф/#tag", ""),
    ("https://日本.jp/#tag", ""),
    ("http://＃t.co/x", ""),
    ("＃t.co/x", "t@0-2"),
    ("-example.com/#tag", "tag@13-17"),
    ("me@example.com/#tag", "tag@15-19"),
    ("https://t.co/abc123/#tag", "tag@20-24"),
    ("https://t.co/abc123?x=/#tag", ""),
    ("#tag.com/#more", "tag@0-4 more@9-14"),
    ("#日本example.com/#tag", "日本example@0-10 tag@15-19"),
    ("twitter.com/#a example.org/#b #c", "c@30-32"),
];

/// Text with references; then its tags with places in the text as delivered.
const ENTITIES: &[(&str, &str)] = &[
    ("Q&amp;A #tag", "tag@8-12"),
    ("don&#39;t #stop", "stop@10-15"),
    ("&#35;tag", "tag@0-8"),
    ("&num;tag!", "tag@0-8"),
    ("&#x23;Tag #b", "Tag@0-9 b@10-12"),
    ("&#65283;tag", "tag@0-11"),
    ("&amp;#tag", ""),
    ("&amp;num;tag", ""),
    ("&lt;#tag&gt;", "tag@4-8"),
    ("&quot;#tag&quot;", "tag@6-10"),
    ("#caf&eacute; #b", "café@0-12 b@13-15"),
    ("#a&amp;b", "a@0-2"),
    ("#a&#35;b", ""),
    ("#a&colon;//", ""),
    ("#&#49;st", "1st@0-8"),
    ("é&nbsp;#tag", "tag@7-11"),
    ("&unknown;#tag", "tag@9-13"),
    ("&amp #tag", "tag@5-9"),
    ("&NotEqualTilde;#tag #b", "b@20-22"),
    ("😀&gt;#tag", "tag@5-9"),
    ("x.com&sol;#tag", ""),
];

/// Mastodon's HTML; then its tags with places in the text as delivered.
const HTML: &[(&str, &str)] = &[
    ("<p>#cats</p>", "cats@3-8"),
    ("<p>a</p><p>#b</p>", "b@11-13"),
    ("a<br>#b<br />#c", "b@5-7 c@13-15"),
    (
        "<p><a href=\"https://m.example/tags/Cats\" rel=\"tag\">#<span>Cats</span></a></p>",
        "Cats@51-62",
    ),
    ("x<b>#tag</b>", ""),
    ("<p>x</p>#tag", "tag@8-12"),
    ("<span class=\"invisible\">https://</span><span>x.org/</span><span>#y</span>", ""),
    ("<i title=\"a>b\">#c</i>", "c@15-17"),
    ("1 < 2 #math", "math@6-11"),
    ("<3 #love", "love@3-8"),
    ("&lt;p&gt;#tag", "tag@9-13"),
    ("#a<b", "a@0-2"),
    ("#caf&eacute;<br>#é", "café@0-12 é@16-18"),
];

fn found(text: &str, markup: Markup, rule: Rule) -> String {
    let mut out = Vec::new();
    tags(text, markup, rule, &mut out);
    let rows = out.iter().map(|tag| {
        let (start, end) = tag.span.unwrap();
        format!("{}@{start}-{end}", tag.display)
    });
    rows.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_case_holds() {
    let mut wrong = Vec::new();
    for (markup, cases) in
        [(Markup::Verbatim, PLAIN), (Markup::Entities, ENTITIES), (Markup::Html, HTML)]
    {
        for (text, want) in cases {
            let have = found(text, markup, Rule::Tags);
            if have != *want {
                wrong.push(format!("{markup:?} {text:?}: `{have}`, not `{want}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(PLAIN.len() >= 100, "the table shrank");
}

#[test]
fn markup_that_is_not_there_changes_nothing() {
    for (text, want) in PLAIN.iter().filter(|(text, _)| !text.contains('&')) {
        assert_eq!(found(text, Markup::Entities, Rule::Tags), *want, "{text:?}");
        assert_eq!(found(text, Markup::Html, Rule::Tags), *want, "{text:?}");
    }
}

#[test]
fn references_stay_where_nothing_is_undone() {
    assert_eq!(found("&#35;tag #b", Markup::Verbatim, Rule::Tags), "b@9-11");
    assert_eq!(found("<p>#b", Markup::Verbatim, Rule::Tags), "b@3-5");
}

#[test]
fn words_touch_nothing() {
    for (text, want) in [
        ("", ""),
        ("  a  #b  ", "#b@5-7"),
        ("#B #b #b", "#B@0-2 #b@3-5 #b@6-8"),
        ("é&#39;#x, C# ＃no", "é&#39;#x,@0-9 C#@10-12"),
        ("a\n#b c", "a\n#b@0-4"),
        ("<p>#b</p>", "<p>#b</p>@0-9"),
    ] {
        assert_eq!(found(text, Markup::Html, Rule::Words), want, "{text:?}");
    }
}
