//! Records the raw wire: what a source reads goes to files as it is, before it is decoded.
//!
//! Source drivers hand copies over to one thread and never wait for it. Where the disk is slow or
//! full, records are left out of the recording, counted and logged once; the run goes on. A file
//! grows by whole frames, about one a second, so a crash costs the recording about the last second.
//! A file keeps its name, and no name is used twice.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::run::{EngineError, spawn};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::Batch;
use tagtide_posts::recording::Header;
use tagtide_trends::status::Recorded;

/// Batches that wait for the disk; each has a megabyte at the most, long lines aside.
const QUEUE: usize = 32;
/// Records wait so long for others to be packed with,
const FRAME_EVERY: Duration = Duration::from_secs(1);
/// or until there are so many bytes of them.
const FRAME_BYTES: usize = 1024 * 1024;
/// Level at which zstd packs some hundred megabytes a second.
const LEVEL: i32 = 3;
/// How long the end of a run waits for the disk.
const LINGER: Duration = Duration::from_secs(5);

/// When the next file begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 64 << 20, age: Duration::from_secs(3_600) }
    }
}

/// What the thread is asked to do.
enum Order {
    Records {
        source: u16,
        format: &'static str,
        bytes: Vec<u8>,
        records: u64,
    },
    /// Writes everything and answers.
    End(Sender<()>),
}

/// A recording under way; cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    orders: Sender<Order>,
    of: Arc<Vec<Mutex<Recorded>>>,
}

impl Recorder {
    /// Records sources of these names in `dir`.
    pub(crate) fn start(
        dir: &Path,
        names: &[String],
        clock: &Clock,
        rotation: Rotation,
    ) -> Result<Self, EngineError> {
        let failed = |error| EngineError::record(dir, error);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        // A directory that cannot be written to is found before anything is read.
        let trial = dir.join(format!(".tagtide-{}", std::process::id()));
        private().open(&trial).map_err(failed)?;
        std::fs::remove_file(&trial).map_err(failed)?;
        let of: Arc<Vec<_>> = Arc::new(names.iter().map(|_| Mutex::default()).collect());
        let tape = |(number, name): (usize, &String)| Tape {
            number: number as u16,
            name: name.clone(),
            dir: dir.to_owned(),
            clock: clock.clone(),
            rotation,
            of: Arc::clone(&of),
            format: "",
            open: None,
            waiting: Vec::new(),
            records: 0,
            since: monotonic(),
        };
        let tapes = names.iter().enumerate().map(tape).collect();
        let (orders, inbox) = bounded(QUEUE);
        spawn("record", move || record(tapes, &inbox))?;
        tracing::info!("what sources bring is recorded in `{}`", dir.display());
        Ok(Self { orders, of })
    }

    /// Hands the records of a batch over; never blocks.
    pub(crate) fn offer(&self, source: u16, format: &'static str, batch: &Batch) {
        if batch.records().is_empty() {
            return;
        }
        let (bytes, records) = (batch.records().to_vec(), batch.lines);
        if self.orders.try_send(Order::Records { source, format, bytes, records }).is_err() {
            lost(&mut lock(&self.of[source as usize]), records, "the disk is too slow");
        }
    }

    /// What was recorded of a source.
    pub(crate) fn status(&self, source: usize) -> Recorded {
        lock(&self.of[source]).clone()
    }

    /// Lets the thread write what it was handed, for a while.
    pub(crate) fn finish(&self) {
        let (done, written) = bounded(1);
        let sent = self.orders.send_timeout(Order::End(done), LINGER).is_ok();
        if !sent || written.recv_timeout(LINGER).is_err() {
            tracing::warn!("the recording lacks what the disk did not take in time");
        }
    }
}

/// Only for us, and never over what is there.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

/// Counts records that are not in the recording; the first of a row are logged.
fn lost(of: &mut Recorded, records: u64, why: &str) {
    if of.last_error.is_empty() {
        tracing::warn!("the recording lacks records, the run goes on: {why}");
    }
    of.lost += records;
    why.clone_into(&mut of.last_error);
}

fn lock(of: &Mutex<Recorded>) -> MutexGuard<'_, Recorded> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn record(mut tapes: Vec<Tape>, inbox: &Receiver<Order>) {
    loop {
        let order = inbox.recv_timeout(FRAME_EVERY);
        let mut done = None;
        match order {
            Ok(Order::Records { source, format, bytes, records }) => {
                tapes[source as usize].take(format, &bytes, records);
            }
            Ok(Order::End(answer)) => done = Some(answer),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for tape in &mut tapes {
            if done.is_some() || tape.since.elapsed() >= FRAME_EVERY {
                tape.write();
            }
        }
        if let Some(done) = done {
            tapes.iter_mut().for_each(Tape::close);
            let _ = done.send(());
            return;
        }
    }
}

/// The files of one source.
struct Tape {
    number: u16,
    name: String,
    dir: PathBuf,
    clock: Clock,
    rotation: Rotation,
    of: Arc<Vec<Mutex<Recorded>>>,
    format: &'static str,
    open: Option<Open>,
    /// Records that are not written.
    waiting: Vec<u8>,
    records: u64,
    /// When the first of them came.
    since: Instant,
}

/// A file under way.
struct Open {
    file: File,
    bytes: u64,
    began: Instant,
}

impl Tape {
    fn take(&mut self, format: &'static str, bytes: &[u8], records: u64) {
        if self.waiting.is_empty() {
            self.since = monotonic();
        }
        self.format = format;
        self.waiting.extend_from_slice(bytes);
        self.records += records;
        if self.waiting.len() >= FRAME_BYTES {
            self.write();
        }
    }

    /// Writes what waits as one frame.
    fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (written, records) = (self.append(), std::mem::take(&mut self.records));
        self.waiting.clear();
        let mut of = lock(&self.of[self.number as usize]);
        match written {
            Ok(bytes) => {
                of.bytes += bytes;
                of.records += records;
                if !std::mem::take(&mut of.last_error).is_empty() {
                    tracing::info!("`{}` is recorded again", self.name);
                }
            }
            Err(error) => lost(&mut of, records, &error.to_string()),
        }
    }

    fn append(&mut self) -> std::io::Result<u64> {
        let Rotation { bytes, age } = self.rotation;
        if self.open.as_ref().is_some_and(|of| of.bytes >= bytes || of.began.elapsed() >= age) {
            self.close();
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open { file: self.create()?, bytes: 0, began: monotonic() },
        };
        let mut frame = zstd::bulk::compress(&self.waiting, LEVEL)?;
        if open.bytes == 0 {
            let header = Header::new(&self.name, self.number, self.format);
            frame = [header.to_frame(), frame].concat();
        }
        let written = open.file.write_all(&frame);
        let mut is_whole = true;
        if written.is_ok() {
            open.bytes += frame.len() as u64;
        } else {
            // A frame without its end would hide those that follow.
            let cut = open.file.set_len(open.bytes);
            is_whole = cut.and_then(|()| open.file.seek(SeekFrom::Start(open.bytes))).is_ok();
        }
        self.open = is_whole.then_some(open);
        written.map(|()| frame.len() as u64)
    }

    /// `0-jetstream-20261124T001500.123Z.zst`
    fn create(&self) -> std::io::Result<File> {
        let kind = self.name.split(' ').next().unwrap_or_default();
        let mut ms = self.clock.now().0;
        loop {
            let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
            let at = at.strftime("%Y%m%dT%H%M%S%.3fZ");
            let path = self.dir.join(format!("{}-{kind}-{at}.zst", self.number));
            match private().open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => ms += 1,
                made => return made,
            }
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take()
            && let Err(error) = open.file.sync_data()
        {
            tracing::warn!("a file of the recording may not be whole on the disk: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
