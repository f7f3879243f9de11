//! Reads a file of frames from start to end, in large reads, without trusting any length.
//!
//! It reports the place of the first bad frame and whether anything valid follows; `recover.rs`
//! decides what that means. Memory: one read, or one record if that is larger.

use std::io::{self, Read};
use std::path::PathBuf;

use super::disk::Disk;
use super::record::{FRAME_LEN, FRAME_MAGIC, FileKind, Frame, HEAD_LEN, Origin, Salt, Tag};
use super::{CheckpointError, Damage, io_error};

/// Bytes asked for at a time.
const READ_BYTES: usize = 1 << 20;

/// A file being read.
pub(super) struct Reader {
    pub(super) path: PathBuf,
    salt: Salt,
    source: Box<dyn Read + Send>,
    /// Bytes read; those from `start` are not consumed yet.
    buffer: Vec<u8>,
    start: usize,
    /// Offset of `start` in the file.
    at: u64,
    /// Length of the file when it was opened.
    pub(super) len: u64,
}

/// The next part of the file.
pub(super) enum Next<'a> {
    /// A complete valid frame.
    Frame { tag: Tag, number: u64, body: &'a [u8], crcs: &'a [u8] },
    /// The end of the file.
    End,
    /// Anything else.
    Bad(&'static str),
}

impl Reader {
    /// Opens the file `name` and checks its head.
    pub(super) fn open(
        disk: &dyn Disk,
        name: &str,
        origin: &Origin,
        kind: FileKind,
        number: u64,
    ) -> Result<Self, CheckpointError> {
        let path = disk.dir().join(name);
        let (source, len) = match disk.read(name) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CheckpointError::Damaged { file: path, source: Damage::Missing });
            }
            Err(error) => return Err(io_error("open", path, error)),
        };
        let head = origin.head(kind, number);
        let mut reader =
            Self { path, salt: Salt::of(&head), source, buffer: Vec::new(), start: 0, at: 0, len };
        let room = HEAD_LEN.min(usize::try_from(len).unwrap_or(HEAD_LEN));
        reader.fill(room)?;
        let read = &reader.buffer[..room];
        reader.salt = origin.check(read, kind, number).map_err(|damage| reader.damaged(damage))?;
        reader.take(HEAD_LEN);
        Ok(reader)
    }

    /// Offset of the next frame.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// An error that names this file.
    pub(super) fn damaged(&self, source: Damage) -> CheckpointError {
        CheckpointError::Damaged { file: self.path.clone(), source }
    }

    /// An error that names this file and the offset of the frame.
    pub(super) fn damaged_at(&self, offset: u64, damage: impl Into<Damage>) -> CheckpointError {
        let source = Box::new(damage.into());
        self.damaged(Damage::At { source, offset, len: self.len })
    }

    /// Consumes the next frame. [`Next::Bad`] consumes nothing.
    pub(super) fn next(&mut self) -> Result<Next<'_>, CheckpointError> {
        let left = self.len - self.at;
        if left == 0 {
            return Ok(Next::End);
        }
        if left < FRAME_LEN as u64 {
            return Ok(Next::Bad("a record is cut within its head"));
        }
        self.fill(FRAME_LEN)?;
        let Some(frame) = Frame::decode(self.unread(), self.salt) else {
            return Ok(Next::Bad("the head of a record is not what was written"));
        };
        let whole = FRAME_LEN + frame.len;
        if left < whole as u64 {
            return Ok(Next::Bad("a record is cut"));
        }
        self.fill(whole)?;
        if !frame.holds(&self.unread()[FRAME_LEN..whole], self.salt) {
            return Ok(Next::Bad("checksum of a record does not match"));
        }
        let start = self.start;
        self.take(whole);
        let bytes = &self.buffer[start..start + whole];
        let (head, body) = bytes.split_at(FRAME_LEN);
        Ok(Next::Frame { tag: frame.tag, number: frame.number, body, crcs: &head[20..28] })
    }

    /// After [`Next::Bad`]: whether any valid frame head follows, which means that the bad frame
    /// was once written completely. Reads the file to its end.
    pub(super) fn valid_frame_follows(&mut self) -> Result<bool, CheckpointError> {
        self.take(1.min(self.unread().len()));
        loop {
            let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
            if left < FRAME_LEN {
                return Ok(false);
            }
            self.fill(left.min(READ_BYTES))?;
            let unread = self.unread();
            for at in memchr::memmem::find_iter(unread, FRAME_MAGIC) {
                if Frame::decode(&unread[at..], self.salt).is_some() {
                    return Ok(true);
                }
            }
            // A head can begin in the last bytes and continue in the next read.
            self.take(unread.len() - (FRAME_LEN - 1));
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn take(&mut self, bytes: usize) {
        self.start += bytes;
        self.at += bytes as u64;
    }

    /// Makes at least `want` unread bytes available. The file must have them.
    fn fill(&mut self, want: usize) -> Result<(), CheckpointError> {
        if self.unread().len() >= want {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let whole = usize::try_from(self.len).unwrap_or(READ_BYTES);
        let room = want.max(READ_BYTES.min(whole)) - self.buffer.len();
        self.buffer.reserve(room);
        // Into memory that is not zeroed first: a record can have 100 MB.
        let read = self.source.by_ref().take(room as u64).read_to_end(&mut self.buffer);
        read.map_err(|error| io_error("read", self.path.clone(), error))?;
        if self.buffer.len() < want {
            return Err(self.damaged("it became shorter while it was read".into()));
        }
        Ok(())
    }
}
