//! Job -> check -> Plan.
//!
//! A [`Job`] is what a user wrote: data only. [`check()`] turns it into a [`Plan`]: units resolved,
//! defaults filled in, kinds known, every problem reported at once. Engines accept only a Plan.

pub mod check;
pub mod file;
pub mod filters;
pub mod kinds;
mod mastodon;
pub mod problem;
mod reader;
pub mod units;
pub mod x;

use std::path::PathBuf;
use std::time::Duration;

use tagtide_extract::{Occurrences, Rule};
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;
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
    /// What and where.
    pub kind: SourceKind,
    /// Format of its records; `None` = recognised from the first ones.
    pub format: Option<Format>,
    /// Event time of records that carry none.
    pub text_time: TextTime,
    /// At most this many records per second; `None` = as they come.
    pub pace: Option<f64>,
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

/// What a source is and where.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// Files in order (globs are resolved at open, sorted); `.gz` and `.zst` are unpacked.
    File {
        /// Paths or globs.
        paths: Vec<String>,
        /// Wait for more at the end.
        follow: bool,
    },
    /// Standard input.
    Stdin,
    /// TCP client, reconnecting.
    Tcp {
        /// `host:port`.
        addr: String,
    },
    /// TCP listener, several senders at once.
    TcpListen {
        /// `address:port`.
        addr: String,
    },
    /// Bluesky, live.
    Jetstream(JetstreamPlan),
    /// X, live, by API v2.
    X(XPlan),
    /// X API v1.1, of servers that still speak it.
    XV1(XV1Plan),
    /// One instance of Mastodon, live.
    Mastodon(MastodonPlan),
    /// Made-up posts, deterministic by seed.
    Generator(GeneratorPlan),
}

/// Bluesky's Jetstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetstreamPlan {
    /// Base addresses of its servers, the preferred one first: `https`, or `http` for loopback.
    pub hosts: Vec<String>,
    /// Which of its two wires.
    pub wire: JetstreamWire,
    /// Ask for frames packed with zstd, where the wire hands out the dictionary.
    pub compress: bool,
    /// The dictionary of v1; without it v1 is not packed.
    pub dictionary: Option<PathBuf>,
}

/// The wires of Jetstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JetstreamWire {
    /// `/subscribe`.
    V1,
    /// `/xrpc/network.bsky.jetstream.subscribeEvents`.
    V2,
}

impl JetstreamWire {
    /// As job files name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

impl SourceKind {
    /// True where posts come as people write them, and no run has their past.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        matches!(self, Self::Jetstream(_) | Self::Mastodon(_) | Self::X(_) | Self::XV1(_))
    }
}

/// Made-up posts.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorPlan {
    /// Everything follows from it, down to the byte.
    pub seed: u64,
    /// Posts to make; `None` = endless.
    pub posts: Option<u64>,
    /// Posts per second of event time.
    pub rate: f64,
    /// Event time of the first post; `None` = our clock at the first start (kept in the Position).
    pub start: Option<EventTime>,
    /// Wait for each post's event time; otherwise as fast as it goes.
    pub live: bool,
    /// Where no `start` is named, the first post is so much older than our clock: what is due by
    /// then comes at once.
    pub past: Duration,
    /// `Text`, `TextPlus` or `X1`.
    pub format: Format,
    /// Distinct ordinary tags.
    pub tags: u32,
}

/// One sink.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkPlan {
    /// The table on standard output.
    Stdout {
        /// One JSON object per ranking instead of the table.
        json: bool,
    },
    /// One JSON line per ranking.
    Jsonl {
        /// Where.
        path: PathBuf,
        /// Start a new file beyond this size; the old one gets `.1`, and so on.
        rotate_bytes: Option<u64>,
        /// Old files kept.
        keep: u32,
    },
    /// POST to an original dashboard's `/updateData`.
    Dashboard {
        /// The whole URL.
        url: String,
    },
    /// POST of the ranking as JSON.
    Webhook {
        /// The whole URL.
        url: String,
        /// Environment variable that holds a bearer token.
        token_env: Option<String>,
    },
}

pub use check::{Purpose, check};
pub use file::Job;
pub use mastodon::{MastodonPlan, MastodonStream, MastodonWire};
pub use problem::Problem;
pub use x::{SecretFrom, XPlan, XV1Plan};
