//! Sends the waiting alerts of the outbox in order, with retries for at most a day.
//!
//! An attempt is recorded before it is made, so that the same alert is not sent repeatedly when the
//! disk is full. A failure also postpones all other alerts of the same rule, so that a dead
//! receiver costs one timeout now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::outbox::{Outbox, Waiting};
use super::webhook::{Outcome, Target};
use super::{AlertError, SqliteError};
use crate::job::AlertPlan;
use tagtide_posts::clock::Clock;

/// Age at which an alert is given up.
pub const GIVE_UP: Duration = Duration::from_hours(24);
/// After a start or a step of our clock, no alert is given up for this long: one that is a day old
/// by then may hardly have been tried.
const STEADY_MIN: Duration = Duration::from_mins(15);
/// At most a sleep and a request lie between two readings of our clock; a larger difference is a
/// step, or the machine slept.
const STEP_MIN: Duration = Duration::from_mins(5);
/// A smaller step back is ignored.
const BACK_MIN: Duration = Duration::from_secs(1);
/// Alerts sent before the thread checks whether it should end.
const TURN_MAX: usize = 16;
/// Longest sleep of the thread.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// Sleep after an error of the outbox itself.
const SLEEP_AFTER_ERROR: Duration = Duration::from_secs(5);

/// Delays between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first attempt, doubled after each further one.
    pub first: Duration,
    /// Longest delay.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(320) }
    }
}

impl Backoff {
    /// The delay after an attempt with `tries` attempts before it: half to all of the doubled
    /// delay, depending on the key, so that many alerts are not retried at the same time.
    fn wait(&self, key: &str, tries: u32) -> Duration {
        let full = self.first.saturating_mul(1 << tries.min(20)).min(self.max);
        let jitter = crc32c::crc32c_append(tries, key.as_bytes());
        full.mul_f64(0.5 + f64::from(jitter) / f64::from(u32::MAX) / 2.0)
    }
}

/// Outcomes since the start.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) last_error: Mutex<String>,
}

impl Sent {
    fn set_error(&self, error: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_owned();
    }
}

/// The sending half of the outbox.
pub(super) struct Delivery {
    outbox: Outbox,
    targets: BTreeMap<String, Target>,
    clock: Clock,
    /// The last reading of our clock.
    seen_ms: i64,
    /// Our clock has made no step since this reading.
    steady_ms: i64,
    backoff: Backoff,
    /// Rules whose last attempt failed, so that only the first failure is logged as a warning.
    failing: BTreeSet<String>,
    pub(super) sent: Arc<Sent>,
}

impl Delivery {
    pub(super) fn new(
        dir: &Path,
        plans: &[AlertPlan],
        clock: Clock,
        backoff: Backoff,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AlertError> {
        let mut targets = BTreeMap::new();
        for plan in plans {
            if let Some(target) = Target::new(plan, &secret)? {
                targets.insert(plan.name.clone(), target);
            }
        }
        let outbox = Outbox::open(dir)?;
        // The first reading then counts as a step: what happened to the clock before is unknown.
        let (seen_ms, steady_ms, sent) = (i64::MAX, i64::MAX, Arc::default());
        let failing = BTreeSet::new();
        Ok(Self { outbox, targets, clock, seen_ms, steady_ms, backoff, failing, sent })
    }

    /// Reads our clock. If it was set back, waiting alerts are moved forward to the longest delay,
    /// which can be earlier than a receiver asked for.
    fn now_ms(&mut self) -> Result<i64, SqliteError> {
        let now = self.clock.now().0;
        let step = now.saturating_sub(self.seen_ms);
        let is_back = step < -ms(BACK_MIN);
        if is_back {
            self.outbox.advance_to(now.saturating_add(ms(self.backoff.max)))?;
        }
        if is_back || step > ms(STEP_MIN) {
            self.steady_ms = now;
        }
        self.seen_ms = now;
        Ok(now)
    }

    /// Sends until no alert is due, or a few were sent. Returns how long to sleep.
    pub(super) fn turn(&mut self) -> Result<Duration, SqliteError> {
        let sleep = self.send_due()?;
        self.sent.waiting.store(self.outbox.waiting()?, Ordering::Relaxed);
        Ok(sleep)
    }

    fn send_due(&mut self) -> Result<Duration, SqliteError> {
        for _ in 0..TURN_MAX {
            let now = self.now_ms()?;
            let backoff = self.backoff;
            let again = |waiting: &Waiting| now + ms(backoff.wait(&waiting.key, waiting.tries));
            let Some(waiting) = self.outbox.claim(now, again)? else {
                let Some(next) = self.outbox.next_ms()? else { return Ok(SLEEP_MAX) };
                let left = u64::try_from(next - now).unwrap_or_default();
                return Ok(Duration::from_millis(left).min(SLEEP_MAX));
            };
            self.send(&waiting)?;
        }
        Ok(Duration::ZERO)
    }

    fn send(&mut self, waiting: &Waiting) -> Result<(), SqliteError> {
        let Some(target) = self.targets.get(&waiting.rule) else {
            let why = format!("the job no longer has an alert `{}` with a webhook", waiting.rule);
            return self.fail(waiting, None, &why);
        };
        let now = self.clock.now();
        match target.send(&waiting.key, &waiting.body, now) {
            Outcome::Delivered(status) => {
                self.outbox.delivered(waiting.id, status, self.clock.now().0)?;
                self.sent.delivered.fetch_add(1, Ordering::Relaxed);
                self.sent.set_error("");
                if self.failing.remove(&waiting.rule) {
                    tracing::info!("alert `{}` is delivered again", waiting.rule);
                }
                Ok(())
            }
            Outcome::Refused(status, why) => self.fail(waiting, Some(status), &why),
            Outcome::Later(status, why, wait) => {
                let now = self.now_ms()?;
                let (age, steady) = (now - waiting.raised_ms, now - self.steady_ms);
                if age >= ms(GIVE_UP) && steady >= ms(STEADY_MIN) {
                    return self.fail(waiting, status, &format!("given up after a day: {why}"));
                }
                let asked = wait.unwrap_or_default().min(GIVE_UP);
                let wait = self.backoff.wait(&waiting.key, waiting.tries).max(asked);
                if self.failing.insert(waiting.rule.clone()) {
                    tracing::warn!("alert `{}` is retried for at most a day: {why}", waiting.rule);
                } else {
                    tracing::debug!("alert `{}`: {why}; again in {wait:?}", waiting.rule);
                }
                self.sent.set_error(&why);
                self.outbox.postpone(waiting, status, &why, now + ms(wait))
            }
        }
    }

    fn fail(
        &mut self,
        waiting: &Waiting,
        status: Option<u16>,
        why: &str,
    ) -> Result<(), SqliteError> {
        tracing::warn!("alert `{}` was not delivered: {why}", waiting.rule);
        self.outbox.failed(waiting.id, status, why)?;
        self.sent.failed.fetch_add(1, Ordering::Relaxed);
        self.sent.set_error(why);
        Ok(())
    }

    /// The thread: runs turns until the other end of `wake` is dropped; a message announces work.
    pub(super) fn run(mut self, wake: &Receiver<()>) {
        loop {
            let sleep = self.turn().unwrap_or_else(|error| {
                let error = error.to_string();
                tracing::error!("{error}");
                self.sent.set_error(&error);
                SLEEP_AFTER_ERROR
            });
            match wake.recv_timeout(sleep) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_are_spread() {
        let backoff = Backoff::default();
        for tries in 0..40 {
            let full = backoff.first.saturating_mul(1 << tries.min(20)).min(backoff.max);
            for key in ["a", "b", "c", "d"] {
                let wait = backoff.wait(key, tries);
                assert!(wait >= full / 2 && wait <= full, "{tries}: {wait:?} of {full:?}");
                assert_eq!(wait, backoff.wait(key, tries), "the same each time");
            }
            assert_ne!(backoff.wait("a", tries), backoff.wait("b", tries));
        }
    }
}
