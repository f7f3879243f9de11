//! The list of counters: the name of each in the API, in `/metrics` and in the last line of a run.
//!
//! The API writes the fields of [`Counters`]; `/metrics` and the last line are made from this list.
//! It takes the struct apart without `..`, so a field that is not listed does not compile.

use tagtide_trends::status::Counters;

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Field of the API.
    pub field: &'static str,
    /// Where `/metrics` shows it.
    pub metric: Metric,
    /// What the last line of a run calls it.
    pub label: &'static str,
    /// Its value.
    pub value: u64,
}

/// Where `/metrics` shows a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A metric of its own: name and help.
    Own(&'static str, &'static str),
    /// A reason for a record that is not counted.
    Dropped(&'static str),
}

/// All counters, in the order in which they are printed.
#[must_use]
pub fn list(counters: &Counters) -> [Counter; 20] {
    use Metric::{Dropped, Own};
    let Counters {
        posts,
        tagged_posts,
        tags,
        control,
        malformed,
        oversize,
        partial,
        invalid_utf8,
        oversize_tags,
        late,
        future,
        duplicates,
        repeated_updates,
        deletes,
        deletes_unknown,
        edits,
        evicted_tags,
        skipped_reposts,
        skipped_bots,
        blocked,
    } = *counters;
    let row = |field, label, metric, value| Counter { field, metric, label, value };
    let unknown = Own("deletes_unknown", "Deletes of posts not remembered");
    let bad_text = Own("invalid_utf8_posts", "Posts with invalid UTF-8");
    let control_records = Own("control_records", "Valid records that are not posts");
    [
        row("posts", "posts", Own("posts", "Posts counted"), posts),
        row(
            "tagged_posts",
            "posts with tags",
            Own("tagged_posts", "Posts with at least one tag"),
            tagged_posts,
        ),
        row("tags", "tags", Own("tag_occurrences", "Tag occurrences counted"), tags),
        row("malformed", "malformed", Dropped("malformed"), malformed),
        row("oversize", "oversize", Dropped("oversize"), oversize),
        row("partial", "partial", Dropped("partial"), partial),
        row("future", "future", Dropped("future"), future),
        row("duplicates", "duplicates", Dropped("duplicate"), duplicates),
        row(
            "repeated_updates",
            "repeated updates",
            Own("repeated_updates", "Counts made elsewhere that had been applied before"),
            repeated_updates,
        ),
        row("skipped_reposts", "skipped reposts", Dropped("skipped_repost"), skipped_reposts),
        row("skipped_bots", "skipped posts of bots", Dropped("skipped_bot"), skipped_bots),
        row("blocked", "posts of blocked accounts", Dropped("blocked"), blocked),
        row("invalid_utf8", "invalid UTF-8", bad_text, invalid_utf8),
        row(
            "oversize_tags",
            "oversize tags",
            Own("oversize_tags", "Tags too long to count"),
            oversize_tags,
        ),
        row("late", "late", Own("late_posts", "Posts in no window: their pane was closed"), late),
        row("deletes", "deletes", Own("deletes", "Deletes of remembered posts"), deletes),
        row("deletes_unknown", "deletes of unknown posts", unknown, deletes_unknown),
        row("edits", "edits", Own("edits", "Edits"), edits),
        row("control", "control messages", control_records, control),
        row(
            "evicted_tags",
            "tags evicted at tags_max",
            Own("evicted_tags", "Tags evicted at tags_max"),
            evicted_tags,
        ),
    ]
}

/// Counters of which each has another value.
#[cfg(test)]
pub(crate) fn distinct() -> Counters {
    let mut fields = serde_json::to_value(Counters::default()).expect("numbers");
    let values = fields.as_object_mut().expect("an object").values_mut();
    for (value, number) in values.zip(7_001_u64..) {
        *value = number.into();
    }
    serde_json::from_value(fields).expect("the same fields")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_api_is_listed_once_under_its_name() {
        let counters = distinct();
        let api = serde_json::to_value(counters).expect("numbers");
        let listed = list(&counters);
        let fields = api.as_object().expect("an object");
        assert_eq!(listed.len(), fields.len());
        for counter in listed {
            assert_eq!(fields[counter.field], counter.value, "{counter:?}");
            let same = |other: &&Counter| other.metric == counter.metric;
            assert_eq!(listed.iter().filter(same).count(), 1, "{counter:?}");
            let same = |other: &&Counter| other.label == counter.label;
            assert_eq!(listed.iter().filter(same).count(), 1, "{counter:?}");
        }
    }
}
