//! Text -> tags. One definition of what a hashtag is (`grammar`), a fast path that must agree with
//! it (`scan`), the folding that makes a key of it (`key`), and the original pipeline's own rule
//! (`words`). Pure.

#![forbid(unsafe_code)]

pub mod accents;
#[cfg(test)]
mod cases;
mod chars;
pub mod entity;
pub mod grammar;
mod host;
pub mod key;
pub mod markup;
pub mod pattern;
pub mod print;
pub mod scan;
mod text;
mod url;
mod url_chars;
pub mod words;

pub use markup::Markup;
pub use scan::scan_lines;
pub use text::{Extractor, FoundTag, Tally, tags, visit_text, without_sign};

/// Which rule finds tags in a text.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The hashtag grammar of `grammar`, folded to a key.
    #[default]
    Tags,
    /// The original pipeline's: split on single spaces, keep what contains `#`, as it stands.
    Words,
}

/// How often a post counts for a tag that it names more than once.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Occurrences {
    /// Once.
    #[default]
    PerPost,
    /// Every time.
    All,
}

/// Longest key, in bytes of UTF-8; longer tags are dropped and counted.
pub const KEY_MAX_BYTES: usize = 640;

/// Receives the tags that the fast path finds in a block of lines, in order.
pub trait Visit {
    /// A tag of `len` ASCII letters, digits and `_` at `start` of the block as it was given, `#`
    /// excluded, not folded. The whole block is handed over so that a visitor can load more than
    /// the tag with one instruction; what follows the tag means nothing.
    fn ascii_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize);

    /// A tag of `len` bytes at `start` that is its own key; else as [`Visit::ascii_tag`]. Its bytes
    /// are valid UTF-8.
    fn settled_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        if let Ok(tag) = str::from_utf8(&padded[start..start + len]) {
            self.tag(line, start, tag, tag);
        }
    }

    /// Any other tag: `key` folded, `display` as typed (both without `#`; under [`Rule::Words`]
    /// both the whole word). `at` is a place in its line.
    fn tag(&mut self, line: u32, at: usize, key: &str, display: &str);

    /// A tag longer than [`KEY_MAX_BYTES`].
    fn oversize_tag(&mut self, line: u32);
}

/// What a block of lines held besides its tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Lines, empty ones included.
    pub lines: u32,
    /// Empty lines (`\n` or `\r\n` alone): neither a post nor malformed.
    pub empty: u32,
    /// Lines with invalid UTF-8 inside or beside a tag (elsewhere it is not looked at).
    pub invalid_utf8: u32,
}
