//! A thread that makes things durable in the order in which they are offered, and says how far it
//! has come.
//!
//! Whoever writes a checkpoint waits for it first, so that nothing which lies behind a committed
//! epoch can still be lost. Whoever offers waits while the queue is full.
//!
//! What cannot be written after some tries is given up and counted as lost: a full disk must not
//! stop the count. So a wait always ends, and [`SpoolStatus`] says what was lost and why. The next
//! things are tried again, so that it heals by itself.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use tagtide_posts::clock::monotonic;
use tagtide_trends::status::SpoolStatus;

/// Things that wait at the most; beyond, whoever offers waits.
const QUEUE_MAX: usize = 64;
/// Things that are written together, in one sync.
const GROUP_MAX: usize = 64;
/// Times that one group is tried.
const TRIES: u32 = 3;
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Progress {
    /// Numbers of what was offered and is not settled, in order.
    waiting: VecDeque<u64>,
    /// The newest number that was offered.
    offered: u64,
    status: SpoolStatus,
    /// The thread takes nothing more.
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
    /// Starts the thread `name`, which gives what was offered to `keep`, several things at once.
    /// `keep` does all of them or none.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start<E: Display>(
        name: &str,
        keep: impl FnMut(&[T]) -> Result<(), E> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(QUEUE_MAX);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&receiver, &Ending(theirs), keep))?;
        Ok(Self { sender: Some(sender), shared, thread: Some(thread) })
    }

    /// Hands `item` over under a number that never falls, such as that of the epoch it belongs to.
    /// Waits while [`QUEUE_MAX`] things wait. False where the thread has ended; `item` counts as
    /// lost then.
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

    /// The number up to which everything offered is settled.
    #[must_use]
    pub fn committed(&self) -> u64 {
        let progress = self.shared.lock();
        progress.waiting.front().map_or(progress.offered, |first| first.saturating_sub(1))
    }

    /// Waits until everything that was offered up to `seq` is durable, or given up and counted.
    /// False where that took longer than `at_most`, or the thread has ended before.
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

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        self.shared.lock().status.clone()
    }
}

impl<T> Drop for DurableQueue<T> {
    /// Writes what still waits, then ends.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It has said itself why it ended.
            let _ = thread.join();
        }
    }
}

/// Says that the thread has ended, however it did, and aloud where it should not have.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut progress = self.0.lock();
        progress.ended = true;
        if std::thread::panicking() {
            progress.status.lost += progress.waiting.len() as u64;
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            let error = format!("the thread `{name}` has ended; all that it should keep is lost");
            tracing::error!("{error}");
            progress.status.last_error = error;
        }
        drop(progress);
        self.0.moved.notify_all();
    }
}

fn run<T, E: Display>(
    queue: &Receiver<T>,
    shared: &Ending,
    mut keep: impl FnMut(&[T]) -> Result<(), E>,
) {
    let shared = &shared.0;
    let mut group = Vec::new();
    while let Ok(first) = queue.recv() {
        group.push(first);
        group.extend(queue.try_iter().take(GROUP_MAX - 1));
        let mut tries = 1;
        let outcome = loop {
            match keep(&group) {
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

/// Takes the first `count` things as done or lost.
fn settle(progress: &mut Progress, count: usize, error: Option<impl Display>) {
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

    type Kept = Arc<Mutex<Vec<u32>>>;

    /// A spool that fails while `broken`, and what it has kept.
    fn spool(broken: &Arc<AtomicBool>) -> (DurableQueue<u32>, Kept) {
        let kept = Kept::default();
        let (theirs, broken) = (Arc::clone(&kept), Arc::clone(broken));
        let spool = DurableQueue::start("test", move |items: &[u32]| {
            if broken.load(Ordering::SeqCst) {
                return Err("no room left");
            }
            theirs.lock().expect("a lock").extend(items);
            Ok(())
        });
        (spool.expect("a thread"), kept)
    }

    #[test]
    fn a_wait_covers_everything_of_its_number_and_before() {
        let (spool, kept) = spool(&Arc::default());
        assert!(spool.wait_for(u64::MAX, Duration::ZERO), "nothing was offered");
        for item in 0..500 {
            assert!(spool.offer(u64::from(item / 10), item));
        }
        assert!(spool.wait_for(49, DEADLINE));
        assert_eq!(*kept.lock().expect("a lock"), (0..500).collect::<Vec<_>>());
        assert_eq!(spool.committed(), 49);
        assert_eq!(spool.status(), SpoolStatus { kept: 500, ..SpoolStatus::default() });
        spool.offer(60, 500);
        drop(spool);
        assert_eq!(kept.lock().expect("a lock").len(), 501, "the end writes what waits");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_the_wait_ends() {
        let broken = Arc::new(AtomicBool::new(true));
        let (spool, kept) = spool(&broken);
        spool.offer(1, 1);
        assert!(spool.wait_for(1, DEADLINE), "given up is settled too");
        let status = spool.status();
        assert_eq!((status.kept, status.lost), (0, 1));
        assert_eq!(status.last_error, "no room left");
        broken.store(false, Ordering::SeqCst);
        spool.offer(2, 2);
        assert!(spool.wait_for(2, DEADLINE));
        assert_eq!(*kept.lock().expect("a lock"), [2]);
        let healed = SpoolStatus { kept: 1, lost: 1, last_error: String::new() };
        assert_eq!(spool.status(), healed);
    }

    #[test]
    fn nobody_waits_for_a_dead_thread() {
        let spool =
            DurableQueue::start("test", |_: &[u32]| -> Result<(), &str> { panic!("planted") })
                .expect("a thread");
        spool.offer(1, 1);
        assert!(!spool.wait_for(1, DEADLINE));
        assert!(!spool.offer(2, 2));
        assert_eq!(spool.committed(), 0);
        let status = spool.status();
        assert_eq!((status.kept, status.lost), (0, 2));
        assert!(status.last_error.contains("`test` has ended"), "{status:?}");
    }

    #[test]
    fn a_wait_has_an_end() {
        let (go, gate) = bounded::<()>(0);
        let spool = DurableQueue::start("test", move |_: &[u32]| -> Result<(), &str> {
            let _ = gate.recv();
            Ok(())
        });
        let spool = spool.expect("a thread");
        // Gone before the spool, which waits for its thread, however the test ends.
        let go = go;
        spool.offer(3, 1);
        assert!(!spool.wait_for(3, Duration::from_millis(1)));
        assert!(spool.wait_for(2, Duration::ZERO), "nothing of that number waits");
        assert_eq!(spool.committed(), 2);
        drop(go);
        assert!(spool.wait_for(3, DEADLINE));
    }
}
