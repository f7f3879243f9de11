//! Where a value of a job was written, and what is wrong with it.
//!
//! A [`Diagnostic`] names the place, the problem and the way out. Nothing here prints.

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

impl<T> Field<T> {
    /// Another value at the same place.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Field<U> {
        Field { value: with(self.value), place: self.place }
    }
}

/// One thing that is wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostic {
    /// Where it was written.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// The way out, where there is one.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
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

/// Longest word that is compared, in characters: the comparison takes the square of it.
const COMPARED_MAX: usize = 64;

/// The name in `known` that `word` was probably meant to be: at most a third of its letters off,
/// two swapped neighbours counted as one.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let end = word.char_indices().nth(COMPARED_MAX).map_or(word.len(), |(end, _)| end);
    let word = &word[..end];
    let bound = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(word, name), name))
        .filter(|(off, _)| *off <= bound)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_names_file_line_key_and_help() {
        let place = Place { file: Some("a.toml".into()), line: 3, key: "count.pane".into() };
        let problem = Diagnostic { place, what: "bad".into(), help: Some("good".into()) };
        assert_eq!(problem.to_string(), "a.toml:3: `count.pane`: bad\n  help: good");
        let flag = Diagnostic { place: Place::flag("--top"), what: "bad".into(), help: None };
        assert_eq!(flag.to_string(), "`--top`: bad");
    }

    #[test]
    fn nearest_forgives_small_slips_only() {
        let known = ["batch", "rule", "occurrences"];
        assert_eq!(nearest("bacth", known), Some("batch"));
        assert_eq!(nearest("ocurences", known), Some("occurrences"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(nearest("abdc", ["abcd"]), Some("abcd"), "a swap counts once");
        assert_eq!(nearest(&"é".repeat(10_000), known), None, "cut between characters");
    }
}
