//! The lock on a state directory: one process at a time, released when the process ends.
//!
//! It is an advisory lock of the operating system on the file `lock`, so a killed process leaves
//! none behind. The file contains the process id of the holder, for the error message of a second
//! process. It is never removed: a removed lock file could be locked twice.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{CheckpointError, io_error};

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks `dir`, without waiting.
    pub(super) fn take(dir: &Path) -> Result<Self, CheckpointError> {
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file =
            options.open(&path).map_err(|error| io_error("open", path.clone(), error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CheckpointError::Held { dir: dir.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", path, error)),
        }
        let id = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(id.as_bytes()))
            .map_err(|error| io_error("write", path, error))?;
        Ok(Self { file })
    }
}

/// The id of the process that holds the lock of `dir`, as recorded in the file.
#[must_use]
pub fn held_by(dir: &Path) -> Option<u32> {
    let mut file = File::open(dir.join("lock")).ok()?;
    // Our own lock is released at the end of this function.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| holder(&mut file))
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child process that another thread is just starting shares the
        // open file until exec, and would hold the lock until then.
        let _ = self.file.unlock();
    }
}

/// The process id in the file; 0 if the holder has not written it yet.
fn holder(file: &mut File) -> u32 {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    read.ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        match Lock::take(dir.path()) {
            Err(CheckpointError::Held { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_longer_id_of_an_earlier_holder_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lock"), "99999999999\n").unwrap();
        let _lock = Lock::take(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join("lock")).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
