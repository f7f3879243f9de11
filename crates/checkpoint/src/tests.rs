//! Whole directories: damage, power cuts, kills, two processes, old formats, a model.

mod damage;
mod first;
mod golden;
mod identity;
mod model;
mod power;
mod process;
mod sim;

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    Checkpoint, CheckpointError, Identity, Key, Part, Recovery, Restore, RestoreError, Section,
    SectionRef,
};

/// Shards of the test state.
pub(super) const SHARDS: u16 = 4;

/// A state that every delta changes, so that a lost, a repeated and a swapped one are all visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Per shard: value, and the epoch of the piece with it.
    shards: BTreeMap<u16, u64>,
    stamps: BTreeMap<u16, u64>,
    key: Option<Key>,
}

impl State {
    pub(super) fn apply(
        &mut self,
        epoch: u64,
        sections: &[SectionRef<'_>],
    ) -> Result<(), RestoreError> {
        for section in sections {
            if section.required && section.kind > SHARDS {
                return Err(format!("section kind {} is unknown", section.kind).into());
            }
            if self.stamps.get(&section.kind).is_some_and(|&stamp| epoch <= stamp) {
                continue;
            }
            let value = self.shards.entry(section.kind).or_default();
            for &byte in section.body {
                *value = value.wrapping_mul(1_000_003).wrapping_add(u64::from(byte) + 1);
            }
        }
        Ok(())
    }

    pub(super) fn piece(&self, shard: u16, epoch: u64) -> Section {
        let value = self.shards.get(&shard).copied().unwrap_or_default();
        let body = [epoch.to_le_bytes(), value.to_le_bytes()].concat();
        Section { kind: shard, required: true, body }
    }

    /// The part that must be equal after a recovery.
    pub(super) fn values(&self) -> BTreeMap<u16, u64> {
        let all = self.shards.iter().filter(|&(_, &value)| value != 0);
        all.map(|(&shard, &value)| (shard, value)).collect()
    }
}

impl Restore for State {
    fn begin(&mut self, key: &Key) {
        *self = Self { key: Some(key.clone()), ..Self::default() };
    }

    fn piece(&mut self, sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
        for section in sections {
            let (stamp, value) = section.body.split_at(8);
            let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
            self.stamps.insert(section.kind, number(stamp));
            self.shards.insert(section.kind, number(value));
        }
        Ok(())
    }

    fn record(&mut self, epoch: u64, sections: &[SectionRef<'_>]) -> Result<(), RestoreError> {
        self.apply(epoch, sections)
    }
}

/// The sections of an epoch: one per shard, with bytes made from `seed`.
pub(super) fn delta(epoch: u64, seed: u64) -> Vec<Section> {
    let mut mix = Mix(epoch ^ seed.rotate_left(32));
    let section = |kind| {
        let len = mix.below(24);
        let body = (0..len).map(|_| mix.next() as u8).collect();
        Section { kind, required: kind % 2 == 1, body }
    };
    (1..=SHARDS).map(section).collect()
}

pub(super) fn refs(sections: &[Section]) -> Vec<SectionRef<'_>> {
    fn one(section: &Section) -> SectionRef<'_> {
        SectionRef { kind: section.kind, required: section.required, body: &section.body }
    }
    sections.iter().map(one).collect()
}

/// A small stream of numbers by seed.
pub(super) struct Mix(pub(super) u64);

impl Mix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

pub(super) fn identity() -> Identity {
    let parts = vec![Part::new("rule", "tags"), Part::new("pane", "10s")];
    Identity { job: "demo".into(), parts }
}

pub(super) fn open(
    dir: &Path,
    state: &mut State,
) -> Result<(Checkpoint, Recovery), CheckpointError> {
    Checkpoint::open(dir, &identity(), false, state)
}

/// Commits epochs `from..=to` of stream `seed`, and applies them to `state`.
pub(super) fn commit_all(
    checkpoint: &mut Checkpoint,
    state: &mut State,
    epochs: std::ops::RangeInclusive<u64>,
    seed: u64,
) {
    for epoch in epochs {
        let sections = delta(epoch, seed);
        checkpoint.commit(epoch, &sections).unwrap();
        state.apply(epoch, &refs(&sections)).unwrap();
    }
}

/// Writes a whole snapshot at the last epoch.
pub(super) fn snapshot_now(checkpoint: &mut Checkpoint, state: &State) {
    let epoch = checkpoint.last_epoch();
    checkpoint.begin_snapshot(epoch).unwrap();
    for shard in 1..=SHARDS {
        checkpoint.snapshot_piece(&[state.piece(shard, epoch)]).unwrap();
    }
    checkpoint.finish_snapshot(epoch).unwrap();
}

/// The state after epochs `1..=epoch` of stream `seed`.
pub(super) fn state_at(epoch: u64, seed: u64) -> State {
    let mut state = State::default();
    for epoch in 1..=epoch {
        state.apply(epoch, &refs(&delta(epoch, seed))).unwrap();
    }
    state
}
