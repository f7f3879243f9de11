//! What happens on a made-up Bluesky, as a list of events, and what is left of it at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One event, on any server and wire.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) time_us: i64,
    did: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Post { rkey: u64, rev: u64, operation: &'static str, tags: Vec<String> },
    Gone { rkey: u64, rev: u64 },
    Account { status: &'static str },
}

/// Everything that happens.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) events: Vec<Happening>,
}

/// A generator of numbers that a seed decides.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `below`.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % below
    }
}

impl World {
    /// `count` events from `start_us` on, `step_us` apart, not quite in order: mostly new posts,
    /// some edits and deletes, now and then an account that goes.
    pub(crate) fn new(seed: u64, count: usize, start_us: i64, step_us: i64) -> Self {
        let mut chance = Chance(seed);
        let mut events = Vec::with_capacity(count);
        let mut posts: Vec<(u64, u64)> = Vec::new();
        for n in 0..count as u64 {
            let jitter = i64::try_from(chance.below(5)).unwrap() * step_us / 4;
            let time_us = start_us + n as i64 * step_us + jitter;
            let old = posts.len().checked_sub(1).map(|last| {
                let back = chance.below(200.min(last as u64 + 1)) as usize;
                posts[last - back]
            });
            let (did, what) = match (chance.below(100), old) {
                (0, _) => {
                    let status = ["deleted", "takendown", "suspended"][chance.below(3) as usize];
                    (chance.below(5_000), What::Account { status })
                }
                (1..=4, Some((did, rkey))) => (did, What::Gone { rkey, rev: n }),
                (5..=9, Some((did, rkey))) => {
                    let tags = tags(&mut chance);
                    (did, What::Post { rkey, rev: n, operation: "update", tags })
                }
                _ => {
                    let did = chance.below(5_000);
                    posts.push((did, n));
                    let tags = tags(&mut chance);
                    (did, What::Post { rkey: n, rev: n, operation: "create", tags })
                }
            };
            events.push(Happening { time_us, did: format!("did:plc:{did:024}"), what });
        }
        Self { events }
    }

    /// The event as a frame of v1, numbered `seq` where the server numbers.
    pub(crate) fn v1(&self, index: usize, seq: Option<u64>) -> String {
        let of = &self.events[index];
        let mut frame = match of.body() {
            (kind @ "commit", commit) | (kind, commit) => {
                json!({ "did": of.did, "time_us": of.time_us, "kind": kind, kind: commit })
            }
        };
        if let Some(seq) = seq {
            frame["cursor"] = json!(seq);
        }
        frame.to_string()
    }

    /// The event as a frame of v2.
    pub(crate) fn v2(&self, index: usize, seq: u64) -> String {
        let of = &self.events[index];
        let (kind, body) = of.body();
        let time = jiff::Timestamp::from_microsecond(of.time_us).unwrap();
        let mut payload = json!({
            "$type": format!("network.bsky.jetstream.subscribeEvents#{kind}"),
            "seq": seq,
            "did": of.did,
            "time": format!("{time:.6}"),
        });
        match body {
            Value::Object(members) if kind == "commit" => {
                payload.as_object_mut().unwrap().extend(members);
            }
            account => payload["account"] = account,
        }
        json!({ "$type": "message", "payload": payload }).to_string()
    }

    /// Posts that are there once all of it has happened.
    pub(crate) fn posts(&self) -> u64 {
        self.posts_of(self.events.len())
    }

    /// Posts that are there once the first `events` have happened.
    pub(crate) fn posts_of(&self, events: usize) -> u64 {
        self.left(|index| index < events).len() as u64
    }

    /// Posts that are left of the events that `came`.
    pub(crate) fn posts_left(&self, came: impl Fn(usize) -> bool) -> u64 {
        self.left(came).len() as u64
    }

    /// New posts among these events.
    pub(crate) fn new_posts(&self, events: std::ops::Range<usize>) -> usize {
        let is_new = |of: &&Happening| matches!(&of.what, What::Post { operation: "create", .. });
        self.events[events].iter().filter(is_new).count()
    }

    /// All-time counts of tags once all of it has happened, in the plainest way there is.
    pub(crate) fn totals(&self) -> BTreeMap<String, u64> {
        self.totals_of(|_| true)
    }

    /// The same for the events that `came`, by their index.
    pub(crate) fn totals_of(&self, came: impl Fn(usize) -> bool) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for tag in self.left(came).into_values().flatten() {
            *totals.entry(tag.to_owned()).or_default() += 1;
        }
        totals
    }

    /// Tags of each post that is left of the events that `came`.
    fn left(&self, came: impl Fn(usize) -> bool) -> BTreeMap<(&str, u64), Vec<&str>> {
        let mut there: BTreeMap<(&str, u64), Vec<&str>> = BTreeMap::new();
        let mut gone = std::collections::BTreeSet::new();
        for (_, of) in self.events.iter().enumerate().filter(|(index, _)| came(*index)) {
            match &of.what {
                What::Post { rkey, tags, .. } if !gone.contains(&(of.did.as_str(), *rkey)) => {
                    there.insert((&of.did, *rkey), tags.iter().map(String::as_str).collect());
                }
                What::Post { .. } => {}
                What::Gone { rkey, .. } => {
                    gone.insert((of.did.as_str(), *rkey));
                    there.remove(&(of.did.as_str(), *rkey));
                }
                What::Account { .. } => {
                    let mine = there.keys().filter(|(did, _)| *did == of.did).copied();
                    let mine: Vec<_> = mine.collect();
                    for post in mine {
                        gone.insert(post);
                        there.remove(&post);
                    }
                }
            }
        }
        there
    }
}

impl Happening {
    /// Kind, and its content on v1.
    fn body(&self) -> (&'static str, Value) {
        const COLLECTION: &str = "app.bsky.feed.post";
        const CID: &str = "bafyreibitowyj5exucmk66alpwfpxo7lefcjkbn4hywxwma6ajidcilrxa";
        match &self.what {
            What::Account { status } => {
                let (did, seq) = (&self.did, self.time_us % 1_000_000);
                (
                    "account",
                    json!({ "active": false, "did": did, "seq": seq, "status": status,
                            "time": "2026-07-04T14:38:08.001Z" }),
                )
            }
            What::Gone { rkey, rev } => (
                "commit",
                json!({ "rev": tid('r', *rev), "operation": "delete",
                        "collection": COLLECTION, "rkey": tid('k', *rkey) }),
            ),
            What::Post { rkey, rev, operation, tags } => (
                "commit",
                json!({ "rev": tid('r', *rev), "operation": operation,
                        "collection": COLLECTION, "rkey": tid('k', *rkey),
                        "record": record(tags), "cid": CID }),
            ),
        }
    }
}

/// Thirteen letters and digits, as revisions and keys of records are; `of` tells them apart.
fn tid(of: char, number: u64) -> String {
    let digit = |place: u32| {
        "234567abcdefghijklmnopqrstuvwxyz".as_bytes()[(number >> (5 * place)) as usize % 32]
    };
    let digits = (0..11).rev().map(|place| char::from(digit(place)));
    ['3', of].into_iter().chain(digits).collect()
}

fn record(tags: &[String]) -> Value {
    let (mut text, mut facets) = ("né ".to_owned(), Vec::new());
    for tag in tags {
        let start = text.len();
        text.push('#');
        text.push_str(tag);
        facets.push(json!({
            "index": { "byteStart": start, "byteEnd": text.len() },
            "features": [{ "$type": "app.bsky.richtext.facet#tag", "tag": tag }],
        }));
        text.push(' ');
    }
    json!({ "$type": "app.bsky.feed.post", "createdAt": "1999-01-01T00:00:00Z", "langs": ["fr"],
            "text": text, "facets": facets })
}

/// None to three different tags.
pub(crate) fn tags(chance: &mut Chance) -> Vec<String> {
    let mut tags: Vec<String> =
        (0..chance.below(4)).map(|_| format!("tag{}", chance.below(300))).collect();
    tags.sort();
    tags.dedup();
    tags
}
