//! `tagtide run` as a process: exit codes of its state directory, and signals.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tagtide_posts::clock::monotonic;
use tagtide_posts::decode::Format;

use crate::support::{DEADLINE, count_words, file_source, posts, until};

/// `tagtide run` of a job file on a state directory, serving nothing.
pub(crate) fn tagtide(job: &Path, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagtide"));
    command.args(["run", "--listen", "none", "--json", "--state-dir"]).arg(state).arg(job);
    command.env_remove("TAGTIDE_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn write_job(dir: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    let text = format!("{text}\n[engine]\nkind = \"{}\"\n", crate::ENGINE);
    std::fs::write(&path, text).unwrap();
    path
}

/// Posts for ever, of our clock.
const ENDLESS: &str = "name = \"endless\"\nbatch = \"50ms\"\n\
                       [[source]]\nkind = \"generator\"\nrate = 2000\n";

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Reads rankings until one has posts.
fn until_it_counts(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.is_empty() || posts_of(&line) == 0 {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    out
}

fn posts_of(line: &str) -> u64 {
    let ranking: Value = serde_json::from_str(line).expect("a line is one object");
    ranking["posts"].as_u64().unwrap_or_else(|| panic!("no posts in {line}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What is left of both outputs, and the exit code.
fn end(mut child: Child, mut out: impl Read) -> (Option<i32>, String, String) {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    out.read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stdout, stderr)
}

#[test]
fn a_stderr_that_is_gone_ends_nothing_and_signals_still_drain() {
    let dir = tempfile::tempdir().unwrap();
    let (job, state) = (write_job(dir.path(), "endless.toml", ENDLESS), dir.path().join("state"));
    let out = dir.path().join("out");
    let mut command = tagtide(&job, &state);
    command.arg("-vv").stdout(std::fs::File::create(&out).unwrap());
    let mut child = command.spawn().unwrap();
    // Its end of the pipe: from now on each line of the log fails.
    drop(child.stderr.take());
    until("it publishes", || std::fs::metadata(&out).unwrap().len() > 0);
    signal(&child, Signal::INT);
    let ends = monotonic() + DEADLINE;
    while child.try_wait().unwrap().is_none() && monotonic() < ends {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_state_directory_has_one_owner_and_sigterm_drains() {
    let dir = tempfile::tempdir().unwrap();
    let (job, state) = (write_job(dir.path(), "endless.toml", ENDLESS), dir.path().join("state"));
    let mut first = tagtide(&job, &state).spawn().unwrap();
    let out = until_it_counts(&mut first);

    let second = tagtide(&job, &state).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "{}", stderr(&second));
    assert!(stderr(&second).contains("\nhelp: "), "{}", stderr(&second));

    signal(&first, Signal::TERM);
    let (code, rankings, talk) = end(first, out);
    assert_eq!(code, Some(0), "{talk}");
    let counted = talk.lines().find_map(|line| line.split_once("counted ")).expect("last words");
    let counted: String = counted.1.chars().take_while(|c| *c != ' ').collect();
    let counted: u64 = counted.replace(',', "").parse().unwrap();
    let last = rankings.lines().last().expect("the last ranking");
    assert!(posts_of(last) > 0 && counted > 0, "{last}\n{talk}");

    // It goes on where it was.
    let mut third = tagtide(&job, &state).spawn().unwrap();
    let mut out = until_it_counts(&mut third);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    signal(&third, Signal::INT);
    let (code, _, talk) = end(third, out);
    assert_eq!(code, Some(0), "{talk}");
    assert!(talk.contains("resumed after epoch"), "{talk}");
    let more = talk.lines().find_map(|line| line.split_once("counted ")).expect("last words");
    let more: String = more.1.chars().take_while(|c| *c != ' ').collect();
    assert!(more.replace(',', "").parse::<u64>().unwrap() > counted, "{counted} then {talk}");
}

/// A job of a file that was counted to its end, and its state directory.
fn counted_job(dir: &Path) -> (String, std::path::PathBuf, std::path::PathBuf) {
    let source = file_source(dir, "posts.txt", &posts(31, 3_000, Format::Text), "pace = 10000");
    let text = format!("rule = \"words\"\noccurrences = \"all\"\nbatch = \"20ms\"\n{source}");
    let (job, state) = (write_job(dir, "job.toml", &text), dir.join("state"));
    let output = tagtide(&job, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (text, job, state)
}

#[test]
fn a_damaged_checkpoint_exits_4_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_, job, state) = counted_job(dir.path());
    let logs = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log-"))
    };
    let log = logs.filter(is_log).max().expect("a log");
    let mut bytes = std::fs::read(&log).unwrap();
    // In the first record, which others follow: what a crash cannot do.
    bytes[120] ^= 0x40;
    std::fs::write(&log, bytes).unwrap();
    let output = tagtide(&job, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let name = log.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        stderr(&output).contains(&name) && stderr(&output).contains("--fresh"),
        "{}",
        stderr(&output)
    );
    // The way out that it names.
    let output = tagtide(&job, &state).arg("--fresh").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_checkpoint_that_is_gone_or_of_another_job_exits_4() {
    let dir = tempfile::tempdir().unwrap();
    let (text, job, state) = counted_job(dir.path());
    let other = write_job(dir.path(), "other.toml", &text.replace("\"words\"", "\"tags\""));
    let output = tagtide(&other, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("--fresh"), "{}", stderr(&output));

    for entry in std::fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "tt") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let output = tagtide(&job, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(stderr(&output).contains("--fresh"), "{}", stderr(&output));
}

#[test]
fn a_killed_run_goes_on_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = posts(32, 8_000, Format::Text);
    let source = file_source(dir.path(), "posts.txt", &bytes, "pace = 8000\nformat = \"text\"");
    let text = format!("rule = \"words\"\noccurrences = \"all\"\nbatch = \"20ms\"\n{source}");
    let (job, state) = (write_job(dir.path(), "job.toml", &text), dir.path().join("state"));
    let summary = dir.path().join("summary.json");
    let mut command = tagtide(&job, &state);
    command.arg("--summary").arg(&summary).stdout(Stdio::null()).stderr(Stdio::null());
    let grown = || {
        let files = std::fs::read_dir(&state).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>()
    };
    for _ in 0..3 {
        let before = grown();
        let mut child = command.spawn().unwrap();
        until("a checkpoint is written", || {
            grown() > before + 4_000 || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(command.status().unwrap().success());
    let summary: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    assert_eq!(summary["posts"], 8_000);
    let rows = summary["trends"].as_array().unwrap().iter();
    let counted = rows.map(|row| (row["tag"].as_str().unwrap().to_owned(), row["count"].as_u64()));
    let expected = count_words(std::str::from_utf8(&bytes).unwrap().lines());
    let expected = expected.into_iter().map(|(tag, count)| (tag, Some(count)));
    assert_eq!(
        counted.collect::<std::collections::BTreeMap<_, _>>(),
        expected.collect::<std::collections::BTreeMap<_, _>>()
    );
}

#[test]
fn other_keys_than_those_of_the_checkpoint_exit_4() {
    let dir = tempfile::tempdir().unwrap();
    let source = file_source(dir.path(), "posts.txt", "#café #cafe\n".as_bytes(), "");
    let text = format!("time = \"event\"\n{source}[tags]\naccents = \"keep\"\n");
    let (job, state) = (write_job(dir.path(), "job.toml", &text), dir.path().join("state"));
    let output = tagtide(&job, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    write_job(dir.path(), "job.toml", &text.replace("\"keep\"", "\"fold\""));
    let output = tagtide(&job, &state).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let what = "tags.accents was `keep`, is `fold`\nhelp: run the unchanged job";
    assert!(stderr(&output).contains(what), "{}", stderr(&output));
    let output = tagtide(&job, &state).arg("--fresh").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// A checkpoint of the job `text` as a program with the grammar `grammar` records it.
fn checkpoint_of_grammar(state: &Path, grammar: &str) {
    use tagtide_checkpoint::{Checkpoint, Identity, Key, Part, Restore, RestoreError, SectionRef};

    struct Nothing;
    impl Restore for Nothing {
        fn begin(&mut self, _: &Key) {}
        fn piece(&mut self, _: &[SectionRef<'_>]) -> Result<(), RestoreError> {
            Ok(())
        }
        fn record(&mut self, _: u64, _: &[SectionRef<'_>]) -> Result<(), RestoreError> {
            Ok(())
        }
    }

    let parts = [
        ("rule", "tags"),
        ("occurrences", "perpost"),
        ("pane", "10s"),
        ("sources", "file"),
        ("tags.accents", "keep"),
        ("grammar", grammar),
    ];
    let parts = parts.into_iter().map(|(name, value)| Part::new(name, value)).collect();
    let identity = Identity { job: "job".to_owned(), parts };
    Checkpoint::open(state, &identity, false, &mut Nothing).unwrap();
}

#[test]
fn a_checkpoint_of_a_newer_grammar_exits_4_whatever_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let source = file_source(dir.path(), "posts.txt", b"#a\n", "");
    let job = write_job(dir.path(), "job.toml", &format!("time = \"event\"\n{source}"));
    let (same, newer) = (dir.path().join("same"), dir.path().join("newer"));
    checkpoint_of_grammar(&same, "1");
    let output = tagtide(&job, &same).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    checkpoint_of_grammar(&newer, "2");
    for flags in [&[][..], &["--accept-grammar", "1"], &["--accept-grammar", "2"]] {
        let output = tagtide(&job, &newer).args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
        assert!(stderr(&output).contains("grammar was `2`, is `1`\nhelp: "), "{}", stderr(&output));
    }
}
