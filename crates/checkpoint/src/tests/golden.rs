//! Directories written by older versions stay readable; the bytes of format 1 do not change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::damage::{Files, LAST, directory};
use super::sim::SimDisk;
use super::{State, identity};
use crate::Checkpoint;

const SEED: u64 = 42;
const KEY_START: [u8; 4] = [0x62, 0xd5, 0x2c, 0x9e];
/// Values of the shards when the fixture was written.
const VALUES: [(u16, u64); 4] = [
    (1, 13_113_489_282_946_138_800),
    (2, 755_862_840_032_939_062),
    (3, 1_618_212_302_424_862_437),
    (4, 13_963_940_111_932_091_133),
];

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/checkpoint/v1")
}

fn read_fixture() -> Files {
    let entries = std::fs::read_dir(fixture()).unwrap();
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

#[test]
fn a_directory_of_format_1_is_read() {
    let disk = SimDisk::with_files(&read_fixture());
    let mut state = State::default();
    let (checkpoint, recovery) =
        Checkpoint::open_on(Arc::new(disk), &identity(), false, &mut state).unwrap();
    assert_eq!((recovery.epoch, recovery.snapshot, recovery.records), (LAST, Some(6), 3));
    assert_eq!(state.values(), BTreeMap::from(VALUES));
    assert_eq!(checkpoint.key().bytes()[..4], KEY_START);
}

#[test]
#[cfg(not(feature = "planted-bug"))]
fn what_is_written_now_is_format_1_to_the_byte() {
    assert!(directory(SEED) == read_fixture(), "a changed format needs a new version number");
}

#[test]
#[ignore = "writes the fixture; only for a new format version, into a new directory"]
fn write_the_fixture() {
    std::fs::create_dir_all(fixture()).unwrap();
    for (name, bytes) in directory(SEED) {
        std::fs::write(fixture().join(name), bytes).unwrap();
    }
}
