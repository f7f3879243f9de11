//! Mastodon, both wires, and polling.

use std::path::Path;
use std::sync::Arc;

use tagtide::engine::{self, Run, RunOptions};
use tagtide_posts::clock::Clock;
use tagtide_trends::status::SourceStatus;

use crate::mastodon_sim::{Instance, Manners, TOKEN};
use crate::support::{Counted, plan, until, until_posts};
use crate::toots::Toots;

/// Waits between attempts are shortened by this.
const HURRY: u32 = 2_000;

const REFUSED: (&str, &str) =
    ("422 Unprocessable Content", r#"{"error":"This method requires an authenticated user"}"#);

/// Cuts of each stream that a campaign asks for with `TAGTIDE_CUTS`, and its seed.
fn asked(cuts: usize, seed: u64) -> (usize, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cuts = number("TAGTIDE_CUTS").map_or(cuts, |cuts| usize::try_from(cuts).unwrap());
    (cuts, number("TAGTIDE_SEED").unwrap_or(seed))
}

/// How long a run may take until everything is counted.
fn deadline_s() -> u64 {
    if std::env::var_os("TAGTIDE_CUTS").is_some() { 1_800 } else { 60 }
}

/// Events, five a second: what a timeline is rewound by are some pages.
fn toots(seed: u64, count: usize) -> Arc<Toots> {
    Arc::new(Toots::new(seed, count, 200, true))
}

/// The file with the token.
fn token_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let key = format!("token_file = \"{}\"", path.display());
    (dir, key)
}

fn job(instances: &[&Instance], keys: &str) -> String {
    let sources = instances.iter().map(|of| {
        format!("[[source]]\nkind = \"mastodon\"\ninstance = \"{}\"\n{keys}\n", of.url())
    });
    format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n{}",
        sources.collect::<String>()
    )
}

fn start(job: &str, state_dir: Option<&Path>) -> Run {
    let state_dir = state_dir.map(Path::to_owned);
    let options = RunOptions { workers: 2, state_dir, hurry: HURRY, ..RunOptions::default() };
    engine::start(plan(job), options).unwrap()
}

fn source(run: &Run, number: usize) -> SourceStatus {
    run.watch().borrow().status.sources.get(number).cloned().unwrap_or_default()
}

/// Waits until somebody listens and the place is known; then what is released is seen.
fn until_live(run: &Run, of: &Instance) {
    until("a stream is open", || of.listeners() > 0 && source(run, 0).state == "live");
    until("the timeline was asked", || {
        of.requests().iter().any(|(target, _)| target.contains("timelines"))
    });
}

/// Batches after the last post in which an edit, which adds none, may still come.
const SETTLES: u64 = 25;

/// Since which batch something holds.
#[derive(Default)]
pub(crate) struct Settling(Option<u64>);

impl Settling {
    /// True once it has held for [`SETTLES`] batches.
    pub(crate) fn is_over(&mut self, holds: bool, batch: u64) -> bool {
        if !holds {
            self.0 = None;
            return false;
        }
        batch > *self.0.get_or_insert(batch) + SETTLES
    }
}

/// Waits until so many posts are counted and nothing more comes, and ends the run.
fn end(run: &Run, of: &Instance, posts: impl Fn() -> u64) -> Counted {
    let watch = run.watch();
    let began = tagtide_posts::clock::monotonic();
    let mut settling = Settling::default();
    loop {
        let published = watch.borrow().clone();
        let (status, batch) = (&published.status, published.batch);
        let is_done = of.is_done() && of.listeners() > 0 && source(run, 0).state == "live";
        if settling.is_over(is_done && status.counters.posts == posts(), batch) {
            break;
        }
        assert!(
            began.elapsed().as_secs() < deadline_s(),
            "not {} posts, but {:?} of {:#?}",
            posts(),
            status.counters,
            status.sources
        );
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    run.stop(false);
    Counted::of(run)
}

/// Through many cuts with posts missed in each: every post is counted once, where the timeline
/// can be read.
fn with_timeline(seed: u64, keys: &str, cuts: usize) {
    let (cuts, seed) = asked(cuts, seed);
    let toots = toots(seed, cuts * 32);
    let manners = Manners {
        cut_within: 40,
        away_within: 12,
        again_percent: 20,
        crlf: seed % 2 == 0,
        ..Manners::default()
    };
    let of = Instance::start(&toots, seed, manners);
    let (_dir, token) = token_file();
    let run = start(&job(&[&of], &format!("{token}\n{keys}")), None);
    until_live(&run, &of);
    of.release(toots.len());
    let counted = end(&run, &of, || toots.posts_left(|_| true));
    assert!(of.cuts() >= cuts, "only {} cuts", of.cuts());
    assert!(of.unsent().len() > cuts, "only {} posts were missed", of.unsent().len());
    assert_eq!(counted.totals(), toots.totals_of(|_| true), "seed {seed}");
    assert_eq!(counted.window(3_600), toots.totals_of(|_| true), "nothing was late");
    let source = source(&run, 0);
    assert_eq!((source.gaps, source.missed), (0, 0), "{source:?}");
    assert!(counted.counters.duplicates > 0, "{:?}", counted.counters);
}

#[test]
fn sse_loses_nothing_through_cuts_where_the_timeline_can_be_read() {
    with_timeline(31, "", 250);
    with_timeline(32, "", 20);
}

#[test]
fn websocket_loses_nothing_through_cuts_where_the_timeline_can_be_read() {
    with_timeline(33, "wire = \"websocket\"", 250);
}

/// If it cannot be read, exactly the unsent posts are missing, and each lost connection is a gap.
fn without_timeline(seed: u64, keys: &str, cuts: usize) {
    let (cuts, seed) = asked(cuts, seed);
    let toots = toots(seed, cuts * 32);
    let manners = Manners {
        cut_within: 40,
        away_within: 12,
        again_percent: 20,
        no_timeline: Some(REFUSED),
        ..Manners::default()
    };
    let of = Instance::start(&toots, seed, manners);
    let (_dir, token) = token_file();
    let job = job(&[&of], &format!("{token}\n{keys}"));
    let run = start(&job, None);
    until_live(&run, &of);
    of.release(toots.len());
    let left = || {
        let unsent = of.unsent();
        toots.posts_left(|n| !unsent.contains(&n))
    };
    let counted = end(&run, &of, left);
    let unsent = of.unsent();
    let came = |n: usize| !unsent.contains(&n);
    assert!(of.cuts() >= cuts && unsent.len() > cuts, "{} cuts", of.cuts());
    assert_eq!(counted.totals(), toots.totals_of(came), "seed {seed}");
    let source = source(&run, 0);
    assert_eq!(source.gaps, of.cuts() as u64, "{source:?}");
    assert_eq!(source.reconnects, source.gaps, "{source:?}");
    let gap = source.last_gap.unwrap();
    assert!(gap.reason.contains("authenticated user"));
    assert!(gap.to - gap.from <= crate::x::bound_ms(&job), "{gap:?}");
    // What was cut, and up to twelve more that came before anybody listened again.
    let lost = unsent.len();
    assert!(lost <= 13 * of.cuts(), "{lost} posts are lost in {} cuts", of.cuts());
}

#[test]
fn sse_tells_each_loss_as_a_gap_where_the_timeline_is_closed() {
    without_timeline(34, "", 250);
}

#[test]
fn websocket_tells_each_loss_as_a_gap_where_the_timeline_is_closed() {
    without_timeline(35, "wire = \"websocket\"", 250);
}

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let toots = Arc::new(Toots::new(36, 1_500, 1, false));
    let of = Instance::start(&toots, 1, Manners::default());
    let (_dir, token) = token_file();
    let state = tempfile::tempdir().unwrap();
    let job = job(&[&of], &token);
    let run = start(&job, Some(state.path()));
    until_live(&run, &of);
    of.release(500);
    until_posts(&run, 500);
    run.stop(false);
    Counted::of(&run);
    of.happen(1_200);
    let run = start(&job, Some(state.path()));
    until_posts(&run, 1_200);
    of.release(1_500);
    let counted = end(&run, &of, || 1_500);
    assert_eq!(counted.totals(), toots.totals_of(|_| true));
    assert_eq!(source(&run, 0).gaps, 0);
}

#[test]
fn more_than_the_timeline_is_asked_for_is_a_gap_that_a_restart_keeps() {
    let toots = Arc::new(Toots::new(37, 3_000, 1, false));
    let of = Instance::start(&toots, 1, Manners::default());
    let (_dir, token) = token_file();
    let state = tempfile::tempdir().unwrap();
    let job = job(&[&of], &token);
    let run = start(&job, Some(state.path()));
    until_live(&run, &of);
    of.release(100);
    until_posts(&run, 100);
    run.stop(false);
    Counted::of(&run);
    of.happen(2_900);
    let run = start(&job, Some(state.path()));
    // 40 pages of 40, of which the first 100 are those of before.
    until_posts(&run, 1_600);
    of.release(3_000);
    let came = |n: usize| !(1_600..2_900).contains(&n);
    let counted = end(&run, &of, || toots.posts_left(came));
    assert_eq!(counted.totals(), toots.totals_of(came));
    let gap = source(&run, 0).last_gap.unwrap();
    assert!(gap.reason.contains("40 pages") && gap.to > gap.from, "{gap:?}");
    let run = start(&job, Some(state.path()));
    until("it is live again", || source(&run, 0).state == "live" && source(&run, 0).gaps > 0);
    run.stop(false);
    Counted::of(&run);
    assert_eq!((source(&run, 0).gaps, source(&run, 0).last_gap), (1, Some(gap)));
}

#[test]
fn two_instances_that_show_the_same_posts_count_them_once() {
    let toots = toots(38, 3_000);
    let all = Manners { again_percent: 20, ..Manners::default() };
    let (one, two) = (Instance::start(&toots, 1, all.clone()), Instance::start(&toots, 2, all));
    let (_dir, token) = token_file();
    let run = start(&job(&[&one, &two], &token), None);
    for (number, of) in [&one, &two].into_iter().enumerate() {
        until("a stream is open", || of.listeners() > 0 && source(&run, number).state == "live");
    }
    until_live(&run, &one);
    until_live(&run, &two);
    one.release(toots.len());
    two.release(toots.len());
    until("both have sent all", || one.is_done() && two.is_done());
    let counted = end(&run, &two, || toots.posts_left(|_| true));
    assert_eq!(counted.totals(), toots.totals_of(|_| true));
    assert!(counted.counters.duplicates > 1_000, "{:?}", counted.counters);
}

#[test]
fn refusals_are_waited_out_and_no_redirect_gets_the_token() {
    let toots = Arc::new(Toots::new(39, 2_000, 1, false));
    let of = Instance::start(&toots, 1, Manners::default());
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let to = trap.local_addr().unwrap();
    let (_dir, token) = token_file();
    let run = start(&job(&[&of], &token), None);
    until_live(&run, &of);
    of.release(500);
    until_posts(&run, 500);
    let redirect = ("302 Found", format!("Location: http://{to}/x\r\n"), String::new());
    let reset = jiff::Timestamp::from_millisecond(Clock::System.now().0 + 1_000).unwrap();
    let limited = ("429 Too Many Requests", format!("X-RateLimit-Reset: {reset}\r\n"), "{}".into());
    let down = ("503 Service Unavailable", String::new(), "<html>".to_owned());
    of.manners(|manners| {
        manners.refusals.extend([down.clone(), limited.clone(), redirect]);
        manners.timeline_refusals.extend([down, limited]);
    });
    of.hang_up();
    until("the stream has ended", || of.listeners() == 0);
    of.happen(1_000);
    until_posts(&run, 1_000);
    of.release(2_000);
    let counted = end(&run, &of, || 2_000);
    assert_eq!(counted.totals(), toots.totals_of(|_| true));
    // Three refusals of the stream, two of the timeline, and one that succeeds, beside the first.
    let streams = of.requests().iter().filter(|(target, _)| target.contains("streaming")).count();
    assert_eq!(streams, 7);
    assert!(trap.accept().is_err(), "a redirect was followed");
    assert_eq!(source(&run, 0).gaps, 0, "{:?}", source(&run, 0));
}

#[test]
fn a_streaming_host_gets_the_token_and_a_timeline_elsewhere_does_not() {
    let toots = Arc::new(Toots::new(40, 300, 1, false));
    let streams = Instance::start(&toots, 1, Manners::default());
    let named = Manners { streaming: Some(format!("ws://{}", streams.addr)), ..Manners::default() };
    let of = Instance::start(&toots, 1, named);
    let (_dir, token) = token_file();
    let run = start(&job(&[&of], &token), None);
    until("a stream is open", || streams.listeners() > 0);
    until("the timeline was asked", || of.requests().len() > 1);
    streams.release(300);
    let counted = end(&run, &streams, || 300);
    assert_eq!(counted.totals(), toots.totals_of(|_| true));
    for (target, has_token) in of.requests() {
        assert_eq!(has_token, target.contains("timelines"), "{target}");
    }
    assert!(
        streams.requests().iter().all(|(target, token)| *token && target.contains("streaming"))
    );
}

#[test]
fn garbage_is_counted_and_what_follows_is_read() {
    let toots = Arc::new(Toots::new(41, 300, 1, false));
    let sse: [&[u8]; 4] = [
        b"event: update\ndata: {\"id\":\"1\ndata: }\n\n",
        b"event: update\ndata: {}\r\n\r\nevent: filters_changed\ndata: undefined\n\n",
        b"nonsense\n\n: \xff\xfe\n",
        &[b"data: ", &vec![b'x'; 3 << 20][..], b"\n\n"].concat(),
    ];
    let socket: [&[u8]; 3] = [
        b"{\"event\":\"update\",\"payload\":\"{\"}",
        b"not json",
        b"{\"stream\":[\"user\"],\"event\":\"filters_changed\"}",
    ];
    for (wire, first, oversize) in [("sse", &sse[..], 1), ("websocket", &socket[..], 0)] {
        let first = first.iter().map(|bytes| bytes.to_vec()).collect();
        let of = Instance::start(&toots, 1, Manners { first, ..Manners::default() });
        let (_dir, token) = token_file();
        let run = start(&job(&[&of], &format!("{token}\nwire = \"{wire}\"")), None);
        until_live(&run, &of);
        of.release(300);
        let counted = end(&run, &of, || 300);
        assert_eq!(counted.totals(), toots.totals_of(|_| true), "{wire}");
        let counters = &counted.counters;
        let seen = (counters.malformed, counters.control, counters.oversize);
        assert_eq!(seen, (2, 1, oversize), "{wire}: {counters:?}");
    }
}

#[test]
fn without_a_token_the_timeline_is_polled() {
    let toots = Arc::new(Toots::new(42, 900, 1, false));
    let of = Instance::start(&toots, 1, Manners { is_open: true, ..Manners::default() });
    of.happen(100);
    let state = tempfile::tempdir().unwrap();
    let job = job(&[&of], "");
    let run = start(&job, Some(state.path()));
    until("it polls", || source(&run, 0).state == "polling");
    until("it was asked", || of.requests().iter().any(|(target, _)| target.contains("limit=1")));
    of.happen(200);
    // Its ids are rewound by 20 s, which are more posts than there are.
    until_posts(&run, 200);
    run.stop(false);
    Counted::of(&run);
    of.happen(260);
    let run = start(&job, Some(state.path()));
    until_posts(&run, 260);
    run.stop(false);
    let counted = Counted::of(&run);
    assert_eq!(counted.totals(), toots.totals_of(|n| n < 260));
    assert_eq!(source(&run, 0).gaps, 0);
    assert!(of.requests().iter().all(|(target, token)| !token && !target.contains("streaming")));
}
