//! Text lines.
//!
//! `text`: the whole line is the text; no identity, no author, no time. `text+`: author, event time
//! and text, separated by tabs; further tabs belong to the text. A `\r` at the end of the line is
//! ignored. An empty line is not a post.

use super::DecodeError;
use super::json::walker;
use crate::post::{EventTime, Post, Raw};

/// One line of `text`.
pub(super) fn line(record: &[u8]) -> Option<Post<'_>> {
    let line = without_end(record);
    (!line.is_empty()).then(|| Post { text: Raw::Plain(line), ..Post::default() })
}

/// One line of `text+`. A time beyond 64 bits is clamped.
pub(super) fn line_plus(record: &[u8]) -> Result<Option<Post<'_>>, DecodeError> {
    let line = without_end(record);
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    if line.is_empty() {
        return Ok(None);
    }
    let split = |bytes| memchr::memchr(b'\t', bytes).map(|at| (&bytes[..at], &bytes[at + 1..]));
    let (author, rest): (&[u8], &[u8]) = split(line).ok_or(DecodeError::Malformed)?;
    let (ms, text) = split(rest).ok_or(DecodeError::Malformed)?;
    let time = Some(EventTime(integer(ms).ok_or(DecodeError::Malformed)?));
    let (author, text) = (Raw::Plain(author), Raw::Plain(text));
    Ok(Some(Post { author, time, text, ..Post::default() }))
}

/// A decimal integer with an optional `-`, clamped to 64 bits.
pub(super) fn integer(bytes: &[u8]) -> Option<i64> {
    // Too few digits to overflow.
    if bytes.len() < 19 {
        return walker::integer(bytes);
    }
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        number.saturating_mul(10).saturating_add(digit)
    }))
}

fn without_end(record: &[u8]) -> &[u8] {
    let line = record.strip_suffix(b"\n").unwrap_or(record);
    line.strip_suffix(b"\r").unwrap_or(line)
}
