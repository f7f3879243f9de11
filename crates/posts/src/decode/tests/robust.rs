//! Bad input gets an error or a lossy post, never a panic: one test per kind of fault.

use serde_json::{Value, json};

use super::{FORMATS, records, show};
use crate::decode::{DecodeError, Format, decode};

fn x1(record: &[u8]) -> Value {
    show(decode(Format::X1, record))
}

fn malformed() -> Value {
    json!({ "error": "malformed record" })
}

#[test]
fn cut_at_every_byte() {
    for (format, folder) in FORMATS {
        for (n, record) in records(folder).iter().enumerate() {
            // Long records are similar: the first one at every byte, the others at every 7th.
            let step = if n > 0 && record.len() > 1500 { 7 } else { 1 };
            for cut in (n % step..record.len()).step_by(step) {
                let answer = decode(format, &record[..cut]);
                let is_json = record.starts_with(b"{");
                if cut > 0 && is_json && !matches!(format, Format::Text | Format::TextPlus) {
                    assert_eq!(answer.map(|_| ()), Err(DecodeError::Malformed), "cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn nested_deeper_than_128() {
    let deep = |n: usize, open: &str, close: &str| {
        format!("{{\"a\":{}1{},\"text\":\"t\"}}", open.repeat(n), close.repeat(n))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[ ", " ]")] {
        for (n, wanted) in [
            (1, json!({ "text": "t" })),
            (100, json!({ "text": "t" })),
            (127, json!({ "text": "t" })),
            (128, json!({ "error": "record nested deeper than 128" })),
            (1_000, json!({ "error": "record nested deeper than 128" })),
            (100_000, json!({ "error": "record nested deeper than 128" })),
        ] {
            assert_eq!(x1(deep(n, open, close).as_bytes()), wanted, "{n} times `{open}`");
        }
    }
    for (format, _) in &FORMATS[2..] {
        for key in ["text", "data", "record", "payload", "user", "tags", "commit", "entities"] {
            let open = format!("{{\"{key}\":").repeat(100_000);
            let answer = decode(*format, open.as_bytes());
            assert_eq!(answer.map(|_| ()), Err(DecodeError::TooDeep), "{format:?} `{key}`");
        }
    }
    // Brackets inside strings do not nest.
    let text = "[{".repeat(1000);
    assert_eq!(x1(format!("{{\"text\":\"{text}\"}}").as_bytes()), json!({ "text": text }));
}

#[test]
fn invalid_utf8_is_decoded_lossily() {
    let cases: [(&[u8], &str); 10] = [
        (b"invalid \xff\xc3 end", "invalid \u{FFFD}\u{FFFD} end"),
        (b"nul \x00 end", "nul \0 end"),
        (b"tab \t end", "tab \t end"),
        (b"pair \\ud83d\\ude00", "pair 😀"),
        (b"lone \\ud83d end", "lone \u{FFFD} end"),
        (b"lone \\ude00\\ud83d", "lone \u{FFFD}\u{FFFD}"),
        (b"bad \\x escape \\u12g4", "bad \u{FFFD} escape \u{FFFD}12g4"),
        (b"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\u{8}\u{C}\n\r\t"),
        (b"\\u0000\\u00e9\\uFFFF", "\0é\u{FFFF}"),
        (b"", ""),
    ];
    for (inside, wanted) in cases {
        let record = [b"{\"text\":\"", inside, b"\"}"].concat();
        assert_eq!(x1(&record), json!({ "text": wanted }));
        // The same by the tolerant path, which an escaped key leads to.
        let record = [b"{\"\\u0061\":1,\"text\":\"", inside, b"\"}"].concat();
        assert_eq!(x1(&record), json!({ "text": wanted }));
        // And in a field that is not read.
        let record = [b"{\"x\":\"", inside, b"\",\"text\":\"t\"}"].concat();
        assert_eq!(x1(&record), json!({ "text": "t" }));
    }
}

#[test]
fn escaped_keys_are_keys() {
    let record = br#"{"\u0074ext":"t","us\u0065r":{"id\u005fstr":"7"},"id_str":"1"}"#;
    assert_eq!(x1(record), json!({ "id": "1", "author": "7", "text": "t" }));
    let record = br#"{"text":"t","say \"hi\"":1,"back\\slash":2,"id_str":"1"}"#;
    assert_eq!(x1(record), json!({ "id": "1", "text": "t" }));
    let record = br#"{"text":"t","lone \ud83d":1}"#;
    assert_eq!(x1(record), malformed());
}

#[test]
fn integers_are_read_within_64_bits() {
    for (ms, wanted) in [
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("9223372036854775808", Value::Null),
        ("\"1572181949665\"", json!(1_572_181_949_665i64)),
        ("\"15721819x9665\"", Value::Null),
        ("1e3", Value::Null),
        ("1.5", Value::Null),
        ("\"\"", Value::Null),
        ("\"-\"", Value::Null),
    ] {
        let shown = x1(format!("{{\"text\":\"t\",\"timestamp_ms\":{ms}}}").as_bytes());
        assert_eq!(shown.get("time").cloned().unwrap_or_default(), wanted, "{ms}");
    }
}

#[test]
fn of_duplicate_keys_the_last_wins() {
    let record = br#"{"text":"a","user":{"id_str":"1","id_str":"2"},"text":"b",
        "entities":{"hashtags":[{"text":"x"}]},"entities":{"hashtags":[]},
        "user":{"id_str":"3"}}"#;
    assert_eq!(x1(record), json!({ "author": "3", "text": "b", "given": [] }));
    let record = br#"{"text":"a","user":{"id_str":"1","name":"\"id","id_str":"2","url":null}}"#;
    assert_eq!(x1(record), json!({ "author": "2", "text": "a" }));
    let record = br#"{"text":"a","user":{"id_str":"3"},"user":{"id":4},"t\u0065xt":"b"}"#;
    assert_eq!(x1(record), json!({ "author": "4", "text": "b" }));
}

#[test]
fn a_text_that_is_not_a_string_is_missing() {
    for value in ["null", "12", "true", "[\"t\"]", "{\"text\":\"t\"}"] {
        let record = format!("{{\"id_str\":\"1\",\"text\":{value}}}");
        assert_eq!(x1(record.as_bytes()), json!({ "error": "record lacks `text`" }));
    }
}

#[test]
fn marks_and_white_space_around_a_record_are_ignored() {
    let wanted = json!({ "id": "1", "text": "t" });
    for record in [
        &b"\xEF\xBB\xBF{\"id_str\":\"1\",\"text\":\"t\"}"[..],
        b" \t{ \"id_str\" :\t\"1\" ,\r\n \"text\" : \"t\" } \r\n",
        b"\xEF\xBB\xBF {\"id_str\":\"1\",\"text\":\"t\"}\n",
    ] {
        assert_eq!(x1(record), wanted, "{}", String::from_utf8_lossy(record));
    }
    assert_eq!(x1(b"\xEF\xBB\xBF\r\n"), Value::Null);
}

#[test]
fn anything_but_json_is_malformed() {
    for record in [
        &b"{\"text\":\"t\"} x"[..],
        b"{\"text\":\"t\"}}",
        b"{\"text\":\"t\"}{\"text\":\"t\"}",
        b"{\"text\":\"t\"}\0",
        b"{\"text\":\"t\",}",
        b"{,\"text\":\"t\"}",
        b"{\"text\" \"t\"}",
        b"{\"text\":\"t\",\"a\":tru}",
        b"{\"text\":\"t\",\"a\":nulls}",
        b"{\"text\":\"t\",\"a\":}",
        b"{\"text\":\"t\",\"a\":'x'}",
        b"{\"text\":\"t\",\"a\":[1,2}",
        b"{\"text\":\"t\" \"a\":1}",
        b"{text:\"t\"}",
        b"{\"text\":\"t",
        b"{\"text\":\"t\\\"}",
        b"{",
        b"}",
        b"null",
        b"\0",
        b"\xff",
        b"\xEF\xBB",
    ] {
        assert_eq!(x1(record), malformed(), "{}", String::from_utf8_lossy(record));
    }
}

#[test]
fn a_long_line_of_anything_takes_linear_time() {
    for unit in ["\"", "\\", "{", "[", "\\u", "\u{1}", "{\"a\":[", "{\"\\u0061\":", "\"\\", "7,"] {
        let filling = unit.repeat((1 << 16) / unit.len());
        for record in [
            filling.clone(),
            format!("{{\"text\":\"{filling}"),
            format!("{{\"\\u0061\":[{filling}]}}"),
            format!("{{\"\\u0061\":\"{filling}\"}}"),
        ] {
            for (format, _) in &FORMATS[2..] {
                let _ = decode(*format, record.as_bytes());
            }
        }
    }
}
