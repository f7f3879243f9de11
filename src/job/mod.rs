//! Job -> check -> Plan.
//!
//! A `Job` is what a user wrote: data only. `check` turns it into a [`Plan`]: units resolved,
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

use crate::rank::Mode;
use tagtide_extract::{Occurrences, Rule};
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;

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
    /// Windows, panes, modes.
    pub count: CountPlan,
    /// Bounds.
    pub limits: Limits,
    /// Publishing interval, at least 10 ms.
    pub batch: Duration,
    /// Whose time makes the ticks.
    pub time: TimePlan,
    /// Whose posts count.
    pub people: PeoplePlan,
    /// Which tags count.
    pub tags: TagsPlan,
    /// Rankings are kept in the state directory, where there is one; `None` = not.
    pub history: Option<HistoryPlan>,
    /// What should be told; needs a state directory too.
    pub alerts: Vec<AlertPlan>,
    /// Filters over posts, each with counts of its own besides those of all posts.
    pub views: Vec<ViewPlan>,
}

/// An epoch is never shorter than this, whatever the publishing interval is.
const EPOCH_MIN: Duration = Duration::from_millis(200);

impl Plan {
    /// How often the checkpoint is written.
    pub fn epoch(&self) -> Duration {
        self.batch.max(EPOCH_MIN)
    }
}

/// Whose posts count, and what makes people of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeoplePlan {
    /// Fewest people of a tag that `trending` lists.
    pub min_count: u32,
    /// Fewest authors of it.
    pub min_authors: u32,
    /// Posts of one author with one tag that count in each default window; `None` = all.
    pub posts_max: Option<u8>,
    /// A copied text adds posts, not people.
    pub copies: bool,
    /// People are held against how many of them had posted before.
    pub known: bool,
    /// Retweets and boosts count.
    pub reposts: bool,
    /// Posts of accounts that their platform calls bots count.
    pub bots: bool,
    /// Accounts whose posts do not count; `*` stands for anything.
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

/// Which tags count and show: keys, in which `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsPlan {
    /// Counted, never listed.
    pub hide: Vec<String>,
    /// Not counted.
    pub drop: Vec<String>,
    /// Where there are any, nothing else is listed.
    pub only: Vec<String>,
    /// Accents are no part of a key.
    pub fold_accents: bool,
}

/// One view: of each list that is not empty a post must fit one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewPlan {
    /// Unique name within the job.
    pub name: String,
    /// Language tags, lower case.
    pub langs: Vec<String>,
    /// Names of sources of the job.
    pub sources: Vec<String>,
    /// Accounts; `*` stands for anything.
    pub authors: Vec<String>,
    /// More of them, one a line; read when the run starts.
    pub authors_file: Option<PathBuf>,
    /// Keys, in which `*` stands for anything.
    pub tags: Vec<String>,
}

/// Rankings as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPlan {
    /// Bound of the file with its log.
    pub max_bytes: u64,
}

/// One rule of what should be told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertPlan {
    /// Unique name within the job.
    pub name: String,
    /// What it looks for.
    pub on: AlertOn,
    /// Whose ranking it looks at.
    pub view: String,
    /// After an alert about a tag, silence about it for so long, event time.
    pub quiet: Duration,
    /// Where it is told; `None` = in the feed alone.
    pub webhook: Option<String>,
    /// Environment variable that holds the secret of the signature.
    pub secret_env: Option<String>,
}

/// What a rule looks for, from one slide to the next.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertOn {
    /// A new peak: the status `rising`.
    Peak,
    /// A tag enters the first so many places.
    Top(u32),
    /// A score, or the count where a mode has none, rises over the bound.
    Score(f64),
    /// A lift rises over the bound.
    Lift(f64),
    /// A watched tag moves, appears or leaves. Keys, in which `*` stands for anything.
    Watch(Vec<String>),
}

/// Windows, panes, modes.
#[derive(Clone, Debug)]
pub struct CountPlan {
    /// Smallest slice of event time.
    pub pane: Duration,
    /// Window lengths, ascending; each a whole number of panes (of minutes beyond one hour).
    pub windows: Vec<Duration>,
    /// How much later than the newest event time a post may come.
    pub lateness: Duration,
    /// Modes to rank by.
    pub modes: Vec<Mode>,
    /// Shown where nobody asked for another: mode and window (ignored for `total`).
    pub default: (Mode, Duration),
    /// Rows of a ranking printed and sent to sinks.
    pub top: usize,
}

/// Bounds; hitting one is counted and visible.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Live tags counted exactly.
    pub tags_max: usize,
    /// Longest record.
    pub line_max_bytes: usize,
    /// Posts remembered for deletes, edits and duplicates.
    pub remembered_max_posts: usize,
    /// How long they are remembered at the most, event time.
    pub remembered_max: Duration,
    /// Posts with tags kept in memory to be read; 0 = none.
    pub recent_posts: usize,
}

/// Whose time makes the ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimePlan {
    /// Our clock.
    Live,
    /// Event time, this many times faster than it was; `None` = as fast as it goes.
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
        /// One JSON object per batch instead of the table.
        json: bool,
    },
    /// One JSON line per batch.
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
