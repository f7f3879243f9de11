//! Recordings: what is in the files, when the next begins, and a disk that takes nothing.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::*;
use tagtide_posts::post::EventTime;

fn batch(lines: &str) -> Batch {
    let mut batch = Batch::default();
    batch.buffer().extend_from_slice(lines.as_bytes());
    batch.seal(lines.len());
    batch.lines = lines.lines().count() as u64;
    batch
}

fn start(dir: &Path, rotation: Rotation) -> Recorder {
    let clock = Clock::held(EventTime(1_767_571_200_123));
    let names = ["jetstream v2".to_owned(), "tcp localhost:9009".to_owned()];
    Recorder::start(dir, &names, &clock, rotation).expect("it starts")
}

/// Names and unpacked contents, in order.
fn files(dir: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let file = File::open(entry.path()).expect("a file");
            let mut text = String::new();
            let unpacked =
                zstd::Decoder::new(file).and_then(|mut file| file.read_to_string(&mut text));
            unpacked.expect("whole frames");
            (entry.file_name().into_string().expect("UTF-8"), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn each_source_has_files_of_its_own_that_only_we_may_read() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("a/b");
    let recording = start(&dir, Rotation::default());
    recording.offer(0, "jetstream", &batch("{\"a\":1}\n{}\n"));
    recording.offer(1, "text", &batch("one\n"));
    recording.offer(0, "jetstream", &batch("{\"b\":1}\n"));
    recording.offer(0, "jetstream", &batch(""));
    recording.finish();
    let mode = std::fs::metadata(&dir).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let wanted = [
        ("0-jetstream-20260105T000000.123Z.zst", "{\"a\":1}\n{}\n{\"b\":1}\n"),
        ("1-tcp-20260105T000000.123Z.zst", "one\n"),
    ];
    assert_eq!(files(&dir), wanted.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let header = Header::read(&mut File::open(dir.join(wanted[1].0)).expect("it is there"));
    assert_eq!(header, Some(Header::new("tcp localhost:9009", 1, "text")));
    let status = recording.status(0);
    assert_eq!((status.records, status.lost), (3, 0));
    let length = std::fs::metadata(dir.join(wanted[0].0)).expect("it is there").len();
    assert_eq!(status.bytes, length);
}

#[test]
fn a_long_file_is_followed_by_another_and_no_name_is_taken_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let rotation = Rotation { bytes: 1, age: Duration::MAX };
    for text in ["a\n", "b\n"] {
        let recording = start(dir.path(), rotation);
        let long = text.repeat(FRAME_BYTES / 2);
        recording.offer(1, "text", &batch(&long));
        recording.offer(1, "text", &batch(&long));
        recording.finish();
        assert_eq!(recording.status(1).records, FRAME_BYTES as u64);
    }
    let files = files(dir.path());
    let firsts = files.iter().map(|(name, text)| (&name[22..25], &text[..1]));
    let wanted = [("123", "a"), ("124", "a"), ("125", "b"), ("126", "b")];
    assert_eq!(firsts.collect::<Vec<_>>(), wanted);
}

#[test]
fn a_disk_that_takes_nothing_is_counted_and_a_cut_frame_is_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let of: Arc<Vec<Mutex<Recorded>>> = Arc::new(vec![Mutex::default()]);
    let mut tape = Tape {
        number: 0,
        name: "tcp".into(),
        dir: dir.path().join("gone"),
        clock: Clock::held(EventTime(0)),
        rotation: Rotation::default(),
        of: Arc::clone(&of),
        format: "",
        open: None,
        waiting: Vec::new(),
        records: 0,
        since: monotonic(),
    };
    tape.take("text", b"one\ntwo\n", 2);
    tape.write();
    let status = lock(&of[0]).clone();
    assert_eq!((status.lost, status.records), (2, 0));
    assert!(status.last_error.contains("No such file"));
    // What is open for reading alone takes nothing, and cannot be cut: the next file begins.
    std::fs::create_dir(&tape.dir).expect("a directory");
    let path = tape.dir.join("full");
    std::fs::write(&path, "").expect("a file");
    let file = File::open(&path).expect("it is there");
    tape.open = Some(Open { file, bytes: 7, began: monotonic() });
    tape.take("text", b"three\n", 1);
    tape.write();
    assert_eq!(lock(&of[0]).lost, 3);
    tape.take("text", b"four\n", 1);
    tape.write();
    tape.close();
    let status = lock(&of[0]).clone();
    assert_eq!((status.lost, status.records, status.last_error.as_str()), (3, 1, ""));
    std::fs::remove_file(path).expect("it is there");
    assert_eq!(files(&tape.dir)[0].1, "four\n");
}

#[test]
fn a_thread_that_does_not_keep_up_holds_nobody() {
    let (orders, inbox) = bounded(1);
    let recording = Recorder { orders, of: Arc::new(vec![Mutex::default()]) };
    for _ in 0..5 {
        recording.offer(0, "text", &batch("a\nb\n"));
    }
    assert_eq!(recording.status(0).lost, 8);
    drop(inbox);
}
