//! The cursor of one file, and whether the file is still the same.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};

/// Bytes at the start of a file that tell it from another one.
const HEAD_BYTES: u64 = 4096;

/// The Position of a file, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Bytes done with, unpacked.
    pub(super) offset: u64,
    /// Lines delivered of this file.
    pub(super) line: u64,
    /// Inside a line that is too long and was counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_long_line: bool,
    /// Read to its end; it is not looked at again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) done: bool,
    /// The file's identity on its machine.
    pub(super) inode: u64,
    /// The device that it is on.
    pub(super) device: u64,
    /// CRC32C of its first `head_bytes` bytes, as stored (packed).
    pub(super) head: u32,
    /// How many bytes that is; at most 4,096, and never beyond `offset` in a plain file.
    pub(super) head_bytes: u64,
    /// When the source's first file was last changed, as the first open found it; Unix ms.
    pub(super) modified: i64,
}

impl Cursor {
    /// The start of a file.
    pub(super) fn start(metadata: &Metadata, modified: i64) -> Self {
        Self { inode: metadata.ino(), device: metadata.dev(), modified, ..Self::default() }
    }

    /// Why `file` is not the file that this cursor was taken in, if it is not.
    pub(super) fn mismatch(&self, file: &File, metadata: &Metadata) -> std::io::Result<Change> {
        if (metadata.ino(), metadata.dev()) != (self.inode, self.device) {
            return Ok(Change::Replaced);
        }
        if metadata.len() < self.head_bytes {
            return Ok(Change::Truncated);
        }
        if head(file, self.head_bytes)? != self.head {
            return Ok(Change::Rewritten);
        }
        Ok(Change::None)
    }

    /// Takes more of the file's head into account, now that `readable` of its stored bytes are
    /// behind us.
    pub(super) fn take_head(&mut self, file: &File, readable: u64) -> std::io::Result<Change> {
        let want = readable.min(HEAD_BYTES);
        if want > self.head_bytes {
            if self.head_bytes > 0 && head(file, self.head_bytes)? != self.head {
                return Ok(Change::Rewritten);
            }
            self.head = head(file, want)?;
            self.head_bytes = want;
        }
        Ok(Change::None)
    }
}

/// What happened to a file behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that matters.
    None,
    /// The name belongs to another file.
    Replaced,
    /// It is shorter than what was read.
    Truncated,
    /// Its first bytes are others.
    Rewritten,
}

impl Change {
    /// The change in words; `None` where there is none.
    pub(super) fn words(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Replaced => Some("its name belongs to another file now"),
            Self::Truncated => Some("it is shorter than what was read of it"),
            Self::Rewritten => Some("its first bytes are not those that were read"),
        }
    }
}

/// CRC32C of the first `bytes` bytes; of fewer where the file has become shorter.
fn head(file: &File, bytes: u64) -> std::io::Result<u32> {
    let mut buffer = [0; HEAD_BYTES as usize];
    let want = usize::try_from(bytes.min(HEAD_BYTES)).unwrap_or(buffer.len());
    let mut have = 0;
    while have < want {
        match file.read_at(&mut buffer[have..want], have as u64) {
            Ok(0) => break,
            Ok(read) => have += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(crc32c::crc32c(&buffer[..have]))
}
