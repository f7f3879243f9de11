//! The summary of a run: what was counted, and what was not and why.

use serde::Serialize;

use super::exit::{FAILED, Failure};
use crate::counters::{Counter, list};
use crate::engine::Summary;
use tagtide_trends::rank::Trend;

/// One line: posts, tags, and every reason that is not zero.
pub(super) fn counted(summary: &Summary) -> String {
    let counters = &summary.status.counters;
    let mut line = format!(
        "counted {} posts, {} with tags; {} tags, {} distinct",
        grouped(counters.posts),
        grouped(counters.tagged_posts),
        grouped(counters.tags),
        grouped(summary.distinct_tags)
    );
    // The first three are in the line already.
    for Counter { label, value, .. } in list(counters).into_iter().skip(3) {
        if value > 0 {
            line.push_str(&format!("; {label} {}", grouped(value)));
        }
    }
    line
}

/// What `replay --json` prints, and what `run --summary` writes: one object, whose fields are those
/// of the API.
#[derive(Serialize)]
struct Counted<'a> {
    posts: u64,
    tagged_posts: u64,
    distinct_tags: u64,
    malformed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_epoch: Option<u64>,
    mode: &'a str,
    window_s: Option<u64>,
    at: i64,
    approximate: bool,
    error_bound: u64,
    other: u64,
    trends: &'a [Trend],
}

/// The counts and the ranking as one line of JSON; `epoch` if there was a checkpoint.
pub(super) fn json(summary: &Summary, epoch: Option<u64>) -> Result<String, Failure> {
    let counters = &summary.status.counters;
    let ranking = &summary.ranking;
    let counted = Counted {
        posts: counters.posts,
        tagged_posts: counters.tagged_posts,
        distinct_tags: summary.distinct_tags,
        malformed: counters.malformed,
        checkpoint_epoch: epoch,
        mode: &ranking.mode,
        window_s: ranking.window_s,
        at: ranking.at,
        approximate: ranking.approximate,
        error_bound: ranking.error_bound,
        other: ranking.other,
        trends: &ranking.trends,
    };
    let failed = |error| Failure::new(FAILED, format_args!("cannot write JSON: {error}"));
    serde_json::to_string(&counted).map(|line| line + "\n").map_err(failed)
}

/// `1 rule`, `2 rules`.
pub(super) fn counted_as(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
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
    use std::sync::Arc;

    use super::*;
    use tagtide_trends::rank::Ranking;
    use tagtide_trends::status::Status;

    #[test]
    fn the_last_line_has_every_counter() {
        let counters = crate::counters::distinct();
        let status = Status { counters, ..Status::default() };
        let ranking = Ranking::default();
        let status = Arc::new(status);
        let line = counted(&Summary { status, ranking, first_event: None, distinct_tags: 5 });
        for counter in list(&counters) {
            assert!(line.contains(&grouped(counter.value)), "{counter:?} is not in {line}");
        }
        assert!(line.contains("; skipped reposts 7,018; skipped posts of bots 7,017;"), "{line}");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(
            (counted_as(1, "rule").as_str(), counted_as(0, "rule")),
            ("1 rule", "0 rules".into())
        );
    }
}
