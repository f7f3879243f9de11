//! The few file operations that a checkpoint needs, in one directory.
//!
//! They are a trait, so that tests can cut the power between any two of them. Names are plain file
//! names inside the directory. Nothing here retries. Contents are durable after [`DiskFile::sync`],
//! names after [`Disk::sync_dir`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Operations on one directory.
pub(super) trait Disk: Send + Sync {
    /// The directory, for messages.
    fn dir(&self) -> &Path;
    /// Names of the files in it.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens for reading; also returns the length of the file.
    fn read(&self, name: &str) -> io::Result<(Box<dyn Read + Send>, u64)>;
    /// Creates an empty file, mode 0600; an existing one is truncated.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens for writing after the first `len` bytes; the rest is cut off.
    fn append(&self, name: &str, len: u64) -> io::Result<Box<dyn DiskFile>>;
    /// Renames, replacing an existing file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Fills with random bytes fit for keys.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// A file open for writing at its end.
pub(super) trait DiskFile: Send {
    /// Writes all of `bytes`.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes contents and length durable. Never called again on a file after a failure: the kernel
    /// may have dropped the pages, and a second call would report success.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the file system.
pub(super) struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    /// Operations in `dir`, which exists.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }
}

impl Disk for RealDisk {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            // A name that is not UTF-8 is not ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<(Box<dyn Read + Send>, u64)> {
        let file = File::open(self.dir.join(name))?;
        let len = file.metadata()?.len();
        Ok((Box::new(file), len))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Box::new(options.open(self.dir.join(name))?))
    }

    fn append(&self, name: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut file = OpenOptions::new().write(true).open(self.dir.join(name))?;
        if file.metadata()?.len() != len {
            file.set_len(len)?;
        }
        file.seek(SeekFrom::Start(len))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(bytes)
    }
}

impl DiskFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // fdatasync also makes the length durable, which is all that reading needs.
        self.sync_data()
    }
}
