//! Every bit flipped, every truncation, every file missing or swapped: the result is the committed
//! state, or an earlier complete epoch if the end of the log can be torn, or an error that names a
//! file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::sim::SimDisk;
use super::{SHARDS, State, commit_all, identity, snapshot_now, state_at};
use crate::{Checkpoint, CheckpointError, Recovery};

pub(super) type Files = BTreeMap<String, Vec<u8>>;

pub(super) const LAST: u64 = 9;
/// According to the newest snapshot this epoch was committed.
const FLOOR: u64 = 7;

/// Snapshots of 3 and 6 (the second one with pieces of 6 and 7), epochs up to 9. Files: marker, two
/// snapshots, segments 3 and 6.
pub(super) fn directory(seed: u64) -> Files {
    let disk = SimDisk::new(seed);
    let mut state = State::default();
    let (mut checkpoint, recovery) =
        Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut state).unwrap();
    assert!(recovery.first);
    commit_all(&mut checkpoint, &mut state, 1..=3, seed);
    snapshot_now(&mut checkpoint, &state);
    commit_all(&mut checkpoint, &mut state, 4..=6, seed);
    checkpoint.begin_snapshot(6).unwrap();
    checkpoint.snapshot_piece(&[state.piece(1, 6), state.piece(2, 6)]).unwrap();
    commit_all(&mut checkpoint, &mut state, 7..=7, seed);
    for shard in 3..=SHARDS {
        checkpoint.snapshot_piece(&[state.piece(shard, 7)]).unwrap();
    }
    checkpoint.finish_snapshot(7).unwrap();
    commit_all(&mut checkpoint, &mut state, 8..=LAST, seed);
    let files = disk.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "job.json",
            "log-00000000000000000003.tt",
            "log-00000000000000000006.tt",
            "snapshot-00000000000000000003.tt",
            "snapshot-00000000000000000006.tt",
        ]
    );
    files
}

fn is_last_segment(name: &str) -> bool {
    name == "log-00000000000000000006.tt"
}

/// Opens. The result must be a complete epoch, or an error that names one of our files.
fn open(files: &Files, seed: u64, context: &str) -> Result<Recovery, String> {
    open_only(files, seed, context).map(|(disk, checkpoint, state, recovery)| {
        goes_on(&disk, checkpoint, state, seed, context);
        recovery
    })
}

type Opened = (SimDisk, Checkpoint, State, Recovery);

fn open_only(files: &Files, seed: u64, context: &str) -> Result<Opened, String> {
    let disk = SimDisk::with_files(files);
    let mut state = State::default();
    match Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut state) {
        Ok((checkpoint, recovery)) => {
            assert!(!recovery.first, "{context}: a fresh start");
            let expected = state_at(recovery.epoch, seed);
            assert_eq!(state.values(), expected.values(), "{context}: {recovery:?}");
            Ok((disk, checkpoint, state, recovery))
        }
        Err(CheckpointError::Damaged { file, source }) => {
            let what = source.to_string();
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.starts_with("log-") || name.contains("snapshot-") || name == "job.json");
            assert_eq!(disk.files(), *files, "{context}: damage was touched");
            Err(format!("{name}: {what}"))
        }
        Err(other) => panic!("{context}: {other}"),
    }
}

/// A recovered directory accepts commits, and opens again.
fn goes_on(disk: &SimDisk, mut checkpoint: Checkpoint, mut state: State, seed: u64, context: &str) {
    let next = checkpoint.last_epoch() + 1;
    commit_all(&mut checkpoint, &mut state, next..=next, seed);
    snapshot_now(&mut checkpoint, &state);
    drop(checkpoint);
    let mut again = State::default();
    let opened = Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut again);
    let (_, recovery) = opened.unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(recovery.epoch, next, "{context}");
    assert_eq!(again.values(), state_at(next, seed).values(), "{context}");
}

#[test]
fn untouched_files_give_everything() {
    let recovery = open(&directory(5), 5, "untouched").unwrap();
    let expected = (LAST, Some(6), 3, 3, 0);
    let Recovery { epoch, snapshot, pieces, records, torn_bytes, .. } = recovery;
    assert_eq!((epoch, snapshot, pieces, records, torn_bytes), expected);
}

#[test]
fn every_flipped_bit_is_survived_or_named() {
    let good = directory(5);
    let (mut exact, mut previous, mut errors) = (0, 0, 0);
    for name in good.keys() {
        for bit in 0..good[name].len() * 8 {
            let mut files = good.clone();
            files.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let context = format!("{name} bit {bit}");
            // One bit of each byte is enough from here on.
            let opened = match bit % 8 {
                3 => open(&files, 5, &context),
                _ => open_only(&files, 5, &context).map(|opened| opened.3),
            };
            match opened {
                Ok(recovery) if recovery.epoch == LAST => exact += 1,
                Ok(recovery) => {
                    assert!(is_last_segment(name) && recovery.epoch == LAST - 1, "{context}");
                    assert!(recovery.torn_bytes > 0, "{context}");
                    previous += 1;
                }
                Err(message) => {
                    assert!(message.starts_with(name), "{context}: {message}");
                    assert!(!name.starts_with("snapshot-"), "{context}: the older one would do");
                    errors += 1;
                }
            }
        }
    }
    assert!(exact > 1000 && previous > 300 && errors > 3000, "{exact} {previous} {errors}");
}

#[test]
fn damage_in_an_earlier_segment_that_is_needed_names_that_segment() {
    let mut good = directory(5);
    good.remove("snapshot-00000000000000000006.tt");
    let name = "log-00000000000000000003.tt";
    // The seal at the end is not needed if the next segment exists.
    let records = good[name].len() - 28;
    for at in 0..good[name].len() {
        let mut files = good.clone();
        files.get_mut(name).unwrap()[at] ^= 0x10;
        match open(&files, 5, &format!("byte {at}")) {
            Ok(recovery) => assert!(at >= records && recovery.epoch == LAST, "byte {at}"),
            Err(error) => assert!(error.starts_with(name), "byte {at}: {error}"),
        }
        let mut files = good.clone();
        files.get_mut(name).unwrap().truncate(at);
        match open(&files, 5, &format!("length {at}")) {
            Ok(recovery) => assert!(at >= records && recovery.epoch == LAST, "length {at}"),
            Err(error) => assert!(error.starts_with(name), "length {at}: {error}"),
        }
    }
}

#[test]
fn every_truncation_is_survived_or_named() {
    let good = directory(5);
    for name in good.keys() {
        for len in 0..good[name].len() {
            let mut files = good.clone();
            files.get_mut(name).unwrap().truncate(len);
            let context = format!("{name} length {len}");
            match open(&files, 5, &context) {
                Ok(recovery) if recovery.epoch == LAST => {}
                Ok(recovery) => {
                    assert!(is_last_segment(name) && recovery.epoch >= FLOOR, "{context}");
                }
                Err(error) => assert!(error.starts_with(name), "{context}: {error}"),
            }
        }
    }
}

#[test]
fn zeros_and_noise_at_the_end_are_cut_or_named() {
    let good = directory(5);
    for name in good.keys() {
        for tail in [vec![0; 1], vec![0; 5000], vec![0xa5; 27], vec![0x54; 2 << 20]] {
            let mut files = good.clone();
            files.get_mut(name).unwrap().extend_from_slice(&tail);
            let context = format!("{name} and {} bytes", tail.len());
            match open(&files, 5, &context) {
                Ok(recovery) => {
                    assert_eq!(recovery.epoch, LAST, "{context}");
                    let torn = if is_last_segment(name) { tail.len() as u64 } else { 0 };
                    assert_eq!(recovery.torn_bytes, torn, "{context}");
                    assert_eq!(
                        recovery.set_aside.len(),
                        usize::from(name.contains("006") && !is_last_segment(name)),
                        "{context}"
                    );
                }
                Err(error) => assert!(error.starts_with(name), "{context}: {error}"),
            }
        }
    }
}

#[test]
fn every_missing_file_is_made_good_or_named() {
    let good = directory(5);
    for missing in 1..1_u32 << good.len() {
        let gone = |i: usize| missing & 1 << i != 0;
        let kept = good.iter().enumerate().filter(|&(i, _)| !gone(i));
        let files: Files = kept.map(|(_, (name, bytes))| (name.clone(), bytes.clone())).collect();
        if files.is_empty() {
            continue;
        }
        // In the order of names: marker, segments 3 and 6, snapshots 3 and 6.
        let newest = !gone(4) && !gone(2);
        let older = !gone(3) && !gone(1) && !gone(2);
        match open(&files, 5, &format!("missing {missing:05b}")) {
            Ok(recovery) => {
                assert_eq!(recovery.epoch, LAST);
                assert!(!gone(0) && (newest || older), "{missing:05b}");
            }
            Err(message) => {
                assert!(message.contains("missing"), "{missing:05b}: {message}");
                assert!(gone(0) || !(newest || older), "{missing:05b}: {message}");
            }
        }
    }
}

#[test]
fn files_of_another_directory_are_refused() {
    let (good, other) = (directory(5), directory(6));
    for name in good.keys() {
        let mut files = good.clone();
        files.insert(name.clone(), other[name].clone());
        match open(&files, 5, &format!("foreign {name}")) {
            Ok(recovery) => {
                // The marker and the last segment are always needed, the older pair is not.
                assert!(name != "job.json" && !is_last_segment(name), "{name}");
                assert_eq!(recovery.epoch, LAST);
                let newest = name == "snapshot-00000000000000000006.tt";
                assert_eq!(recovery.set_aside.len(), usize::from(newest), "{name}");
            }
            Err(error) => assert!(error.contains("another state directory"), "{error}"),
        }
    }
}

#[test]
fn files_under_each_others_names_are_refused() {
    let good = directory(5);
    for to in good.keys() {
        for from in good.keys().filter(|&from| from != to) {
            let mut files = good.clone();
            files.insert(to.clone(), good[from].clone());
            match open(&files, 5, &format!("{from} as {to}")) {
                Ok(recovery) => assert_eq!(recovery.epoch, LAST, "{from} as {to}"),
                Err(error) => assert!(error.starts_with(to.as_str()), "{from} as {to}: {error}"),
            }
        }
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_until_newer_ones_are_complete() {
    let mut files = directory(5);
    files.get_mut("snapshot-00000000000000000006.tt").unwrap()[60] ^= 1;
    let disk = SimDisk::with_files(&files);
    let mut state = State::default();
    let (mut checkpoint, recovery) =
        Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut state).unwrap();
    assert_eq!((recovery.snapshot, recovery.records), (Some(3), 6));
    assert!(recovery.set_aside[0].contains("snapshot-00000000000000000006.tt` is damaged"));
    let bad = "snapshot-00000000000000000006.bad";
    assert!(disk.files().contains_key(bad));
    snapshot_now(&mut checkpoint, &state);
    assert!(disk.files().contains_key("snapshot-00000000000000000003.tt"), "still needed");
    commit_all(&mut checkpoint, &mut state, LAST + 1..=LAST + 1, 5);
    snapshot_now(&mut checkpoint, &state);
    let names: Vec<String> = disk.files().into_keys().collect();
    assert!(!names.contains(&bad.to_owned()) && names.len() == 5, "{names:?}");
}
