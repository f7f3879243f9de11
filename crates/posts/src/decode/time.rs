//! Times as platforms write them -> [`EventTime`]; `None` for anything else.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;

use crate::post::{EventTime, Raw};

/// RFC 3339 with any fraction, such as `2026-07-04T14:38:06.240Z`; rounded down to milliseconds.
pub(super) fn rfc3339(raw: &Raw<'_>) -> Option<EventTime> {
    let time: Timestamp = DateTimeParser::new().parse_timestamp(raw.to_str().as_bytes()).ok()?;
    Some(EventTime(time.as_microsecond().div_euclid(1000)))
}

/// X v1.1, such as `Sun Oct 27 13:12:29 +0000 2019`. The day of the week is ignored.
pub(super) fn x_v1(raw: &Raw<'_>) -> Option<EventTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let text = raw.to_str();
    let mut parts = text.split_ascii_whitespace().skip(1);
    let month = parts.next().filter(|month| month.len() == 3)?;
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)? / 3 + 1;
    let day = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<i8>());
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let zone: i32 = parts.next().filter(|zone| zone.len() == 5)?.parse().ok()?;
    let year = parts.next()?.parse().ok()?;
    let offset = Offset::from_seconds((zone / 100 * 60 + zone % 100) * 60).ok()?;
    let date = Date::new(year, i8::try_from(month).ok()?, day).ok()?;
    let at = date.to_datetime(Time::new(hour, minute, second, 0).ok()?);
    Some(EventTime(offset.to_timestamp(at).ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds() {
        let cases = [
            ("Sun Oct 27 13:12:29 +0000 2019", Some(1_572_181_949_000)),
            ("Sun Oct 27 13:12:29 +0130 2019", Some(1_572_176_549_000)),
            ("Thu Jan 01 00:00:00 -0100 1970", Some(3_600_000)),
            ("Wed Dec 31 23:59:59 +0000 1969", Some(-1000)),
            ("Sun Oct 32 13:12:29 +0000 2019", None),
            ("Sun anF 27 13:12:29 +0000 2019", None),
            ("Sun Oct 27 13:12 +0000 2019", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(x_v1(&Raw::Plain(text.as_bytes())).map(|at| at.0), wanted, "{text}");
        }
        let cases = [
            ("2024-09-09T19:46:02.329308Z", Some(1_725_911_162_329)),
            ("2024-09-09T19:46:02+02:00", Some(1_725_903_962_000)),
            ("1969-12-31T23:59:59.999999Z", Some(-1)),
            ("9999-12-30T00:00:00Z", Some(253_402_128_000_000)),
            ("2024-09-09", None),
            ("yesterday", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(rfc3339(&Raw::Plain(text.as_bytes())).map(|at| at.0), wanted, "{text}");
        }
    }
}
