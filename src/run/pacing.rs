//! When the posts of a paced replay are due.

use std::time::{Duration, Instant};

use crate::job::TimePlan;
use tagtide_posts::clock::monotonic;
use tagtide_trends::state::extracted_batch::NO_TIME;

/// A wait that is logged, as it looks like a standstill.
const LONG_WAIT: Duration = Duration::from_mins(1);

/// Lets posts through as fast as event time passes, times a speed.
pub(crate) struct Pacing {
    /// `None` = nothing waits.
    speed: Option<f64>,
    /// Event time of the first post, and when it came.
    from: Option<(i64, Instant)>,
    /// The event time of which a long wait was logged.
    logged: Option<i64>,
}

impl Pacing {
    pub(crate) fn new(time: &TimePlan) -> Self {
        let speed = if let TimePlan::Replay(speed) = *time { speed } else { None };
        Self { speed, from: None, logged: None }
    }

    /// When a post of event time `at` is due, if that is not now.
    pub(crate) fn due(&mut self, at: i64) -> Option<Instant> {
        let speed = self.speed.filter(|_| at != NO_TIME)?;
        let (start, from) = *self.from.get_or_insert((at, monotonic()));
        let seconds = at.saturating_sub(start).max(0) as f64 / 1000.0 / speed;
        let after = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        // What no clock can say is looked at again.
        let due = from.checked_add(after).unwrap_or_else(|| monotonic() + Duration::from_hours(1));
        let left = due.checked_duration_since(monotonic()).filter(|left| !left.is_zero())?;
        if left >= LONG_WAIT && self.logged.replace(at) != Some(at) {
            let when = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
            let minutes = left.as_secs() / 60;
            tracing::info!("the next post, of {when}, is due in {minutes} min at this speed");
        }
        Some(due)
    }
}
