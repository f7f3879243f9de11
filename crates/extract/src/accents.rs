//! Keys without accents, where a job asks for it: `café` and `cafe` are one tag then.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The key without the combining marks of Latin, Greek and Cyrillic letters. Marks of other
/// scripts are vowels or tones, without which it would be another word, and stay.
#[must_use]
pub fn strip(key: &str) -> Cow<'_, str> {
    if key.is_ascii() {
        return Cow::Borrowed(key);
    }
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    // What has no accent must come out as it went in, also where it is not in the form of NFC.
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
