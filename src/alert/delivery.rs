//! Sends what waits in the outbox: in order, again where that may help, never beyond a day.
//!
//! A try is written down before it is made, so that a disk which takes nothing more does not have
//! the same alert sent over and over. What fails keeps everything else for the same receiver
//! waiting, so that a dead one costs a single time-out now and then.

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

/// Age at which a delivery is given up.
pub const GIVE_UP: Duration = Duration::from_hours(24);
/// Nothing is given up so soon after a start or a step of our clock: what is a day old by then may
/// hardly have been tried.
const STEADY_MIN: Duration = Duration::from_mins(15);
/// Between two looks at our clock lie a sleep and an exchange; more than this is a step, or the
/// machine slept.
const STEP_MIN: Duration = Duration::from_mins(5);
/// A clock that goes back by less is not looked at as set.
const BACK_MIN: Duration = Duration::from_secs(1);
/// Alerts sent before the thread looks whether it should end.
const TURN_MAX: usize = 16;
/// Longest sleep of the thread.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// Sleep after an error of the outbox itself.
const SLEEP_AFTER_ERROR: Duration = Duration::from_secs(5);

/// How long to wait between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first try; doubled after each.
    pub first: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(320) }
    }
}

impl Backoff {
    /// The wait after a try that had `tries` before it: between half and all of the doubled time,
    /// as the key decides, so that many alerts do not come back at once.
    fn wait(&self, key: &str, tries: u32) -> Duration {
        let full = self.first.saturating_mul(1 << tries.min(20)).min(self.max);
        let chance = crc32c::crc32c_append(tries, key.as_bytes());
        full.mul_f64(0.5 + f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }
}

/// What was sent since the start.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) last_error: Mutex<String>,
}

impl Sent {
    fn say(&self, error: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_owned();
    }
}

/// The sending half of the outbox.
pub(super) struct Delivery {
    outbox: Outbox,
    targets: BTreeMap<String, Target>,
    clock: Clock,
    /// Our clock when it was last looked at.
    seen_ms: i64,
    /// Since when it goes steadily.
    steady_ms: i64,
    backoff: Backoff,
    /// Rules whose webhook took nothing when it was tried last; said once.
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
        // At the first look it has gone back: what it did while nobody looked is not known.
        let (seen_ms, steady_ms, sent) = (i64::MAX, i64::MAX, Arc::default());
        let failing = BTreeSet::new();
        Ok(Self { outbox, targets, clock, seen_ms, steady_ms, backoff, failing, sent })
    }

    /// Looks at our clock. Where it was set back, what waits is pulled in to the longest wait of
    /// ours, which may be before a receiver wants it.
    fn now_ms(&mut self) -> Result<i64, SqliteError> {
        let now = self.clock.now().0;
        let step = now.saturating_sub(self.seen_ms);
        let is_back = step < -ms(BACK_MIN);
        if is_back {
            self.outbox.pull_in(now.saturating_add(ms(self.backoff.max)))?;
        }
        if is_back || step > ms(STEP_MIN) {
            self.steady_ms = now;
        }
        self.seen_ms = now;
        Ok(now)
    }

    /// Sends until nothing more is due, or a few were sent; says how long there is nothing to do.
    pub(super) fn turn(&mut self) -> Result<Duration, SqliteError> {
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
            let why = format!("the job has no alert `{}` with a webhook any more", waiting.rule);
            return self.fail(waiting, None, &why);
        };
        let now = self.clock.now();
        match target.send(&waiting.key, &waiting.body, now) {
            Outcome::Delivered(status) => {
                self.outbox.delivered(waiting.id, status, self.clock.now().0)?;
                self.sent.delivered.fetch_add(1, Ordering::Relaxed);
                self.sent.say("");
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
                    tracing::warn!("alert `{}` waits, for a day at most: {why}", waiting.rule);
                } else {
                    tracing::debug!("alert `{}`: {why}; again in {wait:?}", waiting.rule);
                }
                self.sent.say(&why);
                self.outbox.put_off(waiting, status, &why, now + ms(wait))
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
        self.sent.say(why);
        Ok(())
    }

    /// The thread: turns until the other end of `wake` is gone; a message is news of work.
    pub(super) fn run(mut self, wake: &Receiver<()>) {
        loop {
            let sleep = self.turn().unwrap_or_else(|error| {
                let error = error.to_string();
                tracing::error!("{error}");
                self.sent.say(&error);
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
    fn waits_double_up_to_the_longest_and_are_spread() {
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
