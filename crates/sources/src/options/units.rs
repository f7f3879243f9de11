//! Units of a job: `2s`, `1MiB`, `20k`. Pure; each error states what was expected.
//!
//! A number without its unit is refused where a unit is needed: `batch = 2` could mean anything.

use std::ops::RangeInclusive;
use std::time::Duration;

use tagtide_posts::post::EventTime;

/// A single value as written in a job file or behind a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A string, or anything behind a flag.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

/// Why a value is not what its key takes.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// It is something else.
    #[error("`{value}` is not {expected}; write {example}")]
    NotA {
        /// As written.
        value: String,
        /// What it should be, with its article.
        expected: &'static str,
        /// How to write one.
        example: &'static str,
    },
    /// It is not a time.
    #[error("`{value}` is not a time; write {example}")]
    NotATime {
        /// As written.
        value: String,
        /// How to write one.
        example: &'static str,
        /// What the parser found.
        #[source]
        source: jiff::Error,
    },
    /// It is beyond what its type can hold.
    #[error("`{value}` is too large")]
    TooLarge {
        /// As written.
        value: String,
    },
    /// It is longer than a job's longest duration.
    #[error("`{value}` is longer than 366 days")]
    TooLong {
        /// As written.
        value: String,
    },
}

impl OptionError {
    /// A value that is not `expected`, and an example of one.
    #[must_use]
    pub fn not_a(value: &Scalar, expected: &'static str, example: &'static str) -> Self {
        Self::NotA { value: value.to_string(), expected, example }
    }

    fn too_large(value: &Scalar) -> Self {
        Self::TooLarge { value: value.to_string() }
    }
}

/// Longest duration of a job: 366 days.
const DURATION_MAX_MS: u64 = 366 * 86_400_000;
/// Rates and factors of a job. Any time in milliseconds divided by the least one is still a
/// `Duration`.
const RATES: RangeInclusive<f64> = 0.001..=1e12;

/// A duration: whole numbers with `ms`, `s`, `m`, `h` or `d`, also joined as in `1h30m`.
///
/// # Errors
/// What was expected.
pub fn duration(value: &Scalar) -> Result<Duration, OptionError> {
    const EXAMPLE: &str = "it like `500ms`, `2s`, `10m`, `1h`, `7d`";
    let bad = || OptionError::not_a(value, "a duration", EXAMPLE);
    let Scalar::Text(text) = value else { return Err(bad()) };
    let mut rest = text.trim();
    let mut total_ms = 0_u64;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit_ms = match after[..end].trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        total_ms = number
            .checked_mul(unit_ms)
            .and_then(|ms| ms.checked_add(total_ms))
            .filter(|ms| *ms <= DURATION_MAX_MS)
            .ok_or_else(|| OptionError::TooLong { value: value.to_string() })?;
        rest = &after[end..];
    }
    Ok(Duration::from_millis(total_ms))
}

/// A size in bytes: a whole number with `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, or none.
///
/// # Errors
/// What was expected.
pub fn size(value: &Scalar) -> Result<u64, OptionError> {
    let bad = || OptionError::not_a(value, "a size", "it like `256kB` or `1MiB`");
    let text = value.to_string();
    let (number, unit) = split_number(text.trim());
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" | "k" => 1_000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(factor).ok_or_else(|| OptionError::too_large(value))
}

/// A count: a whole number, also with `k`, `M` or `G` behind it.
///
/// # Errors
/// What was expected.
pub fn count(value: &Scalar) -> Result<u64, OptionError> {
    let bad = || OptionError::not_a(value, "a number", "it like `10`, `20k`, `1M`");
    let text = value.to_string();
    let (number, unit) = split_number(text.trim());
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return Err(bad()),
    };
    let number: u64 = number.replace('_', "").parse().map_err(|_| bad())?;
    number.checked_mul(factor).ok_or_else(|| OptionError::too_large(value))
}

/// A rate or factor: a number of [`RATES`], also with `k` or `M` behind it.
///
/// # Errors
/// What was expected.
pub fn rate(value: &Scalar) -> Result<f64, OptionError> {
    let bad = || OptionError::not_a(value, "a rate", "a number from 0.001 to 1e12, like `20k`");
    let text = value.to_string();
    let text = text.trim();
    let (number, factor) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1e3),
        Some(b'M') => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let rate: f64 = number.parse().map_err(|_| bad())?;
    let rate = rate * factor;
    if RATES.contains(&rate) { Ok(rate) } else { Err(bad()) }
}

/// A replay speed: `max` (`None`), or a rate.
///
/// # Errors
/// What was expected.
pub fn speed(value: &Scalar) -> Result<Option<f64>, OptionError> {
    if value.to_string().trim() == "max" {
        return Ok(None);
    }
    const EXAMPLE: &str = "`max`, or a number from 0.001 to 1e12, like `10`";
    rate(value).map(Some).map_err(|_| OptionError::not_a(value, "a speed", EXAMPLE))
}

/// A time: RFC 3339, such as `2026-11-23T10:54:02Z`.
///
/// # Errors
/// What was expected.
pub fn moment(value: &Scalar) -> Result<EventTime, OptionError> {
    let text = value.to_string();
    let parsed = text.trim().parse::<jiff::Timestamp>();
    parsed.map(|at| EventTime(at.as_millisecond())).map_err(|source| {
        let example = "RFC 3339, like `2026-11-23T10:54:02Z`";
        OptionError::NotATime { value: text, example, source }
    })
}

/// A time as a query names it: RFC 3339, or milliseconds since the Unix epoch.
///
/// # Errors
/// What was expected.
pub fn moment_or_ms(text: &str) -> Result<EventTime, OptionError> {
    let text = text.trim();
    if let Ok(ms) = text.parse() {
        return Ok(EventTime(ms));
    }
    let read = text.parse::<jiff::Timestamp>();
    read.map(|at| EventTime(at.as_millisecond())).map_err(|source| OptionError::NotATime {
        value: text.to_owned(),
        example: "RFC 3339, like `2026-11-23T10:54:02Z`, or milliseconds since the Unix epoch",
        source,
    })
}

/// The shortest way to write a duration that [`duration`] reads back.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit, unit_ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        // `24h` is the usual name.
        if ms >= unit_ms && ms.is_multiple_of(unit_ms) && ms != 86_400_000 * u128::from(unit == "d")
        {
            return format!("{}{unit}", ms / unit_ms);
        }
    }
    format!("{ms}ms")
}

/// Leading digits (with `_` between them), and what comes after.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Scalar {
        Scalar::Text(text.to_owned())
    }

    #[test]
    fn durations() {
        for (written, ms) in [
            ("2s", 2_000),
            ("500ms", 500),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            (" 2 s ", 2_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(&text(written)).unwrap(), Duration::from_millis(ms), "{written}");
        }
        for wrong in
            ["", "2", "s", "2 weeks", "-2s", "1.5s", "2sx", "99999999999999999999s", "400d"]
        {
            assert!(duration(&text(wrong)).is_err(), "{wrong}");
        }
        assert!(duration(&Scalar::Int(2)).unwrap_err().to_string().contains("`2s`"));
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for written in ["500ms", "2s", "10s", "90s", "1m", "15m", "1h", "24h", "7d"] {
            let value = duration(&text(written)).unwrap();
            assert_eq!(show_duration(value), written);
        }
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(size(&text("1MiB")).unwrap(), 1 << 20);
        assert_eq!(size(&text("256kB")).unwrap(), 256_000);
        assert_eq!(size(&text("2 GiB")).unwrap(), 2 << 30);
        assert_eq!(size(&Scalar::Int(512)).unwrap(), 512);
        assert!(size(&text("1Mib")).is_err());
        assert!(size(&Scalar::Int(-1)).is_err());
        assert!(size(&text("99999999999999999GiB")).is_err());
        assert_eq!(count(&text("1_000")).unwrap(), 1_000);
        assert_eq!(count(&text("20k")).unwrap(), 20_000);
        assert_eq!(count(&Scalar::Int(7)).unwrap(), 7);
        for wrong in ["", "k", "-1", "1.5", "1 M"] {
            assert!(count(&text(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_speeds_moments() {
        assert_eq!(rate(&Scalar::Float(0.5)).unwrap(), 0.5);
        assert_eq!(rate(&text("20k")).unwrap(), 20_000.0);
        assert_eq!(rate(&text("0.001")).unwrap(), 0.001);
        assert_eq!(rate(&text("1000000M")).unwrap(), 1e12);
        for wrong in
            ["0", "-1", "nan", "inf", "", "k", "x", "é", "1e-30", "0.0009", "1.1e12", "1e300k"]
        {
            assert!(
                rate(&text(wrong)).unwrap_err().to_string().contains("0.001 to 1e12"),
                "{wrong}"
            );
            assert!(
                speed(&text(wrong)).unwrap_err().to_string().contains("0.001 to 1e12"),
                "{wrong}"
            );
        }
        assert_eq!(speed(&text("max")).unwrap(), None);
        assert_eq!(speed(&Scalar::Int(10)).unwrap(), Some(10.0));
        assert!(speed(&text("fast")).is_err());
        assert_eq!(moment(&text("1970-01-01T00:00:01Z")).unwrap(), EventTime(1_000));
        assert_eq!(moment(&text("1970-01-01T01:00:01+01:00")).unwrap(), EventTime(1_000));
        assert!(moment(&text("yesterday")).is_err());
        assert_eq!(moment_or_ms("1970-01-01T00:00:01Z").unwrap(), EventTime(1_000));
        assert_eq!(moment_or_ms(" -5 ").unwrap(), EventTime(-5));
        assert!(moment_or_ms("1e3").unwrap_err().to_string().contains("milliseconds"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(written in "\\PC*") {
            let value = text(&written);
            let _ = (duration(&value), size(&value), count(&value), rate(&value), speed(&value),
                moment(&value));
        }

        #[test]
        fn whatever_is_a_rate_gives_a_wait(digits in 1.0..10.0, exponent in -40..40) {
            if let Ok(rate) = rate(&text(&format!("{digits}e{exponent}"))) {
                let _ = Duration::from_secs_f64(i64::MAX as f64 / 1000.0 / rate);
            }
        }

        #[test]
        fn a_shown_duration_reads_back(ms in 0_u64..DURATION_MAX_MS) {
            let shown = show_duration(Duration::from_millis(ms));
            proptest::prop_assert_eq!(duration(&text(&shown)).unwrap(), Duration::from_millis(ms));
        }
    }
}
