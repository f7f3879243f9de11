//! Rankings: the ordered result at one moment.
//!
//! The order is total everywhere: value descending, then posts descending, then key bytes
//! ascending. Pure: no clock, no I/O.

pub mod columns;
pub mod explain;
pub mod explain_text;
pub mod modes;
pub mod ranking;
pub mod related;
pub mod report;
pub mod sparkline;
pub mod top_k;
pub mod trending_rows;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::status::Status;

pub use explain::Explanation;
pub use related::RecentPosts;

/// What a ranking ranks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All-time count.
    Total,
    /// Posts in the window.
    Count,
    /// Distinct authors in the window.
    Authors,
    /// How unusual it is against the tag's own past, in three windows together.
    Trending,
    /// Count in which a post weighs half as much after an hour.
    Decay,
}

/// Rows of a published ranking: one that has fewer has all there are.
pub const PUBLISHED_ROWS_MIN: usize = 100;

/// One row of a ranking; the same shape everywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Trend {
    /// Place, from 1.
    pub rank: u32,
    /// The key.
    pub tag: String,
    /// Commonest spelling, without `#`.
    pub display: String,
    /// Posts in the window (all-time for `total`).
    pub count: u64,
    /// Distinct authors in the window; null if the stream has no authors.
    pub authors: Option<u64>,
    /// The value it was ranked by, if that is not the count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Times the usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lift: Option<f64>,
    /// Count expected from the tag's past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// `new`, `rising`, `steady` or `cooling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Places moved since the last published ranking; positive is up, null is new.
    pub change: Option<i32>,
    /// Counts of equal slots of the window that are over, oldest first, at most 60; live only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Vec<u32>>,
}

/// The ordered result at one moment, for one mode and window of one view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ranking {
    /// Name of the mode.
    pub mode: String,
    /// Window length in seconds; null for `total`.
    pub window_s: Option<u64>,
    /// Name of the view; `all` always exists.
    pub view: String,
    /// End of the window, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// Watermark, milliseconds since the Unix epoch.
    pub watermark: i64,
    /// A source holds the watermark back, so open panes may still grow.
    pub provisional: bool,
    /// `tags_max` was reached: counts have `error_bound`.
    pub approximate: bool,
    /// A count is at most this much too large.
    pub error_bound: u64,
    /// Occurrences in the window of tags evicted at `tags_max`.
    #[serde(default)]
    pub other: u64,
    /// Posts in the window.
    pub posts: u64,
    /// Posts with a tag in the window.
    pub tagged_posts: u64,
    /// Distinct live tags in the window.
    pub distinct_tags: u64,
    /// Baselines are still being learned: windows learned, of the three that it takes. Until then
    /// rows are ordered by count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<u32>,
    /// Rows, best first.
    pub trends: Vec<Trend>,
}

impl Ranking {
    /// Fills in `change` of every row: places moved since the ranking of the same kind in `before`.
    pub fn set_changes(&mut self, before: &[Arc<Self>]) {
        let is_same = |old: &&Arc<Self>| {
            (&old.mode, old.window_s, &old.view) == (&self.mode, self.window_s, &self.view)
        };
        let Some(old) = before.iter().find(is_same) else { return };
        let places: HashMap<&str, u32> =
            old.trends.iter().map(|row| (row.tag.as_str(), row.rank)).collect();
        for row in &mut self.trends {
            let place = places.get(row.tag.as_str());
            row.change = place.map(|&place| place as i32 - row.rank as i32);
        }
    }
}

/// Everything that is shown, as of one tick. Immutable and shared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickSnapshot {
    /// Number of the batch, from 1.
    pub batch: u64,
    /// Our clock at the tick, milliseconds since the Unix epoch.
    pub published_at: i64,
    /// Index in `rankings` of the default one.
    pub default: usize,
    /// One for each mode and window.
    pub rankings: Vec<Arc<Ranking>>,
    /// The run's state and counters.
    pub status: Arc<Status>,
}

impl TickSnapshot {
    /// Only the default ranking, with `top` rows, for sinks.
    #[must_use]
    pub fn brief(&self, top: usize) -> Self {
        let ranking = self.default_ranking().map(|ranking| {
            let mut ranking = Ranking::clone(ranking);
            ranking.trends.truncate(top);
            Arc::new(ranking)
        });
        Self {
            batch: self.batch,
            published_at: self.published_at,
            default: 0,
            rankings: ranking.into_iter().collect(),
            status: Arc::clone(&self.status),
        }
    }

    /// The default ranking.
    #[must_use]
    pub fn default_ranking(&self) -> Option<&Arc<Ranking>> {
        self.rankings.get(self.default)
    }
}

/// Selects a ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What to rank by; `None` = the default.
    pub mode: Option<Mode>,
    /// Window in seconds; `None` = the default. Ignored for `total`.
    pub window_s: Option<u64>,
    /// View of the job; `None` = all posts.
    pub view: Option<String>,
    /// Most rows.
    pub top: usize,
}

/// Everything known about one tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TagDetail {
    /// The key.
    pub tag: String,
    /// Commonest spelling, without `#`.
    pub display: String,
    /// All-time count.
    pub total: u64,
    /// `total` is at most this much too large (`tags_max`).
    pub error_bound: u64,
    /// Spellings counted since the tag became live, commonest first.
    pub spellings: Vec<Spelling>,
    /// Count in each configured window, ascending.
    pub windows: Vec<WindowCount>,
    /// Counts over the longest stored series, oldest first.
    pub series: Series,
    /// Start of the first pane that it counted in since it became live, whole seconds as
    /// milliseconds since the Unix epoch; null if unknown.
    pub first_seen: Option<i64>,
    /// Recent posts with it; null if none are stored (`limits.recent_posts = 0`).
    pub recent: Option<RecentPosts>,
}

/// One spelling of a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Spelling {
    /// As typed, without `#`.
    pub display: String,
    /// Times seen.
    pub count: u64,
}

/// Count of a tag in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WindowCount {
    /// Window length, seconds.
    pub window_s: u64,
    /// Posts in it.
    pub count: u64,
}

/// Evenly spaced counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Series {
    /// Start of the first slot, milliseconds since the Unix epoch.
    pub start: i64,
    /// Length of a slot, seconds.
    pub step_s: u64,
    /// Posts in each slot.
    pub counts: Vec<u64>,
}
