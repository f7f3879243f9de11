//! Epochs on their way to the checkpoint: the coordinator hands them over nearly as they are, a
//! thread of its own encodes and writes them, so that counting waits for neither.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::gaps::Gaps;
use super::reports::{ReportThreads, Reports};
use super::state_settings::StateSettings;
use super::view_sections::{Pieces, ViewRestore, meta_sections, take_pending};
use super::view_states::States;
use tagtide_checkpoint::{
    Checkpoint, CheckpointError, Damage, Identity, Key, Recovery, Restore, RestoreError, Section,
    SectionRef,
};
use tagtide_posts::clock::monotonic;
use tagtide_posts::post::Position;
use tagtide_trends::state::State;
use tagtide_trends::state::checkpoint_sections::{Raw, RawSections, encode, give_rows, kind};
use tagtide_trends::state::restore::Restoring;
use tagtide_trends::status::CheckpointStatus;
use tagtide_trends::store::hash::Seed;
use tagtide_trends::window::delta::{AuthorRows, put_rows};
use tagtide_trends::window::restore::CorruptSection;

/// Records that may wait for the disk.
const QUEUE: usize = 4;
/// So many rows of people are encoded before their record is due: in a replay at full speed they
/// are most of it, and the end of the run would wait for them.
const ROWS: usize = 1 << 15;
/// Overrides [`ROWS`], so that a small run under a test hands rows over early.
const ROWS_ENV: &str = "TAGTIDE_ROWS_AHEAD";
/// A snapshot is due once the log has grown to this, or to twice the last snapshot.
const LOG_BYTES_MIN: u64 = 64 << 20;
/// Overrides [`LOG_BYTES_MIN`], so that a run of seconds under a fault campaign makes snapshots.
const LOG_BYTES_ENV: &str = "TAGTIDE_SNAPSHOT_LOG_BYTES";
/// How long [`Checkpointer::settle`] waits.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// Time spent on pieces of a snapshot at one epoch.
const PIECES_MAX: Duration = Duration::from_millis(4);

enum Write {
    /// Rows of people that belong to the next record.
    Rows(AuthorRows),
    Record(u64, RawSections),
    Begin(u64),
    Piece(RawSections),
    /// The last piece.
    Finish(u64, RawSections),
}

/// What the writing thread has come to.
#[derive(Debug, Default)]
struct Progress {
    committed: AtomicU64,
    since_snapshot: AtomicU64,
    snapshot_bytes: AtomicU64,
    /// When the last record was durable, and how long that took.
    last_write: Mutex<Option<(Instant, Duration)>>,
}

impl Progress {
    fn last_write(&self) -> MutexGuard<'_, Option<(Instant, Duration)>> {
        self.last_write.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The coordinator's end of the checkpoint.
pub(crate) struct Checkpointer {
    queue: Option<Sender<Write>>,
    thread: Option<JoinHandle<Result<(), CheckpointError>>>,
    progress: Arc<Progress>,
    epoch: u64,
    snapshot: Option<Pieces>,
    /// [`LOG_BYTES_MIN`] and [`ROWS`], or what a test has set.
    log_bytes_min: u64,
    rows: usize,
}

/// What an opened checkpoint gives.
pub(crate) struct Opened {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) states: States,
    pub(crate) positions: Vec<Vec<Position>>,
    pub(crate) recovery: Recovery,
    /// Key of the hashes of authors and posts.
    pub(crate) people: Seed,
    /// What alert rules have seen.
    pub(crate) rules: Option<Vec<u8>>,
    /// What sources could not bring.
    pub(crate) gaps: Gaps,
    /// Views of the job that the checkpoint did not hold.
    pub(crate) new_views: Vec<String>,
    /// Views that it held and the job has not.
    pub(crate) dropped_views: Vec<String>,
}

/// Opens the checkpoint in `dir` and puts the state together that it holds.
pub(crate) fn open(
    dir: &Path,
    identity: &Identity,
    fresh: bool,
    settings: StateSettings,
) -> Result<Opened, CheckpointError> {
    let sources = settings.all.sources;
    let mut reading = Reading {
        state: Restoring::new(settings.all.clone(), settings.tags),
        views: ViewRestore::new(&settings),
        positions: vec![Vec::new(); sources],
        people: settings.tags,
        rules: None,
        gaps: Gaps::new(sources),
        settings,
    };
    let (checkpoint, recovery) = Checkpoint::open(dir, identity, fresh, &mut reading)?;
    let damaged = |corrupt: CorruptSection| CheckpointError::Damaged {
        file: dir.to_owned(),
        source: Damage::Rejected(corrupt.into()),
    };
    let all = reading.state.finish().map_err(damaged)?;
    let (new_views, dropped_views) = reading.views.added_and_dropped();
    let views = reading.views.finish(&all).map_err(damaged)?;
    Ok(Opened {
        checkpoint,
        states: States::new(all, views, reading.settings.reports),
        new_views: if recovery.first { Vec::new() } else { new_views },
        dropped_views,
        positions: reading.positions,
        recovery,
        people: reading.people,
        rules: reading.rules,
        gaps: reading.gaps,
    })
}

/// What is wrong with a section.
#[derive(Debug, thiserror::Error)]
enum SectionError {
    #[error("section {kind}: {source}")]
    Corrupt { kind: u16, source: CorruptSection },
    #[error("positions cannot be read: {0}")]
    Positions(#[source] serde_json::Error),
    #[error("gaps of sources cannot be read: {0}")]
    Gaps(#[source] serde_json::Error),
    #[error("section {0} is of a newer version")]
    Newer(u16),
}

struct Reading {
    settings: StateSettings,
    state: Restoring,
    views: ViewRestore,
    positions: Vec<Vec<Position>>,
    people: Seed,
    rules: Option<Vec<u8>>,
    gaps: Gaps,
}

impl Reading {
    fn read(&mut self, epoch: u64, sections: &[SectionRef<'_>]) -> Result<(), SectionError> {
        let corrupt = |kind| move |source| SectionError::Corrupt { kind, source };
        let (mut rest, mut unknown) = (Vec::new(), Vec::new());
        for section in sections {
            if section.kind == kind::POSITIONS {
                let held: Vec<BTreeMap<String, String>> =
                    serde_json::from_slice(section.body).map_err(SectionError::Positions)?;
                for (mine, held) in self.positions.iter_mut().zip(held) {
                    let position = |(partition, at)| Position { partition, at };
                    *mine = held.into_iter().map(position).collect();
                }
                continue;
            }
            if section.kind == kind::GAPS {
                self.gaps.read(section.body).map_err(SectionError::Gaps)?;
                continue;
            }
            if section.kind == kind::RULES {
                self.rules = Some(section.body.to_vec());
                continue;
            }
            if section.kind == kind::VIEW {
                let known = self.views.read(epoch, section.body).map_err(corrupt(section.kind))?;
                unknown.extend((!known).then_some(section.kind));
                continue;
            }
            rest.push((section.kind, section.body));
        }
        let strange = self.state.read(epoch, &rest);
        unknown.extend(strange.map_err(|(kind, source)| corrupt(kind)(source))?);
        let required = |of: &&u16| sections.iter().any(|one| one.kind == **of && one.required);
        if let Some(of) = unknown.iter().find(required) {
            return Err(SectionError::Newer(*of));
        }
        Ok(())
    }
}

impl Restore for Reading {
    fn begin(&mut self, key: &Key) {
        self.people = Seed::new(*key.bytes());
        self.state = Restoring::new(self.settings.all.clone(), self.settings.tags);
        self.views = ViewRestore::new(&self.settings);
        self.positions.iter_mut().for_each(Vec::clear);
        self.rules = None;
        self.gaps = Gaps::new(self.positions.len());
    }

    fn piece(&mut self, sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
        Ok(self.read(0, sections)?)
    }

    fn record(&mut self, epoch: u64, sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
        self.views.begin_record();
        self.read(epoch, sections)?;
        self.views.end_record(&self.settings);
        Ok(())
    }
}

impl Checkpointer {
    /// Starts the writing thread.
    pub(crate) fn start(checkpoint: Checkpoint, reports: ReportThreads) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let epoch = checkpoint.last_epoch();
        progress.committed.store(epoch, Ordering::Relaxed);
        let (queue, writes) = bounded(QUEUE);
        let shared = Arc::clone(&progress);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || write(checkpoint, &writes, &reports, &shared))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            progress,
            epoch,
            snapshot: None,
            log_bytes_min: set_by(LOG_BYTES_ENV).unwrap_or(LOG_BYTES_MIN),
            rows: set_by(ROWS_ENV).unwrap_or(ROWS),
        })
    }

    /// Newest epoch that is durable.
    pub(crate) fn committed(&self) -> u64 {
        self.progress.committed.load(Ordering::Acquire)
    }

    /// The last record that was written; `now` is our clock.
    pub(crate) fn status(&self, now: i64) -> Option<CheckpointStatus> {
        let (at, took) = (*self.progress.last_write())?;
        let age_ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        Some(CheckpointStatus { at: now - age_ms, write_ms: took.as_secs_f64() * 1_000.0 })
    }

    /// Hands over what has changed, with the Positions that it was counted up to. Where the disk
    /// is behind, nothing is taken and the changes stay for the next epoch, unless it is the last.
    pub(crate) fn epoch(
        &mut self,
        states: &mut States,
        positions: &[&BTreeMap<String, String>],
        (reports, gaps): (&mut Reports, &mut Gaps),
        last: bool,
    ) -> Result<(), CheckpointError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        if queue.is_full() && !last {
            return self.check();
        }
        self.epoch += 1;
        let mut sections = whole(states, positions);
        sections.extend(gaps.take_changed().map(|gaps| Raw::Body(kind::GAPS, gaps)));
        sections.extend(reports.take_changed_rules().map(|rules| Raw::Body(kind::RULES, rules)));
        self.send(Write::Record(self.epoch, sections))?;
        if last {
            return Ok(());
        }
        self.snapshot(states, positions, (reports, gaps))
    }

    /// Hands over what can be encoded before the epoch ends, where the disk keeps up.
    pub(crate) fn encode_early(&mut self, state: &mut State) -> Result<(), CheckpointError> {
        let keeps_up = self.queue.as_ref().is_some_and(|queue| queue.len() < QUEUE / 2);
        match keeps_up.then(|| state.take_rows(self.rows)).flatten() {
            Some(rows) => self.send(Write::Rows(rows)),
            None => Ok(()),
        }
    }

    /// Number of the epoch that is under way.
    pub(crate) fn next(&self) -> u64 {
        self.epoch + 1
    }

    /// Begins a snapshot where one is due, and goes on with it for a while.
    fn snapshot(
        &mut self,
        states: &mut States,
        positions: &[&BTreeMap<String, String>],
        (reports, gaps): (&Reports, &Gaps),
    ) -> Result<(), CheckpointError> {
        if self.snapshot.is_none() {
            let grown = self.progress.since_snapshot.load(Ordering::Relaxed);
            let due = 2 * self.progress.snapshot_bytes.load(Ordering::Relaxed);
            let full = self.queue.as_ref().is_none_or(Sender::is_full);
            if grown < due.max(self.log_bytes_min) || full {
                return Ok(());
            }
            self.send(Write::Begin(self.epoch))?;
            self.snapshot = Some(Pieces::new(states));
        }
        let until = monotonic() + PIECES_MAX;
        while monotonic() < until && self.queue.as_ref().is_some_and(|queue| !queue.is_full()) {
            let Some(snapshot) = &mut self.snapshot else { break };
            if let Some(piece) = snapshot.next(states, self.epoch) {
                self.send(Write::Piece(piece))?;
            } else {
                let mut rest = vec![positions_section(positions)];
                rest.extend(meta_sections(states));
                rest.push(Raw::Body(kind::GAPS, gaps.to_bytes()));
                rest.extend(reports.rules().map(|rules| Raw::Body(kind::RULES, rules)));
                self.send(Write::Finish(self.epoch, rest))?;
                self.snapshot = None;
            }
        }
        Ok(())
    }

    /// Waits until the last record handed over is durable.
    pub(crate) fn settle(&mut self) -> Result<(), CheckpointError> {
        let dead = || self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        let until = monotonic() + SETTLE_MAX;
        while self.committed() != self.epoch && !dead() && monotonic() < until {
            std::thread::sleep(Duration::from_micros(50));
        }
        self.check()
    }

    /// Waits until everything handed over is durable, and ends.
    pub(crate) fn finish(&mut self) -> Result<(), CheckpointError> {
        self.queue = None;
        self.join()
    }

    fn send(&mut self, write: Write) -> Result<(), CheckpointError> {
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send(write).is_ok());
        if sent { Ok(()) } else { self.join() }
    }

    fn check(&mut self) -> Result<(), CheckpointError> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { self.join() } else { Ok(()) }
    }

    fn join(&mut self) -> Result<(), CheckpointError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

/// A number that a test has put into the environment.
fn set_by<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn whole(states: &mut States, positions: &[&BTreeMap<String, String>]) -> RawSections {
    let mut sections = vec![positions_section(positions)];
    sections.append(&mut take_pending(states));
    sections
}

fn positions_section(positions: &[&BTreeMap<String, String>]) -> Raw {
    Raw::Body(kind::POSITIONS, serde_json::to_vec(positions).expect("maps of strings are JSON"))
}

fn write(
    mut checkpoint: Checkpoint,
    writes: &Receiver<Write>,
    reports: &ReportThreads,
    progress: &Progress,
) -> Result<(), CheckpointError> {
    let mut rows = Vec::new();
    for write in writes {
        match write {
            Write::Rows(more) => put_rows(&mut rows, &more),
            Write::Record(epoch, mut sections) => {
                give_rows(&mut sections, &mut rows);
                reports.wait_for(epoch);
                let began = monotonic();
                checkpoint.commit(epoch, &required(sections))?;
                *progress.last_write() = Some((monotonic(), began.elapsed()));
                progress.committed.store(epoch, Ordering::Release);
            }
            // A snapshot that fails is given up; the log is enough to resume.
            Write::Begin(epoch) => warn(checkpoint.begin_snapshot(epoch)),
            Write::Piece(sections) => {
                if checkpoint.snapshot_begun().is_some() {
                    warn(checkpoint.snapshot_piece(&required(sections)));
                }
            }
            Write::Finish(epoch, sections) => {
                if checkpoint.snapshot_begun().is_some() {
                    warn(checkpoint.snapshot_piece(&required(sections)));
                }
                if checkpoint.snapshot_begun().is_some() {
                    warn(checkpoint.finish_snapshot(epoch));
                }
            }
        }
        progress.since_snapshot.store(checkpoint.bytes_since_snapshot(), Ordering::Relaxed);
        progress.snapshot_bytes.store(checkpoint.snapshot_bytes(), Ordering::Relaxed);
    }
    Ok(())
}

fn warn(result: Result<(), CheckpointError>) {
    if let Err(error) = result {
        tracing::warn!("no snapshot was made: {error}");
    }
}

fn required(sections: RawSections) -> Vec<Section> {
    let section = |(kind, body)| Section { kind, required: true, body };
    encode(sections).into_iter().map(section).collect()
}
