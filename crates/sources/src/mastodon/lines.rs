//! Events -> records. One line each, the same from both wires and from the timeline:
//! `{"at":<arrival, ms>,"event":"update","payload":{..}}`.

use std::borrow::Cow;
use std::io::Write as _;

use serde::Deserialize;

use super::cursor::{Cursor, is_newer};
use crate::rate::Rate;

/// What the source needs of a status; decoding reads the rest.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    created_at: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Reads it, where `status` is one.
    pub(super) fn read(status: &'a str) -> Option<Self> {
        serde_json::from_str(status).ok()
    }

    /// When it was written, milliseconds since the Unix epoch.
    pub(super) fn written(&self) -> Option<i64> {
        let at: jiff::Timestamp = self.created_at.as_deref()?.parse().ok()?;
        Some(at.as_millisecond())
    }
}

/// Writes records, and tracks the cursor and the rate.
#[derive(Debug)]
pub(super) struct Lines {
    line_max_bytes: usize,
    pub(super) cursor: Option<Cursor>,
    rate: Rate,
    /// Of the batch that is being filled.
    pub(super) buffer: Vec<u8>,
    pub(super) count: u64,
    pub(super) oversize: u64,
    /// The cursor has changed.
    pub(super) moved: bool,
}

impl Lines {
    /// Before the first event.
    pub(super) fn new(line_max_bytes: usize) -> Self {
        Self {
            line_max_bytes,
            cursor: None,
            rate: Rate::default(),
            buffer: Vec::new(),
            count: 0,
            oversize: 0,
            moved: false,
        }
    }

    /// Resumes at `cursor`.
    pub(super) fn go_on(&mut self, cursor: Cursor) {
        self.rate = Rate::known(cursor.rate);
        self.cursor = Some(cursor);
    }

    /// Everything up to `at` is delivered; `id` is the newest status if known.
    pub(super) fn reached(&mut self, id: Option<&str>, at: i64) {
        let rate = (self.rate.per_s() * 100.0).round() / 100.0;
        let cursor = self.cursor.get_or_insert(Cursor { id: None, at, rate });
        if let Some(id) = id.filter(|id| is_newer(id, cursor.id.as_deref())) {
            cursor.id = Some(id.to_owned());
        }
        cursor.at = cursor.at.max(at);
        cursor.rate = rate;
        self.moved = true;
    }

    /// The stream continues at another time.
    pub(super) fn jump(&mut self) {
        self.rate.jump();
    }

    /// An event that came at `at`.
    pub(super) fn event(&mut self, event: &str, payload: &str, at: i64) {
        let head = match event {
            "update" | "status.update" => Head::read(payload),
            _ => None,
        };
        if let Some(head) = head.as_ref().filter(|_| event == "update") {
            let newest = self.cursor.as_ref().and_then(|cursor| cursor.id.as_deref());
            if is_newer(&head.id, newest) {
                self.rate.add(at.saturating_mul(1_000));
            }
            self.reached(Some(&head.id), at);
        }
        let name = serde_json::to_string(event).expect("a string is JSON");
        let start = self.buffer.len();
        let write = |buffer: &mut Vec<u8>, payload: &str| {
            write!(buffer, "{{\"at\":{at},\"event\":{name},\"payload\":{payload}}}")
        };
        let written = if head.is_some() {
            write(&mut self.buffer, payload)
        } else {
            // Not JSON; decoding counts it as malformed.
            let payload = serde_json::to_string(payload).expect("a string is JSON");
            write(&mut self.buffer, &payload)
        };
        written.expect("memory takes everything");
        let line = &mut self.buffer[start..];
        if line.len() > self.line_max_bytes {
            self.buffer.truncate(start);
            self.oversize += 1;
            return;
        }
        // In JSON a newline can only be between members.
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        self.buffer.push(b'\n');
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagtide_posts::decode::{DecodeError, Format, decode};
    use tagtide_posts::post::{EventTime, Op};

    const STATUS: &str = "{\"id\":\"103270115826048975\",\n\"created_at\":\"2019-12-08T03:48:33Z\",\
        \"uri\":\"https://a.example/1\",\"visibility\":\"public\",\"content\":\"<p>hi</p>\",\
        \"account\":{\"acct\":\"me@a.example\"},\"tags\":[{\"name\":\"piano\"}]}";

    fn line(event: &str, payload: &str) -> String {
        let mut lines = Lines::new(10_000);
        lines.event(event, payload, 77);
        String::from_utf8(lines.buffer).expect("it is text")
    }

    #[test]
    fn a_record_is_one_line_that_decoding_reads_with_its_arrival() {
        for (event, op) in [("update", Op::Create), ("status.update", Op::Update)] {
            let line = line(event, STATUS);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let post = decode(Format::Mastodon, line.as_bytes()).expect("sound").expect("a post");
            assert_eq!((post.op, post.time), (op, Some(EventTime(77))));
            assert_eq!(post.id.to_str(), "https://a.example/1");
            assert_eq!(tagtide_posts::decode::detect(line.as_bytes()), Some(Format::Mastodon));
        }
        // Without our mark it is the time of the status: a file that is replayed.
        let wrapped = format!("{{\"event\":\"update\",\"payload\":{STATUS}}}");
        let post = decode(Format::Mastodon, wrapped.as_bytes()).expect("sound").expect("a post");
        assert_eq!(post.time, Some(EventTime(1_575_776_913_000)));
        // The time distinguishes an edit from the next one.
        let edited = STATUS.replacen('{', "{\"edited_at\":\"2019-12-08T04:00:00Z\",", 1);
        let line = line("status.update", &edited);
        let post = decode(Format::Mastodon, line.as_bytes()).expect("sound").expect("a post");
        assert_eq!(post.rev.to_str(), "2019-12-08T04:00:00Z");
        let delete = self::line("delete", "103270115826048975");
        let post = decode(Format::Mastodon, delete.as_bytes()).expect("sound").expect("a delete");
        assert_eq!((post.op, &*post.alias.to_str()), (Op::Delete, "103270115826048975"));
    }

    #[test]
    fn what_is_no_status_stays_one_record_and_moves_nothing() {
        let control = line("filters_changed", "undefined");
        assert!(matches!(decode(Format::Mastodon, control.as_bytes()), Ok(None)));
        for broken in ["{\"id\":\"1\"", "}{", "x\ny", "{\"id\":\"1\"},\"event\":\"delete\""] {
            let line = line("update", broken);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let read = decode(Format::Mastodon, line.as_bytes());
            assert!(
                matches!(read, Err(DecodeError::Malformed | DecodeError::Missing(_))),
                "{line}"
            );
        }
        let mut lines = Lines::new(100);
        lines.event("update", STATUS, 5);
        assert_eq!((lines.count, lines.oversize, lines.buffer.len()), (0, 1, 0));
    }

    #[test]
    fn the_place_is_that_of_the_newest_status() {
        let mut lines = Lines::new(10_000);
        for (id, at) in [("9", 5), ("10", 6), ("8", 7)] {
            lines.event("update", &format!("{{\"id\":\"{id}\"}}"), at);
        }
        lines.event("delete", "99", 8);
        let cursor = lines.cursor.expect("there is one");
        assert_eq!((cursor.id.as_deref(), cursor.at), (Some("10"), 7));
    }
}
