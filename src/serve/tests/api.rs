use super::*;

const ROWS: &[(&str, u64)] = &[("Rust", 5), ("b", 3), ("c", 2)];

pub(super) fn rig() -> Rig {
    Rig::new(tick(1, ROWS), ServeOptions::default())
}

#[test]
fn trends_by_mode_window_and_top() {
    let rig = rig();
    let reply = rig.get("/api/v1/trends");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let ranking: Ranking = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(ranking, ranked("total", None, ROWS));

    let mode_and_window = |target: &str| {
        let reply = rig.get(target);
        assert_eq!(reply.status, 200, "{target} {reply:?}");
        let ranking: Ranking = serde_json::from_slice(&reply.body).unwrap();
        (ranking.mode, ranking.window_s, ranking.trends.len())
    };
    let count = |window_s, rows| ("count".to_owned(), Some(window_s), rows);
    assert_eq!(mode_and_window("/api/v1/trends?mode=count&window=1m"), count(60, 1));
    assert_eq!(mode_and_window("/api/v1/trends?mode=count&window=300"), count(300, 3));
    assert_eq!(mode_and_window("/api/v1/trends?window=5m&top=2"), count(300, 2));
    assert_eq!(mode_and_window("/api/v1/trends?mode=count"), count(60, 1));
    let total = |rows| ("total".to_owned(), None, rows);
    assert_eq!(mode_and_window("/api/v1/trends?mode=total&window=5m&view=all&top=1"), total(1));
    assert_eq!(rig.ask.asked.load(Ordering::SeqCst), 0, "the published rows were enough");
}

#[test]
fn rows_that_were_not_published_come_from_the_live_state() {
    let mut first = tick(1, ROWS);
    let mut more = ranked("total", None, ROWS);
    more.distinct_tags = 4;
    first.rankings[0] = Arc::new(more);
    let rig = Rig::new(first, ServeOptions::default());
    assert_eq!(rig.get("/api/v1/trends?top=3").json()["trends"].as_array().unwrap().len(), 3);
    assert_eq!(rig.ask.asked.load(Ordering::SeqCst), 0);

    let four = [("a", 9), ("b", 8), ("c", 7), ("d", 6)];
    *rig.ask.ranking.lock().unwrap() = Some(ranked("total", None, &four));
    assert_eq!(rig.get("/api/v1/trends?top=4").json()["trends"].as_array().unwrap().len(), 4);

    // The run has ended: what was published last stays.
    *rig.ask.ranking.lock().unwrap() = None;
    assert_eq!(rig.get("/api/v1/trends?top=4").json()["trends"].as_array().unwrap().len(), 3);
}

#[test]
fn unknown_parameters_are_refused_with_the_one_that_was_meant() {
    let rig = rig();
    for (target, help) in [
        ("/api/v1/trends?veiw=all", "did you mean `view`?"),
        ("/api/v1/live?tpo=3", "did you mean `top`?"),
        ("/api/v1/tags/rust?mode=count", "this route takes `view`"),
        ("/api/v1/tags/rust/explain?windwo=5m", "did you mean `window`?"),
        ("/api/v1/history?form=0", "did you mean `from`?"),
        ("/api/v1/alerts?rules=a", "did you mean `rule`?"),
        ("/api/v1/status?a=", "this route takes none"),
        ("/feed.xml?top=3", "this route takes none"),
        ("/api/v1/openapi.json?a=b", "this route takes none"),
    ] {
        let reply = rig.get(target);
        assert_eq!((reply.status, &reply.json()["help"]), (400, &help.into()), "{target}");
        let error = reply.json()["error"].to_string();
        assert!(error.contains("unknown parameter `"), "{target} {error}");
    }
}

#[test]
fn bad_parameters_say_what_is_wrong() {
    let rig = rig();
    for query in [
        "mode=loud",
        "mode=Count",
        "window=7m",
        "window=0",
        "window=-5m",
        "window=5x",
        "window=99999999999999999999h",
        "window=",
        "top=0",
        "top=1001",
        "top=ten",
        "top=",
        "view=none",
        "top=1&top=2",
        "mode=%FF",
    ] {
        let reply = rig.get(&format!("/api/v1/trends?{query}"));
        assert_eq!(reply.status, 400, "{query} {reply:?}");
        let problem = reply.json();
        assert!(!problem["error"].as_str().unwrap().is_empty(), "{query}");
        assert!(!problem["help"].as_str().unwrap().is_empty(), "{query}");
        assert_eq!(rig.get(&format!("/api/v1/live?{query}")).status, 400, "{query}");
    }
}

#[test]
fn before_the_first_ranking_there_is_an_empty_one() {
    let nothing = TickSnapshot { rankings: Vec::new(), ..tick(0, &[]) };
    let rig = Rig::new(nothing, ServeOptions::default());
    let ranking = rig.get("/api/v1/trends").json();
    assert_eq!(ranking["trends"].as_array().unwrap().len(), 0);
    assert_eq!(rig.get("/api/v1/trends?mode=count&window=5m").json()["window_s"], 300);
    assert_eq!(rig.get("/refreshData").text(), "{\"sData\":[],\"sLabel\":[]}\n");
}

#[test]
fn one_tag_by_any_spelling_of_its_key() {
    let rig = rig();
    let detail = |tag: &str| TagDetail { tag: tag.into(), total: 7, ..TagDetail::default() };
    *rig.ask.tags.lock().unwrap() = vec![detail("rüst"), detail("a/b")];
    let long = "x".repeat(700);
    assert_eq!(rig.get(&format!("/api/v1/tags/{long}")).status, 404);
    // Composed, decomposed, upper case, with `#` and with `＃`.
    for path in ["r%C3%BCst", "%23R%C3%9Cst", "%EF%BC%83r%C3%BCst", "ru%CC%88st", "RU%CC%88ST"] {
        let reply = rig.get(&format!("/api/v1/tags/{path}"));
        assert_eq!((reply.status, &reply.json()["tag"]), (200, &"rüst".into()), "{path}");
    }
    assert_eq!(rig.get("/api/v1/tags/a%2Fb").json()["total"], 7);
    let missing = rig.get("/api/v1/tags/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_eq!((missing.status, missing.header("content-type")), (404, Some("application/json")));
    assert_eq!(missing.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(rig.get("/api/v1/tags/%23").status, 400);
    assert_eq!(rig.get("/api/v1/tags/%FF").status, 400);
    assert_eq!(rig.get("/api/v1/tags/").status, 404);

    let words = ServeOptions { rule: Rule::Words, ..ServeOptions::default() };
    let rig = Rig::new(tick(1, ROWS), words);
    *rig.ask.tags.lock().unwrap() = vec![detail("#Rust:")];
    assert_eq!(rig.get("/api/v1/tags/%23Rust:").status, 200, "the unchanged word");
}

#[test]
fn status_health_and_readiness() {
    let rig = rig();
    let read: Status = serde_json::from_slice(&rig.get("/api/v1/status").body).unwrap();
    assert_eq!(read, status(1));
    assert_eq!(rig.get("/healthz").text(), "ok\n");
    assert_eq!(rig.get("/readyz").status, 200);
    let connecting = Status { state: RunState::Connecting, ..status(2) };
    rig.publish(TickSnapshot { status: Arc::new(connecting), ..tick(2, ROWS) });
    let reply = rig.get("/readyz");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    assert_eq!(rig.get("/healthz").status, 200);
}

#[test]
fn the_document_lists_every_route() {
    let rig = rig();
    let document = rig.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let routes = super::super::router::routes();
    for (route, _) in &routes {
        assert!(paths.contains_key(*route), "{route} is not in the document");
    }
    assert_eq!(paths.len(), routes.len(), "the document has routes that do not exist");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for schema in ["Ranking", "Trend", "Status", "TagDetail", "Snapshot", "Diff", "Problem"] {
        assert!(schemas.contains_key(schema), "{schema}");
    }
    for (path, methods) in paths {
        let target = path.replace("{tag}", "a");
        for method in methods.as_object().unwrap().keys() {
            if path != "/api/v1/live" {
                let reply = request(rig.addr(), &method.to_uppercase(), &target, &[], b"");
                assert_ne!(reply.status, 405, "{method} {path}");
            }
        }
    }
}

/// The page's types are made from the document that lies in web/.
#[test]
fn the_page_has_this_document() {
    let served = rig().get("/api/v1/openapi.json").json();
    let stored: serde_json::Value =
        serde_json::from_str(include_str!("../../../web/openapi.json")).unwrap();
    if served != stored {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/openapi.json");
        std::fs::write(path, format!("{served:#}\n")).unwrap();
        panic!(
            "web/openapi.json is not what the program serves\n\
             help: cp target/openapi.json web/ && npm --prefix web run types"
        );
    }
}

#[test]
fn unknown_paths_and_methods() {
    let rig = rig();
    assert_eq!(rig.get("/api/v1/nothing").json()["error"], "there is nothing at this path");
    let reply = request(rig.addr(), "POST", "/api/v1/trends", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,HEAD")));
    let head = request(rig.addr(), "HEAD", "/api/v1/trends", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn markup_in_a_tag_stays_text() {
    let rig = Rig::new(tick(1, &[("<img src=x onerror=alert(1)>", 1)]), ServeOptions::default());
    let reply = rig.get("/api/v1/trends");
    assert_eq!(reply.json()["trends"][0]["display"], "<img src=x onerror=alert(1)>");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn a_view_is_asked_for_by_its_name() {
    let mut first = tick(1, ROWS);
    let mut status = Status::clone(&first.status);
    status.views = vec![ViewStatus { name: "ja".into(), tags: 2, posts: 7 }];
    first.status = Arc::new(status);
    let view = |rows| Ranking { view: "ja".into(), ..ranked("total", None, rows) };
    first.rankings.push(Arc::new(view(&[("fuji", 4), ("tokyo", 3)])));
    let rig = Rig::new(first, ServeOptions::default());
    assert_eq!(rig.get("/api/v1/status").json()["views"][0]["posts"], 7);
    let asked = |target: &str| {
        let json = rig.get(target).json();
        let tags = json["trends"].as_array().unwrap().iter();
        (json["view"].clone(), tags.map(|row| row["tag"].as_str().unwrap().to_owned()).collect())
    };
    let ja =
        |tags: &[&str]| ("ja".into(), tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>());
    assert_eq!(asked("/api/v1/trends?mode=total&view=ja"), ja(&["fuji", "tokyo"]));
    assert_eq!(rig.get("/api/v1/trends?view=all").json()["trends"][0]["tag"], "rust");
    assert_eq!(rig.ask.asked.load(Ordering::SeqCst), 0, "the published rows were enough");

    // More rows, and a window that was not published: the live state knows.
    *rig.ask.ranking.lock().unwrap() = Some(view(&[("a", 9), ("b", 8), ("c", 7)]));
    assert_eq!(asked("/api/v1/trends?mode=count&window=1m&view=ja"), ja(&["a", "b", "c"]));
    assert_eq!(rig.ask.view.lock().unwrap().as_deref(), Some("ja"));

    *rig.ask.tags.lock().unwrap() = vec![TagDetail { tag: "fuji".into(), ..TagDetail::default() }];
    assert_eq!(rig.get("/api/v1/tags/fuji").status, 200);
    assert_eq!(rig.ask.view.lock().unwrap().as_deref(), None);
    assert_eq!(rig.get("/api/v1/tags/fuji?view=ja").status, 200);
    assert_eq!(rig.ask.view.lock().unwrap().as_deref(), Some("ja"));
    for path in ["trends?view=jp", "live?view=jp", "tags/fuji?view=jp", "tags/fuji/explain?view=jp"]
    {
        let reply = rig.get(&format!("/api/v1/{path}"));
        assert_eq!(reply.status, 400, "{path}");
        assert_eq!(reply.json()["help"], "this job has `all`, `ja`", "{path}");
    }
}
