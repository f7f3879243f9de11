//! The keys of a source of X, API v2: what it asks for, and what it may cost.

use std::sync::Arc;
use std::time::Duration;

use super::rules::Rules;
use super::{STALL, XSource};
use crate::finding::Finding;
use crate::http_client::host_of;
use crate::kind::{Replays, SourceKind, SourceOptions};
use crate::loss_bounds::{Filled, LossBounds};
use crate::options::{Key, OptionError, Scalar, SecretFrom, Section, address, units};
use crate::web::ANSWER_MAX;
use crate::{Guarantee, NO_END, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;

/// X, live, by API v2.
pub static KIND: SourceKind = SourceKind {
    name: "x",
    about: "posts of X as they happen, by API v2, with a token; reading is paid for",
    keys: &[
        BASE_URL,
        Key::text("token_env"),
        Key::text("token_file"),
        Key::list("rules"),
        Key::scalar("reads_max_per_day"),
        Key::scalar("price_per_read"),
        Key::scalar("backfill_minutes"),
        CONNECTS_MAX,
    ],
    formats: &[("auto", Some(Format::X2)), ("x2", Some(Format::X2))],
    short_key: None,
    aliases: &["twitter"],
    is_platform: true,
    check: |section, _| Arc::new(Options::check(section)),
};

/// Server of either API.
pub(super) const BASE_URL: Key = Key::text("base_url");
/// Connections tried within 15 minutes at most.
pub(super) const CONNECTS_MAX: Key = Key::scalar("connects_max");

/// The live service of v2.
const SERVER: &str = "https://api.x.com/";
/// US dollars that X takes for a post read (2026-02).
const PRICE: f64 = 0.005;
/// Most posts per second of the filtered stream.
const POSTS_PER_S: f64 = 250.0;
/// Rules that X keeps, and the longest of them.
const RULES_MAX: usize = 1_000;
const RULE_MAX_CHARS: usize = 1_024;

/// The filtered stream of X API v2.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Server, without a path.
    pub base_url: String,
    /// Bearer token of the app.
    pub token: SecretFrom,
    /// What the stream is filtered by.
    pub rules: Vec<String>,
    /// What this job's rules are tagged with on the server.
    pub tag: String,
    /// Most posts read in a day (UTC).
    pub reads_max: u64,
    /// US dollars a post.
    pub price: f64,
    /// Minutes that the server brings again after a loss; 0 = none.
    pub backfill_minutes: u32,
    /// Connections tried within 15 minutes at most.
    pub connects_max: u32,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let price = section.optional("price_per_read", price).unwrap_or(PRICE);
        let (hour, day) = (POSTS_PER_S * price * 3600.0, 20_000.0 * price);
        let cost = format!(
            "at full rate, {POSTS_PER_S} posts a second at ${price}, an hour of it costs ${hour:.2}"
        );
        let rules = rules(section, &cost);
        if section.scalar("reads_max_per_day").is_none() {
            let help =
                format!("add `reads_max_per_day = 20_000`, which costs ${day:.2} a day at most");
            section.missing(format!("the source has no `reads_max_per_day`: {cost}"), help);
        }
        let (range, bounds) = ((1, 1_000_000_000_000), "at least 1; it bounds what a day costs");
        let reads_max = section.bounded("reads_max_per_day", units::count, 1, range, bounds);
        let bounds = "from 0 to 5; plans without it refuse it";
        let backfill = section.bounded("backfill_minutes", units::count, 0, (0, 5), bounds);
        Self {
            base_url: base_url(section).unwrap_or_else(|| SERVER.to_owned()),
            token: address::secret(section, "token", ("token_env", "token_file")),
            rules,
            tag: format!("tagtide:{}", section.checker.name),
            reads_max,
            price,
            backfill_minutes: u32::try_from(backfill).unwrap_or(0),
            connects_max: connects_max(section),
        }
    }

    /// US dollars that a day may cost.
    fn day(&self) -> f64 {
        self.reads_max as f64 * self.price
    }
}

fn rules(section: &mut Section<'_>, cost: &str) -> Vec<String> {
    let fields = section.list("rules").unwrap_or_default();
    if fields.is_empty() {
        let what = format!("the source has no `rules`: {cost}");
        let help = "add `rules = [\"#rust lang:en\"]`; the stream brings what one of them matches";
        section.missing(what, help);
    }
    if let Some(field) = fields.get(RULES_MAX) {
        section.checker.problem(&field.place, format!("more than {RULES_MAX} rules"), "");
    }
    let mut rules: Vec<String> = Vec::new();
    for field in fields {
        let rule = field.value.to_string().trim().to_owned();
        let checker = &mut *section.checker;
        if rule.is_empty() || rule.chars().count() > RULE_MAX_CHARS {
            let help = format!("a rule has 1 to {RULE_MAX_CHARS} characters");
            checker.problem(&field.place, format!("`{rule}` is not a rule"), help);
        } else if rule == "#" || rule == "has:hashtags" {
            let help = "name words or tags; `has:hashtags` needs another operand beside it";
            checker.problem(&field.place, format!("X takes no rule `{rule}`"), help);
        } else if rules.contains(&rule) {
            checker.problem(&field.place, format!("the rule `{rule}` is there twice"), "");
        }
        rules.push(rule);
    }
    rules
}

fn price(value: &Scalar) -> Result<f64, OptionError> {
    let price: Option<f64> = value.to_string().trim().parse().ok();
    let is_price = |price: &f64| price.is_finite() && (0.0..=1_000.0).contains(price);
    price
        .filter(is_price)
        .ok_or_else(|| OptionError::not_a(value, "a price", "US dollars a post, like `0.005`"))
}

/// The server that the job names.
pub(super) fn base_url(section: &mut Section<'_>) -> Option<String> {
    let field = section.text(BASE_URL.name)?;
    let help = "write a server such as `https://api.x.com`; `http://` is for this machine";
    address::server(section.checker, &field.value, &field.place, help)
}

/// The bound of connections.
pub(super) fn connects_max(section: &mut Section<'_>) -> u32 {
    let (range, bounds) = ((1, 1_000_000), "from 1 to 1M connections in 15 minutes; X allows 50");
    let max = section.bounded(CONNECTS_MAX.name, units::count, 50, range, bounds);
    u32::try_from(max).unwrap_or(50)
}

/// The row of `doctor` for a server that refused.
pub(super) fn refused(check: &'static str, error: &SourceError) -> Finding {
    let text = error.to_string();
    let (why, help) = text
        .split_once("\nhelp: ")
        .unwrap_or((&text, "check the network, `HTTPS_PROXY`, and `base_url` in the job"));
    match error {
        SourceError::Retry(..) => Finding::warn(check, why, help),
        _ => Finding::fail(check, why, help),
    }
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        let Self { reads_max, price, .. } = self;
        let s = if self.rules.len() == 1 { "" } else { "s" };
        format!(
            "X, live, by API v2 from {}, {} rule{s}; reads at most {reads_max} posts a day (UTC), \
             ${:.2} at ${price} each",
            host_of(&self.base_url),
            self.rules.len(),
            self.day()
        )
    }

    fn loss(&self, epoch: Duration) -> LossBounds {
        let filled = match self.backfill_minutes {
            0 => Filled::Estimated,
            minutes => Filled::Minutes(minutes),
        };
        LossBounds::live(epoch, STALL, ANSWER_MAX, filled)
    }

    fn guarantee(&self) -> Guarantee {
        match self.backfill_minutes {
            0 => Guarantee::AtMostOnce,
            _ => Guarantee::WithinLookBack,
        }
    }

    fn replays(&self) -> Replays {
        Replays::Nothing
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(XSource::v2(self, line_max_bytes, clock)?))
    }

    /// Lists the rules, which is free; opening the stream would be paid for.
    fn reach(&self, _line_max_bytes: usize, clock: &Clock) -> Result<Vec<Finding>, SourceError> {
        const CHECK: &str = "X API v2";
        let listed = Rules::new(self, clock).and_then(|mut rules| rules.list());
        let there = match listed {
            Ok(there) => there.len(),
            Err(error) => return Ok(vec![refused(CHECK, &error)]),
        };
        let (rules, most, connects) = (self.rules.len(), self.reads_max, self.connects_max);
        let found = format!(
            "the token is accepted (HTTP 200); {there} rules on the server, {rules} in the job; \
             reads at most {most} posts per day for up to ${:.2}, one connection at a time, \
             {connects} in 15 minutes",
            self.day()
        );
        Ok(vec![Finding::pass(CHECK, found)])
    }

    fn no_event_time(&self, _carries_time: bool) -> Option<&'static str> {
        Some(NO_END)
    }

    fn only_run(&self) -> Option<(&'static str, &'static str)> {
        Some((
            "X bills each post that is read, and only `run` remembers how many were",
            "use `tagtide run` with this job",
        ))
    }
}
