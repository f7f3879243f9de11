//! Character references of HTML: `&amp;`, `&#39;`, `&#x1F600;`.
//!
//! Only references that end in `;` count, so that `AT&T` and `?a=1&copy=2` stay unchanged. They are
//! decoded once: `&amp;lt;` becomes `&lt;`.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The names of HTML and their code points.
static LIST: &str = include_str!("data/entities.txt");
/// Longest reference between `&` and `;`; longer ones are text.
const REFERENCE_MAX_BYTES: usize = 32;

/// The characters of a reference: one code point or two.
pub type Meaning = [Option<char>; 2];

/// The reference at the start of `text` (which begins with `&`): its characters and its length in
/// bytes.
#[must_use]
pub fn reference(text: &str) -> Option<(Meaning, usize)> {
    let bytes = text.as_bytes();
    if !bytes.get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'#') {
        return None;
    }
    let window = &bytes[1..bytes.len().min(REFERENCE_MAX_BYTES + 2)];
    let end = window.iter().position(|&b| !b.is_ascii_alphanumeric() && b != b'#')?;
    if window[end] != b';' {
        return None;
    }
    let name = &text[1..=end];
    let meaning = match name.strip_prefix('#') {
        Some(number) => [Some(numeric(number)?), None],
        None => named(name)?,
    };
    Some((meaning, end + 2))
}

/// The character of `39` or `x27`.
fn numeric(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for c in digits.chars() {
        value = value.saturating_mul(radix).saturating_add(c.to_digit(radix)?);
    }
    if value == 0 {
        return Some(char::REPLACEMENT_CHARACTER);
    }
    Some(windows_1252(value).or(char::from_u32(value)).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// HTML reads the numbers 80 to 9F (hexadecimal) as Windows-1252.
fn windows_1252(value: u32) -> Option<char> {
    const TABLE: [u16; 32] = [
        0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039,
        0x152, 0x8D, 0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
        0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
    ];
    let index = usize::try_from(value.checked_sub(0x80)?).ok()?;
    char::from_u32(u32::from(*TABLE.get(index)?))
}

/// The characters of a name, without `&` and `;`.
fn named(name: &str) -> Option<Meaning> {
    let one = |c| Some([Some(c), None]);
    match name {
        "amp" => one('&'),
        "lt" => one('<'),
        "gt" => one('>'),
        "quot" => one('"'),
        "apos" => one('\''),
        "nbsp" => one('\u{A0}'),
        _ => names().get(name).copied(),
    }
}

fn names() -> &'static HashMap<&'static str, Meaning> {
    static NAMES: OnceLock<HashMap<&'static str, Meaning>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let entry = |word: &'static str| {
            let (name, points) = word.split_once('=')?;
            let mut chars = points
                .split('+')
                .map(|hex| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
            Some((name, [chars.next()?, chars.next().flatten()]))
        };
        LIST.split_whitespace().filter_map(entry).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> Option<(String, usize)> {
        reference(text).map(|(meaning, n)| (meaning.into_iter().flatten().collect(), n))
    }

    #[test]
    fn references_are_understood() {
        for (text, want, bytes) in [
            ("&amp;x", "&", 5),
            ("&eacute;", "é", 8),
            ("&num;tag", "#", 5),
            ("&#39;", "'", 5),
            ("&#x1f600; ", "😀", 9),
            ("&#X41;", "A", 6),
            ("&#0;", "\u{FFFD}", 4),
            ("&#xD800;", "\u{FFFD}", 8),
            ("&#99999999999;", "\u{FFFD}", 14),
            ("&#128;", "€", 6),
            ("&NotEqualTilde;", "≂\u{338}", 15),
            ("&CounterClockwiseContourIntegral;", "∳", 33),
        ] {
            assert_eq!(undone(text), Some((want.to_owned(), bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_text() {
        for text in [
            "&",
            "& amp;",
            "&amp",
            "&ampx",
            "&bogus;",
            "&#;",
            "&#x;",
            "&#12a;",
            "&#xg;",
            "&é;",
            "&;",
            "&#-1;",
            "&#+1;",
            "&a#b;",
            "&#00000000000000000000000000000000039;",
        ] {
            assert_eq!(undone(text), None, "{text}");
        }
    }

    #[test]
    fn the_list_is_whole() {
        assert_eq!(names().len(), 2125);
        assert!(LIST.split_whitespace().all(|word| word.len() <= 48));
        let longest = names().keys().map(|name| name.len()).max().unwrap();
        assert!(longest < REFERENCE_MAX_BYTES);
    }
}
