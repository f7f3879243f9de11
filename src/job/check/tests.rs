mod platforms;

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::job::{AlertOn, TextTime};
use crate::sink::dashboard;
use tagtide_posts::decode::Format;
use tagtide_sources::{SourceOptions, file, generator, tcp, tcp_listen};
use tagtide_trends::rank::Mode;

fn plan(text: &str) -> Plan {
    let job = Job::parse(text, "job.toml").expect("the job parses");
    check(&job, Purpose::Run).expect("the job is valid")
}

/// Options of a source of the job.
fn options<T: SourceOptions + Clone>(plan: &Plan, source: usize) -> T {
    let source = &plan.sources[source];
    source.options_as::<T>().unwrap_or_else(|| panic!("{source:?}")).clone()
}

/// All problems, joined; panics where there is none.
fn problems(text: &str) -> String {
    let problems = match Job::parse(text, "job.toml") {
        Err(problems) => problems,
        Ok(job) => check(&job, Purpose::Run).expect_err("a problem"),
    };
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The one problem of a job with a sound source.
fn problem(text: &str) -> String {
    let all = problems(&format!("source = \"generator\"\n{text}"));
    assert_eq!(all.matches("job.toml").count(), 1, "one problem: {all}");
    all
}

#[test]
fn defaults() {
    let plan = plan("source = \"tcp://localhost:9009\"");
    assert_eq!(plan.name, "job");
    assert_eq!(plan.batch, Duration::from_secs(2));
    assert_eq!(plan.time, TimePlan::Live);
    assert_eq!((plan.rule, plan.occurrences), (Rule::Tags, Occurrences::PerPost));
    let count = &plan.count;
    assert_eq!(count.pane, Duration::from_secs(10));
    assert_eq!(count.windows, [60, 300, 900, 3_600, 86_400].map(Duration::from_secs));
    assert_eq!(count.default, (Mode::Count, Duration::from_secs(3_600)));
    assert_eq!((count.top, count.modes.len()), (10, 2));
    assert_eq!(plan.limits.line_max_bytes, 1 << 20);
    assert_eq!(options::<tcp::Options>(&plan, 0).addr, "localhost:9009");
    assert_eq!(plan.sources[0].text_time, TextTime::Arrival);
    assert!(plan.sinks.is_empty());
}

#[test]
fn short_forms_of_sources() {
    let plan = plan(
        "source = [\"stdin\", \"generator\", \"a/*.gz\", \"b.txt\", \"tcp-listen://[::1]:9\"]",
    );
    let names: Vec<_> = plan.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["stdin", "generator", "file", "file-2", "tcp-listen"]);
    let files = options::<file::Options>(&plan, 2);
    assert_eq!((files.paths, files.follow), (vec!["a/*.gz".to_owned()], false));
    assert_eq!(options::<tcp_listen::Options>(&plan, 4).addr, "[::1]:9");
    for (word, kind) in [("generatr", "generator"), ("blusky", "jetstream"), ("twitter", "x")] {
        let errors = problems(&format!("source = \"{word}\""));
        assert!(errors.contains(&format!("did you mean `{kind}`?")), "{errors}");
    }
    let errors = problems("source = \"https://example.org\"");
    assert!(errors.contains("`https://` is not a source"), "{errors}");
    assert!(problems("source = 3").contains("expected a string or a table"));
    assert!(problems("source = \"tcp://nowhere\"").contains("is not an address"));
    assert!(problems("source = \"tcp://a:70000\"").contains("is not an address"));
}

#[test]
fn every_problem_is_reported_at_once_with_its_line() {
    let errors = problems(
        "bacth = \"2s\"\nrule = 3\n[count]\npane = true\nwindow = \"1h\"\n[[source]]\nknid = 1\n",
    );
    for wanted in [
        "job.toml:1: `bacth`: unknown key\n  help: did you mean `batch`?",
        "job.toml:2: `rule`: expected a string, found a number",
        "job.toml:4: `count.pane`: expected a string or a number, found a boolean",
        "job.toml:7: `source.knid`: unknown key\n  help: did you mean `kind`?",
    ] {
        assert!(errors.contains(wanted), "{wanted}\nin\n{errors}");
    }
    let errors =
        problems("[view.a]\nlanguage = \"ja\"\n[[source]]\nkind = \"x\"\ntoken = \"s3cret\"\n");
    for wanted in [
        "`view.language`: unknown key\n  help: did you mean `lang`?",
        "`source.token`: unknown key\n  help: did you mean `token_env`?",
    ] {
        assert!(errors.contains(wanted), "{wanted}\nin\n{errors}");
    }
    assert!(!errors.contains("s3cret"), "{errors}");
    assert!(problems("[[view]]\nlang = \"ja\"").contains("help: begin it with `[view.NAME]`"));
    let errors = problems("batch = \"1ms\"\nrule = \"word\"\n[count]\ntop = 0\n");
    for wanted in [
        "job.toml: the job has no source",
        "job.toml:1: `batch`: `1ms` is out of bounds",
        "job.toml:2: `rule`: `word` is not known here\n  help: did you mean `words`?",
        "job.toml:4: `count.top`: `0` is out of bounds",
    ] {
        assert!(errors.contains(wanted), "{wanted}\nin\n{errors}");
    }
}

#[test]
fn broken_toml_names_its_line() {
    let errors = problems("name = \"a\"\nbatch = = 2\n");
    assert!(errors.starts_with("job.toml:2"), "{errors}");
    let past = "[[source]]\nkind = \"generator\"\npast = \"1h\"\n";
    assert!(problems(&format!("{past}start = 5")).contains("`past` is for a generator"));
    assert!(problems(&format!("{past}live = false")).contains("`past` is for a generator"));
    assert!(problems("count = 3").contains("begin it with `[count]`"));
}

#[test]
fn windows_and_panes() {
    for (text, wanted) in [
        ("[count]\npane = \"7s\"\nwindows = [\"1m\"]", "not a whole number of panes of `7s`"),
        ("[count]\nwindows = [\"5m\", \"1m\"]", "is listed after a longer one"),
        ("[count]\nwindows = [\"1m\", \"60s\"]", "window `1m` is listed twice"),
        ("[count]\nwindows = [\"3610s\"]", "not a whole number of minutes"),
        ("[count]\npane = \"8s\"\nwindows = [\"2h\"]", "do not divide a minute"),
        ("[count]\npane = \"500ms\"\nwindows = [\"1500ms\"]", "is out of bounds"),
        ("[count]\nwindows = [\"8d\"]", "is out of bounds"),
        ("[count]\nwindows = []", "`count.windows` is empty"),
        ("[count]\nwindows = [\"0s\"]", "is out of bounds"),
        ("[count]\npane = \"7s\"", "no window of the default list"),
        ("[count]\npane = \"0s\"", "a pane must be between"),
        ("[count]\nwindow = \"2h\"", "not among the windows"),
        ("[count]\nmodes = [\"total\"]\nmode = \"count\"", "add it to `count.modes`"),
        ("[count]\nmodes = [\"totla\"]", "did you mean `total`?"),
        ("[count]\nmodes = [\"total\", \"total\"]", "is listed twice"),
        ("[count]\nmodes = []", "`count.modes` is empty"),
        ("[count]\nlateness = \"2h\"", "at most `1h`"),
        (
            "[count]\nmodes = [\"trending\"]\nwindows = [\"24h\"]",
            "supports none of the job's windows",
        ),
        (
            "[count]\nmode = \"trending\"\nmodes = [\"trending\"]\nwindow = \"24h\"\n\
             windows = [\"1h\", \"24h\"]",
            "does not support the default window `24h`",
        ),
        // Its longest window goes by minutes, and these panes do not divide one.
        (
            "[count]\npane = \"45s\"\nmodes = [\"trending\"]\nwindows = [\"1h\"]",
            "supports none of the job's windows",
        ),
    ] {
        let errors = problem(text);
        assert!(errors.contains(wanted), "{text}: {errors}");
    }
    let plan = plan("source = \"-\"\n[count]\nwindows = [\"1m\", \"2m\"]\nmodes = [\"total\"]");
    assert_eq!(plan.count.default, (Mode::Total, Duration::from_secs(120)));
}

#[test]
fn limits_and_names() {
    for (text, wanted) in [
        ("[limits]\ntags_max = 0", "between 1 and 1G"),
        ("[limits]\nline_max = \"1\"", "between 64 bytes"),
        ("[limits]\nremembered_for = \"8d\"", "between `1s` and `7d`"),
        ("[limits]\nremembered_max = -1", "is not a number"),
        ("[limits]\nrecent_posts = 2_000_000", "at most 1M posts"),
        ("batch = 2", "is not a duration"),
        ("name = \"../x\"", "is not a name for a job"),
        ("name = \"\"", "is not a name for a job"),
        ("time = \"clokc\"", "did you mean `clock`?"),
        ("speed = \"fast\"", "is not a speed"),
    ] {
        let errors = problem(text);
        assert!(errors.contains(wanted), "{text}: {errors}");
    }
}

#[test]
fn problems_of_sources() {
    for (text, wanted) in [
        ("kind = \"kafak\"", "known kinds: `file`"),
        ("name = \"x\"", "the source has no `kind`"),
        ("kind = \"file\"", "the file source has no `paths`"),
        ("kind = \"file\"\npaths = [\"a[\"]", "is not a pattern"),
        ("kind = \"file\"\npaths = \"a\"\nseed = 1", "of kind `file` takes no `seed`"),
        ("kind = \"tcp\"", "the source has no `addr`"),
        ("kind = \"tcp\"\naddr = \":9\"", "is not an address"),
        ("kind = \"generator\"\nformat = \"x2\"", "`x2` is not known here"),
        ("kind = \"generator\"\nlive = false", "runs ahead of our clock"),
        ("kind = \"generator\"\ntags = 0", "from 1 to 100M"),
        ("kind = \"generator\"\nrate = 0", "is not a rate"),
        ("kind = \"stdin\"\npace = -1", "is not a rate"),
        ("kind = \"stdin\"\nstart = \"now\"", "is not a time"),
        ("kind = \"stdin\"\nname = \"a b\"", "is not a name for a source"),
    ] {
        let all = problems(&format!("[[source]]\n{text}"));
        assert!(all.contains(wanted), "{text}: {all}");
        assert_eq!(all.matches("job.toml").count(), 1, "{text}: {all}");
    }
    let same = "[[source]]\nkind = \"stdin\"\nname = \"a\"\n[[source]]\nkind = \"generator\"\n\
                name = \"a\"";
    assert!(problems(same).contains("two sources are named `a`"));
    assert!(problems("source = [\"-\", \"stdin\"]").contains("read only once"));
}

#[test]
fn problems_of_sinks() {
    for (text, wanted) in [
        ("kind = \"stdotu\"", "did you mean `stdout`?"),
        ("json = true", "the sink has no `kind`"),
        ("kind = \"jsonl\"", "no file to write to"),
        ("kind = \"jsonl\"\npath = \"a\"\nrotate = 10", "at least `1KiB`"),
        ("kind = \"jsonl\"\npath = \"a\"\nurl = \"b\"", "takes no `url`"),
        ("kind = \"dashboard\"\nurl = \"localhost\"", "is not a URL"),
        ("kind = \"dashboard\"\nurl = \"ftp://a/\"", "neither http nor https"),
        ("kind = \"webhook\"", "the webhook has no `url`"),
        ("kind = \"webhook\"\nurl = \"https://a/\"\ntoken_env = \"a-b\"", "not the name of an env"),
        ("kind = \"webhook\"\nurl = \"http://a/\"\ntoken_env = \"T\"", "over plain http"),
    ] {
        let errors = problem(&format!("[[sink]]\n{text}"));
        assert!(errors.contains(wanted), "{text}: {errors}");
    }
    let secret = problem("[[sink]]\nkind = \"webhook\"\nurl = \"https://me:s3cret@a/\"");
    assert!(secret.contains("no user or password") && !secret.contains("s3cret"), "{secret}");
    let twice = problem("[[sink]]\nkind = \"stdout\"\n[[sink]]\nkind = \"stdout\"");
    assert!(twice.contains("another sink already writes there"), "{twice}");
}

#[test]
fn time_decides_what_drives_the_ticks() {
    let event = plan("source = \"a.txt\"\ntime = \"event\"\nspeed = 10");
    assert_eq!(event.time, TimePlan::Replay(Some(10.0)));
    assert_eq!(event.sources[0].text_time, TextTime::Rate { start: None, rate: 1_000.0 });
    let job = Job::parse("source = \"a.txt\"", "job.toml").expect("it parses");
    let replay = check(&job, Purpose::Replay).expect("it is valid");
    assert_eq!(replay.time, TimePlan::Replay(None));
    let errors = problems("source = \"tcp://a:1\"\ntime = \"event\"");
    assert!(errors.contains("have no event time"), "{errors}");
    let followed = "time = \"event\"\n[[source]]\nkind = \"file\"\npaths = \"a\"\nfollow = true";
    assert!(problems(followed).contains("a followed file has no end"));
    plan("time = \"event\"\n[[source]]\nkind = \"tcp\"\naddr = \"a:1\"\nformat = \"text+\"");
    let made = plan("time = \"event\"\nsource = \"generator\"");
    let generator = options::<generator::Options>(&made, 0);
    assert!(!generator.live);
    assert_eq!(generator.format, Format::TextPlus);
}

const EVERYTHING: &str = include_str!("../../../jobs/everything.toml");

/// Takes the `# ` off lines that show an option without a default.
fn uncommented(text: &str) -> String {
    let option = |line: &str| {
        let key = line.strip_prefix("# ")?.split_once(" = ")?.0.to_owned();
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(())
    };
    text.lines()
        .map(|line| if option(line).is_some() { &line[2..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn everything_toml_holds_every_key_and_the_defaults() {
    let job = plan(EVERYTHING);
    let bare = plan("source = \"stdin\"");
    assert_eq!(format!("{:?}", job.count), format!("{:?}", bare.count));
    assert_eq!(format!("{:?}", job.limits), format!("{:?}", bare.limits));
    assert_eq!((&job.people, &job.tags), (&bare.people, &bare.tags));
    assert_eq!((job.batch, job.time, job.rule), (bare.batch, bare.time, bare.rule));
    let full = uncommented(EVERYTHING);
    plan(&full);
    let mut written = BTreeSet::new();
    let mut table = String::new();
    for line in full.lines() {
        if let Some(name) = line.strip_prefix('[') {
            let name = name.trim_matches(['[', ']']);
            // The name of a view follows the dot.
            table = name.split('.').next().unwrap_or(name).to_owned();
            written.insert(table.clone());
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            let dot = if table.is_empty() { "" } else { "." };
            written.insert(format!("{table}{dot}{key}"));
        }
    }
    assert_eq!(written, Job::keys().into_iter().collect());
}

#[test]
fn docs_job_md_has_a_row_for_every_key_and_no_other() {
    let docs = include_str!("../../../docs/job.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<String> = rows.map(|(key, _)| key.to_owned()).collect();
    assert_eq!(documented, Job::keys().into_iter().collect());
}

#[test]
fn the_rule_says_how_often_a_post_counts_unless_the_job_does() {
    let of = |keys: &str| plan(&format!("{keys}source = \"-\"")).occurrences;
    assert_eq!(of("rule = \"tags\"\n"), Occurrences::PerPost);
    assert_eq!(of("rule = \"words\"\n"), Occurrences::All);
    let once = "occurrences = \"per_post\"\n";
    assert_eq!(of(&format!("rule = \"words\"\n{once}")), Occurrences::PerPost);
}

#[test]
fn recent_posts_are_held_unless_a_replay_runs_at_full_speed() {
    let held = |text: &str| plan(&format!("{text}\nsource = \"stdin\"")).limits.recent_posts;
    assert_eq!(held(""), 10_000);
    assert_eq!(held("time = \"event\"\nspeed = 10"), 10_000);
    assert_eq!(held("time = \"event\""), 0, "a replay at full speed");
    let set =
        |n: u32| format!("time = \"event\"\nsource = \"stdin\"\n[limits]\nrecent_posts = {n}");
    assert_eq!([0, 7].map(|n| plan(&set(n)).limits.recent_posts), [0, 7]);
}

#[test]
fn people_and_tags() {
    let text = "source = \"-\"\n[people]\nposts_max = 3\nbots = \"skip\"\nblock = [\"*@x.y\"]\n\
                [tags]\nhide = [\"#Café*\", \"ＴＥＡ\"]\naccents = \"fold\"\n";
    let job = plan(text);
    assert_eq!((job.people.posts_max, job.people.bots, job.people.reposts), (Some(3), false, true));
    assert_eq!(job.people.block, ["*@x.y"]);
    assert_eq!(job.tags.hide, ["cafe*", "tea"], "as keys are written");
    assert!(job.tags.fold_accents);
    let errors = problems("source = \"-\"\n[people]\nposts_max = 300\nreposts = \"skp\"");
    assert!(
        errors.contains("between 1 and 255") && errors.contains("did you mean `skip`?"),
        "{errors}"
    );
}

#[test]
fn history_is_stored_unless_the_job_turns_it_off() {
    let max_bytes =
        |text: &str| plan(&format!("{text}source = \"-\"")).history.map(|h| h.max_bytes);
    assert_eq!(max_bytes(""), Some(1 << 30));
    assert_eq!(max_bytes("history_max = \"8MiB\"\n"), Some(8 << 20));
    assert_eq!(max_bytes("history = false\n"), None);
    let errors = problems("history_max = \"1MiB\"\nsource = \"-\"");
    assert!(errors.contains("between `4MiB`"), "{errors}");
}

#[test]
fn alerts() {
    let text = |alert: &str| format!("source = \"-\"\n[[alert]]\n{alert}");
    let one = |alert: &str| plan(&text(alert)).alerts.remove(0);
    let peak = one("on = \"peak\"");
    assert_eq!((peak.name.as_str(), peak.view.as_str()), ("peak", "all"));
    assert_eq!((peak.on, peak.quiet), (AlertOn::Peak, Duration::from_hours(1)));
    assert_eq!((peak.webhook, peak.secret_env), (None, None));
    assert_eq!(one("on = \"top\"").on, AlertOn::Top(10));
    assert_eq!(one("on = \"lift\"\nabove = 3").on, AlertOn::Lift(3.0));
    let watch = one("on = \"watch\"\ntags = [\"#Rust*\", \"Ｔea\"]").on;
    assert_eq!(watch, AlertOn::Watch(vec!["rust*".into(), "tea".into()]));
    let folded = format!("{}[tags]\naccents = \"fold\"", text("on = \"watch\"\ntags = \"Café\"\n"));
    assert_eq!(plan(&folded).alerts[0].on, AlertOn::Watch(vec!["cafe".into()]), "as keys are");
    assert_eq!(plan("source = \"-\"\nalert = \"peak\"").alerts[0].on, AlertOn::Peak);
    one("on = \"peak\"\nwebhook = \"http://localhost:1/\"\nsecret_env = \"S\"");
    for (alert, wanted) in [
        ("name = \"a\"", "the alert has no `on`"),
        ("on = \"pek\"", "did you mean `peak`?"),
        ("on = \"top\"\nn = 0", "from 1 to 1000 places"),
        ("on = \"score\"", "add `above = 5.0`"),
        ("on = \"score\"\nabove = -1", "is not a rate"),
        ("on = \"watch\"", "watches no tags"),
        ("on = \"watch\"\ntags = \"#\"", "cannot be a tag"),
        ("on = \"peak\"\nn = 3", "has no `n`"),
        ("on = \"peak\"\nview = \"ja\"", "there is no view `ja`"),
        ("on = \"peak\"\nquiet = \"31d\"", "at most `30d`"),
        ("on = \"peak\"\nname = \"a b\"", "is not a name for an alert"),
        ("on = \"peak\"\nsecret_env = \"S\"", "signs nothing"),
        ("on = \"peak\"\nwebhook = \"http://a/\"", "an alert would go over plain http"),
        ("on = \"peak\"\nwebhook = \"https://a/\"\nsecret_env = \"-\"", "not the name of an env"),
        ("on = \"peak\"\n[[alert]]\non = \"peak\"", "two alerts are named `peak`"),
    ] {
        let errors = problems(&text(alert));
        assert!(errors.contains(wanted), "{alert}: {errors}");
    }
    let secret = problems(&text("on = \"peak\"\nwebhook = \"https://me:s3cret@a/\""));
    assert!(secret.contains("no user or password") && !secret.contains("s3cret"), "{secret}");
}

#[test]
fn the_shipped_jobs_are_valid() {
    let tutorial = plan(include_str!("../../../jobs/tutorial.toml"));
    assert_eq!((tutorial.rule, tutorial.occurrences), (Rule::Words, Occurrences::All));
    assert_eq!(tutorial.count.default.0, Mode::Total);
    assert_eq!(tutorial.count.pane, Duration::from_secs(2));
    assert_eq!(tutorial.sinks.len(), 2);
    let url = "http://localhost:5001/updateData".to_owned();
    let dashboard = tutorial.sinks[1].options_as::<dashboard::Options>();
    assert_eq!(dashboard, Some(&dashboard::Options { url }));
    let demo = plan(include_str!("../../../jobs/demo.toml"));
    let generator = options::<generator::Options>(&demo, 0);
    assert!(generator.live && generator.posts.is_none());
    // Three windows four times as long as the one asked for, or its baselines say nothing yet.
    assert!(generator.past >= 12 * demo.count.default.1, "{:?}", generator.past);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        if let Ok(job) = Job::parse(&text, "job.toml") {
            let _ = check(&job, Purpose::Run);
        }
    }

    #[test]
    fn a_damaged_job_is_refused_or_valid(
        cut in 0..EVERYTHING.len(),
        with in "[a-z\"=\\[\\]#0-9 ]",
    ) {
        let mut text = EVERYTHING.as_bytes().to_vec();
        text[cut] = with.as_bytes()[0];
        if let Ok(text) = String::from_utf8(text)
            && let Ok(job) = Job::parse(&text, "job.toml")
        {
            let _ = check(&job, Purpose::Run);
        }
    }
}

#[test]
fn views_are_filters_with_names() {
    let job = plan(
        "source = [\"stdin\", \"generator\"]\n[view.ja]\nlang = [\"JA\", \"ko\"]\n\
         [view.b]\nsource = \"generator\"\nauthors = \"*@x\"\nauthors_file = \"f\"\n\
         tags = \"#Café*\"\n[[alert]]\non = \"peak\"\nview = \"ja\"\n",
    );
    let names: Vec<_> = job.views.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, ["ja", "b"], "in the order of the file");
    assert_eq!(job.views[0].langs, ["ja", "ko"]);
    let second = &job.views[1];
    assert_eq!(
        (&*second.sources[0], &*second.authors[0], &*second.tags[0]),
        ("generator", "*@x", "café*")
    );
    assert_eq!(second.authors_file.as_deref(), Some(std::path::Path::new("f")));
    assert_eq!(job.alerts[0].view, "ja");
}

#[test]
fn a_problem_of_a_view_has_its_place() {
    for (text, wanted) in [
        ("[view.all]\nlang = \"ja\"", "use another name"),
        ("[view.JA]\nlang = \"ja\"", "up to 32 of `a-z 0-9 _ -`"),
        ("[view.x]\n", "no condition"),
        ("[view.x]\nlang = []", "no condition"),
        ("[view.x]\nlang = \"日本語\"", "not a language"),
        ("[view.x]\nsource = \"generatr\"", "did you mean `generator`?"),
        ("[view.x]\ntags = \"#\"", "cannot be a tag"),
        ("[view.x]\nlangs = \"ja\"", "did you mean `lang`?"),
        ("[view]\nlang = \"ja\"", "begin each with `[view.NAME]`"),
    ] {
        let errors = problem(text);
        assert!(errors.contains(wanted) && errors.contains("`view"), "{text}: {errors}");
    }
    let many: String = (0..17).map(|n| format!("[view.v{n}]\nlang = \"ja\"\n")).collect();
    assert!(problem(&many).contains("more than 16 views"));
    let alert = "[view.ja]\nlang = \"ja\"\n[[alert]]\non = \"peak\"\nview = \"jp\"";
    assert!(problem(alert).contains("did you mean `ja`?"));
}
