//! A file with one JSON line per batch: appended, flushed by the system, rotated by size.
//!
//! At rotation `a.jsonl` becomes `a.jsonl.1`, `.1` becomes `.2`, and so on; what is beyond `keep`
//! is deleted. A line is written whole or taken back; a torn last line of an earlier process is
//! ended with a newline, so that only it is lost. It does not sync: after a power loss the last
//! lines may be missing.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Delivery, Line, Sink, SinkError, SinkKind, SinkOptions};
use tagtide_sources::Reason;
use tagtide_sources::options::{Key, Section, units};
use tagtide_trends::rank::TickSnapshot;

/// A file of JSON lines.
pub static KIND: SinkKind = SinkKind {
    name: "jsonl",
    about: "a file of JSON lines",
    keys: &[Key::text("path"), Key::scalar("rotate"), Key::scalar("keep")],
    check: |section| Arc::new(Options::check(section)),
};

/// Which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where.
    pub path: PathBuf,
    /// Start a new file beyond this size; the old one gets `.1`, and so on.
    pub rotate_bytes: Option<u64>,
    /// Old files kept.
    pub keep: u32,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let path = section.text("path").map(|field| field.value).unwrap_or_default();
        if path.is_empty() || path.ends_with('/') {
            let help = "add `path = \"rankings.jsonl\"`";
            section.problem("path", "the sink has no file to write to", help);
        }
        let range = (1024, u64::MAX);
        let rotate = section.scalar("rotate").is_some();
        let rotate = rotate
            .then(|| section.bounded("rotate", units::size, 1 << 20, range, "at least `1KiB`"));
        let bounds = "from 0 to 1000 old files";
        let keep = section.bounded("keep", units::count, 5, (0, 1_000), bounds);
        let keep = u32::try_from(keep).unwrap_or(u32::MAX);
        Self { path: path.into(), rotate_bytes: rotate, keep }
    }
}

impl SinkOptions for Options {
    fn kind(&self) -> &'static SinkKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("one JSON line per ranking in {}", self.path.display())
    }

    fn target(&self) -> String {
        self.path.display().to_string()
    }

    fn build(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Jsonl::open(&self.path, self.rotate_bytes, self.keep)?))
    }
}

pub(super) struct Jsonl {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    rotate_bytes: Option<u64>,
    keep: u32,
}

impl Jsonl {
    pub(super) fn open(
        path: &Path,
        rotate_bytes: Option<u64>,
        keep: u32,
    ) -> Result<Self, SinkError> {
        let (file, size_bytes) = append(path).map_err(|error| {
            cannot("open", path, error).reworded(|why| {
                format!("{why}\nhelp: make its folder, or name another file as `path`")
            })
        })?;
        Ok(Self { path: path.to_owned(), file, size_bytes, rotate_bytes, keep })
    }

    /// `a.jsonl.3`.
    fn old(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        for number in (1..self.keep).rev() {
            let from = self.old(number);
            if from.exists() {
                std::fs::rename(from, self.old(number + 1))?;
            }
        }
        if self.keep > 0 {
            std::fs::rename(&self.path, self.old(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        (self.file, self.size_bytes) = append(&self.path)?;
        Ok(())
    }
}

/// Opens for appending, with a torn last line ended; the size is in bytes.
fn append(path: &Path) -> std::io::Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut size = file.seek(SeekFrom::End(0))?;
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            size += 1;
        }
    }
    Ok((file, size))
}

fn cannot(what: &str, path: &Path, error: std::io::Error) -> Reason {
    Reason::because(format!("cannot {what} `{}`: {error}", path.display()), error)
}

impl Sink for Jsonl {
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError> {
        let Some(line) = Line::of(published) else { return Ok(()) };
        let line = line.json()?;
        let after = self.size_bytes.saturating_add(line.len() as u64);
        if self.size_bytes > 0 && self.rotate_bytes.is_some_and(|max| after > max) {
            self.rotate().map_err(|error| cannot("rotate", &self.path, error))?;
        }
        match self.file.write_all(&line) {
            Ok(()) => {
                self.size_bytes += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A disk that filled up in mid-line must not leave half a line behind.
                let _ = self.file.set_len(self.size_bytes);
                Err(cannot("write to", &self.path, error).into())
            }
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Every
    }

    fn name(&self) -> String {
        format!("jsonl {}", self.path.display())
    }
}
