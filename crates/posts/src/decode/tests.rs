//! Every fixture in `tests/fixtures/<format>/` against its expected result.

mod random;
mod robust;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{DecodeError, Format, decode, decode_padded, detect};
use crate::post::{Markup, Op, PAD, Post, Raw, Span};

pub(super) const FORMATS: [(Format, &str); 6] = [
    (Format::Text, "text"),
    (Format::TextPlus, "text_plus"),
    (Format::X1, "x_v1"),
    (Format::X2, "x_v2"),
    (Format::Jetstream, "jetstream"),
    (Format::Mastodon, "mastodon"),
];

/// The result of a record, without empty fields.
pub(super) fn show(answer: Result<Option<Post<'_>>, DecodeError>) -> Value {
    let post = match answer {
        Ok(Some(post)) => post,
        Ok(None) => return Value::Null,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    let raw = |raw: &Raw<'_>| Value::from(raw.to_str().into_owned());
    match post.op {
        Op::Create => None,
        Op::Update => put("op", "update".into()),
        Op::Delete => put("op", "delete".into()),
        Op::DropAuthor => put("op", "drop_author".into()),
    };
    for (name, value) in [
        ("id", &post.id),
        ("alias", &post.alias),
        ("rev", &post.rev),
        ("author", &post.author),
        ("lang", &post.lang),
    ] {
        if !value.is_empty() {
            put(name, raw(value));
        }
    }
    if !post.replaces.is_empty() {
        put("replaces", post.replaces.iter().map(raw).collect());
    }
    if post.bot {
        put("bot", true.into());
    }
    if post.repost {
        put("repost", true.into());
    }
    if let Some(time) = post.time {
        put("time", time.0.into());
    }
    match post.markup {
        Markup::Entities => None,
        Markup::Verbatim => put("markup", "verbatim".into()),
        Markup::Html => put("markup", "html".into()),
    };
    if matches!(post.op, Op::Create | Op::Update) {
        put("text", raw(&post.text));
    }
    if let Some(given) = &post.given {
        let tags = given.iter().map(|tag| match tag.span {
            None => json!([raw(&tag.tag), null]),
            Some(Span::Chars(from, to)) => json!([raw(&tag.tag), { "chars": [from, to] }]),
            Some(Span::Bytes(from, to)) => json!([raw(&tag.tag), { "bytes": [from, to] }]),
        });
        put("given", tags.collect());
    }
    Value::Object(shown)
}

/// Files of records of one format, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(folder);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| !path.to_string_lossy().ends_with(".expected.json"));
    files.sort();
    files
}

/// Every record of one format's fixtures, without its newline.
pub(super) fn records(folder: &str) -> Vec<Vec<u8>> {
    let lines = |path: PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let bytes = bytes.strip_suffix(b"\n").unwrap().to_vec();
        bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    files(folder).into_iter().flat_map(lines).collect()
}

#[test]
fn every_fixture_has_its_expected_result() {
    for (format, folder) in FORMATS {
        let files = files(folder);
        assert!(!files.is_empty(), "no fixtures for `{folder}`");
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            let expected = std::fs::read(path.with_extension("expected.json")).unwrap();
            let expected: Vec<Value> = serde_json::from_slice(&expected).unwrap();
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
            assert_eq!(lines.len(), expected.len(), "{}", path.display());
            for (n, (line, wanted)) in lines.iter().zip(&expected).enumerate() {
                let place = format!("{}:{}", path.display(), n + 1);
                assert_eq!(show(decode(format, line)), *wanted, "{place}");
                let bare = line.strip_suffix(b"\n").unwrap();
                assert_eq!(show(decode(format, bare)), *wanted, "{place} without newline");
            }
        }
    }
}

#[test]
fn bytes_after_a_record_change_nothing() {
    for (format, folder) in FORMATS {
        let records = records(folder);
        for follower in [&b"\"}]}],\"text\":\"#stale\"}\n"[..], b"\\\\\\", b""] {
            for record in &records {
                let alone = show(decode(format, record));
                let padded = [b"\"{[", &record[..], follower, &[0; PAD]].concat();
                let end = 3 + record.len();
                let inside = show(decode_padded(format, &padded, 3, end));
                assert_eq!(inside, alone, "{}", String::from_utf8_lossy(record));
            }
        }
    }
}

#[test]
fn a_range_outside_the_buffer_is_malformed() {
    for (format, _) in FORMATS {
        for (start, end) in [(0, 9), (3, 2), (usize::MAX, usize::MAX), (1, usize::MAX)] {
            let answer = decode_padded(format, b"{}", start, end);
            assert_eq!(answer.map(|_| ()), Err(DecodeError::Malformed));
        }
    }
}

#[test]
fn common_records_allocate_no_tag_and_no_string() {
    let all = records("x_v1");
    let line = all.iter().find(|line| line.len() > 2000).unwrap();
    let post = decode(Format::X1, line).unwrap().unwrap();
    let given = post.given.unwrap();
    assert_eq!((given.len(), given.spilled()), (2, false));
    let owned = |raw: &Raw<'_>| matches!(raw, Raw::Owned(_));
    assert!(!owned(&post.id) && !owned(&post.author) && !owned(&post.text));
    assert!(given.iter().all(|tag| !owned(&tag.tag)));
}

#[test]
fn every_format_is_detected_from_any_of_its_files() {
    for (format, folder) in FORMATS {
        for path in files(folder) {
            let bytes = std::fs::read(&path).unwrap();
            // A file of `text+` with broken lines is detected as text.
            let wanted = if format == Format::TextPlus { Format::Text } else { format };
            assert_eq!(detect(&bytes), Some(wanted), "{}", path.display());
        }
    }
}

#[test]
fn detection_from_few_bytes() {
    let plus = b"a\t1\tx\nb\t-2\ty\n\n";
    let long =
        [&b"{\"delete\":{\"status\":{\"id_str\":\"1\"}}}"[..], &b"\n\r\n".repeat(9)].concat();
    let cases: [(&[u8], Option<Format>); 22] = [
        (b"", None),
        (b"\r\n\r\n  \n", None),
        (b"{\"id_str\":\"1\",\"te", None),
        (b"{\"id_str\":\"1\",\"text\":\"whole, no newline\"}", Some(Format::X1)),
        (b"\xEF\xBB\xBF{\"id_str\":\"1\",\"text\":\"bom\"}\n", Some(Format::X1)),
        (b"\r\n{\"data\":{\"id\":\"1\",\"text\":\"x\"}}\r\n", Some(Format::X2)),
        (b"{\"\\u0064ata\":{\"id\":\"1\",\"text\":\"x\"}}\r\n", Some(Format::X2)),
        (b"{\"foo\":1}\n{\"limit\":{\"track\":1}}\n", Some(Format::X1)),
        (b"{\"foo\":1}\n", None),
        (b"{\"foo\":1}\nplain\n", Some(Format::Text)),
        (b"{not json}\n", Some(Format::Text)),
        (b"hello", Some(Format::Text)),
        (b"alice\t", None),
        (b"alice\t17", None),
        (b"alice\t17 ", Some(Format::Text)),
        (b"alice\t17\thi", Some(Format::TextPlus)),
        (b"a\t1\tx\nplain\n", Some(Format::Text)),
        (b"a\t1\tx\n{\"foo\":1}\n", None),
        (b"{\"did\":\"d\",\"time_us\":1,\"kind\":\"identity\"}\n", Some(Format::Jetstream)),
        (b"{\"event\":\"delete\",\"payload\":\"1\"}\n", Some(Format::Mastodon)),
        (plus, Some(Format::TextPlus)),
        (&long, Some(Format::X1)),
    ];
    for (sample, wanted) in cases {
        assert_eq!(detect(sample), wanted, "{}", String::from_utf8_lossy(sample));
    }
}
