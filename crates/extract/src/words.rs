//! The original pipeline's own rule, for comparison with it: a text is split on single spaces, and
//! every piece that contains a `#` counts, unchanged, each time that it occurs.
//!
//! Nothing is decoded, folded or trimmed: `C#`, `&#39;` and `#a,` are words. `＃` is ignored.

use std::ops::Range;

/// The words of `text` that contain a `#`, as byte ranges, in order.
pub fn find(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let sign = from + memchr::memchr(b'#', &text[from..])?;
        let start = memchr::memrchr(b' ', &text[from..sign]).map_or(from, |i| from + i + 1);
        let end = memchr::memchr(b' ', &text[sign..]).map_or(text.len(), |i| sign + i);
        from = end;
        Some(start..end)
    })
}
