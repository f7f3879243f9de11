//! How long to wait before a source is opened again: a policy, not a loop.
//!
//! Pure: from why the stream ended and how long it had been good it computes a wait. It reads no
//! clock, does not sleep, and takes all randomness from its seed, so that tests assert whole
//! schedules.
//!
//! | cause | first wait | then | at most |
//! |---|---|---|---|
//! | network | 250 ms | + 250 ms | 16 s |
//! | HTTP 5xx | 5 s | doubling | 320 s |
//! | rate limited | 60 s, or `Retry-After` where that is longer | doubling | 960 s |
//!
//! A stream that was good for 60 s resets every schedule, and after its loss by the network there
//! is no wait. Jitter shortens a wait by up to a quarter; after a rate limit it lengthens it.

use std::time::Duration;

/// A stream that lasted this long was a good one.
pub const GOOD: Duration = Duration::from_secs(60);

/// First wait after a loss by the network, and what each further one adds.
pub const NETWORK_STEP: Duration = Duration::from_millis(250);
const NETWORK_MAX: Duration = Duration::from_secs(16);
const HTTP_FIRST: Duration = Duration::from_secs(5);
const HTTP_MAX: Duration = Duration::from_secs(320);
const LIMITED_FIRST: Duration = Duration::from_secs(60);
const LIMITED_MAX: Duration = Duration::from_secs(960);
/// A `Retry-After` beyond a day is taken for a mistake.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);

/// Why a stream ended or could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Refused, reset, closed, timed out, silent for too long.
    Network,
    /// The server answered with a 5xx status.
    Http5xx,
    /// The server answered 420 or 429.
    RateLimited {
        /// What its `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
}

/// What makes waits differ between clients that lost the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// None: exactly the schedule of the table.
    None,
    /// Drawn from this seed.
    Seeded(u64),
}

/// The schedule of one source.
#[derive(Clone, Debug)]
pub struct Reconnect {
    jitter: Jitter,
    /// Failures in a row, by cause.
    network: u32,
    http: u32,
    limited: u32,
}

impl Reconnect {
    /// A schedule at its start.
    #[must_use]
    pub fn new(jitter: Jitter) -> Self {
        Self { jitter, network: 0, http: 0, limited: 0 }
    }

    /// How long to wait now that a stream that was good for `good` (zero where it never began)
    /// has ended by `cause`.
    pub fn wait(&mut self, cause: Cause, good: Duration) -> Duration {
        if good >= GOOD {
            *self = Self::new(self.jitter);
            if cause == Cause::Network {
                return Duration::ZERO;
            }
        }
        match cause {
            Cause::Network => {
                self.network = self.network.saturating_add(1);
                let wait = NETWORK_STEP.saturating_mul(self.network).min(NETWORK_MAX);
                wait.saturating_sub(self.share(wait))
            }
            Cause::Http5xx => {
                let wait = doubled(HTTP_FIRST, self.http).min(HTTP_MAX);
                self.http = self.http.saturating_add(1);
                wait.saturating_sub(self.share(wait))
            }
            Cause::RateLimited { retry_after } => {
                let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
                let wait = doubled(LIMITED_FIRST, self.limited).min(LIMITED_MAX).max(asked);
                self.limited = self.limited.saturating_add(1);
                wait.saturating_add(self.share(wait))
            }
        }
    }

    /// Between nothing and a quarter of `wait`.
    fn share(&mut self, wait: Duration) -> Duration {
        let Jitter::Seeded(state) = &mut self.jitter else { return Duration::ZERO };
        // One step of SplitMix64.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = u32::from((bits >> 48) as u16);
        wait / 4 * part / 65_536
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(policy: &mut Reconnect, cause: Cause, count: usize) -> Vec<u128> {
        (0..count).map(|_| policy.wait(cause, Duration::ZERO).as_millis()).collect()
    }

    #[test]
    fn network_grows_by_a_quarter_second_to_sixteen() {
        let mut policy = Reconnect::new(Jitter::None);
        let waits = schedule(&mut policy, Cause::Network, 70);
        let want: Vec<u128> = (1..=70).map(|n| (n * 250).min(16_000)).collect();
        assert_eq!(waits, want);
    }

    #[test]
    fn http_errors_double_to_320_seconds() {
        let mut policy = Reconnect::new(Jitter::None);
        let waits = schedule(&mut policy, Cause::Http5xx, 9);
        let want = [5, 10, 20, 40, 80, 160, 320, 320, 320].map(|s| s * 1000);
        assert_eq!(waits, want);
        assert_eq!(schedule(&mut policy, Cause::Http5xx, 60)[59], 320_000);
    }

    #[test]
    fn rate_limits_double_from_a_minute_and_retry_after_is_obeyed() {
        let mut policy = Reconnect::new(Jitter::None);
        let limited = |s: u64| Cause::RateLimited { retry_after: Some(Duration::from_secs(s)) };
        let none = Cause::RateLimited { retry_after: None };
        assert_eq!(schedule(&mut policy, none, 2), [60_000, 120_000]);
        assert_eq!(schedule(&mut policy, limited(900), 1), [900_000]);
        assert_eq!(schedule(&mut policy, limited(1), 1), [480_000]);
        assert_eq!(schedule(&mut policy, none, 2), [960_000, 960_000]);
        assert_eq!(schedule(&mut policy, limited(u64::MAX), 1), [86_400_000]);
    }

    #[test]
    fn sixty_good_seconds_start_anew_and_are_answered_at_once() {
        let mut policy = Reconnect::new(Jitter::None);
        schedule(&mut policy, Cause::Network, 20);
        schedule(&mut policy, Cause::Http5xx, 3);
        let almost = GOOD - Duration::from_millis(1);
        assert_eq!(policy.wait(Cause::Network, almost).as_millis(), 5_250);
        assert_eq!(policy.wait(Cause::Network, GOOD), Duration::ZERO);
        assert_eq!(schedule(&mut policy, Cause::Network, 2), [250, 500]);
        assert_eq!(schedule(&mut policy, Cause::Http5xx, 1), [5_000]);
        assert_eq!(policy.wait(Cause::Http5xx, GOOD).as_millis(), 5_000);
    }

    #[test]
    fn jitter_follows_from_its_seed_and_stays_within_a_quarter() {
        let waits = |seed| {
            let mut policy = Reconnect::new(Jitter::Seeded(seed));
            schedule(&mut policy, Cause::Network, 64)
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        for (n, wait) in (1..).zip(waits(7)) {
            let full = (n * 250).min(16_000);
            assert!((full * 3 / 4..=full).contains(&wait), "{n}: {wait}");
        }
        let mut policy = Reconnect::new(Jitter::Seeded(7));
        let wait = policy.wait(Cause::RateLimited { retry_after: None }, Duration::ZERO);
        assert!((60_000..=75_000).contains(&wait.as_millis()), "{wait:?}");
    }
}
