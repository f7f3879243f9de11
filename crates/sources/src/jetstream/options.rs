//! The keys of a source of Bluesky.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::JetstreamSource;
use crate::finding::Finding;
use crate::http_client::host_of;
use crate::kind::{Replays, SourceKind, SourceOptions};
use crate::loss_bounds::{Filled, LossBounds};
use crate::options::{Key, Section, address};
use crate::{Guarantee, NO_END, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;

/// Bluesky, live.
pub static KIND: SourceKind = SourceKind {
    name: "jetstream",
    about: "posts of Bluesky as they happen, without an account",
    keys: &[Key::list("hosts"), Key::text("wire"), Key::flag("zstd"), Key::text("zstd_dictionary")],
    formats: &[("auto", Some(Format::Jetstream)), ("jetstream", Some(Format::Jetstream))],
    short_key: None,
    aliases: &["bluesky"],
    is_platform: true,
    check: |section, _| Arc::new(Options::check(section)),
};

/// Servers where the job names none.
const HOSTS: [&str; 2] = ["jetstream.us-east.bsky.network", "jetstream.us-west.bsky.network"];
/// Most servers of a source.
const HOSTS_MAX: usize = 16;
const HELP: &str =
    "write a host such as `jetstream.us-east.bsky.network`; `ws://` is for this machine";

/// The two wires of Jetstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// `/subscribe`.
    V1,
    /// `/xrpc/network.bsky.jetstream.subscribeEvents`.
    V2,
}

impl Wire {
    const NAMES: [(&str, Self); 2] = [("v2", Self::V2), ("v1", Self::V1)];

    /// As job files name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Which servers, and how they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Base addresses of its servers, the preferred one first: `https`, or `http` for loopback.
    pub hosts: Vec<String>,
    /// Which of its two wires.
    pub wire: Wire,
    /// Ask for frames packed with zstd, where the wire hands out the dictionary.
    pub compress: bool,
    /// The dictionary of v1; without it v1 is not packed.
    pub dictionary: Option<PathBuf>,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let wire = section.word("wire", &Wire::NAMES, Wire::V2);
        let dictionary = section.text("zstd_dictionary");
        if dictionary.is_some() && wire == Wire::V2 {
            let what = "the wire `v2` hands out its dictionary";
            section.problem("zstd_dictionary", what, "leave `zstd_dictionary` out");
        }
        let compress = section.flag("zstd");
        if compress.is_some() && wire == Wire::V1 {
            let what = "the wire `v1` hands out no dictionary";
            section.problem("zstd", what, "name a file with `zstd_dictionary` instead");
        }
        Self {
            hosts: hosts(section),
            wire,
            compress: compress.unwrap_or(true),
            dictionary: dictionary.map(|field| PathBuf::from(field.value)),
        }
    }
}

fn hosts(section: &mut Section<'_>) -> Vec<String> {
    let Some(fields) = section.list("hosts") else {
        return HOSTS.iter().map(|host| format!("https://{host}/")).collect();
    };
    if fields.is_empty() || fields.len() > HOSTS_MAX {
        let what = format!("`hosts` names {} servers", fields.len());
        section.missing(what, format!("name 1 to {HOSTS_MAX}, or leave it out"));
    }
    let host = |field: &crate::options::Field<_>| {
        address::server(section.checker, &ToString::to_string(&field.value), &field.place, HELP)
    };
    fields.iter().filter_map(host).collect()
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        let names: Vec<_> = self.hosts.iter().map(|address| host_of(address)).collect();
        let (wire, names) = (self.wire.name(), names.join(", then "));
        format!("Bluesky, live, by Jetstream {wire} from {names}")
    }

    fn loss(&self, _epoch: Duration) -> LossBounds {
        LossBounds { filled: Filled::LookBack, ..LossBounds::default() }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WithinLookBack
    }

    fn replays(&self) -> Replays {
        Replays::AfterPosition
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(JetstreamSource::new(self, line_max_bytes, clock)?))
    }

    fn reach(&self, line_max_bytes: usize, clock: &Clock) -> Result<Vec<Finding>, SourceError> {
        const CHECK: &str = "Bluesky";
        let mut source = JetstreamSource::new(self, line_max_bytes, clock)?;
        let found = source.reach().into_iter().map(|(host, reached)| match reached {
            Ok(()) => Finding::pass(CHECK, format!("{host} opens a stream; it needs no account")),
            Err(error) => {
                let help = "check the network and `HTTPS_PROXY`; `tagtide demo` needs neither";
                Finding::warn(CHECK, error.to_string(), help)
            }
        });
        Ok(found.collect())
    }

    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        Some(NO_END)
    }
}
