//! What a source may lose, as numbers. They hold while its server answers at the first attempt; an
//! outage adds its own length.

use std::time::Duration;

use super::mastodon::{STALL as MASTODON_STALL, TIMELINE_POSTS_MAX};
use super::reconnect::NETWORK_STEP;
use super::tcp::{CONNECT_MAX, RECEIVE_BUFFER_BYTES};
use super::web::ANSWER_MAX;
use super::x::{STALL, STALL_V1};
use crate::job::SourceKind;

/// Longest times whose posts are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Before a crash of this process; what comes until the next start is connected adds to it.
    pub crash: Duration,
    /// After a connection that was cut.
    pub cut: Duration,
    /// After one that fell silent.
    pub silence: Duration,
    /// Bytes of the kernel that a crash takes with it.
    pub buffer_bytes: usize,
    /// What was missed is asked for, so that the times above are lost only where that fails.
    pub filled: Filled,
}

/// What a server brings again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filled {
    /// Nothing.
    #[default]
    No,
    /// Everything: nothing is lost.
    All,
    /// As far as it looks back.
    LookBack,
    /// Of so many minutes.
    Minutes(u32),
    /// So many posts.
    Posts(u32),
}

/// The bounds of a source, for epochs of that length.
#[must_use]
pub fn loss(kind: &SourceKind, epoch: Duration) -> Loss {
    let of = |stall: Duration, answer: Duration, filled| {
        let cut = NETWORK_STEP + answer;
        Loss { crash: epoch, cut, silence: stall + cut, buffer_bytes: 0, filled }
    };
    match kind {
        SourceKind::File { .. } | SourceKind::Generator(_) => {
            Loss { filled: Filled::All, ..Loss::default() }
        }
        SourceKind::Jetstream(_) => Loss { filled: Filled::LookBack, ..Loss::default() },
        SourceKind::X(plan) => match plan.backfill_minutes {
            0 => of(STALL, ANSWER_MAX, Filled::No),
            minutes => of(STALL, ANSWER_MAX, Filled::Minutes(minutes)),
        },
        SourceKind::XV1(_) => of(STALL_V1, ANSWER_MAX, Filled::No),
        SourceKind::Mastodon(_) => {
            of(MASTODON_STALL, ANSWER_MAX, Filled::Posts(TIMELINE_POSTS_MAX))
        }
        SourceKind::Stdin | SourceKind::Tcp { .. } | SourceKind::TcpListen { .. } => Loss {
            buffer_bytes: RECEIVE_BUFFER_BYTES,
            ..of(Duration::ZERO, CONNECT_MAX, Filled::No)
        },
    }
}
