//! `tagtide history` and `tagtide alert test`.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tagtide::history::{History, MAX_BYTES};

use super::hmac::is_signed;
use super::ranking;
use super::server::Server;

fn tagtide(args: &[&str], secret: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(args).env_remove("TAGTIDE_LOG").env_remove("SECRET").stdin(Stdio::null());
    if let Some(secret) = secret {
        command.env("SECRET", secret);
    }
    command.output().expect("the binary runs")
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code().expect("an end"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn history_is_printed_as_a_table_or_json() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().to_str().expect("a name");
    let (code, out, err) = ended(&tagtide(&["history", "--state-dir", state], None));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no history in") && err.contains("help: "), "{err}");
    let mut history = History::open(dir.path(), MAX_BYTES).expect("it opens");
    let (code, _, err) = ended(&tagtide(&["history", "--state-dir", state], None));
    assert!(code == 1 && err.contains("no ranking is stored yet in `"), "{err}");
    let rankings: Vec<_> = (0..3_000).map(|minute| Arc::new(ranking(minute))).collect();
    history.write(&rankings).expect("written");

    let (code, out, _) = ended(&tagtide(&["history", "--state-dir", state, "--top", "2"], None));
    assert_eq!(code, 0);
    let header = "|               at|rank|hashtag|count|authors|score|lift|status|";
    assert_eq!(out.lines().nth(1), Some(header));
    assert!(
        out.contains("|1970-01-03T01:59Z|   1|  #Tag7| 1000|       |     |    |rising|"),
        "{out}"
    );
    assert_eq!(out.lines().count(), 6);

    let args = ["history", "--state-dir", state, "--json", "--at", "1970-01-02T03:04:59Z"];
    let (_, out, _) = ended(&tagtide(&args, None));
    let line: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(line["at"], (24 + 3) * 3_600_000 + 4 * 60_000);
    assert_eq!((&line["mode"], &line["window_s"]), (&"trending".into(), &3_600.into()));

    // More than is read at once, in one range.
    let args = ["history", "--state-dir", state, "--json", "--from", "0"];
    let (_, out, _) = ended(&tagtide(&args, None));
    let thinned = (0..3_000 - 1 - 2_880).filter(|minute| minute % 15 != 0).count();
    assert_eq!(out.lines().count(), 3_000 - thinned);
    let range = ["--tag", "#TAG5", "--from", "120000000", "--to", "120600000"];
    let args = [&["history", "--state-dir", state][..], &range].concat();
    let (_, out, _) = ended(&tagtide(&args, None));
    assert!(out.lines().count() > 4 && !out.contains("Tag3"), "{out}");
    let history = |more: &[&str]| {
        ended(&tagtide(&[&["history", "--state-dir", state][..], more].concat(), None))
    };
    for (code, more, wanted) in [
        (2, &["--at", "noon"][..], "noon"),
        (2, &["--mode", "nope"], "modes are total, count"),
        (2, &["--top", "0"], "--top"),
        (2, &["--from", "9", "--to", "1"], "\nhelp: "),
        (1, &["--mode", "count"], "mode `count` in view `all`\nhelp: stored: `trending`;"),
        (1, &["--view", "nope"], "view `nope`\nhelp: stored: `all`;"),
        (1, &["--window", "3m"], "a window of `3m` with mode `trending`\nhelp: stored: `1h`;"),
    ] {
        let (ended, out, err) = history(more);
        assert_eq!((ended, out.as_str()), (code, ""), "{more:?}");
        assert!(err.contains(wanted), "{more:?}: {err}");
    }
    let (code, _, err) = history(&["--at", "0", "--tag", "none"]);
    assert!(code == 0 && err.contains("no stored ranking by `trending` in view `all`"), "{err}");
    assert_eq!(ended(&tagtide(&["history"], None)).0, 2);
}

#[test]
fn a_test_alert_goes_the_way_of_real_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::new(&["202 Accepted", "403 Forbidden", "302 Found"]);
    let job = dir.path().join("job.toml");
    let text = format!(
        "source = \"stdin\"\n[[alert]]\non = \"peak\"\nwebhook = \"{}\"\nsecret_env = \"SECRET\"\n\
         [[alert]]\non = \"top\"\n",
        server.url()
    );
    std::fs::write(&job, text).expect("a file");
    let job = job.to_str().expect("a name");
    let (code, out, err) = ended(&tagtide(&["alert", "test", job], Some("s3cret")));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("alert peak: 202 Accepted\n  thanks\n"), "{out}");
    assert!(out.contains("alert top: no webhook"), "{out}");
    let request = server.wait_for(1).remove(0);
    assert!(is_signed(&request, "s3cret"), "{request:?}");
    let body = request.json();
    assert_eq!((&body["test"], &body["rule"]), (&true.into(), &"peak".into()));

    let (code, out, err) =
        ended(&tagtide(&["alert", "test", job, "--rule", "peak"], Some("s3cret")));
    assert_eq!(code, 1);
    assert!(out.contains("alert peak: 403 Forbidden") && !out.contains("top"), "{out}");
    assert!(err.contains("not accepted: 1 test alert\n"), "{err}");
    let (_, out, _) = ended(&tagtide(&["alert", "test", job, "--rule", "peak"], Some("s3cret")));
    assert!(out.contains("302 Found\n  redirects are not followed"), "{out}");
    let (code, out, missing) = ended(&tagtide(&["alert", "test", job, "--rule", "peak"], None));
    assert_eq!(code, 1);
    assert!(out.contains("is not in `SECRET`") && out.contains("help: "), "{out}");
    assert_eq!(server.requests().len(), 3, "nothing is sent unsigned");
    let (code, _, unknown) = ended(&tagtide(&["alert", "test", job, "--rule", "x"], None));
    assert_eq!(code, 2);
    assert!(unknown.contains("help: it has `peak`, `top`"), "{unknown}");
    for text in [err, missing, unknown, out] {
        assert!(!text.contains("s3cret") && !text.contains("in-the-query"), "{text}");
    }
    let (code, out, _) = ended(&tagtide(&["check", job], None));
    assert_eq!(code, 0);
    assert!(out.contains("alert peak: a new peak in view all; sent to a webhook at 127.0.0.1"));
    assert!(!out.contains("in-the-query"), "{out}");
}
