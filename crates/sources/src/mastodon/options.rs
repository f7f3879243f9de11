//! The keys of a source of Mastodon.

use std::sync::Arc;
use std::time::Duration;

use super::{MastodonSource, STALL, TIMELINE_POSTS_MAX};
use crate::finding::Finding;
use crate::http_client::host_of;
use crate::kind::{Replays, SourceKind, SourceOptions};
use crate::loss_bounds::{Filled, LossBounds};
use crate::options::{Key, SecretFrom, Section, address};
use crate::web::ANSWER_MAX;
use crate::{Guarantee, NO_END, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;

/// One instance of Mastodon, live.
pub static KIND: SourceKind = SourceKind {
    name: "mastodon",
    about: "posts that an instance of Mastodon sees, as they happen",
    keys: &[
        Key::text("instance"),
        Key::text("stream"),
        Key::text("tag"),
        Key::text("wire"),
        Key::text("token_env"),
        Key::text("token_file"),
    ],
    formats: &[("auto", Some(Format::Mastodon)), ("mastodon", Some(Format::Mastodon))],
    short_key: None,
    aliases: &[],
    is_platform: true,
    check: |section, _| Arc::new(Options::check(section)),
};

const HELP: &str =
    "write a host such as `mastodon.social`; `ws://` and `http://` are for this machine";

/// Which instance, and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its address: `https`, or `http` for loopback.
    pub instance: String,
    /// What is read of it.
    pub stream: StreamName,
    /// Over which wire, where there is a token.
    pub wire: WireName,
    /// Without a token its timeline is polled.
    pub token: Option<SecretFrom>,
}

/// The streams of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamName {
    /// Every public post that the instance sees.
    Public,
    /// Those of its own users.
    Local,
    /// Those of other instances.
    Remote,
    /// Those with this hashtag, without `#`.
    Hashtag(String),
}

impl StreamName {
    /// As job files name it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Local => "public:local",
            Self::Remote => "public:remote",
            Self::Hashtag(_) => "hashtag",
        }
    }
}

/// The wires of Mastodon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireName {
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    WebSocket,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        const WIRES: [(&str, WireName); 2] =
            [("sse", WireName::Sse), ("websocket", WireName::WebSocket)];
        let instance = match section.text("instance") {
            Some(field) => {
                let server = address::server(section.checker, &field.value, &field.place, HELP);
                server.unwrap_or_default()
            }
            None => {
                let help = "add `instance = \"https://mastodon.example\"`";
                section.missing("the source has no `instance`", help);
                String::new()
            }
        };
        let stream = stream(section);
        let wire = section.word("wire", &WIRES, WireName::Sse);
        Self { instance, stream, wire, token: token(section) }
    }
}

fn stream(section: &mut Section<'_>) -> StreamName {
    const STREAMS: [(&str, StreamName); 4] = [
        ("public", StreamName::Public),
        ("public:local", StreamName::Local),
        ("public:remote", StreamName::Remote),
        ("hashtag", StreamName::Hashtag(String::new())),
    ];
    let stream = section.word("stream", &STREAMS, StreamName::Public);
    let tag = section.text("tag").map(|field| field.value);
    let tag = tag.as_ref().map(|tag| tag.trim_start_matches(['#', '＃']));
    match (tag, matches!(stream, StreamName::Hashtag(_))) {
        (Some(tag), true) if !tag.is_empty() => return StreamName::Hashtag(tag.to_owned()),
        (Some(_), false) => {
            let help = "add `stream = \"hashtag\"`";
            section.missing("`tag` belongs to the stream `hashtag`", help);
        }
        (_, true) => {
            section.missing("the stream `hashtag` has no `tag`", "add `tag = \"caturday\"`");
        }
        (None, false) => {}
    }
    stream
}

/// Where the token is; a source may do without.
fn token(section: &mut Section<'_>) -> Option<SecretFrom> {
    let keys = ("token_env", "token_file");
    let is_named = section.text(keys.0).is_some() || section.text(keys.1).is_some();
    is_named.then(|| address::secret(section, "token", keys))
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        let stream = match &self.stream {
            StreamName::Hashtag(tag) => format!("hashtag {tag}"),
            stream => stream.name().to_owned(),
        };
        let how = match (&self.token, self.wire) {
            (None, _) => "polled, because there is no token",
            (_, WireName::Sse) => "by server-sent events, with a token",
            (_, WireName::WebSocket) => "by WebSocket, with a token",
        };
        format!("Mastodon, live, {stream} from {}, {how}", host_of(&self.instance))
    }

    fn loss(&self, epoch: Duration) -> LossBounds {
        LossBounds::live(epoch, STALL, ANSWER_MAX, Filled::Posts(TIMELINE_POSTS_MAX))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn replays(&self) -> Replays {
        Replays::AfterPosition
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(MastodonSource::new(self, line_max_bytes, clock)?))
    }

    fn reach(&self, line_max_bytes: usize, clock: &Clock) -> Result<Vec<Finding>, SourceError> {
        const CHECK: &str = "Mastodon";
        const HELP: &str = "use the token of a user of the instance, with the scope \
                            `read:statuses`; without one the public timeline is polled, if the \
                            instance shows it";
        let mut source = MastodonSource::new(self, line_max_bytes, clock)?;
        let found = source.reach().into_iter().map(|(what, reached)| match reached {
            Ok(found) => Finding::pass(CHECK, format!("{what}: {found}")),
            Err(why) => Finding::warn(CHECK, format!("{what}: {why}"), HELP),
        });
        Ok(found.collect())
    }

    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        Some(NO_END)
    }
}
