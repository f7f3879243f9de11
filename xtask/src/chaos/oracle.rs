//! The independent recount: the original pipeline's rule, written as simply as possible.

use std::collections::HashMap;

/// Words that contain `#`, each occurrence counted, split at single spaces.
pub(crate) fn count_words(posts: &[u8]) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    for line in String::from_utf8_lossy(posts).split('\n') {
        for word in line.split(' ').filter(|word| word.contains('#')) {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The difference between two tables of counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Occurrences missing from the counts.
    pub(crate) lost: u64,
    /// Occurrences counted in excess.
    pub(crate) double: u64,
    /// Some of the keys, with expected and actual count.
    pub(crate) examples: Vec<(String, u64, u64)>,
}

/// Compares every key of both tables.
pub(crate) fn compare(
    expected: &HashMap<String, u64>,
    counted: &HashMap<String, u64>,
) -> Difference {
    let mut difference = Difference::default();
    let missing = expected.keys().filter(|key| !counted.contains_key(*key));
    for key in counted.keys().chain(missing) {
        let want = expected.get(key).copied().unwrap_or(0);
        let have = counted.get(key).copied().unwrap_or(0);
        difference.lost += want.saturating_sub(have);
        difference.double += have.saturating_sub(want);
        if want != have {
            difference.examples.push((key.clone(), want, have));
        }
    }
    difference.examples.sort();
    difference.examples.truncate(5);
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_as_the_original_counts_them() {
        let counts = count_words("#a #a, x#b\n\n#a C#  #\n".as_bytes());
        let mut pairs: Vec<_> = counts.into_iter().collect();
        pairs.sort();
        let wanted = [("#", 1), ("#a", 2), ("#a,", 1), ("C#", 1), ("x#b", 1)];
        assert_eq!(pairs, wanted.map(|(key, count)| (key.to_owned(), count)));
    }

    #[test]
    fn loss_and_doubles_do_not_cancel() {
        let expected = count_words(b"#a #a #b #gone");
        let counted = count_words(b"#a #b #b #b #new");
        let difference = compare(&expected, &counted);
        assert_eq!((difference.lost, difference.double), (2, 3));
        assert_eq!(difference.examples.len(), 4);
        assert_eq!(compare(&expected, &expected), Difference::default());
    }
}
