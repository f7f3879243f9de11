//! A source of Mastodon, as far as a job decides it.

use super::x::SecretFrom;

/// One instance of Mastodon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MastodonPlan {
    /// Its address: `https`, or `http` for loopback.
    pub instance: String,
    /// What is read of it.
    pub stream: MastodonStream,
    /// Over which wire, where there is a token.
    pub wire: MastodonWire,
    /// Without a token its timeline is polled.
    pub token: Option<SecretFrom>,
}

/// The streams of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MastodonStream {
    /// Every public post that the instance sees.
    Public,
    /// Those of its own users.
    Local,
    /// Those of other instances.
    Remote,
    /// Those with this hashtag, without `#`.
    Hashtag(String),
}

impl MastodonStream {
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
pub enum MastodonWire {
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    WebSocket,
}
