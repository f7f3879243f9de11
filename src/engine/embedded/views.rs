//! The states of a run: that of all posts, and one for each view of the job. A view is a state like
//! any other, fed with the part of each batch that fits it.

use std::borrow::Cow;

use crate::engine::EngineError;
use crate::job::{Plan, ViewPlan};
use crate::state::extracted::Extracted;
use crate::state::hash::Seed;
use crate::state::lists::Lists;
use crate::state::slides::Reported;
use crate::state::{Settings, State};
use crate::view::Filter;
use tagtide_extract::pattern::Patterns;

/// Key of the fingerprints of filters. Never changed: they are in checkpoints.
const FINGERPRINTS: Seed = Seed::new(*b"tagtide: what a view's filter is");

/// A view as the engine makes it.
pub(super) struct View {
    name: String,
    pub(super) filter: Filter,
    /// Another one is another view, although the name may be the same.
    fingerprint: u64,
}

/// The views of a plan; files of accounts are read.
pub(super) fn views(plan: &Plan) -> Result<Vec<View>, EngineError> {
    plan.views.iter().map(|view| View::new(view, plan)).collect()
}

impl View {
    fn new(view: &ViewPlan, plan: &Plan) -> Result<Self, EngineError> {
        let mut authors = Cow::Borrowed(&view.authors);
        if let Some(path) = &view.authors_file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let (name, path) = (&view.name, path.display());
                EngineError::View(format!("view `{name}`: cannot read `{path}`: {error}"))
            })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            authors.to_mut().extend(lines.map(str::to_owned));
        }
        let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        let patterns = |list: &Vec<String>| Patterns::new(list.iter().cloned());
        let numbers = (0..).zip(&plan.sources);
        let numbers = numbers.filter(|(_, source)| view.sources.contains(&source.name));
        let whose = !authors.is_empty() || view.authors_file.is_some();
        let filter = Filter {
            langs: given(&view.langs),
            sources: given(&view.sources).map(|_| numbers.map(|(number, _)| number).collect()),
            authors: whose.then(|| patterns(&authors)),
            tags: given(&view.tags).map(|tags| patterns(&tags)),
        };
        let lists = [&view.langs, &view.sources, &*authors, &view.tags];
        Ok(Self { name: view.name.clone(), filter, fingerprint: fingerprint(lists, whose) })
    }
}

/// The same for the same lists, in whatever order; never 0.
fn fingerprint(lists: [&Vec<String>; 4], whose: bool) -> u64 {
    let sorted = lists.map(|list| {
        let mut list = list.clone();
        list.sort_unstable();
        list.dedup();
        list
    });
    FINGERPRINTS.bytes(format!("{sorted:?} {whose}").as_bytes()).max(1)
}

/// What the states of a run are made for: all posts first, then each view.
pub(super) struct Makings {
    pub(super) all: Settings,
    pub(super) views: Vec<Settings>,
    /// Key of the hash of their tables.
    pub(super) tags: Seed,
}

impl Makings {
    /// For `plan` with these views; `keep_delta` = there is a checkpoint.
    pub(super) fn new(plan: &Plan, views: &[View], keep_delta: bool, tags: Seed) -> Self {
        let all = super::settings(plan, keep_delta);
        let of = |view: &View| Settings {
            view: view.name.clone(),
            filter: view.fingerprint,
            // Copies of posts are kept once, with all posts.
            recent_posts: 0,
            reports: match keep_delta {
                true => super::told::reports(plan, &view.name),
                false => Vec::new(),
            },
            ..all.clone()
        };
        Self { views: views.iter().map(of).collect(), all, tags }
    }

    /// Nothing counted yet.
    pub(super) fn empty(self) -> States {
        let empty = |settings| State::new(settings, self.tags);
        States { all: empty(self.all), views: self.views.into_iter().map(empty).collect() }
    }
}

/// Everything that a run has counted.
pub(super) struct States {
    /// All posts.
    pub(super) all: State,
    /// Those of each view.
    pub(super) views: Vec<State>,
}

impl States {
    /// That of the view `name`; all posts where none is named.
    pub(super) fn of(&self, name: Option<&str>) -> Option<&State> {
        let Some(name) = name else { return Some(&self.all) };
        self.each().find(|state| state.settings().view == name)
    }

    /// All of them, that of all posts first.
    pub(super) fn each(&self) -> impl Iterator<Item = &State> {
        std::iter::once(&self.all).chain(&self.views)
    }

    /// Does the same to all of them.
    pub(super) fn each_mut(&mut self, what: impl FnMut(&mut State)) {
        std::iter::once(&mut self.all).chain(&mut self.views).for_each(what);
    }

    /// [`State::begin_batch`] of each with its part.
    pub(super) fn begin_batch(&mut self, batch: &Extracted) {
        self.all.begin_batch(batch);
        for (view, part) in self.views.iter_mut().zip(&batch.views) {
            view.begin_batch(part);
        }
    }

    /// [`State::count_row`] of each with its part of the row `number`.
    pub(super) fn count_row(&mut self, batch: &Extracted, number: usize, horizon: i64) {
        self.all.count_row(batch, &batch.rows[number], horizon);
        for (view, part) in self.views.iter_mut().zip(&batch.views) {
            view.count_row(part, &part.rows[number], horizon);
        }
    }

    /// [`State::show`] of each.
    pub(super) fn show(&mut self, at: i64) {
        self.each_mut(|state| state.show(at));
    }

    /// [`State::change_lists`] of each.
    pub(super) fn change_lists(&mut self, lists: &Lists) {
        self.each_mut(|state| state.change_lists(lists.clone()));
    }

    /// [`State::take_reported`] of all.
    pub(super) fn take_reported(&mut self) -> Vec<Reported> {
        let mut reported = Vec::new();
        self.each_mut(|state| reported.extend(state.take_reported()));
        reported
    }
}
