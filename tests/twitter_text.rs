//! Our hashtag grammar compared with the npm package `twitter-text`, on generated texts.
//!
//! Ignored by plain `cargo test`, because it needs Node and the package:
//! `npm install --prefix DIR twitter-text`, then
//! `TWITTER_TEXT_DIR=DIR cargo test --test twitter_text -- --ignored`.
//! `TWITTER_TEXT_SEED` and `TWITTER_TEXT_COUNT` choose other texts.
//!
//! Known differences, which the comparison avoids:
//! - letters newer than the package's Unicode tables, and top-level domains added or removed since
//!   2020: no such pieces are used;
//! - the package matches UTF-16 units, so one of its URLs can begin inside a character outside the
//!   basic plane: texts with such a character contain no dot;
//! - a tag whose key has nothing visible left (ZWJ and variation selectors) is not a tag here.

use std::io::Write;
use std::process::{Command, Stdio};

use tagtide_extract::key::fold;
use tagtide_extract::{Rule, tags};
use tagtide_posts::post::Markup;

/// Pieces of generated texts: everything that the rule mentions, and some that it does not.
const PIECES: &[&str] = &[
    "#",
    "#",
    "#",
    "#",
    "＃",
    "##",
    "#a",
    "#tag",
    "#Été",
    "#日本語",
    "#16",
    "#1st",
    "#_",
    "a",
    "Z",
    "7",
    "_",
    "é",
    "ß",
    "日",
    "本",
    "ー",
    "・",
    "한국",
    "ไทย",
    "हिन्दी",
    "שלום",
    "عرب",
    "𠀋",
    "𝒳",
    "😀",
    "☀\u{FE0F}",
    "☀\u{FE0E}",
    "\u{FE0F}",
    "\u{20E3}",
    "#\u{FE0F}\u{20E3}",
    "\u{200C}",
    "\u{200D}",
    "\u{A67E}",
    "\u{05BE}",
    "\u{05F3}",
    "\u{FF5E}",
    "\u{301C}",
    "\u{30FB}",
    "·",
    "\u{0F0B}",
    "\u{300}",
    "\u{200B}",
    "\u{2028}",
    "\u{3000}",
    " ",
    " ",
    " ",
    " ",
    "\n",
    "\t",
    "-",
    "+",
    "&",
    "@",
    "＠",
    "$",
    ".",
    ".",
    ",",
    "!",
    "?",
    ":",
    "://",
    "/",
    "/",
    "(",
    ")",
    "[",
    "]",
    "'",
    "\"",
    "`",
    "…",
    "–",
    "~",
    "=",
    "|",
    "%",
    "*",
    ";",
    "http://",
    "https://",
    "HTTPS://",
    "example.com",
    "example.com/",
    "www.foo.co.uk",
    "t.co/abc",
    "https://t.co/AbC12/",
    "http://x.org/",
    "foo.bar",
    "com",
    ".com",
    ".com/",
    ".jp",
    ".xn--p1ai",
    "xn--80ak6aa92e.com",
    ".рф",
    "пример",
    ".みんな/",
    "食狮.中国",
    "a_b",
    "a-b",
    "-a.com",
    "_a.com/",
    "a_.com/",
    ":80/",
    "?q=",
    "?q=1&",
    "/path",
    "/(x)",
    "/(x(y)z)",
    "#frag",
    "/#frag",
    "日本.com/",
    "é.com/",
    "À",
    "İ",
    "ı",
    "ſ",
    "٣",
    "፩",
    "Ⅷ",
    "①",
    "\u{200E}",
    "\u{202E}",
    "\u{FEFF}",
    "mail@foo.com/",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "長い長い長い長い長い長い",
];

/// Small and good enough to choose pieces (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

fn texts() -> Vec<String> {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
    };
    let mut dice = Dice(number("TWITTER_TEXT_SEED", 1));
    let count = number("TWITTER_TEXT_COUNT", 20_000);
    let text = |_| {
        let pieces = 1 + dice.roll(12);
        let text: String = (0..pieces).map(|_| PIECES[dice.roll(PIECES.len())]).collect();
        if text.contains(|c| c > '\u{FFFF}') { text.replace('.', ",") } else { text }
    };
    (0..count).map(text).collect()
}

#[test]
#[ignore = "needs Node and the npm package twitter-text; `cargo xtask test` brings both"]
fn same_tags_as_twitter_text() {
    let dir = std::env::var("TWITTER_TEXT_DIR")
        .expect("TWITTER_TEXT_DIR names a directory where `npm install twitter-text` has been run");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/twitter_text.mjs");
    let mut node = Command::new("node")
        .args([script, &dir])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let texts = texts();
    let lines: String =
        texts.iter().map(|t| serde_json::to_string(t).expect("a string") + "\n").collect();
    let mut input = node.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = node.wait_with_output().expect("node ends");
    writer.join().expect("no panic").expect("node reads all");
    assert!(output.status.success(), "node failed: {}", output.status);
    let answers = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(answers.lines().count(), texts.len());

    let mut wrong = Vec::new();
    for (text, answer) in texts.iter().zip(answers.lines()) {
        let mut theirs: Vec<serde_json::Value> = serde_json::from_str(answer).expect("JSON");
        theirs.retain(|tag| {
            let tag = tag["tag"].as_str().expect("a string");
            fold(tag).is_none_or(|key| !key.is_empty())
        });
        let mut found = Vec::new();
        tags(text, Markup::Verbatim, Rule::Tags, &mut found);
        let ours: Vec<serde_json::Value> = found
            .iter()
            .map(|tag| {
                let (start, end) = tag.span.expect("tags of a text have a place");
                serde_json::json!({ "tag": tag.display, "start": start, "end": end })
            })
            .collect();
        if ours != theirs {
            wrong.push(format!("{text:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} texts differ:\n{shown}", wrong.len(), texts.len());
}
