use std::fs;
use std::io::Write;

use super::*;
use crate::framing::BATCH_BYTES;

const WAIT: Duration = Duration::from_millis(5);

fn source(paths: &[&Path], follow: bool, limit: usize) -> FileSource {
    let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    FileSource::new(&paths, follow, limit, &Clock::System)
}

/// Reads to the end; returns the bytes, the newest Position of each partition, and the drops.
fn drain(source: &mut FileSource) -> Result<(Vec<u8>, Vec<Position>, u64), SourceError> {
    let (mut out, mut positions, mut oversize) = (Vec::new(), BTreeMap::new(), 0);
    let mut batch = Batch::default();
    loop {
        batch.clear();
        match source.poll(&mut batch, WAIT)? {
            Poll::End => break,
            Poll::Idle => continue,
            Poll::Ready => {}
        }
        out.extend_from_slice(batch.records());
        oversize += batch.dropped.oversize;
        for position in batch.positions.drain(..) {
            positions.insert(position.partition, position.at);
        }
    }
    let positions =
        positions.into_iter().map(|(partition, at)| Position { partition, at }).collect();
    Ok((out, positions, oversize))
}

fn lines(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| format!("line {i} #tag{}\n", i % 97).into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn fatal<T>(result: Result<T, SourceError>) -> String {
    match result {
        Err(SourceError::Fatal(reason)) => reason.into(),
        Err(other) => panic!("no failure for good: {other}"),
        Ok(_) => panic!("no error"),
    }
}

#[test]
fn plain_and_packed_files_read_alike_and_resume_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let body = lines(200_000);
    assert!(body.len() > 3 * BATCH_BYTES);
    let middle = body.len() / 3;
    let two_members = [gzip(&body[..middle]), gzip(&body[middle..])].concat();
    let two_frames = [
        zstd::encode_all(&body[..middle], 1).unwrap(),
        zstd::encode_all(&body[middle..], 1).unwrap(),
    ]
    .concat();
    for (name, bytes) in [("a.txt", &body), ("a.txt.gz", &two_members), ("a.zst", &two_frames)] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let mut whole = source(&[&path], false, 1 << 20);
        whole.open(&[]).unwrap();
        assert_eq!(drain(&mut whole).unwrap().0, body, "{name}");
        let (mut batch, mut before) = (Batch::default(), Vec::new());
        whole.open(&[]).unwrap();
        let mut at = 0;
        loop {
            batch.clear();
            if whole.poll(&mut batch, WAIT).unwrap() != Poll::Ready {
                break;
            }
            assert_eq!(batch.first, at);
            at += batch.lines;
            before.extend_from_slice(batch.records());
            let mut rest = source(&[&path], false, 1 << 20);
            rest.open(&batch.positions).unwrap();
            let after = drain(&mut rest).unwrap().0;
            assert!([before.as_slice(), after.as_slice()].concat() == body, "{name} at {at}");
            assert_eq!(rest.lines, 200_000);
        }
    }
}

#[test]
fn files_follow_one_another_and_done_ones_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("b", "b1\nb2"), ("a", "a1\n"), ("c", ""), ("d", "d1\r\n")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let all = dir.path().join("*");
    let mut source = source(&[&all, &dir.path().join("a")], false, 100);
    source.open(&[]).unwrap();
    let (out, positions, _) = drain(&mut source).unwrap();
    assert_eq!(out, b"a1\nb1\nb2\nd1\r\n");
    assert_eq!(positions.len(), 4);
    fs::remove_file(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("aa"), "new\n").unwrap();
    source.open(&positions).unwrap();
    assert_eq!(source.lines, 4);
    assert_eq!(drain(&mut source).unwrap().0, b"new\n");
}

#[test]
fn a_long_line_is_counted_once_across_a_resume() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long");
    let long = vec![b'x'; 5 * BATCH_BYTES];
    fs::write(&path, [b"one\n", long.as_slice(), b"\ntwo\n"].concat()).unwrap();
    let mut first = source(&[&path], false, 1000);
    first.open(&[]).unwrap();
    let mut batch = Batch::default();
    assert_eq!(first.poll(&mut batch, Duration::ZERO).unwrap(), Poll::Ready);
    assert_eq!((batch.records(), batch.dropped.oversize), (&b"one\n"[..], 1));
    assert!(batch.positions[0].at.contains("in_long_line"), "{:?}", batch.positions);
    let mut second = source(&[&path], false, 1000);
    second.open(&batch.positions).unwrap();
    let (out, _, oversize) = drain(&mut second).unwrap();
    assert_eq!((out.as_slice(), oversize), (&b"two\n"[..], 0));
}

#[test]
fn changes_behind_our_back_stop_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("posts");
    let body = lines(80_000);
    fs::write(&path, &body).unwrap();
    let mut first = source(&[&path], false, 1000);
    first.open(&[]).unwrap();
    let mut batch = Batch::default();
    first.poll(&mut batch, WAIT).unwrap();
    let reopened = || {
        let mut second = source(&[&path], false, 1000);
        second.open(&batch.positions).and_then(|()| drain(&mut second))
    };
    reopened().unwrap();
    fs::write(&path, &body[..1000]).unwrap();
    assert!(fatal(reopened()).contains("shorter"));
    let mut other = body.clone();
    other[10] ^= 1;
    fs::write(&path, &other).unwrap();
    assert!(fatal(reopened()).contains("first bytes"));
    fs::write(dir.path().join("new"), &body).unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    let text = fatal(reopened());
    assert!(text.contains("another file") && text.contains("posts"), "{text}");
    fs::remove_file(&path).unwrap();
    assert!(fatal(reopened()).contains("no such file"));
}

#[test]
fn wrong_names_are_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("x.gz"), gzip(b"x\n")).unwrap();
    assert!(
        fatal(source(&[&at("missing")], false, 9).open(&[])).contains("missing`: no such file")
    );
    assert!(fatal(source(&[&at("*.txt")], false, 9).open(&[])).contains("no file matches"));
    assert!(fatal(source(&[], false, 9).open(&[])).contains("none is named"));
    assert!(fatal(source(&[&at("x.gz")], true, 9).open(&[])).contains("packed"));
    let mut folder = source(&[dir.path()], false, 9);
    assert!(fatal(folder.open(&[]).and_then(|()| drain(&mut folder))).contains("directory"));
    fs::write(at("[a]"), "odd name\n").unwrap();
    let mut odd = source(&[&at("[a]")], false, 99);
    odd.open(&[]).unwrap();
    assert_eq!(drain(&mut odd).unwrap().0, b"odd name\n");
}

#[test]
fn damaged_packed_files_give_their_lines_and_then_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let body = lines(200_000);
    for (name, bytes) in
        [("cut.gz", gzip(&body)), ("cut.zst", zstd::encode_all(body.as_slice(), 1).unwrap())]
    {
        let path = dir.path().join(name);
        fs::write(&path, &bytes[..bytes.len() - bytes.len() / 4]).unwrap();
        let mut source = source(&[&path], false, 1 << 20);
        source.open(&[]).unwrap();
        let (mut batch, mut seen) = (Batch::default(), 0);
        let error = loop {
            batch.clear();
            match source.poll(&mut batch, WAIT) {
                Ok(Poll::End) => panic!("{name} ended without an error"),
                Ok(_) => {
                    assert!(body[seen..].starts_with(batch.records()));
                    seen += batch.records().len();
                }
                Err(error) => break fatal::<()>(Err(error)),
            }
        };
        assert!(error.contains("unpack") && error.contains(name), "{error}");
        assert!(seen > body.len() / 2, "{seen}");
    }
}

#[test]
fn a_bomb_costs_its_lines_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bomb.gz");
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..64 {
        out.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    out.write_all(b"\nafter\n").unwrap();
    fs::write(&path, out.finish().unwrap()).unwrap();
    let mut source = source(&[&path], false, 1 << 20);
    source.open(&[]).unwrap();
    let (out, _, oversize) = drain(&mut source).unwrap();
    assert_eq!((out.as_slice(), oversize), (&b"after\n"[..], 1));
}

/// Polls until something other than `Idle` comes; a deadline keeps a fault from hanging.
fn await_change(source: &mut FileSource, batch: &mut Batch) -> Result<Poll, SourceError> {
    let deadline = monotonic() + Duration::from_secs(10);
    loop {
        batch.clear();
        match source.poll(batch, WAIT)? {
            Poll::Idle => assert!(monotonic() < deadline, "nothing came"),
            other => return Ok(other),
        }
    }
}

#[test]
fn a_followed_file_waits_for_its_newline() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("log"), dir.path().join("other"));
    fs::write(&path, "one\ntw").unwrap();
    fs::write(&other, "").unwrap();
    let mut source = source(&[&path, &other], true, 1000);
    source.open(&[]).unwrap();
    let mut batch = Batch::default();
    await_change(&mut source, &mut batch).unwrap();
    assert_eq!(batch.records(), b"one\n");
    batch.clear();
    assert_eq!(source.poll(&mut batch, WAIT).unwrap(), Poll::Idle);
    let append = |path: &Path, text: &str| {
        fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    append(&other, "from the other\n");
    await_change(&mut source, &mut batch).unwrap();
    assert_eq!(batch.records(), b"from the other\n");
    append(&path, "o\nthree\n");
    await_change(&mut source, &mut batch).unwrap();
    assert_eq!((batch.records(), batch.first), (&b"two\nthree\n"[..], 2));
    fs::write(&path, "One\ntwo\nthree\nand a line that was not there\n").unwrap();
    let text = fatal(await_change(&mut source, &mut batch));
    assert!(text.contains("first bytes") && text.contains("log"), "{text}");
}

#[test]
fn a_followed_file_that_is_truncated_or_replaced_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    for replace in [false, true] {
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut source = source(&[&path], true, 1000);
        source.open(&[]).unwrap();
        let mut batch = Batch::default();
        await_change(&mut source, &mut batch).unwrap();
        if replace {
            fs::write(dir.path().join("new"), "other\n").unwrap();
            fs::rename(dir.path().join("new"), &path).unwrap();
        } else {
            fs::write(&path, "on").unwrap();
        }
        let text = fatal(await_change(&mut source, &mut batch));
        assert!(text.contains(if replace { "another file" } else { "shorter" }), "{text}");
    }
}

#[test]
fn followed_files_are_partitions_that_are_read_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a", "b", "c"].map(|name| dir.path().join(name).display().to_string());
    paths.iter().for_each(|path| fs::write(path, format!("of {path}\n")).unwrap());
    let mut source = FileSource::new(&paths, true, 1 << 16, &Clock::System);
    source.open(&[]).unwrap();
    assert_eq!(source.partitions(), 3);
    let (mut batch, mut seen) = (Batch::default(), Vec::new());
    while seen.len() < 3 {
        batch.clear();
        if source.poll(&mut batch, Duration::ZERO).unwrap() == Poll::Ready {
            let of = &batch.positions[0].partition;
            assert!(batch.records().ends_with(format!("{of}\n").as_bytes()), "{of}");
            seen.push(batch.partition);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2]);
    let mut in_order = FileSource::new(&paths, false, 1 << 16, &Clock::System);
    in_order.open(&[]).unwrap();
    assert_eq!(in_order.partitions(), 1, "one after the other");
}
