//! Decodes escapes of JSON strings; never fails.

/// Replaces what cannot be decoded.
const REPLACEMENT: char = '\u{FFFD}';

/// Decodes JSON escapes. Lone surrogates, bad escapes and invalid UTF-8 become U+FFFD.
///
/// `bytes` is the inside of a string, without its quotes. A bad escape is the backslash with the
/// ASCII byte after it (`\x`), or `\u` without four hexadecimal digits.
#[must_use]
pub fn unescape_lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        push_lossy(&mut text, &rest[..at]);
        let (char, used) = escape(&rest[at..]);
        text.push(char);
        rest = &rest[at + used..];
    }
    push_lossy(&mut text, rest);
    text
}

fn push_lossy(text: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(valid) => text.push_str(valid),
        Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
    }
}

/// The character of the escape at the start of `bytes`, and its length in bytes.
fn escape(bytes: &[u8]) -> (char, usize) {
    match bytes.get(1) {
        Some(b'u') => unicode(bytes),
        Some(other) => match short(*other) {
            Some(char) => (char, 2),
            None => (REPLACEMENT, if other.is_ascii() { 2 } else { 1 }),
        },
        None => (REPLACEMENT, 1),
    }
}

/// The character of a two-byte escape.
pub(crate) const fn short(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// `\uXXXX`, or two of them that make a surrogate pair.
fn unicode(bytes: &[u8]) -> (char, usize) {
    let Some(unit) = hex(bytes) else { return (REPLACEMENT, 2) };
    if (0xD800..0xDC00).contains(&unit)
        && let Some(low @ 0xDC00..0xE000) = hex(&bytes[6..])
    {
        let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(code).unwrap_or(REPLACEMENT), 12);
    }
    (char::from_u32(unit).unwrap_or(REPLACEMENT), 6)
}

/// The value of a `\uXXXX` at the start of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(2..6).filter(|_| bytes.starts_with(b"\\u"))?;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::unescape_lossy;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_full_parser_writes_is_undone(text in any::<String>()) {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape_lossy(&quoted.as_bytes()[1..quoted.len() - 1]), text);
        }

        #[test]
        fn escapes_agree_with_a_full_parser(
            inside in "([a-zé\"/]|\\\\[\"\\\\/bfnrtu]|[0-9a-fA-Fd8]{4})*"
        ) {
            let quoted = format!("\"{inside}\"");
            if let Ok(wanted) = serde_json::from_str::<String>(&quoted) {
                prop_assert_eq!(unescape_lossy(inside.as_bytes()), wanted);
            }
        }

        #[test]
        fn any_bytes_can_be_undone(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = unescape_lossy(&bytes);
            prop_assert!(text.len() <= 3 * bytes.len());
        }

        #[test]
        fn any_surrogates_can_be_undone(units in prop::collection::vec(0xD700u16..0xE100, 0..12)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(unescape_lossy(escaped.as_bytes()), String::from_utf16_lossy(&units));
        }
    }
}
