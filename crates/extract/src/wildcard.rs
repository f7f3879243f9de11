//! Patterns for keys and account names: `*` matches any text, also the empty one.

/// Whether `text` matches `pattern`, in at most `text.len() * pattern.len()` steps.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to resume after a mismatch: after the last star, one byte further.
    let mut back = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            back = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, from)) = back {
            back = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// A set of patterns. Those without a star are looked up by hash, the others are tried in turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    whole: std::collections::HashSet<String>,
    with_stars: Vec<String>,
}

impl Patterns {
    /// The set of these patterns.
    #[must_use]
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let (with_stars, whole): (Vec<_>, Vec<_>) =
            patterns.into_iter().partition(|pattern| pattern.contains('*'));
        Self { whole: whole.into_iter().collect(), with_stars }
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.with_stars.is_empty()
    }

    /// Whether one of them matches.
    #[must_use]
    pub fn fit(&self, text: &str) -> bool {
        self.whole.contains(text) || self.with_stars.iter().any(|pattern| matches(pattern, text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, simple and slow.
    fn simple(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| simple(rest, &text[skip..])),
            Some((first, rest)) => text.first() == Some(first) && simple(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_defined(pattern in "[ab*é]{0,7}", text in "[abé]{0,9}") {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), simple(&p, &t));
            let patterns = Patterns::new([pattern, "never".to_owned()]);
            prop_assert_eq!(patterns.fit(&text), simple(&p, &t));
        }
    }

    #[test]
    fn many_stars_are_not_slow() {
        assert!(!matches(&"*a".repeat(300), &"a".repeat(299)));
        assert!(!matches(&format!("{}b", "a*".repeat(300)), &"a".repeat(640)));
    }
}
