//! State directories of an older version open, and a run that goes on from one ends as a run that
//! was never stopped: see tests/fixtures/state_e02c95c/README.md.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::{Value, json};

/// Lines that were counted when the state of `jetstream` was written.
const FIRST_LINES: usize = 700;
/// Mode and window of the rankings that were recorded.
const ASKED: [(&str, &str); 5] =
    [("count", "1m"), ("count", "1h"), ("authors", "5m"), ("trending", "5m"), ("total", "1h")];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state_e02c95c")
}

fn unpacked(path: &Path) -> Vec<u8> {
    zstd::decode_all(File::open(path).unwrap()).unwrap()
}

/// A copy of a state directory that can be written.
fn copy_of(name: &str, place: &Path) -> PathBuf {
    let state = place.join("state");
    fs::create_dir(&state).unwrap();
    for entry in fs::read_dir(fixtures().join(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::write(state.join(path.file_stem().unwrap()), unpacked(&path)).unwrap();
    }
    state
}

/// The job, without what slows it.
fn job_of(name: &str, place: &Path) -> PathBuf {
    let text = fs::read_to_string(fixtures().join(name).with_extension("toml")).unwrap();
    let job = place.join("job.toml");
    let fast: String = text.split_inclusive('\n').filter(|l| !l.starts_with("pace")).collect();
    fs::write(&job, fast).unwrap();
    job
}

/// Runs a job to the end of its input.
fn run_all(job: &Path, state: &Path, flags: &[&str], input: &[u8]) -> Output {
    let stdin = job.with_file_name("stdin");
    fs::write(&stdin, input).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.arg("run").arg(job).arg("--state-dir").arg(state);
    command.args(["--listen", "none", "-q"]).args(flags).env_remove("TAGTIDE_LOG");
    command.stdin(File::open(&stdin).unwrap()).output().unwrap()
}

/// The same; its last ranking, whole, and the posts counted.
fn run(job: &Path, state: &Path, flags: &[&str], input: &[u8]) -> Value {
    let summary = job.with_file_name("summary.json");
    let flags = [flags, &["--summary", summary.to_str().unwrap()]].concat();
    let output = run_all(job, state, &flags, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    without_ours(serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap())
}

/// Without what depends on how often was published or saved in between.
fn without_ours(mut summary: Value) -> Value {
    summary.as_object_mut().unwrap().remove("checkpoint_epoch");
    for row in summary["trends"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("change");
    }
    summary
}

/// Rows of the history and keys of the alerts, as the older version recorded its own.
fn reports(state: &Path) -> Vec<Value> {
    let mut rows = Vec::new();
    let history = Connection::open(state.join("history.sqlite")).unwrap();
    let query = "select json_array('history', minute, view, mode, window_s, rank, tag, count, \
                 authors, status) from ranking order by minute, view, mode, window_s, rank";
    let alerts = Connection::open(state.join("alerts.sqlite")).unwrap();
    let keys =
        "select json_array('alerts', key, rule, view, at, tag, state) from alert order by at, key";
    for (db, query) in [(history, query), (alerts, keys)] {
        let mut statement = db.prepare(query).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(found.map(|row| serde_json::from_str::<Value>(&row.unwrap()).unwrap()));
    }
    rows
}

/// The messages of all alerts; those of the older version named the sentence `printed`.
fn alert_messages(state: &Path) -> Vec<Value> {
    let db = Connection::open(state.join("alerts.sqlite")).unwrap();
    let mut statement = db.prepare("select body from alert").unwrap();
    let bodies = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    bodies.map(|body| serde_json::from_str(&body.unwrap()).unwrap()).collect()
}

fn goes_on(name: &str, input: &[u8], from: usize) {
    let place = tempfile::tempdir().unwrap();
    let (job, state) = (job_of(name, place.path()), copy_of(name, place.path()));
    let whole = place.path().join("whole");
    let first = run(&job, &state, &[], &input[from..]);
    assert_eq!(first, run(&job, &whole, &[], input));
    for (mode, window) in ASKED {
        let flags = ["--mode", mode, "--window", window];
        let found = run(&job, &state, &flags, b"");
        assert_eq!(found, run(&job, &whole, &flags, b""), "{mode} {window}");
        let file = format!("{name}.expected/{mode}-{window}.json.zst");
        let recorded = serde_json::from_slice(&unpacked(&fixtures().join(file))).unwrap();
        assert_eq!(found, without_ours(recorded), "{mode} {window}, recorded");
    }
    let recorded = unpacked(&fixtures().join(format!("{name}.expected/reports.jsonl.zst")));
    let recorded: Vec<Value> = recorded
        .split(|b| *b == b'\n')
        .filter_map(|row| serde_json::from_slice(row).ok())
        .collect();
    assert!(recorded.len() > 500 && recorded.last().unwrap()[0] == json!("alerts"));
    let messages = alert_messages(&state);
    assert!(
        messages.iter().all(|alert| alert["text"].is_string() && alert.get("printed").is_none())
    );
    assert_eq!(messages.len(), recorded.iter().filter(|row| row[0] == "alerts").count());
    for found in [reports(&whole), reports(&state)] {
        let differs = found.iter().zip(&recorded).find(|(found, recorded)| found != recorded);
        assert_eq!((differs, found.len()), (None, recorded.len()));
    }
}

#[test]
fn a_state_of_e02c95c_with_a_snapshot_goes_on() {
    goes_on("generator", b"", 0);
}

#[test]
fn a_state_of_e02c95c_that_is_a_log_goes_on() {
    let lines = unpacked(&fixtures().join("jetstream.jsonl.zst"));
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &lines).map(|end| end + 1).collect();
    goes_on("jetstream", &lines, ends[FIRST_LINES - 1]);
}

#[test]
fn a_state_of_e02c95c_takes_its_accents_from_the_first_run_and_holds_them() {
    let place = tempfile::tempdir().unwrap();
    let (job, state) = (job_of("jetstream", place.path()), copy_of("jetstream", place.path()));
    run(&job, &state, &[], b"");
    let text = fs::read_to_string(&job).unwrap().replace("\"fold\"", "\"keep\"");
    fs::write(&job, text).unwrap();
    let output = run_all(&job, &state, &[], b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("tags.accents was `fold`, is `keep`"), "{stderr}");
}
