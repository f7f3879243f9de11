//! Where to resume: the newest status, and when it arrived. Pure: no connection, no clock.
//!
//! Ids of statuses are 64-bit numbers whose upper 48 bits are the millisecond at which the status
//! was written, be it on another server. So what comes from there with a delay has an id below
//! some that came already, and a timeline is asked from a little before the newest id on. What
//! comes twice is known by its identity.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{SourceError, unreadable_cursor};
use tagtide_posts::post::{Gap, Position};

/// How far before the newest id a timeline is asked.
const REWIND_MS: u64 = 20_000;
/// Numbers whose time lies before 2014 are not made of a time.
const TIMES_FROM_MS: u64 = 1_388_534_400_000;

/// Where a stream stood: what a Position holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The newest status; `None` where the instance does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Everything up to here is delivered, milliseconds since the Unix epoch.
    pub(super) at: i64,
    /// Posts a second before it.
    #[serde(default)]
    pub(super) rate: f64,
}

impl Cursor {
    /// The Position of `partition` among these.
    pub(super) fn of(after: &[Position], partition: &str) -> Result<Option<Self>, SourceError> {
        let Some(position) = after.iter().find(|position| position.partition == partition) else {
            return Ok(None);
        };
        let read = serde_json::from_str(&position.at).map(Some);
        read.map_err(|error| unreadable_cursor(partition, error))
    }

    /// As a Position of `partition`.
    pub(super) fn position(&self, partition: &str) -> Position {
        let at = serde_json::to_string(self).expect("numbers and strings are JSON");
        Position { partition: partition.to_owned(), at }
    }

    /// What is missing between this and the time `to`.
    pub(super) fn gap(&self, to: i64, reason: String) -> Gap {
        let seconds = (to - self.at).max(0) as f64 / 1e3;
        Gap { from: self.at, to: to.max(self.at), reason, missed: (self.rate * seconds) as u64 }
    }
}

/// True where the status `id` is newer than `than`, as Mastodon compares them.
pub(super) fn is_newer(id: &str, than: Option<&str>) -> bool {
    than.is_none_or(|than| (id.len().cmp(&than.len())).then(id.cmp(than)) == Ordering::Greater)
}

/// The id to ask a timeline from, so that what came with a delay is in it.
pub(super) fn rewound(id: &str) -> String {
    match id.parse::<u64>() {
        Ok(number) if number >> 16 >= TIMES_FROM_MS => (number - (REWIND_MS << 16)).to_string(),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_through_its_position() {
        let cursor = Cursor { id: Some("103270115826048975".into()), at: 5, rate: 2.5 };
        let after = [cursor.position("public a.example"), cursor.position("public b.example")];
        let of = |partition| Cursor::of(&after, partition).expect("it can be read");
        assert_eq!(of("public a.example"), Some(cursor));
        assert_eq!(of("hashtag/x a.example"), None);
        let broken = [Position { partition: "p".into(), at: "{".into() }];
        assert!(Cursor::of(&broken, "p").expect_err("it is broken").to_string().contains("help: "));
    }

    #[test]
    fn a_gap_is_measured_by_the_rate_before_it() {
        let cursor = Cursor { id: None, at: 1_000, rate: 2.5 };
        let gap = cursor.gap(5_000, "why".into());
        assert_eq!((gap.from, gap.to, gap.missed), (1_000, 5_000, 10));
        let gap = cursor.gap(500, "a clock that was set back".into());
        assert_eq!((gap.from, gap.to, gap.missed), (1_000, 1_000, 0));
    }

    #[test]
    fn ids_are_compared_as_numbers_and_times_in_them_are_rewound() {
        assert!(
            is_newer("10", Some("9")) && !is_newer("9", Some("10")) && !is_newer("9", Some("9"))
        );
        assert!(is_newer("0", None));
        let id = 1_767_571_200_000_u64 << 16;
        assert_eq!(rewound(&id.to_string()), ((1_767_571_180_000_u64) << 16).to_string());
        for other in ["0", "12345678", "9hUYzZCnLEZD7Vt7xA"] {
            assert_eq!(rewound(other), other, "no time is in it");
        }
    }
}
