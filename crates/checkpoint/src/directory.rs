//! [`Checkpoint`]: one state directory, held by this process.
//!
//! A first start writes the empty log, then the marker. So a marker without a log is a missing
//! checkpoint, and an empty log without a marker is a start that was interrupted before anything
//! was committed. `--fresh` first renames the marker to `job.fresh` and removes that last, so that
//! the next start finishes an interrupted one.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use super::crash::crash_point;
use super::disk::{Disk, RealDisk};
use super::lock::Lock;
use super::log::Log;
use super::marker::Marker;
use super::names::{self, FRESH, Found, MARKER};
use super::record::HEAD_LEN;
use super::recover::{Restored, recover};
use super::snapshot::SnapshotWriter;
use super::{CheckpointError, Damage, Identity, Key, Recovery, Restore, Section, io_error, misuse};

/// Number of complete snapshots to keep.
const SNAPSHOTS_KEPT: usize = 2;

/// A state directory, open and locked. Dropping it closes it without further writes. Every call can
/// block on the disk, so one background thread should make them all.
pub struct Checkpoint {
    disk: Arc<dyn Disk>,
    marker: Marker,
    log: Log,
    writing: Option<SnapshotWriter>,
    /// Complete snapshots, ascending.
    snapshots: Vec<u64>,
    snapshot_bytes: u64,
    /// Bytes of log since the newest complete snapshot began.
    since_snapshot: u64,
    /// Bytes of log since the unfinished snapshot began.
    since_begin: u64,
    /// Held until this is dropped; `None` on the simulated disk of the tests.
    lock: Option<Lock>,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("dir", &self.disk.dir())
            .field("last_epoch", &self.last_epoch())
            .finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens `dir` (created if missing, mode 0700), locks it and passes its content to `restore`.
    /// With `fresh` our own files are removed first; other files are never touched.
    ///
    /// # Errors
    /// [`CheckpointError`]. Nothing of the checkpoint was removed then, except by `fresh`.
    pub fn open(
        dir: &Path,
        identity: &Identity,
        fresh: bool,
        restore: &mut dyn Restore,
    ) -> Result<(Self, Recovery), CheckpointError> {
        make_dir(dir).map_err(|error| io_error("make directory", dir.to_owned(), error))?;
        let lock = Lock::take(dir)?;
        let disk = Arc::new(RealDisk::new(dir));
        let (mut checkpoint, recovery) = Self::open_on(disk, identity, fresh, restore)?;
        checkpoint.lock = Some(lock);
        Ok((checkpoint, recovery))
    }

    /// [`Self::open`] on any disk, without a lock.
    pub(super) fn open_on(
        disk: Arc<dyn Disk>,
        identity: &Identity,
        fresh: bool,
        restore: &mut dyn Restore,
    ) -> Result<(Self, Recovery), CheckpointError> {
        let mut found = Found::list(&*disk)?;
        if fresh || found.fresh {
            wipe(&*disk, &found)?;
            found = Found::list(&*disk)?;
        }
        if !found.marker {
            check_never_used(&*disk, &found)?;
            return Self::first_start(disk, identity, restore);
        }
        let mut marker = Marker::read(&*disk)?;
        let changed = marker.follow(&*disk, identity)?;
        let restored = recover(&*disk, &marker.origin(), &marker.key, &found, restore)?;
        if changed {
            marker.write(&*disk)?;
        }
        Self::resume(disk, marker, found, restored)
    }

    fn first_start(
        disk: Arc<dyn Disk>,
        identity: &Identity,
        restore: &mut dyn Restore,
    ) -> Result<(Self, Recovery), CheckpointError> {
        let marker = Marker::new(&*disk, identity)?;
        let log = Log::start(Arc::clone(&disk), marker.origin())?;
        marker.write(&*disk)?;
        restore.begin(&marker.key);
        let recovery = Recovery { first: true, ..Recovery::default() };
        Ok((Self::new(disk, marker, log, Vec::new()), recovery))
    }

    fn resume(
        disk: Arc<dyn Disk>,
        marker: Marker,
        mut found: Found,
        restored: Restored,
    ) -> Result<(Self, Recovery), CheckpointError> {
        let Restored { recovery, segment, len, log_bytes, snapshot_bytes, bad } = restored;
        for name in &found.unfinished {
            names::remove(&*disk, name)?;
        }
        // A damaged snapshot must not count as one of those to keep.
        for &epoch in &bad {
            let (from, to) = (names::snapshot(epoch), names::snapshot_bad(epoch));
            let path = disk.dir().join(&from);
            disk.rename(&from, &to).map_err(|error| io_error("rename", path, error))?;
        }
        found.snapshots.retain(|epoch| !bad.contains(epoch));
        let log = Log::resume(
            Arc::clone(&disk),
            marker.origin(),
            segment,
            (len, recovery.torn_bytes),
            recovery.epoch,
        )?;
        let mut checkpoint = Self::new(disk, marker, log, found.snapshots);
        checkpoint.since_snapshot = log_bytes;
        checkpoint.snapshot_bytes = snapshot_bytes;
        Ok((checkpoint, recovery))
    }

    fn new(disk: Arc<dyn Disk>, marker: Marker, log: Log, snapshots: Vec<u64>) -> Self {
        Self {
            disk,
            marker,
            log,
            writing: None,
            snapshots,
            snapshot_bytes: 0,
            since_snapshot: 0,
            since_begin: 0,
            lock: None,
        }
    }

    /// Key of the directory's hashes.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.marker.key
    }

    /// Newest committed epoch; 0 = none.
    #[must_use]
    pub fn last_epoch(&self) -> u64 {
        self.log.last_epoch()
    }

    /// Bytes of log that a recovery would read in addition to the newest snapshot.
    #[must_use]
    pub fn bytes_since_snapshot(&self) -> u64 {
        self.since_snapshot
    }

    /// Size of the newest complete snapshot in bytes; 0 = none.
    #[must_use]
    pub fn snapshot_bytes(&self) -> u64 {
        self.snapshot_bytes
    }

    /// The epoch at which the unfinished snapshot began; `None` = none is being written.
    #[must_use]
    pub fn snapshot_begun(&self) -> Option<u64> {
        self.writing.as_ref().map(|snapshot| snapshot.epoch)
    }

    /// Makes `sections` durable as the record of `epoch`, which must be the last one plus 1: one
    /// write, one fdatasync. Report the epoch as committed only after `Ok`.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]. After a failed write or sync every later call fails too.
    pub fn commit(&mut self, epoch: u64, sections: &[Section]) -> Result<(), CheckpointError> {
        let bytes = self.log.append(epoch, sections)?;
        self.since_snapshot += bytes;
        self.since_begin += bytes;
        Ok(())
    }

    /// Begins a snapshot after `epoch`, the last committed one, and abandons an unfinished one. The
    /// log continues in a new segment.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]. If the segment could not be created, no later commit succeeds.
    pub fn begin_snapshot(&mut self, epoch: u64) -> Result<(), CheckpointError> {
        if epoch != self.last_epoch() {
            let why = format!("epoch {epoch} is not the last, {}", self.last_epoch());
            return Err(misuse("begin a snapshot in", self.disk.dir().to_owned(), why));
        }
        self.abandon_snapshot();
        self.log.rotate()?;
        let origin = self.marker.origin();
        self.writing = Some(SnapshotWriter::begin(Arc::clone(&self.disk), &origin, epoch)?);
        self.since_begin = 0;
        Ok(())
    }

    /// Adds a piece to the unfinished snapshot. Its sections must state their epoch, which is
    /// between that of [`Self::begin_snapshot`] and that of [`Self::finish_snapshot`].
    ///
    /// # Errors
    /// [`CheckpointError::Io`]. The snapshot is abandoned then; commits can continue.
    pub fn snapshot_piece(&mut self, sections: &[Section]) -> Result<(), CheckpointError> {
        let added = self.writing_snapshot()?.piece(sections);
        if added.is_err() {
            self.abandon_snapshot();
        }
        added
    }

    /// Completes the snapshot: syncs and renames it, then removes files older than the previous
    /// snapshot. `last_epoch` is the newest epoch of a piece and must be committed.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]. Commits can continue.
    pub fn finish_snapshot(&mut self, last_epoch: u64) -> Result<(), CheckpointError> {
        let begun = self.writing_snapshot()?.epoch;
        if !(begun..=self.last_epoch()).contains(&last_epoch) {
            let why = format!("epoch {last_epoch} is not in {begun}..={}", self.last_epoch());
            return Err(misuse("finish the snapshot in", self.disk.dir().to_owned(), why));
        }
        let Some(snapshot) = self.writing.take() else { return Ok(()) };
        self.snapshot_bytes = match snapshot.finish(last_epoch) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Best effort: the next start removes it too.
                let _ = self.disk.remove(&names::snapshot_tmp(begun));
                return Err(error);
            }
        };
        self.since_snapshot = self.since_begin;
        self.snapshots.retain(|&epoch| epoch != begun);
        self.snapshots.push(begun);
        self.remove_old()
    }

    /// Abandons the unfinished snapshot, if any.
    pub fn abandon_snapshot(&mut self) {
        if let Some(snapshot) = self.writing.take() {
            // Best effort: the next start removes it too.
            let _ = self.disk.remove(&names::snapshot_tmp(snapshot.epoch));
        }
    }

    fn writing_snapshot(&mut self) -> Result<&mut SnapshotWriter, CheckpointError> {
        let dir = self.disk.dir();
        self.writing.as_mut().ok_or_else(|| {
            misuse("write a snapshot in", dir.to_owned(), "none was begun".to_owned())
        })
    }

    /// Removes files older than the oldest snapshot to keep.
    fn remove_old(&mut self) -> Result<(), CheckpointError> {
        if let Some(oldest) = self.snapshots.len().checked_sub(SNAPSHOTS_KEPT) {
            let oldest = self.snapshots[oldest];
            let mut found = Found::list(&*self.disk)?;
            found.unfinished.clear();
            found.marker = false;
            for epochs in [&mut found.segments, &mut found.snapshots, &mut found.bad] {
                epochs.retain(|&epoch| epoch < oldest);
            }
            for name in found.names() {
                crash_point("snapshot.remove");
                names::remove(&*self.disk, &name)?;
            }
            self.snapshots.retain(|&epoch| epoch >= oldest);
            crash_point("snapshot.remove-sync");
            names::sync_dir(&*self.disk)?;
        }
        crash_point("snapshot.done");
        Ok(())
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // The name of the new directory must survive power loss, as its files do.
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => std::fs::File::open(parent)?.sync_all(),
        _ => std::fs::File::open(".")?.sync_all(),
    }
}

/// Fails if the marker is missing although something was committed.
fn check_never_used(disk: &dyn Disk, found: &Found) -> Result<(), CheckpointError> {
    let mut used = !found.snapshots.is_empty() || !found.bad.is_empty();
    for &epoch in &found.segments {
        let name = names::segment(epoch);
        let (_, len) =
            disk.read(&name).map_err(|error| io_error("open", disk.dir().join(&name), error))?;
        used |= epoch > 0 || len > HEAD_LEN as u64;
    }
    if !used {
        return Ok(());
    }
    Err(CheckpointError::Damaged { file: disk.dir().join(MARKER), source: Damage::NoMarker })
}

/// Removes all our files. If interrupted, the next start finishes it.
fn wipe(disk: &dyn Disk, found: &Found) -> Result<(), CheckpointError> {
    if found.names().is_empty() && !found.fresh {
        return Ok(());
    }
    let failed = |error| io_error("remove the checkpoint in", disk.dir().to_owned(), error);
    crash_point("fresh.mark");
    if found.marker {
        disk.rename(MARKER, FRESH).map_err(failed)?;
    } else if !found.fresh {
        disk.create(FRESH).map_err(failed)?;
    }
    crash_point("fresh.mark-sync");
    names::sync_dir(disk)?;
    for name in found.names() {
        crash_point("fresh.remove");
        names::remove(disk, &name)?;
    }
    crash_point("fresh.remove-sync");
    names::sync_dir(disk)?;
    crash_point("fresh.unmark");
    names::remove(disk, FRESH)?;
    crash_point("fresh.unmark-sync");
    names::sync_dir(disk)?;
    crash_point("fresh.done");
    Ok(())
}
