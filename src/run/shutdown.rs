//! The flag that ends a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tagtide_posts::clock::monotonic;

/// Asks all threads to stop; cheap to clone and to read.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<AtomicU8>);

impl Shutdown {
    /// Sources stop; what they brought is still counted.
    pub(crate) fn drain(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }

    /// Everything stops where it is.
    pub(crate) fn now(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }

    /// True once sources must stop reading.
    pub(crate) fn reading(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 1
    }

    /// True while what was read is to be counted without waiting for its time.
    pub(crate) fn drains(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }

    /// True once everything must stop.
    pub(crate) fn is_now(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 2
    }

    /// Sleeps, but not through a stop.
    pub(crate) fn sleep(&self, wait: Duration) {
        let until = monotonic() + wait;
        while !self.reading() {
            let left = until.saturating_duration_since(monotonic());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }
}
