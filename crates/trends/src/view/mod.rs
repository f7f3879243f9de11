//! Views: filters over posts. A post that fits counts in the view with all its tags.
//!
//! Pure: a filter sees the number of a source, the fields of a post, and the keys of its tags.
//! Counts of a view are in a state of their own.

use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::Post;

/// Name of the view of all posts, which always exists.
pub const ALL: &str = "all";
/// Most views of a job; each is a state of its own.
pub const VIEWS_MAX: usize = 16;

/// Conditions on a post: all that are given must hold, each for any value of its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Language tags in lower case; `ja` fits `ja-JP` too.
    pub langs: Option<Vec<String>>,
    /// Numbers of sources.
    pub sources: Option<Vec<u16>>,
    /// Accounts as their platform writes them.
    pub authors: Option<Patterns>,
    /// Keys; a post must have one that fits.
    pub tags: Option<Patterns>,
}

/// Which lines of plain text fit, which have no language and no author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// None.
    None,
    /// Those with a tag that fits.
    Tagged,
    /// All, with and without tags.
    All,
}

impl Filter {
    /// True if a post fits, apart from its tags.
    #[must_use]
    pub fn fits(&self, source: u16, post: &Post<'_>) -> bool {
        self.of_source(source)
            && self.langs.as_ref().is_none_or(|langs| {
                let lang = post.lang.to_str();
                langs.iter().any(|wanted| is_in(&lang, wanted))
            })
            && self
                .authors
                .as_ref()
                .is_none_or(|authors| !post.author.is_empty() && authors.fit(&post.author.to_str()))
    }

    /// Which plain lines of a source fit.
    #[must_use]
    pub fn lines(&self, source: u16) -> Lines {
        match (&self.langs, &self.authors, &self.tags) {
            (None, None, _) if !self.of_source(source) => Lines::None,
            (None, None, Some(_)) => Lines::Tagged,
            (None, None, None) => Lines::All,
            _ => Lines::None,
        }
    }

    fn of_source(&self, source: u16) -> bool {
        self.sources.as_ref().is_none_or(|sources| sources.contains(&source))
    }
}

/// True if the language tag `lang` is `wanted` or a subtag of it (BCP 47, ignoring case).
fn is_in(lang: &str, wanted: &str) -> bool {
    let (lang, wanted) = (lang.as_bytes(), wanted.as_bytes());
    let begins = lang.get(..wanted.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(wanted));
    begins && matches!(lang.get(wanted.len()), None | Some(b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagtide_posts::post::Raw;

    fn post<'a>(lang: &'a str, author: &'a str) -> Post<'a> {
        let (lang, author) = (Raw::Plain(lang.as_bytes()), Raw::Plain(author.as_bytes()));
        Post { lang, author, ..Post::default() }
    }

    fn patterns(of: &[&str]) -> Option<Patterns> {
        Some(Patterns::new(of.iter().map(|&pattern| pattern.to_owned())))
    }

    #[test]
    fn a_language_holds_its_regions_and_no_other_language() {
        let filter = Filter { langs: Some(vec!["ja".into(), "pt-br".into()]), ..<_>::default() };
        for lang in ["ja", "JA", "ja-JP", "ja_JP", "pt-BR", "pt-br-x-y"] {
            assert!(filter.fits(0, &post(lang, "")), "{lang}");
        }
        for lang in ["", "j", "jav", "en", "pt", "pt-PT"] {
            assert!(!filter.fits(0, &post(lang, "")), "{lang}");
        }
    }

    #[test]
    fn all_conditions_hold_and_any_of_each() {
        let filter = Filter {
            langs: Some(vec!["en".into()]),
            sources: Some(vec![1, 2]),
            authors: patterns(&["a", "*@b"]),
            tags: None,
        };
        assert!(filter.fits(2, &post("en", "x@b")));
        assert!(!filter.fits(0, &post("en", "x@b")), "another source");
        assert!(!filter.fits(2, &post("de", "x@b")), "another language");
        assert!(!filter.fits(2, &post("en", "x@c")), "another author");
    }

    #[test]
    fn nobody_is_no_author_and_an_empty_list_has_none() {
        let anybody = Filter { authors: patterns(&["*"]), ..<_>::default() };
        assert!(anybody.fits(0, &post("", "a")) && !anybody.fits(0, &post("", "")));
        let none = Filter { authors: patterns(&[]), ..<_>::default() };
        assert!(!none.fits(0, &post("", "a")));
    }

    #[test]
    fn plain_lines_have_a_source_and_tags_alone() {
        let of = |filter: Filter| [filter.lines(0), filter.lines(1)];
        let first = || Some(vec![0]);
        assert_eq!(of(Filter::default()), [Lines::All, Lines::All]);
        assert_eq!(of(Filter { sources: first(), ..<_>::default() }), [Lines::All, Lines::None]);
        let tags = Filter { sources: first(), tags: patterns(&["a*"]), ..<_>::default() };
        assert_eq!(of(tags), [Lines::Tagged, Lines::None]);
        let lang = Filter { langs: Some(vec!["en".into()]), ..<_>::default() };
        assert_eq!(of(lang), [Lines::None, Lines::None]);
        let author = Filter { authors: patterns(&["*"]), tags: patterns(&["*"]), ..<_>::default() };
        assert_eq!(of(author), [Lines::None, Lines::None]);
    }
}
