//! What a line of either stream is, as far as the source has to know; decoding is elsewhere.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::reconnect::Cause;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A sign of life.
    Blank,
    /// A post, or what may have been one; its time, milliseconds since the Unix epoch.
    Post(Option<i64>),
    /// Something about the stream that changes nothing.
    Notice(String),
    /// Posts that the server held back since the connection began.
    HeldBack(u64),
    /// The server ends the stream.
    End(Cause, String),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    data: Option<Given<'a>>,
    #[serde(borrow)]
    errors: Option<Vec<ServerWords<'a>>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
    connection_issue: Option<IgnoredAny>,
    text: Option<IgnoredAny>,
    full_text: Option<IgnoredAny>,
    delete: Option<IgnoredAny>,
    scrub_geo: Option<IgnoredAny>,
    status_withheld: Option<IgnoredAny>,
    user_withheld: Option<IgnoredAny>,
    limit: Option<Limit>,
    #[serde(borrow)]
    warning: Option<ServerWords<'a>>,
    #[serde(borrow)]
    disconnect: Option<Disconnect<'a>>,
}

#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    created_at: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ServerWords<'a> {
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Limit {
    #[serde(default)]
    track: u64,
}

#[derive(Deserialize)]
struct Disconnect<'a> {
    code: Option<u64>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Message {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Message::Blank;
    }
    // A post that was garbled on the way was paid for all the same.
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return Message::Post(None) };
    if let Some(Given { created_at }) = line.data {
        let at = created_at.and_then(|at| at.parse::<jiff::Timestamp>().ok());
        return Message::Post(at.map(jiff::Timestamp::as_millisecond));
    }
    if line.text.is_some() || line.full_text.is_some() {
        return Message::Post(None);
    }
    if let Some(Limit { track }) = line.limit {
        return Message::HeldBack(track);
    }
    if let Some(Disconnect { code, reason }) = line.disconnect {
        let reason = plain(reason.as_deref().unwrap_or_default());
        let why = format!("the server ends the stream: code {}, {reason}", code.unwrap_or(0));
        return Message::End(Cause::Network, why);
    }
    if let Some(warning) = line.warning {
        return Message::Notice(warning.text());
    }
    let first = line.errors.and_then(|errors| errors.into_iter().next());
    let about = ServerWords { title: line.title, detail: line.detail, message: None };
    if line.connection_issue.is_some() {
        let retry_after: Option<Duration> = None;
        return Message::End(Cause::RateLimited { retry_after }, about.text());
    }
    if let Some(first) = first {
        return Message::End(Cause::Network, format!("the server answers {}", first.text()));
    }
    if about.title.is_some() {
        return Message::End(Cause::Network, format!("the server answers {}", about.text()));
    }
    let about_posts = [line.delete, line.scrub_geo, line.status_withheld, line.user_withheld];
    if about_posts.iter().any(Option::is_some) {
        return Message::Notice(String::new());
    }
    Message::Post(None)
}

impl ServerWords<'_> {
    fn text(&self) -> String {
        let parts = [&self.title, &self.detail, &self.message];
        let parts: Vec<_> = parts.into_iter().flatten().map(|part| plain(part)).collect();
        parts.join(": ")
    }
}

/// A server's words on one line, and not too many.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_told_from_what_is_said_about_the_stream() {
        for (line, is_post) in [
            (r#"{"data":{"id":"1","text":"a"},"matching_rules":[]}"#, true),
            (r#"{"data":{"id":"1"},"errors":[{"title":"Not Found Error"}]}"#, true),
            (r#"{"id_str":"1","text":"a","limit":null}"#, true),
            (r#"{"data":{"id":"1","te"#, true),
            ("\u{feff}?", true),
            (r#"{"delete":{"status":{"id":1}}}"#, false),
            ("\r", false),
        ] {
            assert_eq!(matches!(read(line.as_bytes()), Message::Post(_)), is_post, "{line}");
        }
        let dated = br#"{"data":{"created_at":"2026-11-23T00:00:00.500Z","id":"1"}}"#;
        assert_eq!(read(dated), Message::Post(Some(1_795_392_000_500)));
        let limit = br#"{"limit":{"track":1234,"timestamp_ms":"1"}}"#;
        assert_eq!(read(limit), Message::HeldBack(1234));
        let warning =
            br#"{"warning":{"code":"FALLING_BEHIND","message":"slow","percent_full":60}}"#;
        assert_eq!(read(warning), Message::Notice("slow".into()));
    }

    #[test]
    fn the_end_of_a_stream_says_when_to_come_back() {
        let operational = br#"{"errors":[{"title":"operational-disconnect","disconnect_type":
            "UpstreamOperationalDisconnect","detail":"This stream has been disconnected.",
            "type":"https://api.x.com/2/problems/operational-disconnect"}]}"#;
        let Message::End(Cause::Network, why) = read(operational) else { panic!("it goes on") };
        assert!(why.contains("operational-disconnect: This stream has been"), "{why}");
        let full = br#"{"title":"ConnectionException","detail":"at the maximum allowed limit",
            "connection_issue":"TooManyConnections"}"#;
        let Message::End(Cause::RateLimited { retry_after: None }, why) = read(full) else {
            panic!("it goes on")
        };
        assert!(why.contains("at the maximum"), "{why}");
        let stop = br#"{"disconnect":{"code":6,"stream_name":"a","reason":"token revoked"}}"#;
        let Message::End(Cause::Network, why) = read(stop) else { panic!("it goes on") };
        assert!(why.contains("code 6, token revoked"), "{why}");
    }
}
