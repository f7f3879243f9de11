//! The slow path: records that the walker could not handle are validated by a full parser and
//! rewritten.
//!
//! Repaired: raw control characters and bad escapes inside strings, invalid UTF-8 (as U+FFFD).
//! Kept: lone surrogates, the order of keys, duplicates. Refused: everything that is not JSON
//! after that, and more than 128 levels. Time and memory are linear in the record's length.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Walked;
use super::walker::{DEPTH_MAX, Stop, Walker};
use crate::decode::DecodeError;
use crate::post::{GivenTag, Post, Raw, escape};

/// Levels whose keys are rewritten; no format is read deeper than this.
const READ_DEPTH: u32 = 12;

/// Decodes a record that the fast path refused.
pub(crate) fn record<'a, W>(record: &[u8], walk: W) -> Result<Option<Post<'a>>, DecodeError>
where
    W: for<'b> Fn(&mut Walker<'b>) -> Walked<'b>,
{
    let clean = rewrite(record)?;
    let mut walker = Walker::clean(&clean);
    let post = walk(&mut walker);
    match post {
        Ok(post) if walker.finish().is_ok() => Ok(post.map(into_owned)),
        Err(Stop::Wrong(error)) => Err(error),
        Ok(_) | Err(Stop::Odd) => Err(DecodeError::Malformed),
    }
}

/// The record as valid JSON without unnecessary escapes in keys.
pub(crate) fn rewrite(record: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let repaired = repair(record)?;
    let mut clean = Vec::with_capacity(repaired.len());
    write(&repaired, READ_DEPTH, &mut clean).ok_or(DecodeError::Malformed)?;
    Ok(clean)
}

/// Makes the inside of strings valid, and checks the nesting of brackets.
fn repair(record: &[u8]) -> Result<String, DecodeError> {
    let text = String::from_utf8_lossy(record);
    let bytes = text.as_bytes();
    let mut repaired = String::with_capacity(text.len());
    let mut depth = 0u32;
    let mut inside = false;
    // Bytes from `copied` to `at` are copied unchanged. Both are character boundaries whenever they
    // are used, because only ASCII ends a run.
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let fixed = match byte {
            b'"' => {
                inside = !inside;
                None
            }
            b'{' | b'[' if !inside => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(DecodeError::TooDeep);
                }
                None
            }
            b'}' | b']' if !inside => {
                depth = depth.saturating_sub(1);
                None
            }
            b'\\' if inside => match escape_length(&bytes[at..]) {
                Ok(used) => {
                    at += used;
                    continue;
                }
                Err(used) => Some((0xFFFD, used)),
            },
            0..b' ' if inside => Some((u32::from(*byte), 1)),
            _ => None,
        };
        if let Some((code, used)) = fixed {
            repaired.push_str(&text[copied..at]);
            write!(repaired, "\\u{code:04x}").expect("a String takes all");
            copied = at + used;
        }
        at += fixed.map_or(1, |(_, used)| used);
    }
    repaired.push_str(&text[copied..]);
    Ok(repaired)
}

/// Length in bytes of the escape at the start of `bytes`; `Err` if it is invalid, so that
/// [`escape`] reads it as U+FFFD.
fn escape_length(bytes: &[u8]) -> Result<usize, usize> {
    match bytes.get(1) {
        Some(b'u') if escape::hex(bytes).is_some() => Ok(6),
        Some(b'u') => Err(2),
        Some(byte) if escape::short(*byte).is_some() => Ok(2),
        Some(byte) if byte.is_ascii() => Err(2),
        _ => Err(1),
    }
}

/// Writes one value. Objects and arrays are rewritten for `levels` more levels. `None` if it is not
/// JSON.
fn write(value: &str, levels: u32, clean: &mut Vec<u8>) -> Option<()> {
    match value.trim_start().bytes().next() {
        Some(b'{') if levels > 0 => {
            let Fields(fields) = serde_json::from_str(value).ok()?;
            clean.push(b'{');
            for (n, (key, value)) in fields.iter().enumerate() {
                if n > 0 {
                    clean.push(b',');
                }
                serde_json::to_writer(&mut *clean, key).ok()?;
                clean.push(b':');
                write(value.get(), levels - 1, clean)?;
            }
            clean.push(b'}');
        }
        Some(b'[') if levels > 0 => {
            let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            clean.push(b'[');
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    clean.push(b',');
                }
                write(element.get(), levels - 1, clean)?;
            }
            clean.push(b']');
        }
        _ => {
            let raw: &RawValue = serde_json::from_str(value).ok()?;
            clean.extend_from_slice(raw.get().as_bytes());
        }
    }
    Some(())
}

/// The members of an object in order, including duplicates, with unparsed values.
struct Fields<'a>(Vec<(Key<'a>, &'a RawValue)>);

/// A key with decoded escapes.
#[derive(Deserialize, serde::Serialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Members)
    }
}

/// The same post, owning its strings.
pub(crate) fn into_owned<'a>(post: Post<'_>) -> Post<'a> {
    fn own<'a>(raw: Raw<'_>) -> Raw<'a> {
        match raw {
            Raw::Owned(text) => Raw::Owned(text),
            raw => Raw::Owned(raw.to_str().into_owned()),
        }
    }
    Post {
        op: post.op,
        id: own(post.id),
        alias: own(post.alias),
        rev: own(post.rev),
        replaces: post.replaces.into_iter().map(own).collect(),
        author: own(post.author),
        bot: post.bot,
        time: post.time,
        lang: own(post.lang),
        text: own(post.text),
        markup: post.markup,
        given: post.given.map(|tags| {
            tags.into_iter().map(|tag| GivenTag { tag: own(tag.tag), span: tag.span }).collect()
        }),
        repost: post.repost,
        unlisted: post.unlisted,
    }
}
