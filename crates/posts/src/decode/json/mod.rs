//! JSON without a tree.
//!
//! [`walker`] visits the wanted keys of a record and skips the rest without parsing it. Anything
//! unusual goes to [`tolerant`], which validates the record with a full parser, rewrites it in
//! plain form and runs the same walk again. So each format is written once. [`crate::post::escape`]
//! decodes escapes, and only of strings that are read.
//!
//! Never: recursion by the depth of the input, a panic on any bytes, a read past the slice.

pub(crate) mod tolerant;
pub(crate) mod walker;

use super::DecodeError;
use crate::post::Post;
use walker::{Stop, Walker};

/// The result of a walk over one record.
pub(crate) type Walked<'a> = Result<Option<Post<'a>>, Stop>;

/// Runs `walk` over a record that is one JSON object. A blank record is `Ok(None)`.
///
/// Bytes of `padded` outside `start..end` never affect the result.
pub(crate) fn record<'a, W>(
    padded: &'a [u8],
    start: usize,
    end: usize,
    walk: W,
) -> Result<Option<Post<'a>>, DecodeError>
where
    W: for<'b> Fn(&mut Walker<'b>) -> Walked<'b>,
{
    let bytes = padded.get(start..end).ok_or(DecodeError::Malformed)?;
    let Some((start, end)) = body(bytes).map(|(from, to)| (start + from, start + to)) else {
        return Ok(None);
    };
    if padded[start] != b'{' {
        return Err(DecodeError::Malformed);
    }
    let mut walker = Walker::new(padded, start, end);
    let post = walk(&mut walker);
    match post {
        Ok(post) if walker.finish().is_ok() => Ok(post),
        Err(Stop::Wrong(error)) => Err(error),
        Ok(_) | Err(Stop::Odd) => tolerant::record(&padded[start..end], walk),
    }
}

/// The range of the record without byte order mark, white space and line ending; `None` if nothing
/// is left.
fn body(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    from += bytes[from..].iter().position(|byte| !is_space(*byte))?;
    let to = bytes.iter().rposition(|byte| !is_space(*byte))? + 1;
    Some((from, to))
}

/// White space of JSON.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests;
