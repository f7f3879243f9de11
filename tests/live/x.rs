//! X, both APIs.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tagtide::engine::{self, Run, RunOptions};
use tagtide_posts::clock::Clock;
use tagtide_trends::status::SourceStatus;

use crate::sim_x::{Manners, Sim, TOKEN};
use crate::support::{Counted, plan, until};

/// Waits between attempts are shortened by this.
const HURRY: u32 = 2_000;

/// Cuts of each stream; `TAGTIDE_CUTS` asks for a campaign, `TAGTIDE_SEED` for another one.
fn cuts(usual: u64) -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("TAGTIDE_CUTS").unwrap_or(usual), number("TAGTIDE_SEED").unwrap_or(1))
}

/// A job on `sim`; the secrets lie in `dir`.
pub(crate) fn job(sim: &Sim, dir: &Path, kind: &str, keys: &str) -> String {
    let token = dir.join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let secrets = match kind {
        "x" => format!("token_file = {token:?}\nrules = [\"#a\", \"#b\"]\n"),
        _ => ["consumer_key", "consumer_secret", "token", "token_secret"]
            .map(|key| format!("{key}_file = {token:?}\n"))
            .concat(),
    };
    format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\nkind = \"{kind}\"\n\
         base_url = \"{}\"\n{secrets}{keys}\n",
        sim.url()
    )
}

/// Bounds that hold nothing up.
const FREE: &str = "reads_max_per_day = \"1G\"\nconnects_max = \"1M\"";

fn start(job: &str, state_dir: Option<&Path>) -> Run {
    let state_dir = state_dir.map(Path::to_owned);
    let options = RunOptions { workers: 2, state_dir, hurry: HURRY, ..RunOptions::default() };
    engine::start(plan(job), options).unwrap()
}

fn source(run: &Run) -> SourceStatus {
    run.watch().borrow().status.sources.first().cloned().unwrap_or_default()
}

/// The longest that a cut may leave a source of the job without posts.
pub(crate) fn bound_ms(job: &str) -> i64 {
    let loss = plan(job).sources[0].options.loss(Duration::from_millis(200));
    i64::try_from(loss.cut.as_millis()).unwrap()
}

fn posts(run: &Run) -> u64 {
    run.watch().borrow().status.counters.posts
}

/// Waits until all that was sent is counted, and ends the run.
fn end(run: &Run, sim: &Sim) -> Counted {
    until("the last post has happened", || sim.is_over());
    until("all of them are counted", || posts(run) == sim.sent());
    run.stop(false);
    Counted::of(run)
}

/// Through cuts in the middle of posts: what was sent whole is counted once, and each loss is a
/// gap.
fn through_cuts(kind: &str, keys: &str, again_percent: u64) {
    let ((cuts, seed), dir) = (cuts(300), tempfile::tempdir().unwrap());
    let manners = Manners { cut_within: 20, again_percent, ..Manners::default() };
    let sim = Sim::start(seed, usize::try_from(cuts * 14).unwrap(), manners);
    let job = job(&sim, dir.path(), kind, keys);
    let run = start(&job, None);
    let counted = end(&run, &sim);
    assert_eq!(counted.totals(), sim.totals(), "seed {seed}");
    assert!(sim.cuts() >= cuts, "only {} cuts", sim.cuts());
    // A cut loses the post that it falls into and what happens until somebody is there again.
    let lost = cuts * 14 - counted.counters.posts;
    assert!(lost <= 3 * sim.cuts(), "{lost} posts are lost in {} cuts", sim.cuts());
    let source = source(&run);
    assert_eq!(source.gaps, source.reconnects, "{source:?}");
    assert!(source.reconnects >= sim.cuts(), "{source:?}");
    assert!(source.missed > 0 && source.missed < sim.sent(), "{source:?}");
    let gap = source.last_gap.unwrap();
    assert!(gap.from <= gap.to && gap.to <= Clock::System.now().0, "{gap:?}");
    assert!(gap.to - gap.from <= bound_ms(&job), "{gap:?}");
}

#[test]
fn v2_goes_on_through_cuts_and_each_loss_is_a_gap() {
    through_cuts("x", FREE, 20);
}

#[test]
fn v1_goes_on_through_cuts_and_each_loss_is_a_gap() {
    through_cuts("x-v1", "track = \"#\"\nconnects_max = \"1M\"", 20);
}

#[test]
fn v1_without_lengths_goes_on_through_cuts() {
    through_cuts("x-v1", "track = \"#\"\ndelimited = \"none\"\nconnects_max = \"1M\"", 0);
}

#[test]
fn rules_of_the_job_are_added_and_those_of_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::start(1, 10, Manners::default());
    sim.put_rule("7", "#other", "theirs");
    sim.put_rule("8", "#a", "");
    let run = start(&job(&sim, dir.path(), "x", FREE), None);
    end(&run, &sim);
    let rules = sim.rules();
    let values: Vec<_> = rules.iter().map(|rule| (&rule["value"], &rule["tag"])).collect();
    assert_eq!(values.len(), 3, "{values:?}");
    assert_eq!((values[2].0, values[2].1), (&"#b".into(), &"tagtide:live".into()));
    let asked = sim.requests("/2/tweets/search/stream?");
    let fields = "tweet.fields=author_id,created_at,edit_history_tweet_ids,entities,lang,\
                  note_tweet,referenced_tweets";
    assert!(asked[0].0.contains(fields) && !asked[0].0.contains("backfill"), "{asked:?}");
}

/// Refusals of every kind, then a stream: it is asked again, and a redirect leads nowhere.
#[test]
fn refusals_are_asked_again_and_redirects_carry_no_token() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let location = format!("Location: http://{}/?a=1\r\n", trap.local_addr().unwrap());
    let full = r#"{"title":"ConnectionException","detail":"This stream is currently at the maximum
        allowed connection limit.","connection_issue":"TooManyConnections"}"#;
    let refusals = [
        ("307 Temporary Redirect", location, String::new()),
        ("429 Too Many Requests", "x-rate-limit-reset: 12\r\n".to_owned(), full.to_owned()),
        ("420 Enhance Your Calm", String::new(), String::new()),
        ("503 Service Unavailable", String::new(), "<html>".to_owned()),
        ("403 Forbidden", String::new(), full.to_owned()),
        ("200 OK", "Content-Encoding: gzip\r\n".to_owned(), "\u{1f}".to_owned()),
    ];
    for kind in ["x", "x-v1"] {
        let dir = tempfile::tempdir().unwrap();
        let manners = Manners { refusals: refusals.clone().into(), ..Manners::default() };
        let sim = Sim::start(2, 50, manners);
        let keys = if kind == "x" { FREE } else { "track = \"#\"" };
        let run = start(&job(&sim, dir.path(), kind, keys), None);
        let counted = end(&run, &sim);
        assert_eq!(counted.totals(), sim.totals(), "{kind}");
        trap.set_nonblocking(true).unwrap();
        assert!(trap.accept().is_err(), "the redirect was followed");
        let path = if kind == "x" { "/2/tweets/search/stream?" } else { "/1.1/" };
        assert_eq!(sim.requests(path).len(), refusals.len() + 1);
    }
}

#[test]
fn what_the_server_says_in_the_stream_ends_it_and_garbage_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let pace = Duration::from_millis(1);
    let sim = Sim::start(3, 1_000_000, Manners { pace, ..Manners::default() });
    let operational = r#"{"errors":[{"title":"operational-disconnect","disconnect_type":
        "UpstreamOperationalDisconnect","detail":"disconnected upstream"}]}"#;
    let garbage = ["", "{\"data\":{\"id\":", "\u{0}\u{feff}]", "[[[[", "{\"data\":1}"];
    sim.manners(|manners| {
        manners.first.extend(garbage.map(str::to_owned));
        manners.first.push_back(operational.replace('\n', " "));
        manners.first.push_back("{\"data\":{".repeat(100_000));
    });
    let run = start(&job(&sim, dir.path(), "x", FREE), None);
    until("it was connected again", || source(&run).reconnects > 0);
    until("it goes on", || posts(&run) > 0 && source(&run).state == "live");
    run.stop(false);
    let counted = Counted::of(&run);
    let counters = &counted.counters;
    assert_eq!(counters.malformed, 4 + u64::from(counters.malformed > 4), "{counters:?}");
    let source = source(&run);
    assert!(source.last_gap.unwrap().reason.contains("operational-disconnect"));
    assert!(source.reads.unwrap().today >= counters.posts + counters.malformed);
}

#[test]
fn reading_stops_at_the_limit_and_a_restart_does_not_reset_it() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pace = Duration::from_millis(1);
    let sim = Sim::start(4, 1_000_000, Manners { pace, ..Manners::default() });
    let job = job(&sim, dir.path(), "x", "reads_max_per_day = 100\nprice_per_read = 0.01");
    let run = start(&job, Some(state.path()));
    until("it has read all it may", || source(&run).state == "read_limit");
    let reads = source(&run).reads.unwrap();
    assert!(reads.today >= 100 && reads.max_per_day == 100, "{reads:?}");
    assert!((reads.cost_today - reads.today as f64 / 100.0).abs() < 1e-9, "{reads:?}");
    assert!(source(&run).detail.contains("midnight UTC"), "{}", source(&run).detail);
    until("they are counted", || posts(&run) == reads.today);
    run.stop(false);
    Counted::of(&run);
    let asked = sim.requests("stream?").len();
    assert_eq!(asked, 1, "it was not asked again");
    let run = start(&job, Some(state.path()));
    until("it knows what it has read", || source(&run).state == "read_limit");
    assert_eq!(source(&run).reads, Some(reads));
    std::thread::sleep(Duration::from_millis(50));
    run.stop(false);
    Counted::of(&run);
    assert_eq!(sim.requests("").len(), asked + 2, "a restart asks for nothing, nor for rules");
}

#[test]
fn connections_are_bounded_across_a_restart() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sim = Sim::start(5, 100, Manners { cut_within: 5, ..Manners::default() });
    let keys = "reads_max_per_day = \"1M\"\nconnects_max = 4";
    let job = job(&sim, dir.path(), "x", keys);
    for _ in 0..2 {
        let run = start(&job, Some(state.path()));
        until("it waits", || source(&run).detail.contains("connects_max"));
        std::thread::sleep(Duration::from_millis(50));
        run.stop(false);
        Counted::of(&run);
    }
    assert_eq!(sim.requests("stream?").len(), 4);
}

#[test]
fn a_restart_records_the_time_away_and_backfill_fills_it() {
    let state = tempfile::tempdir().unwrap();
    for (keys, gaps) in [("", 1), ("backfill_minutes = 2", 0)] {
        let (dir, sim) = (tempfile::tempdir().unwrap(), Sim::start(6, 50, Manners::default()));
        let job = job(&sim, dir.path(), "x", &format!("{FREE}\n{keys}"));
        let state = state.path().join(gaps.to_string());
        let run = start(&job, Some(&state));
        end(&run, &sim);
        let run = start(&job, Some(&state));
        until("it is connected", || sim.requests("stream?").len() == 2);
        until("the gap is reported", || source(&run).state == "live" && source(&run).gaps >= gaps);
        run.stop(false);
        Counted::of(&run);
        assert_eq!(source(&run).gaps, gaps);
        let asked = sim.requests("stream?");
        assert!(!asked[0].0.contains("backfill"), "{asked:?}");
        assert_eq!(asked[1].0.contains("backfill_minutes=1 "), gaps == 0, "{asked:?}");
    }
}
