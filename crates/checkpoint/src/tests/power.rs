//! Power cuts, kills and disk errors at every operation, on the simulated disk.

use std::io::ErrorKind;
use std::sync::Arc;

use super::sim::{Fault, SimDisk};
use super::{Mix, SHARDS, State, delta, identity, refs};
use crate::{Checkpoint, CheckpointError};

/// What must hold whatever happens to the disk.
struct Oracle {
    /// The state after each epoch that ever began, from 0.
    history: Vec<State>,
    /// The newest epoch reported as committed.
    reported: u64,
    /// The newest snapshot reported as complete.
    snapshot: Option<u64>,
    /// Seed of the deltas; different in each process, so that a stale record is noticed.
    seed: u64,
}

impl Oracle {
    fn new(seed: u64) -> Self {
        Self { history: vec![State::default()], reported: 0, snapshot: None, seed }
    }

    /// Opens, and checks the recovered state. `Err` if the disk failed meanwhile.
    fn open(&mut self, disk: &SimDisk) -> Result<Checkpoint, CheckpointError> {
        let mut state = State::default();
        let (checkpoint, recovery) =
            Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut state)?;
        let epoch = usize::try_from(recovery.epoch).unwrap();
        assert!(recovery.epoch >= self.reported, "{recovery:?}, reported {}", self.reported);
        assert!(epoch < self.history.len(), "{recovery:?} was never begun");
        assert_eq!(state.values(), self.history[epoch].values(), "{recovery:?}");
        assert!(recovery.snapshot >= self.snapshot, "{recovery:?}, {:?}", self.snapshot);
        assert_eq!(recovery.set_aside, Vec::<String>::new());
        self.reported = recovery.epoch;
        self.history.truncate(epoch + 1);
        self.seed += 1;
        Ok(checkpoint)
    }

    fn commit(&mut self, checkpoint: &mut Checkpoint) -> Result<(), CheckpointError> {
        let epoch = checkpoint.last_epoch() + 1;
        let sections = delta(epoch, self.seed);
        let mut next = self.history[self.history.len() - 1].clone();
        next.apply(epoch, &refs(&sections)).unwrap();
        self.history.push(next);
        checkpoint.commit(epoch, &sections)?;
        self.reported = epoch;
        Ok(())
    }

    /// Commits and writes snapshots until the disk fails, or `rounds` times.
    fn live(&mut self, disk: &SimDisk, rounds: u64) -> Result<(), CheckpointError> {
        let mut checkpoint = self.open(disk)?;
        let mut next_shard = 1;
        for round in 0..rounds {
            self.commit(&mut checkpoint)?;
            if checkpoint.snapshot_begun().is_none() {
                if round % 4 == 3 {
                    checkpoint.begin_snapshot(checkpoint.last_epoch())?;
                    next_shard = 1;
                }
                continue;
            }
            let epoch = checkpoint.last_epoch();
            for _ in 0..2 {
                let now = &self.history[self.history.len() - 1];
                checkpoint.snapshot_piece(&[now.piece(next_shard, epoch)])?;
                next_shard += 1;
            }
            if next_shard > SHARDS {
                let begun = checkpoint.snapshot_begun();
                checkpoint.finish_snapshot(epoch)?;
                self.snapshot = begun;
            }
        }
        Ok(())
    }
}

/// Number of operations of a process without faults.
fn ops_of_a_life(rounds: u64) -> u64 {
    let disk = SimDisk::new(1);
    Oracle::new(1).live(&disk, rounds).unwrap();
    disk.ops()
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_told() {
    let ops = ops_of_a_life(24);
    assert!(ops > 90, "{ops}");
    for at in 1..=ops {
        for seed in 0..12 {
            let (disk, mut oracle, mut mix) =
                (SimDisk::new(seed), Oracle::new(seed), Mix(at << 8 | seed));
            disk.fail_after(at, Fault::End);
            oracle.live(&disk, 24).unwrap_err();
            disk.power_cut(&mut mix);
            oracle.live(&disk, 3).unwrap_or_else(|error| panic!("op {at} seed {seed}: {error}"));
        }
    }
}

#[test]
fn kills_and_power_cuts_in_a_row_lose_nothing_that_was_told() {
    for seed in 0..400 {
        let (disk, mut oracle, mut mix) = (SimDisk::new(seed), Oracle::new(seed), Mix(seed));
        for _ in 0..10 {
            disk.fail_after(1 + mix.below(60), Fault::End);
            if oracle.live(&disk, 24).is_ok() {
                continue;
            }
            if mix.below(2) == 0 {
                disk.restart();
            } else {
                disk.power_cut(&mut mix);
            }
        }
        disk.restart();
        oracle.live(&disk, 3).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn a_disk_error_at_any_operation_is_told_and_loses_nothing() {
    let ops = ops_of_a_life(24);
    for at in 1..=ops {
        for kind in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::Other] {
            let (disk, mut oracle, mut mix) = (SimDisk::new(at), Oracle::new(at), Mix(at));
            disk.fail_after(at, Fault::Error(kind));
            let error = oracle.live(&disk, 24).unwrap_err();
            assert!(matches!(error, CheckpointError::Io { .. }), "op {at}: {error}");
            if at % 2 == 0 {
                disk.power_cut(&mut mix);
            }
            disk.restart();
            oracle.live(&disk, 3).unwrap_or_else(|error| panic!("op {at} {kind}: {error}"));
        }
    }
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_committed() {
    for after in [1, 2] {
        let (disk, mut oracle) = (SimDisk::new(3), Oracle::new(3));
        let mut checkpoint = oracle.open(&disk).unwrap();
        oracle.commit(&mut checkpoint).unwrap();
        disk.fail_after(after, Fault::Error(ErrorKind::StorageFull));
        let full = oracle.commit(&mut checkpoint).unwrap_err().to_string();
        assert!(
            full.contains("checkpoint log `/sim/log-") && full.contains("free space"),
            "{full}"
        );
        let before = disk.ops();
        let later = checkpoint.commit(2, &delta(2, 0)).unwrap_err().to_string();
        assert!(later.contains("an earlier write failed"), "{later}");
        checkpoint.begin_snapshot(1).unwrap_err();
        assert_eq!(disk.ops(), before, "a poisoned log does not touch the disk");
        assert_eq!(checkpoint.last_epoch(), 1);
    }
}

#[test]
fn a_failed_snapshot_leaves_the_log_usable() {
    let (disk, mut oracle) = (SimDisk::new(3), Oracle::new(3));
    let mut checkpoint = oracle.open(&disk).unwrap();
    oracle.commit(&mut checkpoint).unwrap();
    checkpoint.begin_snapshot(1).unwrap();
    disk.fail_after(1, Fault::Error(ErrorKind::StorageFull));
    let big = delta(1, 0).remove(0);
    let big = super::Section { body: vec![1; 300 << 10], ..big };
    checkpoint.snapshot_piece(&[big]).unwrap_err();
    assert_eq!(checkpoint.snapshot_begun(), None);
    oracle.commit(&mut checkpoint).unwrap();
    drop(checkpoint);
    oracle.open(&disk).unwrap();
}
