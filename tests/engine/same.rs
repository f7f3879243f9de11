//! The same post, and the same person, from two sources.

use tagtide::run::{LiveQuery, Question};
use tagtide_trends::rank::{Mode, Query, Trend};

use crate::support::{ALL, Counted, file_source, options, start};

/// What two sources count of `#a`, with how many posts were duplicates; the second source has the
/// same post as the first and another one of the same person.
fn of_both(one: (&str, String), two: (&str, &[String; 2])) -> (u64, u64, Trend, Vec<f64>) {
    let dir = tempfile::tempdir().unwrap();
    let source = |name: &str, format: &str, text: String| {
        file_source(dir.path(), name, text.as_bytes(), &format!("format = \"{format}\""))
    };
    let sources = source("one", one.0, one.1) + &source("two", two.0, two.1.concat());
    let count = "[count]\nmode = \"total\"\nmodes = [\"total\", \"authors\"]\nwindows = [\"1h\"]\n";
    let run = start(&format!("time = \"event\"\n{count}{sources}"), options(2, None));
    let counted = Counted::of(&run);
    let authors = Query { mode: Some(Mode::Authors), window_s: Some(3_600), view: None, top: ALL };
    let trend = run.ask(Question::Ranking(authors)).ranking().unwrap().trends[0].clone();
    let shares = run.watch().borrow().status.sources.iter().map(|source| source.share).collect();
    (counted.totals()["a"], counted.counters.duplicates, trend, shares)
}

fn once((posts, duplicates, trend, shares): (u64, u64, Trend, Vec<f64>)) {
    assert_eq!((posts, duplicates), (2, 1));
    assert_eq!((trend.tag.as_str(), trend.authors), ("a", Some(1)), "{trend:?}");
    // Which of the two delivers the post first is random.
    assert!(shares == [0.5, 0.5] || shares == [0.0, 1.0], "{shares:?}");
}

fn toot(id: u32, number: u32, acct: &str) -> String {
    format!(
        "{{\"event\":\"update\",\"at\":1767571200000,\"payload\":{{\"id\":\"{id}\",\"uri\":\
         \"https://home.example/users/ann/statuses/{number}\",\"visibility\":\"public\",\
         \"account\":{{\"acct\":\"{acct}\"}},\"tags\":[{{\"name\":\"a\"}}],\"content\":\"#a\"}}}}\n"
    )
}

#[test]
fn two_instances_of_mastodon() {
    // At home the account has no host, and the posts have other local names.
    let elsewhere = [toot(1, 1, "ann@home.example"), toot(3, 2, "ann@home.example")];
    once(of_both(("mastodon", toot(7, 1, "ann")), ("mastodon", &elsewhere)));
}

#[test]
fn both_apis_of_x() {
    let v1 = |id: u32| {
        format!(
            "{{\"created_at\":\"Mon Jan 05 00:00:00 +0000 2026\",\"id\":{id},\"id_str\":\"{id}\",\
             \"text\":\"#a\",\"user\":{{\"id\":12,\"id_str\":\"12\"}},\
             \"timestamp_ms\":\"1767571200000\"}}\n"
        )
    };
    let v2 = |id: u32| {
        format!(
            "{{\"data\":{{\"id\":\"{id}\",\"text\":\"#a\",\"author_id\":\"12\",\"created_at\":\
             \"2026-01-05T00:00:00.000Z\",\"edit_history_tweet_ids\":[\"{id}\"]}}}}\n"
        )
    };
    once(of_both(("x1", v1(5)), ("x2", &[v2(5), v2(6)])));
    once(of_both(("x2", v2(5)), ("x1", &[v1(5), v1(6)])));
}

#[test]
fn two_hosts_and_both_wires_of_bluesky() {
    let commit = "\"rev\":\"3r1\",\"operation\":\"create\",\"collection\":\"app.bsky.feed.post\"";
    let record = "\"record\":{\"$type\":\"app.bsky.feed.post\",\"text\":\"x\",\"tags\":\
                  [\"a\"],\"createdAt\":\"1999-01-01T00:00:00Z\"},\"cid\":\"b\"";
    let v1 = |rkey: u32, seq: u32| {
        format!(
            "{{\"did\":\"did:plc:ann\",\"time_us\":1767571200000000,\"kind\":\"commit\",\
             \"cursor\":{seq},\"commit\":{{{commit},\"rkey\":\"3k{rkey}\",{record}}}}}\n"
        )
    };
    let v2 = |rkey: u32, seq: u32| {
        format!(
            "{{\"$type\":\"message\",\"payload\":{{\"$type\":\
             \"network.bsky.jetstream.subscribeEvents#commit\",\"seq\":{seq},\
             \"did\":\"did:plc:ann\",\"time\":\"2026-01-05T00:00:00.000000Z\",{commit},\
             \"rkey\":\"3k{rkey}\",{record}}}}}\n"
        )
    };
    once(of_both(("jetstream", v1(1, 7)), ("jetstream", &[v1(1, 900), v1(2, 901)])));
    once(of_both(("jetstream", v1(1, 7)), ("jetstream", &[v2(1, 900), v2(2, 901)])));
}
