//! History and alerts, read from the files of a state directory.

use std::sync::Arc;

use super::*;
use crate::alert::{Outbox, Rules, RulesState};
use crate::history::{History, MAX_BYTES};
use crate::job::{AlertOn, AlertPlan};

const MINUTE: i64 = 60_000;

fn ranking(minute: i64, mode: &str, window_s: Option<u64>, tags: &[&str]) -> Ranking {
    let row = |(rank, tag): (u32, &&str)| Trend {
        rank,
        tag: (*tag).to_owned(),
        display: tag.to_uppercase(),
        count: 100,
        status: Some("rising".to_owned()),
        ..Trend::default()
    };
    Ranking {
        mode: mode.to_owned(),
        window_s,
        view: "all".to_owned(),
        at: minute * MINUTE,
        trends: (1..).zip(tags).map(row).collect(),
        ..Ranking::default()
    }
}

fn rig(dir: &tempfile::TempDir) -> Rig {
    let state_dir = Some(dir.path().to_owned());
    Rig::new(tick(1, &[("a", 1)]), ServeOptions { state_dir, ..ServeOptions::default() })
}

fn places(reply: &Reply, tag: &str) -> Vec<(i64, i64)> {
    let json = reply.json();
    let rankings = json["rankings"].as_array().unwrap_or_else(|| panic!("{json}"));
    let row = |ranking: &serde_json::Value| {
        let rows = ranking["trends"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["tag"] == tag)?;
        Some((ranking["at"].as_i64()? / MINUTE, row["rank"].as_i64()?))
    };
    rankings.iter().filter_map(row).collect()
}

#[test]
fn history_by_time_range_and_tag() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(&dir);
    assert_eq!(rig.get("/api/v1/history").status, 404, "nothing was stored yet");
    // What the server publishes by default.
    let default = rig.get("/api/v1/trends").json();
    let mode = default["mode"].as_str().unwrap().to_owned();
    let window_s = default["window_s"].as_u64();
    let mut history = History::open(dir.path(), MAX_BYTES).unwrap();
    let mut rankings = Vec::new();
    for minute in 1..=120 {
        let tags: &[&str] = if minute % 2 == 0 { &["a", "b"] } else { &["b", "a"] };
        rankings.push(Arc::new(ranking(minute, &mode, window_s, tags)));
    }
    rankings.push(Arc::new(ranking(60, "authors", Some(60), &["z"])));
    history.write(&rankings).unwrap();

    assert_eq!(places(&rig.get("/api/v1/history"), "a"), [(120, 1)], "the newest");
    let at = rig.get("/api/v1/history?at=1970-01-01T00:03:30Z");
    assert_eq!(places(&at, "a"), [(3, 2)]);
    assert_eq!(at.json()["mode"], mode.as_str());
    let range = format!("/api/v1/history?from={}&to={}&tag=%23A", 4 * MINUTE, 6 * MINUTE);
    assert_eq!(places(&rig.get(&range), "a"), [(4, 1), (5, 2), (6, 1)]);
    assert_eq!(places(&rig.get(&range), "b"), [], "only the rows of the tag");
    let top = rig.get("/api/v1/history?from=0&to=9999999&top=1").json();
    assert_eq!(top["rankings"].as_array().unwrap().len(), 120);
    let other = rig.get("/api/v1/history?mode=authors&window=1m");
    assert_eq!(places(&other, "z"), [(60, 1)]);
    for (query, wanted) in [
        ("at=1&from=2", "give one of the two"),
        ("from=9&to=1", "is later than"),
        ("at=yesterday", "RFC 3339"),
        ("top=0", "not a number from 1"),
        ("window=x", "`window` is `x`, which is not a duration"),
        ("every=x", "`every` is `x`, which is not a duration"),
        ("mode=nope", "cannot rank by `nope`"),
        ("view=nope", "there is no view `nope`"),
        ("window=3m", "there is no window of 180 s"),
    ] {
        let reply = rig.get(&format!("/api/v1/history?{query}"));
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.text().contains(wanted), "{query}: {}", reply.text());
    }
}

#[test]
fn a_damaged_history_is_reported_without_its_path() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("history.sqlite"), "this is no database, only a text").unwrap();
    let reply = rig(&dir).get("/api/v1/history");
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json()["error"], "cannot read the history: damaged");
}

#[test]
fn alerts_are_listed_and_fed() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(&dir);
    for path in ["/api/v1/alerts", "/feed.xml"] {
        assert_eq!(rig.get(path).status, 404, "{path}");
    }
    let plan = AlertPlan {
        name: "peaks".to_owned(),
        on: AlertOn::Peak,
        view: "all".to_owned(),
        quiet: Duration::ZERO,
        webhook: None,
        secret_env: None,
    };
    let mut rules = Rules::new("job", &[plan], RulesState::default());
    let mut outbox = Outbox::open(dir.path()).unwrap();
    for minute in 1..=20 {
        let raised = rules.evaluate(&ranking(minute, "trending", Some(60), &["a", "<b>"]));
        outbox.enqueue(&raised, 5, |_| false).unwrap();
    }
    let list = rig.get("/api/v1/alerts?tag=a&top=3").json();
    let alerts = list["alerts"].as_array().unwrap();
    let newest: Vec<_> = alerts.iter().map(|a| a["at"].as_i64().unwrap() / MINUTE).collect();
    assert_eq!(newest, [20, 19, 18]);
    let first = &alerts[0];
    assert_eq!((&first["rule"], &first["state"]), (&"peaks".into(), &"feed".into()));
    assert_eq!(first["trend"]["rank"], 1);
    assert_eq!(rig.get("/api/v1/alerts?rule=none").json()["alerts"], serde_json::json!([]));
    assert_eq!(rig.get("/api/v1/alerts?top=x").status, 400);
    let feed = rig.get("/feed.xml");
    assert_eq!(feed.header("content-type"), Some("application/atom+xml; charset=utf-8"));
    assert_eq!(feed.text().matches("<entry>").count(), 40);
    assert!(feed.text().contains("#&lt;B&gt; is at a new peak"), "{}", feed.text());
}

#[test]
fn full_hours_only_and_modes_without_a_window() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(&dir);
    let mut history = History::open(dir.path(), MAX_BYTES).unwrap();
    let minutes: Vec<_> = (1..=200)
        .map(|minute| Arc::new(ranking(minute, "trending", Some(60), &["a"])))
        .chain([Arc::new(ranking(120, "decay", None, &["a"]))])
        .collect();
    history.write(&minutes).unwrap();
    let asked = |query: &str| {
        let reply = rig.get(&format!("/api/v1/history?{query}"));
        places(&reply, "a").into_iter().map(|place| place.0).collect::<Vec<_>>()
    };
    let range = "mode=trending&window=1m&from=0";
    assert_eq!(asked(&format!("{range}&every=1h")), [60, 120, 180]);
    assert_eq!(asked(&format!("{range}&every=90m")), [90, 180]);
    assert_eq!(asked(range).len(), 200);
    assert_eq!(asked("mode=decay&window=1m"), [120], "a window that comes with it is left aside");
    for every in ["0", "30", "x"] {
        let reply = rig.get(&format!("/api/v1/history?from=0&every={every}"));
        assert_eq!(reply.status, 400, "{every} {reply:?}");
    }
}
