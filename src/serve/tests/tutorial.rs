use super::*;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::EventTime;

const HTML: Option<&str> = Some("text/html; charset=utf-8");

fn dashboard() -> Server {
    let fed = PostedRanking::new(Clock::held(EventTime(1_700_000_000_000)));
    start(Listen::Loopback(0), fed.feed(), ServeOptions::default()).unwrap()
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn post(server: &Server, kind: &str, body: &str) -> Reply {
    let headers = [("content-type", kind)];
    request(server.addr(), "POST", "/updateData", &headers, body.as_bytes())
}

fn post_form(server: &Server, label: &str, data: &str) -> Reply {
    let body = form(&[("label", label), ("data", data)]);
    post(server, "application/x-www-form-urlencoded", &body)
}

fn refresh(server: &Server) -> String {
    let reply = get(server.addr(), "/refreshData");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    reply.text().to_owned()
}

#[test]
fn forms_as_the_original_sends_them() {
    let server = dashboard();
    assert_eq!(refresh(&server), "{\"sData\":[],\"sLabel\":[]}\n");
    let reply = post_form(&server, "['#b', \"#Banksy's\", '#café😀\\u200d']", "[12, 3, 2]");
    assert_eq!((reply.status, reply.header("content-type"), reply.text()), (201, HTML, "success"));
    let expected = "{\"sData\":[12,3,2],\"sLabel\":[\"#b\",\"#Banksy's\",\
        \"#caf\\u00e9\\ud83d\\ude00\\u200d\"]}\n";
    assert_eq!(refresh(&server), expected);

    // Python 2.
    assert_eq!(post_form(&server, "[u'#caf\\xe9', '\\xe2\\x80\\xa6']", "[3L, 2L]").status, 201);
    assert_eq!(refresh(&server), "{\"sData\":[3,2],\"sLabel\":[\"#caf\\u00e9\",\"\\u2026\"]}\n");

    // What the original itself answered for these lists.
    let labels = "['#a', '#\u{1f600}é\u{7f}\"\\\\/<b>\\x01\\u2028']";
    let data = "[3, 1.5, 1e16, 1e22,0.00001, 1e-7, 123456789012345680.0, -2]";
    assert_eq!(post_form(&server, labels, data).status, 201);
    let expected = "{\"sData\":[3,1.5,1e+16,1e+22,1e-05,1e-07,1.2345678901234568e+17,-2],\
        \"sLabel\":[\"#a\",\"#\\ud83d\\ude00\\u00e9\\u007f\\\"\\\\/<b>\\u0001\\u2028\"]}\n";
    assert_eq!(refresh(&server), expected);

    assert_eq!(post_form(&server, "[]", "[]").status, 201);
    assert_eq!(refresh(&server), "{\"sData\":[],\"sLabel\":[]}\n");
}

#[test]
fn looking_changes_nothing() {
    let server = dashboard();
    assert_eq!(post_form(&server, "['#a']", "[1]").status, 201);
    assert_eq!(get(server.addr(), "/").status, 200);
    assert_eq!(refresh(&server), "{\"sData\":[1],\"sLabel\":[\"#a\"]}\n");
}

#[test]
fn json_as_a_fork_sends_it() {
    let server = dashboard();
    let reply = post(&server, "application/json", r##"{"label":["#a","#b"],"data":[2,1.0]}"##);
    assert_eq!((reply.status, reply.text()), (201, "success"));
    assert_eq!(refresh(&server), "{\"sData\":[2,1.0],\"sLabel\":[\"#a\",\"#b\"]}\n");
    for bad in ["", "{", "[]", r#"{"label":["a"]}"#, r#"{"label":[1],"data":[1]}"#] {
        let reply = post(&server, "application/json; charset=utf-8", bad);
        assert_eq!((reply.status, reply.text()), (400, "error"), "{bad}");
    }
    assert_eq!(refresh(&server), "{\"sData\":[2,1.0],\"sLabel\":[\"#a\",\"#b\"]}\n");
}

#[test]
fn forms_and_routes_of_other_forks() {
    let server = dashboard();
    let urlencoded = [("content-type", "application/x-www-form-urlencoded")];
    let post = |route, fields: &[(&str, &str)]| {
        let reply = request(server.addr(), "POST", route, &urlencoded, form(fields).as_bytes());
        (reply.status, reply.text().to_owned())
    };
    let taken = (201, "success".to_owned());
    let refused = (400, "error".to_owned());
    assert_eq!(post("/updateData", &[("words", "['#a', '#b']"), ("counts", "[2, 1]")]), taken);
    let chart = get(server.addr(), "/updateChart");
    assert_eq!((chart.status, chart.header("content-type")), (200, Some("application/json")));
    assert_eq!(chart.text(), "{\"sCounts\":[2,1],\"sWords\":[\"#a\",\"#b\"]}\n");

    let strings = [("tag", "['#c', '#d']"), ("tag_count", "['12', '3']")];
    assert_eq!(post("/update_data", &strings), taken);
    let expected = "{\"sData\":[12,3],\"sLabel\":[\"#c\",\"#d\"]}\n";
    assert_eq!(refresh(&server), expected);

    assert_eq!(post("/updateData", &[("words", "['#a']")]), refused);
    assert_eq!(post("/updateData", &[("words", "['#a']"), ("tag_count", "[1]")]), refused);
    assert_eq!(post("/update_data", &[("tag", "['#a']"), ("tag_count", "['many']")]), refused);
    assert_eq!(refresh(&server), expected);
}

#[test]
fn bad_forms_get_the_originals_answers() {
    let server = dashboard();
    let urlencoded = "application/x-www-form-urlencoded";
    for body in [String::new(), form(&[("label", "[]")]), form(&[("x", "y")])] {
        let reply = post(&server, urlencoded, &body);
        assert_eq!(reply.header("content-type"), HTML);
        assert_eq!((reply.status, reply.text()), (400, "error"), "{body}");
    }
    let reply = request(server.addr(), "POST", "/updateData", &[], b"label=[]&data=[]");
    assert_eq!((reply.status, reply.text()), (400, "error"), "no content type, no form");

    let reply = post(&server, urlencoded, &form(&[("data", "[1]")]));
    assert_eq!((reply.status, reply.header("content-type")), (400, HTML));
    assert_eq!(
        reply.text(),
        "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n\
         <p>The browser (or proxy) sent a request that this server could not understand.</p>\n"
    );
    for (label, data) in [("x", "[]"), ("[]", ""), ("[1]", "[1]"), ("['a']", "['b']")] {
        let reply = post_form(&server, label, data);
        assert_eq!((reply.status, reply.text()), (400, "error"), "{label} {data}");
    }
    assert_eq!(post(&server, "text/plain", "label=[]&data=[]").status, 415);
    assert_eq!(get(server.addr(), "/updateData").status, 405);
}

#[test]
fn what_was_posted_is_a_ranking() {
    let server = dashboard();
    let trends = || get(server.addr(), "/api/v1/trends").json();
    assert_eq!(trends()["mode"], "total");
    assert_eq!(get(server.addr(), "/readyz").status, 503, "nothing to show yet");
    assert_eq!(post_form(&server, "['#b', '#A', 'c#', '#b']", "[1, 5, 5, 9]").status, 201);
    let rows: Vec<_> = rows(&trends());
    assert_eq!(rows, ["1 A 5 null", "2 c# 5 null", "3 b 1 null"]);
    assert_eq!(post_form(&server, "['#b', '#A', 'b', '#n']", "[7, 5, 2, -1]").status, 201);
    let rows: Vec<_> = super::tutorial::rows(&trends());
    assert_eq!(rows, ["1 b 7 2", "2 A 5 -1", "3 n 0 null"]);
    assert_eq!(get(server.addr(), "/readyz").status, 200);
    let status = get(server.addr(), "/api/v1/status").json();
    assert_eq!((&status["state"], &status["tags"]), (&"live".into(), &3.into()));
    assert_eq!(get(server.addr(), "/api/v1/tags/%23A").json()["total"], 5);
    assert_eq!(get(server.addr(), "/api/v1/tags/a").status, 404, "labels are not folded");
    assert_eq!(get(server.addr(), "/api/v1/trends?mode=count").status, 400);
}

/// `rank tag count change` of each row.
fn rows(ranking: &serde_json::Value) -> Vec<String> {
    let rows = ranking["trends"].as_array().unwrap().iter();
    rows.map(|row| {
        let tag = row["tag"].as_str().unwrap();
        format!("{} {tag} {} {}", row["rank"], row["count"], row["change"])
    })
    .collect()
}

#[test]
fn posts_reach_the_live_stream() {
    let server = dashboard();
    let mut client = LiveClient::new(server.addr(), "/api/v1/live", &[]);
    let snapshot = client.event("snapshot").json();
    assert_eq!(snapshot["ranking"]["trends"].as_array().unwrap().len(), 0);
    assert_eq!(post_form(&server, "['#a']", "[4]").status, 201);
    let diff = client.event("diff").json();
    assert_eq!((&diff["order"][0], &diff["rows"]["a"]["count"]), (&"a".into(), &4.into()));
}

#[test]
fn a_run_shows_its_own_and_takes_nothing() {
    let options = ServeOptions { top: 2, ..ServeOptions::default() };
    let rows = [("Café", 5), ("b", 3), ("c", 2)];
    let rig = Rig::new(tick(1, &rows), options.clone());
    assert_eq!(refresh(&rig.server), "{\"sData\":[5,3],\"sLabel\":[\"#Caf\\u00e9\",\"#b\"]}\n");
    let reply = post_form(&rig.server, "['#a']", "[1]");
    assert_eq!(reply.status, 409);
    assert!(reply.json()["help"].as_str().unwrap().contains("tagtide dashboard"));

    let rig = Rig::new(tick(1, &[("#Rust:", 5)]), ServeOptions { rule: Rule::Words, ..options });
    assert_eq!(refresh(&rig.server), "{\"sData\":[5],\"sLabel\":[\"#Rust:\"]}\n");
}
