//! Keys: what is one tag and what is not.

use proptest::prelude::*;

use super::*;

#[test]
fn spellings_of_one_tag_share_a_key() {
    for (tag, key) in [
        ("", ""),
        ("rust", "rust"),
        ("Rust", "rust"),
        ("#Rust", "rust"),
        ("＃Rust", "rust"),
        ("##Rust", "rust"),
        ("Ｒｕｓｔ", "rust"),
        ("É", "é"),
        ("E\u{301}", "é"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("ﬁsh", "fish"),
        ("a\u{FE0F}b", "ab"),
        ("a\u{AD}b", "ab"),
        ("\u{200D}a\u{200D}b\u{200C}", "a\u{200D}b"),
        ("\u{3164}", ""),
        ("\u{200D}\u{FE0F}", ""),
        ("İ", "i\u{307}"),
        ("Ａ\u{200C}", "a"),
        ("﹟a", "a"),
    ] {
        assert_eq!(fold(tag).as_deref(), Some(key), "{tag:?}");
    }
}

#[test]
fn accents_and_digits_tell_tags_apart() {
    assert_ne!(fold("cafe"), fold("café"));
    assert_ne!(fold("a1"), fold("a2"));
}

#[test]
fn what_is_its_own_key_is_borrowed() {
    for tag in ["rust_2026", "日本語", "हिन्दी"] {
        assert!(matches!(fold(tag), Some(Cow::Borrowed(_))), "{tag:?}");
    }
}

#[test]
fn the_limit_is_of_the_key() {
    assert!(fold(&"a".repeat(KEY_MAX_BYTES)).is_some());
    assert!(fold(&"a".repeat(KEY_MAX_BYTES + 1)).is_none());
    assert!(fold(&"é".repeat(KEY_MAX_BYTES / 2)).is_some());
    assert!(fold(&"é".repeat(KEY_MAX_BYTES / 2 + 1)).is_none());
    // Full-width letters take three bytes, their key one.
    assert!(fold(&"Ａ".repeat(KEY_MAX_BYTES)).is_some());
}

#[test]
fn settled_characters_are_their_own_keys() {
    let mut folded = String::new();
    for c in ('\0'..=char::MAX).filter(|&c| is_settled(c)) {
        folded.clear();
        fold_once(c.encode_utf8(&mut [0; 4]), &mut folded);
        assert_eq!(folded, c.to_string());
    }
}

/// Any settled character, those of one script together as in a real tag.
fn settled() -> impl Strategy<Value = String> {
    let near = |first: u32| {
        let at = move |by| char::from_u32(first + by).filter(|&c| is_settled(c));
        proptest::collection::vec((0..0x60_u32).prop_map(at), 1..12)
            .prop_map(|found| found.into_iter().flatten().collect())
    };
    (0..0xFFA0_u32).prop_flat_map(near)
}

proptest! {
    #[test]
    fn settled_characters_do_not_join(tag in settled(), other in settled()) {
        let tag = tag + &other;
        let mut folded = String::new();
        fold_once(&tag, &mut folded);
        prop_assert_eq!(folded, tag);
    }

    #[test]
    fn a_key_is_its_own_key(
        tag in "\\PC{0,12}|[#＃\u{200C}\u{200D}\u{FE0F}aÅſ\u{345}ΐﬃ\u{3164}İ㎏]{0,8}",
    ) {
        if let Some(key) = fold(&tag) {
            prop_assert_eq!(fold(&key), Some(Cow::Borrowed(&*key)));
            prop_assert!(!key.starts_with(['#', '＃']));
            prop_assert!(key.len() <= KEY_MAX_BYTES);
        }
    }

    #[test]
    fn a_kept_folder_agrees(tags in proptest::collection::vec("\\PC{0,6}", 0..6)) {
        let mut folder = Folder::default();
        for tag in &tags {
            let alone = fold(tag);
            prop_assert_eq!(folder.fold(tag), alone.as_deref());
        }
    }

    #[test]
    fn case_makes_no_difference_in_ascii(tag in "[a-zA-Z0-9_]{1,40}") {
        let upper = tag.to_ascii_uppercase();
        prop_assert_eq!(fold(&upper), fold(&tag));
    }
}
