//! Measured times in words.

use std::time::Duration;

/// Milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Median and largest of `times`, as a line.
pub(crate) fn line(what: &str, times: &mut [Duration]) -> String {
    times.sort();
    let ms = |at: usize| millis(times[at.min(times.len() - 1)]);
    let (median, last) = (ms(times.len() / 2), ms(times.len() - 1));
    format!("{what}: median {median:.1} ms, largest {last:.1} ms\n")
}
