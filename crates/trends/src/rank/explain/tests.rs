//! Explanations of a state that has counted a stream with a past.

use super::*;
use crate::rank::Mode;
use crate::rank::ranking::{Key, ranking};
use crate::score::formula;
use crate::score::trending::windows_ms;
use crate::state::Settings;
use crate::state::extracted_batch::{ExtractedBatch, PostKey, Row};
use crate::state::tag_filter::TagFilter;
use crate::store::hash::Seed;
use crate::window::Shape;
use crate::window::authors::Rules;
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::Batch;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const SEED: Seed = Seed::new([7; 32]);

/// Author 0 is none.
struct Stream {
    state: State,
    at: i64,
}

impl Stream {
    /// `usual` has one author in each of many minutes.
    fn after(minutes: i64) -> Self {
        Self::under(Rules::default(), minutes)
    }

    /// The same of three hundred who take turns.
    fn under(rules: Rules, minutes: i64) -> Self {
        let shape = Shape {
            pane_ms: MINUTE,
            windows_ms: windows_ms(HOUR, MINUTE).to_vec(),
            people: Some(rules),
            decay_ms: None,
        };
        let lists = TagFilter { hide: Patterns::new(["tag39".to_owned()]), ..TagFilter::default() };
        let settings = Settings { lists, ..Settings::of(shape, vec![HOUR]) };
        let mut stream = Self { state: State::new(settings, SEED), at: 100 * HOUR };
        for minute in 0..minutes {
            stream.minute(&[("usual", 1_000_000 + minute as u64 % 300)]);
        }
        stream
    }

    /// What was posted in the next minute, by whom.
    fn minute(&mut self, posts: &[(&str, u64)]) {
        let mut batch = ExtractedBatch::default();
        batch.begin(Batch::default());
        for &(tag, author) in posts {
            batch.begin_post();
            batch.push_key(&SEED, tag.as_bytes(), tag.as_bytes(), true);
            let author = author.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            batch.posts.push(PostKey { author, ..PostKey::default() });
            batch.rows.push(Row {
                at: self.at,
                until: self.at,
                posts: 1,
                tagged: 1,
                entries_end: batch.entries.len() as u32,
                post: if author == 0 { 0 } else { batch.posts.len() as u32 },
            });
        }
        self.state.begin_batch(&batch, &mut ());
        for row in &batch.rows {
            self.state.count_row(&batch, row, i64::MAX, &mut ());
        }
        self.at += MINUTE;
    }

    fn explain(&mut self, tag: &str) -> Option<Explanation> {
        let at = self.at - 1;
        self.state.show(at, &mut ());
        explain(&self.state, tag, HOUR, at)
    }
}

fn near(a: f64, b: f64, by: f64) {
    assert!((a - b).abs() <= by, "{a} is not {b}");
}

fn gate<'a>(of: &'a Explanation, name: &str) -> &'a Gate {
    of.gates.iter().find(|gate| gate.name == name).expect("a gate of that name")
}

#[test]
fn ten_people_on_a_new_tag() {
    let mut stream = Stream::after(17 * 60);
    for author in 1..=10 {
        stream.minute(&[("fresh", author), ("usual", 900 + author)]);
    }
    let of = stream.explain("fresh").expect("it is live");
    let lengths: Vec<u64> = of.windows.iter().map(|window| window.window_s).collect();
    assert_eq!(lengths, [900, 3600, 14_400]);
    for window in &of.windows {
        assert_eq!((window.x, window.learned, window.posts), (10.0, true, 10), "{window:?}");
        near(window.y, 6.4420, 5e-5);
        near(window.mu, formula::Y0, 1e-9);
        near(window.nu, 0.0, 1e-9);
        near(window.z, 5.22, 0.005);
    }
    near(of.score.expect("learned"), 5.22, 0.005);
    near(of.expected.expect("learned"), 0.0, 1e-9);
    near(of.lift.expect("learned"), 11.0, 1e-9);
    assert_eq!((of.posts, of.authors, of.estimated), (10, 10, false));
    assert_eq!((of.listed, of.peak, of.learning), (true, true, None));
    assert_eq!(of.status.as_deref(), Some("rising"));
    assert!(of.gates.iter().all(|gate| gate.passed), "{:?}", of.gates);
    assert_eq!(of.text, "11x usual for an hour: 10 people in 10 different minutes");
    let rules = of.people.expect("authors are known");
    assert_eq!((rules.authors, rules.spans, rules.span_s), (10.0, 10, 60));
    assert_eq!((rules.busiest, rules.spread, rules.repeat), (Some(3.0), Some(10.0), 10.0));
    assert_eq!(of.spellings[0].display, "fresh");
    assert_eq!(stream.explain("unused"), None);
}

#[test]
fn ten_whom_nobody_has_seen_before_are_held_back_where_the_job_asks() {
    let mut stream = Stream::under(Rules { known: true, ..Rules::default() }, 17 * 60);
    for author in 1..=10 {
        stream.minute(&[("fresh", author), ("back", 1_000_000 + author)]);
    }
    stream.minute(&[("usual", 1_000_000)]);
    let of = stream.explain("fresh").expect("it is live");
    let rules = of.people.as_ref().expect("authors are known");
    assert_eq!((rules.spread, rules.repeat), (Some(10.0), 10.0));
    assert_eq!((rules.known, rules.known_allows, rules.counted), (Some(0.0), Some(0.0), 0.0));
    let share = rules.known_share.expect("others came before");
    assert!((0.9..1.0).contains(&share), "{share}");
    assert!(!of.listed && !gate(&of, "min_count").passed && gate(&of, "min_authors").passed);
    assert!(of.text.ends_with("counted as 0: 0 of them had posted before"), "{}", of.text);
    let of = stream.explain("back").expect("it is live");
    let rules = of.people.as_ref().expect("authors are known");
    assert_eq!((rules.known, rules.known_allows), (Some(10.0), Some(10.0)));
    assert!(of.listed && of.windows[1].x == 10.0, "{of:?}");
}

#[test]
fn a_crowd_in_a_minute_is_held_back_by_its_gate() {
    let mut stream = Stream::after(17 * 60);
    let crowd: Vec<_> = (1..=60).map(|author| ("burst", author)).collect();
    stream.minute(&crowd);
    let loud: Vec<_> = (0..15).flat_map(|i| [("loud", i % 6 + 1), ("usual", 77)]).collect();
    for few in loud.chunks(2) {
        stream.minute(few);
    }
    let of = stream.explain("burst").expect("it is live");
    assert_eq!((of.authors, of.windows[1].x), (60, 3.0));
    let rules = of.people.as_ref().expect("authors are known");
    assert_eq!((rules.busiest, rules.spread, rules.repeat), (Some(60.0), Some(3.0), 60.0));
    assert_eq!(rules.counted, 3.0);
    assert!(!of.listed && !gate(&of, "min_count").passed && gate(&of, "min_authors").passed);
    assert_eq!((gate(&of, "min_count").value, gate(&of, "min_count").bound), (Some(3.0), 5.0));
    assert!(
        of.text.ends_with("60 people in one minute, counted as 3: most came at once"),
        "{}",
        of.text
    );
    let of = stream.explain("loud").expect("it is live");
    let rules = of.people.expect("authors are known");
    assert_eq!((rules.authors, rules.posts, rules.repeat, rules.counted), (6.0, 15.0, 3.0, 3.0));
    assert!(of.text.ends_with("counted as 3: they post 2.5 times each"), "{}", of.text);
}

#[test]
fn while_it_learns_the_score_is_not_asked() {
    let mut stream = Stream::after(40);
    for author in 1..=10 {
        stream.minute(&[("fresh", author)]);
    }
    let of = stream.explain("fresh").expect("it is live");
    assert_eq!((of.learning, of.score, of.lift), (Some(2), None, None));
    assert_eq!(of.status, None);
    assert!(of.listed);
    let score = gate(&of, "score");
    assert_eq!((score.value, score.passed, score.required), (None, false, false));
    let learned = gate(&of, "learned");
    assert_eq!((learned.value, learned.bound, learned.passed), (Some(2.0), 3.0, false));
    let begin = "learning baseline (2 of 3 windows), over an hour: 10 people";
    assert!(of.text.starts_with(begin), "{}", of.text);
}

/// The shortest window has a score first, which does not give the expected count of the middle one.
#[test]
fn before_its_own_window_has_learned_nothing_is_usual() {
    let mut stream = Stream::after(100);
    for author in 1..=6 {
        stream.minute(&[("fresh", author), ("usual", 500 + author)]);
    }
    let of = stream.explain("usual").expect("it is live");
    assert_eq!(of.windows.iter().map(|one| one.learned).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!((of.expected, of.lift, of.status.as_deref(), of.learning), (None, None, None, None));
    assert_eq!(of.score, Some(of.windows[0].z));
    let of = stream.explain("fresh").expect("it is live");
    assert_eq!((of.lift, of.peak, of.listed), (None, false, true), "{of:?}");
}

#[test]
fn posts_without_author_are_counted_as_they_are() {
    let mut stream = Stream::after(0);
    for _ in 0..60 {
        stream.minute(&[("text", 0)]);
    }
    let of = stream.explain("text").expect("it is live");
    assert_eq!((of.people, of.posts, of.authors), (None, 60, 60));
    assert!(of.text.ends_with(": 60 posts"), "{}", of.text);
}

/// What is explained is what is ranked, whether it is listed or not.
#[test]
fn it_says_what_the_ranking_does() {
    let names: Vec<String> = (0..40).map(|i| format!("tag{i}")).collect();
    for learned in [20, 70, 17 * 60] {
        let mut stream = Stream::after(learned);
        for minute in 0..20_u64 {
            let mut posts: Vec<_> = (names.iter().zip(1..))
                .filter(|(_, i)| (minute * i) % 7 < i / 6)
                .map(|(name, i)| (name.as_str(), minute % (i + 1) + 1))
                .collect();
            posts.push(("usual", minute));
            stream.minute(&posts);
        }
        stream.state.show(stream.at - 1, &mut ());
        let key = Key { mode: Mode::Trending, window_ms: HOUR };
        let ranked = ranking(&stream.state, key, stream.at - 1, 1000).expect("it is configured");
        let mut listed = 0;
        for name in &names {
            let Some(of) = stream.explain(name) else { continue };
            let row = ranked.trends.iter().find(|row| row.tag == *name);
            assert_eq!(of.listed, row.is_some(), "{learned} {of:?}");
            assert_eq!(gate(&of, "lists").passed, name != "tag39");
            let asked = |gate: &&Gate| gate.required;
            assert_eq!(of.listed, of.gates.iter().filter(asked).all(|gate| gate.passed));
            let Some(row) = row else { continue };
            listed += 1;
            assert_eq!((row.count, row.authors), (of.posts, Some(of.authors)));
            assert_eq!((row.score, row.lift, row.expected), (of.score, of.lift, of.expected));
            assert_eq!(row.status, of.status);
        }
        assert!((1..40).contains(&listed), "{listed} of 40 are listed after {learned} minutes");
    }
}
