//! The log: one record per epoch, appended to segment files, each made durable by one fdatasync.
//!
//! A segment `log-<epoch>.tt` contains consecutive epochs after `<epoch>`. It appears together with
//! its head (temporary file, rename), so that a bad head is never a torn write. When the next
//! segment exists, a seal is appended to the old one, so that a missing last segment is noticed.
//! After a failed write or sync the log is poisoned and accepts nothing more.

use std::sync::Arc;

use super::crash::{armed, crash_point, die};
use super::disk::{Disk, DiskFile};
use super::names::{self, PublishPoints};
use super::record::{self, BODY_MAX_BYTES, FileKind, Origin, Salt, Tag, TooLong};
use super::{CheckpointError, Section, io_error, misuse};

/// A write buffer that a large record has grown beyond this is released.
const BUFFER_KEPT_BYTES: usize = 16 << 20;

const START: PublishPoints = PublishPoints {
    create: "start.create",
    write: "start.write",
    sync: "start.sync",
    rename: "start.rename",
    sync_dir: "start.sync-dir",
    done: "start.done",
};

const ROTATE: PublishPoints = PublishPoints {
    create: "rotate.create",
    write: "rotate.write",
    sync: "rotate.sync",
    rename: "rotate.rename",
    sync_dir: "rotate.sync-dir",
    done: "rotate.done",
};

/// The last segment, open at its end.
pub(super) struct Log {
    disk: Arc<dyn Disk>,
    origin: Origin,
    /// The epoch after which the open segment starts.
    segment: u64,
    file: Box<dyn DiskFile>,
    salt: Salt,
    last_epoch: u64,
    poisoned: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// The first segment of a new directory.
    pub(super) fn start(disk: Arc<dyn Disk>, origin: Origin) -> Result<Self, CheckpointError> {
        let (file, salt) = new_segment(&*disk, &origin, 0, &START)?;
        Ok(Self::new(disk, origin, 0, file, salt, 0))
    }

    /// Continues the last segment of a directory: keeps its first `len` bytes and cuts off the
    /// `torn` ones after them. Everything that was read is durable then.
    pub(super) fn resume(
        disk: Arc<dyn Disk>,
        origin: Origin,
        segment: u64,
        (len, torn): (u64, u64),
        last_epoch: u64,
    ) -> Result<Self, CheckpointError> {
        let path = disk.dir().join(names::segment(segment));
        if torn > 0 {
            crash_point("recover.cut");
        }
        let mut file = disk
            .append(&names::segment(segment), len)
            .map_err(|error| io_error("open", path.clone(), error))?;
        if torn > 0 {
            crash_point("recover.cut-sync");
        }
        // Always sync: bytes and renames that a killed process had not synced were read from
        // memory, and count as committed from here on.
        file.sync().map_err(|error| io_error("sync", path, error))?;
        names::sync_dir(&*disk)?;
        if torn > 0 {
            crash_point("recover.cut-done");
        }
        let salt = Salt::of(&origin.head(FileKind::Log, segment));
        Ok(Self::new(disk, origin, segment, file, salt, last_epoch))
    }

    fn new(
        disk: Arc<dyn Disk>,
        origin: Origin,
        segment: u64,
        file: Box<dyn DiskFile>,
        salt: Salt,
        last_epoch: u64,
    ) -> Self {
        let buffer = Vec::new();
        Self { disk, origin, segment, file, salt, last_epoch, poisoned: false, buffer }
    }

    /// The newest durable epoch; 0 = none.
    pub(super) fn last_epoch(&self) -> u64 {
        self.last_epoch
    }

    /// Makes the record of `epoch` durable. Returns its length in bytes.
    pub(super) fn append(
        &mut self,
        epoch: u64,
        sections: &[Section],
    ) -> Result<u64, CheckpointError> {
        self.check_usable()?;
        if Some(epoch) != self.last_epoch.checked_add(1) {
            let why = format!("epoch {epoch} does not follow epoch {}", self.last_epoch);
            return Err(misuse("append to checkpoint log", self.path(), why));
        }
        self.buffer.clear();
        let encoded = self.encode(epoch, sections);
        encoded.map_err(|TooLong(bytes)| {
            let why = format!("a record of {bytes} bytes is over the limit of {BODY_MAX_BYTES}");
            misuse("append to checkpoint log", self.path(), why)
        })?;
        let len = self.buffer.len() as u64;
        let written = self.write_buffer();
        self.poison_on_error(written)?;
        self.last_epoch = epoch;
        if self.buffer.capacity() > BUFFER_KEPT_BYTES {
            self.buffer = Vec::new();
        }
        crash_point("commit.done");
        Ok(len)
    }

    #[cfg(not(feature = "planted-bug"))]
    fn encode(&mut self, epoch: u64, sections: &[Section]) -> Result<(), TooLong> {
        record::encode(&mut self.buffer, self.salt, Tag::Epoch, epoch, sections.iter())
    }

    /// The planted bug that the harness must find: Positions (kind 1) in a separate record.
    #[cfg(feature = "planted-bug")]
    fn encode(&mut self, epoch: u64, sections: &[Section]) -> Result<(), TooLong> {
        let counts = sections.iter().filter(|section| section.kind != 1);
        record::encode(&mut self.buffer, self.salt, Tag::Epoch, epoch, counts)?;
        if let Err(error) = self.write_buffer() {
            tracing::error!("{error}");
        }
        crash_point("commit.planted");
        std::thread::sleep(std::time::Duration::from_millis(5));
        self.buffer.clear();
        let positions = sections.iter().filter(|section| section.kind == 1);
        record::encode(&mut self.buffer, self.salt, Tag::Epoch, epoch, positions)
    }

    /// One write, one sync.
    fn write_buffer(&mut self) -> Result<(), CheckpointError> {
        let path = self.path();
        crash_point("commit.write");
        if armed("commit.half") {
            let _ = self.file.write_all(&self.buffer[..self.buffer.len() / 2]);
            die();
        }
        self.file
            .write_all(&self.buffer)
            .map_err(|error| io_error("write checkpoint log", path.clone(), error))?;
        crash_point("commit.sync");
        self.file.sync().map_err(|error| io_error("sync checkpoint log", path, error))
    }

    /// Begins a new segment after the newest epoch, unless the current one is empty.
    pub(super) fn rotate(&mut self) -> Result<(), CheckpointError> {
        self.check_usable()?;
        if self.segment == self.last_epoch {
            return Ok(());
        }
        let rotated = self.rotate_now();
        self.poison_on_error(rotated)
    }

    fn rotate_now(&mut self) -> Result<(), CheckpointError> {
        let (file, salt) = new_segment(&*self.disk, &self.origin, self.last_epoch, &ROTATE)?;
        let path = self.path();
        self.buffer.clear();
        record::encode_raw(&mut self.buffer, self.salt, Tag::Seal, self.last_epoch, b"");
        crash_point("rotate.seal");
        self.file
            .write_all(&self.buffer)
            .map_err(|error| io_error("write checkpoint log", path.clone(), error))?;
        crash_point("rotate.seal-sync");
        self.file.sync().map_err(|error| io_error("sync checkpoint log", path, error))?;
        crash_point("rotate.sealed");
        (self.segment, self.file, self.salt) = (self.last_epoch, file, salt);
        Ok(())
    }

    fn path(&self) -> std::path::PathBuf {
        self.disk.dir().join(names::segment(self.segment))
    }

    fn check_usable(&self) -> Result<(), CheckpointError> {
        if !self.poisoned {
            return Ok(());
        }
        let why = "an earlier write failed, so nothing more is committed";
        Err(io_error("append to checkpoint log", self.path(), std::io::Error::other(why)))
    }

    fn poison_on_error<T>(
        &mut self,
        result: Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        self.poisoned |= result.is_err();
        result
    }
}

fn new_segment(
    disk: &dyn Disk,
    origin: &Origin,
    epoch: u64,
    points: &PublishPoints,
) -> Result<(Box<dyn DiskFile>, Salt), CheckpointError> {
    let head = origin.head(FileKind::Log, epoch);
    let (tmp, name) = (names::segment_tmp(epoch), names::segment(epoch));
    let file = names::publish(disk, &tmp, &name, &head, points)?;
    Ok((file, Salt::of(&head)))
}
