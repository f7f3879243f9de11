//! First starts, `--fresh`, other jobs, misuse, and which crash points are reached.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::sim::{Fault, SimDisk};
use super::{Mix, SHARDS, State, commit_all, delta, identity, open, snapshot_now, state_at};
use crate::crash::tests::take_reached;
use crate::{
    CRASH_POINTS, CRASH_POINTS_RARE, Checkpoint, CheckpointError, Part, Recovery, Section,
};

fn open_sim(disk: &SimDisk, fresh: bool) -> Result<(Checkpoint, Recovery), CheckpointError> {
    Checkpoint::open_on(Arc::new(disk.clone()), &identity(), fresh, &mut State::default())
}

#[test]
fn an_interrupted_first_start_bricks_nothing() {
    let whole = SimDisk::new(1);
    open_sim(&whole, false).unwrap();
    for at in 1..=whole.ops() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            disk.fail_after(at, Fault::End);
            open_sim(&disk, false).unwrap_err();
            match seed {
                0 => disk.restart(),
                _ => disk.power_cut(&mut Mix(seed)),
            }
            let (mut checkpoint, recovery) = open_sim(&disk, false).unwrap();
            assert_eq!(recovery.epoch, 0, "op {at}");
            commit_all(&mut checkpoint, &mut State::default(), 1..=2, 1);
            assert_eq!(open_sim(&disk, false).unwrap().1.epoch, 2, "op {at}");
        }
    }
}

#[test]
fn an_interrupted_fresh_is_finished_by_the_next_start() {
    let used = || {
        let disk = SimDisk::new(1);
        let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
        let mut state = State::default();
        commit_all(&mut checkpoint, &mut state, 1..=2, 1);
        snapshot_now(&mut checkpoint, &state);
        disk
    };
    let whole = used();
    let before = whole.ops();
    assert!(open_sim(&whole, true).unwrap().1.first);
    let (mut old, mut new) = (0, 0);
    for at in 1..=whole.ops() - before {
        for seed in 0..20 {
            let disk = used();
            disk.fail_after(at, Fault::End);
            open_sim(&disk, true).unwrap_err();
            match seed {
                0 => disk.restart(),
                _ => disk.power_cut(&mut Mix(seed)),
            }
            match open_sim(&disk, false).unwrap().1.epoch {
                0 => new += 1,
                2 => old += 1,
                epoch => panic!("op {at}: epoch {epoch}"),
            }
        }
    }
    assert!(old > 5 && new > 100, "{old} {new}");
}

#[test]
fn fresh_takes_a_new_key_and_leaves_the_files_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = State::default();
    let (mut checkpoint, _) = open(dir.path(), &mut state).unwrap();
    let old_key = checkpoint.key().clone();
    commit_all(&mut checkpoint, &mut state, 1..=3, 1);
    drop(checkpoint);
    let others = ["token", "history.sqlite", "log-3.tt", "snapshot.tt"];
    for name in others {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let mut state = State::default();
    let other_job = crate::Identity { job: "other".into(), parts: Vec::new() };
    let (checkpoint, recovery) =
        Checkpoint::open(dir.path(), &other_job, true, &mut state).unwrap();
    assert!(recovery.first && state.values().is_empty());
    assert_eq!(state.key.as_ref(), Some(checkpoint.key()));
    assert_ne!(checkpoint.key(), &old_key);
    for name in others {
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), name);
    }
}

#[test]
fn files_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let mut state = State::default();
    let (mut checkpoint, _) = open(&path, &mut state).unwrap();
    commit_all(&mut checkpoint, &mut state, 1..=1, 1);
    snapshot_now(&mut checkpoint, &state);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let entries: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(entries.len(), 5, "{entries:?}");
    for entry in entries {
        assert_eq!(mode(&entry), 0o600, "{}", entry.display());
    }
}

#[test]
fn another_job_is_named_and_nothing_is_touched() {
    let disk = SimDisk::new(1);
    open_sim(&disk, false).unwrap();
    let before = disk.files();
    let mut other = identity();
    other.parts[0].value = "words".into();
    other.parts.push(Part::new("sources", "stdin"));
    let error = Checkpoint::open_on(Arc::new(disk.clone()), &other, false, &mut State::default())
        .unwrap_err();
    assert!(matches!(error, CheckpointError::Foreign { .. }));
    let message = error.to_string();
    assert!(
        message.contains("rule was `tags`, is `words`; sources was absent, is `stdin`"),
        "{message}"
    );
    assert!(message.contains("help: ") && message.contains("--fresh"), "{message}");
    assert_eq!(disk.files(), before);
}

#[test]
fn an_impossible_directory_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.join("state"), file.clone(), "/proc/tagtide".into()] {
        let message = open(&path, &mut State::default()).unwrap_err().to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn calls_out_of_order_write_nothing() {
    let disk = SimDisk::new(1);
    let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
    let mut state = State::default();
    commit_all(&mut checkpoint, &mut state, 1..=2, 1);
    let before = disk.ops();
    for epoch in [0, 1, 2, 4, u64::MAX] {
        checkpoint.commit(epoch, &delta(epoch, 1)).unwrap_err();
    }
    checkpoint.begin_snapshot(1).unwrap_err();
    checkpoint.snapshot_piece(&[]).unwrap_err();
    checkpoint.finish_snapshot(2).unwrap_err();
    assert_eq!(disk.ops(), before);
    checkpoint.begin_snapshot(2).unwrap();
    checkpoint.finish_snapshot(3).unwrap_err();
    checkpoint.finish_snapshot(1).unwrap_err();
    checkpoint.finish_snapshot(2).unwrap();
    commit_all(&mut checkpoint, &mut state, 3..=3, 1);
}

#[test]
fn a_required_section_that_is_unknown_stops_with_its_place() {
    let disk = SimDisk::new(1);
    let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
    let unknown = |required| [Section { kind: 99, required, body: vec![1] }];
    checkpoint.commit(1, &unknown(false)).unwrap();
    drop(checkpoint);
    let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
    checkpoint.commit(2, &unknown(true)).unwrap();
    drop(checkpoint);
    let message = open_sim(&disk, false).unwrap_err().to_string();
    assert!(message.contains("log-00000000000000000000.tt"), "{message}");
    assert!(message.contains("section kind 99 is unknown, at byte 85"), "{message}");
}

#[test]
fn the_log_since_the_snapshot_is_measured() {
    let disk = SimDisk::new(1);
    let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
    let mut state = State::default();
    assert_eq!((checkpoint.bytes_since_snapshot(), checkpoint.snapshot_bytes()), (0, 0));
    commit_all(&mut checkpoint, &mut state, 1..=4, 1);
    let four = checkpoint.bytes_since_snapshot();
    assert!(four > 4 * 28, "{four}");
    checkpoint.begin_snapshot(4).unwrap();
    commit_all(&mut checkpoint, &mut state, 5..=5, 1);
    assert!(checkpoint.bytes_since_snapshot() > four);
    checkpoint.snapshot_piece(&[state.piece(1, 5)]).unwrap();
    checkpoint.finish_snapshot(5).unwrap();
    let one = checkpoint.bytes_since_snapshot();
    assert!(one > 28 && one < four, "{one}");
    let snapshot = disk.files()["snapshot-00000000000000000004.tt"].len() as u64;
    assert_eq!(checkpoint.snapshot_bytes(), snapshot);
    drop(checkpoint);
    let (checkpoint, _) = open_sim(&disk, false).unwrap();
    assert_eq!(checkpoint.snapshot_bytes(), snapshot);
    // A recovery reads the head of the segment too.
    assert_eq!(checkpoint.bytes_since_snapshot(), one + 48);
}

#[test]
fn every_crash_point_is_passed() {
    take_reached();
    let disk = SimDisk::new(1);
    let (mut checkpoint, _) = open_sim(&disk, false).unwrap();
    let mut state = State::default();
    for epoch in 1..=3 {
        commit_all(&mut checkpoint, &mut state, epoch..=epoch, 1);
        snapshot_now(&mut checkpoint, &state);
    }
    let reached: Vec<&str> = take_reached().into_iter().collect();
    let mut listed = CRASH_POINTS.to_vec();
    listed.sort_unstable();
    assert_eq!(reached, listed);

    commit_all(&mut checkpoint, &mut state, 4..=4, 1);
    checkpoint.begin_snapshot(4).unwrap();
    for _ in 0..9 {
        let piece = Section { kind: SHARDS, required: false, body: vec![0; 1 << 20] };
        checkpoint.snapshot_piece(&[piece]).unwrap();
    }
    disk.fail_after(1, Fault::End);
    checkpoint.commit(5, &delta(5, 1)).unwrap_err();
    drop(checkpoint);
    disk.restart();
    let mut seen = State::default();
    let opened = Checkpoint::open_on(Arc::new(disk.clone()), &identity(), false, &mut seen);
    assert_eq!(opened.unwrap().1.epoch, 4);
    assert_eq!(seen.values(), state_at(4, 1).values());
    open_sim(&disk, true).unwrap();
    let reached = take_reached();
    for name in CRASH_POINTS_RARE {
        assert!(reached.contains(name), "{name}");
    }
    for name in reached {
        assert!(CRASH_POINTS.contains(&name) || CRASH_POINTS_RARE.contains(&name), "{name}");
    }
}
