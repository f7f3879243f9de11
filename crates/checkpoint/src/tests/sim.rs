//! A disk in memory that forgets what was not synced.
//!
//! Contents: of the bytes written to a file since its last sync, power loss keeps any sectors and
//! any length in between. Names: it keeps any subset of the creations, renames and removals since
//! the last sync of the directory. A kill keeps everything as last seen, still unsynced.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Mix;
use crate::disk::{Disk, DiskFile};

/// Small, so that short records are torn too.
const SECTOR: usize = 16;

/// A fault of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process ends there; every later operation fails.
    End,
    /// That operation fails with this error, later ones do not.
    Error(io::ErrorKind),
}

#[derive(Clone, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// A sync fails: the kernel has dropped the pages, and later syncs report success wrongly.
    lost: bool,
}

#[derive(Default)]
struct Inner {
    inodes: Vec<Inode>,
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    /// Since the last sync of the directory; each is one atomic change.
    pending: Vec<Vec<(String, Option<usize>)>>,
    ops: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    random: u64,
}

/// The disk; clones share it.
#[derive(Clone)]
pub(super) struct SimDisk {
    dir: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

impl SimDisk {
    pub(super) fn new(seed: u64) -> Self {
        let inner = Inner { random: seed, ..Inner::default() };
        Self { dir: "/sim".into(), inner: Arc::new(Mutex::new(inner)) }
    }

    /// A disk with these files, all durable.
    pub(super) fn with_files(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new(0);
        let mut inner = disk.lock();
        for (name, bytes) in files {
            let inode = inner.inodes.len();
            let (live, durable) = (bytes.clone(), bytes.clone());
            inner.inodes.push(Inode { live, durable, lost: false });
            inner.durable.insert(name.clone(), inode);
        }
        inner.live = inner.durable.clone();
        drop(inner);
        disk
    }

    /// The content of its files.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let inner = self.lock();
        let file =
            |(name, &inode): (&String, &usize)| (name.clone(), inner.inodes[inode].live.clone());
        inner.live.iter().map(file).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Operations so far that change something.
    pub(super) fn ops(&self) -> u64 {
        self.lock().ops
    }

    /// Makes `fault` happen at the `after`-th operation from now (1 = the next).
    pub(super) fn fail_after(&self, after: u64, fault: Fault) {
        let mut inner = self.lock();
        inner.fault = Some((inner.ops + after, fault));
    }

    /// A new process on the same machine.
    pub(super) fn restart(&self) {
        let mut inner = self.lock();
        (inner.dead, inner.fault) = (false, None);
    }

    /// Cuts the power, then starts the machine again.
    pub(super) fn power_cut(&self, mix: &mut Mix) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        for change in std::mem::take(&mut inner.pending) {
            if mix.below(2) == 0 {
                continue;
            }
            for (name, inode) in change {
                match inode {
                    Some(inode) => inner.durable.insert(name, inode),
                    None => inner.durable.remove(&name),
                };
            }
        }
        inner.live = inner.durable.clone();
        for inode in &mut inner.inodes {
            inode.live = torn(inode, mix);
            inode.durable = inode.live.clone();
            inode.lost = false;
        }
        (inner.dead, inner.fault) = (false, None);
    }
}

/// The content of a file after power loss.
fn torn(inode: &Inode, mix: &mut Mix) -> Vec<u8> {
    match mix.below(4) {
        0 => return inode.durable.clone(),
        1 if !inode.lost => return inode.live.clone(),
        _ => {}
    }
    let (short, long) = {
        let (a, b) = (inode.live.len(), inode.durable.len());
        (a.min(b), a.max(b))
    };
    let len = short + mix.below((long - short) as u64 + 1) as usize;
    let mut image = vec![0; len];
    for at in (0..len).step_by(SECTOR) {
        let from = if mix.below(2) == 0 { &inode.live } else { &inode.durable };
        let end = (at + SECTOR).min(len).min(from.len());
        if at < end {
            image[at..end].copy_from_slice(&from[at..end]);
        }
    }
    image
}

impl Inner {
    /// Counts an operation; `Some` is its fault.
    fn op(&mut self) -> Option<Fault> {
        if self.dead {
            return Some(Fault::End);
        }
        self.ops += 1;
        let fault = self.fault.filter(|&(at, _)| at == self.ops).map(|(_, fault)| fault);
        self.dead = fault == Some(Fault::End);
        fault
    }

    fn change(&mut self, change: Vec<(String, Option<usize>)>) {
        for (name, inode) in &change {
            match inode {
                Some(inode) => self.live.insert(name.clone(), *inode),
                None => self.live.remove(name),
            };
        }
        self.pending.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.live.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn failed(fault: Fault) -> io::Error {
    match fault {
        Fault::End => io::Error::other("the process has ended"),
        Fault::Error(kind) => kind.into(),
    }
}

impl Disk for SimDisk {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().live.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<(Box<dyn Read + Send>, u64)> {
        let inner = self.lock();
        let bytes = inner.inodes[inner.find(name)?].live.clone();
        let len = bytes.len() as u64;
        Ok((Box::new(io::Cursor::new(bytes)), len))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        let was_dead = inner.dead;
        let fault = inner.op();
        if was_dead || matches!(fault, Some(Fault::Error(_))) {
            return Err(failed(fault.unwrap_or(Fault::End)));
        }
        inner.inodes.push(Inode::default());
        let inode = inner.inodes.len() - 1;
        inner.change(vec![(name.to_owned(), Some(inode))]);
        match fault {
            Some(fault) => Err(failed(fault)),
            None => Ok(Box::new(SimFile { disk: self.clone(), inode })),
        }
    }

    fn append(&self, name: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        if let Some(fault) = inner.op() {
            return Err(failed(fault));
        }
        let inode = inner.find(name)?;
        inner.inodes[inode].live.resize(len as usize, 0);
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let was_dead = inner.dead;
        let fault = inner.op();
        if was_dead || matches!(fault, Some(Fault::Error(_))) {
            return Err(failed(fault.unwrap_or(Fault::End)));
        }
        let inode = inner.find(from)?;
        inner.change(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
        fault.map_or(Ok(()), |fault| Err(failed(fault)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let was_dead = inner.dead;
        let fault = inner.op();
        if was_dead || matches!(fault, Some(Fault::Error(_))) {
            return Err(failed(fault.unwrap_or(Fault::End)));
        }
        inner.find(name)?;
        inner.change(vec![(name.to_owned(), None)]);
        fault.map_or(Ok(()), |fault| Err(failed(fault)))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if let Some(fault) = inner.op() {
            return Err(failed(fault));
        }
        inner.pending.clear();
        inner.durable = inner.live.clone();
        Ok(())
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut inner = self.lock();
        let mut mix = Mix(inner.random);
        bytes.fill_with(|| mix.next() as u8);
        inner.random = mix.next();
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let was_dead = inner.dead;
        let fault = inner.op();
        if was_dead {
            return Err(failed(Fault::End));
        }
        // A failing write gets half-way.
        let done = if fault.is_some() { bytes.len() / 2 } else { bytes.len() };
        let inode = &mut inner.inodes[self.inode];
        inode.live.extend_from_slice(&bytes[..done]);
        fault.map_or(Ok(()), |fault| Err(failed(fault)))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let fault = inner.op();
        let inode = &mut inner.inodes[self.inode];
        match fault {
            Some(fault) => {
                inode.lost |= matches!(fault, Fault::Error(_));
                Err(failed(fault))
            }
            None => {
                if !inode.lost {
                    inode.durable = inode.live.clone();
                }
                Ok(())
            }
        }
    }
}
