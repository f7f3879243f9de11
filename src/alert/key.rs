//! Keys of alerts.

use ring::digest::{SHA256, digest};

/// The key of an alert: a UUID derived from job, rule, slide and tag.
pub(super) fn of(job: &str, rule: &str, at: i64, tag: &str) -> String {
    uuid(&format!("{job}\0{rule}\0{at}\0{tag}"))
}

/// A UUID (version 8, RFC 9562) from the SHA-256 of `text`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_alert_has_the_same_key() {
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
}
