//! Removes accents from keys, if a job asks for it: `café` and `cafe` become one tag.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The key without the combining marks of Latin, Greek and Cyrillic letters. Marks of other scripts
/// are vowels or tones, which make it a different word, so they stay.
#[must_use]
pub fn strip(key: &str) -> Cow<'_, str> {
    if key.is_ascii() {
        return Cow::Borrowed(key);
    }
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    // A key without accents must come out unchanged, even if it is not in NFC.
    if !key.nfd().any(|c| is_accent(&c)) {
        return Cow::Borrowed(key);
    }
    let stripped: String = key.nfd().filter(|c| !is_accent(c)).nfc().collect();
    Cow::Owned(stripped)
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn accents_go_and_vowels_stay() {
        for (key, want) in [
            ("café", "cafe"),
            ("naïve_2026", "naive_2026"),
            ("ελλάδα", "ελλαδα"),
            ("йога", "иога"),
            ("हिन्दी", "हिन्दी"),
            ("한국", "한국"),
            ("ガンダム", "ガンダム"),
            ("rust", "rust"),
        ] {
            assert_eq!(strip(key), want);
        }
    }
}
