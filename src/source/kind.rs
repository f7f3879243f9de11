//! The list of sources, and the one place that makes them from a plan.

use super::file::FileSource;
use super::generator::GeneratorSource;
use super::jetstream::JetstreamSource;
use super::mastodon::MastodonSource;
use super::stdin::StdinSource;
use super::tcp::TcpSource;
use super::tcp_listen::TcpListenSource;
use super::x::XSource;
use super::{Guarantee, Source, SourceError};
use crate::clock::Clock;
use crate::job::{Limits, SourceKind, SourcePlan};

/// What a newcomer should know of a kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As job files name it.
    pub name: &'static str,
    /// What it reads, in a line.
    pub about: &'static str,
    /// What it promises across a crash.
    pub guarantee: Guarantee,
}

/// All kinds of sources.
pub const SOURCES: &[Kind] = &[
    Kind {
        name: "file",
        about: "lines of files and patterns, in order; `.gz` and `.zst` are unpacked; may follow",
        guarantee: Guarantee::ExactlyOnce,
    },
    Kind { name: "stdin", about: "lines of standard input", guarantee: Guarantee::AtMostOnce },
    Kind {
        name: "tcp",
        about: "lines from a TCP server, connected to again when it is lost",
        guarantee: Guarantee::AtMostOnce,
    },
    Kind {
        name: "tcp-listen",
        about: "lines from up to 256 TCP clients at once",
        guarantee: Guarantee::AtMostOnce,
    },
    Kind {
        name: "jetstream",
        about: "posts of Bluesky as they happen, without an account",
        guarantee: Guarantee::WithinLookBack,
    },
    Kind {
        name: "x",
        about: "posts of X as they happen, by API v2, with a token; reading is paid for",
        guarantee: Guarantee::AtMostOnce,
    },
    Kind {
        name: "x-v1",
        about: "X API v1.1, retired, of servers that still speak it",
        guarantee: Guarantee::AtMostOnce,
    },
    Kind {
        name: "mastodon",
        about: "posts that an instance of Mastodon sees, as they happen",
        guarantee: Guarantee::AtMostOnce,
    },
    Kind {
        name: "generator",
        about: "made-up posts, the same for the same seed",
        guarantee: Guarantee::ExactlyOnce,
    },
];

/// Makes the source of `plan`; it is not opened yet.
///
/// # Errors
/// [`SourceError::Fatal`] where the plan asks for what the source cannot do.
pub fn build(
    plan: &SourcePlan,
    limits: &Limits,
    clock: &Clock,
) -> Result<Box<dyn Source>, SourceError> {
    let line_max = limits.line_max_bytes;
    Ok(match &plan.kind {
        SourceKind::File { paths, follow } => {
            Box::new(FileSource::new(paths, *follow, line_max, clock))
        }
        SourceKind::Stdin => Box::new(StdinSource::new(line_max, clock)),
        SourceKind::Tcp { addr } => Box::new(TcpSource::new(addr, line_max, clock)),
        SourceKind::TcpListen { addr } => Box::new(TcpListenSource::new(addr, line_max, clock)),
        SourceKind::Jetstream(plan) => Box::new(JetstreamSource::new(plan, line_max, clock)?),
        SourceKind::X(plan) => Box::new(XSource::v2(plan, line_max, clock)?),
        SourceKind::XV1(plan) => Box::new(XSource::v1(plan, line_max, clock)?),
        SourceKind::Mastodon(plan) => Box::new(MastodonSource::new(plan, line_max, clock)?),
        SourceKind::Generator(plan) => Box::new(GeneratorSource::new(plan, clock)?),
    })
}
