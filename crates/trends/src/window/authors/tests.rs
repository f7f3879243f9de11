use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::window::{Ring, Shape};

const PANE_MS: i64 = 10_000;
/// Two of them slide by minutes.
const WINDOWS_MS: [i64; 4] = [40_000, 300_000, 3_660_000, 7_200_000];

fn ring() -> Ring {
    let shape = Shape {
        pane_ms: PANE_MS,
        windows_ms: WINDOWS_MS.to_vec(),
        people: Some(Rules::default()),
        decay_ms: None,
    };
    let mut ring = Ring::new(&shape, false);
    ring.grow(8);
    ring
}

/// Authors of each tag, as a list of who posted when.
#[derive(Default)]
struct Model {
    /// Tag and author: pane of the last post, posts left.
    members: BTreeMap<(u32, u32), (i64, u32)>,
    /// Panes of posts without author.
    anonymous: Vec<(u32, i64)>,
}

impl Model {
    fn add(&mut self, id: u32, author: u32, pane: i64) {
        if author == 0 {
            self.anonymous.push((id, pane));
            return;
        }
        let member = self.members.entry((id, author)).or_insert((pane, 0));
        if pane - member.0 > 7_260_000 / PANE_MS {
            member.1 = 0;
        }
        *member = (pane.max(member.0), member.1 + 1);
    }

    fn take(&mut self, id: u32, author: u32, pane: i64, closed_to: i64) {
        if author == 0 {
            let at = self.anonymous.iter().position(|post| *post == (id, pane));
            self.anonymous.swap_remove(at.expect("a post is taken back once"));
            return;
        }
        // A pane that is no longer stored is not changed.
        let minute = |pane| step_of(pane, PANE_MS, MINUTE_MS);
        if minute(pane) <= minute(closed_to) - WINDOWS_MS[3] / MINUTE_MS {
            return;
        }
        let Some(member) = self.members.get_mut(&(id, author)) else { return };
        if closed_to - member.0 > 7_260_000 / PANE_MS {
            return;
        }
        member.1 = member.1.saturating_sub(1);
        if member.1 == 0 {
            self.members.remove(&(id, author));
        }
    }

    fn people(&self, id: u32, inside: impl Fn(i64) -> bool) -> usize {
        let anonymous = self.anonymous.iter().filter(|post| post.0 == id && inside(post.1));
        let members = self.members.iter().filter(|(who, m)| who.0 == id && inside(m.0));
        anonymous.count() + members.count()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Post { id: u32, author: u32 },
    Delete { which: usize },
    Forward { panes: i64 },
    Show,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u32..4, 0_u32..6).prop_map(|(id, author)| Step::Post { id, author }),
        2 => any::<prop::sample::Index>()
            .prop_map(|which| Step::Delete { which: which.index(1 << 20) }),
        2 => (1_i64..40).prop_map(|panes| Step::Forward { panes }),
        1 => (1_i64..900).prop_map(|panes| Step::Forward { panes }),
        1 => Just(Step::Show),
    ];
    prop::collection::vec(step, 1..300)
}

fn check(ring: &mut Ring, model: &Model, open: &BTreeSet<i64>, now: i64) {
    ring.show(now * PANE_MS);
    for (at, ms) in WINDOWS_MS.into_iter().enumerate() {
        let step = if ms > 3_600_000 { MINUTE_MS } else { PANE_MS };
        let newest = now.max(ring.closed_to());
        let gone_to = step_of(newest, PANE_MS, step) - ms / step;
        let inside = |pane: i64| step_of(pane, PANE_MS, step) > gone_to && pane <= newest;
        for id in 0..4 {
            let got = ring.tag_authors(id, at).authors;
            // No more than there are posts, where people have older ones left.
            let posts = ring.windows()[at].count(id);
            let want = (model.people(id, inside) as f64).min(posts.into());
            assert_eq!(got, want, "tag {id}, window {ms} ms, pane {now}, open {open:?}");
        }
    }
}

proptest! {
    #[test]
    fn equals_a_list_of_who_posted_when(steps in steps()) {
        let mut ring = ring();
        let (mut closed, mut open_model) = (Model::default(), Vec::new());
        let mut posts: Vec<(u32, u32, i64)> = Vec::new();
        let mut now = 1_000_000_i64;
        // The first post has an author, or the ring would count no authors yet.
        ring.add(now * PANE_MS, 1, 1, &[5], Some((9, 0)));
        for step in steps {
            match step {
                Step::Post { id, author } => {
                    let who = (author > 0).then_some((author, 0));
                    ring.add(now * PANE_MS, 1, 1, &[id], who);
                    open_model.push((id, author, now));
                    posts.push((id, author, now));
                }
                Step::Delete { which } if !posts.is_empty() => {
                    let (id, author, pane) = posts.swap_remove(which % posts.len());
                    ring.retract(pane * PANE_MS, &[id], author);
                    match open_model.iter().position(|post| *post == (id, author, pane)) {
                        Some(at) if pane > ring.closed_to() => {
                            open_model.swap_remove(at);
                        }
                        _ => closed.take(id, author, pane, ring.closed_to()),
                    }
                }
                Step::Delete { .. } => {}
                Step::Forward { panes } => {
                    for (id, author, pane) in open_model.drain(..) {
                        closed.add(id, author, pane);
                    }
                    now += panes;
                    ring.close_to(now * PANE_MS);
                }
                Step::Show => {
                    let mut both = Model {
                        members: closed.members.clone(),
                        anonymous: closed.anonymous.clone(),
                    };
                    open_model.iter().for_each(|&(id, author, pane)| both.add(id, author, pane));
                    check(&mut ring, &both, &BTreeSet::from([now]), now);
                }
            }
        }
        for (id, author, pane) in open_model.drain(..) {
            closed.add(id, author, pane);
        }
        ring.close_to((now + 1) * PANE_MS);
        check(&mut ring, &closed, &BTreeSet::new(), now);
    }
}

/// Spreads numbers over all 32 bits.
fn hash(n: u32) -> u32 {
    let x = (n ^ n >> 16).wrapping_mul(0x7feb_352d);
    (x ^ x >> 15).wrapping_mul(0x846c_a68b) | 1
}

#[test]
fn too_many_to_tell_apart_are_estimated_in_each_window() {
    let mut ring = ring();
    for pane in 0..600_i64 {
        for n in 0..10 {
            ring.add(pane * PANE_MS, 1, 1, &[2], Some((hash(pane as u32 * 10 + n), 0)));
        }
        // Somebody who comes again and again is one.
        ring.add(pane * PANE_MS, 1, 1, &[2], Some((77, 0)));
        ring.close_to((pane + 1) * PANE_MS);
    }
    ring.show(599 * PANE_MS);
    for (at, want) in [(0, 41.0), (1, 301.0), (2, 3661.0), (3, 6001.0)] {
        let counted = ring.tag_authors(2, at);
        assert!(counted.estimated);
        assert!((counted.authors / want - 1.0).abs() < 0.15, "{counted:?}, not {want}");
    }
    assert!(
        (ring.tag_authors(2, 2).people - ring.tag_authors(2, 2).authors).abs() < 1.0,
        "they are spread"
    );
    // When all have gone, the tag is exact again.
    ring.add(3000 * PANE_MS, 1, 1, &[2], Some((5, 0)));
    ring.close_to(3001 * PANE_MS);
    ring.close_to(3002 * PANE_MS);
    ring.add(3003 * PANE_MS, 1, 1, &[2], Some((5, 0)));
    ring.close_to(3004 * PANE_MS);
    ring.show(3003 * PANE_MS);
    assert!((ring.tag_authors(2, 3).authors - 1.0).abs() < 0.5);
}

#[test]
fn a_swarm_in_ninety_seconds_is_three_and_a_crowd_is_itself() {
    let mut ring = ring();
    for n in 0..200 {
        let pane = i64::from(n) * 9 / 200;
        ring.add(pane * PANE_MS, 1, 1, &[0], Some((hash(n), 0)));
    }
    for n in 0..40 {
        ring.add(i64::from(n) * 8 * PANE_MS, 1, 1, &[1], Some((hash(n), 0)));
    }
    ring.show(330 * PANE_MS);
    let people = |id| (ring.tag_authors(id, 2).authors, ring.tag_authors(id, 2).people);
    assert_eq!((people(0), people(1)), ((200.0, 3.0), (40.0, 40.0)), "while panes are open");
    ring.close_to(331 * PANE_MS);
    ring.show(330 * PANE_MS);
    let people = |id| (ring.tag_authors(id, 2).authors, ring.tag_authors(id, 2).people);
    assert_eq!((people(0), people(1)), ((200.0, 3.0), (40.0, 40.0)), "and when they are closed");
}

#[test]
fn copies_add_posts_and_no_people() {
    let mut ring = ring();
    for n in 1..=20 {
        let pane = i64::from(n);
        ring.add(pane * PANE_MS, 1, 1, &[0], Some((hash(n), 4711)));
        ring.add(pane * PANE_MS, 1, 1, &[1], Some((hash(n), n)));
        ring.close_to((pane + 1) * PANE_MS);
    }
    // An author's own text again is no copy, and one own post makes a copyist count.
    ring.add(21 * PANE_MS, 1, 1, &[0], Some((hash(1), 4711)));
    ring.add(21 * PANE_MS, 1, 1, &[0], Some((hash(2), 99)));
    ring.close_to(22 * PANE_MS);
    ring.show(21 * PANE_MS);
    let window = &ring.windows()[2];
    assert_eq!((window.count(0), window.people(0)), (22, 2));
    assert_eq!((window.count(1), window.people(1)), (20, 20));
    // Retracting a copy retracts no author.
    ring.retract(7 * PANE_MS, &[0], hash(7));
    assert_eq!(ring.windows()[2].people(0), 2);
}

#[test]
fn a_cap_holds_in_each_span() {
    let shape = Shape {
        pane_ms: PANE_MS,
        windows_ms: WINDOWS_MS.to_vec(),
        people: Some(Rules { cap: 3, cap_ms: 100_000, known: false }),
        decay_ms: None,
    };
    let mut ring = Ring::new(&shape, false);
    ring.grow(1);
    for pane in 0..20_i64 {
        ring.add(pane * PANE_MS, 2, 2, &[0, 0], Some((5, 0)));
        ring.close_to((pane + 1) * PANE_MS);
    }
    ring.show(19 * PANE_MS);
    assert_eq!(ring.windows()[2].count(0), 6, "three in each hundred seconds");
    assert_eq!(ring.total().count(0), 40, "all-time counts are all posts");
}

#[test]
fn a_delete_takes_what_is_beyond_the_cap_first() {
    let shape = Shape {
        pane_ms: PANE_MS,
        windows_ms: WINDOWS_MS.to_vec(),
        people: Some(Rules { cap: 3, cap_ms: 100_000, known: false }),
        decay_ms: Some(3_600_000),
    };
    let mut ring = Ring::new(&shape, false);
    ring.grow(2);
    ring.add(0, 5, 5, &[0; 5], Some((5, 0)));
    ring.add(0, 2, 2, &[0; 2], Some((6, 0)));
    ring.close_to(PANE_MS);
    let counts = |ring: &Ring| {
        let decay = ring.decay().expect("it is configured");
        let decayed = decay.count(decay.column().get(0), PANE_MS).round() as u32;
        let windows = ring.windows().iter().map(|window| window.count(0));
        windows.chain([decayed, ring.total().count(0) as u32]).collect::<Vec<_>>()
    };
    assert_eq!(counts(&ring), [5, 5, 5, 5, 5, 7]);
    ring.retract(0, &[0], 5);
    assert_eq!(counts(&ring), [5, 5, 5, 5, 5, 6], "author 5 has four, of which three count");
    ring.retract(0, &[0], 6);
    assert_eq!(counts(&ring), [4, 4, 4, 4, 4, 5], "author 6 had none beyond it");
    // Panes merge to minutes, and it is known of these too.
    ring.close_to(400 * PANE_MS);
    ring.retract(0, &[0], 5);
    ring.retract(0, &[0], 5);
    assert_eq!(ring.windows()[3].count(0), 3, "all three, and then one less");
    assert_eq!(ring.total().count(0), 3);
}

#[test]
fn as_many_windows_as_a_job_can_have_are_told_apart() {
    // Sixteen, and two more for each where `trending` is asked for all of them.
    let windows_ms: Vec<i64> = (1..=48).map(|panes| panes * PANE_MS).collect();
    let people = Some(Rules::default());
    let shape = Shape { pane_ms: PANE_MS, windows_ms, people, decay_ms: None };
    let mut ring = Ring::new(&shape, false);
    ring.grow(2);
    // One author of the first tag a pane, and one of them again in the last; many of the second.
    for pane in 0..48 {
        ring.add(pane * PANE_MS, 1, 1, &[0], Some((pane as u32 % 47 + 1, 0)));
        for author in 0..20 {
            let author = hash(author * 48 + pane as u32 + 1);
            ring.add(pane * PANE_MS, 1, 1, &[1], Some((author, 0)));
        }
    }
    let authors = |ring: &Ring, id| (0..48).map(|at| ring.authors(id, at)).collect::<Vec<_>>();
    let want: Vec<f64> = (1..=48).map(|panes| f64::from(panes.min(47))).collect();
    ring.show(47 * PANE_MS);
    assert_eq!(authors(&ring, 0), want, "open");
    ring.close_to(48 * PANE_MS);
    ring.show(47 * PANE_MS);
    assert_eq!(authors(&ring, 0), want, "closed");
    for (got, panes) in authors(&ring, 1).into_iter().zip(1..) {
        let want = f64::from(20 * panes);
        assert!((got / want - 1.0).abs() < 0.25, "{panes} panes: {got}, not {want}");
    }
}
