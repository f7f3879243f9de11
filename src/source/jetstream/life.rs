//! Signs of life of a stream: when silence is a loss, and up to when everything has come. Pure: it
//! is told the time.

use std::time::{Duration, Instant};

use crate::post::EventTime;

/// Silence for so long is a loss; the server pings every 30 s.
const STALL: Duration = Duration::from_secs(45);
/// What was missed has all come once the events are no older than this,
const CAUGHT_UP_US: i64 = 5_000_000;
/// or the server has had nothing to say for so long.
const CAUGHT_UP_QUIET: Duration = Duration::from_secs(5);

/// What is known of a stream's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Last frame, pings included.
    heard: Instant,
    heard_at: EventTime,
    /// Last event.
    event: Instant,
    /// It brings what was missed.
    behind: bool,
}

impl Life {
    /// A stream that begins now; `behind` where it has something to bring.
    pub(super) fn new(now: Instant, now_at: EventTime, behind: bool) -> Self {
        Self { heard: now, heard_at: now_at, event: now, behind }
    }

    /// A frame has come, whatever is in it.
    pub(super) fn frame(&mut self, now: Instant, now_at: EventTime) {
        (self.heard, self.heard_at) = (now, now_at);
    }

    /// The frame was an event.
    pub(super) fn event(&mut self) {
        self.event = self.heard;
    }

    /// The event was taken, and is of that time.
    pub(super) fn took(&mut self, time_us: i64) {
        self.behind &= time_us < self.heard_at.0.saturating_mul(1000) - CAUGHT_UP_US;
    }

    /// Nothing has come up to now: for how long, where that is a loss.
    pub(super) fn silence(&mut self, now: Instant) -> Option<Duration> {
        self.behind &= now.saturating_duration_since(self.event) < CAUGHT_UP_QUIET;
        let silent = now.saturating_duration_since(self.heard);
        (silent >= STALL).then_some(silent)
    }

    /// Up to when everything has come: the last sign of life.
    pub(super) fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        (!self.behind).then(|| self.heard_at.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const NOW: EventTime = EventTime(1_783_175_888_000);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(seconds: i64) -> EventTime {
        EventTime(NOW.0 + seconds * 1000)
    }

    #[test]
    fn silence_is_a_loss_after_45_s_and_a_ping_is_life() {
        let start = monotonic();
        let mut life = Life::new(start, NOW, false);
        assert_eq!(life.silence(start + Duration::from_millis(44_999)), None);
        assert_eq!(life.silence(start + s(45)), Some(s(45)));
        life.frame(start + s(30), at(30));
        assert_eq!(life.silence(start + s(74)), None);
        assert_eq!(life.silence(start + s(75)), Some(s(45)));
    }

    #[test]
    fn the_watermark_is_held_until_the_stream_has_caught_up() {
        let start = monotonic();
        let mut life = Life::new(start, NOW, true);
        assert_eq!(life.complete_until(NOW), None);
        life.frame(start + s(1), at(1));
        life.event();
        life.took(at(-600).0 * 1000);
        assert_eq!(life.complete_until(at(1)), None, "ten minutes behind");
        life.took(at(-4).0 * 1000 + 1);
        assert_eq!(life.complete_until(at(1)), Some(at(1)));
        // It follows the clock as far as the last sign of life, and no further.
        assert_eq!(life.complete_until(at(9)), Some(at(1)));
        life.took(at(-700).0 * 1000);
        assert_eq!(life.complete_until(at(9)), Some(at(1)), "one old event is only late");
    }

    #[test]
    fn a_server_with_nothing_to_say_has_said_all() {
        let start = monotonic();
        let mut life = Life::new(start, NOW, true);
        life.frame(start + s(4), at(4));
        assert_eq!(life.silence(start + s(4)), None);
        assert_eq!(life.complete_until(at(4)), None);
        assert_eq!(life.silence(start + s(5)), None);
        assert_eq!(life.complete_until(at(5)), Some(at(4)));
    }
}
