//! One open file between two polls.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::cursor::{Change, Cursor};
use super::input::{Input, is_packed};
use crate::framing::Framer;
use crate::stream::{is_passing, ready, why};
use crate::{Reason, SourceError};
use tagtide_posts::clock::monotonic;
use tagtide_posts::post::{Batch, Position};

/// An open file, read up to somewhere.
pub(super) struct Reading {
    path: PathBuf,
    input: Input,
    framer: Framer,
    cursor: Cursor,
    /// Unpacked bytes read, those carried over to the next batch included.
    read: u64,
    /// The last read found nothing; what comes next is looked at with suspicion.
    at_end: bool,
    /// An error met behind lines that had to be delivered first. A decoder that failed once may
    /// say "the end" when asked again, so it is not asked.
    failed: Option<std::io::Error>,
}

impl Reading {
    /// Opens `path`, after `cursor` where there is one.
    pub(super) fn open(
        path: &Path,
        cursor: Option<&Cursor>,
        line_max_bytes: usize,
        modified: i64,
    ) -> Result<Self, SourceError> {
        let fail =
            |error: std::io::Error| cannot("open", path, Reason::because(why(&error), error));
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            let help = format!("\nhelp: name the files in it: `{}/*`", path.display());
            return Err(cannot("read", path, format!("is a directory{help}")));
        }
        let mut input = Input::new(file, path).map_err(fail)?;
        let mut framer = Framer::new(line_max_bytes);
        let mut start = Cursor::start(&metadata, modified);
        if let Some(cursor) = cursor {
            let change = cursor.mismatch(input.stored(), &metadata).map_err(fail)?;
            resumable(path, change)?;
            if !input.skip_to(cursor.offset).map_err(fail)? {
                resumable(path, Change::Truncated)?;
            }
            if cursor.in_long_line {
                framer = Framer::inside_long_line(line_max_bytes);
            }
            start = cursor.clone();
        } else if is_packed(path) && metadata.is_file() {
            start.take_head(input.stored(), metadata.len()).map_err(fail)?;
        }
        let read = start.offset;
        Ok(Self {
            path: path.into(),
            input,
            framer,
            cursor: start,
            read,
            at_end: false,
            failed: None,
        })
    }

    /// Its Position for the checkpoint; `None` for input that cannot be read again.
    pub(super) fn position(&self) -> Option<Position> {
        let at = serde_json::to_string(&self.cursor).ok()?;
        let partition = self.path.to_string_lossy().into_owned();
        (!self.is_pipe()).then_some(Position { partition, at })
    }

    pub(super) fn is_pipe(&self) -> bool {
        matches!(self.input, Input::Pipe(_))
    }

    /// True once the last read found nothing.
    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Reads until the batch is full, the file has no more or the deadline is over, and returns
    /// where the records end. With `last`, the end of the file ends its last line.
    pub(super) fn fill(
        &mut self,
        batch: &mut Batch,
        deadline: Instant,
        last: bool,
    ) -> Result<usize, SourceError> {
        if let Some(error) = self.failed.take() {
            return Err(self.unreadable(error));
        }
        let resumed = std::mem::take(&mut self.at_end);
        let before = self.read;
        self.framer.begin(0);
        let read = self.read_some(batch, deadline);
        if self.at_end {
            self.look_for_truncation()?;
            if last && read.is_ok() {
                self.framer.end_of_stream(batch);
                self.cursor.done = true;
            }
        }
        if resumed && self.read > before {
            let metadata = self.input.stored().metadata().map_err(|e| self.unreadable(e))?;
            let change = self.cursor.mismatch(self.input.stored(), &metadata);
            self.unchanged(change.map_err(|e| self.unreadable(e))?)?;
        }
        let records = self.framer.finish(batch);
        self.cursor.offset = self.read - self.framer.carried_bytes() as u64;
        self.cursor.line += batch.lines;
        self.cursor.in_long_line = self.framer.is_skipping();
        if matches!(self.input, Input::Plain(_)) {
            let change = self.cursor.take_head(self.input.stored(), self.cursor.offset);
            self.unchanged(change.map_err(|e| self.unreadable(e))?)?;
        }
        if let Err(error) = read {
            if records == 0 {
                return Err(self.unreadable(error));
            }
            self.failed = Some(error);
        }
        Ok(records)
    }

    fn read_some(&mut self, batch: &mut Batch, deadline: Instant) -> std::io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(monotonic());
            if let Input::Pipe(pipe) = &self.input
                && !ready(&mut [PollFd::new(pipe, PollFlags::IN)], left)?
            {
                return Ok(());
            }
            match self.input.read(self.framer.space(batch)) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(());
                }
                Ok(read) => {
                    self.framer.accept(batch, read);
                    self.read += read as u64;
                }
                Err(error) if is_passing(&error) => {}
                Err(error) if self.input.is_cut_off(&error) => {
                    let path = self.path.display();
                    tracing::warn!(
                        "the recording `{path}` is truncated; its complete frames are read"
                    );
                    self.at_end = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if self.framer.is_full(batch)
                || left.is_zero()
                || (self.is_pipe() && self.framer.has_lines())
            {
                return Ok(());
            }
        }
    }

    /// At the end of a plain file: is all that was read still there?
    fn look_for_truncation(&self) -> Result<(), SourceError> {
        if let Input::Plain(file) = &self.input {
            let metadata = file.metadata().map_err(|error| self.unreadable(error))?;
            if metadata.len() < self.read {
                self.unchanged(Change::Truncated)?;
            }
        }
        Ok(())
    }

    /// For a followed file at its end: does its name still mean this file?
    pub(super) fn look_for_replacement(&self) -> Result<(), SourceError> {
        if self.is_pipe() {
            return Ok(());
        }
        let named = std::fs::metadata(&self.path).map_err(|error| self.unreadable(error))?;
        let here = Cursor::start(&named, 0);
        let same = (here.inode, here.device) == (self.cursor.inode, self.cursor.device);
        self.unchanged(if same { Change::None } else { Change::Replaced })
    }

    fn unchanged(&self, change: Change) -> Result<(), SourceError> {
        match change.words() {
            None => Ok(()),
            Some(words) => Err(cannot(
                "go on reading",
                &self.path,
                format!(
                    "{words}\nhelp: a file that is read may only grow; start over with `--fresh`, \
                     or name the new file"
                ),
            )),
        }
    }

    fn unreadable(&self, error: std::io::Error) -> SourceError {
        let what = format!("{} after {} bytes", why(&error), self.read);
        let verb = if is_packed(&self.path) { "unpack" } else { "read" };
        cannot(verb, &self.path, Reason::because(what, error))
    }
}

/// How long to wait before a followed file is read again at its end.
pub(super) const FOLLOW_EVERY: Duration = Duration::from_millis(20);

fn resumable(path: &Path, change: Change) -> Result<(), SourceError> {
    match change.words() {
        None => Ok(()),
        Some(words) => Err(cannot(
            "resume",
            path,
            format!("{words}\nhelp: put the old file back, or start over with `--fresh`"),
        )),
    }
}

/// The error of a file that cannot be opened, read, followed or resumed.
pub(super) fn cannot(what: &str, path: &Path, why: impl Into<Reason>) -> SourceError {
    let path = path.display();
    SourceError::fatal(why.into().reworded(|why| format!("cannot {what} `{path}`: {why}")))
}
