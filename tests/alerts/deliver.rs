//! From a rule to a receiver, through the outbox.

use std::collections::BTreeSet;

use tagtide::alert::{Notifier, Reader};
use tagtide_posts::clock::Clock;

use super::hmac::is_signed;
use super::server::{DEADLINE, Server};
use super::{BACKOFF, plan, raised, secrets};

fn telling(dir: &tempfile::TempDir, server: &Server) -> Notifier {
    Notifier::start_with(dir.path(), &[plan(&server.url())], Clock::System, BACKOFF, &secrets())
        .expect("it starts")
}

/// Waits until nothing waits in the outbox any more.
fn settled(dir: &tempfile::TempDir) -> Vec<tagtide::alert::AlertRecord> {
    let reader = Reader::open(dir.path()).expect("it is there");
    let end = tagtide_posts::clock::monotonic() + DEADLINE;
    loop {
        let records = reader.newest(10_000, None, None).expect("rows");
        if records.iter().all(|record| record.state != "waiting") {
            return records;
        }
        assert!(tagtide_posts::clock::monotonic() < end, "{records:?}");
        std::thread::yield_now();
    }
}

#[test]
fn every_alert_is_taken_once_whatever_the_receiver_says_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::new(&["500 Oops", "429 Slow", "503 Busy\r\nretry-after: 0", "204 Done"]);
    let telling = telling(&dir, &server);
    let alerts = raised(1..21);
    for (seq, alert) in (1..).zip(&alerts) {
        assert!(telling.offer(seq, vec![alert.clone()]));
    }
    assert!(telling.wait_for(20, DEADLINE));
    assert_eq!(telling.committed(), 20);
    let requests = server.wait_for(23);
    let records = settled(&dir);
    assert_eq!((records.len(), requests.len()), (20, 23), "three attempts failed");
    for request in &requests {
        assert!(is_signed(request, "s3cret"), "{request:?}");
        assert!(!is_signed(request, "another"), "{request:?}");
        assert_eq!(request.json()["key"], request.header("idempotency-key").expect("a key"));
    }
    let keys: BTreeSet<_> = requests.iter().filter_map(|r| r.header("idempotency-key")).collect();
    let expected: BTreeSet<_> = alerts.iter().map(|alert| alert.key.as_str()).collect();
    assert_eq!(keys, expected);
    // A replay brings them again.
    assert!(telling.offer(21, alerts));
    assert!(telling.wait_for(21, DEADLINE));
    drop(telling);
    assert_eq!(settled(&dir).len(), 20);
    assert_eq!(server.requests().len(), 23, "nothing is sent twice");
}
