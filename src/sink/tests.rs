//! Sinks against files and real sockets on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::tz::TimeZone;

use super::*;
use tagtide_trends::status::{RunState, SourceStatus, Status};

fn trend(rank: u32, display: &str, count: u64, change: Option<i32>) -> Trend {
    Trend {
        rank,
        tag: display.to_lowercase(),
        display: display.to_owned(),
        count,
        change,
        ..Trend::default()
    }
}

fn published(batch: u64, trends: Vec<Trend>) -> TickSnapshot {
    let ranking = Ranking {
        mode: "total".into(),
        window_s: None,
        view: "all".into(),
        at: 86_400_000,
        watermark: 0,
        provisional: false,
        approximate: false,
        error_bound: 0,
        other: 0,
        posts: 9,
        tagged_posts: 8,
        distinct_tags: 7,
        learning: None,
        trends,
    };
    let status = Status { job: "job".into(), started_at: 5, ..Status::default() };
    TickSnapshot {
        batch,
        published_at: 1_795_431_242_000,
        default: 0,
        rankings: vec![Arc::new(ranking)],
        status: Arc::new(status),
    }
}

fn two() -> TickSnapshot {
    published(
        3,
        vec![
            trend(1, "Rust", 1200, Some(2)),
            trend(2, "a#b's", 7, None),
            trend(3, "雨", 1, Some(0)),
        ],
    )
}

#[test]
fn the_table_is_drawn_as_the_original_draws_it() {
    let mut sink = stdout::Stdout::new(Vec::new(), false).zone(TimeZone::UTC);
    sink.publish(&two()).expect("a vector takes everything");
    let text = String::from_utf8(sink.out().clone()).expect("text");
    let wanted = "\
----------- 2026-11-23 10:54:02 -----------
+-------+-------------+------+
|hashtag|hashtag_count|change|
+-------+-------------+------+
|  #Rust|         1200|    +2|
|  a#b's|            7|   new|
|    #雨|            1|      |
+-------+-------------+------+
";
    assert_eq!(text, wanted);
}

#[test]
fn modes_with_a_past_have_columns_for_it() {
    let mut ranking = Ranking::clone(&two().rankings[0]);
    let table = |ranking: &Ranking| {
        let lines: Vec<String> = table::render(ranking).lines().map(str::to_owned).collect();
        (lines[1].clone(), lines[3].clone(), lines.last().cloned().unwrap_or_default())
    };
    let plain = table(&ranking);
    (ranking.trends[0].authors, ranking.trends[0].score) = (Some(900), Some(5.26));
    for mode in ["total", "count"] {
        ranking.mode = mode.to_owned();
        assert_eq!(table(&ranking), plain, "{mode} stays as the original's");
    }
    ranking.mode = "authors".to_owned();
    assert_eq!(table(&ranking).1, "|  #Rust|         1200|    900|    +2|");
    ranking.mode = "decay".to_owned();
    assert_eq!(table(&ranking).1, "|  #Rust|         1200|  5.3|    +2|");
    ranking.mode = "trending".to_owned();
    ranking.trends[0].lift = Some(7.04);
    ranking.trends[0].status = Some("rising".to_owned());
    let (header, row, _) = table(&ranking);
    assert_eq!(header, "|hashtag|hashtag_count|authors|lift|status|change|");
    assert_eq!(row, "|  #Rust|         1200|    900|7.0x|rising|    +2|");
    ranking.approximate = true;
    (ranking.error_bound, ranking.other) = (0, 3);
    let note = "approximate: more tags than limits.tags_max; 3 occurrences are of evicted tags";
    assert_eq!(table(&ranking).2, note);
    ranking.learning = Some(2);
    assert_eq!(table(&ranking).2, "learning baseline (2 of 3 windows)");
}

#[test]
fn below_an_empty_table_are_the_states_of_the_sources() {
    let mut sink = stdout::Stdout::new(Vec::new(), false).zone(TimeZone::UTC);
    let mut empty = published(1, Vec::new());
    let source = SourceStatus {
        name: "bluesky".to_owned(),
        state: "retrying".to_owned(),
        detail: "no\u{1b} answer".to_owned(),
        ..SourceStatus::default()
    };
    empty.status = Arc::new(Status { sources: vec![source], ..Status::default() });
    sink.publish(&empty).expect("a vector takes everything");
    let text = String::from_utf8_lossy(sink.out());
    let wanted = "\nbluesky: retrying (no\u{fffd} answer), 0 posts counted\n";
    assert!(text.ends_with(wanted), "{text}");
}

#[test]
fn a_replay_shows_its_own_time() {
    let mut sink = stdout::Stdout::new(Vec::new(), false).zone(TimeZone::UTC);
    let mut replayed = two();
    replayed.status = Arc::new(Status { state: RunState::Replay, ..Status::default() });
    sink.publish(&replayed).expect("a vector takes everything");
    let text = String::from_utf8_lossy(sink.out());
    assert!(text.starts_with("----------- 1970-01-02 00:00:00 -----------"), "{text}");
}

#[test]
fn a_tag_cannot_steer_the_terminal() {
    let hostile = published(1, vec![trend(1, "\u{1b}[2Jx\u{202e}y\n\u{7f}", 1, None)]);
    let text = table::render(&hostile.rankings[0]);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7f}']), "{text:?}");
    assert_eq!(text.lines().count(), 5);
    let long = table::shown("é".repeat(61).as_str()).into_owned();
    assert_eq!((long.chars().count(), long.ends_with("é...")), (60, true));
}

#[test]
fn json_has_one_object_per_batch() {
    let mut sink = stdout::Stdout::new(Vec::new(), true);
    sink.publish(&two()).expect("a vector takes everything");
    sink.publish(&published(4, Vec::new())).expect("a vector takes everything");
    let lines: Vec<serde_json::Value> = sink
        .out()
        .lines()
        .map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["batch"], 3);
    assert_eq!(lines[0]["mode"], "total");
    assert_eq!(lines[0]["trends"][1]["display"], "a#b's");
    assert_eq!(lines[1]["trends"], serde_json::json!([]));
}

/// A pipe whose reader went away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut sink = stdout::Stdout::new(Gone, false);
    assert!(sink.publish(&two()).is_ok());
    assert!(sink.publish(&two()).is_ok());
}

#[test]
fn jsonl_appends_ends_torn_lines_and_rotates() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.jsonl");
    std::fs::write(&path, "{\"torn").expect("a file");
    let size = {
        let mut sink = jsonl::Jsonl::open(&path, None, 2).expect("it opens");
        sink.publish(&two()).expect("it writes");
        std::fs::metadata(&path).expect("it is there").len()
    };
    let text = std::fs::read_to_string(&path).expect("text");
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("\"batch\":3")));
    let mut sink = jsonl::Jsonl::open(&path, Some(size), 2).expect("it opens");
    for batch in 4..=8 {
        sink.publish(&published(batch, two().rankings[0].trends.clone())).expect("it writes");
    }
    let batches = |name: &str| -> Vec<u64> {
        let Ok(text) = std::fs::read_to_string(dir.path().join(name)) else { return Vec::new() };
        let line = |line| serde_json::from_str::<serde_json::Value>(line).ok();
        text.lines().filter_map(line).filter_map(|line| line["batch"].as_u64()).collect()
    };
    assert_eq!(batches("a.jsonl"), [8]);
    assert_eq!(batches("a.jsonl.1"), [7]);
    assert_eq!(batches("a.jsonl.2"), [6]);
    assert!(!dir.path().join("a.jsonl.3").exists());
    let missing = jsonl::Jsonl::open(&dir.path().join("no/such"), None, 1).err().expect("no file");
    assert!(missing.to_string().contains("cannot open `"), "{missing}");
}

/// Answers one request with `answer`; gives back the whole request.
fn serve(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address");
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let request = read_request(&mut stream);
        stream.write_all(answer.as_bytes()).expect("the client reads");
        request
    });
    (format!("http://{addr}"), thread)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    request + &String::from_utf8(body).expect("text")
}

const CREATED: &str = "HTTP/1.1 201 CREATED\r\ncontent-length: 7\r\n\r\nsuccess";

#[test]
fn the_dashboard_gets_a_form_of_python_lists() {
    let (url, server) = serve(CREATED);
    let mut sink = dashboard::Dashboard::new(&format!("{url}/updateData")).expect("a sink");
    sink.publish(&two()).expect("201 is success");
    let request = server.join().expect("one request");
    assert!(request.starts_with("POST /updateData HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("application/x-www-form-urlencoded"), "{request}");
    let body = request.split("\r\n\r\n").nth(1).expect("a body");
    let form: std::collections::HashMap<_, _> =
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form["label"], r##"['#Rust', "a#b's", '#雨']"##);
    assert_eq!(form["data"], "[1200, 7, 1]");
    assert_eq!(sink.delivery(), Delivery::Latest);
}

#[test]
fn other_answers_are_errors_and_redirects_are_not_followed() {
    for answer in [
        "HTTP/1.1 400 BAD REQUEST\r\ncontent-length: 5\r\n\r\nerror",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        let (url, server) = serve(answer);
        let mut sink = dashboard::Dashboard::new(&url).expect("a sink");
        let error = sink.publish(&two()).expect_err("no 201").to_string();
        assert!(error.contains("400") || error.contains("302") || error.contains("cannot"));
        server.join().expect("one request");
    }
}

#[test]
fn a_dashboard_that_is_down_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address");
    drop(listener);
    let mut sink = dashboard::Dashboard::new(&format!("http://{addr}/")).expect("a sink");
    let error = sink.publish(&two()).expect_err("it is down").to_string();
    assert!(error.starts_with("cannot POST to `http://127.0.0.1:"), "{error}");
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[test]
fn the_webhook_sends_json_token_and_idempotency_key() {
    let (url, server) = serve("HTTP/1.1 204 No Content\r\n\r\n");
    let mut sink = webhook::Webhook::new(&format!("{url}/hook?key=s3cret"), None)
        .expect("a sink")
        .with_token("t0ken");
    sink.publish(&two()).expect("2xx is success");
    assert!(!sink.name().contains("s3cret"), "{}", sink.name());
    let request = server.join().expect("one request");
    let head = request.to_lowercase();
    assert!(head.contains("authorization: bearer t0ken\r\n"), "{request}");
    assert!(head.contains("idempotency-key: job-5-3\r\n"), "{request}");
    let body = request.split("\r\n\r\n").nth(1).expect("a body");
    let sent: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(sent["trends"][0]["count"], 1200);
    let missing = webhook::Webhook::new(&url, Some("TAGTIDE_TEST_NO_SUCH_VARIABLE"));
    let error = missing.err().expect("no token").to_string();
    assert!(error.contains("`TAGTIDE_TEST_NO_SUCH_VARIABLE`"), "{error}");
}

#[test]
fn every_kind_is_built() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a");
    let url = "http://127.0.0.1:1/".to_owned();
    let all: [&dyn SinkOptions; 4] = [
        &stdout::Options { json: false },
        &jsonl::Options { path, rotate_bytes: None, keep: 1 },
        &dashboard::Options { url: url.clone() },
        &webhook::Options { url, token_env: None },
    ];
    for (options, kind) in all.iter().zip(SINKS) {
        assert_eq!(options.kind().name, kind.name);
        let sink = options.build().expect("it is built");
        assert!(sink.name().starts_with(kind.name), "{}", sink.name());
    }
    assert_eq!(all.len(), SINKS.len());
}
