//! Bytes of one record -> [`Post`]. One file per format.
//!
//! `decode(&[u8]) -> Result<Option<Post<'_>>, DecodeError>` is a pure function of the record:
//! `Ok(None)` is a valid record that is not a post (a keep-alive, a `limit` message). Nothing here
//! allocates for a common record, recurses without a limit, or panics on any bytes.
//!
//! The head of each file states what becomes identity, author, time and text in its format.

pub mod detect;
mod jetstream;
pub mod json;
mod link;
mod mastodon;
mod revision;
mod text;
mod time;
mod x_v1;
mod x_v2;

use crate::post::{Post, Raw};

pub use detect::detect;
pub use link::link;
pub use revision::revision;
pub mod python;

/// Wire formats of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One line of text is one post.
    Text,
    /// `author<TAB>unix ms<TAB>text`.
    #[serde(rename = "text+")]
    TextPlus,
    /// X API v1.1 status or control message.
    X1,
    /// X API v2 stream line.
    X2,
    /// Bluesky Jetstream event, v1 or v2 wire.
    Jetstream,
    /// Mastodon status, or a streaming event that wraps one.
    Mastodon,
}

impl Format {
    /// Name on the command line and in job files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextPlus => "text+",
            Self::X1 => "x1",
            Self::X2 => "x2",
            Self::Jetstream => "jetstream",
            Self::Mastodon => "mastodon",
        }
    }
}

/// Why a record cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON (or line) that the format requires.
    #[error("malformed record")]
    Malformed,
    /// JSON nested deeper than 128.
    #[error("record nested deeper than 128")]
    TooDeep,
    /// A field that the format requires is missing or of the wrong type.
    #[error("record lacks `{0}`")]
    Missing(&'static str),
}

/// Decodes one record, with or without its line ending. Accepts any slice.
pub fn decode(format: Format, record: &[u8]) -> Result<Option<Post<'_>>, DecodeError> {
    decode_padded(format, record, 0, record.len())
}

/// Decodes the record `padded[start..end]`, with the same result as [`decode`] for that slice.
///
/// If at least [`crate::post::PAD`] bytes follow `end`, the last bytes are read as fast as the
/// others. The content of those bytes does not matter, and they may be missing. A range outside
/// `padded` is malformed.
pub fn decode_padded(
    format: Format,
    padded: &[u8],
    start: usize,
    end: usize,
) -> Result<Option<Post<'_>>, DecodeError> {
    match format {
        Format::Text => Ok(text::line(record(padded, start, end)?)),
        Format::TextPlus => text::line_plus(record(padded, start, end)?),
        Format::X1 => json::record(padded, start, end, x_v1::walk),
        Format::X2 => json::record(padded, start, end, x_v2::walk),
        Format::Jetstream => json::record(padded, start, end, jetstream::walk),
        Format::Mastodon => json::record(padded, start, end, mastodon::walk),
    }
}

/// Whether the string exists and equals `word`.
fn is(raw: Option<&Raw<'_>>, word: &str) -> bool {
    raw.is_some_and(|raw| raw.to_str() == word)
}

fn record(padded: &[u8], start: usize, end: usize) -> Result<&[u8], DecodeError> {
    padded.get(start..end).ok_or(DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
