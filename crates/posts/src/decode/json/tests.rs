use proptest::prelude::*;

use super::tolerant::rewrite;
use super::walker::{Keys, Walker};
use members::members;

#[path = "../../../../simd/src/json/tests/members.rs"]
mod members;

/// The values of three keys in an object, and whether the whole object was read.
fn three(record: &[u8], keys: &Keys) -> Option<(Vec<String>, bool)> {
    // Padded, so that no member is too near to the end of the slice to be skipped.
    let padded = [record, &[0; 200]].concat();
    let mut walker = Walker::new(&padded, 0, record.len());
    let mut found = Vec::new();
    let walked = walker.members(keys, |w, key| {
        if matches!(key, b"id" | b"text" | b"user") {
            let mark = w.mark();
            w.skip()?;
            let (key, value) = (key.escape_ascii(), w.since(mark).escape_ascii());
            found.push(format!("{key}={value}"));
        }
        Ok(true)
    });
    walked.ok().map(|_| (found, walker.finish().is_ok()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn only_members_that_are_not_requested_are_skipped(members in members()) {
        let record = [b"{", &members[..members.len() - 1], b"}"].concat();
        let some = three(&record, &Keys::of(&["id", "text", "user"]));
        prop_assert_eq!(some, three(&record, &Keys::ALL));
    }
}

#[test]
fn a_rewritten_record_keeps_order_and_duplicates() {
    let record = b" { \"b\" : [ 1 , {\"\\u0061\" : \"\\u0061\\x\x01\"} ] , \"a\":2,\"b\":1e5 } ";
    let clean = rewrite(record).expect("it can be repaired");
    let wanted = r#"{"b":[1,{"a":"\u0061\ufffd\u0001"}],"a":2,"b":1e5}"#;
    assert_eq!(String::from_utf8_lossy(&clean), wanted);
}
