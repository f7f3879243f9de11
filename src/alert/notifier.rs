//! The threads of the outbox: one stores raised alerts, one sends them.

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

/// How long the end waits for a request in progress; undelivered alerts stay in the outbox.
const END_MAX: Duration = Duration::from_secs(5);

/// Stores alerts and sends them, on its own threads.
pub struct Notifier {
    /// Dropped first, so that queued alerts are stored before the end.
    queue: Option<DurableQueue<Vec<Alert>>>,
    wake: Option<Sender<()>>,
    ended: Receiver<()>,
    sent: Arc<Sent>,
}

impl Notifier {
    /// Opens the outbox of a state directory and starts its threads. Alerts that still wait there
    /// are sent.
    ///
    /// # Errors
    /// [`AlertError`] if the file cannot be used or a secret is missing.
    pub fn start(dir: &Path, plans: &[AlertPlan], clock: Clock) -> Result<Self, AlertError> {
        Self::start_with(dir, plans, clock, Backoff::default(), &BTreeMap::new())
    }

    /// The same with other delays, and with secrets that replace those of the environment, by name
    /// of the variable.
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
            // Dropped when the thread ends, also by a panic.
            let _end = end;
            delivery.run(&woken);
        })?;
        let mut outbox = Outbox::open(dir)?;
        let hooked: BTreeSet<String> =
            plans.iter().filter(|p| p.webhook.is_some()).map(|p| p.name.clone()).collect();
        let new_alerts = wake.clone();
        let queue = DurableQueue::start("outbox", move |group: &[Vec<Alert>]| {
            let all: Vec<Alert> = group.iter().flatten().cloned().collect();
            outbox.enqueue(&all, clock.now().0, |rule| hooked.contains(rule))?;
            // One message is enough for any number of alerts.
            let _ = new_alerts.try_send(());
            Ok::<(), super::SqliteError>(())
        })?;
        Ok(Self { queue: Some(queue), wake: Some(wake), ended, sent })
    }

    /// Queues the alerts of a slide under the number of its epoch, which never decreases. Blocks
    /// while the queue is full. False if the thread has ended.
    pub fn offer(&self, seq: u64, alerts: Vec<Alert>) -> bool {
        alerts.is_empty() || self.queue.as_ref().is_some_and(|queue| queue.offer(seq, alerts))
    }

    /// The epoch up to which every alert is in the outbox or was given up.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.queue.as_ref().map_or(0, DurableQueue::committed)
    }

    /// Waits until every alert up to epoch `seq` is in the outbox or was given up, as on a full
    /// disk. False if that took longer than `at_most`.
    #[must_use]
    pub fn wait_for(&self, seq: u64, at_most: Duration) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.wait_for(seq, at_most))
    }

    /// Stored, sent and failed alerts.
    #[must_use]
    pub fn status(&self) -> AlertsStatus {
        let last_error = self.sent.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        AlertsStatus {
            outbox: self.queue.as_ref().map(DurableQueue::status).unwrap_or_default(),
            delivered: self.sent.delivered.load(Ordering::Relaxed),
            failed: self.sent.failed.load(Ordering::Relaxed),
            waiting: self.sent.waiting.load(Ordering::Relaxed),
            last_error: last_error.clone(),
        }
    }
}

impl Drop for Notifier {
    /// Stores queued alerts, then ends; undelivered ones are sent after the next start.
    fn drop(&mut self) {
        self.queue = None;
        self.wake = None;
        // Nothing is ever sent: the other end is dropped with the thread.
        let _ = self.ended.recv_timeout(END_MAX);
    }
}
