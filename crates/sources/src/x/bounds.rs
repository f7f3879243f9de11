//! Limits of X and of the job: connections in a quarter of an hour, posts in a day.
//! Pure: the caller passes the time.

use std::collections::VecDeque;
use std::time::Duration;

use tagtide_posts::post::{EventTime, Reads};

/// The span that connections are counted over.
const CONNECTS_SPAN_S: i64 = 15 * 60;
const DAY_MS: i64 = 86_400_000;

/// Connections that were tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Connects {
    max: usize,
    /// Seconds since the Unix epoch, oldest first.
    at_s: VecDeque<i64>,
}

impl Connects {
    pub(super) fn new(max: u32) -> Self {
        Self { max: max as usize, at_s: VecDeque::new() }
    }

    /// Restores those from before a restart.
    pub(super) fn take_over(&mut self, at_s: &[i64]) {
        self.at_s.extend(at_s);
        self.at_s.make_contiguous().sort_unstable();
    }

    /// Records an attempt.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn note(&mut self, now: EventTime) -> Result<(), Duration> {
        let now_s = now.0.div_euclid(1000);
        // A time in the future is from before the clock was set back; it expires in time.
        let is_old = |at: &i64| (now_s - at).abs() >= CONNECTS_SPAN_S;
        self.at_s.retain(|at| !is_old(at));
        if self.at_s.len() < self.max {
            self.at_s.push_back(now_s);
            return Ok(());
        }
        let first = self.at_s[self.at_s.len() - self.max];
        let left = (first + CONNECTS_SPAN_S - now_s).clamp(1, CONNECTS_SPAN_S);
        Err(Duration::from_secs(left.unsigned_abs()))
    }

    /// For the Position.
    pub(super) fn at_s(&self) -> Vec<i64> {
        self.at_s.iter().copied().collect()
    }
}

/// Posts read in a day (UTC), and their limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Budget {
    max: u64,
    price: f64,
    /// Days since the Unix epoch.
    day: i64,
    read: u64,
}

impl Budget {
    pub(super) fn new(max: u64, price: f64) -> Self {
        Self { max, price, day: i64::MIN, read: 0 }
    }

    /// Restores what was read before a restart.
    pub(super) fn take_over(&mut self, day: i64, read: u64) {
        (self.day, self.read) = (day, read);
    }

    /// Counts posts that were read now.
    pub(super) fn add(&mut self, now: EventTime, posts: u64) {
        self.turn(now);
        self.read = self.read.saturating_add(posts);
    }

    /// How long until more can be read, if today's are used up.
    pub(super) fn held(&mut self, now: EventTime) -> Option<Duration> {
        self.turn(now);
        let left_ms = (self.day + 1) * DAY_MS - now.0;
        let wait = Duration::from_millis(left_ms.max(1).unsigned_abs());
        (self.read >= self.max).then_some(wait)
    }

    /// Begins a new day; a clock that is set back does not.
    fn turn(&mut self, now: EventTime) {
        let day = now.0.div_euclid(DAY_MS);
        if day > self.day {
            (self.day, self.read) = (day, 0);
        }
    }

    /// Day and posts, for the Position.
    pub(super) fn stored(&self) -> (i64, u64) {
        (self.day, self.read)
    }

    /// As the status shows it.
    pub(super) fn shown(&self) -> Reads {
        let cost = (self.read as f64 * self.price * 100.0).round() / 100.0;
        Reads { today: self.read, max_per_day: self.max, cost_today: cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T00:00:00Z
    const MIDNIGHT: i64 = 1_795_392_000_000;

    fn at(seconds: i64) -> EventTime {
        EventTime(MIDNIGHT + seconds * 1000)
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn fifty_connects_in_a_quarter_of_an_hour_and_not_one_more() {
        let mut connects = Connects::new(50);
        for n in 0..50 {
            assert_eq!(connects.note(at(n)), Ok(()), "{n}");
        }
        assert_eq!(connects.note(at(50)), Err(s(850)));
        assert_eq!(connects.note(at(899)), Err(s(1)));
        assert_eq!(connects.note(at(900)), Ok(()));
        assert_eq!(connects.note(at(900)), Err(s(1)));
        // Across a restart it is the same.
        let mut again = Connects::new(50);
        again.take_over(&connects.at_s());
        assert_eq!(again.note(at(900)), Err(s(1)));
        assert_eq!(again.note(at(901)), Ok(()));
        // In any span of a quarter of an hour there are never more.
        let (mut connects, mut tried) = (Connects::new(50), Vec::new());
        for now in 0..20_000 {
            if connects.note(at(now)).is_ok() {
                tried.push(now);
            }
        }
        assert!(tried.windows(51).all(|of| of[50] - of[0] >= 900));
        assert!(tried.len() > 1_000, "{}", tried.len());
    }

    #[test]
    fn reads_stop_at_the_bound_until_midnight_utc() {
        let mut budget = Budget::new(100, 0.005);
        assert_eq!(budget.held(at(0)), None);
        budget.add(at(10), 99);
        assert_eq!(budget.held(at(10)), None);
        budget.add(at(86_000), 1);
        assert_eq!(budget.held(at(86_000)), Some(s(400)));
        let shown = Reads { today: 100, max_per_day: 100, cost_today: 0.5 };
        assert_eq!(budget.shown(), shown);
        let (day, read) = budget.stored();
        let mut again = Budget::new(100, 0.005);
        again.take_over(day, read);
        assert_eq!(again.held(at(86_399)), Some(s(1)));
        // A clock set back to yesterday gives no new budget.
        assert!(again.held(at(-10)).is_some());
        assert_eq!(again.held(at(86_400)), None);
        assert_eq!(again.shown().today, 0);
    }
}
