//! Where to resume, and whether anything is missing. Pure: no connection, no clock.
//!
//! A cursor is inclusive, and a server that does not know it may silently continue live. So the
//! event at the cursor must come again, and is dropped then; if it does not, something is missing.
//! Numbers belong to one server: another one, or the same with another history, is asked by time,
//! some seconds back, and duplicates are recognised by their identity.

use serde::{Deserialize, Serialize};

use super::frame::At;
use crate::{SourceError, unreadable_cursor};
use tagtide_posts::post::{EventTime, Gap, Position};

/// How far back another server is asked: their clocks and their order differ.
const REWIND_OTHER_US: i64 = 10_000_000;
/// How far back the same server is asked by time: its events are not quite in the order of time.
const REWIND_SAME_US: i64 = 1_000_000;
/// A time further ahead of our clock comes from a wrong clock and is no cursor. Posts from that far
/// ahead are not counted either.
const AHEAD_MAX_US: i64 = EventTime::AHEAD_MAX_MS * 1_000;

/// True where a time is too far ahead of `now` to go by.
pub(super) fn is_ahead(time_us: i64, now: EventTime) -> bool {
    time_us > now.0.saturating_mul(1_000).saturating_add(AHEAD_MAX_US)
}

/// How to ask for what follows the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// By its number, where the server is the one that gave it.
    #[default]
    Number,
    /// By its time.
    Time,
    /// Not at all: what comes next is what follows.
    Live,
}

/// The cursor of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    None,
    Seq(u64),
    TimeUs(i64),
}

/// The last event before a loss: what a Position holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LastEvent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    pub(super) time_us: i64,
    /// Posts a second before it.
    #[serde(default)]
    pub(super) rate: f64,
}

impl LastEvent {
    /// As a Position of `partition`.
    pub(super) fn position(self, partition: &str) -> Position {
        let at = serde_json::to_string(&self).expect("numbers are JSON");
        Position { partition: partition.to_owned(), at }
    }
}

/// What happens with an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is new, or known by its identity.
    Take,
    /// It is new, and this is missing before it.
    TakeAfter(Gap),
    /// It was delivered before.
    Drop,
    /// This is not the server that gave the number: ask by time.
    OtherHistory,
}

/// A stream from its request on.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    /// The last event, from whichever server; never too far ahead of our clock.
    last: Option<LastEvent>,
    /// The time of the last event as it was stored, by which the event at a number is known.
    stored_us: i64,
    cursor: Cursor,
    /// Nothing was taken or dropped as known yet.
    waiting: bool,
    /// Why something may be missing.
    pub(super) reason: &'static str,
}

impl Resume {
    /// Resumes after the newest of `after` from the server of `partition`. A place too far ahead of
    /// `now` is one of now, where there is no other.
    pub(super) fn new(
        after: &[Position],
        partition: &str,
        way: Way,
        now: EventTime,
    ) -> Result<Self, SourceError> {
        let mut newest: Option<(LastEvent, bool)> = None;
        let mut newest_worth = (false, i64::MIN);
        for position in after {
            let mut place: LastEvent = serde_json::from_str(&position.at)
                .map_err(|error| unreadable_cursor(&position.partition, error))?;
            let worth = (!is_ahead(place.time_us, now), place.time_us);
            if !worth.0 {
                place.time_us = now.0 * 1_000;
            }
            if newest.is_none() || newest_worth < worth {
                newest = Some((place, position.partition == partition));
                newest_worth = worth;
            }
        }
        let cursor = match (newest, way) {
            (None, _) | (_, Way::Live) => Cursor::None,
            (Some((LastEvent { seq: Some(seq), .. }, true)), Way::Number) => Cursor::Seq(seq),
            (Some((place, true)), Way::Number) => Cursor::TimeUs(place.time_us - REWIND_SAME_US),
            (Some((place, _)), _) => Cursor::TimeUs(place.time_us - REWIND_OTHER_US),
        };
        let last = newest.map(|(place, _)| place);
        let reason = "the server no longer had what came then";
        Ok(Self { last, stored_us: newest_worth.1, cursor, waiting: true, reason })
    }

    /// What to ask the server for.
    pub(super) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The last event before this stream.
    pub(super) fn last(&self) -> Option<LastEvent> {
        self.last
    }

    /// Judges the next event; `is_ahead` = its time is nothing to go by.
    pub(super) fn classify(&mut self, at: &At, is_ahead: bool) -> Verdict {
        if let Cursor::TimeUs(from) = self.cursor
            && at.time_us < from
        {
            return Verdict::Drop;
        }
        let Some(last) = self.last.filter(|_| self.waiting) else { return Verdict::Take };
        if let Cursor::Seq(seq) = self.cursor {
            if at.seq != Some(seq) || at.time_us != self.stored_us {
                return Verdict::OtherHistory;
            }
            self.waiting = false;
            return Verdict::Drop;
        }
        if is_ahead {
            return Verdict::Take;
        }
        self.waiting = false;
        if at.time_us <= last.time_us {
            return Verdict::Take;
        }
        let seconds = (at.time_us - last.time_us) as f64 / 1e6;
        Verdict::TakeAfter(Gap {
            from: last.time_us.div_euclid(1000),
            to: at.time_us.div_euclid(1000),
            reason: self.reason.to_owned(),
            missed: (last.rate * seconds) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_783_175_888_000_000;
    /// A minute after it.
    const NOW: EventTime = EventTime(T / 1_000 + 60_000);
    const YEAR_US: i64 = 366 * 86_400_000_000;

    fn place(seq: Option<u64>, time_us: i64) -> LastEvent {
        LastEvent { seq, time_us, rate: 50.0 }
    }

    fn at(seq: u64, time_us: i64) -> At {
        At { seq: Some(seq), time_us, is_post: true }
    }

    fn resume(after: &[Position], way: Way) -> Resume {
        Resume::new(after, "v2 a", way, NOW).expect("its Positions can be read")
    }

    #[test]
    fn the_same_server_is_asked_by_number_and_the_event_at_the_cursor_is_dropped() {
        let mut on = resume(&[place(Some(7), T).position("v2 a")], Way::Number);
        assert_eq!(on.cursor(), Cursor::Seq(7));
        assert_eq!(on.classify(&at(7, T), false), Verdict::Drop);
        assert_eq!(on.classify(&at(8, T), false), Verdict::Take);
    }

    #[test]
    fn another_event_at_the_cursor_is_another_history() {
        for other in [at(8, T + 1), at(7, T + 1), at(1, T - 5), At { seq: None, ..at(7, T) }] {
            let mut on = resume(&[place(Some(7), T).position("v2 a")], Way::Number);
            assert_eq!(on.classify(&other, false), Verdict::OtherHistory, "{other:?}");
        }
    }

    #[test]
    fn another_server_is_asked_ten_seconds_back_and_what_is_older_is_dropped() {
        let after = [place(Some(9), T - 50).position("v2 a"), place(Some(7), T).position("v2 b")];
        let mut on = resume(&after, Way::Number);
        assert_eq!(on.cursor(), Cursor::TimeUs(T - 10_000_000));
        assert_eq!(on.classify(&at(1, T - 10_000_001), false), Verdict::Drop);
        assert_eq!(on.classify(&at(2, T - 10_000_000), false), Verdict::Take);
        assert_eq!(on.classify(&at(3, T + 9_000_000), false), Verdict::Take, "silence is no gap");
    }

    #[test]
    fn a_server_without_numbers_is_asked_a_second_back() {
        let on = resume(&[place(None, T).position("v2 a")], Way::Number);
        assert_eq!(on.cursor(), Cursor::TimeUs(T - 1_000_000));
    }

    #[test]
    fn what_the_server_no_longer_has_is_a_gap_with_its_measure() {
        for way in [Way::Time, Way::Live] {
            let mut on = resume(&[place(Some(7), T).position("v2 a")], way);
            let Verdict::TakeAfter(gap) = on.classify(&at(900, T + 4_000_000), false) else {
                panic!("no gap by {way:?}")
            };
            assert_eq!((gap.from, gap.to, gap.missed), (T / 1000, T / 1000 + 4_000, 200));
            assert_eq!(on.classify(&at(901, T + 9_000_000), false), Verdict::Take, "reported once");
        }
    }

    #[test]
    fn a_time_that_is_far_ahead_ends_no_waiting() {
        assert!(!is_ahead(NOW.0 * 1_000 + AHEAD_MAX_US, NOW));
        assert!(is_ahead(NOW.0 * 1_000 + AHEAD_MAX_US + 1, NOW));
        assert!(!is_ahead(i64::MAX, EventTime(i64::MAX)));
        let mut on = resume(&[place(None, T).position("v2 a")], Way::Live);
        assert_eq!(on.classify(&at(8, T + YEAR_US), true), Verdict::Take);
        let Verdict::TakeAfter(gap) = on.classify(&at(9, T + 4_000_000), false) else {
            panic!("no gap")
        };
        assert_eq!(gap.to, T / 1_000 + 4_000);
    }

    #[test]
    fn a_stored_place_that_is_far_ahead_is_one_of_now() {
        let ahead = T + YEAR_US;
        let by_time = resume(&[place(None, ahead).position("v2 a")], Way::Number);
        assert_eq!(by_time.cursor(), Cursor::TimeUs(NOW.0 * 1_000 - 1_000_000));
        let other = resume(&[place(Some(7), ahead).position("v2 b")], Way::Number);
        assert_eq!(other.cursor(), Cursor::TimeUs(NOW.0 * 1_000 - 10_000_000));
        let last = other.last().map(|last| last.time_us);
        assert_eq!(last, Some(NOW.0 * 1_000), "later events get on");
        let after = [place(None, ahead).position("v2 a"), place(None, T).position("v2 b")];
        assert_eq!(resume(&after, Way::Number).cursor(), Cursor::TimeUs(T - 10_000_000));
        // A number is as good as ever.
        let mut on = resume(&[place(Some(7), ahead).position("v2 a")], Way::Number);
        assert_eq!(on.cursor(), Cursor::Seq(7));
        assert_eq!(on.classify(&at(7, ahead), true), Verdict::Drop);
        assert_eq!(on.classify(&at(8, T + 1), false), Verdict::Take);
    }

    #[test]
    fn a_first_start_is_live_and_misses_nothing() {
        let mut on = resume(&[], Way::Number);
        assert_eq!(on.cursor(), Cursor::None);
        assert_eq!(on.classify(&at(5, T), false), Verdict::Take);
        let nonsense = Position { partition: "v2 a".into(), at: "{".into() };
        let error = Resume::new(&[nonsense], "v2 a", Way::Number, NOW);
        let error = error.expect_err("it cannot be read");
        assert!(error.to_string().contains("help: "), "{error}");
    }
}
