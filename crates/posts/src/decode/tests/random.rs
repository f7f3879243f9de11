//! Random documents and random damage: no bytes panic, and both paths agree.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::{FORMATS, records, show};
use crate::decode::json::tolerant;
use crate::decode::{DecodeError, Format, decode, detect, jetstream, mastodon, x_v1, x_v2};
use crate::post::Post;

static RECORDS: LazyLock<Vec<(Format, Vec<u8>)>> = LazyLock::new(|| {
    let all = FORMATS
        .iter()
        .flat_map(|(format, folder)| records(folder).into_iter().map(|record| (*format, record)));
    all.collect()
});

/// The same record by the tolerant path only.
fn slowly(format: Format, record: &[u8]) -> Result<Option<Post<'_>>, DecodeError> {
    match format {
        Format::X1 => tolerant::record(record, x_v1::walk),
        Format::X2 => tolerant::record(record, x_v2::walk),
        Format::Jetstream => tolerant::record(record, jetstream::walk),
        Format::Mastodon => tolerant::record(record, mastodon::walk),
        Format::Text | Format::TextPlus => decode(format, record),
    }
}

fn json_records() -> impl Iterator<Item = &'static (Format, Vec<u8>)> {
    RECORDS.iter().filter(|(format, record)| {
        !matches!(format, Format::Text | Format::TextPlus) && record.starts_with(b"{")
    })
}

#[test]
fn both_paths_agree_on_every_fixture() {
    for (format, record) in json_records() {
        let name = String::from_utf8_lossy(record);
        assert_eq!(show(decode(*format, record)), show(slowly(*format, record)), "{name}");
    }
}

/// Writes a value with random white space and escapes, in the same order.
fn scribble(value: &Value, dice: &mut impl FnMut(u32) -> u32, out: &mut String) {
    let space = |out: &mut String, dice: &mut dyn FnMut(u32) -> u32| {
        if dice(6) == 0 {
            out.push([' ', '\t', '\r', '\n'][dice(4) as usize]);
        }
    };
    match value {
        Value::String(text) => scribble_string(text, dice, out),
        Value::Array(elements) => {
            out.push('[');
            for (n, element) in elements.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                space(out, dice);
                scribble(element, dice, out);
                space(out, dice);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (n, (key, member)) in members.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                space(out, dice);
                scribble_string(key, dice, out);
                space(out, dice);
                out.push(':');
                space(out, dice);
                scribble(member, dice, out);
                space(out, dice);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn scribble_string(text: &str, dice: &mut impl FnMut(u32) -> u32, out: &mut String) {
    let rarely = if dice(8) == 0 { 4 } else { 1000 };
    out.push('"');
    for char in text.chars() {
        if dice(rarely) == 0 {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        } else {
            let quoted = Value::from(char.to_string()).to_string();
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
    out.push('"');
}

/// Replaces some value somewhere by another one.
fn distort(value: &mut Value, dice: &mut impl FnMut(u32) -> u32) {
    match value {
        Value::Array(elements) if !elements.is_empty() && dice(5) > 0 => {
            let n = dice(u32::try_from(elements.len()).unwrap()) as usize;
            distort(&mut elements[n], dice);
        }
        Value::Object(members) if !members.is_empty() && dice(5) > 0 => {
            let n = dice(u32::try_from(members.len()).unwrap()) as usize;
            distort(members.values_mut().nth(n).unwrap(), dice);
        }
        other => {
            *other = match dice(8) {
                0 => Value::Null,
                1 => true.into(),
                2 => (-5).into(),
                3 => 1e300.into(),
                4 => u64::MAX.into(),
                5 => "public".into(),
                6 => serde_json::json!({ "text": "x", "id": [] }),
                _ => serde_json::json!([other.clone(), { "tag": "y", "$type": "#tag" }]),
            };
        }
    }
}

fn dice(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed | 1;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 33) % u64::from(sides)).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn both_paths_agree_however_it_is_written(
        pick in any::<prop::sample::Index>(), seed in any::<u64>(), wrong in 0usize..3
    ) {
        let all: Vec<_> = json_records().collect();
        let (format, record) = all[pick.index(all.len())];
        let mut dice = dice(seed);
        let mut value: Value = serde_json::from_slice(record).unwrap();
        for _ in 0..wrong {
            distort(&mut value, &mut dice);
        }
        prop_assume!(value.is_object());
        let mut written = String::new();
        scribble(&value, &mut dice, &mut written);
        let plain = value.to_string();
        let fast = show(decode(*format, plain.as_bytes()));
        prop_assert_eq!(&show(slowly(*format, plain.as_bytes())), &fast);
        prop_assert_eq!(&show(decode(*format, written.as_bytes())), &fast, "{}", written);
        prop_assert_eq!(&show(slowly(*format, written.as_bytes())), &fast);
    }

    #[test]
    fn damaged_records_never_panic(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..8),
    ) {
        let (format, record) = &RECORDS[pick.index(RECORDS.len())];
        let mut record = record.clone();
        for (place, byte, how) in damage {
            let at = place.index(record.len() + 1);
            match how {
                0 => record.insert(at, byte),
                1 if at < record.len() => record[at] = byte,
                2 if at < record.len() => drop(record.remove(at)),
                _ => record.insert(at, b"\"\\{}[],:"[usize::from(byte) % 8]),
            }
        }
        for (other, _) in FORMATS {
            let _ = show(decode(other, &record));
        }
        let _ = show(slowly(*format, &record));
        let _ = detect(&record);
    }

    #[test]
    fn any_bytes_never_panic(record in prop::collection::vec(any::<u8>(), 0..300)) {
        for (format, _) in FORMATS {
            let _ = show(decode(format, &record));
            let _ = show(slowly(format, &record));
        }
        let _ = detect(&record);
    }
}
