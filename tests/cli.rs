//! The command line from outside: exit codes, messages, what goes to which output.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tagtide(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tagtide"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("TAGTIDE_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A job file in a directory of its own.
fn job(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("job.toml");
    std::fs::write(&path, text).expect("a file");
    let path = path.to_string_lossy().into_owned();
    (dir, path)
}

#[test]
fn help_leads_with_examples_and_names_every_command() {
    let output = tagtide(&["--help"]);
    assert_eq!(code(&output), 0);
    let help = stdout(&output);
    assert!(help.find("Examples:").expect("examples") < help.find("Usage:").expect("usage"));
    for command in [
        "demo",
        "run",
        "replay",
        "relay",
        "dashboard",
        "history",
        "explain",
        "alert",
        "extract",
        "generate",
        "check",
        "doctor",
        "completions",
        "man",
    ] {
        assert!(help.contains(&format!("\n  {command}")), "{command} in\n{help}");
        assert_eq!(code(&tagtide(&[command, "--help"])), 0, "{command}");
    }
    assert_eq!(code(&tagtide(&[])), 2);
    assert!(stdout(&tagtide(&["--version"])).starts_with("tagtide 0."));
}

#[test]
fn wrong_usage_exits_2_and_suggests_what_was_meant() {
    let output = tagtide(&["replya"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("'replay'"), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
    for args in [
        &["run", "--no-such-flag"][..],
        &["replay"],
        &["replay", "x", "--mode", "best"],
        &["run", "--source", "generator", "--rule", "word"],
        &["run", "--source", "generator", "--listen", "nowhere"],
        &["demo", "-q", "-v"],
        &["dashboard", "--listen", "none"],
        &["completions", "tcsh"],
        &["demo", "--workers", "100000"],
        &["demo", "--workers", "0"],
        &["demo", "--state-dir", "Cargo.toml"],
    ] {
        assert_eq!(code(&tagtide(args)), 2, "{args:?}");
    }
}

#[test]
fn a_run_that_cannot_start_fails_before_anything_is_printed() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = held.local_addr().expect("bound").to_string();
    let output = tagtide(&["demo", "--listen", &addr]);
    assert_eq!(code(&output), 3);
    assert!(output.stdout.is_empty(), "{}", stdout(&output));
    let output = tagtide(&["relay", "no-such-file.txt", "--listen", "127.0.0.1:0"]);
    assert_eq!(code(&output), 1, "it fails before a client connects");
    assert!(stderr(&output).contains("help: check the name"), "{}", stderr(&output));
}

#[test]
fn only_the_first_problems_of_a_file_that_is_not_a_job_are_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("posts.txt");
    std::fs::write(&path, "not a job\n".repeat(1_000)).expect("a file");
    let output = tagtide(&["run", path.to_str().expect("UTF-8")]);
    assert_eq!(code(&output), 2);
    let errors = stderr(&output);
    assert!(errors.contains("1000 problems") && errors.lines().count() < 30, "{errors}");
    std::fs::write(&path, "not a job\n").expect("a file");
    let errors = stderr(&tagtide(&["run", path.to_str().expect("UTF-8")]));
    assert!(errors.contains("help: `tagtide replay ") && errors.contains("posts.txt"), "{errors}");
}

#[test]
fn flags_are_checked_like_keys_all_at_once() {
    let args = ["run", "--source", "tcp://x", "--batch", "1ms", "--top", "0", "--window", "7"];
    let output = tagtide(&args);
    assert_eq!(code(&output), 2);
    let errors = stderr(&output);
    for wanted in [
        "`--source`: `x` is not an address",
        "`--batch`: `1ms` is out of bounds",
        "`--top`: `0` is out of bounds",
        "`--window`: `7` is not a duration",
    ] {
        assert!(errors.contains(wanted), "{wanted} in\n{errors}");
    }
}

#[test]
fn check_describes_a_job_and_what_a_crash_loses() {
    let jobs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs"));
    for entry in jobs.expect("the job files") {
        let path = entry.expect("a job file").path();
        let output = tagtide(&["check", &path.to_string_lossy()]);
        assert_eq!(code(&output), 0, "{path:?}: {}", stderr(&output));
        assert!(output.stderr.is_empty());
    }
    let text = stdout(&tagtide(&["check", "jobs/tutorial.toml"]));
    assert!(text.contains("source tcp: lines from 127.0.0.1:9009"), "{text}");
    let loss = "a crash loses at most 2 s of posts, plus 1 MiB in the kernel's buffer";
    assert!(text.contains(loss), "{text}");
    assert!(text.contains("a dropped connection at most 5.25 s"), "{text}");
    assert!(text.contains("the newest ranking to the dashboard"), "{text}");
}

#[test]
fn check_reports_every_problem_with_its_line() {
    let (_dir, path) = job("bacth = \"2s\"\nrule = 3\n");
    let output = tagtide(&["check", &path]);
    assert_eq!(code(&output), 2);
    let errors = stderr(&output);
    assert!(errors.starts_with("error: 2 problems\n"), "{errors}");
    assert!(errors.contains("job.toml:1: `bacth`: unknown key\n  help: did you mean `batch`?"));
    assert!(errors.contains("job.toml:2: `rule`: expected a string, found a number"), "{errors}");
    assert!(output.stdout.is_empty());
    let missing = tagtide(&["check", "no/such.toml"]);
    assert_eq!(code(&missing), 2);
    assert!(stderr(&missing).contains("no/such.toml: cannot read the job file"));
    let (_dir, path) = job("[[sink]]\nkind = \"webhook\"\nurl = \"https://u:s3cret@h/\"\n");
    assert!(!stderr(&tagtide(&["check", &path])).contains("s3cret"));
}

#[test]
fn check_and_doctor_warn_about_missing_files_and_secrets() {
    let (dir, path) = job(
        "[[source]]\nkind = \"file\"\nname = \"a\"\npaths = [\"/\", \"no/such\", \"no/*.txt\"]\n\
         [[source]]\nkind = \"stdin\"\nname = \"b\"\n[view.press]\nauthors_file = \"no/press\"\n\
         [[alert]]\non = \"peak\"\nwebhook = \"http://localhost:1/\"\n\
         secret_env = \"TAGTIDE_TEST_NOT_SET\"\n",
    );
    let output = tagtide(&["check", &path]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for wanted in [
        "warning: source a: `/` is a directory\n  help: ",
        "warning: source a: there is no file `no/such`\n",
        "warning: source a: no file matches `no/*.txt`\n",
        "warning: view press: there is no file `no/press`\n",
        "rankings: ",
        "alerts: need a state directory; without one they are disabled\n",
        "of posts, plus those still in the pipe",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    assert!(!text.contains("a dropped connection"), "{text}");

    let state = dir.path().to_string_lossy().into_owned();
    let doctor = |job| tagtide(&["doctor", job, "--offline", "--state-dir", &state]);
    let output = doctor(&path);
    let found = stdout(&output);
    assert_eq!(code(&output), 1, "{found}");
    for wanted in [
        "warn  file: view press: there is no file",
        "FAIL  secret: alert peak: its secret is not in `TAGTIDE_TEST_NOT_SET`",
    ] {
        assert!(found.contains(wanted), "{wanted} in\n{found}");
    }
    assert_eq!(code(&doctor("no/such.toml")), 2);
}

#[test]
fn a_replay_as_json_has_the_fields_of_the_api_and_warns_if_nothing_was_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("posts.txt");
    std::fs::write(&path, "a #Rust post\n").expect("a file");
    let path = path.to_string_lossy();
    let output = tagtide(&["replay", &path, "--json", "--mode", "count", "--window", "5m"]);
    let counted: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&counted["mode"], &counted["window_s"]), (&"count".into(), &300.into()));
    let row = &counted["trends"][0];
    assert_eq!((&row["tag"], row.get("authors").is_some()), (&"rust".into(), true), "{row}");
    let output = tagtide(&["replay", &path, "--format", "x2"]);
    let wanted = "no post was counted; malformed records: 1\nhelp: try `--format auto`";
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
}

#[test]
fn run_warns_that_alerts_are_disabled_without_a_state_directory() {
    let (_dir, path) = job("source = \"-\"\n[[alert]]\non = \"peak\"\n");
    let output = tagtide(&["run", &path, "--state-dir", "none", "--listen", "none"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("alerts are disabled"), "{}", stderr(&output));
}

#[test]
fn replay_names_a_missing_file() {
    let output = tagtide(&["replay", "no/such/file.txt"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("cannot read `no/such/file.txt`"), "{}", stderr(&output));
}

#[test]
fn a_port_in_use_exits_3() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = held.local_addr().expect("its address").to_string();
    let output = tagtide(&["relay", "-", "--listen", &addr]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("it is in use\nhelp: "), "{}", stderr(&output));
}

#[test]
fn relay_reads_the_one_source_of_a_job() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("job.toml");
    let relay = |job: String| {
        std::fs::write(&path, job).expect("it is written");
        let output = tagtide(&["relay", &path.to_string_lossy(), "--listen", "127.0.0.1:0"]);
        (code(&output), stderr(&output))
    };
    let file = |name: &str| format!("[[source]]\nkind = \"file\"\npaths = [\"{name}\"]\n");
    let (code, errors) = relay(file("no/such.txt"));
    assert!(code == 1 && errors.contains("cannot read `no/such.txt`"), "{code} {errors}");
    let two = file("a").replace("\nkind", "\nname = \"one\"\nkind") + &file("b");
    let (code, errors) = relay(two);
    assert!(code == 2 && errors.contains("2 sources\nhelp: "), "{code} {errors}");
    let x =
        "[[source]]\nkind = \"x\"\ntoken_file = \"t\"\nrules = [\"a\"]\nreads_max_per_day = 1\n";
    std::fs::write(dir.path().join("t"), "secret").expect("it is written");
    let (code, errors) = relay(x.replace("\"t\"", &format!("\"{}/t\"", dir.path().display())));
    assert!(code == 2 && errors.contains("only `run` remembers"), "{code} {errors}");
}

#[test]
fn completions_and_man_pages() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = tagtide(&["completions", shell]);
        assert_eq!(code(&output), 0, "{shell}");
        assert!(stdout(&output).contains("tutorial") || stdout(&output).contains("replay"));
    }
    let page = stdout(&tagtide(&["man"]));
    assert!(page.contains(".TH tagtide 1"), "{page}");
    let dir = tempfile::tempdir().expect("a directory");
    let target = dir.path().join("man");
    assert_eq!(code(&tagtide(&["man", &target.to_string_lossy()])), 0);
    assert!(target.join("tagtide.1").is_file() && target.join("tagtide-replay.1").is_file());
}

#[test]
fn doctor_gives_a_verdict_for_every_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().to_string_lossy().into_owned();
    let output = tagtide(&["doctor", "--offline", "--json", "--state-dir", &state]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks: Vec<_> = rows.iter().filter_map(|row| row["check"].as_str()).collect();
    for wanted in ["port of the page", "state directory", "free disk", "clock", "TLS roots", "Java"]
    {
        assert!(checks.contains(&wanted), "{wanted} in {checks:?}");
    }
    assert!(rows.iter().all(|row| row["verdict"] == "pass" || row["verdict"] == "warn"));
    let lines = stdout(&tagtide(&["doctor", "--offline", "--state-dir", &state]));
    assert_eq!(lines.lines().filter(|line| !line.starts_with(' ')).count(), rows.len());
}

#[test]
fn doctor_fails_if_no_checkpoint_can_be_written() {
    // No user can create files in `/proc`.
    let output = tagtide(&["doctor", "--offline", "--state-dir", "/proc/tagtide"]);
    if Path::new("/proc/self").exists() {
        assert_eq!(code(&output), 1);
        assert!(stdout(&output).contains("FAIL  state directory"), "{}", stdout(&output));
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tagtide"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}
