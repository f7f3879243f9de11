//! Named crash points, at which a test harness lets this process be killed.
//!
//! With `TAGTIDE_CRASH_AT=<name>` or `<name>:<n>` in the environment, the process sends itself
//! SIGKILL the n-th time (default 1) that it reaches that point. If unset, a point costs one
//! relaxed atomic load. It never does anything else: no clean-up, no message.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Points reached by a first start, by commits and by three snapshots in a row: before, between and
/// after each write, sync and rename. `start.*` and `marker.*` are reached only in the first start
/// of a directory, `snapshot.remove` from the second snapshot on.
pub const CRASH_POINTS: &[&str] = &[
    "start.create",
    "start.write",
    "start.sync",
    "start.rename",
    "start.sync-dir",
    "start.done",
    "marker.create",
    "marker.write",
    "marker.sync",
    "marker.rename",
    "marker.sync-dir",
    "marker.done",
    "commit.write",
    "commit.half",
    #[cfg(feature = "planted-bug")]
    "commit.planted",
    "commit.sync",
    "commit.done",
    "rotate.create",
    "rotate.write",
    "rotate.sync",
    "rotate.rename",
    "rotate.sync-dir",
    "rotate.done",
    "rotate.seal",
    "rotate.seal-sync",
    "rotate.sealed",
    "snapshot.create",
    "snapshot.piece",
    "snapshot.write",
    "snapshot.trailer",
    "snapshot.last-sync",
    "snapshot.rename",
    "snapshot.sync-dir",
    "snapshot.complete",
    "snapshot.remove",
    "snapshot.remove-sync",
    "snapshot.done",
];

/// Points on rarer paths: a snapshot of more than 8 MiB, recovery with a torn record, and `--fresh`
/// on a directory in use.
pub const CRASH_POINTS_RARE: &[&str] = &[
    "snapshot.sync",
    "recover.cut",
    "recover.cut-sync",
    "recover.cut-done",
    "fresh.mark",
    "fresh.mark-sync",
    "fresh.remove",
    "fresh.remove-sync",
    "fresh.unmark",
    "fresh.unmark-sync",
    "fresh.done",
];

const UNREAD: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);
static TARGET: OnceLock<Option<Target>> = OnceLock::new();

struct Target {
    name: String,
    /// Passes left, including the fatal one.
    left: AtomicU64,
}

/// Kills the process here if the environment requests it.
#[inline]
pub(super) fn crash_point(name: &'static str) {
    if armed(name) {
        die();
    }
}

/// Counts a pass of `name`; true if the process must die here. For points that do something first,
/// such as half a write.
#[inline]
pub(super) fn armed(name: &'static str) -> bool {
    #[cfg(test)]
    tests::reach(name);
    STATE.load(Ordering::Relaxed) != OFF && is_target(name)
}

#[cold]
fn is_target(name: &str) -> bool {
    let target = TARGET.get_or_init(|| {
        std::env::var("TAGTIDE_CRASH_AT").ok().filter(|at| !at.is_empty()).map(|at| parse(&at))
    });
    STATE.store(if target.is_some() { ON } else { OFF }, Ordering::Relaxed);
    target.as_ref().is_some_and(|target| {
        target.name == name && target.left.fetch_sub(1, Ordering::Relaxed) == 1
    })
}

fn parse(at: &str) -> Target {
    let (name, n) = match at.rsplit_once(':') {
        Some((name, n)) => (name, n.parse().unwrap_or(1)),
        None => (at, 1),
    };
    Target { name: name.to_owned(), left: AtomicU64::new(n) }
}

/// Ends this process like `kill -9`.
pub(super) fn die() -> ! {
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
    // Reached only if the signal could not be sent.
    std::process::abort()
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static REACHED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn reach(name: &'static str) {
        REACHED.with_borrow_mut(|reached| reached.insert(name));
    }

    /// Names of points reached by this thread since the last call.
    pub(crate) fn take_reached() -> BTreeSet<&'static str> {
        REACHED.with_borrow_mut(std::mem::take)
    }

    #[test]
    fn the_count_after_the_colon_is_optional() {
        let once = super::parse("commit.sync");
        assert_eq!((once.name.as_str(), once.left.into_inner()), ("commit.sync", 1));
        let third = super::parse("commit.sync:3");
        assert_eq!((third.name.as_str(), third.left.into_inner()), ("commit.sync", 3));
    }
}
