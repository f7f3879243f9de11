//! An explanation in one sentence of plain words.

use crate::rank::explain::{Explanation, PeopleRules};
use crate::score::formula::LEARNED;

/// "7x usual for an hour: 41 people in 20 different minutes".
#[must_use]
pub fn sentence(of: &Explanation) -> String {
    let window = window_words(of.window_s);
    let how = match (of.lift, of.learning) {
        (Some(lift), _) => format!("{}x usual for {window}", times(lift)),
        (None, Some(windows)) => {
            format!("learning baseline ({windows} of {LEARNED} windows), over {window}")
        }
        (None, None) => format!("what is usual for {window} is still being learned"),
    };
    format!("{how}: {}", who(of))
}

/// Who posted, and how many of them count.
fn who(of: &Explanation) -> String {
    if of.posts == 0 && of.authors == 0 {
        return "no posts".to_owned();
    }
    let Some(rules) = of.people.as_ref().filter(|rules| rules.authors >= 1.0) else {
        return plural(of.posts as f64, "post", "posts");
    };
    let about = if of.estimated { "about " } else { "" };
    let people = plural(of.authors as f64, "person", "people");
    let when = when(of, rules).map(|when| format!(" {when}")).unwrap_or_default();
    let less = less(of, rules).unwrap_or_default();
    format!("{about}{people}{when}{less}")
}

/// In how many spans of time they posted; unknown for a sample.
fn when(of: &Explanation, rules: &PeopleRules) -> Option<String> {
    if of.estimated || rules.spans == 0 {
        return None;
    }
    let minutes = rules.span_s == 60;
    Some(match (rules.spans, minutes) {
        (1, true) => "in one minute".to_owned(),
        (1, false) => format!("within {} seconds", rules.span_s),
        (spans, true) => format!("in {spans} different minutes"),
        (spans, false) => format!("at {spans} different times of {} seconds", rules.span_s),
    })
}

/// Why fewer count than there are.
fn less(of: &Explanation, rules: &PeopleRules) -> Option<String> {
    let counted = rules.counted;
    if counted + 0.5 >= of.authors as f64 {
        return None;
    }
    let spread = rules.spread.unwrap_or(f64::INFINITY);
    let is_least = |allows: f64| allows < spread.min(rules.repeat);
    let known = rules.known.filter(|_| rules.known_allows.is_some_and(is_least));
    let why = if let Some(known) = known {
        format!("{} of them had posted before", tenth(known))
    } else if rules.repeat < spread {
        format!("they post {} times each", tenth(rules.posts / rules.authors))
    } else {
        "most came at once".to_owned()
    };
    Some(format!(", counted as {}: {why}", tenth(counted)))
}

/// `an hour`, `15 minutes`, `90 seconds`.
fn window_words(seconds: u64) -> String {
    match seconds {
        3600 => "an hour".to_owned(),
        60 => "a minute".to_owned(),
        s if s % 3600 == 0 => format!("{} hours", s / 3600),
        s if s % 60 == 0 => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

fn plural(n: f64, one: &str, many: &str) -> String {
    format!("{n:.0} {}", if n.round() == 1.0 { one } else { many })
}

/// `7`, `6.8`, `42`: with a decimal below ten, if it is not zero.
fn times(lift: f64) -> String {
    if lift < 9.95 { tenth(lift) } else { format!("{lift:.0}") }
}

fn tenth(n: f64) -> String {
    let text = format!("{n:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(authors: u64, posts: u64, spans: u32) -> Explanation {
        let n = authors as f64;
        Explanation {
            window_s: 3600,
            lift: Some(7.0),
            score: Some(5.0),
            posts,
            authors,
            people: Some(PeopleRules {
                authors: n,
                posts: posts as f64,
                span_s: 60,
                spans,
                spread: Some(n),
                repeat: n,
                counted: n,
                ..PeopleRules::default()
            }),
            ..Explanation::default()
        }
    }

    #[test]
    fn a_crowd_is_told_in_one_sentence() {
        let said = sentence(&crowd(41, 52, 20));
        assert_eq!(said, "7x usual for an hour: 41 people in 20 different minutes");
        let one = Explanation { lift: Some(2.04), window_s: 900, ..crowd(1, 1, 1) };
        assert_eq!(sentence(&one), "2x usual for 15 minutes: 1 person in one minute");
        let mut short = Explanation { lift: Some(11.6), window_s: 240, ..crowd(9, 9, 4) };
        short.people.as_mut().expect("people").span_s = 16;
        let wanted = "12x usual for 4 minutes: 9 people at 4 different times of 16 seconds";
        assert_eq!(sentence(&short), wanted);
    }

    #[test]
    fn people_who_do_not_count_are_told_with_the_reason() {
        let mut burst = crowd(200, 200, 2);
        let rules = burst.people.as_mut().expect("people");
        (rules.spread, rules.counted) = (Some(3.0), 3.0);
        assert!(
            sentence(&burst)
                .ends_with("200 people in 2 different minutes, counted as 3: most came at once")
        );
        let mut loud = crowd(30, 75, 20);
        let rules = loud.people.as_mut().expect("people");
        (rules.repeat, rules.counted) = (15.0, 15.0);
        assert!(sentence(&loud).ends_with("counted as 15: they post 2.5 times each"));
        let rules = loud.people.as_mut().expect("people");
        (rules.known, rules.known_allows, rules.counted) = (Some(1.0), Some(1.5), 1.5);
        assert!(sentence(&loud).ends_with("counted as 1.5: 1 of them had posted before"));
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let many = Explanation { estimated: true, ..crowd(5210, 9000, 30) };
        assert_eq!(sentence(&many), "7x usual for an hour: about 5210 people");
        let texts = Explanation { people: None, ..crowd(52, 52, 20) };
        assert_eq!(sentence(&texts), "7x usual for an hour: 52 posts");
        let learning = Explanation { lift: None, learning: Some(1), ..crowd(41, 52, 20) };
        let wanted = "learning baseline (1 of 3 windows), over an hour: 41 people in 20 different \
                      minutes";
        assert_eq!(sentence(&learning), wanted);
        let some = sentence(&Explanation { learning: None, ..learning });
        assert!(some.starts_with("what is usual for an hour is still being learned: 41"), "{some}");
        let over = Explanation { lift: Some(0.2), window_s: 90, ..Explanation::default() };
        assert_eq!(sentence(&over), "0.2x usual for 90 seconds: no posts");
    }
}
