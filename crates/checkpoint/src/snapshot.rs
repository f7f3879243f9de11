//! Writes one snapshot, piece by piece, while epochs continue to be committed.
//!
//! `snapshot-<epoch>.tmp` gets its head, then a frame per piece, then a trailer with the number of
//! pieces, the checksum of all checksums and the last epoch that the pieces can contain. Then it is
//! synced and renamed to `.tt`. It has no effect before that rename is durable. Pieces are buffered
//! and synced every 8 MiB, so that the last sync is short.

use std::path::PathBuf;
use std::sync::Arc;

use super::crash::crash_point;
use super::disk::{Disk, DiskFile};
use super::names;
use super::record::{self, BODY_MAX_BYTES, FileKind, Origin, Salt, Tag, TooLong, u32_at, u64_at};
use super::{CheckpointError, Section, io_error, misuse};

/// Bytes gathered before a write.
const WRITE_BYTES: usize = 256 << 10;
/// Bytes written before a sync.
const SYNC_BYTES: u64 = 8 << 20;

/// An unfinished snapshot.
pub(super) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    pub(super) epoch: u64,
    file: Box<dyn DiskFile>,
    salt: Salt,
    buffer: Vec<u8>,
    total: Total,
    unsynced: u64,
    written: u64,
}

/// The trailer's summary of the pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) pieces: u64,
    crc: u32,
}

impl Total {
    /// Adds a piece, by the two checksums of its frame.
    pub(super) fn add(&mut self, crcs: &[u8]) {
        self.pieces += 1;
        self.crc = crc32c::crc32c_append(self.crc, crcs);
    }

    /// The body of a trailer.
    fn encode(self) -> [u8; 12] {
        let mut body = [0; 12];
        body[..8].copy_from_slice(&self.pieces.to_le_bytes());
        body[8..].copy_from_slice(&self.crc.to_le_bytes());
        body
    }

    /// Reads the body of a trailer.
    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        (body.len() == 12).then(|| Self { pieces: u64_at(body, 0), crc: u32_at(body, 8) })
    }
}

impl SnapshotWriter {
    /// Opens `snapshot-<epoch>.tmp`.
    pub(super) fn begin(
        disk: Arc<dyn Disk>,
        origin: &Origin,
        epoch: u64,
    ) -> Result<Self, CheckpointError> {
        let name = names::snapshot_tmp(epoch);
        crash_point("snapshot.create");
        let file = disk
            .create(&name)
            .map_err(|error| io_error("create snapshot", disk.dir().join(&name), error))?;
        let head = origin.head(FileKind::Snapshot, epoch);
        Ok(Self {
            disk,
            epoch,
            file,
            salt: Salt::of(&head),
            buffer: head.to_vec(),
            total: Total::default(),
            unsynced: 0,
            written: 0,
        })
    }

    /// Adds the next piece.
    pub(super) fn piece(&mut self, sections: &[Section]) -> Result<(), CheckpointError> {
        crash_point("snapshot.piece");
        let start = self.buffer.len();
        let index = self.total.pieces;
        record::encode(&mut self.buffer, self.salt, Tag::Piece, index, sections.iter()).map_err(
            |TooLong(bytes)| {
                let why = format!("a piece of {bytes} bytes is over the limit of {BODY_MAX_BYTES}");
                misuse("write snapshot", self.path(), why)
            },
        )?;
        self.total.add(&self.buffer[start + 20..start + 28]);
        if self.buffer.len() >= WRITE_BYTES {
            self.write()?;
        }
        if self.unsynced >= SYNC_BYTES {
            crash_point("snapshot.sync");
            self.sync()?;
        }
        Ok(())
    }

    /// Makes it complete and durable. Returns its length in bytes.
    pub(super) fn finish(mut self, last_epoch: u64) -> Result<u64, CheckpointError> {
        self.write()?;
        let trailer = self.total.encode();
        record::encode_raw(&mut self.buffer, self.salt, Tag::Trailer, last_epoch, &trailer);
        crash_point("snapshot.trailer");
        self.write()?;
        crash_point("snapshot.last-sync");
        self.sync()?;
        crash_point("snapshot.rename");
        let (tmp, name) = (names::snapshot_tmp(self.epoch), names::snapshot(self.epoch));
        self.disk
            .rename(&tmp, &name)
            .map_err(|error| io_error("rename snapshot", self.path(), error))?;
        crash_point("snapshot.sync-dir");
        names::sync_dir(&*self.disk)?;
        crash_point("snapshot.complete");
        Ok(self.written)
    }

    fn write(&mut self) -> Result<(), CheckpointError> {
        crash_point("snapshot.write");
        self.file
            .write_all(&self.buffer)
            .map_err(|error| io_error("write snapshot", self.path(), error))?;
        let bytes = self.buffer.len() as u64;
        self.unsynced += bytes;
        self.written += bytes;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), CheckpointError> {
        self.unsynced = 0;
        self.file.sync().map_err(|error| io_error("sync snapshot", self.path(), error))
    }

    fn path(&self) -> PathBuf {
        self.disk.dir().join(names::snapshot_tmp(self.epoch))
    }
}
