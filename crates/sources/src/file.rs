//! Files, one record a line: many of them, patterns, `.gz` and `.zst`, and files that grow.
//!
//! Files are read in order, one after the other; followed files all at once, in turns. A plain
//! file is read straight into the batch. Each file is a partition; its Position holds how far it
//! was read and enough about the file to notice that it was truncated, replaced or rewritten,
//! which stops the source with an error. So a resume neither loses a line nor reads one twice.
//!
//! The end of a file ends its last line; in a followed file a line waits for its newline. A packed
//! file cannot be followed, and resuming in one unpacks it from its start. A pipe can be read, but
//! not again. At most [`FOLLOWED_MAX`] files are followed.

mod cursor;
mod input;
mod paths;
mod reading;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use smallvec::SmallVec;

use self::cursor::Cursor;
use self::input::is_packed;
use self::reading::{FOLLOW_EVERY, Reading, cannot};
use super::kind::{LINE_FORMATS, RATE, Replays, START, SourceKind, SourceOptions};
use super::loss_bounds::LossBounds;
use super::options::{Key, Section};
use super::stream::{deliver, why};
use super::{Guarantee, Poll, Reason, Source, SourceError};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, EventTime, Position};

/// Most files that are followed at once; each stays open.
pub const FOLLOWED_MAX: usize = 256;

/// Files.
pub static KIND: SourceKind = SourceKind {
    name: "file",
    about: "lines of files and patterns, in order; `.gz` and `.zst` are unpacked; may follow",
    keys: &[PATHS, Key::flag("follow"), START, RATE],
    formats: LINE_FORMATS,
    short_key: Some(PATHS.name),
    aliases: &[],
    is_platform: false,
    check: |section, _| Arc::new(Options::check(section)),
};

const PATHS: Key = Key::list("paths");

/// Which files, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Paths or patterns; patterns are resolved at open, sorted.
    pub paths: Vec<String>,
    /// Wait for more at the end.
    pub follow: bool,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let fields = section.list(PATHS.name).unwrap_or_default();
        if fields.is_empty() {
            let help = "add `paths = [\"posts.txt\"]`";
            section.missing("the file source has no `paths`", help);
        }
        for field in fields {
            let path = field.value.to_string();
            if path.is_empty() {
                section.checker.problem(&field.place, "an empty path", "");
            } else if let Err(error) = glob::Pattern::new(&path) {
                let what = format!("`{path}` is not a pattern: {error}");
                section.checker.problem(&field.place, what, "");
            }
        }
        let paths = fields.iter().map(|field| field.value.to_string()).collect();
        Self { paths, follow: section.flag("follow").unwrap_or(false) }
    }
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("files {}{}", self.paths.join(" "), if self.follow { ", followed" } else { "" })
    }

    fn loss(&self, _epoch: Duration) -> LossBounds {
        LossBounds::NONE
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn replays(&self) -> Replays {
        Replays::Everything
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(FileSource::new(&self.paths, self.follow, line_max_bytes, clock)))
    }

    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        self.follow.then_some("a followed file has no end")
    }

    fn files(&self) -> &[String] {
        &self.paths
    }

    fn can_wait(&self) -> bool {
        !self.follow
    }
}

/// Lines of files.
pub struct FileSource {
    paths: Vec<String>,
    follow: bool,
    line_max_bytes: usize,
    clock: Clock,
    /// Files not yet opened, the next one last.
    ahead: Vec<(PathBuf, Option<Cursor>)>,
    /// Open files: one, or all that are followed.
    open: Vec<Reading>,
    /// Which of them is read next.
    next: usize,
    /// Positions reached since the last batch that was delivered.
    reached: SmallVec<[Position; 1]>,
    /// Lines delivered, over all files.
    lines: u64,
    modified: Option<EventTime>,
    has_pipe: bool,
}

impl FileSource {
    /// Files named by `paths` (names or patterns), opened by [`Source::open`].
    #[must_use]
    pub fn new(paths: &[String], follow: bool, line_max_bytes: usize, clock: &Clock) -> Self {
        Self {
            paths: paths.to_vec(),
            follow,
            line_max_bytes,
            clock: clock.clone(),
            ahead: Vec::new(),
            open: Vec::new(),
            next: 0,
            reached: SmallVec::new(),
            lines: 0,
            modified: None,
            has_pipe: false,
        }
    }

    /// Parses the Positions, and restores what they hold for the source as a whole.
    fn cursors(&mut self, after: &[Position]) -> Result<BTreeMap<String, Cursor>, SourceError> {
        let mut cursors = BTreeMap::new();
        for position in after {
            let cursor: Cursor = serde_json::from_str(&position.at).map_err(|error| {
                let reason = Reason::because(format!("its position: {error}"), error);
                cannot("resume", Path::new(&position.partition), reason)
            })?;
            self.lines += cursor.line;
            self.modified = Some(EventTime(cursor.modified));
            cursors.insert(position.partition.clone(), cursor);
        }
        Ok(cursors)
    }

    /// Checks every file before the first is read, so that a wrong name is reported at once.
    fn inspect(&mut self, path: &Path) -> Result<(), SourceError> {
        let metadata = std::fs::metadata(path).map_err(|error| {
            let help = "\nhelp: check the name and the working directory";
            cannot("open", path, Reason::because(format!("{}{help}", why(&error)), error))
        })?;
        if self.follow && is_packed(path) {
            let help = "\nhelp: leave `follow` out, or follow the file before it is packed";
            return Err(cannot("follow", path, format!("it is packed{help}")));
        }
        if self.modified.is_none() {
            let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let ms = since.map_or(0, |since| since.as_millis());
            self.modified = Some(EventTime(i64::try_from(ms).unwrap_or(i64::MAX)));
        }
        self.has_pipe |= !metadata.is_file() && !metadata.is_dir();
        Ok(())
    }

    fn open_next(&mut self) -> Result<bool, SourceError> {
        let Some((path, cursor)) = self.ahead.pop() else { return Ok(false) };
        let modified = self.modified.map_or(0, |at| at.0);
        self.open.push(Reading::open(&path, cursor.as_ref(), self.line_max_bytes, modified)?);
        Ok(true)
    }

    /// One file after the other, each to its end.
    fn poll_in_order(&mut self, batch: &mut Batch, end: Instant) -> Result<Poll, SourceError> {
        loop {
            if self.open.is_empty() && !self.open_next()? {
                // The ends of the last files are worth an empty batch: a later run need not look
                // at them again.
                let ends = !self.reached.is_empty();
                return Ok(if ends { self.seal(batch, 0, true) } else { Poll::End });
            }
            let Some(reading) = self.open.first_mut() else { return Ok(Poll::End) };
            let records = reading.fill(batch, end, true)?;
            let position = reading.position();
            if reading.at_end() {
                self.open.clear();
                self.reached.extend(position);
            } else {
                batch.positions.extend(position);
            }
            let poll = self.seal(batch, records, false);
            if poll == Poll::Ready || monotonic() >= end {
                return Ok(poll);
            }
            batch.positions.clear();
        }
    }

    /// All files in turns, for ever.
    fn poll_followed(&mut self, batch: &mut Batch, end: Instant) -> Result<Poll, SourceError> {
        loop {
            for _ in 0..self.open.len() {
                self.next = (self.next + 1) % self.open.len();
                let reading = &mut self.open[self.next];
                let until = if reading.is_pipe() { monotonic() } else { end };
                let records = reading.fill(batch, until, false)?;
                batch.positions.extend(reading.position());
                if self.seal(batch, records, false) == Poll::Ready {
                    batch.partition = u16::try_from(self.next).unwrap_or(u16::MAX);
                    return Ok(Poll::Ready);
                }
                batch.positions.clear();
                let reading = &self.open[self.next];
                if reading.at_end() {
                    reading.look_for_replacement()?;
                }
            }
            let left = end.saturating_duration_since(monotonic());
            if left.is_zero() {
                return Ok(Poll::Idle);
            }
            std::thread::sleep(left.min(FOLLOW_EVERY));
        }
    }

    fn seal(&mut self, batch: &mut Batch, records: usize, even_empty: bool) -> Poll {
        if deliver(batch, records, &mut self.lines, &self.clock) || even_empty {
            // Ends of earlier files come first, in order.
            let current =
                std::mem::replace(&mut batch.positions, std::mem::take(&mut self.reached));
            batch.positions.extend(current);
            return Poll::Ready;
        }
        Poll::Idle
    }
}

impl Source for FileSource {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        *self = Self::new(&self.paths, self.follow, self.line_max_bytes, &self.clock);
        let mut cursors = self.cursors(after)?;
        let mut ahead = Vec::new();
        for path in paths::resolve(&self.paths)? {
            let cursor = cursors.remove(path.to_string_lossy().as_ref());
            if !self.follow && cursor.as_ref().is_some_and(|cursor| cursor.done) {
                continue;
            }
            self.inspect(&path)?;
            ahead.push((path, cursor));
        }
        if let Some((gone, _)) = cursors.iter().find(|(_, cursor)| !cursor.done) {
            let help = "\nhelp: put it back, or start over with `--fresh`";
            let why = format!("it was being read and is no longer among the files{help}");
            return Err(cannot("resume", Path::new(gone), why));
        }
        ahead.reverse();
        self.ahead = ahead;
        if self.follow {
            if self.ahead.len() > FOLLOWED_MAX {
                return Err(SourceError::fatal(format!(
                    "cannot follow {} files: at most {FOLLOWED_MAX}\nhelp: split them over several \
                     sources",
                    self.ahead.len()
                )));
            }
            while self.open_next()? {}
        }
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let end = monotonic() + wait;
        if self.follow { self.poll_followed(batch, end) } else { self.poll_in_order(batch, end) }
    }

    fn guarantee(&self) -> Guarantee {
        if self.has_pipe { Guarantee::AtMostOnce } else { Guarantee::ExactlyOnce }
    }

    fn name(&self) -> String {
        match self.paths.as_slice() {
            [one] => format!("file {one}"),
            [first, rest @ ..] => format!("file {first} and {} more", rest.len()),
            [] => "file".into(),
        }
    }

    fn partitions(&self) -> u16 {
        // Files that are read one after the other are one partition of event time.
        u16::try_from(self.open.len()).unwrap_or(u16::MAX).max(1)
    }

    fn modified(&self) -> Option<EventTime> {
        self.modified
    }
}

#[cfg(test)]
mod tests;
