//! The keys of a source of X API v1.1.

use std::sync::Arc;
use std::time::Duration;

use super::options::{BASE_URL, CONNECTS_MAX, base_url, connects_max, refused};
use super::{STALL_V1, XSource};
use crate::finding::Finding;
use crate::http_client::host_of;
use crate::kind::{Replays, SourceKind, SourceOptions};
use crate::loss_bounds::{Filled, LossBounds};
use crate::options::{Field, Key, Scalar, SecretFrom, Section, address};
use crate::web::ANSWER_MAX;
use crate::{Guarantee, NO_END, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;

/// X API v1.1, of servers that still speak it.
pub static KIND: SourceKind = SourceKind {
    name: "x-v1",
    about: "X API v1.1, retired, of servers that still speak it",
    keys: &[
        BASE_URL,
        Key::text("consumer_key_env"),
        Key::text("consumer_key_file"),
        Key::text("consumer_secret_env"),
        Key::text("consumer_secret_file"),
        Key::text("token_env"),
        Key::text("token_file"),
        Key::text("token_secret_env"),
        Key::text("token_secret_file"),
        Key::list("track"),
        Key::list("locations"),
        Key::list("language"),
        Key::text("delimited"),
        CONNECTS_MAX,
    ],
    formats: &[("auto", Some(Format::X1)), ("x1", Some(Format::X1))],
    short_key: None,
    aliases: &[],
    is_platform: true,
    check: |section, _| Arc::new(Options::check(section)),
};

/// Limits of v1.1.
const TRACK_MAX: usize = 400;
const BOXES_MAX: usize = 25;

/// `statuses/filter` of X API v1.1.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Server, without a path.
    pub base_url: String,
    /// Consumer key, its secret, token, its secret.
    pub keys: [SecretFrom; 4],
    /// Parameters of the request, by name.
    pub params: Vec<(String, String)>,
    /// Messages come with their length before them.
    pub delimited: bool,
    /// Connections tried within 15 minutes at most.
    pub connects_max: u32,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let base = base_url(section);
        if section.text(BASE_URL.name).is_none() {
            let what = "X has retired API v1.1, and the source has no `base_url`";
            let help = "name a server that still speaks it; for X itself use `kind = \"x\"`";
            section.missing(what, help);
        }
        let delimited = section.word("delimited", &[("length", true), ("none", false)], true);
        let mut params = Vec::new();
        let mut add = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                params.push((name.to_owned(), values.join(",")));
            }
        };
        if delimited {
            add("delimited", vec!["length".to_owned()]);
        }
        add("language", texts(section.list("language").unwrap_or_default()));
        add("locations", locations(section));
        add("stall_warnings", vec!["true".to_owned()]);
        add("track", track(section));
        if section.list("track").is_none() && section.list("locations").is_none() {
            let help = "add `track = [\"#\"]`, or `locations` with the corners of a box";
            section.missing("the source has neither `track` nor `locations`", help);
        }
        let keys = [
            ("consumer_key", ("consumer_key_env", "consumer_key_file")),
            ("consumer_secret", ("consumer_secret_env", "consumer_secret_file")),
            ("token", ("token_env", "token_file")),
            ("token_secret", ("token_secret_env", "token_secret_file")),
        ]
        .map(|(name, keys)| address::secret(section, name, keys));
        let connects_max = connects_max(section);
        Self { base_url: base.unwrap_or_default(), keys, params, delimited, connects_max }
    }
}

fn texts(fields: &[Field<Scalar>]) -> Vec<String> {
    fields.iter().map(|field| field.value.to_string()).collect()
}

fn track(section: &mut Section<'_>) -> Vec<String> {
    let fields = section.list("track").unwrap_or_default();
    if let Some(field) = fields.get(TRACK_MAX) {
        section.checker.problem(&field.place, format!("more than {TRACK_MAX} phrases"), "");
    }
    for field in fields {
        let phrase = field.value.to_string();
        if phrase.is_empty() || phrase.len() > 60 || phrase.contains(',') {
            let what = format!("`{phrase}` is not a phrase to track");
            let help = "a phrase has 1 to 60 bytes and no comma";
            section.checker.problem(&field.place, what, help);
        }
    }
    texts(fields)
}

/// Longitude and latitude of the south-west and the north-east corner of each box.
fn locations(section: &mut Section<'_>) -> Vec<String> {
    let fields = section.list("locations").unwrap_or_default();
    if !fields.len().is_multiple_of(4) || fields.len() > 4 * BOXES_MAX {
        let what = format!("`locations` holds {} numbers", fields.len());
        let help = format!(
            "each box, up to {BOXES_MAX}, is longitude and latitude of its south-west corner, then \
             of its north-east one"
        );
        section.missing(what, help);
    }
    for (n, field) in fields.iter().enumerate() {
        let bound = if n % 2 == 0 { 180.0 } else { 90.0 };
        let degrees: Option<f64> = field.value.to_string().parse().ok();
        if !degrees.is_some_and(|degrees| (-bound..=bound).contains(&degrees)) {
            let what = format!("`{}` is not a number of degrees", field.value);
            section.checker.problem(&field.place, what, "");
        }
    }
    texts(fields)
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        let server = host_of(&self.base_url);
        format!("X API v1.1 from {server}; X itself has retired it: use kind `x` there")
    }

    fn loss(&self, epoch: Duration) -> LossBounds {
        LossBounds::live(epoch, STALL_V1, ANSWER_MAX, Filled::Estimated)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn replays(&self) -> Replays {
        Replays::Nothing
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(XSource::v1(self, line_max_bytes, clock)?))
    }

    fn reach(&self, line_max_bytes: usize, clock: &Clock) -> Result<Vec<Finding>, SourceError> {
        const CHECK: &str = "X API v1.1";
        let opened = XSource::v1(self, line_max_bytes, clock).and_then(|mut source| source.reach());
        Ok(vec![match opened {
            Ok(()) => {
                let server = self.base_url.trim_end_matches('/');
                let help = "X itself retired it in 2023; use `kind = \"x\"` there";
                Finding::warn(CHECK, format!("{server} opens a stream and accepts the keys"), help)
            }
            Err(error) => refused(CHECK, &error),
        }])
    }

    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        Some(NO_END)
    }
}
