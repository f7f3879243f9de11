//! Jetstream, both wires.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tagtide::engine::{self, Run, RunOptions};
use tagtide_posts::clock::Clock;
use tagtide_trends::status::SourceStatus;

use crate::sim::{Manners, Sim};
use crate::support::{Counted, plan, until, until_posts};
use crate::world::World;

/// Cuts of each stream that a campaign asks for with `TAGTIDE_CUTS`.
fn cuts_asked() -> Option<usize> {
    std::env::var("TAGTIDE_CUTS").ok()?.parse().ok()
}

/// How long a run may take until everything is counted.
fn deadline() -> Duration {
    Duration::from_secs(if cuts_asked().is_some() { 1_800 } else { 60 })
}

/// Waits between attempts are shortened by this.
const HURRY: u32 = 2_000;

fn world(seed: u64, events: usize) -> Arc<World> {
    spread(seed, events, 1_000)
}

/// Events so many microseconds apart; the last of them is a second old.
fn spread(seed: u64, events: usize, step_us: i64) -> Arc<World> {
    let start_us = Clock::System.now().0 * 1000 - 1_000_000 - events as i64 * step_us;
    Arc::new(World::new(seed, events, start_us, step_us))
}

fn from_start() -> Manners {
    Manners { live_from: Some(0), ..Manners::default() }
}

fn job(hosts: &[&Sim], keys: &str) -> String {
    let hosts: Vec<String> = hosts.iter().map(|sim| format!("{:?}", sim.host())).collect();
    format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\nkind = \"jetstream\"\n\
         hosts = [{}]\n{keys}\n",
        hosts.join(", ")
    )
}

fn start(job: &str, state_dir: Option<&Path>) -> Run {
    let state_dir = state_dir.map(Path::to_owned);
    let options = RunOptions { workers: 2, state_dir, hurry: HURRY, ..RunOptions::default() };
    engine::start(plan(job), options).unwrap()
}

fn source(run: &Run) -> SourceStatus {
    run.watch().borrow().status.sources.first().cloned().unwrap_or_default()
}

/// Waits until a stream has brought the last event, and ends the run.
fn end(run: &Run, sims: &[&Sim], posts: u64) -> Counted {
    let watch = run.watch();
    let is_all = || {
        let status = watch.borrow().status.clone();
        let is_sent = sims.iter().any(|sim| sim.all_sent());
        is_sent && status.counters.posts == posts && source(run).state == "live"
    };
    let began = tagtide_posts::clock::monotonic();
    while !is_all() {
        let status = watch.borrow().status.clone();
        let asked = sims.iter().flat_map(|sim| sim.requests()).collect::<Vec<_>>();
        assert!(
            began.elapsed() < deadline(),
            "not {posts} posts, but {:?} of {:?} after {asked:#?}",
            status.counters,
            status.sources
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    run.stop(false);
    Counted::of(run)
}

/// Through many cuts, every post is counted once.
fn through_cuts(seed: u64, keys: &str, again_percent: u64, cuts: usize) {
    let cuts = cuts_asked().unwrap_or(cuts);
    // A stream lives for thirty events in the mean.
    let (events, manners) = (cuts * 36, Manners { cut_within: 60, again_percent, ..from_start() });
    let world = world(seed, events);
    let sim = Sim::start(&world, 1_000, manners);
    let run = start(&job(&[&sim], keys), None);
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    assert_eq!(counted.window(3_600), world.totals(), "nothing was late");
    assert!(sim.cuts() >= cuts, "only {} cuts", sim.cuts());
    let source = source(&run);
    assert_eq!((source.gaps, source.missed), (0, 0), "{source:?}");
}

#[test]
fn v2_goes_on_through_cuts() {
    through_cuts(11, "", 0, 250);
}

#[test]
fn v2_without_zstd_goes_on_through_cuts_and_repeats() {
    through_cuts(12, "zstd = false", 20, 100);
}

#[test]
fn v1_goes_on_through_cuts() {
    through_cuts(13, "wire = \"v1\"", 0, 250);
}

/// A host of the second rank, or none, and a first one that is there for the first events.
#[test]
fn another_host_goes_on_where_the_first_one_was() {
    for wire in ["v2", "v1"] {
        let world = world(14, 3_000);
        let (first, second) = (
            Sim::start(&world, 1_000, from_start()),
            Sim::start(&world, 900_000, Manners::default()),
        );
        first.release(1_000);
        let run = start(&job(&[&first, &second], &format!("wire = \"{wire}\"")), None);
        until_posts(&run, world.posts_of(1_000));
        drop(first);
        let counted = end(&run, &[&second], world.posts());
        assert_eq!(counted.totals(), world.totals(), "{wire}");
        assert!(counted.counters.duplicates > 0, "it was asked ten seconds back");
        let asked = second.requests().join(" ");
        assert!(asked.contains("cursor=1") && !asked.contains("cursor=1003"), "{asked}");
        let source = source(&run);
        assert_eq!((source.gaps, source.missed), (0, 0), "{wire}: {source:?}");
    }
}

#[test]
fn a_server_with_new_numbers_is_asked_by_time() {
    let world = world(15, 2_000);
    let sim = Sim::start(&world, 50_000, from_start());
    sim.release(1_000);
    let run = start(&job(&[&sim], ""), None);
    until_posts(&run, world.posts_of(1_000));
    sim.manners(|manners| manners.live_from = None);
    let away = ("503 Service Unavailable", String::new(), String::new());
    sim.manners(|manners| manners.refusals = std::iter::repeat_n(away, 100_000).collect());
    sim.hang_up();
    until("the first stream is lost", || sim.requests().len() > 1);
    sim.renumber(7);
    sim.release(1_500);
    sim.manners(|manners| manners.refusals.clear());
    // A number of the future is silently live: only the next event shows that it is another one,
    // and that five hundred are missing.
    until("it is live again", || source(&run).reconnects > 0 && source(&run).state == "live");
    sim.release(2_000);
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    assert_eq!(source(&run).gaps, 0, "{:?}", source(&run));
}

#[test]
fn what_the_server_no_longer_has_is_a_gap_that_is_kept() {
    for (wire, says) in [("v2", "looks back"), ("v1", "no longer had")] {
        let world = spread(16, 4_000, 20_000);
        let sim = Sim::start(&world, 1_000, from_start());
        sim.release(1_000);
        let dir = tempfile::tempdir().unwrap();
        let job = job(&[&sim], &format!("wire = \"{wire}\""));
        let run = start(&job, Some(dir.path()));
        until_posts(&run, world.posts_of(1_000));
        sim.manners(|manners| manners.floor = 3_000);
        sim.release(4_000);
        sim.hang_up();
        let came = |index| !(1_000..3_000).contains(&index);
        let counted = end(&run, &[&sim], world.posts_left(came));
        assert_eq!(counted.totals(), world.totals_of(came), "{wire}");
        let source_before = source(&run);
        let gap = source_before.last_gap.clone().unwrap();
        assert_eq!(source_before.gaps, 1, "{wire}: {source_before:?}");
        assert!(gap.reason.contains(says), "{wire}: {gap:?}");
        assert!((39_900..40_100).contains(&(gap.to - gap.from)), "{wire}: {gap:?}");
        let missed = world.new_posts(1_000..3_000) as f64;
        let share = source_before.missed as f64 / missed;
        assert!((0.85..1.15).contains(&share), "{wire}: {} of {missed}", source_before.missed);

        // After a restart it is still known, and nothing more is missing.
        let again = start(&job, Some(dir.path()));
        until("it is live again", || source(&again).state == "live" && source(&again).gaps > 0);
        again.stop(false);
        Counted::of(&again);
        assert_eq!((source(&again).gaps, source(&again).last_gap), (1, Some(gap)), "{wire}");
    }
}

#[test]
fn refusals_are_waited_out_and_a_new_dictionary_is_fetched() {
    let world = world(17, 2_000);
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let sim = Sim::start(&world, 1_000, from_start());
    sim.release(1_000);
    let run = start(&job(&[&sim], ""), None);
    until_posts(&run, world.posts_of(1_000));
    let to = elsewhere.local_addr().unwrap();
    sim.manners(|manners| {
        manners.dictionary = 1;
        manners.refusals.extend([
            ("503 Service Unavailable", String::new(), "<html>".to_owned()),
            ("429 Too Many Requests", "Retry-After: 1\r\n".to_owned(), String::new()),
            ("302 Found", format!("Location: http://{to}/subscribe\r\n"), String::new()),
            ("400 Bad Request", String::new(), "{\"error\":\"InvalidRequest\"}".to_owned()),
        ]);
    });
    sim.release(2_000);
    sim.hang_up();
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    assert!(elsewhere.accept().is_err(), "a redirect was followed");
    let asked = sim.requests();
    assert!(asked.last().unwrap().contains("zstdDictionary=20260812"), "{asked:?}");
    assert_eq!(source(&run).gaps, 0);
}

#[test]
fn a_server_that_says_too_slow_is_asked_again() {
    let world = world(18, 2_000);
    let manners = Manners { too_slow_at: Some(1_200), ..from_start() };
    let sim = Sim::start(&world, 1_000, manners);
    let run = start(&job(&[&sim], ""), None);
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    let source = source(&run);
    assert_eq!((source.reconnects, source.gaps), (1, 0), "{source:?}");
}

#[test]
fn an_unreadable_frame_is_skipped_with_a_gap() {
    let world = world(19, 3_000);
    let manners = Manners { poison_at: Some(1_000), ..Manners::default() };
    let sim = Sim::start(&world, 1_000, manners);
    sim.release(0);
    let run = start(&job(&[&sim], "zstd = false"), None);
    until("it is live", || source(&run).state == "live");
    sim.release(1_100);
    until("a stream without a cursor is asked for again", || {
        let asked = sim.requests();
        asked.len() > 1 && asked[1..].iter().any(|asked| !asked.contains("cursor"))
    });
    until("it is live", || source(&run).state == "live");
    std::thread::sleep(Duration::from_millis(50));
    sim.release(3_000);
    let came = |index| !(1_000..1_100).contains(&index);
    let counted = end(&run, &[&sim], world.posts_left(came));
    assert_eq!(counted.totals(), world.totals_of(came));
    let source = source(&run);
    assert_eq!(source.gaps, 1, "{source:?}");
    assert!(source.last_gap.unwrap().reason.contains("could not be read"));
}

#[test]
fn bombs_and_endless_frames_are_counted_and_hold_nothing_up() {
    let world = world(20, 1_000);
    let manners = from_start();
    let sim = Sim::start(&world, 1_000, manners);
    let dictionary = crate::sim::dictionary(0);
    let mut packer = zstd::bulk::Compressor::with_dictionary(3, &dictionary).unwrap();
    let bomb = packer.compress(&vec![b' '; 64 << 20]).unwrap();
    let nonsense = packer.compress(b"{\"kind\":\n\"com").unwrap();
    sim.manners(|manners| manners.first.extend([bomb, nonsense, b"not packed".to_vec()]));
    let run = start(&job(&[&sim], ""), None);
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    let counters = &counted.counters;
    assert_eq!((counters.oversize, counters.malformed), (1, 2), "{counters:?}");
}

#[test]
fn v1_is_unpacked_with_the_dictionary_of_a_file() {
    let world = world(21, 2_000);
    let sim = Sim::start(&world, 1_000, Manners { no_numbers: true, ..from_start() });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dictionary");
    std::fs::write(&path, crate::sim::dictionary(0)).unwrap();
    sim.release(1_000);
    let keys = format!("wire = \"v1\"\nzstd_dictionary = \"{}\"", path.display());
    let run = start(&job(&[&sim], &keys), None);
    until_posts(&run, world.posts_of(1_000));
    sim.release(2_000);
    sim.hang_up();
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    let asked = sim.requests();
    assert!(asked.iter().all(|asked| asked.contains("compress=true")), "{asked:?}");
    assert!(asked.last().unwrap().contains("cursor=1"), "by time: {asked:?}");
    assert_eq!(source(&run).gaps, 0);
}

#[test]
fn a_time_of_the_far_future_is_no_place_to_go_on_from() {
    let mut world = World::clone(&world(23, 2_000));
    // The last event before the loss comes once more, from a clock ten years ahead.
    let mut ahead = world.events[999].clone();
    ahead.time_us += 10 * 366 * 86_400_000_000;
    world.events.insert(1_000, ahead);
    let world = Arc::new(world);
    let sim = Sim::start(&world, 1_000, Manners { no_numbers: true, ..from_start() });
    sim.release(1_001);
    let run = start(&job(&[&sim], "wire = \"v1\""), None);
    until_posts(&run, world.posts_of(1_001));
    sim.release(2_001);
    sim.hang_up();
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    assert_eq!(source(&run).gaps, 0, "{:?}", source(&run));
}

#[test]
fn what_a_reconnect_brings_is_not_late() {
    // Two seconds of events from now on.
    let start_us = Clock::System.now().0 * 1000;
    let world = Arc::new(World::new(22, 2_000, start_us, 1_000));
    let sim = Sim::start(&world, 1_000, from_start());
    sim.release(1_000);
    let job = job(&[&sim], "").replace("lateness = \"1h\"", "lateness = \"100ms\"");
    let job = job.replace("[\"1h\"]", "[\"1m\"]\npane = \"100ms\"");
    let run = start(&job, None);
    until_posts(&run, world.posts_of(1_000));
    let away = ("503 Service Unavailable", String::new(), String::new());
    sim.manners(|manners| {
        manners.refusals = std::iter::repeat_n(away, 100_000).collect();
        manners.pace = Duration::from_micros(500);
    });
    sim.hang_up();
    let behind_us = start_us + 3_000_000;
    until("the rest is a second old", || Clock::System.now().0 * 1000 > behind_us);
    sim.manners(|manners| manners.refusals.clear());
    sim.release(2_000);
    let counted = end(&run, &[&sim], world.posts());
    // An edit counts at the time of its original, whose pane may be closed; nothing else is late.
    let counters = &counted.counters;
    assert!(counters.late <= counters.edits, "{counters:?}");
    assert_eq!(counted.totals(), world.totals());
}
