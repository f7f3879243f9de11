//! Keys of alerts, and wildcards of watched tags.

use ring::digest::{SHA256, digest};

/// The key of an alert: a UUID that follows from what it is about.
pub(super) fn of(job: &str, rule: &str, at: i64, tag: &str) -> String {
    uuid(&format!("{job}\0{rule}\0{at}\0{tag}"))
}

/// A UUID (version 8, RFC 9562) from a SHA-256.
pub(super) fn uuid(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True where `tag` is `pattern`, in which each `*` stands for anything, also for nothing.
///
/// Takes at most length of tag times length of pattern steps.
pub(super) fn matches(pattern: &str, tag: &str) -> bool {
    let (pattern, tag) = (pattern.as_bytes(), tag.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the rest does not fit: after the last star, one byte further.
    let mut back = None;
    while t < tag.len() {
        if pattern.get(p) == Some(&b'*') {
            back = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&tag[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, from)) = back {
            back = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_follows_from_what_it_is_about() {
        let key = of("job", "rule", 5, "tag");
        assert_eq!(key, of("job", "rule", 5, "tag"));
        let parts: Vec<usize> = key.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&key[14..15], "8");
        assert!("89ab".contains(&key[19..20]));
        let others = [
            of("job2", "rule", 5, "tag"),
            of("job", "rule2", 5, "tag"),
            of("job", "rule", 6, "tag"),
            of("job", "rule", 5, "tag2"),
        ];
        assert!(others.iter().all(|other| *other != key), "{others:?}");
    }

    /// The definition, one character at a time.
    fn simple(pattern: &[char], tag: &[char]) -> bool {
        match pattern.split_first() {
            None => tag.is_empty(),
            Some(('*', rest)) => (0..=tag.len()).any(|skip| simple(rest, &tag[skip..])),
            Some((c, rest)) => {
                tag.split_first().is_some_and(|(d, tag)| c == d && simple(rest, tag))
            }
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_defined(pattern in "[ab*é]{0,7}", tag in "[abé]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &tag), simple(&chars(&pattern), &chars(&tag)));
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!matches(&"*a".repeat(300), &"a".repeat(299)));
        assert!(!matches(&format!("{}b", "a*".repeat(300)), &"a".repeat(640)));
    }
}
