//! `/api/v1/tags/{tag}/explain`.

use super::*;
use tagtide_trends::rank::RecentPosts;
use tagtide_trends::rank::explain::{Gate, WindowScore};
use tagtide_trends::rank::related::SamplePost;

fn of(tag: &str, window_s: u64) -> Explanation {
    Explanation {
        tag: tag.into(),
        window_s,
        text: "11x usual".into(),
        windows: vec![WindowScore { window_s, z: 5.22, ..WindowScore::default() }],
        gates: vec![Gate { name: "score".into(), bound: 2.0, ..Gate::default() }],
        first_seen: Some(1_767_571_200_000),
        recent: Some(recent()),
        ..Explanation::default()
    }
}

fn recent() -> RecentPosts {
    let sample = SamplePost {
        text: "<b>#a</b> \u{202e}".into(),
        url: Some("https://a.example/1".into()),
        ..SamplePost::default()
    };
    RecentPosts { kept: 90, posts: 4, samples: vec![sample], ..RecentPosts::default() }
}

#[test]
fn a_tag_is_explained_in_the_window_asked_for() {
    let rig = Rig::new(tick(1, &[("a", 1)]), ServeOptions::default());
    *rig.ask.explanations.lock().unwrap() = vec![of("rüst", 300), of("a/b", 300)];
    for path in ["r%C3%BCst/explain?window=5m", "%23R%C3%9CST/explain", "rüst/explain?window=300"]
    {
        let path = path.replace('ü', "%C3%BC");
        let reply = rig.get(&format!("/api/v1/tags/{path}"));
        assert_eq!(reply.status, 200, "{path} {reply:?}");
        let read: Explanation = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(read, of("rüst", 300), "{path}");
    }
    let json = rig.get("/api/v1/tags/a%2Fb/explain").json();
    assert_eq!((&json["windows"][0]["z"], &json["gates"][0]["bound"]), (&5.22.into(), &2.0.into()));
    assert_eq!(json["score"], serde_json::Value::Null);
    assert_eq!(json["first_seen"], 1_767_571_200_000_i64);
    let recent = &json["recent"];
    assert_eq!((&recent["kept"], &recent["posts"]), (&90.into(), &4.into()));
    assert_eq!(recent["samples"][0]["text"], "<b>#a</b> \u{202e}", "as it was posted");
    assert_eq!(recent["samples"][0]["author"], serde_json::Value::Null);
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_reason() {
    let rig = Rig::new(tick(1, &[("a", 1)]), ServeOptions::default());
    let refused = |path: &str, status: u16, error: &str| {
        let reply = rig.get(&format!("/api/v1/tags/{path}"));
        assert_eq!(reply.status, status, "{path} {reply:?}");
        let problem = reply.json();
        assert!(problem["error"].as_str().unwrap().contains(error), "{problem}");
        assert!(!problem["help"].as_str().unwrap().is_empty(), "{problem}");
    };
    refused("gone/explain", 404, "`gone` is not a live tag");
    // Configured, but too short or too long to be compared with a past.
    refused("a/explain?window=1m", 400, "no window of 60 s");
    refused("a/explain?window=soon", 400, "`soon`");
    refused("a/explain?window=5m&window=5m", 400, "cannot read the query");
    refused("%23/explain", 400, "contains no tag");
    refused("%FF/explain", 400, "not UTF-8");
    let mut without = tick(2, &[("a", 1)]);
    without.status = Arc::new(Status { scored_windows_s: Vec::new(), ..status(2) });
    rig.publish(without);
    refused("a/explain", 404, "no mode of this job compares tags with their past");
}

#[test]
fn modes_with_a_past_are_asked_for_their_own_windows() {
    let mut first = tick(1, &[("a", 1)]);
    let modes = vec!["total".into(), "count".into(), "trending".into()];
    first.status = Arc::new(Status { modes, ..status(1) });
    let rig = Rig::new(first, ServeOptions::default());
    assert_eq!(rig.get("/api/v1/trends?mode=count&window=1m").status, 200);
    let reply = rig.get("/api/v1/trends?mode=trending&window=1m");
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.json()["help"].as_str().unwrap().contains("`300`"), "{reply:?}");
    assert_eq!(rig.get("/api/v1/trends?mode=trending").json()["window_s"], 300);
}
