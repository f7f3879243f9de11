//! HTTP: the page, the API, live updates, metrics, the wires of the original dashboard.
//!
//! A [`Server`] shows what somebody else publishes: it reads a watch channel of [`TickSnapshot`] and
//! asks a [`LiveQuery`] for the rest. It never counts, never changes a count, and keeps nothing on
//! disk; history and alerts it reads from what others keep there. The one thing that it takes in is
//! a ranking posted to `/updateData`, and that only where its [`Feed`] is a [`PostedRanking`]
//! (`tagtide dashboard`).
//!
//! | file | what |
//! |---|---|
//! | `listen` | sockets, connection limits, time limits, the end |
//! | `fd_limit` | fits those limits to what the system allows |
//! | `guard` | who is answered at all; headers of every answer |
//! | `strict_query` | the parameters of a request |
//! | `router` | the table of routes |
//! | `api/` | JSON |
//! | `live`, `diff` | server-sent events |
//! | `tutorial`, `posted_ranking` | the original dashboard's wires |
//! | `page` | the page and its assets |
//! | `login` | the form that asks a browser for the token |
//! | `metrics` | Prometheus |
//!
//! Limits: 16 KiB of headers, 1 MiB of body, [`ServeOptions::connections_max`] connections for
//! requests and [`ServeOptions::live_max`] live streams besides, [`Timeouts`] for whoever is slow.

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

/// Port of the page where none is asked for.
pub const PORT: u16 = 5001;

/// Shortest token that guards an address which other machines reach.
const TOKEN_MIN_CHARS: usize = 16;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `127.0.0.1` and, where the machine has it, `[::1]`; port 0 takes a free one.
    Loopback(u16),
    /// This address alone; one that is not loopback needs [`ServeOptions::token`].
    Address(SocketAddr),
}

impl Default for Listen {
    fn default() -> Self {
        Self::Loopback(PORT)
    }
}

impl Listen {
    /// True where only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Loopback(_) => true,
            Self::Address(addr) => addr.ip().is_loopback(),
        }
    }

    /// The addresses to bind; all but the first may be missing on this machine.
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

/// What a server shows.
#[derive(Clone)]
pub struct Feed {
    /// Every tick.
    pub published: watch::Receiver<Arc<TickSnapshot>>,
    /// What a tick does not hold.
    pub live: Arc<dyn LiveQuery>,
    /// What the original dashboard's routes do.
    pub tutorial: Tutorial,
}

/// What the original dashboard's routes do.
#[derive(Clone)]
pub enum Tutorial {
    /// `GET /refreshData` shows our own default ranking; `POST /updateData` is answered with 409.
    Own,
    /// As in the original: what was posted last is shown.
    Posted(Arc<PostedRanking>),
}

/// How a server behaves.
#[derive(Clone)]
pub struct ServeOptions {
    /// What a client must show off loopback; needed there, without effect on reads on loopback.
    pub token: Option<String>,
    /// Names beside loopback's that a `Host` header may carry, without port.
    pub hosts: Vec<String>,
    /// Serves the page from this directory rather than from the program.
    pub web_dir: Option<PathBuf>,
    /// Where history and alerts are kept; `None` = there are none.
    pub state_dir: Option<PathBuf>,
    /// Rows of `/refreshData`.
    pub top: usize,
    /// Says how a tag in a URL becomes a key, and whether a display carries its `#` already.
    pub rule: Rule,
    /// Most connections that carry requests.
    pub connections_max: usize,
    /// Most live streams, besides those.
    pub live_max: usize,
    /// For whoever is slow.
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
    /// Shows everything but the token.
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

/// How long who may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A request's header, from the connection's first moment or the end of the last answer.
    pub header: Duration,
    /// A request's body, from the end of its header.
    pub body: Duration,
    /// An answer from the live state.
    pub ask: Duration,
    /// A client that reads nothing of what waits for it.
    pub stuck: Duration,
    /// Silence on a live stream before a comment keeps it alive.
    pub keep_alive: Duration,
    /// Answers under way when the server stops.
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
    /// Another process listens there.
    #[error(
        "cannot listen on `{0}`: the address is in use\nhelp: stop the program that listens there, \
         or choose another port with `--listen 127.0.0.1:5002`"
    )]
    InUse(SocketAddr),
    /// The system refused.
    #[error("cannot listen on `{addr}`: {source}\nhelp: choose another address with `--listen`")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Anybody could read.
    #[error(
        "refused to listen on `{0}`, which other machines can reach, without a token\nhelp: put one \
         into the environment as `TAGTIDE_TOKEN`, or its file's name as `TAGTIDE_TOKEN_FILE`; or \
         listen on `127.0.0.1:5001`"
    )]
    TokenNeeded(SocketAddr),
    /// Other machines could reach it, and guess the token.
    #[error(
        "refused to listen on `{0}`, which other machines can reach, with a token of fewer than \
         {TOKEN_MIN_CHARS} characters\nhelp: make one with `openssl rand -hex 16`"
    )]
    TokenShort(SocketAddr),
    /// No address.
    #[error(
        "`{0}` is no address to listen on\nhelp: give a port, or an address with a port such as \
         `127.0.0.1:5001` or `[::1]:5001`"
    )]
    Address(String),
    /// `--web-dir` is no directory.
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
    /// Threads or random numbers were refused.
    #[error("cannot start the server: {0}")]
    Start(std::io::Error),
}

#[cfg(test)]
mod tests;
