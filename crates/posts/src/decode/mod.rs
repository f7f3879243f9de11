//! Bytes of one record -> [`Post`]. One member a format.
//!
//! `decode(&[u8]) -> Result<Option<Post<'_>>, DecodeError>` is a pure function of the record:
//! `Ok(None)` is a record that is valid and no post (a keep-alive, a `limit` message). Nothing here
//! allocates for a common record, recurses without a limit, or panics on any bytes.
//!
//! What each format makes identity, author, time and text of stands at the head of its file.

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

/// Why a record is no post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// Not the JSON (or line shape) that the format asks for.
    #[error("malformed record")]
    Malformed,
    /// JSON nested deeper than 128.
    #[error("record nested deeper than 128")]
    TooDeep,
    /// A field that the format requires is missing or of the wrong type.
    #[error("record lacks `{0}`")]
    Missing(&'static str),
}

/// Decodes one record, with or without the end of its line. Any slice will do.
pub fn decode(format: Format, record: &[u8]) -> Result<Option<Post<'_>>, DecodeError> {
    decode_padded(format, record, 0, record.len())
}

/// Decodes the record `padded[start..end]`; the same answer as [`decode`] gives for that slice.
///
/// Where at least [`crate::post::PAD`] bytes follow `end`, its last bytes are read as fast as the
/// others; what they are changes nothing, and nothing breaks where they are missing. A range that
/// does not lie in `padded` is malformed.
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

/// True where a string is there and reads `word`.
fn is(raw: Option<&Raw<'_>>, word: &str) -> bool {
    raw.is_some_and(|raw| raw.to_str() == word)
}

fn record(padded: &[u8], start: usize, end: usize) -> Result<&[u8], DecodeError> {
    padded.get(start..end).ok_or(DecodeError::Malformed)
}

#[cfg(test)]
mod tests;
