//! What every source must do, whatever its kind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::{Batch, PAD, Position};
use tagtide_sources::framing::BATCH_BYTES;
use tagtide_sources::{
    Guarantee, Poll, Replays, SOURCES, Source, SourceError, SourceKind, SourceOptions,
};

use crate::peers::{PEERS, Peer};
use crate::ticker;

/// Longest record.
const LIMIT: usize = 64 * 1024;
/// How long a poll may block.
const WAIT: Duration = Duration::from_millis(2);

/// Every kind of the list, and one that a test adds to it.
fn kinds() -> impl Iterator<Item = &'static SourceKind> {
    SOURCES.iter().copied().chain([&ticker::KIND])
}

/// Runs `test` for each kind; a kind without an entry in [`PEERS`] fails.
fn for_each_kind(test: impl Fn(&mut Reader)) {
    for kind in kinds() {
        let entry = PEERS.iter().find(|(name, ..)| *name == kind.name);
        let (_, records, start) = entry.unwrap_or_else(|| {
            panic!("the kind `{}` has no entry in the contract suite (PEERS)", kind.name)
        });
        eprintln!("{}: {records} records", kind.name);
        test(&mut Reader::new(kind, *records, start(*records)));
    }
}

/// One source, read as the engine reads it: opened again after its last Positions when it asks for
/// that.
struct Reader {
    kind: &'static SourceKind,
    options: Arc<dyn SourceOptions>,
    /// Dropped before its peer.
    source: Option<Box<dyn Source>>,
    peer: Box<dyn Peer>,
    /// Records that the peer has.
    records: usize,
    /// The newest Position of each partition.
    positions: Vec<Position>,
    /// Numbers of the records that came, in the order in which they came.
    came: Vec<usize>,
    /// Lines of this source; `None` until its first ones, since a resume counts on.
    lines: Option<u64>,
    /// Times it had to be opened again.
    losses: usize,
    has_ended: bool,
    deadline: Instant,
}

impl Reader {
    fn new(kind: &'static SourceKind, records: usize, peer: Box<dyn Peer>) -> Self {
        let options = ticker::checked(kind, &peer.keys());
        Self {
            kind,
            options,
            source: None,
            peer,
            records,
            positions: Vec::new(),
            came: Vec::new(),
            lines: None,
            losses: 0,
            has_ended: false,
            deadline: monotonic() + Duration::from_secs(60),
        }
    }

    /// Starts a new source after the Positions, as after a restart, and waits until it would see
    /// what the peer does next.
    fn start(&mut self) {
        self.source = None;
        self.lines = None;
        let own = self.peer.source(LIMIT);
        let source = own.unwrap_or_else(|| self.options.build(LIMIT, &Clock::System).unwrap());
        self.source = Some(source);
        self.open();
        self.until_ready();
    }

    fn open(&mut self) {
        loop {
            self.in_time("it opens");
            match self.source.as_mut().unwrap().open(&self.positions) {
                Ok(()) => break,
                Err(SourceError::Retry(..) | SourceError::Held(..)) => std::thread::sleep(WAIT),
                Err(error) => panic!("{}: {error}", self.kind.name),
            }
        }
        let name = self.source.as_ref().unwrap().name();
        self.peer.opened(&name);
    }

    fn until_ready(&mut self) {
        while !self.peer.is_ready() {
            self.poll("the other end is ready");
        }
    }

    fn in_time(&self, what: &str) {
        let came = self.came.len();
        assert!(
            monotonic() < self.deadline,
            "{}: not in time: {what}; {came} came",
            self.kind.name
        );
    }

    /// One poll; a lost source is opened again.
    fn poll(&mut self, until: &str) {
        self.in_time(until);
        let mut batch = Batch::default();
        // Old bytes in a reused buffer must never show.
        batch.room(BATCH_BYTES / 4).fill(b'#');
        batch.clear();
        batch.small = true;
        match self.source.as_mut().unwrap().poll(&mut batch, WAIT) {
            Ok(Poll::Ready) => self.take(&batch),
            Ok(Poll::Idle) => assert_eq!(batch.lines, 0, "{}", self.kind.name),
            Ok(Poll::End) => self.has_ended = true,
            Err(SourceError::Retry(..) | SourceError::Held(..)) => {
                self.losses += 1;
                self.open();
            }
            Err(error) => panic!("{}: {error}", self.kind.name),
        }
    }

    fn take(&mut self, batch: &Batch) {
        let (name, records) = (self.kind.name, batch.records());
        assert!(records.is_empty() || records.ends_with(b"\n"), "{name}: a record is cut");
        assert_eq!(batch.padded()[records.len()..], [0; PAD], "{name}: it is not sealed");
        assert!(records.len() <= BATCH_BYTES + LIMIT, "{name}: {} bytes", records.len());
        let partitions = self.source.as_ref().unwrap().partitions();
        assert!(batch.partition < partitions, "{name}: {} of {partitions}", batch.partition);
        if batch.lines > 0 {
            let expected = self.lines.unwrap_or(batch.first);
            assert_eq!(batch.first, expected, "{name}: lines are counted over all connections");
            self.lines = Some(expected + batch.lines);
        }
        for line in records.split(|byte| *byte == b'\n') {
            self.came.extend(self.peer.number(line));
        }
        for position in &batch.positions {
            self.positions.retain(|old| old.partition != position.partition);
            self.positions.push(position.clone());
        }
    }

    /// Polls until record `last` has come.
    fn until(&mut self, last: usize) {
        while !self.came.contains(&last) {
            let before = self.came.len();
            self.poll("the last record comes");
            assert!(!self.has_ended || self.came.len() > before, "{}: an end", self.kind.name);
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.records).collect()
    }
}

#[test]
fn records_come_in_order_whole_and_once() {
    for_each_kind(|reader| {
        reader.start();
        reader.peer.release(reader.records);
        reader.until(reader.records - 1);
        assert_eq!(reader.came, reader.all(), "{}", reader.kind.name);
    });
}

#[test]
fn a_restart_goes_on_after_its_position() {
    for_each_kind(|reader| {
        let (name, replays) = (reader.kind.name, reader.options.replays());
        let half = reader.records / 2;
        reader.start();
        reader.peer.release(half);
        reader.until(half / 2);
        if replays == Replays::Everything {
            // What came after the checkpoint is forgotten with the process.
            let (kept, positions) = (reader.came.len(), reader.positions.clone());
            reader.until(half - 1);
            reader.came.truncate(kept);
            reader.positions = positions;
        } else {
            reader.until(half - 1);
        }
        reader.start();
        reader.peer.release(reader.records);
        reader.until(reader.records - 1);
        let (came, all) = (reader.came.clone(), reader.all());
        if reader.options.guarantee() == Guarantee::ExactlyOnce {
            assert_eq!(came, all, "{name}: nothing lost, nothing twice");
        }
        if replays == Replays::Nothing {
            assert!(came.is_sorted_by(|a, b| a < b), "{name}: nothing twice: {came:?}");
        } else {
            let mut once = came;
            once.sort_unstable();
            once.dedup();
            assert_eq!(once, all, "{name}: nothing lost");
        }
    });
}

#[test]
fn cuts_and_garbage_end_no_source() {
    const CUTS: usize = 5;
    for_each_kind(|reader| {
        let (name, step) = (reader.kind.name, reader.records / (CUTS + 1));
        reader.start();
        let mut cuts = 0;
        for round in 1..=CUTS {
            reader.peer.release(round * step);
            reader.until(round * step - 1);
            reader.peer.garbage();
            if reader.peer.cut() {
                cuts += 1;
                while reader.losses < cuts {
                    reader.poll("the cut is noticed");
                }
                reader.until_ready();
            }
            assert!(!reader.has_ended, "{name}: an end");
        }
        reader.peer.release(reader.records);
        reader.until(reader.records - 1);
        assert!(reader.losses >= cuts, "{name}: {} losses of {cuts} cuts", reader.losses);
        let mut once = reader.came.clone();
        once.sort_unstable();
        once.dedup();
        // What was released came before each cut, so that nothing is lost by it.
        assert_eq!(once, reader.all(), "{name}");
    });
}

#[test]
fn a_slow_reader_holds_the_source_back_and_loses_nothing() {
    for_each_kind(|reader| {
        reader.start();
        reader.peer.release(reader.records);
        // Without polling the other end can send what fits into the kernel's buffers, and no more.
        let began = monotonic();
        while began.elapsed() < 25 * WAIT {
            std::thread::yield_now();
        }
        let mut longest = Duration::ZERO;
        while !reader.came.contains(&(reader.records - 1)) {
            let began = monotonic();
            reader.poll("the last record comes");
            longest = longest.max(began.elapsed());
        }
        assert_eq!(reader.came, reader.all(), "{}", reader.kind.name);
        // A poll waits no longer than it may, but for a loaded machine.
        assert!(longest < Duration::from_secs(5), "{}: {longest:?}", reader.kind.name);
    });
}

#[test]
fn a_stopped_source_lets_go_of_the_other_end() {
    for_each_kind(|reader| {
        reader.start();
        reader.peer.release(10);
        reader.until(9);
        reader.source = None;
        while !reader.peer.is_free() {
            reader.in_time("it lets go");
            std::thread::sleep(WAIT);
        }
    });
}
