//! The threads: one keeps what is raised, one sends it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::delivery::{Backoff, Delivery, Sent};
use super::{Alert, AlertError, Outbox};
use crate::durable_queue::DurableQueue;
use crate::job::AlertPlan;
use tagtide_posts::clock::Clock;
use tagtide_trends::status::AlertsStatus;

/// Longest that the end waits for an exchange under way; what is not told stays in the outbox.
const END_MAX: Duration = Duration::from_secs(5);

/// Keeps alerts and sends them, on threads of its own.
pub struct Notifier {
    /// First, so that what waits is kept before the end.
    spool: Option<DurableQueue<Vec<Alert>>>,
    wake: Option<Sender<()>>,
    ended: Receiver<()>,
    sent: Arc<Sent>,
}

impl Notifier {
    /// Opens the outbox of a state directory and starts its threads. What still waits there is
    /// sent.
    ///
    /// # Errors
    /// [`AlertError`] where the file cannot be used or a secret is missing.
    pub fn start(dir: &Path, plans: &[AlertPlan], clock: Clock) -> Result<Self, AlertError> {
        Self::start_with(dir, plans, clock, Backoff::default(), &BTreeMap::new())
    }

    /// The same with other waits, and with secrets that stand for the environment's, by name of the
    /// variable.
    ///
    /// # Errors
    /// As [`Notifier::start`].
    pub fn start_with(
        dir: &Path,
        plans: &[AlertPlan],
        clock: Clock,
        backoff: Backoff,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Self, AlertError> {
        let secret = |name: &str| secrets.get(name).cloned().or_else(|| std::env::var(name).ok());
        let delivery = Delivery::new(dir, plans, clock.clone(), backoff, secret)?;
        let sent = Arc::clone(&delivery.sent);
        let (wake, woken) = bounded(1);
        let (end, ended) = bounded::<()>(0);
        std::thread::Builder::new().name("alerts".to_owned()).spawn(move || {
            // Dropped at the end, however that comes.
            let _end = end;
            delivery.run(&woken);
        })?;
        let mut outbox = Outbox::open(dir)?;
        let hooked: BTreeSet<String> =
            plans.iter().filter(|p| p.webhook.is_some()).map(|p| p.name.clone()).collect();
        let news = wake.clone();
        let spool = DurableQueue::start("outbox", move |group: &[Vec<Alert>]| {
            let all: Vec<Alert> = group.iter().flatten().cloned().collect();
            outbox.enqueue(&all, clock.now().0, |rule| hooked.contains(rule))?;
            // One message is enough for any number of alerts.
            let _ = news.try_send(());
            Ok::<(), super::SqliteError>(())
        })?;
        Ok(Self { spool: Some(spool), wake: Some(wake), ended, sent })
    }

    /// Hands over what a slide raised, under the number of the epoch that it belongs to, which
    /// never falls. Waits while many wait already. False where the thread has ended.
    pub fn offer(&self, seq: u64, alerts: Vec<Alert>) -> bool {
        alerts.is_empty() || self.spool.as_ref().is_some_and(|spool| spool.offer(seq, alerts))
    }

    /// The number up to which everything offered is in the outbox, or was given up.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.spool.as_ref().map_or(0, DurableQueue::committed)
    }

    /// Waits until everything offered up to `seq` is in the outbox, or was given up; a disk that is
    /// full ends the wait too. False where it took longer than `at_most`.
    #[must_use]
    pub fn wait_for(&self, seq: u64, at_most: Duration) -> bool {
        self.spool.as_ref().is_none_or(|spool| spool.wait_for(seq, at_most))
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> AlertsStatus {
        let last_error = self.sent.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        AlertsStatus {
            outbox: self.spool.as_ref().map(DurableQueue::status).unwrap_or_default(),
            delivered: self.sent.delivered.load(Ordering::Relaxed),
            failed: self.sent.failed.load(Ordering::Relaxed),
            last_error: last_error.clone(),
        }
    }
}

impl Drop for Notifier {
    /// Keeps what waits, then ends; what is not told yet is told after the next start.
    fn drop(&mut self) {
        self.spool = None;
        self.wake = None;
        // Nobody sends here: the other end is dropped with the thread.
        let _ = self.ended.recv_timeout(END_MAX);
    }
}
