//! Bytes of one record -> [`Post`]. One member a format.
//!
//! `decode(&[u8]) -> Result<Option<Post<'_>>, DecodeError>` is a pure function of the record:
//! `Ok(None)` is a record that is valid and no post (a keep-alive, a `limit` message). Nothing here
//! allocates for a common record, recurses without a limit, or panics on any bytes.

pub mod json;
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
