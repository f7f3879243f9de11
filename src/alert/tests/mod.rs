//! Rules on rankings made by hand; the outbox; deliveries to a server on loopback under a clock
//! that is held; the feed.

mod delivery;
mod feed;
mod rules;
mod server;

use std::time::Duration;

use super::*;
use crate::job::{AlertOn, AlertPlan};
use tagtide_trends::rank::Ranking;

const MINUTE: i64 = 60_000;

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn plan(name: &str, on: AlertOn) -> AlertPlan {
    AlertPlan {
        name: name.to_owned(),
        on,
        view: "all".to_owned(),
        quiet: Duration::from_mins(10),
        webhook: None,
        secret_env: None,
    }
}

/// A ranking at a minute; a `!` behind a tag marks a peak.
fn ranking(minute: i64, tags: &[&str]) -> Ranking {
    let row = |(rank, tag): (u32, &&str)| Trend {
        rank,
        tag: tag.trim_end_matches('!').to_owned(),
        display: tag.trim_end_matches('!').to_uppercase(),
        count: u64::from(1_000 / rank),
        status: Some(if tag.ends_with('!') { "rising" } else { "steady" }.to_owned()),
        ..Trend::default()
    };
    Ranking {
        mode: "trending".to_owned(),
        window_s: Some(3_600),
        view: "all".to_owned(),
        at: minute * MINUTE,
        trends: (1..).zip(tags).map(row).collect(),
        ..Ranking::default()
    }
}

/// An alert of the rule `peak` about each tag.
fn alerts(minute: i64, tags: &[&str]) -> Vec<Alert> {
    let marked: Vec<String> = tags.iter().map(|tag| format!("{tag}!")).collect();
    let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
    let plans = [plan("peak", AlertOn::Peak)];
    Rules::new("job", &plans, RulesState::default()).evaluate(&ranking(minute, &marked))
}
