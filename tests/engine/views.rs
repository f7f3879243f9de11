//! A view counts the posts that fit it as a run over these posts alone would, and a view that every
//! post fits is the same as all posts.

use std::collections::BTreeMap;
use std::path::Path;

use tagtide::engine::Run;
use tagtide::run::{LiveQuery, Question};
use tagtide_posts::decode::Format;
use tagtide_trends::rank::{Mode, Query, Ranking};
use tagtide_trends::status::Counters;

use crate::support::{ALL, START, ended, file_source, finish, options, posts, start, until_posts};

const MODES: [Mode; 5] = [Mode::Total, Mode::Count, Mode::Authors, Mode::Trending, Mode::Decay];
const WINDOWS_S: [u64; 2] = [60, 300];

pub(crate) fn job(views: &str, source: &str) -> String {
    format!(
        "batch = \"10ms\"\ntime = \"event\"\n[count]\nwindows = [\"1m\", \"5m\"]\nmode = \"count\"\n\
         modes = [\"total\", \"count\", \"authors\", \"trending\", \"decay\"]\n\
         [people]\nmin_count = 1\nmin_authors = 1\n{views}{source}"
    )
}

/// Every ranking of a view, whole, named by no view.
pub(crate) fn rankings(run: &Run, view: Option<&str>) -> Vec<Ranking> {
    let mut all = Vec::new();
    for mode in MODES {
        for window_s in WINDOWS_S {
            let view = view.map(str::to_owned);
            let query = Query { mode: Some(mode), window_s: Some(window_s), view, top: ALL };
            let asked = Question::Ranking(query.clone());
            let Some(mut ranking) = run.ask(asked).ranking() else { continue };
            ranking.trends.iter_mut().for_each(|row| row.change = None);
            assert_eq!(ranking.view, query.view.as_deref().unwrap_or("all"));
            ranking.view.clear();
            all.push(ranking);
        }
    }
    all
}

fn totals(run: &Run, view: &str) -> BTreeMap<String, u64> {
    let view = Some(view.to_owned());
    let query = Query { mode: Some(Mode::Total), window_s: None, view, top: ALL };
    let rows = run.ask(Question::Ranking(query)).ranking().expect("the view is there").trends;
    rows.into_iter().map(|row| (row.tag, row.count)).collect()
}

pub(crate) fn done(job: &str, dir: Option<&Path>) -> Run {
    let run = start(job, options(2, dir));
    ended(&run).expect("it ends well");
    run
}

#[test]
fn a_view_that_every_post_fits_equals_all() {
    let dir = tempfile::tempdir().unwrap();
    let keys = format!("format = \"text\"\nrate = 20\nstart = \"{START}\"");
    let text = posts(31, 6_000, Format::Text);
    let of = |name: &str, bytes: &[u8], keys: &str| file_source(dir.path(), name, bytes, keys);
    let sources = [
        of("a.txt", &text, &keys),
        of("b.txt", &posts(32, 6_000, Format::TextPlus), "format = \"text+\""),
        of("c.jsonl", &posts(33, 3_000, Format::X1), "format = \"x1\""),
    ];
    for source in sources {
        let run = done(&job("[view.every]\nsource = \"file\"\n", &source), None);
        let all = rankings(&run, None);
        assert!(all.iter().any(|ranking| ranking.trends.len() > 100));
        assert_eq!(rankings(&run, Some("every")), all);
        assert_eq!(rankings(&run, Some("none")), []);
    }
    // Plain lines, of which those without a tag fit no pattern.
    let run = done(&job("[view.tagged]\ntags = \"*\"\n", &of("d.txt", &text, &keys)), None);
    let untold = |mut all: Vec<Ranking>| {
        all.iter_mut().for_each(|ranking| ranking.posts = ranking.tagged_posts);
        all
    };
    assert_eq!(rankings(&run, Some("tagged")), untold(rankings(&run, None)));
}

#[test]
fn a_view_counts_what_a_run_over_its_posts_counts() {
    let dir = tempfile::tempdir().unwrap();
    let x1 = String::from_utf8(posts(34, 4_000, Format::X1)).unwrap();
    let plus = String::from_utf8(posts(35, 4_000, Format::TextPlus)).unwrap();
    let source = |name: &str, text: &str, format: &str| {
        let keys = format!("name = \"{name}\"\nformat = \"{format}\"");
        file_source(dir.path(), name, text.as_bytes(), &keys)
    };
    let views = "[view.ja]\nlang = \"JA\"\n[view.x]\nsource = \"x.jsonl\"\n\
                 [view.e]\ntags = [\"#E*\"]\n[view.odd]\nsource = \"plus.txt\"\nauthors = \"*1\"\n";
    let both = [source("x.jsonl", &x1, "x1"), source("plus.txt", &plus, "text+")].concat();
    let run = done(&job(views, &both), None);
    let only = |text: &str, fits: &dyn Fn(&str) -> bool| {
        let lines = text.lines().filter(|line| fits(line)).map(|line| format!("{line}\n"));
        lines.collect::<String>()
    };
    let japanese = only(&x1, &|line| line.contains("\"lang\":\"ja\""));
    assert!(japanese.lines().count() > 100);
    let alone = |name: &str, text: &str, format: &str| {
        let counted = finish(&job("", &source(name, text, format)));
        (counted.totals(), counted.counters.posts)
    };
    let odd = only(&plus, &|line| line.split('\t').next().is_some_and(|who| who.ends_with('1')));
    let status = run.watch().borrow().status.clone();
    for (view, (wanted, posts)) in [
        ("ja", alone("ja.jsonl", &japanese, "x1")),
        ("x", alone("x2.jsonl", &x1, "x1")),
        ("odd", alone("odd.txt", &odd, "text+")),
    ] {
        assert!(!wanted.is_empty(), "{view}");
        assert_eq!(totals(&run, view), wanted, "{view}");
        let shown =
            status.views.iter().find(|shown| shown.name == view).expect("the view is listed");
        assert_eq!((shown.tags, shown.posts), (wanted.len() as u64, posts), "{view}");
    }
    let e = totals(&run, "e");
    assert!(e.keys().any(|tag| tag.starts_with('e')) && e.keys().any(|tag| !tag.starts_with('e')));
    assert_eq!(status.counters.posts, 8_000, "the counters are those of all posts");
}

/// A line of Jetstream; `what` is its operation, and for a post its tag and language.
fn line(second: u32, key: &str, what: &str, tag: &str, lang: &str) -> String {
    let record = match what {
        "delete" => String::new(),
        _ => format!(
            ",\"record\":{{\"text\":\"x\",\"langs\":[\"{lang}\"],\"tags\":[\"{tag}\",\"both\"]}}"
        ),
    };
    format!(
        "{{\"did\":\"did:plc:a\",\"time_us\":{}000000,\"kind\":\"commit\",\"commit\":{{\
         \"rev\":\"r{second}\",\"operation\":\"{what}\",\"collection\":\"app.bsky.feed.post\",\
         \"rkey\":\"{key}\"{record}}}}}\n",
        1_767_571_200 + i64::from(second)
    )
}

#[test]
fn deletes_and_edits_take_posts_out_of_views_and_bring_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let views = "[view.ja]\nlang = \"ja\"\n[view.a]\ntags = \"a\"\n";
    let mut text = String::new();
    let mut after = |lines: &[String]| {
        text.push_str(&lines.concat());
        let source = file_source(dir.path(), "posts", text.as_bytes(), "format = \"jetstream\"");
        let run = done(&job(views, &source), None);
        ["ja", "a"].map(|view| totals(&run, view).into_iter().collect::<Vec<_>>())
    };
    let of = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|(tag, count)| ((*tag).to_owned(), *count)).collect()
    };
    let created = [line(1, "1", "create", "a", "ja"), line(2, "2", "create", "b", "ja-JP")];
    assert_eq!(
        after(&created),
        [of(&[("a", 1), ("b", 1), ("both", 2)]), of(&[("a", 1), ("both", 1)])]
    );
    // Out of one view, still in the other.
    let edited = [line(3, "1", "update", "c", "ja")];
    assert_eq!(after(&edited), [of(&[("b", 1), ("both", 2), ("c", 1)]), of(&[])]);
    // An edit that fits neither is nothing new to the view that had let it go.
    let again = [line(4, "1", "update", "d", "en"), line(5, "1", "update", "e", "en")];
    assert_eq!(after(&again), [of(&[("b", 1), ("both", 1)]), of(&[])]);
    let back = [line(6, "1", "update", "a", "ja")];
    assert_eq!(
        after(&back),
        [of(&[("a", 1), ("b", 1), ("both", 2)]), of(&[("a", 1), ("both", 1)])]
    );
    // One that never fitted, edited until it does.
    let never = [line(7, "3", "create", "z", "en"), line(8, "3", "update", "y", "en")];
    let comes = [never.concat(), line(9, "3", "update", "a", "en")];
    assert_eq!(after(&comes)[1], of(&[("a", 2), ("both", 2)]));
    let gone = [line(10, "1", "delete", "", ""), line(11, "2", "delete", "", "")];
    assert_eq!(after(&gone), [of(&[]), of(&[("a", 1), ("both", 1)])]);
    // What is deleted stays so, also where it had left before.
    let left = [line(12, "4", "create", "a", "ja"), line(13, "4", "update", "a", "en")];
    after(&[left.concat(), line(14, "4", "delete", "", "")]);
    let again = [line(15, "4", "update", "a", "ja"), line(16, "2", "update", "a", "ja")];
    assert_eq!(after(&again)[0], of(&[]));
}

const POSTS: u64 = 20_000;
const VIEWS: &str =
    "[view.ja]\nlang = \"ja\"\n[view.e]\ntags = \"e*\"\n[view.every]\nsource = \"file\"\n";

#[test]
fn a_run_that_was_stopped_and_started_has_the_same_views() {
    let dir = tempfile::tempdir().unwrap();
    let sources = [
        file_source(dir.path(), "x", &posts(36, POSTS / 4, Format::X1), "format = \"x1\"\n"),
        file_source(dir.path(), "t", &posts(37, POSTS, Format::TextPlus), "format = \"text+\"\n"),
    ];
    for (source, posts) in sources.iter().zip([POSTS / 4, POSTS]) {
        // Lines of text have authors and no language.
        let views = match posts {
            POSTS => VIEWS.replace("lang = \"ja\"", "authors = \"*3\""),
            _ => VIEWS.to_owned(),
        };
        let whole = done(&job(&views, source), None);
        let state = tempfile::tempdir().unwrap();
        // Drained, and cut so that posts are read again.
        for (part, now) in [(5, false), (2, true)] {
            let paced = format!("{source}pace = {}\n", posts / 2);
            let run = start(&job(&views, &paced), options(2, Some(state.path())));
            until_posts(&run, posts / part);
            run.stop(now);
            let stopped = ended(&run).expect("it stops well").status.counters;
            assert!(stopped.posts < posts, "{stopped:?}");
        }
        let again = done(&job(&views, source), Some(state.path()));
        assert_eq!(rankings(&again, Some("every")), rankings(&again, None));
        for view in ["ja", "e"] {
            let wanted = counted(rankings(&whole, Some(view)));
            assert!(wanted.iter().all(|ranking| !ranking.trends.is_empty()), "{view}");
            assert_eq!(counted(rankings(&again, Some(view))), wanted, "{view}");
        }
    }
}

/// What does not depend on how authors were hashed, which is another way in every directory.
fn counted(mut all: Vec<Ranking>) -> Vec<Ranking> {
    all.retain(|ranking| ["total", "count", "decay"].contains(&&*ranking.mode));
    all.iter_mut().flat_map(|one| &mut one.trends).for_each(|row| row.authors = None);
    all
}

/// Runs one more file of text behind what the state directory has, and asks for the totals.
fn more(dir: &Path, number: u32, views: &str) -> (Counters, Vec<u64>) {
    std::fs::write(dir.join(format!("{number}.txt")), "#a #b\n#a\n#c\n").unwrap();
    let source = format!(
        "[[source]]\nkind = \"file\"\nformat = \"text\"\nstart = \"{START}\"\npaths = [\"{}\"]\n",
        dir.join("*.txt").display()
    );
    let run = done(&job(views, &source), Some(&dir.join("state")));
    let status = run.watch().borrow().status.clone();
    (status.counters, status.views.iter().map(|view| view.posts).collect())
}

#[test]
fn a_view_that_is_new_or_comes_back_or_has_another_filter_starts_empty() {
    let dir = tempfile::tempdir().unwrap();
    let (a, c) = ("[view.one]\ntags = \"a\"\n", "[view.one]\ntags = \"c\"\n");
    let and_two = format!("{a}[view.two]\ntags = [\"b\", \"c\"]\n");
    let mut number = 0;
    let mut next = |views: &str| {
        number += 1;
        let (counters, posts) = more(dir.path(), number, views);
        assert_eq!(counters.posts, 3 * u64::from(number), "all posts go on");
        posts
    };
    assert_eq!(next(a), [2]);
    assert_eq!(next(&and_two), [4, 2], "the second is new");
    assert_eq!(next(&and_two.replace("\"b\", \"c\"", "\"c\", \"b\"")), [6, 4], "the same filter");
    assert!(next("").is_empty());
    assert_eq!(next(a), [2], "it was away");
    assert_eq!(next(c), [1], "another filter");
    assert_eq!(next(c), [2]);
    assert_eq!(next(a), [2], "and another again");
}

#[test]
fn an_unreadable_file_of_authors_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("authors");
    let view = format!("[view.v]\nauthors_file = '{}'\n", path.display());
    let bytes = b"a\t1767571200000\t#x\nb\t1767571200001\t#y\n";
    let text = job(&view, &file_source(dir.path(), "posts", bytes, "format = \"text+\""));
    let plan = crate::support::plan(&text);
    let refused = tagtide::engine::start(plan, options(1, None)).map(drop).unwrap_err();
    assert!(refused.to_string().starts_with("view `v`: cannot read"), "{refused}");
    std::fs::write(&path, "\n b \n").unwrap();
    assert_eq!(totals(&done(&text, None), "v"), BTreeMap::from([("y".to_owned(), 1)]));
}

#[test]
fn history_and_alerts_are_of_each_view() {
    let dir = tempfile::tempdir().unwrap();
    let keys = "format = \"text+\"\n";
    let source = file_source(dir.path(), "posts", &posts(38, POSTS, Format::TextPlus), keys);
    let rule = |view: &str| {
        format!("[[alert]]\nname = \"{view}\"\non = \"top\"\nn = 5\nview = \"{view}\"\n")
    };
    let text = job(VIEWS, &[rule("every"), rule("all"), rule("e"), source].concat());
    let state = dir.path().join("state");
    drop(done(&text, Some(&state)));
    let history = tagtide::history::Reader::open(&state).unwrap();
    let kept = |view: &str| {
        let (view, mode) = (view.to_owned(), "count".to_owned());
        let asked = tagtide::history::RankingSelector { view, mode, window_s: Some(300), top: 100 };
        history.range(0, i64::MAX, None, 1, usize::MAX, &asked).unwrap().rankings
    };
    let all = kept("all");
    assert!(all.len() >= 3 && all.iter().all(|minute| minute.trends.len() == 50), "each minute");
    assert_eq!(kept("every"), all);
    let e = kept("e");
    assert!(e.len() == all.len() && e != all);
    let alerts = tagtide::alert::Reader::open(&state).unwrap();
    let raised = |rule: &str| {
        let rows = alerts.newest(10_000, Some(rule), None).unwrap();
        assert!(rows.iter().all(|row| row.alert.view == rule), "{rule}");
        rows.into_iter().map(|row| (row.alert.at, row.alert.tag)).collect::<Vec<_>>()
    };
    assert!(!raised("all").is_empty());
    assert_eq!(raised("every"), raised("all"));
    assert!(!raised("e").is_empty() && raised("e") != raised("all"));
}

#[test]
fn what_is_late_in_all_is_late_in_a_new_view() {
    let dir = tempfile::tempdir().unwrap();
    let paths = dir.path().join("*.txt").display().to_string();
    let source = format!(
        "[[source]]\nkind = \"file\"\nname = \"file\"\nformat = \"text+\"\npaths = [\"{paths}\"]\n"
    );
    let state = dir.path().join("state");
    std::fs::write(dir.path().join("1.txt"), "a\t1767571500000\t#x\n").unwrap();
    drop(done(&job("", &source), Some(&state)));
    std::fs::write(dir.path().join("2.txt"), "a\t1767571470000\t#late\n").unwrap();
    let run = done(&job("[view.every]\nsource = \"file\"\n", &source), Some(&state));
    assert_eq!(run.watch().borrow().status.counters.late, 1);
    let of = |mode: &str| {
        let found = rankings(&run, Some("every")).into_iter().find(|one| one.mode == mode);
        found.expect("it is configured").trends.len()
    };
    assert_eq!((of("total"), of("count")), (1, 0));
}
