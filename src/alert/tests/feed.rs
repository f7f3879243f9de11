//! The Atom feed is well-formed whatever a tag holds.

use proptest::prelude::*;

use super::*;
use crate::alert::feed::{ENTRIES_MAX, atom};

fn record(alert: Alert) -> AlertRecord {
    AlertRecord {
        alert,
        raised_at: 0,
        state: "feed".to_owned(),
        tries: 0,
        answered: None,
        error: None,
        delivered_at: None,
    }
}

/// Elements and texts in order; panics where it is not well-formed.
fn parse(xml: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>").expect("a head");
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        if let Some((_, into)) = found.last_mut().filter(|_| !text.trim().is_empty()) {
            *into = unescape(text);
        }
        let end = rest.find('>').expect("an end of a mark");
        let mark = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = mark.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else {
            assert_eq!(mark.matches('"').count() % 2, 0, "{mark}");
            let name = mark.split([' ', '/']).next().expect("a name").to_owned();
            let inside = mark.split('"').skip(1).step_by(2);
            inside.for_each(|value| drop(unescape(value)));
            found.push((name.clone(), String::new()));
            if !mark.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    found
}

fn unescape(text: &str) -> String {
    assert!(!text.contains(['<', '"', '\'']), "{text:?}");
    let bad = |c: char| (c < ' ' && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(bad), "{text:?}");
    let pieces: Vec<&str> = text.split('&').collect();
    let known = ["lt;", "gt;", "amp;", "quot;", "#39;"];
    for piece in &pieces[1..] {
        assert!(known.iter().any(|name| piece.starts_with(name)), "{text:?}");
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn values<'a>(found: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    found.iter().filter(|(n, _)| n == name).map(|(_, text)| text.as_str()).collect()
}

#[test]
fn every_entry_has_what_atom_asks_for() {
    let mut newest = alerts(29_000_000, &["a", "b&<c>"]);
    newest.reverse();
    let records: Vec<AlertRecord> = newest.into_iter().map(record).collect();
    let found = parse(&atom("job", &records, 0));
    let ids = values(&found, "id");
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("urn:uuid:") && id.len() == 45), "{ids:?}");
    assert_eq!(values(&found, "updated"), ["2025-02-19T21:20:00Z"; 3]);
    let titles = values(&found, "title");
    assert_eq!(titles[0], "job alerts");
    assert_eq!(titles[1], "#B&<C> is at a new peak: place 2, 500 posts");
    assert_eq!(values(&found, "content").len(), 2);
    assert_eq!(values(&found, "author").len(), 1);
}

#[test]
fn a_feed_without_alerts_is_a_feed_and_a_long_one_is_cut() {
    let found = parse(&atom("job", &[], 1_000));
    assert_eq!(values(&found, "updated"), ["1970-01-01T00:00:01Z"]);
    let many: Vec<AlertRecord> = (0..300).map(|n| record(alerts(n, &["a"]).remove(0))).collect();
    let found = parse(&atom("job", &many, 0));
    assert_eq!(values(&found, "entry").len(), ENTRIES_MAX);
}

proptest! {
    #[test]
    fn no_tag_breaks_it(tag in "\\PC*|[<>&\"'\\x00-\\x20\u{fffe}\u{202e}]{1,9}") {
        let mut alert = alerts(1, &["a"]).remove(0);
        alert.text = tag.clone();
        alert.tag = tag;
        let found = parse(&atom("job", &[record(alert)], 0));
        prop_assert_eq!(values(&found, "title").len(), 2);
    }
}
