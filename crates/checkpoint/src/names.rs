//! Names of the files in a state directory, and how a file is published atomically.
//!
//! | name | what |
//! |---|---|
//! | `job.json` | marker: identity and key |
//! | `log-<epoch>.tt` | records of the epochs after `<epoch>` |
//! | `snapshot-<epoch>.tt` | state at `<epoch>` and somewhat later |
//! | `snapshot-<epoch>.bad` | a damaged snapshot, set aside until a newer one is complete |
//! | `*.tmp` of these | incomplete; removed at the next start |
//! | `job.fresh` | `--fresh` has begun to remove files |
//! | `lock` | the lock, see `lock.rs`; never removed |
//!
//! Every other file in the directory is never touched.

use super::crash::crash_point;
use super::disk::{Disk, DiskFile};
use super::{CheckpointError, io_error};

/// The marker.
pub(super) const MARKER: &str = "job.json";
/// The marker while it is written.
pub(super) const MARKER_TMP: &str = "job.tmp";
/// `--fresh` has begun to remove files.
pub(super) const FRESH: &str = "job.fresh";

/// The log segment with the epochs after `epoch`.
pub(super) fn segment(epoch: u64) -> String {
    format!("log-{epoch:020}.tt")
}

/// The same while its head is written.
pub(super) fn segment_tmp(epoch: u64) -> String {
    format!("log-{epoch:020}.tmp")
}

/// The snapshot that began after `epoch`.
pub(super) fn snapshot(epoch: u64) -> String {
    format!("snapshot-{epoch:020}.tt")
}

/// The same while it is written.
pub(super) fn snapshot_tmp(epoch: u64) -> String {
    format!("snapshot-{epoch:020}.tmp")
}

/// The same, found damaged.
pub(super) fn snapshot_bad(epoch: u64) -> String {
    format!("snapshot-{epoch:020}.bad")
}

/// Our files in a directory; epochs ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) marker: bool,
    pub(super) fresh: bool,
    pub(super) segments: Vec<u64>,
    pub(super) snapshots: Vec<u64>,
    pub(super) bad: Vec<u64>,
    pub(super) unfinished: Vec<String>,
}

impl Found {
    /// Lists the directory.
    pub(super) fn list(disk: &dyn Disk) -> Result<Self, CheckpointError> {
        let names = disk.list().map_err(|error| io_error("list", disk.dir().to_owned(), error))?;
        let mut found = Self::default();
        for name in names {
            found.sort_in(name);
        }
        for epochs in [&mut found.segments, &mut found.snapshots, &mut found.bad] {
            epochs.sort_unstable();
        }
        Ok(found)
    }

    fn sort_in(&mut self, name: String) {
        match name.as_str() {
            MARKER => self.marker = true,
            FRESH => self.fresh = true,
            MARKER_TMP => self.unfinished.push(name),
            _ => match parse(&name) {
                Some(("log", epoch, "tt")) => self.segments.push(epoch),
                Some(("snapshot", epoch, "tt")) => self.snapshots.push(epoch),
                Some(("snapshot", epoch, "bad")) => self.bad.push(epoch),
                Some((_, _, "tmp")) => self.unfinished.push(name),
                _ => {}
            },
        }
    }

    /// All names except the marker of `--fresh`.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.unfinished.clone();
        names.extend(self.bad.iter().map(|&epoch| snapshot_bad(epoch)));
        names.extend(self.snapshots.iter().map(|&epoch| snapshot(epoch)));
        names.extend(self.segments.iter().map(|&epoch| segment(epoch)));
        names.extend(self.marker.then(|| MARKER.to_owned()));
        names
    }
}

/// `log-00000000000000000012.tt` -> (`log`, 12, `tt`).
fn parse(name: &str) -> Option<(&str, u64, &str)> {
    let (kind, rest) = name.split_once('-')?;
    let (number, end) = rest.split_once('.')?;
    let ours = matches!(kind, "log" | "snapshot")
        && number.len() == 20
        && number.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| number.parse().ok().map(|epoch| (kind, epoch, end)))?
}

/// Crash points of one [`publish`], in order.
pub(super) struct PublishPoints {
    pub(super) create: &'static str,
    pub(super) write: &'static str,
    pub(super) sync: &'static str,
    pub(super) rename: &'static str,
    pub(super) sync_dir: &'static str,
    pub(super) done: &'static str,
}

/// Publishes the file `name` with `bytes` atomically and durably: written as `tmp`, synced,
/// renamed, directory synced. Returns the file, open at its end.
pub(super) fn publish(
    disk: &dyn Disk,
    tmp: &str,
    name: &str,
    bytes: &[u8],
    points: &PublishPoints,
) -> Result<Box<dyn DiskFile>, CheckpointError> {
    let failed = |what, name: &str| {
        let path = disk.dir().join(name);
        move |error| io_error(what, path, error)
    };
    crash_point(points.create);
    let mut file = disk.create(tmp).map_err(failed("create", tmp))?;
    crash_point(points.write);
    file.write_all(bytes).map_err(failed("write", tmp))?;
    crash_point(points.sync);
    file.sync().map_err(failed("sync", tmp))?;
    crash_point(points.rename);
    disk.rename(tmp, name).map_err(failed("rename", tmp))?;
    crash_point(points.sync_dir);
    sync_dir(disk)?;
    crash_point(points.done);
    Ok(file)
}

/// Makes the names of the directory durable.
pub(super) fn sync_dir(disk: &dyn Disk) -> Result<(), CheckpointError> {
    disk.sync_dir().map_err(|error| io_error("sync directory", disk.dir().to_owned(), error))
}

/// Removes a file, if it exists.
pub(super) fn remove(disk: &dyn Disk, name: &str) -> Result<(), CheckpointError> {
    match disk.remove(name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io_error("remove", disk.dir().join(name), error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_recognised() {
        let mut found = Found::default();
        for name in ["job.json", "job.tmp", "job.fresh", "lock", "token", "log-1.tt", "log-.tt"] {
            found.sort_in(name.to_owned());
        }
        for name in [segment(7), snapshot(5), snapshot_bad(2), snapshot_tmp(9), segment_tmp(9)] {
            found.sort_in(name);
        }
        found.sort_in("log-99999999999999999999.tt".to_owned());
        found.sort_in("notes-00000000000000000001.tt".to_owned());
        found.sort_in("log-00000000000000000001.tt.old".to_owned());
        let expected = Found {
            marker: true,
            fresh: true,
            segments: vec![7],
            snapshots: vec![5],
            bad: vec![2],
            unfinished: vec!["job.tmp".to_owned(), snapshot_tmp(9), segment_tmp(9)],
        };
        assert_eq!(found, expected);
        assert_eq!(found.names().len(), 7);
    }
}
