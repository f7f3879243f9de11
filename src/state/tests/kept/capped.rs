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
        twins.say(vec![Said { op: Op::Delete, at, tags: Vec::new(), ..post }]);
        twins.epoch();
    };
    for n in 0..6_u64 {
        let post = |author| {
            let id = 100 * n + u64::from(author);
            Said { op: Op::Create, at: START + 1_000, tags: vec![4], id: id + 1, author, print: 0 }
        };
        twins.say(vec![post(1), post(2)]);
    }
    let (at, tags) = (START + 25_000, vec![5]);
    twins.say(vec![Said { op: Op::Create, at, tags, id: 9_999, author: 3, print: 0 }]);
    assert_eq!(count(&mut twins), 4, "two of each, of six");
    // Records alone, then a snapshot that has taken both as they are.
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
