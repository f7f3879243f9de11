//! Job -> check -> Plan.
//!
//! A [`Job`] is what a user wrote: data only. [`check()`] turns it into a [`Plan`]: units resolved,
//! defaults filled in, kinds known, every problem reported at once. Engines accept only a Plan.

pub mod check;
pub mod filters;
pub mod schema;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::sink::SinkOptions;
use tagtide_extract::{Occurrences, Rule};
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;
use tagtide_sources::SourceOptions;
pub use tagtide_sources::options::{Diagnostic, Field, Place, Scalar, units};
use tagtide_trends::rank::Mode;

/// A checked job.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name; also names the state directory.
    pub name: String,
    /// Where posts come from; the order is part of the job's identity.
    pub sources: Vec<SourcePlan>,
    /// Where rankings go.
    pub sinks: Vec<SinkPlan>,
    /// How tags are found.
    pub rule: Rule,
    /// How often a post counts for one tag.
    pub occurrences: Occurrences,
    /// Which engine reads and extracts: the name of one of `engine::ENGINES`.
    pub engine: String,
    /// Windows, panes, modes.
    pub count: CountPlan,
    /// Bounds.
    pub limits: Limits,
    /// Publishing interval, at least 10 ms.
    pub batch: Duration,
    /// Whose time drives the ticks.
    pub time: TimePlan,
    /// Whose posts count.
    pub people: PeoplePlan,
    /// Which tags count.
    pub tags: TagsPlan,
    /// Storage of past rankings, in the state directory; `None` = off.
    pub history: Option<HistoryPlan>,
    /// Alert rules; they need a state directory too.
    pub alerts: Vec<AlertPlan>,
    /// Filters over posts, each with counts of its own, in addition to `all`.
    pub views: Vec<ViewPlan>,
}

/// An epoch is never shorter than this, whatever the publishing interval is.
const EPOCH_MIN: Duration = Duration::from_millis(200);

impl Plan {
    /// The engine of a job that names none.
    pub const EMBEDDED: &str = "embedded";

    /// How often the checkpoint is written.
    pub fn epoch(&self) -> Duration {
        self.batch.max(EPOCH_MIN)
    }
}

/// Whose posts count, and what counts as a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeoplePlan {
    /// People that a tag needs to be listed in `trending`.
    pub min_count: u32,
    /// Authors that it needs.
    pub min_authors: u32,
    /// Posts of one author with one tag that count in each default window; `None` = all.
    pub posts_max: Option<u8>,
    /// A copied text adds posts, not people.
    pub copies: bool,
    /// Discount newcomers beyond their usual share.
    pub known: bool,
    /// Retweets and boosts count.
    pub reposts: bool,
    /// Posts of accounts that their platform marks as bots count.
    pub bots: bool,
    /// Accounts whose posts do not count; `*` matches anything.
    pub block: Vec<String>,
}

impl Default for PeoplePlan {
    fn default() -> Self {
        Self {
            min_count: 5,
            min_authors: 3,
            posts_max: None,
            copies: true,
            known: false,
            reposts: true,
            bots: true,
            block: Vec::new(),
        }
    }
}

/// Which tags count and are listed: keys, in which `*` matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsPlan {
    /// Counted, never listed.
    pub hide: Vec<String>,
    /// Not counted.
    pub drop: Vec<String>,
    /// If not empty, nothing else is listed.
    pub only: Vec<String>,
    /// Keys have no accents.
    pub fold_accents: bool,
}

/// One view. A post must match an item of each list that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewPlan {
    /// Unique name within the job.
    pub name: String,
    /// Language tags, lower case.
    pub langs: Vec<String>,
    /// Names of sources of the job.
    pub sources: Vec<String>,
    /// Accounts; `*` matches anything.
    pub authors: Vec<String>,
    /// More accounts, one per line; read when the run starts.
    pub authors_file: Option<PathBuf>,
    /// Keys, in which `*` matches anything.
    pub tags: Vec<String>,
}

/// Storage of past rankings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPlan {
    /// Most bytes of the file, including its log.
    pub max_bytes: u64,
}

/// One alert rule.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertPlan {
    /// Unique name within the job.
    pub name: String,
    /// What it watches for.
    pub on: AlertOn,
    /// The view whose ranking it watches.
    pub view: String,
    /// Event time after an alert about a tag without another one about it.
    pub quiet: Duration,
    /// Where alerts are sent; `None` = they appear in the feed only.
    pub webhook: Option<String>,
    /// Environment variable that holds the secret of the signature.
    pub secret_env: Option<String>,
}

/// What a rule watches for, from one slide to the next.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertOn {
    /// A new peak: the status `rising`.
    Peak,
    /// A tag enters the first n places.
    Top(u32),
    /// A score, or the count in modes without scores, rises above the threshold.
    Score(f64),
    /// A lift rises above the threshold.
    Lift(f64),
    /// A watched tag moves, appears or leaves. Keys, in which `*` matches anything.
    Watch(Vec<String>),
}

/// Windows, panes, modes.
#[derive(Clone, Debug)]
pub struct CountPlan {
    /// Smallest slice of event time.
    pub pane: Duration,
    /// Window lengths, ascending; each a whole number of panes (of minutes beyond one hour).
    pub windows: Vec<Duration>,
    /// How far behind the newest event time a post can arrive and still count.
    pub lateness: Duration,
    /// Modes to rank by.
    pub modes: Vec<Mode>,
    /// Shown by default: mode and window (ignored for `total`).
    pub default: (Mode, Duration),
    /// Rows of a ranking printed and sent to sinks.
    pub top: usize,
}

/// Bounds; reaching one is counted and visible.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Live tags counted exactly.
    pub tags_max: usize,
    /// Longest record.
    pub line_max_bytes: usize,
    /// Posts remembered for deletes, edits and duplicates.
    pub remembered_max_posts: usize,
    /// How long they are remembered at most, event time.
    pub remembered_max: Duration,
    /// Recent posts with tags held in memory for display; 0 = none.
    pub recent_posts: usize,
}

/// Whose time drives the ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimePlan {
    /// Our clock.
    Live,
    /// Event time, at this multiple of the original speed; `None` = as fast as possible.
    Replay(Option<f64>),
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// Unique name within the job; names its Positions in the checkpoint.
    pub name: String,
    /// What it is and where; [`SourceOptions::kind`] names its kind.
    pub options: Arc<dyn SourceOptions>,
    /// Format of its records; `None` = recognised from the first ones.
    pub format: Option<Format>,
    /// Event time of records that carry none.
    pub text_time: TextTime,
    /// At most this many records per second; `None` = as they come.
    pub pace: Option<f64>,
}

impl SourcePlan {
    /// The options of one kind; `None` where the source is of another.
    #[must_use]
    pub fn options_as<T: SourceOptions>(&self) -> Option<&T> {
        self.options.downcast()
    }
}

/// Event time of records that carry none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TextTime {
    /// When their bytes arrived.
    Arrival,
    /// `start` + n / `rate` seconds for the n-th line; no start = the file's modification time.
    Rate {
        /// Event time of the first line.
        start: Option<EventTime>,
        /// Lines per second of event time.
        rate: f64,
    },
}

/// One sink.
#[derive(Clone, Debug)]
pub struct SinkPlan {
    /// What it is and where; [`SinkOptions::kind`] names its kind.
    pub options: Arc<dyn SinkOptions>,
}

impl SinkPlan {
    /// The options of one kind; `None` where the sink is of another.
    #[must_use]
    pub fn options_as<T: SinkOptions>(&self) -> Option<&T> {
        self.options.downcast()
    }
}

pub use check::{Purpose, check};
pub use schema::{Job, Kinds};
