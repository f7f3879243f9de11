//! The thread of a sink, with a queue of its own, so that a slow sink slows nothing else.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::EngineError;
use crate::sink::{Delivery, Sink};
use tagtide_posts::clock::monotonic;
use tagtide_trends::rank::TickSnapshot;
use tagtide_trends::status::SinkStatus;

/// Rankings that wait for a sink that wants every one.
const QUEUE: usize = 256;
/// How long the end of a run waits for a sink to take what is queued.
const LINGER: Duration = Duration::from_secs(5);

/// A running sink.
pub(crate) struct SinkThread {
    queue: Sender<Arc<TickSnapshot>>,
    /// The other end, to take the older ranking out for a newer one.
    slot: Option<Receiver<Arc<TickSnapshot>>>,
    status: Arc<Mutex<SinkStatus>>,
    thread: JoinHandle<()>,
}

impl SinkThread {
    /// Starts a thread for `sink`.
    pub(crate) fn start(mut sink: Box<dyn Sink>) -> Result<Self, EngineError> {
        let latest = sink.delivery() == Delivery::Latest;
        let (queue, rankings) = bounded::<Arc<TickSnapshot>>(if latest { 1 } else { QUEUE });
        let slot = latest.then(|| rankings.clone());
        let status = Arc::new(Mutex::new(SinkStatus { name: sink.name(), ..<_>::default() }));
        let shared = Arc::clone(&status);
        let thread = std::thread::Builder::new()
            .name(format!("sink {}", sink.name()))
            .spawn(move || {
                for published in rankings {
                    let result = sink.publish(&published);
                    let mut status = lock(&shared);
                    match result {
                        Ok(()) => {
                            status.delivered += 1;
                            status.last_error.clear();
                        }
                        Err(error) => {
                            // The first of a row is logged, the others are only counted.
                            if status.last_error.is_empty() {
                                tracing::warn!("sink `{}`: {error}", status.name);
                            }
                            status.failed += 1;
                            status.last_error = error.to_string();
                        }
                    }
                }
            })
            .map_err(EngineError::Thread)?;
        Ok(Self { queue, slot, status, thread })
    }

    /// Hands a ranking over; never blocks.
    pub(crate) fn offer(&self, published: &Arc<TickSnapshot>) {
        let mut skipped = 0;
        if let Err(TrySendError::Full(published)) = self.queue.try_send(Arc::clone(published)) {
            skipped = 1;
            if let Some(slot) = &self.slot {
                let _ = slot.try_recv();
                let _ = self.queue.try_send(published);
            }
        }
        lock(&self.status).skipped += skipped;
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> SinkStatus {
        lock(&self.status).clone()
    }

    /// Lets it take what is queued, for a while.
    pub(crate) fn finish(self) {
        drop((self.queue, self.slot));
        let until = monotonic() + LINGER;
        while !self.thread.is_finished() && monotonic() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn lock(status: &Mutex<SinkStatus>) -> std::sync::MutexGuard<'_, SinkStatus> {
    status.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
