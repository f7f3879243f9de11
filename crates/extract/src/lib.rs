//! Finds the hashtags of social media posts, and folds spellings of one hashtag to one key.
//!
//! The rule is that of X and twitter-text, with the URL rule that goes with it: `#rust` is a
//! hashtag, `C#`, `#123` and `https://example.com/#rust` are not. [`key::fold`] maps `#Caffè`,
//! `#CAFFÈ` and `#ｃａｆｆè` to the same key.
//!
//! ```
//! use tagtide_extract::{Markup, Rule, tags};
//!
//! let mut found = Vec::new();
//! tags("Caffè #Olé, not C# or https://example.com/#no", Markup::Verbatim, Rule::Tags, &mut found);
//! assert_eq!(found.len(), 1);
//! assert_eq!((found[0].key.as_str(), found[0].display.as_str()), ("olé", "Olé"));
//! assert_eq!(found[0].span, Some((6, 10)), "code points, with the sign");
//! ```
//!
//! There are two paths, which give the same tags on every input:
//!
//! | use | entry point |
//! |---|---|
//! | one text, with places in the text as delivered | [`tags`], or [`Extractor`] to reuse buffers |
//! | a whole block of lines, as fast as possible | [`scan_lines`] |
//!
//! The rule itself is in [`grammar`], readable and slow; [`scan`] is the vectorised pass that must
//! agree with it. [`markup`] undoes HTML and character references first, [`words`] is a second rule
//! that keeps every word with a `#`.
//!
//! Pure: no I/O, no clock, no randomness. `unsafe` is forbidden here; vector code is in
//! `tagtide-simd`.

#![forbid(unsafe_code)]

pub mod accents;
#[cfg(test)]
mod cases;
mod chars;
pub mod entity;
pub mod fingerprint;
pub mod grammar;
mod host;
pub mod key;
pub mod markup;
pub mod scan;
mod text;
mod url;
mod url_chars;
mod version;
pub mod wildcard;
pub mod words;

pub use markup::Markup;
pub use scan::scan_lines;
pub use text::{Extractor, FoundTag, Tally, tags, visit_text, without_sign};
pub use version::{GRAMMAR, KEY_CHANGES};

/// Which rule finds tags in a text.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The hashtag grammar of `grammar`, folded to a key.
    #[default]
    Tags,
    /// The original pipeline's rule: split on single spaces, keep words that contain `#`,
    /// unchanged.
    Words,
}

/// How often a post counts for a tag that occurs more than once in it.
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
    /// A tag of `len` ASCII letters, digits and `_` at `start` of the block, without `#`, not
    /// folded. `padded` is the whole block, so that a visitor can load more than the tag with one
    /// instruction; bytes after the tag have no meaning.
    fn ascii_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize);

    /// A tag of `len` bytes at `start` that is its own key. Like [`Visit::ascii_tag`] otherwise.
    /// Its bytes are valid UTF-8.
    fn settled_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        if let Ok(tag) = str::from_utf8(&padded[start..start + len]) {
            self.tag(line, start, tag, tag);
        }
    }

    /// Any other tag: `key` folded, `display` as typed, both without `#` (under [`Rule::Words`]
    /// both are the whole word). `at` is its place in the line.
    fn tag(&mut self, line: u32, at: usize, key: &str, display: &str);

    /// A tag longer than [`KEY_MAX_BYTES`].
    fn oversize_tag(&mut self, line: u32);
}

/// Counts of a block of lines, apart from its tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Lines, empty ones included.
    pub lines: u32,
    /// Empty lines (only `\n` or `\r\n`): neither a post nor malformed.
    pub empty: u32,
    /// Lines with invalid UTF-8 in or next to a tag (it is not checked elsewhere).
    pub invalid_utf8: u32,
}
