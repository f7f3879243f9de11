//! The seam between engines and the run: rankings, history and alerts do not depend on whether an
//! engine sends posts or counts, in order or not, and through a kill.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tagtide::engine::{self, RunOptions};
use tagtide::history::StoredRanking;
use tagtide_posts::decode::Format;
use tagtide_trends::rank::{Ranking, Trend};

use crate::process::tagtide;
use crate::support::{Counted, START, file_source, options, plan_on, posts, until};
use crate::views;

/// Everything that a run leaves.
#[derive(Debug, PartialEq)]
struct Left {
    counted: Counted,
    /// Of all posts, then of each view.
    rankings: Vec<Vec<Ranking>>,
    stored: Stored,
}

impl Left {
    /// Equal, piece by piece, so that a difference can be read.
    fn is(&self, wanted: &Self, what: &str) {
        assert_eq!(self.counted.counters, wanted.counted.counters, "{what}");
        assert_eq!(self.counted.newest, wanted.counted.newest, "{what}");
        for (got, wanted) in self.rankings.iter().flatten().zip(wanted.rankings.iter().flatten()) {
            same_rows(
                &got.trends,
                &wanted.trends,
                &format!("{what}: {} {:?}", got.mode, got.window_s),
            );
        }
        let stored = self.stored.history.iter().zip(&wanted.stored.history);
        for ((of, got), (_, wanted)) in stored {
            assert_eq!(got.at, wanted.at, "{what}: history of {of}");
            same_rows(&got.trends, &wanted.trends, &format!("{what}: history of {of}, {}", got.at));
        }
        assert_eq!(self.stored.alerts, wanted.stored.alerts, "{what}");
        assert!(self == wanted, "{what}");
    }
}

fn same_rows(got: &[Trend], wanted: &[Trend], what: &str) {
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!(got, wanted, "{what}");
    }
    assert_eq!(got.len(), wanted.len(), "{what}");
}

/// What is in the state directory: rankings of the history, and alerts.
#[derive(Debug, Default, PartialEq)]
struct Stored {
    history: Vec<(String, StoredRanking)>,
    alerts: Vec<String>,
}

impl Stored {
    /// The commonest spelling as of a minute depends on how the input was cut into batches, with
    /// every engine: spellings of a whole batch are counted before its first post is.
    fn forget_spellings(&mut self) {
        let rows = self.history.iter_mut().flat_map(|(_, ranking)| &mut ranking.trends);
        rows.for_each(|row| row.display.clear());
    }
}

fn stored(state: &Path, views: &[&str]) -> Stored {
    let mut stored = Stored::default();
    let Ok(history) = tagtide::history::Reader::open(state) else { return stored };
    let alerts = tagtide::alert::Reader::open(state).ok();
    for view in std::iter::once("all").chain(views.iter().copied()) {
        for (mode, windows) in [
            ("total", &[None][..]),
            ("count", &[Some(60), Some(300)]),
            ("authors", &[Some(60), Some(300)]),
            ("trending", &[Some(60), Some(300)]),
            ("decay", &[None]),
        ] {
            for &window_s in windows {
                let (view, mode) = (view.to_owned(), mode.to_owned());
                let asked = tagtide::history::RankingSelector { view, mode, window_s, top: 100 };
                let range = history.range(0, i64::MAX, None, 1, usize::MAX, &asked);
                let rankings = range.expect("it can be read").rankings.into_iter();
                let of = format!("{} {} {window_s:?}", asked.view, asked.mode);
                stored.history.extend(rankings.map(|ranking| (of.clone(), ranking)));
            }
        }
    }
    let alerts = alerts.map(|alerts| alerts.newest(10_000, None, None).expect("they can be read"));
    let alerts = alerts.into_iter().flatten();
    stored.alerts = alerts.map(|one| format!("{:?}", one.alert)).collect();
    stored.alerts.sort_unstable();
    stored
}

/// Runs a job to its end on an engine, over a state directory where one is given.
fn left(engine: &str, job: &str, views: &[&str], options: RunOptions) -> Left {
    let state = options.state_dir.clone();
    let run = engine::start(plan_on(engine, job), options).expect("it starts");
    let mut counted = Counted::of(&run);
    let names = std::iter::once(None).chain(views.iter().map(|&view| Some(view)));
    let mut rankings: Vec<_> = names.map(|view| views::rankings(&run, view)).collect();
    if counted.newest.is_none() {
        // Without a post a ranking is of the time at which it was asked for.
        let all = rankings.iter_mut().flatten().chain(&mut counted.rankings);
        all.for_each(|ranking| (ranking.at, ranking.watermark) = (0, 0));
    }
    drop(run);
    let stored = state.map(|state| stored(&state, views)).unwrap_or_default();
    Left { counted, rankings, stored }
}

/// The engines leave the same, in order and with updates that come twice and out of order.
fn same(job: &str, views: &[&str]) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = left("embedded", job, views, options(2, Some(&dir.path().join("embedded"))));
    wanted.stored.forget_spellings();
    for shuffle in [0, 1, 2] {
        let state = dir.path().join(format!("counted-{shuffle}"));
        let options = RunOptions { shuffle, ..options(2, Some(&state)) };
        let mut got = left("counted", job, views, options);
        got.stored.forget_spellings();
        got.is(&wanted, &format!("{job} shuffled by {shuffle}"));
    }
    wanted
}

fn fixtures() -> Vec<(PathBuf, &'static str)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let formats = [
        ("text", "text"),
        ("text_plus", "text+"),
        ("x_v1", "x1"),
        ("x_v2", "x2"),
        ("jetstream", "jetstream"),
        ("mastodon", "mastodon"),
    ];
    let mut all = Vec::new();
    for (folder, format) in formats {
        for file in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|end| end == "txt" || end == "jsonl") {
                all.push((path, format));
            }
        }
    }
    assert!(all.len() >= 12, "{} fixtures", all.len());
    all
}

const ALERT: &str = "[[alert]]\non = \"top\"\nn = 5\n";

#[test]
fn every_fixture_gives_the_same_rankings() {
    let mut tags = 0;
    for (path, format) in fixtures() {
        let path = path.display();
        let source = format!(
            "[[source]]\nkind = \"file\"\npaths = [\"{path}\"]\nformat = \"{format}\"\n\
             start = \"{START}\"\n"
        );
        // Formats with a time of their own take no other.
        let source = match format {
            "text" => source,
            _ => source.replace(&format!("start = \"{START}\"\n"), ""),
        };
        let view = "[view.some]\ntags = [\"a*\", \"r*\", \"t*\"]\n";
        let left = same(&views::job(&format!("{view}{ALERT}"), &source), &["some"]);
        tags += left.counted.totals().len();
    }
    assert!(tags > 40, "{tags} tags");
}

#[test]
fn posts_with_authors_give_the_same_rankings_history_and_alerts() {
    for (seed, format, name) in [(51, Format::TextPlus, "text+"), (52, Format::X1, "x1")] {
        let dir = tempfile::tempdir().unwrap();
        let bytes = posts(seed, 30_000, format);
        let keys = format!("format = \"{name}\"\n");
        let source = file_source(dir.path(), "posts", &bytes, &keys);
        let view = "[view.odd]\nauthors = \"*3\"\n";
        let job = views::job(&format!("{view}{ALERT}"), &source);
        let left = same(&job, &["odd"]);
        let counted = left.rankings.iter().flatten().all(|ranking| !ranking.trends.is_empty());
        assert!(counted && left.stored.history.len() >= 8, "{}", left.stored.history.len());
        assert!(!left.stored.alerts.is_empty());
    }
}

/// `tagtide run` that makes snapshots now and then.
fn command(job: &Path, state: &Path, shuffle: u64) -> Command {
    let mut command = tagtide(job, state);
    command.args(["--shuffle", &shuffle.to_string()]);
    command.env("TAGTIDE_SNAPSHOT_LOG_BYTES", "300000").env("TAGTIDE_ROWS_AHEAD", "200");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Ends a run by SIGKILL once it has written so much.
fn kill(command: &mut Command, state: &Path, bytes: u64) {
    let held = || {
        let files = std::fs::read_dir(state).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>()
    };
    let before = held();
    let mut child = command.spawn().unwrap();
    until("a checkpoint is written", || {
        held().abs_diff(before) > bytes || child.try_wait().unwrap().is_some()
    });
    assert!(child.try_wait().unwrap().is_none(), "it is killed while it runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn kills_leave_the_same_too() {
    let dir = tempfile::tempdir().unwrap();
    let keys = "format = \"text+\"\npace = 20_000\n";
    let bytes = posts(53, 60_000, Format::TextPlus);
    let source = file_source(dir.path(), "posts", &bytes, keys);
    let view = "[view.odd]\nauthors = \"*3\"\n";
    let text = views::job(&format!("{view}{ALERT}"), &source);
    let whole = dir.path().join("embedded");
    let fast = text.replace("pace = 20_000\n", "");
    let mut wanted = left("embedded", &fast, &["odd"], options(2, Some(&whole)));
    wanted.stored.forget_spellings();
    for shuffle in [0, 3] {
        let name = format!("counted-{shuffle}");
        let state = dir.path().join(&name);
        let counted = text.clone() + "[engine]\nkind = \"counted\"\n";
        let job = dir.path().join(format!("{name}.toml"));
        std::fs::write(&job, format!("name = \"job\"\n{counted}")).unwrap();
        for _ in 0..3 {
            kill(&mut command(&job, &state, shuffle), &state, 100_000);
        }
        let mut got = left("counted", &fast, &["odd"], options(2, Some(&state)));
        got.stored.forget_spellings();
        got.is(&wanted, &format!("shuffled by {shuffle}"));
    }
}
