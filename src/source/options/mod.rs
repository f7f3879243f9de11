//! The kinds of sources and sinks that a job may name: the one list of each.
//!
//! A new kind is one row here, one arm in `check`, one file in `source` or `sink`.

/// One kind of source or sink.
#[derive(Debug)]
pub struct Kind {
    /// What stands behind `kind =`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Keys that it takes besides those that every kind takes.
    pub keys: &'static [&'static str],
}

/// Keys that every source takes.
pub const SOURCE_KEYS: &[&str] = &["name", "kind", "format", "pace"];

/// Sources.
pub const SOURCES: &[Kind] = &[
    Kind {
        name: "file",
        what: "files in order, globs, .gz, .zst",
        keys: &["paths", "follow", "start", "rate"],
    },
    Kind { name: "stdin", what: "standard input", keys: &["start", "rate"] },
    Kind { name: "tcp", what: "TCP client", keys: &["addr", "start", "rate"] },
    Kind {
        name: "tcp-listen",
        what: "TCP listener, several senders at once",
        keys: &["addr", "start", "rate"],
    },
    Kind {
        name: "jetstream",
        what: "Bluesky, live, without an account",
        keys: &["hosts", "wire", "zstd", "zstd_dictionary"],
    },
    Kind {
        name: "x",
        what: "X, live, by API v2, with a token that is paid for",
        keys: &[
            "base_url",
            "token_env",
            "token_file",
            "rules",
            "reads_max_per_day",
            "price_per_read",
            "backfill_minutes",
            "connects_max",
        ],
    },
    Kind {
        name: "x-v1",
        what: "X API v1.1, retired: for servers that still speak it",
        keys: &[
            "base_url",
            "consumer_key_env",
            "consumer_key_file",
            "consumer_secret_env",
            "consumer_secret_file",
            "token_env",
            "token_file",
            "token_secret_env",
            "token_secret_file",
            "track",
            "locations",
            "language",
            "delimited",
            "connects_max",
        ],
    },
    Kind {
        name: "mastodon",
        what: "an instance of Mastodon, live",
        keys: &["instance", "stream", "tag", "wire", "token_env", "token_file"],
    },
    Kind {
        name: "generator",
        what: "made-up posts, deterministic by seed",
        keys: &["seed", "posts", "rate", "start", "live", "past", "tags"],
    },
];

/// Keys that every sink takes.
pub const SINK_KEYS: &[&str] = &["kind"];

/// Sinks.
pub const SINKS: &[Kind] = &[
    Kind { name: "stdout", what: "the table in the terminal, or JSON lines", keys: &["json"] },
    Kind { name: "jsonl", what: "a file of JSON lines", keys: &["path", "rotate", "keep"] },
    Kind { name: "dashboard", what: "POST to a dashboard's `/updateData`", keys: &["url"] },
    Kind { name: "webhook", what: "POST of JSON", keys: &["url", "token_env"] },
];

/// The kind of that name.
#[must_use]
pub fn find(kinds: &'static [Kind], name: &str) -> Option<&'static Kind> {
    kinds.iter().find(|kind| kind.name == name)
}

/// All names, as they stand in an error: `` `file`, `stdin` ``.
#[must_use]
pub fn names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ")
}
