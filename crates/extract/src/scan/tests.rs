//! Both ways of the fast path against the reference path, on key lists with line numbers.

use proptest::prelude::*;

use super::*;
use crate::visit_text;
use tagtide_simd::PAD;
#[cfg(target_arch = "x86_64")]
use tagtide_simd::lines::Avx2;
use tagtide_simd::lines::Scalar;

/// What a visitor saw: `line key display`, or `line !` for an oversize tag.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(Vec<String>);

impl Visit for Seen {
    fn ascii_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        let raw = &padded[start..start + len];
        let raw = str::from_utf8(raw).unwrap();
        self.0.push(format!("{line} {} {raw}", raw.to_ascii_lowercase()));
    }

    fn tag(&mut self, line: u32, _: usize, key: &str, display: &str) {
        self.0.push(format!("{line} {key} {display}"));
    }

    fn oversize_tag(&mut self, line: u32) {
        self.0.push(format!("{line} !"));
    }
}

/// The block line by line through the general path.
fn by_reference(block: &[u8], rule: Rule) -> (Seen, Scanned) {
    let mut seen = Seen::default();
    let mut scanned = Scanned::default();
    let mut lines: Vec<&[u8]> = block.split(|&b| b == b'\n').collect();
    let last = lines.pop().unwrap();
    let lines = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for line in lines.chain((!last.is_empty()).then_some(last)) {
        let text = String::from_utf8_lossy(line);
        let mut broken = Vec::new();
        let mut chars = 0;
        for chunk in line.utf8_chunks() {
            chars += chunk.valid().chars().count();
            if !chunk.invalid().is_empty() {
                broken.push(chars);
                chars += 1;
            }
        }
        let mut touched = false;
        let tally = visit_text(&text, Markup::Entities, rule, |key, display, start, end| {
            let (start, end) = (start as usize, end as usize);
            touched |= match rule {
                Rule::Tags => broken.iter().any(|&at| at + 1 == start || at == end),
                Rule::Words => broken.iter().any(|at| (start..end).contains(at)),
            };
            seen.0.push(format!("{} {key} {display}", scanned.lines));
        });
        assert_eq!(tally.oversize, 0, "the generator makes no such tags");
        scanned.invalid_utf8 += u32::from(touched);
        scanned.empty += u32::from(line.is_empty());
        scanned.lines += 1;
    }
    (seen, scanned)
}

/// Runs the block in every way that there is, padded by zeros, by nothing, and by other bytes.
fn every_way(block: &[u8], rule: Rule) -> Vec<(&'static str, Seen, Scanned)> {
    let zeros = [block, &[0; PAD]].concat();
    let stale = [block, b"tail#tag".repeat(9).as_slice()].concat();
    let mut ways = Vec::new();
    for (name, padded) in [("zeros", &zeros), ("bare", &block.to_vec()), ("stale", &stale)] {
        let mut seen = Seen::default();
        let scanned = scan_lines(padded, block.len(), rule, &mut Extractor::default(), &mut seen);
        ways.push((name, seen, scanned));
        if rule == Rule::Tags {
            let mut seen = Seen::default();
            let scanned =
                Block::new(padded, block.len(), &mut Extractor::default(), &mut seen).run(Scalar);
            ways.push((name, seen, scanned));
            #[cfg(target_arch = "x86_64")]
            if let Some(lanes) = Avx2::detect() {
                let mut seen = Seen::default();
                let scanned = Block::new(padded, block.len(), &mut Extractor::default(), &mut seen)
                    .run(lanes);
                ways.push((name, seen, scanned));
            }
        }
    }
    ways
}

fn check(block: &[u8], rule: Rule) {
    let (want, scanned_want) = by_reference(block, rule);
    for (name, seen, scanned) in every_way(block, rule) {
        assert_eq!(seen, want, "{name}: {:?}", String::from_utf8_lossy(block));
        assert_eq!(scanned, scanned_want, "{name}: {:?}", String::from_utf8_lossy(block));
    }
}

fn tags_of(block: &[u8]) -> Vec<String> {
    let mut seen = Seen::default();
    scan_lines(block, block.len(), Rule::Tags, &mut Extractor::default(), &mut seen);
    seen.0
}

/// What most lines hold.
const PLAIN: &[&str] = &[" #tag", " #Rust2026", "#a", "word", " ", " and ", "\n", " #x_1 ", "#"];
/// What the rule makes a difference of.
const ODD: &[&str] = &[
    "＃",
    "#＃",
    "##",
    "#12",
    "#_",
    "#_a",
    "_",
    "7",
    "é",
    "日本",
    " #日本語 ",
    " #Été",
    "ー",
    "·",
    "\u{200D}",
    "\u{200C}",
    "\u{FE0F}",
    "\u{20E3}",
    "☀\u{FE0F}",
    "😀",
    " #\u{3164} ",
    "𠀋",
    "\u{2028}",
    "\u{3000}",
    "\r",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\t",
    "\0",
    "&",
    ";",
    "&amp;",
    "&lt;",
    "&gt;",
    "&#39;",
    "&#35;",
    "&#x23;b",
    "&num;",
    "&num;tag",
    "&eacute;",
    "&#65283;c",
    "&#10;",
    "&nbsp;",
    "&#58;//",
    "&#47;",
    "&#;",
    "&num",
    "&amp;num;d",
    ":",
    "://",
    ":/",
    "/",
    "http://",
    "https://t.co/abc",
    "x.com/",
    "example.org/",
    "?q=",
    ".",
    ",",
    "!",
    "(",
    ")",
    "-",
    "@",
    "\"",
    "'",
    "…",
    "！",
    "ﾊﾝｶｸ",
    "\u{FEFF}",
    "$",
    "%",
    "~",
    "İ",
    "ß",
    "Ａ",
    "abcdefghijklmnopqr",
    "#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
    "3",
    "39;",
    "x23;",
];
/// Invalid UTF-8.
const BROKEN: &[&[u8]] = &[
    b"\xFF",
    b"\xC3",
    b"\xE2\x82",
    b"\xF0\x9F\x98",
    b"\x80",
    b"\xEF",
    b"\xEF\xBC",
    b"#\xEF\xBC",
    b"\xED\xA0\x80",
    b"#caf\xE9 ",
    b"\xC0\xA3tag",
    b" #\xFFa",
    b"\xF5#b",
    b"#d\xFF",
];

/// Pieces of lines: the plain ones often, every oddity now and then.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = |s: &&str| s.as_bytes().to_vec();
    prop_oneof![
        6 => proptest::sample::select(PLAIN).prop_map(move |s| text(&s)),
        4 => proptest::sample::select(ODD).prop_map(move |s| text(&s)),
        1 => proptest::sample::select(BROKEN).prop_map(<[u8]>::to_vec),
        1 => (0_usize..70).prop_map(|n| vec![b'.'; n]),
        1 => any::<u8>().prop_map(|b| vec![b]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn all_ways_agree(pieces in proptest::collection::vec(piece(), 0..40)) {
        let block = pieces.concat();
        check(&block, Rule::Tags);
        check(&block, Rule::Words);
    }

    #[test]
    fn all_ways_agree_on_any_bytes(block in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&block, Rule::Tags);
        check(&block, Rule::Words);
    }
}

#[test]
fn every_alignment_gives_the_same_tags() {
    let samples: [&[u8]; 9] = [
        b" #Tag\n",
        b"#a #b\r\n",
        "＃日本 #é\n".as_bytes(),
        b" #don&#39;t\n",
        b"x&num;y &num;z\n",
        b"x.com/#a #b\n",
        b"\r\n#q\n\n",
        b" #caf\xE9 #x\n",
        b" #abcdefghijklmnopqrstuvwxyz0123456789",
    ];
    for sample in samples {
        for shift in 0..130 {
            let block = [vec![b'-'; shift].as_slice(), sample].concat();
            check(&block, Rule::Tags);
            check(&block, Rule::Words);
        }
    }
}

#[test]
fn a_tag_ends_with_the_block_whatever_follows() {
    for len in 1..=100 {
        let mut padded = vec![b'a'; len + 100];
        padded[0] = b'#';
        let mut seen = Seen::default();
        scan_lines(&padded, len, Rule::Tags, &mut Extractor::default(), &mut seen);
        let tag = "a".repeat(len - 1);
        let want = if len == 1 { vec![] } else { vec![format!("0 {tag} {tag}")] };
        assert_eq!(seen.0, want);
    }
}

#[test]
fn a_line_that_turns_odd_gives_each_tag_once_and_in_order() {
    let line = "#One #two x.com/#three ＃four &num;five #six&amp; #seven\n#eight\n";
    let want = ["0 one One", "0 two two", "0 four four", "0 five five", "0 six six"];
    let want: Vec<String> =
        want.into_iter().chain(["0 seven seven", "1 eight eight"]).map(str::to_owned).collect();
    assert_eq!(tags_of(line.as_bytes()), want);
}

#[test]
fn keys_longer_than_the_limit_are_reported_once() {
    let long = "a".repeat(KEY_MAX_BYTES);
    let block = format!("#{long} #{long}b\n#{long}é #ok ＃{long}é #c\n");
    let want =
        [format!("0 {long} {long}"), "0 !".into(), "1 !".into(), "1 ok ok".into(), "1 !".into()];
    let want: Vec<String> = want.into_iter().chain(["1 c c".into()]).collect();
    assert_eq!(tags_of(block.as_bytes()), want);
}

#[test]
fn lines_are_counted_as_they_end() {
    for (block, lines, empty) in [
        (&b""[..], 0, 0),
        (b"\n", 1, 1),
        (b"\r\n", 1, 1),
        (b"\r", 1, 0),
        (b"a", 1, 0),
        (b"a\n", 1, 0),
        (b"a\n\n\r\nb\r\n", 4, 2),
        (b"\r\r\n", 1, 0),
        (b"a\r\n\r", 2, 0),
    ] {
        for (_, _, scanned) in every_way(block, Rule::Tags) {
            assert_eq!((scanned.lines, scanned.empty), (lines, empty), "{block:?}");
        }
        for (_, _, scanned) in every_way(block, Rule::Words) {
            assert_eq!((scanned.lines, scanned.empty), (lines, empty), "{block:?}");
        }
    }
}

#[test]
fn invalid_utf8_counts_only_beside_a_tag() {
    for (block, tags, invalid) in [
        (&b"\xFF #a \xFF\n"[..], 1, 0),
        (b"#caf\xE9\n", 1, 1),
        (b"\xFF#a\n", 1, 1),
        (b"#\xFF #12\xFF \xFF\n", 0, 0),
        (b"#a\xFF #b\xFF\n#c\xFF\n", 3, 2),
    ] {
        let mut seen = Seen::default();
        let scanned =
            scan_lines(block, block.len(), Rule::Tags, &mut Extractor::default(), &mut seen);
        assert_eq!((seen.0.len(), scanned.invalid_utf8), (tags, invalid), "{block:?}");
    }
}

#[test]
fn words_are_split_as_the_original_does() {
    let mut seen = Seen::default();
    let block = "  #A, C#  x#y &#39; ＃no #a #a\t#b \r\n#\n";
    scan_lines(block.as_bytes(), block.len(), Rule::Words, &mut Extractor::default(), &mut seen);
    let keys: Vec<&str> = ["#A,", "C#", "x#y", "&#39;", "#a", "#a\t#b"].into();
    let want: Vec<String> = keys.iter().map(|key| format!("0 {key} {key}")).collect();
    assert_eq!(seen.0[..6], want);
    assert_eq!(seen.0[6..], ["1 # #".to_owned()]);
}
