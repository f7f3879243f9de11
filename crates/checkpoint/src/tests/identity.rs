//! A job whose identity changed: what resumes, what stops, and what the directory records then.

use std::sync::Arc;

use super::sim::{Fault, SimDisk};
use super::{Mix, State, commit_all, identity, state_at};
use crate::{Checkpoint, CheckpointError, Earlier, Identity, Part, Recovery};

fn open(disk: &SimDisk, of: &Identity) -> Result<(Checkpoint, Recovery), CheckpointError> {
    Checkpoint::open_on(Arc::new(disk.clone()), of, false, &mut State::default())
}

/// Three epochs of a job that has no grammar.
fn used() -> SimDisk {
    let disk = SimDisk::new(1);
    let (mut checkpoint, _) = open(&disk, &identity()).unwrap();
    commit_all(&mut checkpoint, &mut State::default(), 1..=3, 1);
    disk
}

/// The job with a grammar, which is 1 where a directory names none.
fn with_grammar(value: &str, earlier: &[(&str, Option<&str>)]) -> Identity {
    let earlier = earlier
        .iter()
        .map(|(value, help)| Earlier { value: (*value).to_owned(), help: help.map(str::to_owned) });
    let part = Part {
        absent: Some("1".to_owned()),
        earlier: earlier.collect(),
        ..Part::new("grammar", value)
    };
    let mut identity = identity();
    identity.parts.push(part);
    identity
}

fn stopped(disk: &SimDisk, of: &Identity) -> String {
    let before = disk.files();
    let error = open(disk, of).unwrap_err();
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
    assert_eq!(disk.files(), before, "nothing is touched");
    error.to_string()
}

#[test]
fn a_part_that_a_directory_lacks_is_recorded_and_held_from_then_on() {
    let disk = used();
    let refused = stopped(&disk, &with_grammar("2", &[]));
    assert!(refused.contains("grammar was `1`, is `2`"), "{refused}");
    let (mut checkpoint, recovery) = open(&disk, &with_grammar("1", &[])).unwrap();
    assert_eq!(recovery.epoch, 3);
    let mut state = state_at(3, 1);
    commit_all(&mut checkpoint, &mut state, 4..=4, 1);
    drop(checkpoint);
    // Its files carry the hash of the first identity, and are still its own.
    let mut again = State::default();
    let (_, recovery) =
        Checkpoint::open_on(Arc::new(disk.clone()), &with_grammar("1", &[]), false, &mut again)
            .unwrap();
    assert_eq!((recovery.epoch, again.values()), (4, state.values()));
    let refused = stopped(&disk, &identity());
    assert!(refused.contains("grammar was `1`, is absent"), "{refused}");
}

#[test]
fn an_earlier_value_goes_on_or_names_its_own_way_out() {
    let disk = used();
    let refused = stopped(&disk, &with_grammar("3", &[("1", Some("accept it")), ("2", None)]));
    assert!(refused.ends_with("grammar was `1`, is `3`\nhelp: accept it"), "{refused}");
    let mut other = with_grammar("3", &[("1", Some("accept it"))]);
    other.job = "other".to_owned();
    let refused = stopped(&disk, &other);
    assert!(refused.contains("--state-dir") && !refused.contains("accept it"), "{refused}");
    for (value, earlier) in [("2", [("1", None)]), ("3", [("2", None)])] {
        assert_eq!(open(&disk, &with_grammar(value, &earlier)).unwrap().1.epoch, 3, "{value}");
    }
    let back = stopped(&disk, &with_grammar("2", &[("1", None)]));
    assert!(back.contains("grammar was `3`, is `2`") && back.contains("--fresh"), "{back}");
}

#[test]
fn an_interrupted_change_loses_nothing() {
    let whole = used();
    let before = whole.ops();
    open(&whole, &with_grammar("1", &[])).unwrap();
    let changes = whole.ops() - before;
    assert!(changes > 3, "the marker is written again");
    for at in 1..=changes {
        for seed in 0..20 {
            let disk = used();
            disk.fail_after(at, Fault::End);
            open(&disk, &with_grammar("1", &[])).unwrap_err();
            match seed {
                0 => disk.restart(),
                _ => disk.power_cut(&mut Mix(seed)),
            }
            let mut state = State::default();
            let of = with_grammar("1", &[]);
            let opened = Checkpoint::open_on(Arc::new(disk.clone()), &of, false, &mut state);
            assert_eq!(opened.unwrap().1.epoch, 3, "op {at}");
            assert_eq!(state.values(), state_at(3, 1).values(), "op {at}");
        }
    }
}
