//! The outbox and what goes out of it, step by step.

use std::collections::BTreeMap;

use super::super::delivery::Delivery;
use super::server::Server;
use super::*;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::EventTime;

const START: EventTime = EventTime(1_700_000_000_000);

/// An outbox whose rule `peak` posts to a server.
struct Rig {
    dir: tempfile::TempDir,
    clock: Clock,
    server: Server,
    delivery: Delivery,
}

impl Rig {
    fn new(answers: &[&str]) -> Self {
        let dir = dir();
        let server = Server::new(answers);
        let clock = Clock::held(START);
        let delivery = Self::delivery(dir.path(), &server.url(), &clock);
        Self { dir, clock, server, delivery }
    }

    fn delivery(dir: &std::path::Path, url: &str, clock: &Clock) -> Delivery {
        let plan = AlertPlan {
            webhook: Some(url.to_owned()),
            secret_env: Some("S".to_owned()),
            ..plan("peak", AlertOn::Peak)
        };
        let secrets = BTreeMap::from([("S".to_owned(), "s3cret".to_owned())]);
        let backoff = Backoff::default();
        Delivery::new(dir, &[plan], clock.clone(), backoff, |name| secrets.get(name).cloned())
            .expect("it can be sent")
    }

    fn enqueue(&self, alerts: &[Alert]) {
        let mut outbox = Outbox::open(self.dir.path()).expect("it opens");
        outbox.enqueue(alerts, self.clock.now().0, |rule| rule == "peak").expect("stored");
    }

    fn records(&self) -> Vec<AlertRecord> {
        Reader::open(self.dir.path())
            .expect("it is there")
            .newest(20_000, None, None)
            .expect("rows")
    }

    /// Moves the clock to when something is due, and sends it.
    fn next(&mut self) -> Duration {
        let wait = self.delivery.turn().expect("a turn");
        self.clock.advance(wait);
        wait
    }
}

#[test]
fn what_is_taken_is_sent_once_signed_and_keyed() {
    let mut rig = Rig::new(&[]);
    let alerts = alerts(5, &["a", "b"]);
    rig.enqueue(&alerts);
    rig.enqueue(&alerts);
    rig.next();
    rig.next();
    let requests = rig.server.wait_for(2);
    assert_eq!(requests.len(), 2, "a replay adds none");
    for (request, alert) in requests.iter().zip(&alerts) {
        assert!(request.head.starts_with("POST /hook?secret=in-the-query HTTP/1.1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("idempotency-key"), Some(alert.key.as_str()));
        let signature = request.header("tagtide-signature").expect("signed");
        assert!(signature.starts_with("t=1700000000,v1="), "{signature}");
        assert_eq!(serde_json::from_str::<Alert>(&request.body).expect("an alert"), *alert);
    }
    let records = rig.records();
    assert!(
        records.iter().all(|record| record.state == "delivered" && record.answered == Some(200))
    );
    assert_eq!(records[0].delivered_at, Some(START.0));
}

#[test]
fn what_may_work_later_is_tried_again_and_holds_the_others_back() {
    let mut rig = Rig::new(&["500 Oops", "503 Busy\r\nretry-after: 90", "429 Slow"]);
    rig.enqueue(&alerts(5, &["a", "b"]));
    let waits = [rig.next(), rig.next(), rig.next(), rig.next()];
    assert_eq!(rig.server.requests().len(), 3);
    assert_eq!(rig.delivery.sent.waiting.load(std::sync::atomic::Ordering::Relaxed), 2);
    let keys: Vec<_> = rig.server.requests().iter().map(|r| r.json()["tag"].clone()).collect();
    assert_eq!(keys, ["a", "a", "a"], "the second waits behind the first");
    let seconds: Vec<f64> = waits.iter().map(Duration::as_secs_f64).collect();
    assert!((0.5..=1.0).contains(&seconds[0]), "{seconds:?}");
    assert!((89.9..=90.1).contains(&(seconds[1] + seconds[2])), "as asked for: {seconds:?}");
    while rig.records().iter().any(|record| record.state == "waiting") {
        rig.next();
    }
    assert_eq!(rig.server.requests().len(), 5);
    let records = rig.records();
    assert_eq!((records[1].tries, records[0].tries), (4, 1));
    assert!(records.iter().all(|record| record.error.is_none()), "{records:?}");
}

#[test]
fn retry_after_is_kept_to() {
    let mut rig = Rig::new(&["429 Slow\r\nretry-after: 600"]);
    rig.enqueue(&alerts(5, &["a"]));
    rig.next();
    let mut waited = Duration::from_mins(1);
    while rig.server.requests().len() < 2 {
        waited += rig.next();
        assert!(waited <= Duration::from_secs(661), "{waited:?}");
    }
    assert!(rig.clock.now().0 - START.0 >= 600_000);
}

#[test]
fn what_is_refused_is_not_sent_again() {
    let mut rig = Rig::new(&["410 Gone", "302 Found\r\nlocation: /elsewhere"]);
    rig.enqueue(&alerts(5, &["a", "b", "c"]));
    for _ in 0..4 {
        rig.next();
    }
    assert_eq!(rig.server.requests().len(), 3, "no request went elsewhere");
    let records = rig.records();
    let states: Vec<_> =
        records.iter().map(|record| (record.state.as_str(), record.answered)).collect();
    assert_eq!(states, [("delivered", Some(200)), ("failed", Some(302)), ("failed", Some(410))]);
    let errors: String = records.iter().filter_map(|record| record.error.clone()).collect();
    assert!(errors.contains("answered 410") && errors.contains("redirects are not followed"));
    assert!(!errors.contains("in-the-query"), "{errors}");
}

#[test]
fn an_answer_of_the_moment_is_no_refusal() {
    for status in [401, 403, 404, 408, 409, 421, 425, 429, 500] {
        let mut rig = Rig::new(&[&format!("{status} Not Now")]);
        rig.enqueue(&alerts(5, &["a"]));
        rig.next();
        assert_eq!(rig.records()[0].state, "waiting", "{status}");
        rig.next();
        assert_eq!(rig.records()[0].state, "delivered", "{status}");
    }
    for status in [304, 400, 410, 413, 422] {
        let mut rig = Rig::new(&[&format!("{status} Never")]);
        rig.enqueue(&alerts(5, &["a"]));
        rig.next();
        assert_eq!(rig.records()[0].state, "failed", "{status}");
    }
}

#[test]
fn a_dead_receiver_is_given_up_after_a_day() {
    let mut rig = Rig::new(&[]);
    let port = {
        // Nobody listens there any more.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let url = format!("http://127.0.0.1:{port}/?key=s3cret");
    rig.delivery = Rig::delivery(rig.dir.path(), &url, &rig.clock);
    rig.enqueue(&alerts(5, &["a"]));
    let mut turns = 0;
    while rig.records()[0].state == "waiting" {
        rig.next();
        turns += 1;
        assert!(turns < 10_000, "it ends");
    }
    let record = &rig.records()[0];
    let age = rig.clock.now().0 - START.0;
    assert!((86_400_000..86_400_000 + 2 * 320_000).contains(&age), "{age}");
    assert!((270..700).contains(&record.tries), "{} tries", record.tries);
    let error = record.error.as_deref().expect("a reason");
    assert!(error.starts_with("given up after a day: cannot POST to `127.0.0.1:"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_rule_without_webhook_is_a_row_of_the_feed() {
    let mut rig = Rig::new(&[]);
    let plans = [plan("other", AlertOn::Peak)];
    let alerts = Rules::new("job", &plans, RulesState::default()).evaluate(&ranking(1, &["a!"]));
    rig.enqueue(&alerts);
    rig.next();
    assert!(rig.server.requests().is_empty());
    assert_eq!(rig.records()[0].state, "feed");
    // A rule that has lost its webhook leaves nothing waiting.
    rig.enqueue(&super::alerts(2, &["b"]));
    rig.delivery =
        Delivery::new(rig.dir.path(), &[], rig.clock.clone(), Backoff::default(), |_| None)
            .expect("nothing to reach");
    rig.next();
    assert_eq!(rig.records()[0].state, "failed");
}

#[test]
fn a_clock_set_back_does_not_keep_alerts_waiting() {
    for hours in [3, 24 * 30] {
        for is_running in [true, false] {
            let mut rig = Rig::new(&["500 Oops"]);
            let right = rig.clock.now().0;
            rig.clock.advance(Duration::from_hours(hours));
            rig.enqueue(&alerts(5, &["a"]));
            rig.delivery.turn().expect("a turn");
            let Clock::Held(at) = &rig.clock else { panic!("a held clock") };
            at.store(right, std::sync::atomic::Ordering::SeqCst);
            if !is_running {
                rig.delivery = Rig::delivery(rig.dir.path(), &rig.server.url(), &rig.clock);
            }
            while rig.server.requests().len() < 2 {
                rig.next();
                let waited = rig.clock.now().0 - right;
                // The longest wait, and the sleep after the try.
                assert!(waited <= 380_000, "{hours} h, running {is_running}: {waited} ms");
            }
        }
    }
}

#[test]
fn a_step_of_the_clock_alone_gives_nothing_up() {
    let step = Duration::from_hours(25);
    let mut rig = Rig::new(&["500 Oops"; 5]);
    rig.enqueue(&alerts(5, &["a"]));
    rig.next();
    rig.clock.advance(step);
    rig.next();
    assert_eq!(rig.records()[0].state, "waiting", "one second is not enough");
    // The same while nothing runs.
    rig.clock.advance(step);
    rig.delivery = Rig::delivery(rig.dir.path(), &rig.server.url(), &rig.clock);
    rig.next();
    assert_eq!((rig.server.requests().len(), rig.records()[0].state.as_str()), (3, "waiting"));
    while rig.records()[0].state == "waiting" {
        rig.next();
    }
    assert_eq!(rig.records()[0].state, "delivered");
}

#[test]
fn what_is_kept_has_a_bound() {
    let rig = Rig::new(&[]);
    let mut first = alerts(5, &["first"]);
    first[0].rule = "peak".to_owned();
    rig.enqueue(&first);
    for minute in 0..11 {
        let mut settled: Vec<Alert> = Vec::new();
        for n in 0..1_000 {
            let mut alert = first[0].clone();
            alert.key = format!("{minute}-{n}");
            alert.rule = "feed only".to_owned();
            settled.push(alert);
        }
        rig.enqueue(&settled);
    }
    let records = rig.records();
    assert_eq!(records.len() as i64, ROWS_MAX);
    let last = records.last().expect("a row");
    assert_eq!(
        (last.state.as_str(), last.alert.tag.as_str()),
        ("waiting", "first"),
        "it still waits"
    );
}

#[test]
fn a_missing_secret_or_a_plain_webhook_is_refused() {
    let dir = dir();
    let new = |plan| {
        let made = Delivery::new(dir.path(), &[plan], Clock::System, Backoff::default(), |_| None);
        made.err().expect("it is refused").to_string()
    };
    let hooked = AlertPlan {
        webhook: Some("https://example.org/".to_owned()),
        secret_env: Some("NO_SUCH".to_owned()),
        ..plan("peak", AlertOn::Peak)
    };
    let error = new(hooked.clone());
    assert!(error.contains("`NO_SUCH`") && error.contains("help: "), "{error}");
    let plain =
        AlertPlan { webhook: Some("http://example.org/".to_owned()), secret_env: None, ..hooked };
    assert!(new(plain).contains("neither https"));
}
