//! Alerts: rules over rankings, an outbox that survives a crash, delivery to webhooks, a feed.
//!
//! [`Rules`] look at one ranking per slide and raise alerts about what changed; they are pure, and
//! their state is part of the checkpoint. [`Notifier`] stores raised alerts in `alerts.sqlite` of
//! the state directory and sends them to webhooks from there. [`Reader`] lists them, [`feed`]
//! renders them as an Atom feed.
//!
//! Delivery is at least once: an alert is durable before the epoch that raised it is committed, and
//! stays in the outbox until the webhook has answered. A slide that is evaluated again after a
//! crash produces the same keys, which the outbox ignores. A receiver that remembers keys sees each
//! alert once.
//!
//! It never follows a redirect, never logs a secret or more of an address than its host, and never
//! slows down counting.
//!
//! Limits: [`ROWS_MAX`] alerts are stored; a delivery is given up after [`GIVE_UP`]; each rule
//! remembers quiet times of [`QUIET_TAGS_MAX`] tags.

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
pub use webhook::{Answer, WebhookError, test_fire};

use crate::sqlite::{Schema, SqliteError};
use tagtide_trends::rank::Trend;

/// The file.
const SCHEMA: Schema = Schema {
    file: "alerts.sqlite",
    // `tgta`
    id: 0x7467_7461,
    sql: include_str!("schema.sql"),
    migrations: &[include_str!("schema_2.sql")],
};

/// One raised alert; the JSON body of a webhook request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// The same for the same job, rule, tag and slide.
    pub key: String,
    /// Name of the job.
    pub job: String,
    /// Name of the rule.
    pub rule: String,
    /// Condition of the rule: `peak`, `top`, `score`, `lift`, `watch`.
    pub on: String,
    /// View of the ranking.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of its window, seconds; null for `total`.
    pub window_s: Option<u64>,
    /// End of the slide, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// The key of the tag.
    pub tag: String,
    /// Its most common spelling, without `#`.
    pub display: String,
    /// The alert as one sentence.
    pub text: String,
    /// Place of a watched tag at the previous slide; null if it had none.
    pub before: Option<u32>,
    /// Its row; null if it left the ranking.
    pub trend: Option<Trend>,
    /// Sent by `tagtide alert test`; nothing happened.
    pub test: bool,
}

/// Why alerts cannot be stored or sent.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The outbox cannot be used.
    #[error(transparent)]
    Outbox(#[from] SqliteError),
    /// A secret is missing.
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
    /// A webhook cannot be used.
    #[error("the webhook of the alert `{rule}` cannot be used: {source}")]
    Webhook {
        /// Name of the rule.
        rule: String,
        /// Why.
        source: WebhookError,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for alerts: {0}")]
    Thread(#[from] io::Error),
}
