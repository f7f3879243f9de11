//! Changes from one ranking to the next, and their bytes on a live stream.
//!
//! A frame is made once per tick and selection and shared by all its clients; its rare forms are
//! made when the first client needs them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use serde::Serialize;

use tagtide_trends::rank::{Ranking, TickSnapshot, Trend};
use tagtide_trends::status::Status;

/// First event of a live stream: everything.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Snapshot<'a> {
    /// Number of the batch.
    batch: u64,
    /// Our clock at the tick, milliseconds since the Unix epoch.
    published_at: i64,
    /// The whole ranking.
    ranking: &'a Ranking,
    /// The run's state and counters.
    status: &'a Status,
}

/// Every later tick: changes since the previous event.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Diff<'a> {
    /// Number of the batch.
    batch: u64,
    /// Our clock at the tick, milliseconds since the Unix epoch.
    published_at: i64,
    /// The ranking without its `trends`.
    #[schema(value_type = Object)]
    ranking: serde_json::Value,
    /// Keys of all rows, best first; a row that is not listed is gone.
    order: Vec<&'a str>,
    /// Rows that are new or changed, by key.
    rows: BTreeMap<&'a str, &'a Trend>,
}

impl<'a> Diff<'a> {
    /// The changes from `before` to `now`; every row if there was none before.
    fn new(before: Option<&Ranking>, now: &'a Ranking, published: &TickSnapshot) -> Self {
        let before: HashMap<&str, &Trend> =
            before.iter().flat_map(|r| &r.trends).map(|row| (row.tag.as_str(), row)).collect();
        let changed = |row: &&Trend| before.get(row.tag.as_str()) != Some(row);
        // Through a JSON value, so that a new field of a ranking is included.
        let head =
            Ranking { trends: Vec::new(), mode: now.mode.clone(), view: now.view.clone(), ..*now };
        let mut head = serde_json::to_value(head).unwrap_or_default();
        if let Some(fields) = head.as_object_mut() {
            fields.remove("trends");
        }
        Self {
            batch: published.batch,
            published_at: published.published_at,
            ranking: head,
            order: now.trends.iter().map(|row| row.tag.as_str()).collect(),
            rows: now.trends.iter().filter(changed).map(|row| (row.tag.as_str(), row)).collect(),
        }
    }
}

/// One tick of one selection.
pub(super) struct Frame {
    /// Number within its channel, without gaps: a diff is relative to the previous frame.
    pub(super) seq: u64,
    published: Arc<TickSnapshot>,
    ranking: Arc<Ranking>,
    diff: Bytes,
    snapshot: OnceLock<Bytes>,
    all_rows: OnceLock<Bytes>,
}

impl Frame {
    /// Encodes the changes since the previous frame.
    pub(super) fn new(
        before: Option<&Frame>,
        published: Arc<TickSnapshot>,
        ranking: Arc<Ranking>,
    ) -> Self {
        // No client needs a diff of the first frame.
        let diff = before.map_or_else(Bytes::new, |before| {
            diff_and_status(&Diff::new(Some(&before.ranking), &ranking, &published), &published)
        });
        Self {
            seq: before.map_or(0, |before| before.seq + 1),
            published,
            ranking,
            diff,
            snapshot: OnceLock::new(),
            all_rows: OnceLock::new(),
        }
    }

    /// Number of the batch.
    pub(super) fn batch(&self) -> u64 {
        self.published.batch
    }

    /// Events for clients that have the previous frame: the diff, then the status.
    pub(super) fn diff(&self) -> Bytes {
        self.diff.clone()
    }

    /// Events for clients that can have any frame: a diff with every row, then the status.
    pub(super) fn all_rows(&self) -> Bytes {
        let encode =
            || diff_and_status(&Diff::new(None, &self.ranking, &self.published), &self.published);
        self.all_rows.get_or_init(encode).clone()
    }

    /// The event for clients that have no frame.
    pub(super) fn snapshot(&self) -> Bytes {
        let encode = || {
            let snapshot = Snapshot {
                batch: self.published.batch,
                published_at: self.published.published_at,
                ranking: &self.ranking,
                status: &self.published.status,
            };
            let mut out = Vec::new();
            write_event(&mut out, "snapshot", Some(self.published.batch), &snapshot);
            Bytes::from(out)
        };
        self.snapshot.get_or_init(encode).clone()
    }
}

fn diff_and_status(diff: &Diff<'_>, published: &TickSnapshot) -> Bytes {
    let mut out = Vec::new();
    write_event(&mut out, "diff", Some(published.batch), diff);
    write_event(&mut out, "status", None, &*published.status);
    Bytes::from(out)
}

/// One server-sent event. JSON contains no raw newline, so its data is one line.
fn write_event(out: &mut Vec<u8>, name: &str, id: Option<u64>, value: &impl Serialize) {
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    let start = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        // Cannot happen with plain data, but half a row must never be sent.
        tracing::error!("cannot encode a live update: {error}");
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b"\n\n");
}
