//! The end of a run in words: what was counted, and what was not and why.

use crate::engine::Summary;
use crate::rank::Counters;

/// One line: posts, tags, and every reason that is not zero.
pub(super) fn counted(summary: &Summary) -> String {
    let counters = &summary.status.counters;
    let mut line = format!(
        "counted {} posts, {} with tags, {} distinct tags",
        grouped(counters.posts),
        grouped(counters.tagged_posts),
        grouped(summary.distinct_tags)
    );
    for (reason, count) in reasons(counters) {
        if count > 0 {
            line.push_str(&format!("; {reason} {}", grouped(count)));
        }
    }
    line
}

/// Counts by reason.
fn reasons(counters: &Counters) -> [(&'static str, u64); 14] {
    [
        ("malformed", counters.malformed),
        ("oversize", counters.oversize),
        ("partial", counters.partial),
        ("invalid UTF-8", counters.invalid_utf8),
        ("oversize tags", counters.oversize_tags),
        ("late", counters.late),
        ("future", counters.future),
        ("duplicates", counters.duplicates),
        ("deletes", counters.deletes),
        ("deletes of unknown posts", counters.deletes_unknown),
        ("edits", counters.edits),
        ("control messages", counters.control),
        ("tags that gave way at tags_max", counters.evicted_tags),
        ("tag occurrences", counters.tags),
    ]
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
