//! HTTP: the page, the API, live updates, metrics, the routes of the original dashboard.
//!
//! A [`Server`] reads a watch channel of [`TickSnapshot`] and asks a [`LiveQuery`] for anything
//! that a tick does not contain. It never counts, never changes a count, and writes nothing to
//! disk; history and alerts are read from their files. The only input that it accepts is a ranking
//! posted to `/updateData`, and only if its [`Feed`] is a [`PostedRanking`] (`tagtide dashboard`).
//!
//! | file | content |
//! |---|---|
//! | `listen` | sockets, connection limits, time limits, shutdown |
//! | `fd_limit` | fits the connection limits to the limit of open files |
//! | `guard` | which requests are answered; headers of every answer |
//! | `strict_query` | the parameters of a request |
//! | `ranking_query` | parameters that select a ranking |
//! | `router` | the table of routes |
//! | `api/` | JSON |
//! | `live`, `diff` | server-sent events |
//! | `tutorial`, `posted_ranking` | the routes of the original dashboard |
//! | `page` | the page and its assets |
//! | `login` | the form that asks a browser for the token |
//! | `metrics` | Prometheus |
//!
//! Limits: 16 KiB of headers, 1 MiB of body, [`ServeOptions::connections_max`] connections for
//! requests, [`ServeOptions::live_max`] live streams in addition, [`Timeouts`] for slow clients.

mod api;
mod diff;
mod fd_limit;
mod guard;
mod listen;
mod live;
mod login;
mod metrics;
mod page;
mod posted_ranking;
mod ranking_query;
mod router;
mod strict_query;
mod tutorial;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::run::LiveQuery;
use tagtide_extract::Rule;
use tagtide_trends::rank::TickSnapshot;

pub use listen::{Server, probe, start};
pub use posted_ranking::PostedRanking;

/// Default port of the page.
pub const PORT: u16 = 5001;

/// Shortest token for an address that other machines can reach.
const TOKEN_MIN_CHARS: usize = 16;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `127.0.0.1`, and `[::1]` if the machine has it; port 0 selects a free one.
    Loopback(u16),
    /// Only this address; one that is not loopback needs [`ServeOptions::token`].
    Address(SocketAddr),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Loopback(PORT)
    }
}

impl Listen {
    /// True if only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Loopback(_) => true,
            Self::Address(addr) => addr.ip().is_loopback(),
        }
    }

    /// The addresses to bind; all except the first can be missing on this machine.
    fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Loopback(port) => vec![
                SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), *port),
                SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), *port),
            ],
            Self::Address(addr) => vec![*addr],
        }
    }
}

impl FromStr for Listen {
    type Err = ServeError;

    /// `5001`, `localhost:5001`, `127.0.0.1:5001`, `0.0.0.0:80`, `[::]:80`; a bare port and
    /// `localhost` are both loopback addresses.
    fn from_str(text: &str) -> Result<Self, ServeError> {
        if let Some(Ok(port)) = text.strip_prefix("localhost:").or(Some(text)).map(str::parse) {
            return Ok(Self::Loopback(port));
        }
        text.parse().map(Self::Address).map_err(|_| ServeError::Address(text.to_owned()))
    }
}

/// The data of a server.
#[derive(Clone)]
pub struct Feed {
    /// The newest tick.
    pub published: watch::Receiver<Arc<TickSnapshot>>,
    /// Answers what a tick does not contain.
    pub live: Arc<dyn LiveQuery>,
    /// Behaviour of the original dashboard's routes.
    pub tutorial: Tutorial,
}

/// Behaviour of the original dashboard's routes.
#[derive(Clone)]
pub enum Tutorial {
    /// `GET /refreshData` returns our own default ranking; `POST /updateData` returns 409.
    Own,
    /// As in the original: the ranking that was posted last is returned.
    Posted(Arc<PostedRanking>),
}

/// Options of a server.
#[derive(Clone)]
pub struct ServeOptions {
    /// The token that clients need; required if other machines can reach the address, without
    /// effect on reads from loopback.
    pub token: Option<String>,
    /// Names besides loopback's that a `Host` header may have, without port.
    pub hosts: Vec<String>,
    /// Serves the page from this directory instead of the program.
    pub web_dir: Option<PathBuf>,
    /// Directory of history and alerts; `None` = there are none.
    pub state_dir: Option<PathBuf>,
    /// Rows of `/refreshData`.
    pub top: usize,
    /// How a tag in a URL becomes a key, and whether a display name already has its `#`.
    pub rule: Rule,
    /// Most connections for requests.
    pub connections_max: usize,
    /// Most live streams, in addition to those.
    pub live_max: usize,
    /// Time limits for slow clients.
    pub timeouts: Timeouts,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            token: None,
            hosts: Vec::new(),
            web_dir: None,
            state_dir: None,
            top: 10,
            rule: Rule::default(),
            connections_max: 1_024,
            live_max: 8_192,
            timeouts: Timeouts::default(),
        }
    }
}

impl fmt::Debug for ServeOptions {
    /// Prints everything except the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("token", &self.token.as_ref().map(|_| "(redacted)"))
            .field("hosts", &self.hosts)
            .field("web_dir", &self.web_dir)
            .field("state_dir", &self.state_dir)
            .field("top", &self.top)
            .field("rule", &self.rule)
            .field("connections_max", &self.connections_max)
            .field("live_max", &self.live_max)
            .field("timeouts", &self.timeouts)
            .finish()
    }
}

/// Time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Header of a request, from the start of the connection or the end of the last answer.
    pub header: Duration,
    /// Body of a request, from the end of its header.
    pub body: Duration,
    /// An answer from the live state.
    pub ask: Duration,
    /// A client that reads nothing although data waits for it.
    pub stuck: Duration,
    /// Silence on a live stream before a comment is sent.
    pub keep_alive: Duration,
    /// Answers in progress when the server stops.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(5),
            body: Duration::from_secs(5),
            ask: Duration::from_secs(5),
            stuck: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            drain: Duration::from_secs(3),
        }
    }
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens on the address.
    #[error(
        "cannot listen on `{0}`: the address is in use\nhelp: stop the program that listens there, \
         or choose another port with `--listen 127.0.0.1:5002`"
    )]
    InUse(SocketAddr),
    /// The system refused to listen.
    #[error("cannot listen on `{addr}`: {source}\nhelp: choose another address with `--listen`")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Other machines could read without a token.
    #[error(
        "refused to listen on `{0}`, which other machines can reach, without a token\nhelp: put one \
         into the environment as `TAGTIDE_TOKEN`, or its file's name as `TAGTIDE_TOKEN_FILE`; or \
         listen on `127.0.0.1:5001`"
    )]
    TokenNeeded(SocketAddr),
    /// Other machines could guess the token.
    #[error(
        "refused to listen on `{0}`, which other machines can reach, with a token of fewer than \
         {TOKEN_MIN_CHARS} characters\nhelp: make one with `openssl rand -hex 16`"
    )]
    TokenShort(SocketAddr),
    /// It is not an address.
    #[error(
        "`{0}` is no address to listen on\nhelp: give a port, or an address with a port such as \
         `127.0.0.1:5001` or `[::1]:5001`"
    )]
    Address(String),
    /// `--web-dir` is not a directory.
    #[error(
        "cannot serve the page from `{}`: {source}\nhelp: give the directory that holds \
         `index.html`",
        dir.display()
    )]
    WebDir {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system refused threads or random numbers.
    #[error("cannot start the server: {0}")]
    Start(std::io::Error),
}

#[cfg(test)]
mod tests;
