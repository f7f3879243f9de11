//! `[view.NAME]`: filters over posts, each with counts of its own.

use std::path::PathBuf;

use super::filters::{Folding, texts};
use super::{Checker, alerts};
use crate::job::filters::ViewJob;
use crate::job::schema::List;
use crate::job::units::Scalar;
use crate::job::{SourcePlan, ViewPlan};
use tagtide_sources::options::{Field, nearest};
use tagtide_trends::view::ALL;
use tagtide_trends::view::VIEWS_MAX;

/// Longest name.
const NAME_MAX: usize = 32;
/// Most items of one list; longer lists of accounts belong in a file.
const ITEMS_MAX: usize = 1_000;

pub(super) fn check(
    checker: &mut Checker,
    jobs: &[ViewJob],
    sources: &[SourcePlan],
    folding: Folding,
) -> Vec<ViewPlan> {
    if let Some(job) = jobs.get(VIEWS_MAX) {
        let help = "each costs as much as a job of its own";
        checker.problem(&job.place, format!("more than {VIEWS_MAX} views"), help);
    }
    jobs.iter().map(|job| view(checker, job, sources, folding)).collect()
}

fn view(
    checker: &mut Checker,
    job: &ViewJob,
    sources: &[SourcePlan],
    folding: Folding,
) -> ViewPlan {
    name(checker, job);
    for list in [&job.lang, &job.source, &job.authors, &job.tags] {
        if let Some(field) = list.as_ref().and_then(|list| list.get(ITEMS_MAX)) {
            let what = format!("more than {ITEMS_MAX} items in one list");
            checker.problem(&field.place, what, "put accounts into a file: `authors_file`");
        }
    }
    let file = job.authors_file.as_ref().map(|field| PathBuf::from(&field.value));
    let plan = ViewPlan {
        name: job.name.clone(),
        langs: langs(checker, &job.lang),
        sources: named(checker, &job.source, sources),
        authors: texts(&job.authors),
        authors_file: file,
        tags: fields(&job.tags).map(|field| alerts::pattern(checker, field, folding)).collect(),
    };
    let lists = [&plan.langs, &plan.sources, &plan.authors, &plan.tags];
    if lists.iter().all(|list| list.is_empty()) && plan.authors_file.is_none() {
        let what = format!("the view `{}` has no condition", job.name);
        checker.problem(&job.place, what, "add `lang`, `source`, `authors` or `tags`");
    }
    plan
}

fn fields(list: &List) -> impl Iterator<Item = &Field<Scalar>> {
    list.iter().flatten()
}

fn name(checker: &mut Checker, job: &ViewJob) {
    let name = &job.name;
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    if name == ALL {
        let help = "it always exists and contains every post; use another name";
        checker.problem(&job.place, format!("a view cannot be named `{ALL}`"), help);
    } else if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(letters) {
        let what = format!("`{name}` is not a name for a view");
        checker.problem(&job.place, what, format!("use up to {NAME_MAX} of `a-z 0-9 _ -`"));
    }
}

fn langs(checker: &mut Checker, list: &List) -> Vec<String> {
    let mut langs = Vec::new();
    for field in fields(list) {
        let lang = field.value.to_string().to_ascii_lowercase();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !lang.starts_with(|c: char| c.is_ascii_alphabetic()) || !lang.chars().all(letters) {
            let what = format!("`{}` is not a language", field.value);
            checker.problem(&field.place, what, "write it as in posts: `ja`, `pt-BR`");
        }
        langs.push(lang);
    }
    langs
}

fn named(checker: &mut Checker, list: &List, sources: &[SourcePlan]) -> Vec<String> {
    let known = || sources.iter().map(|source| source.name.as_str());
    let mut names = Vec::new();
    for field in fields(list) {
        let name = field.value.to_string();
        if !known().any(|known| known == name) {
            let near = nearest(&name, known());
            let help = near.map_or_else(
                || format!("the sources are {}", known().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            checker.problem(&field.place, format!("there is no source `{name}`"), help);
        }
        names.push(name);
    }
    names
}
