//! The only code that reads the time of day.
//!
//! Everything that needs time takes a [`Clock`], which tests can hold still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::post::EventTime;

/// Time of day: the machine's, or one set by a test.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// Milliseconds since the Unix epoch, moved only by [`Clock::advance`].
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that shows `at` until [`Clock::advance`].
    #[must_use]
    pub fn held(at: EventTime) -> Self {
        Self::Held(Arc::new(AtomicI64::new(at.0)))
    }

    /// Now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> EventTime {
        match self {
            Self::System => EventTime(match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
            }),
            Self::Held(at) => EventTime(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a test's clock forward. Does nothing to the machine's.
    pub fn advance(&self, by: Duration) {
        if let Self::Held(at) = self {
            at.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

/// CPU time of this thread, for measured durations.
#[must_use]
pub fn thread_ran() -> Duration {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(ran).unwrap_or_default()
}

/// CPU time of this process, all threads.
#[must_use]
pub fn process_ran() -> Duration {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(ran).unwrap_or_default()
}

/// Monotonic time, for deadlines and measured durations.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}
