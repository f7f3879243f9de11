use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn rig() -> Rig {
    Rig::new(tick(1, &[("a", 3), ("b", 2)]), ServeOptions::default())
}

/// The rows of a client, made from snapshots and diffs only.
#[derive(Debug, Default, PartialEq)]
struct Model {
    batch: u64,
    ranking: Value,
}

impl Model {
    fn apply(&mut self, sent: &Sent) {
        let event = sent.json();
        assert_eq!(sent.id, Some(event["batch"].to_string()), "the id is the batch");
        self.batch = event["batch"].as_u64().unwrap();
        if sent.name == "snapshot" {
            self.ranking = event["ranking"].clone();
            return;
        }
        assert!(event["ranking"].get("trends").is_none());
        let mut rows = BTreeMap::new();
        for row in self.ranking["trends"].as_array().into_iter().flatten() {
            rows.insert(row["tag"].as_str().unwrap().to_owned(), row.clone());
        }
        for (tag, row) in event["rows"].as_object().unwrap() {
            rows.insert(tag.clone(), row.clone());
        }
        let order = event["order"].as_array().unwrap().iter();
        let trends = order.map(|tag| rows[tag.as_str().unwrap()].clone()).collect();
        self.ranking = event["ranking"].clone();
        self.ranking["trends"] = Value::Array(trends);
    }
}

#[test]
fn a_snapshot_then_diffs_with_the_status_after() {
    let rig = rig();
    let mut client = LiveClient::new(rig.addr(), "/api/v1/live", &[]);
    assert!(client.head.contains("content-type: text/event-stream"), "{}", client.head);
    let snapshot = client.event("snapshot");
    assert_eq!(snapshot.id.as_deref(), Some("1"));
    let snapshot = snapshot.json();
    assert_eq!(snapshot["published_at"], 1_700_000_002_000_i64);
    assert_eq!(snapshot["ranking"], rig.get("/api/v1/trends").json());
    assert_eq!(snapshot["status"], rig.get("/api/v1/status").json());

    rig.publish(tick(2, &[("c", 9), ("a", 3)]));
    let diff = client.event("diff");
    assert_eq!(diff.id.as_deref(), Some("2"));
    let diff = diff.json();
    assert_eq!(diff["order"], serde_json::json!(["c", "a"]));
    let rows: Vec<_> = diff["rows"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["a", "c"], "the rank of `a` has changed");
    assert_eq!(diff["ranking"]["distinct_tags"], 2);
    let status = client.event("status");
    assert_eq!((status.id.clone(), &status.json()["counters"]["posts"]), (None, &20.into()));

    rig.publish(tick(3, &[("c", 9), ("a", 4)]));
    let diff = client.event("diff").json();
    let rows: Vec<_> = diff["rows"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["a"], "rows that are the same are not sent again");
    client.event("status");
    rig.publish(tick(4, &[]));
    assert_eq!(client.event("diff").json()["order"], serde_json::json!([]));
}

#[test]
fn a_client_sees_what_it_asked_for() {
    let rig = rig();
    let mut client = LiveClient::new(rig.addr(), "/api/v1/live?mode=count&window=1m&top=1", &[]);
    let ranking = client.event("snapshot").json()["ranking"].clone();
    assert_eq!((&ranking["mode"], &ranking["window_s"]), (&"count".into(), &60.into()));
    assert_eq!(ranking["trends"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reconnect_gets_a_snapshot_unless_it_has_the_current_one() {
    let rig = rig();
    rig.publish(tick(2, &[("a", 3)]));
    for id in ["1", "3", "x", ""] {
        let mut client = LiveClient::new(rig.addr(), "/api/v1/live", &[("last-event-id", id)]);
        assert_eq!(client.event("snapshot").id.as_deref(), Some("2"), "{id}");
    }
    let mut client = LiveClient::new(rig.addr(), "/api/v1/live", &[("last-event-id", "2")]);
    assert_eq!(client.next().unwrap().comment, "nothing new");
    rig.publish(tick(3, &[("a", 3), ("b", 1)]));
    // It might hold batch 2 of another run, so every row comes.
    let diff = client.event("diff").json();
    let rows: Vec<_> = diff["rows"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["a", "b"]);
    client.event("status");
    rig.publish(tick(4, &[("a", 3), ("b", 2)]));
    let diff = client.event("diff").json();
    let rows: Vec<_> = diff["rows"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["b"]);
}

#[test]
fn clients_of_one_ranking_share_one_encoding() {
    let mut first = tick(1, &[("a", 3)]);
    let more = Ranking { distinct_tags: 9, ..ranked("total", None, &[("a", 3)]) };
    first.rankings[0] = Arc::new(more);
    let rig = Rig::new(first.clone(), ServeOptions::default());
    *rig.ask.ranking.lock().unwrap() = Some(ranked("total", None, &[("a", 3), ("b", 2)]));
    let targets = ["/api/v1/live", "/api/v1/live?mode=total", "/api/v1/live?top=10&view=all"];
    let mut clients: Vec<_> = (0..30)
        .map(|index| LiveClient::new(rig.addr(), targets[index % targets.len()], &[]))
        .collect();
    for client in &mut clients {
        assert_eq!(client.event("snapshot").json()["ranking"]["trends"][1]["tag"], "b");
    }
    assert_eq!(rig.ask.asked.load(Ordering::SeqCst), 1, "the live state was asked once a tick");
    first.batch = 2;
    rig.publish(first);
    for client in &mut clients {
        client.event("diff");
    }
    assert_eq!(rig.ask.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn silence_is_kept_alive() {
    let timeouts = Timeouts { keep_alive: Duration::from_millis(50), ..Timeouts::default() };
    let rig = Rig::new(tick(1, &[]), ServeOptions { timeouts, ..ServeOptions::default() });
    let mut client = LiveClient::new(rig.addr(), "/api/v1/live", &[]);
    client.event("snapshot");
    assert_eq!(client.next().unwrap().comment, "still here");
    assert_eq!(client.next().unwrap().comment, "still here");
}

#[test]
fn a_stream_outlives_the_run_and_ends_with_the_server() {
    let Rig { server, published, ask: _ask } = rig();
    let mut client = LiveClient::new(server.addr(), "/api/v1/live", &[]);
    client.event("snapshot");
    let ended = Status { state: RunState::Ended, ..status(2) };
    published.send_replace(Arc::new(TickSnapshot { status: Arc::new(ended), ..tick(2, &[]) }));
    client.event("diff");
    assert_eq!(client.event("status").json()["state"], "ended");
    drop(published);
    let mut late = LiveClient::new(server.addr(), "/api/v1/live", &[]);
    assert_eq!(late.event("snapshot").json()["status"]["state"], "ended");
    server.stop();
    assert_eq!(client.next(), None);
    assert_eq!(late.next(), None);
}

#[test]
fn channels_end_with_their_last_client() {
    let rig = rig();
    // More rankings than may be watched at once, one after another.
    for top in 1..=300 {
        let target = format!("/api/v1/live?top={top}");
        eventually("a channel without clients is removed", || {
            let mut client = LiveClient::new(rig.addr(), &target, &[]);
            client.head.starts_with("HTTP/1.0 200") && client.event("snapshot").id.is_some()
        });
    }
}

#[test]
fn too_many_different_rankings_are_refused() {
    let rig = rig();
    let connect = |top: usize| {
        let mut client = LiveClient::new(rig.addr(), &format!("/api/v1/live?top={top}"), &[]);
        client.head.starts_with("HTTP/1.0 200").then(|| {
            client.event("snapshot");
            client
        })
    };
    let clients: Vec<_> = (1..=256).map(|top| connect(top).expect("there is room")).collect();
    assert!(connect(300).is_none());
    assert!(connect(1).is_some(), "one that is watched already");
    drop(clients);
    eventually("room again", || connect(300).is_some());
}

fn rows_strategy() -> impl Strategy<Value = Vec<(String, u64)>> {
    proptest::collection::vec(("[a-h]|<b>|é\"", 1..4_u64), 0..8).prop_map(|rows| {
        let unique: BTreeMap<_, _> = rows.into_iter().collect();
        let mut rows: Vec<_> = unique.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        rows
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever happens, applying what a client was sent gives the ranking that was published;
    /// a client that reads late gets a snapshot in between, and the same holds.
    #[test]
    fn diffs_lead_to_the_ranking(
        ticks in proptest::collection::vec((rows_strategy(), any::<bool>()), 1..8),
    ) {
        let rig = rig();
        let mut client = LiveClient::new(rig.addr(), "/api/v1/live", &[]);
        let mut model = Model::default();
        model.apply(&client.event("snapshot"));
        let last = ticks.len() - 1;
        for (index, (rows, wait)) in ticks.iter().enumerate() {
            let rows: Vec<_> = rows.iter().map(|(tag, count)| (tag.as_str(), *count)).collect();
            let published = tick(index as u64 + 2, &rows);
            let expected = serde_json::to_value(&*published.rankings[0]).unwrap();
            rig.publish(published);
            if *wait || index == last {
                while model.batch < index as u64 + 2 {
                    let sent = client.next().unwrap();
                    if sent.name != "status" {
                        model.apply(&sent);
                    }
                }
                prop_assert_eq!(&model.ranking, &expected);
            }
        }
    }
}
