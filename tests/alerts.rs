//! History and alerts from outside: real processes killed with kill -9, a receiver on loopback, the
//! commands.

#[path = "alerts/commands.rs"]
mod commands;
#[path = "alerts/crash.rs"]
mod crash;
#[path = "alerts/deliver.rs"]
mod deliver;
#[path = "alerts/hmac.rs"]
mod hmac;
#[path = "../src/alert/tests/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use tagtide::alert::{Alert, Backoff, Rules, RulesState};
use tagtide::job::{AlertOn, AlertPlan};
use tagtide_trends::rank::{Ranking, Trend};

/// Short, so that a test of retries does not take long.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(5), max: Duration::from_millis(50) };

/// A rule on peaks with a webhook.
fn plan(url: &str) -> AlertPlan {
    AlertPlan {
        name: "peaks".to_owned(),
        on: AlertOn::Peak,
        view: "all".to_owned(),
        quiet: Duration::ZERO,
        webhook: Some(url.to_owned()),
        secret_env: Some("SECRET".to_owned()),
    }
}

fn secrets() -> BTreeMap<String, String> {
    BTreeMap::from([("SECRET".to_owned(), "s3cret".to_owned())])
}

/// The ranking of a minute, which depends only on the minute, as in a replay.
fn ranking(minute: i64) -> Ranking {
    let rows = 3 + u32::try_from(minute % 7).expect("small");
    let row = |rank: u32| Trend {
        rank,
        tag: format!("tag{}", i64::from(rank) * minute % 11),
        display: format!("Tag{}", i64::from(rank) * minute % 11),
        count: u64::from(1_000 / rank),
        status: Some(if rank == 1 { "rising" } else { "steady" }.to_owned()),
        ..Trend::default()
    };
    Ranking {
        mode: "trending".to_owned(),
        window_s: Some(3_600),
        view: "all".to_owned(),
        at: minute * 60_000,
        trends: (1..=rows).map(row).collect(),
        ..Ranking::default()
    }
}

/// What the slides of these minutes raise: one alert each.
fn raised(minutes: std::ops::Range<i64>) -> Vec<Alert> {
    let mut rules = Rules::new("job", &[plan("http://localhost:1/")], RulesState::default());
    minutes.flat_map(|minute| rules.evaluate(&ranking(minute))).collect()
}
