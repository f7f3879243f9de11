//! Random sequences of commits, snapshots and restarts, compared with a state in memory.

use std::sync::Arc;

use proptest::prelude::*;

use super::sim::SimDisk;
use super::{SHARDS, State, delta, identity, refs};
use crate::{Checkpoint, Recovery};

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit,
    Begin,
    Piece,
    Finish,
    Abandon,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Commit),
        2 => Just(Step::Begin),
        6 => Just(Step::Piece),
        2 => Just(Step::Finish),
        1 => Just(Step::Abandon),
        2 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..120)
}

struct Model {
    disk: SimDisk,
    checkpoint: Checkpoint,
    state: State,
    epoch: u64,
    next_shard: u16,
    complete: Vec<u64>,
}

fn start(disk: &SimDisk) -> (Checkpoint, Recovery, State) {
    let mut state = State::default();
    let (checkpoint, recovery) =
        Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut state).unwrap();
    (checkpoint, recovery, state)
}

impl Model {
    fn new() -> Self {
        let disk = SimDisk::new(7);
        let (checkpoint, _, state) = start(&disk);
        Self { disk, checkpoint, state, epoch: 0, next_shard: 1, complete: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Commit => {
                self.epoch += 1;
                let sections = delta(self.epoch, 3);
                self.checkpoint.commit(self.epoch, &sections).unwrap();
                self.state.apply(self.epoch, &refs(&sections)).unwrap();
            }
            Step::Begin => {
                self.checkpoint.begin_snapshot(self.epoch).unwrap();
                self.next_shard = 1;
            }
            Step::Piece if self.next_shard <= SHARDS => {
                let piece = self.state.piece(self.next_shard, self.epoch);
                let begun = self.checkpoint.snapshot_begun().is_some();
                assert_eq!(self.checkpoint.snapshot_piece(&[piece]).is_ok(), begun);
                self.next_shard += u16::from(begun);
            }
            Step::Finish if self.next_shard > SHARDS => {
                if let Some(begun) = self.checkpoint.snapshot_begun() {
                    self.checkpoint.finish_snapshot(self.epoch).unwrap();
                    self.complete.retain(|&epoch| epoch != begun);
                    self.complete.push(begun);
                }
            }
            Step::Piece | Step::Finish => {}
            Step::Abandon => self.checkpoint.abandon_snapshot(),
            Step::Reopen => self.reopen(),
        }
    }

    fn reopen(&mut self) {
        let (checkpoint, recovery, state) = start(&self.disk);
        assert_eq!(recovery.epoch, self.epoch);
        assert_eq!(recovery.snapshot, self.complete.last().copied());
        assert_eq!(recovery.records, self.epoch - recovery.snapshot.unwrap_or(0));
        assert_eq!(state.values(), self.state.values());
        self.checkpoint = checkpoint;
        let names: Vec<String> = self.disk.files().into_keys().collect();
        let snapshots = names.iter().filter(|name| name.starts_with("snapshot-")).count();
        assert_eq!(snapshots, self.complete.len().min(2), "{names:?}");
        assert!(!names.iter().any(|name| name.ends_with(".tmp")), "{names:?}");
    }
}

proptest! {
    #[test]
    fn what_comes_back_is_what_was_committed(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
        }
        model.reopen();
    }
}
