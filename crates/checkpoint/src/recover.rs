//! Reads a directory back: the newest complete snapshot, then the log since that snapshot began.
//!
//! It streams, holding one record at a time. If a snapshot is damaged it starts over from the one
//! before, whose log still exists. A damaged log is an error, with one exception: an incomplete
//! record at the very end of the last segment, which is what a kill or power loss in the middle of
//! a write leaves, and which was never reported as committed. A bad record with anything valid
//! after it is damage. This file only reads; its caller cuts and sets aside.

use super::disk::Disk;
use super::names::{self, Found};
use super::reader::{Next, Reader};
use super::record::{self, FRAME_LEN, FileKind, Origin, Tag};
use super::snapshot::Total;
use super::{CheckpointError, Damage, Key, Recovery, Restore, RestoreError};

/// What was read, and where to resume.
pub(super) struct Restored {
    pub(super) recovery: Recovery,
    /// The last segment.
    pub(super) segment: u64,
    /// Valid bytes of it; `recovery.torn_bytes` follow.
    pub(super) len: u64,
    /// Bytes of log since the snapshot.
    pub(super) log_bytes: u64,
    /// Bytes of the snapshot that was read.
    pub(super) snapshot_bytes: u64,
    /// Damaged snapshots.
    pub(super) bad: Vec<u64>,
}

/// Why a snapshot could not be read.
enum Fault {
    /// The file is damaged: an older one can be tried.
    File(CheckpointError),
    /// Any other error, which an older file would not fix.
    Stop(CheckpointError),
}

impl From<CheckpointError> for Fault {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Damaged { .. } => Self::File(error),
            _ => Self::Stop(error),
        }
    }
}

/// Reads everything into `restore`.
pub(super) fn recover(
    disk: &dyn Disk,
    origin: &Origin,
    key: &Key,
    found: &Found,
    restore: &mut dyn Restore,
) -> Result<Restored, CheckpointError> {
    let mut bases: Vec<Option<u64>> = found.snapshots.iter().rev().copied().map(Some).collect();
    if found.segments.first() == Some(&0) {
        bases.push(None);
    }
    let mut first_error = None;
    let mut bad = Vec::new();
    let mut set_aside = Vec::new();
    for base in bases {
        restore.begin(key);
        match from_base(disk, origin, found, base, restore) {
            Ok(mut restored) => {
                restored.bad = bad;
                restored.recovery.set_aside = set_aside;
                return Ok(restored);
            }
            // If an older snapshot fails too, the newest one is the file to repair.
            Err(Fault::Stop(error)) => return Err(first_error.unwrap_or(error)),
            Err(Fault::File(error)) => {
                let message = error.to_string();
                set_aside.push(message.lines().next().unwrap_or_default().to_owned());
                bad.extend(base);
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| nothing_there(disk, found)))
}

/// The marker exists, but nothing to recover from.
fn nothing_there(disk: &dyn Disk, found: &Found) -> CheckpointError {
    let name = match found.segments.first() {
        Some(&epoch) => names::snapshot(epoch),
        None => names::segment(0),
    };
    CheckpointError::Damaged { file: disk.dir().join(name), source: Damage::NoCheckpoint }
}

fn from_base(
    disk: &dyn Disk,
    origin: &Origin,
    found: &Found,
    base: Option<u64>,
    restore: &mut dyn Restore,
) -> Result<Restored, Fault> {
    let mut recovery = Recovery { snapshot: base, epoch: base.unwrap_or(0), ..Recovery::default() };
    let mut floor = 0;
    if let Some(epoch) = base {
        floor = read_snapshot(disk, origin, epoch, &mut recovery, restore)?;
    }
    let snapshot_bytes = recovery.bytes;
    let behind = found.segments.partition_point(|&segment| segment < recovery.epoch);
    let mut restored = read_log(disk, origin, &found.segments[behind..], recovery, restore)
        .map_err(Fault::Stop)?;
    restored.snapshot_bytes = snapshot_bytes;
    restored.log_bytes = restored.recovery.bytes - snapshot_bytes;
    if restored.recovery.epoch < floor {
        let file = disk.dir().join(names::segment(restored.segment));
        let source = Damage::Short { last: restored.recovery.epoch, committed: floor };
        return Err(Fault::Stop(CheckpointError::Damaged { file, source }));
    }
    Ok(restored)
}

/// The result of a frame of a snapshot.
enum Piece {
    Read,
    Rejected(RestoreError),
    Trailer(u64),
    Bad(Damage),
}

/// Passes on all pieces. Returns the last epoch that they can contain.
fn read_snapshot(
    disk: &dyn Disk,
    origin: &Origin,
    epoch: u64,
    recovery: &mut Recovery,
    restore: &mut dyn Restore,
) -> Result<u64, Fault> {
    let name = names::snapshot(epoch);
    let mut reader = Reader::open(disk, &name, origin, FileKind::Snapshot, epoch)?;
    let mut total = Total::default();
    loop {
        let offset = reader.offset();
        let step = match reader.next()? {
            Next::Frame { tag: Tag::Piece, number, body, crcs } if number == total.pieces => {
                total.add(crcs);
                read_piece(body, restore)
            }
            Next::Frame { tag: Tag::Trailer, number, body, .. }
                if Total::decode(body) == Some(total) && number >= epoch =>
            {
                Piece::Trailer(number)
            }
            Next::Frame { .. } => Piece::Bad("a record is out of its place".into()),
            Next::End => Piece::Bad("its end is missing".into()),
            Next::Bad(what) => Piece::Bad(what.into()),
        };
        match step {
            Piece::Read => {}
            Piece::Rejected(error) => {
                return Err(Fault::Stop(reader.damaged_at(offset, Damage::Rejected(error))));
            }
            Piece::Bad(damage) => return Err(Fault::File(reader.damaged_at(offset, damage))),
            Piece::Trailer(last_epoch) => {
                if reader.offset() != reader.len {
                    let what = "something follows its end";
                    return Err(Fault::File(reader.damaged_at(reader.offset(), what)));
                }
                recovery.pieces = total.pieces;
                recovery.bytes += reader.len;
                return Ok(last_epoch);
            }
        }
    }
}

fn read_piece(body: &[u8], restore: &mut dyn Restore) -> Piece {
    match record::sections(body) {
        Err(damage) => Piece::Bad(damage),
        Ok(sections) => match restore.piece(&sections) {
            Ok(()) => Piece::Read,
            Err(error) => Piece::Rejected(error),
        },
    }
}

/// Passes on all records of `segments`, which begin after `recovery.epoch`.
fn read_log(
    disk: &dyn Disk,
    origin: &Origin,
    segments: &[u64],
    mut recovery: Recovery,
    restore: &mut dyn Restore,
) -> Result<Restored, CheckpointError> {
    let missing = |epoch| CheckpointError::Damaged {
        file: disk.dir().join(names::segment(epoch)),
        source: Damage::Missing,
    };
    if segments.first() != Some(&recovery.epoch) {
        return Err(missing(recovery.epoch));
    }
    let mut end = SegmentEnd { len: 0, sealed: false };
    for (i, &segment) in segments.iter().enumerate() {
        if segment > recovery.epoch {
            return Err(missing(recovery.epoch));
        }
        if segment < recovery.epoch {
            let file = disk.dir().join(names::segment(segment));
            let source = Damage::Start { found: segment, expected: recovery.epoch };
            return Err(CheckpointError::Damaged { file, source });
        }
        let next = segments.get(i + 1).copied();
        end = read_segment(disk, origin, (segment, next), &mut recovery, restore)?;
    }
    if end.sealed {
        return Err(missing(recovery.epoch));
    }
    Ok(Restored {
        segment: segments.last().copied().unwrap_or_default(),
        len: end.len,
        recovery,
        log_bytes: 0,
        snapshot_bytes: 0,
        bad: Vec::new(),
    })
}

struct SegmentEnd {
    /// Valid bytes.
    len: u64,
    sealed: bool,
}

/// Passes on the records of `segment`, which is followed by the segment `next`.
fn read_segment(
    disk: &dyn Disk,
    origin: &Origin,
    (segment, next): (u64, Option<u64>),
    recovery: &mut Recovery,
    restore: &mut dyn Restore,
) -> Result<SegmentEnd, CheckpointError> {
    let name = names::segment(segment);
    let mut reader = Reader::open(disk, &name, origin, FileKind::Log, segment)?;
    recovery.bytes += reader.len;
    let mut sealed = false;
    loop {
        let offset = reader.offset();
        let step = match reader.next()? {
            Next::End => {
                // A sealed segment is complete, so a segment between the two is missing.
                if let Some(next) = next.filter(|&next| next > recovery.epoch && !sealed) {
                    let gap = Damage::Gap { last: recovery.epoch, next };
                    return Err(reader.damaged_at(offset, gap));
                }
                return Ok(SegmentEnd { len: offset, sealed });
            }
            Next::Bad(what) => {
                let torn = reader.len - offset;
                // An earlier segment was synced, except for the seal, before the next one began.
                let may_be_torn = match next {
                    _ if sealed => false,
                    None => true,
                    Some(next) => next == recovery.epoch && torn <= FRAME_LEN as u64,
                };
                if !may_be_torn || reader.valid_frame_follows()? {
                    return Err(reader.damaged_at(offset, what));
                }
                if next.is_none() {
                    recovery.torn_bytes = torn;
                }
                return Ok(SegmentEnd { len: offset, sealed });
            }
            Next::Frame { .. } if sealed => Err("a record follows the end of the segment".into()),
            Next::Frame { tag: Tag::Seal, number, body: b"", .. } if number == recovery.epoch => {
                sealed = true;
                Ok(())
            }
            Next::Frame { tag: Tag::Epoch, number, body, .. } => {
                read_record(number, body, recovery, restore)
            }
            Next::Frame { .. } => Err("a record is out of its place".into()),
        };
        step.map_err(|damage: Damage| reader.damaged_at(offset, damage))?;
    }
}

fn read_record(
    epoch: u64,
    body: &[u8],
    recovery: &mut Recovery,
    restore: &mut dyn Restore,
) -> Result<(), Damage> {
    // The planted bug writes two records for an epoch.
    let second_half = cfg!(feature = "planted-bug") && epoch == recovery.epoch;
    if Some(epoch) != recovery.epoch.checked_add(1) && !second_half {
        return Err(Damage::Order { found: epoch, last: recovery.epoch });
    }
    restore.record(epoch, &record::sections(body)?).map_err(Damage::Rejected)?;
    recovery.epoch = epoch;
    recovery.records += u64::from(!second_half);
    Ok(())
}
