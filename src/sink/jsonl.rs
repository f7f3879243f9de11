//! A file with one JSON line per batch: appended, flushed by the system, rotated by size.
//!
//! At rotation `a.jsonl` becomes `a.jsonl.1`, `.1` becomes `.2`, and so on; what is beyond `keep`
//! is deleted. A line is written whole or taken back; a torn last line of an earlier process is
//! ended with a newline, so that only it is lost. It does not sync: after a power loss the last
//! lines may be missing.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Delivery, Line, Sink, SinkError};
use tagtide_trends::rank::Published;

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
            let SinkError(why) = said("open", path, &error);
            SinkError(format!("{why}\nhelp: make its folder, or name another file as `path`"))
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

fn said(what: &str, path: &Path, error: &std::io::Error) -> SinkError {
    SinkError(format!("cannot {what} `{}`: {error}", path.display()))
}

impl Sink for Jsonl {
    fn publish(&mut self, published: &Published) -> Result<(), SinkError> {
        let Some(line) = Line::of(published) else { return Ok(()) };
        let line = line.json()?;
        let after = self.size_bytes.saturating_add(line.len() as u64);
        if self.size_bytes > 0 && self.rotate_bytes.is_some_and(|max| after > max) {
            self.rotate().map_err(|error| said("rotate", &self.path, &error))?;
        }
        match self.file.write_all(&line) {
            Ok(()) => {
                self.size_bytes += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A disk that filled up in mid-line must not leave half a line behind.
                let _ = self.file.set_len(self.size_bytes);
                Err(said("write to", &self.path, &error))
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
