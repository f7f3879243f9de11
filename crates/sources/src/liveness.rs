//! Signs of life of a stream: when silence is a loss, and up to when everything is delivered. Pure:
//! the caller passes the time.

use std::time::{Duration, Instant};

use tagtide_posts::post::EventTime;

/// After a silence of this length a server has sent everything that it had.
const QUIET: Duration = Duration::from_secs(5);

/// What is known of a stream's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// Silence for this long is a loss.
    stall: Duration,
    /// Last frame, pings included.
    heard: Instant,
    heard_at: EventTime,
    /// Last event.
    event: Instant,
    /// There was no event for a while before the last check.
    quiet: bool,
}

impl Liveness {
    /// A stream that begins now.
    pub(super) fn new(stall: Duration, now: Instant, now_at: EventTime) -> Self {
        Self { stall, heard: now, heard_at: now_at, event: now, quiet: false }
    }

    /// A frame has arrived, whatever is in it.
    pub(super) fn frame(&mut self, now: Instant, now_at: EventTime) {
        (self.heard, self.heard_at) = (now, now_at);
    }

    /// The frame was an event.
    pub(super) fn event(&mut self) {
        self.event = self.heard;
        self.quiet = false;
    }

    /// Looks at the time: for how long it has been silent, where that is a loss.
    pub(super) fn silence(&mut self, now: Instant) -> Option<Duration> {
        self.quiet = now.saturating_duration_since(self.event) >= QUIET;
        let silent = now.saturating_duration_since(self.heard);
        (silent >= self.stall).then_some(silent)
    }

    /// When the last sign of life came.
    pub(super) fn heard_at(&self) -> EventTime {
        self.heard_at
    }

    /// Up to when everything is delivered, apart from the times of the events themselves: a quiet
    /// stream is complete up to its last sign of life. A busy one may be delivering what was
    /// missed.
    pub(super) fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        self.quiet.then(|| self.heard_at.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagtide_posts::clock::monotonic;

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
        let mut life = Liveness::new(s(45), start, NOW);
        assert_eq!(life.silence(start + Duration::from_millis(44_999)), None);
        assert_eq!(life.silence(start + s(45)), Some(s(45)));
        life.frame(start + s(30), at(30));
        assert_eq!(life.silence(start + s(74)), None);
        assert_eq!(life.silence(start + s(75)), Some(s(45)));
    }

    #[test]
    fn only_a_quiet_stream_follows_our_clock_as_far_as_its_last_sign_of_life() {
        let start = monotonic();
        let mut life = Liveness::new(s(45), start, NOW);
        life.frame(start + s(4), at(4));
        assert_eq!(life.silence(start + s(4)), None);
        assert_eq!(life.complete_until(at(4)), None, "it may be looking for what was missed");
        assert_eq!(life.silence(start + s(5)), None);
        assert_eq!(life.complete_until(at(9)), Some(at(4)));
        life.frame(start + s(10), at(10));
        life.event();
        assert_eq!(life.silence(start + s(14)), None);
        assert_eq!(life.complete_until(at(14)), None, "its events say how far it is");
        assert_eq!(life.silence(start + s(15)), None);
        assert_eq!(life.complete_until(at(15)), Some(at(10)));
    }
}
