//! Where a value of a job was written, and what is wrong with it.
//!
//! A [`Problem`] says three things: where, what, and the way out. Nothing here prints.

use std::fmt;
use std::sync::Arc;

/// Where a value was written: a key on a line of a file, or a flag of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The job file; `None` = the command line or a default.
    pub file: Option<Arc<str>>,
    /// Line in that file, from 1; 0 = none.
    pub line: usize,
    /// Full name of the key (`count.pane`, `source.addr`) or of the flag (`--batch`).
    pub key: String,
}

impl Place {
    /// A flag of the command line.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self { file: None, line: 0, key: name.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}")?;
            if self.line > 0 {
                write!(f, ":{}", self.line)?;
            }
            if !self.key.is_empty() {
                f.write_str(": ")?;
            }
        }
        if self.key.is_empty() { Ok(()) } else { write!(f, "`{}`", self.key) }
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Field<T> {
    /// As written; units are not resolved.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// One thing that is wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// The way out, where there is one.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// The name in `known` that `word` was probably meant to be: at most a third of its letters off.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(off, _)| *off <= bound)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_key_and_help() {
        let place = Place { file: Some("a.toml".into()), line: 3, key: "count.pane".into() };
        let problem = Problem { place, what: "bad".into(), help: Some("good".into()) };
        assert_eq!(problem.to_string(), "a.toml:3: `count.pane`: bad\n  help: good");
        let flag = Problem { place: Place::flag("--top"), what: "bad".into(), help: None };
        assert_eq!(flag.to_string(), "`--top`: bad");
    }

    #[test]
    fn nearest_forgives_small_slips_only() {
        let known = ["batch", "rule", "occurrences"];
        assert_eq!(nearest("bacth", known), Some("batch"));
        assert_eq!(nearest("ocurences", known), Some("occurrences"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abcd", "abdc"), 1);
    }
}
