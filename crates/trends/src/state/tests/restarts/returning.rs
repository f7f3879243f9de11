//! Who has posted before: kept over restarts, and what the rule makes of it.

use super::*;
use crate::window::authors::Returning;

const KNOWN: Rules = Rules { cap: 0, cap_ms: 0, known: true };

fn twins(rules: Rules, lateness_ms: i64) -> Twins {
    Twins::new(Settings { lateness_ms, ..settings(&[60_000], rules, false) })
}

/// One post of each of `authors` with a tag, so far apart.
fn say(twins: &mut Twins, tag: u8, gap: i64, authors: std::ops::Range<u32>) {
    for author in authors {
        let (at, id) = (twins.newest + gap, twins.posts.len() as u64 + 1);
        twins.say(vec![Said { op: Op::Create, at, tags: vec![tag], id, author, print: 0 }]);
    }
}

/// People and the rule in four minutes, as both see it.
fn seen(twins: &mut Twins, tag: u8) -> (f64, Option<Returning>) {
    let newest = twins.newest;
    let [again, live] = [&mut twins.again, &mut twins.live].map(|state| {
        state.show(newest, &mut ());
        let (id, at) = (state.tags.find(name(tag).as_bytes()), four_minutes(state));
        let id = id.expect("live");
        (
            state.ring.tag_authors(id, at).people,
            state.ring.rule_figures(id, at).and_then(|all| all.known),
        )
    });
    assert_eq!(again, live);
    again
}

fn four_minutes(state: &State) -> usize {
    state.ring.windows().iter().position(|window| window.ms == 240_000).expect("it is kept")
}

/// Five minutes, in which a hundred became known; then forty come to a tag, of whom thirty are.
fn acquainted(lateness_ms: i64) -> Twins {
    let mut twins = twins(KNOWN, lateness_ms);
    say(&mut twins, 1, 3_000, 1..101);
    assert_eq!(seen(&mut twins, 1), (77.0, None), "while it is young, nobody is a stranger");
    say(&mut twins, 1, 15_000, 1..2);
    say(&mut twins, 2, 15_000, 71..111);
    twins
}

#[test]
fn strangers_count_as_far_as_is_usual() {
    let mut twins = acquainted(0);
    assert_eq!(twins.live.ring.joined(), Some([39, 30]), "the last pane is open");
    let (_, rule) = seen(&mut twins, 2);
    let rule = rule.expect("it asks");
    // Of the last four minutes: six of the known, and ten whom nobody has seen.
    assert_eq!((rule.known, rule.share), (6.0, 30.0 / 39.0));
    assert!((rule.allows - 7.8).abs() < 1e-9, "6 / (30/39)");
    // Twelve strangers, two of whom come again: it makes them no older.
    say(&mut twins, 3, 10_000, 1001..1013);
    say(&mut twins, 3, 10_000, 1001..1003);
    assert_eq!(seen(&mut twins, 3).1.map(|rule| (rule.known, rule.allows)), Some((0.0, 0.0)));
    assert_eq!(seen(&mut twins, 3).0, 0.0);
    // Who has come back with another tag is known there.
    say(&mut twins, 4, 10_000, 1001..1013);
    assert_eq!(seen(&mut twins, 4).1.map(|rule| rule.known), Some(12.0));
    assert_eq!(seen(&mut twins, 4).0, 12.0);
}

#[test]
fn two_tags_of_one_pane_do_not_make_an_author_known() {
    let mut twins = acquainted(0);
    let at = (twins.newest / PANE + 5) * PANE;
    let post = |author: u32, tag: u8, after: i64| {
        let id = 10_000 + u64::from(author) * 10 + u64::from(tag);
        Said { op: Op::Create, at: at + after, tags: vec![tag], id, author, print: 0 }
    };
    for author in 2001..2011 {
        twins.say(vec![post(author, 5, 100), post(author, 6, 9_900)]);
    }
    assert_eq!([5, 6].map(|tag| seen(&mut twins, tag).0), [0.0, 0.0], "while the pane is open");
    say(&mut twins, 1, 20_000, 1..2);
    assert_eq!([5, 6].map(|tag| seen(&mut twins, tag).0), [0.0, 0.0], "and when it is closed");
}

#[test]
fn an_open_pane_shows_who_came_in_the_one_before_it() {
    let mut twins = acquainted(30_000);
    let at = (twins.newest / PANE + 2) * PANE;
    let post = |tag: u8, at: i64| {
        let id = 20_000 + u64::from(tag);
        Said { op: Op::Create, at, tags: vec![tag], id, author: 5000, print: 0 }
    };
    // The later one comes first.
    twins.say(vec![post(8, at + PANE), post(7, at)]);
    let mut known = || [7, 8].map(|tag| seen(&mut twins, tag).1.map(|rule| rule.known));
    assert_eq!(known(), [Some(0.0), Some(1.0)], "while both are open");
    say(&mut twins, 1, 50_000, 1..2);
    let known = [7, 8].map(|tag| seen(&mut twins, tag).1.map(|rule| rule.known));
    assert_eq!(known, [Some(0.0), Some(1.0)], "and when they are closed");
}

#[test]
fn who_has_posted_before_comes_back_from_records_and_snapshots() {
    let mut twins = acquainted(0);
    let mut pieces = 0;
    for round in 0..60_u32 {
        // A snapshot ends where nothing comes for a while.
        if round % 30 < 24 {
            say(&mut twins, (round % 5) as u8, 1_500, 3 * round + 900..3 * round + 905);
            say(&mut twins, 6, 1_500, round + 1..round + 3);
        }
        if round == 5 || round == 40 {
            // Their pane is open when the first piece is taken, and closed before the next ones.
            say(&mut twins, 8 + (round / 40) as u8, 50, 3000..3064);
        }
        if round > 31 {
            // Who came while the pieces were taken comes to another tag.
            say(&mut twins, 7, 1_500, 3 * round + 834..3 * round + 837);
            seen(&mut twins, 7);
        }
        twins.epoch();
        match round {
            5 | 32 => {
                twins.snapshot();
                twins.epoch();
            }
            3 | 30 | 31 | 59 => {
                let told = twins.snapshot.iter().flat_map(|(_, raw)| raw);
                pieces = told.filter(|raw| matches!(raw, Raw::Known(_) | Raw::Body(25, _))).count();
                twins.restart();
            }
            _ => {}
        }
        twins.look();
        for tag in (0..5.min(round as u8 + 1)).chain((round == 40).then_some(9)) {
            seen(&mut twins, tag);
        }
        if round == 30 {
            assert_eq!(pieces, 16, "the snapshot holds it");
        }
    }
    let [all, known] = twins.again.ring.joined().expect("kept");
    assert!(known > 60 && all > known + 60, "{known} of {all}");
}

#[test]
fn it_is_forgotten_after_two_weeks_and_the_share_goes_by_days() {
    let mut twins = acquainted(0);
    twins.restart();
    say(&mut twins, 3, 6 * 86_400_000, 1..2);
    say(&mut twins, 3, 15_000, 2..4);
    let [all, known] = twins.live.ring.joined().expect("kept");
    assert_eq!((all, known), (2, 2), "forty, halved six times, and the three of now but the last");
    twins.restart();
    say(&mut twins, 3, 20 * 86_400_000, 10..11);
    say(&mut twins, 3, 15_000, 11..15);
    twins.restart();
    assert_eq!(seen(&mut twins, 3).1.map(|rule| rule.known), Some(0.0), "nobody is known any more");
    twins.look();
}

#[test]
fn a_checkpoint_without_the_rule_says_nothing_of_it_and_begins_it_anew() {
    let mut twins = twins(Rules { known: false, ..KNOWN }, 0);
    say(&mut twins, 1, 3_000, 1..101);
    twins.snapshot();
    (0..5).for_each(|_| twins.epoch());
    say(&mut twins, 2, 15_000, 71..111);
    assert_eq!(seen(&mut twins, 2), (16.0, None));
    twins.epoch();
    let meta = serde_json::to_string(&twins.again.meta()).expect("json");
    assert!(meta.contains("people_from") && !meta.contains("joined"), "{meta}");
    assert!(
        twins.snapshot.iter().flat_map(|(_, raw)| raw).all(|raw| !matches!(raw, Raw::Known(_)))
    );
    // With the rule from now on, those who are there are no strangers.
    twins.settings.shape.people = Some(KNOWN);
    twins.restart();
    twins.again.show(twins.newest, &mut ());
    assert_eq!(twins.again.ring.joined(), Some([0, 0]));
    let id = twins.again.tags.find(name(2).as_bytes()).expect("live");
    assert_eq!(twins.again.ring.tag_authors(id, four_minutes(&twins.again)).people, 16.0);
}
