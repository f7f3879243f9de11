//! What a rule raises, and that a restart changes nothing.

use proptest::prelude::*;

use super::*;

fn rules(plans: &[AlertPlan]) -> Rules {
    Rules::new("job", plans, RulesState::default())
}

/// `tag: sentence` of what is raised at each slide.
fn raised_by(rules: &mut Rules, slides: &[(i64, &[&str])]) -> Vec<(i64, Vec<String>)> {
    let look = |(minute, tags): &(i64, &[&str])| {
        let raised = rules.evaluate(&ranking(*minute, tags));
        (*minute, raised.into_iter().map(|alert| alert.tag).collect::<Vec<_>>())
    };
    let mut raised: Vec<_> = slides.iter().map(look).collect();
    raised.retain(|(_, tags)| !tags.is_empty());
    raised
}

fn tags(list: &[&str]) -> Vec<String> {
    list.iter().map(|&tag| tag.to_owned()).collect()
}

#[test]
fn a_peak_raises_at_once_and_then_stays_quiet() {
    let mut rules = rules(&[plan("p", AlertOn::Peak)]);
    let slides: &[(i64, &[&str])] = &[
        (0, &["a!", "b"]),
        (1, &["a!", "b!"]),
        (9, &["a!", "b"]),
        (10, &["a!", "b"]),
        (11, &["a", "b!"]),
    ];
    let expected = [(0, tags(&["a"])), (1, tags(&["b"])), (10, tags(&["a"])), (11, tags(&["b"]))];
    assert_eq!(raised_by(&mut rules, slides), expected);
}

#[test]
fn entering_the_first_places_raises() {
    let mut rules = rules(&[plan("t", AlertOn::Top(2))]);
    let slides: &[(i64, &[&str])] = &[
        (0, &["a", "b", "c"]),
        (1, &["b", "a", "c"]),
        (2, &["c", "d", "a"]),
        // Out and in again within the quiet time.
        (3, &["a", "b", "c"]),
        (4, &["c", "a"]),
        (20, &["b", "d"]),
    ];
    let expected = [(2, tags(&["c", "d"])), (3, tags(&["a", "b"])), (20, tags(&["b", "d"]))];
    assert_eq!(raised_by(&mut rules, slides), expected);
}

#[test]
fn crossing_a_bound_upwards_raises() {
    let mut rules = rules(&[plan("s", AlertOn::Score(4.5)), plan("l", AlertOn::Lift(2.0))]);
    let at = |minute: i64, score: f64, lift: f64| {
        let mut ranking = ranking(minute, &["a"]);
        ranking.trends[0].score = Some(score);
        ranking.trends[0].lift = Some(lift);
        ranking
    };
    let mut raised = |minute, score, lift| {
        let raised = rules.evaluate(&at(minute, score, lift));
        raised.into_iter().map(|alert| (alert.rule, alert.on)).collect::<Vec<_>>()
    };
    let pair = |rule: &str, on: &str| (rule.to_owned(), on.to_owned());
    assert_eq!(raised(0, 9.0, 1.0), [], "how things stand");
    assert_eq!(raised(20, 4.5, 2.0), [], "at the bound is not over it");
    assert_eq!(raised(40, 4.6, 2.1), [pair("s", "score"), pair("l", "lift")]);
    assert_eq!(raised(60, 8.0, 9.9), [], "still over");
    assert_eq!(raised(80, 4.0, 2.1), []);
    assert_eq!(raised(100, 5.0, 2.1), [pair("s", "score")]);
    // A mode without scores ranks by the count.
    let mut rules = super::rules::rules(&[plan("s", AlertOn::Score(600.0))]);
    let slides: &[(i64, &[&str])] = &[(0, &["a", "b"]), (1, &["b", "a"])];
    assert_eq!(raised_by(&mut rules, slides), [(1, tags(&["b"]))]);
}

#[test]
fn a_watched_tag_moves_appears_and_leaves() {
    let watch = AlertOn::Watch(vec!["rust*".to_owned(), "tea".to_owned()]);
    let mut rules = rules(&[AlertPlan { quiet: Duration::ZERO, ..plan("w", watch) }]);
    let mut sentences = |minute, tags: &[&str]| {
        let raised = rules.evaluate(&ranking(minute, tags));
        raised.into_iter().map(|alert| (alert.text, alert.before)).collect::<Vec<_>>()
    };
    assert_eq!(sentences(0, &["a", "tea"]), []);
    assert_eq!(sentences(1, &["a", "tea"]), []);
    let moved = ("#TEA moved from place 2 to 1: place 1, 1000 posts".to_owned(), Some(2));
    assert_eq!(sentences(2, &["tea", "a"]), [moved]);
    let appeared = ("#RUSTLANG appeared: place 3, 333 posts".to_owned(), None);
    assert_eq!(sentences(3, &["tea", "a", "rustlang"]), [appeared]);
    let left = ("#tea left the ranking, from place 1".to_owned(), Some(1));
    let up = ("#RUSTLANG moved from place 3 to 2: place 2, 500 posts".to_owned(), Some(3));
    assert_eq!(sentences(4, &["a", "rustlang"]), [up, left]);
}

#[test]
fn a_slide_counts_once_and_only_when_it_is_closed() {
    let mut rules = rules(&[plan("p", AlertOn::Peak)]);
    let open = Ranking { provisional: true, ..ranking(1, &["a!"]) };
    assert!(rules.evaluate(&open).is_empty());
    let elsewhere = Ranking { view: "ja".to_owned(), ..ranking(1, &["a!"]) };
    assert!(rules.evaluate(&elsewhere).is_empty());
    assert_eq!(rules.evaluate(&ranking(2, &["a!"])).len(), 1);
    for again in [2, 1] {
        assert!(rules.evaluate(&ranking(again, &["b!"])).is_empty());
    }
}

#[test]
fn a_changed_rule_starts_empty() {
    let mut first = rules(&[plan("t", AlertOn::Top(1))]);
    first.evaluate(&ranking(0, &["a", "b", "c"]));
    let state = first.state().clone();
    let mut same = Rules::new("job", &[plan("t", AlertOn::Top(1))], state.clone());
    assert_eq!(raised_by(&mut same, &[(1, &["b", "a"])]), [(1, tags(&["b"]))]);
    let mut wider = Rules::new("job", &[plan("t", AlertOn::Top(2))], state);
    assert_eq!(raised_by(&mut wider, &[(1, &["b", "c"])]), []);
    assert_eq!(raised_by(&mut wider, &[(2, &["b", "a"])]), [(2, tags(&["a"]))]);
    // Another mode or window has other places.
    let mut other = first;
    let by_count = Ranking { mode: "count".to_owned(), ..ranking(1, &["z"]) };
    assert!(other.evaluate(&by_count).is_empty());
}

#[test]
fn quiet_times_have_a_bound() {
    let mut rules =
        rules(&[AlertPlan { quiet: Duration::from_hours(1), ..plan("p", AlertOn::Peak) }]);
    for minute in 0..12 {
        let tags: Vec<String> = (0..1_000).map(|n| format!("{minute}x{n}!")).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        assert_eq!(rules.evaluate(&ranking(minute, &tags)).len(), 1_000);
    }
    let again = raised_by(&mut rules, &[(12, &["0x1!", "11x1!", "5x5!"])]);
    assert_eq!(again, [(12, tags(&["0x1"]))], "the oldest are forgotten");
}

proptest! {
    /// A restart between any two slides, with the last slides looked at again, raises the same.
    #[test]
    fn a_crash_changes_nothing(
        slides in prop::collection::vec(prop::collection::vec("[abc]!?", 0..4), 2..14),
        saved in 0_usize..12,
        crashed in 0_usize..12,
    ) {
        let plans = [
            plan("p", AlertOn::Peak),
            plan("t", AlertOn::Top(2)),
            plan("w", AlertOn::Watch(vec!["*a*".to_owned()])),
        ];
        let rankings: Vec<Ranking> = (0..)
            .zip(&slides)
            .map(|(minute, tags)| {
                let mut tags: Vec<&str> = tags.iter().map(String::as_str).collect();
                tags.sort_by_key(|tag| tag.trim_end_matches('!'));
                tags.dedup_by_key(|tag| tag.trim_end_matches('!'));
                ranking(minute * 4, &tags)
            })
            .collect();
        let mut whole = rules(&plans);
        let expected: Vec<Alert> = rankings.iter().flat_map(|r| whole.evaluate(r)).collect();

        let (saved, crashed) = (saved.min(crashed), saved.max(crashed).min(rankings.len()));
        let saved = saved.min(crashed);
        let mut outbox: std::collections::BTreeMap<String, Alert> = Default::default();
        let mut before = rules(&plans);
        let mut bytes = Vec::new();
        for (index, ranking) in rankings[..crashed].iter().enumerate() {
            if index == saved {
                bytes = before.state().to_bytes();
            }
            outbox.extend(before.evaluate(ranking).into_iter().map(|a| (a.key.clone(), a)));
        }
        if saved == crashed {
            bytes = before.state().to_bytes();
        }
        let state = RulesState::from_bytes(&bytes).expect("our own bytes");
        let mut after = Rules::new("job", &plans, state);
        for ranking in &rankings[saved..] {
            for alert in after.evaluate(ranking) {
                outbox.insert(alert.key.clone(), alert);
            }
        }
        let expected: std::collections::BTreeMap<String, Alert> =
            expected.into_iter().map(|a| (a.key.clone(), a)).collect();
        prop_assert_eq!(outbox, expected);
    }
}
