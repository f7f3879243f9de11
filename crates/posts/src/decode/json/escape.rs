//! Escapes of JSON strings, undone without ever failing.

/// What stands for what cannot be read.
const REPLACEMENT: char = '\u{FFFD}';

/// Undoes JSON escapes; lone surrogates, bad escapes and invalid UTF-8 become U+FFFD.
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

/// The character of the escape that `bytes` begin with, and how many bytes it takes.
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
pub(super) const fn short(byte: u8) -> Option<char> {
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

/// The number of a `\uXXXX` at the start of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(2..6).filter(|_| bytes.starts_with(b"\\u"))?;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}
