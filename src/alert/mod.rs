//! What should be told: rules over rankings, an outbox that survives a crash, delivery, a feed.
//!
//! [`Rules`] look at one ranking a slide and say what is new; they are pure, and their state goes
//! into the checkpoint. [`Notifier`] keeps what they raised in `alerts.sqlite` of the state
//! directory and sends it to webhooks from there. [`Reader`] lists it, [`feed`] makes an Atom feed
//! of it.
//!
//! Told at least once: an alert is durable before the epoch that raised it is committed, and stays
//! until it is answered. The same slide looked at again after a crash makes the same keys, which
//! the outbox knows already. A receiver that keeps keys sees each alert once.
//!
//! It never follows a redirect, never logs a secret or more of an address than its host, and never
//! slows the count.
//!
//! Limits: [`ROWS_MAX`] alerts are kept; a delivery is given up after [`GIVE_UP`]; quiet times of
//! [`QUIET_TAGS_MAX`] tags a rule are remembered.

mod delivery;
pub mod feed;
mod key;
mod notifier;
mod outbox;
mod query;
mod rules;
#[cfg(test)]
mod tests;
mod webhook;

use std::io;

use serde::{Deserialize, Serialize};

pub use delivery::{Backoff, GIVE_UP};
pub use notifier::Notifier;
pub use outbox::{Outbox, ROWS_MAX};
pub use query::{AlertRecord, Reader};
pub use rules::{QUIET_TAGS_MAX, Rules, RulesState};
pub use webhook::{Answer, test_fire};

use crate::sqlite::{Schema, SqliteError};
use tagtide_trends::rank::Trend;

/// The file.
const SCHEMA: Schema = Schema {
    file: "alerts.sqlite",
    // `tgta`
    id: 0x7467_7461,
    version: 1,
    sql: include_str!("schema.sql"),
};

/// Something that should be told; what a webhook gets as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// The same for the same job, rule, tag and slide.
    pub key: String,
    /// Name of the job.
    pub job: String,
    /// Name of the rule.
    pub rule: String,
    /// What the rule looks for: `peak`, `top`, `score`, `lift`, `watch`.
    pub on: String,
    /// Whose ranking.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of its window, seconds; null for `total`.
    pub window_s: Option<u64>,
    /// End of the slide, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// The key of the tag.
    pub tag: String,
    /// Its commonest spelling, without `#`.
    pub display: String,
    /// The whole in one sentence.
    pub said: String,
    /// Its place at the slide before, of a watched tag; null where it had none.
    pub before: Option<u32>,
    /// Its row; null where it left the ranking.
    pub trend: Option<Trend>,
    /// Sent by `tagtide alert test`; nothing happened.
    pub test: bool,
}

/// Why alerts cannot be kept or sent.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The outbox cannot be used.
    #[error(transparent)]
    Outbox(#[from] SqliteError),
    /// A secret is not where the job says.
    #[error(
        "the secret of the alert `{rule}` is not in `{name}`\nhelp: set it, as in `{name}=... \
         tagtide run job.toml`"
    )]
    Secret {
        /// Name of the rule.
        rule: String,
        /// Name of the environment variable.
        name: String,
    },
    /// A webhook cannot be reached at all.
    #[error("the webhook of the alert `{rule}` cannot be used: {why}")]
    Webhook {
        /// Name of the rule.
        rule: String,
        /// Why.
        why: String,
    },
    /// A thread was refused.
    #[error("cannot start a thread for alerts: {0}")]
    Thread(#[from] io::Error),
}
