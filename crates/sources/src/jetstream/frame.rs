//! What the source needs of a frame: its place in the stream, and whether it is a message of the
//! server about the stream itself. Decoding reads the post.

use std::borrow::Cow;

use serde::Deserialize;

/// A frame as far as the source reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Something happened at this place.
    Event(At),
    /// A notice of the server: name and message.
    Notice(String, String),
    /// The reason for which the server closes: name and message.
    Error(String, String),
    /// None of these.
    Other,
}

/// The place of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// Number of the event on its server; v1 servers of old have none.
    pub(super) seq: Option<u64>,
    /// The server's time, microseconds since the Unix epoch.
    pub(super) time_us: i64,
    /// A new post.
    pub(super) is_post: bool,
}

impl At {
    /// True where it comes after `other` in the order of one server.
    pub(super) fn is_further_than(&self, other: &Self) -> bool {
        match (self.seq, other.seq) {
            (Some(mine), Some(theirs)) => mine > theirs,
            _ => self.time_us >= other.time_us,
        }
    }
}

/// Members of both wires; those of v2 are one level down, in `payload`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members<'a> {
    #[serde(borrow, rename = "$type")]
    kind: Option<Cow<'a, str>>,
    time_us: Option<i64>,
    cursor: Option<u64>,
    seq: Option<u64>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    /// When the server saw the event, if stated: cursors go by this, and `time` may be
    /// another where an operator has imported times.
    #[serde(borrow, rename = "witnessedAt")]
    witnessed_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    operation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    commit: Option<Commit<'a>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<Box<Members<'a>>>,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow)]
    operation: Option<Cow<'a, str>>,
}

/// Reads a frame of either wire.
pub(super) fn read(bytes: &[u8]) -> Frame {
    let Ok(mut of) = serde_json::from_slice::<Members<'_>>(bytes) else { return Frame::Other };
    if let Some(payload) = of.payload.take() {
        of = *payload;
    }
    let text = |text: Option<Cow<'_, str>>| text.unwrap_or_default().into_owned();
    if let Some(error) = of.error {
        return Frame::Error(error.into_owned(), text(of.message));
    }
    let time_us = of.time_us.or_else(|| {
        let time: jiff::Timestamp = of.witnessed_at.or(of.time)?.parse().ok()?;
        Some(time.as_microsecond())
    });
    let operation = of.operation.or(of.commit.and_then(|commit| commit.operation));
    match time_us {
        Some(time_us) => Frame::Event(At {
            seq: of.seq.or(of.cursor),
            time_us,
            is_post: operation.as_deref() == Some("create"),
        }),
        None if of.kind.is_some_and(|kind| kind.ends_with("#info")) => {
            Frame::Notice(text(of.name), text(of.message))
        }
        None => Frame::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: Option<u64>, time_us: i64, is_post: bool) -> Frame {
        Frame::Event(At { seq, time_us, is_post })
    }

    #[test]
    fn events_of_both_wires_say_where_they_stand() {
        let v1 = br#"{"did":"did:plc:a","time_us":1783175888090631,"kind":"commit","commit":
            {"operation":"create","record":{"seq":9,"time":"x"}},"cursor":123456}"#;
        assert_eq!(read(v1), event(Some(123_456), 1_783_175_888_090_631, true));
        let old = br#"{"did":"a","time_us":5,"kind":"account","account":{"seq":7,"time":"y"}}"#;
        assert_eq!(read(old), event(None, 5, false));
        let v2 =
            br##"{"$type":"message","payload":{"$type":"n.b.j.subscribeEvents#commit","seq":12,
            "did":"a","time":"2024-09-09T19:46:02.329308Z","operation":"delete"}}"##;
        assert_eq!(read(v2), event(Some(12), 1_725_911_162_329_308, false));
    }

    #[test]
    fn a_place_goes_by_when_the_server_saw_the_event() {
        let v2 = br##"{"$type":"message","payload":{"$type":"n.b.j.subscribeEvents#commit","seq":1,
            "time":"1999-01-01T00:00:00Z","witnessedAt":"1970-01-01T00:00:00.000007Z"}}"##;
        assert_eq!(read(v2), event(Some(1), 7, false));
    }

    #[test]
    fn words_of_the_server_are_no_events() {
        let slow = br#"{"$type":"error","error":"ConsumerTooSlow","message":"cursor 9"}"#;
        assert_eq!(read(slow), Frame::Error("ConsumerTooSlow".into(), "cursor 9".into()));
        let old = br##"{"$type":"message","payload":{"$type":"n.b.j.subscribeEvents#info",
            "name":"OutdatedCursor","message":"m"}}"##;
        assert_eq!(read(old), Frame::Notice("OutdatedCursor".into(), "m".into()));
        for nonsense in [&b"{}"[..], b"[1]", b"{\"time_us\":\"x\"}", b"\xff", b"", b"{\"time\":1}"]
        {
            assert_eq!(read(nonsense), Frame::Other, "{nonsense:?}");
        }
    }

    #[test]
    fn a_real_server_numbers_and_times_an_event_alike_on_both_wires() {
        let places = |lines: &str| lines.lines().map(|line| read(line.as_bytes())).collect();
        let mut v1: Vec<Frame> =
            places(include_str!("../../../../tests/fixtures/jetstream/real_v1.jsonl"));
        let v2: Vec<Frame> =
            places(include_str!("../../../../tests/fixtures/jetstream/real_v2.jsonl"));
        assert_eq!(v2[0], event(Some(4058), 1_795_479_381_702_690, true));
        // Two posts of one commit.
        assert_eq!(v2[1], event(Some(4059), 1_795_479_381_702_690, true));
        // An identity event, which v2 was not asked for.
        assert_eq!(v1.remove(3), event(Some(4082), 1_795_479_382_891_780, false));
        assert_eq!(v1, v2);
    }
}
