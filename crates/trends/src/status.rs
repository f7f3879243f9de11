//! The state of a run: counters, sources, sinks and views, as `/status` and `/metrics` show them.
//!
//! Plain data: counting fills in the counters, the engine the rest.

use serde::{Deserialize, Serialize};

use tagtide_posts::post::{Gap, Reads};

/// State of a run as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// No source is connected yet.
    #[default]
    Connecting,
    /// Live.
    Live,
    /// Going through stored posts.
    Replay,
    /// Every source has ended.
    Ended,
}

/// The run's state and counters, all since the state directory began (or the start, without one).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// Name of the job.
    pub job: String,
    /// Version of the program.
    pub version: String,
    /// State of the whole.
    pub state: RunState,
    /// Start of this process, milliseconds since the Unix epoch.
    pub started_at: i64,
    /// Newest event time seen, milliseconds since the Unix epoch; null before the first post.
    pub event_time: Option<i64>,
    /// Watermark, milliseconds since the Unix epoch.
    pub watermark: Option<i64>,
    /// Posts per second over the last ten seconds.
    pub posts_per_s: f64,
    /// Event time behind our clock, milliseconds (live sources).
    pub lag_ms: Option<i64>,
    /// Batch interval, milliseconds.
    pub batch_ms: u64,
    /// Time that the previous tick took to rank and publish, milliseconds.
    #[serde(default)]
    pub tick_ms: f64,
    /// Epoch of the last durable checkpoint; null without a state directory.
    pub checkpoint_epoch: Option<u64>,
    /// The last write of this process to the checkpoint; null before the first.
    #[serde(default)]
    pub checkpoint: Option<CheckpointStatus>,
    /// Live tags.
    pub tags: u64,
    /// Most live tags counted exactly.
    pub tags_max: u64,
    /// `tags_max` was reached.
    pub approximate: bool,
    /// Counts by reason.
    pub counters: Counters,
    /// One row a source.
    pub sources: Vec<SourceStatus>,
    /// One row a sink.
    pub sinks: Vec<SinkStatus>,
    /// The history, if the job has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryStatus>,
    /// The alerts, if there are rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<AlertsStatus>,
    /// Windows configured, in seconds.
    pub windows_s: Vec<u64>,
    /// Those of them that modes with a baseline can rank, in seconds.
    #[serde(default)]
    pub scored_windows_s: Vec<u64>,
    /// Modes configured.
    pub modes: Vec<String>,
    /// One row a view of the job; `all` has none, its figures are those above.
    #[serde(default)]
    pub views: Vec<ViewStatus>,
}

/// How large a view is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ViewStatus {
    /// Its name.
    pub name: String,
    /// Live tags in it.
    pub tags: u64,
    /// Posts counted in it.
    pub posts: u64,
}

/// Records and posts, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counters {
    /// Posts counted.
    pub posts: u64,
    /// Posts with at least one tag.
    pub tagged_posts: u64,
    /// Tag occurrences counted.
    pub tags: u64,
    /// Records that are valid and no post (control messages).
    pub control: u64,
    /// Records that could not be decoded.
    pub malformed: u64,
    /// Records longer than the line limit.
    pub oversize: u64,
    /// Records cut by a lost connection.
    pub partial: u64,
    /// Texts with invalid UTF-8, counted as posts all the same.
    pub invalid_utf8: u64,
    /// Tags longer than 640 bytes, dropped.
    pub oversize_tags: u64,
    /// Posts whose pane was closed: in `total`, in no window.
    pub late: u64,
    /// Posts more than five minutes ahead of our clock, dropped.
    pub future: u64,
    /// Posts seen before, dropped.
    pub duplicates: u64,
    /// Counts made elsewhere that had been applied before, dropped.
    #[serde(default)]
    pub repeated_updates: u64,
    /// Deletes that took back a remembered post.
    pub deletes: u64,
    /// Deletes of posts that are not remembered.
    pub deletes_unknown: u64,
    /// Edits.
    pub edits: u64,
    /// Tags evicted at `tags_max`.
    pub evicted_tags: u64,
    /// Reposts, if the job skips them.
    #[serde(default)]
    pub skipped_reposts: u64,
    /// Posts of accounts that their platform calls bots, if the job skips them.
    #[serde(default)]
    pub skipped_bots: u64,
    /// Posts of accounts that the job blocks.
    #[serde(default)]
    pub blocked: u64,
}

/// The last write to the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckpointStatus {
    /// Our clock when it was durable, milliseconds since the Unix epoch.
    pub at: i64,
    /// How long encoding, writing and syncing took, milliseconds.
    pub write_ms: f64,
}

/// State of the history, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryStatus {
    /// Its queue; an item is all rankings of one batch.
    #[serde(flatten)]
    pub queue: QueueStatus,
    /// Rows written.
    #[serde(default)]
    pub rows: u64,
    /// The newest minute written, milliseconds since the Unix epoch (event time).
    #[serde(default)]
    pub newest: Option<i64>,
}

/// State of alerts, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertsStatus {
    /// The queue of the outbox; an item is all alerts of one slide.
    pub outbox: QueueStatus,
    /// Alerts delivered to a webhook.
    pub delivered: u64,
    /// Alerts that were given up.
    pub failed: u64,
    /// Alerts that wait for delivery.
    #[serde(default)]
    pub waiting: u64,
    /// Why the last delivery failed; empty after a success.
    pub last_error: String,
}

/// State of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceStatus {
    /// Name without secrets.
    pub name: String,
    /// `connecting`, `live`, `retrying`, `read_limit`, `ended`, `failed`, `auth_failed`.
    pub state: String,
    /// Why it retries or failed; empty otherwise.
    pub detail: String,
    /// Posts counted from it.
    pub posts: u64,
    /// Their share of the posts of all sources, 0 to 1.
    #[serde(default)]
    pub share: f64,
    /// Bytes of records read from it, unpacked.
    #[serde(default)]
    pub bytes: u64,
    /// Format of its records, once known.
    pub format: Option<String>,
    /// Times it was connected again.
    pub reconnects: u64,
    /// Gaps in what it brought, since the job began.
    #[serde(default)]
    pub gaps: u64,
    /// Posts missed in them, estimated.
    #[serde(default)]
    pub missed: u64,
    /// The last of them.
    #[serde(default)]
    pub last_gap: Option<Gap>,
    /// Posts read today and their price, if reading is paid for.
    #[serde(default)]
    pub reads: Option<Reads>,
    /// What was recorded of it, if that was requested.
    #[serde(default)]
    pub recorded: Option<Recorded>,
    /// Updates of an engine that counts itself which were dropped: repeated, or not beginning where
    /// the last one ended.
    #[serde(default)]
    pub dropped_updates: u64,
}

/// What of a source went to a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recorded {
    /// Records written.
    pub records: u64,
    /// Bytes written, packed.
    pub bytes: u64,
    /// Records that the disk did not take; they were counted all the same.
    pub lost: u64,
    /// Why, while that lasts; else empty.
    pub last_error: String,
}

/// State of one sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SinkStatus {
    /// Name without secrets.
    pub name: String,
    /// Rankings delivered.
    pub delivered: u64,
    /// Rankings that failed.
    pub failed: u64,
    /// Rankings replaced by newer ones or dropped from a full queue.
    pub skipped: u64,
    /// The last error; empty if none since the last success.
    pub last_error: String,
}

/// State of a queue whose items are made durable in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueStatus {
    /// Items made durable.
    pub kept: u64,
    /// Items given up.
    pub lost: u64,
    /// Items in the queue.
    #[serde(default)]
    pub waiting: u64,
    /// Why the last group failed; empty after a success.
    pub last_error: String,
}
