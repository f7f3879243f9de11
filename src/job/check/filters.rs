//! `[people]` and `[tags]`: whose posts count, and which tags.

use crate::job::filters::{PeopleJob, TagsJob};
use crate::job::schema::{List, Text};
use crate::job::{PeoplePlan, TagsPlan, units};
use tagtide_extract::{Rule, accents, key};
use tagtide_sources::options::Checker;

/// How a job folds tags to keys.
#[derive(Clone, Copy)]
pub(super) struct Folding {
    pub(super) rule: Rule,
    pub(super) accents: bool,
}

impl Folding {
    /// A pattern folded like a tag, so that `#Café*` matches keys. A `*` is unchanged. Empty if the
    /// pattern cannot match a tag.
    pub(super) fn pattern(self, written: &str) -> String {
        if self.rule == Rule::Words {
            return written.to_owned();
        }
        let folded = key::fold(written).unwrap_or_default();
        if self.accents { accents::strip(&folded).into_owned() } else { folded.into_owned() }
    }
}

/// Whether posts of a kind count.
const COUNT: [(&str, bool); 2] = [("count", true), ("skip", false)];

pub(super) fn people(checker: &mut Checker, job: &PeopleJob) -> PeoplePlan {
    let least = |checker: &mut Checker, field, usual, help| {
        let least = checker.bounded(field, units::count, usual, (1, 1_000_000), help);
        u32::try_from(least).unwrap_or(u32::MAX)
    };
    let min_count = least(checker, job.min_count.as_ref(), 5, "between 1 and 1M people");
    let min_authors = least(checker, job.min_authors.as_ref(), 3, "between 1 and 1M authors");
    let posts_max = job.posts_max.as_ref().map(|field| {
        let help = "between 1 and 255 posts; omit it for no limit";
        let posts = checker.bounded(Some(field), units::count, 255, (1, 255), help);
        u8::try_from(posts).unwrap_or(u8::MAX)
    });
    let counts = |checker: &mut Checker, field: &Text| checker.word(field.as_ref(), &COUNT, true);
    PeoplePlan {
        min_count,
        min_authors,
        posts_max,
        copies: job.copies.as_ref().is_none_or(|copies| copies.value),
        known: job.known.as_ref().is_some_and(|known| known.value),
        reposts: counts(checker, &job.reposts),
        bots: counts(checker, &job.bots),
        block: texts(&job.block),
    }
}

pub(super) fn tags(checker: &mut Checker, job: &TagsJob, rule: Rule) -> TagsPlan {
    let fold = [("keep", false), ("fold", true)];
    let fold_accents = checker.word(job.accents.as_ref(), &fold, false);
    let folding = Folding { rule, accents: fold_accents };
    let patterns =
        |list: &List| texts(list).iter().map(|pattern| folding.pattern(pattern)).collect();
    TagsPlan {
        hide: patterns(&job.hide),
        drop: patterns(&job.drop),
        only: patterns(&job.only),
        fold_accents,
    }
}

pub(super) fn texts(list: &List) -> Vec<String> {
    list.iter().flatten().map(|field| field.value.to_string()).collect()
}
