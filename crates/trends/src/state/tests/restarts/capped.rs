//! Deletes of posts beyond the cap, over restarts.

use super::*;

#[test]
fn what_was_beyond_the_cap_is_taken_back_once_after_a_restart_too() {
    let rules = Rules { cap: 2, cap_ms: 100_000, known: false };
    let mut twins = Twins::new(Settings { lateness_ms: 0, ..settings(&[60_000], rules, false) });
    let count = |twins: &mut Twins| {
        twins.look();
        let id = twins.again.tags.find(name(4).as_bytes()).expect("live");
        twins.again.ring.windows().last().expect("one").count(id)
    };
    let delete = |twins: &mut Twins, id: usize| {
        let post = twins.posts[id].clone();
        let at = twins.newest;
        twins.say(vec![Sent { op: Op::Delete, at, tags: Vec::new(), ..post }]);
        twins.epoch();
    };
    for n in 0..6_u64 {
        let post = |author| {
            let id = 100 * n + u64::from(author);
            Sent { op: Op::Create, at: START + 1_000, tags: vec![4], id: id + 1, author, print: 0 }
        };
        twins.say(vec![post(1), post(2)]);
    }
    let (at, tags) = (START + 25_000, vec![5]);
    twins.say(vec![Sent { op: Op::Create, at, tags, id: 9_999, author: 3, print: 0 }]);
    assert_eq!(count(&mut twins), 4, "two of each, of six");
    // Only records, then a snapshot that has both.
    delete(&mut twins, 0);
    twins.restart();
    assert_eq!(count(&mut twins), 4);
    twins.snapshot();
    (0..6).for_each(|_| twins.epoch());
    assert!(twins.snapshot.is_some(), "it is whole");
    delete(&mut twins, 2);
    twins.restart();
    assert_eq!(count(&mut twins), 4);
    for (post, left) in [(4, 4), (6, 4), (8, 3), (10, 2), (1, 2), (3, 2)] {
        delete(&mut twins, post);
        assert_eq!(count(&mut twins), left, "without post {post}");
        twins.restart();
        assert_eq!(count(&mut twins), left, "without post {post}, after a restart");
    }
}

/// Posts of one tag, each of an author with a text, in a pane of their own.
fn posts(twins: &mut Twins, posts: &[(u32, u32)]) {
    for &(author, print) in posts {
        let (at, id) = (twins.newest + PANE, twins.posts.len() as u64 + 1);
        twins.say(vec![Sent { op: Op::Create, at, tags: vec![4], id, author, print }]);
        twins.epoch();
    }
}

fn count_of(twins: &mut Twins, tag: u8) -> u32 {
    twins.look();
    let id = twins.again.tags.find(name(tag).as_bytes()).expect("live");
    twins.again.ring.windows().last().expect("one").count(id)
}

#[test]
fn copies_are_capped_in_every_span_too() {
    let rules = Rules { cap: 3, cap_ms: 1_000_000, known: false };
    let mut twins = Twins::new(Settings { lateness_ms: 0, ..settings(&[60_000], rules, false) });
    // One post of their own, then a copy of another's.
    posts(&mut twins, &[(1, 7), (2, 8)]);
    twins.newest = (twins.newest / 1_000_000 + 1) * 1_000_000;
    posts(&mut twins, &[(2, 8)]);
    for _ in 0..4 {
        posts(&mut twins, &[(1, 8), (1, 8)]);
        twins.snapshot();
        (0..4).for_each(|_| twins.epoch());
        twins.restart();
    }
    posts(&mut twins, &[(3, 9)]);
    assert_eq!(count_of(&mut twins, 4), 2 + 1 + 3 + 1, "three of eight copies");
}

#[test]
fn authors_beyond_the_sample_are_capped_too() {
    let rules = Rules { cap: 2, cap_ms: 100_000_000, known: false };
    let mut twins = Twins::new(Settings { lateness_ms: 0, ..settings(&[60_000], rules, false) });
    crowded(&mut twins, 0, 700);
    let before = count_of(&mut twins, 1);
    let flood: Vec<_> = (0..30).map(|n| 800 + n % 10).collect();
    for (number, author) in flood.into_iter().enumerate() {
        let (at, id) = (twins.newest + 1_000, twins.posts.len() as u64 + 1);
        let said = Sent { op: Op::Create, at, tags: vec![1], id, author, print: 0 };
        twins.say(vec![said]);
        if number % 7 == 0 {
            twins.snapshot();
            (0..4).for_each(|_| twins.epoch());
            twins.restart();
        }
    }
    // A pane later all of it is closed.
    let at = twins.newest + 2 * PANE;
    let said = Sent { op: Op::Create, at, tags: vec![5], id: 99_999, author: 1, print: 0 };
    twins.say(vec![said]);
    assert_eq!(count_of(&mut twins, 1) - before, 20, "two of each of ten");
}

#[test]
fn what_an_author_posted_beyond_the_cap_stays_beyond_it() {
    let rules = Rules { cap: 2, cap_ms: 100_000, known: false };
    let mut twins = Twins::new(settings(&[60_000], rules, false));
    let post = |twins: &mut Twins, author| {
        let (at, id) = (twins.newest + 7_000, twins.posts.len() as u64 + 1);
        twins.say(vec![Sent { op: Op::Create, at, tags: vec![4], id, author, print: 0 }]);
    };
    for n in 0..40 {
        post(&mut twins, 1);
        post(&mut twins, 2 + n);
        match n % 10 {
            3 => twins.epoch(),
            5 => twins.snapshot(),
            8 => twins.restart(),
            _ => {}
        }
        twins.look();
    }
    let id = twins.again.tags.find(name(4).as_bytes()).expect("live");
    let count = twins.again.ring.windows().last().expect("one").count(id);
    assert!((45..60).contains(&count), "{count} of 80: author 1 has two in each hundred seconds");
}
