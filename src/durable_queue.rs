//! A bounded queue and a thread that writes its items durably, in order, and reports its progress.
//!
//! The checkpoint waits for it before it commits an epoch, so that nothing from a committed epoch
//! can still be lost. A full queue blocks the sender.
//!
//! Items that cannot be written after a few tries are given up and counted as lost: a full disk
//! must not stop counting. So a wait always ends, and [`QueueStatus`] reports what was lost and
//! why. Later items are tried again, so the queue recovers by itself.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use tagtide_posts::clock::monotonic;
use tagtide_trends::status::QueueStatus;

/// Most items in the queue; beyond that, [`DurableQueue::offer`] blocks.
const QUEUE_MAX: usize = 64;
/// Most items that are written together, in one sync.
const GROUP_MAX: usize = 64;
/// How often one group is tried.
const TRIES: u32 = 3;
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Progress {
    /// Numbers of the items that are neither written nor given up, in order.
    waiting: VecDeque<u64>,
    /// The newest number.
    offered: u64,
    status: QueueStatus,
    /// The thread has ended.
    ended: bool,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    moved: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread and its queue.
pub struct DurableQueue<T> {
    sender: Option<Sender<T>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> DurableQueue<T> {
    /// Starts the thread `name`, which passes groups of items to `write`. `write` makes all items
    /// of a group durable, or none.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start<E: Error>(
        name: &str,
        write: impl FnMut(&[T]) -> Result<(), E> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&receiver, &Ending(theirs), write))?;
        Ok(Self { sender: Some(sender), shared, thread: Some(thread) })
    }

    /// Queues `item` under a number that never decreases, such as its epoch. Blocks while the queue
    /// is full. False if the thread has ended; `item` counts as lost then.
    pub fn offer(&self, seq: u64, item: T) -> bool {
        {
            let mut progress = self.shared.lock();
            if progress.ended {
                progress.status.lost += 1;
                return false;
            }
            progress.offered = progress.offered.max(seq);
            progress.waiting.push_back(seq);
        }
        self.sender.as_ref().is_some_and(|sender| sender.send(item).is_ok())
    }

    /// The number up to which every item is written or given up.
    #[must_use]
    pub fn committed(&self) -> u64 {
        let progress = self.shared.lock();
        progress.waiting.front().map_or(progress.offered, |first| first.saturating_sub(1))
    }

    /// Waits until every item up to number `seq` is written or given up. False if that took longer
    /// than `at_most`, or the thread ended before.
    #[must_use]
    pub fn wait_for(&self, seq: u64, at_most: Duration) -> bool {
        let deadline = monotonic() + at_most;
        let mut progress = self.shared.lock();
        loop {
            if progress.waiting.front().is_none_or(|first| *first > seq) {
                return true;
            }
            let left = deadline.saturating_duration_since(monotonic());
            if progress.ended || left.is_zero() {
                return false;
            }
            let waited = self.shared.moved.wait_timeout(progress, left);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Progress and losses.
    #[must_use]
    pub fn status(&self) -> QueueStatus {
        let progress = self.shared.lock();
        QueueStatus { waiting: progress.waiting.len() as u64, ..progress.status.clone() }
    }
}

impl<T> Drop for DurableQueue<T> {
    /// Writes the queued items, then ends the thread.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // `Ending` has logged a panic.
            let _ = thread.join();
        }
    }
}

/// Marks the thread as ended when it is dropped, and logs a panic.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut progress = self.0.lock();
        progress.ended = true;
        if std::thread::panicking() {
            progress.status.lost += progress.waiting.len() as u64;
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            let error = format!(
                "the thread `{name}` panicked (this is a bug); what it should write is lost"
            );
            tracing::error!("{error}");
            progress.status.last_error = error;
        }
        drop(progress);
        self.0.moved.notify_all();
    }
}

fn run<T, E: Error>(
    queue: &Receiver<T>,
    shared: &Ending,
    mut write: impl FnMut(&[T]) -> Result<(), E>,
) {
    let shared = &shared.0;
    let mut group = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter().take(GROUP_MAX - 1));
        let mut tries = 1;
        let outcome = loop {
            match write(&group) {
                Err(_) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                outcome => break outcome,
            }
        };
        let mut progress = shared.lock();
        settle(&mut progress, group.len(), outcome.err());
        drop(progress);
        shared.moved.notify_all();
        group.clear();
    }
}

/// Counts the first `count` items as written or lost.
fn settle(progress: &mut Progress, count: usize, error: Option<impl Error>) {
    progress.waiting.drain(..count);
    match error {
        None => {
            progress.status.kept += count as u64;
            progress.status.last_error.clear();
        }
        Some(error) => {
            progress.status.lost += count as u64;
            let error = error.to_string();
            if progress.status.last_error != error {
                tracing::error!("{error}");
                progress.status.last_error = error;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Longest that a test waits for anything.
    const DEADLINE: Duration = Duration::from_secs(20);

    type Written = Arc<Mutex<Vec<u32>>>;

    /// A queue that fails while `broken`, and what it has written.
    fn queue(broken: &Arc<AtomicBool>) -> (DurableQueue<u32>, Written) {
        let written = Written::default();
        let (theirs, broken) = (Arc::clone(&written), Arc::clone(broken));
        let queue = DurableQueue::start("test", move |items: &[u32]| {
            if broken.load(Ordering::SeqCst) {
                return Err(io::Error::other("no room left"));
            }
            theirs.lock().expect("a lock").extend(items);
            Ok(())
        });
        (queue.expect("a thread"), written)
    }

    #[test]
    fn a_wait_covers_everything_of_its_number_and_before() {
        let (queue, written) = queue(&Arc::default());
        assert!(queue.wait_for(u64::MAX, Duration::ZERO), "the queue is empty");
        for item in 0..500 {
            assert!(queue.offer(u64::from(item / 10), item));
        }
        assert!(queue.wait_for(49, DEADLINE));
        assert_eq!(*written.lock().expect("a lock"), (0..500).collect::<Vec<_>>());
        assert_eq!(queue.committed(), 49);
        assert_eq!(queue.status(), QueueStatus { kept: 500, ..QueueStatus::default() });
        queue.offer(60, 500);
        drop(queue);
        assert_eq!(written.lock().expect("a lock").len(), 501, "dropping it writes what is queued");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_ends_the_wait() {
        let broken = Arc::new(AtomicBool::new(true));
        let (queue, written) = queue(&broken);
        queue.offer(1, 1);
        assert!(queue.wait_for(1, DEADLINE), "giving up ends the wait too");
        let status = queue.status();
        assert_eq!((status.kept, status.lost), (0, 1));
        assert_eq!(status.last_error, "no room left");
        broken.store(false, Ordering::SeqCst);
        queue.offer(2, 2);
        assert!(queue.wait_for(2, DEADLINE));
        assert_eq!(*written.lock().expect("a lock"), [2]);
        let recovered = QueueStatus { kept: 1, lost: 1, ..QueueStatus::default() };
        assert_eq!(queue.status(), recovered);
    }

    #[test]
    fn a_wait_for_a_thread_that_panicked_ends() {
        let queue =
            DurableQueue::start("test", |_: &[u32]| -> io::Result<()> { panic!("planted") })
                .expect("a thread");
        queue.offer(1, 1);
        assert!(!queue.wait_for(1, DEADLINE));
        assert!(!queue.offer(2, 2));
        assert_eq!(queue.committed(), 0);
        let status = queue.status();
        assert_eq!((status.kept, status.lost), (0, 2));
        assert!(status.last_error.contains("`test` panicked"), "{status:?}");
    }

    #[test]
    fn a_wait_has_an_end() {
        let (go, gate) = bounded::<()>(0);
        let queue = DurableQueue::start("test", move |_: &[u32]| -> io::Result<()> {
            let _ = gate.recv();
            Ok(())
        });
        let queue = queue.expect("a thread");
        // Dropped before the queue, which waits for its thread, however the test ends.
        let go = go;
        queue.offer(3, 1);
        assert!(!queue.wait_for(3, Duration::from_millis(1)));
        assert!(queue.wait_for(2, Duration::ZERO), "no item of that number is queued");
        assert_eq!(queue.status().waiting, 1);
        assert_eq!(queue.committed(), 2);
        drop(go);
        assert!(queue.wait_for(3, DEADLINE));
    }
}
