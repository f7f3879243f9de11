//! The states of a run: one of all posts, and one for each view of the job. A view is a state like
//! any other; it counts the part of each batch that fits its filter.

use std::borrow::Cow;

use super::EngineError;
use crate::job::{Plan, ViewPlan};
use tagtide_extract::wildcard::Patterns;
use tagtide_trends::rank::report::{Report, Reported, Reporter};
use tagtide_trends::state::State;
use tagtide_trends::state::extracted_batch::ExtractedBatch;
use tagtide_trends::state::pane_update::PaneUpdate;
use tagtide_trends::state::tag_filter::TagFilter;
use tagtide_trends::store::hash::Seed;
use tagtide_trends::view::Filter;

/// Key of the fingerprints of filters. Never changed: they are in checkpoints.
const FINGERPRINTS: Seed = Seed::new(*b"tagtide: what a view's filter is");

/// A view with its filter, ready to run.
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) filter: Filter,
    /// Another one is another view, although the name may be the same.
    pub(crate) fingerprint: u64,
}

/// The lists of tags of a plan.
pub(crate) fn tag_lists(plan: &Plan) -> TagFilter {
    let patterns = |list: &Vec<String>| Patterns::new(list.iter().cloned());
    let tags = &plan.tags;
    TagFilter { hide: patterns(&tags.hide), drop: patterns(&tags.drop), only: patterns(&tags.only) }
}

/// The views of a plan; files of accounts are read.
pub(crate) fn open_views(plan: &Plan) -> Result<Vec<View>, EngineError> {
    plan.views.iter().map(|view| View::new(view, plan)).collect()
}

impl View {
    fn new(view: &ViewPlan, plan: &Plan) -> Result<Self, EngineError> {
        let mut authors = Cow::Borrowed(&view.authors);
        if let Some(path) = &view.authors_file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let (view, path) = (view.name.clone(), path.clone());
                EngineError::View { view, path, source: error }
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

/// Everything that a run has counted.
pub(crate) struct States {
    /// All posts.
    pub(crate) all: State,
    /// Those of each view.
    pub(crate) views: Vec<State>,
    /// Makes rankings of each of them at boundaries, in the same order.
    reporters: Vec<Reporter>,
}

impl States {
    /// These states; `reports` of each of them, that of all posts first.
    pub(crate) fn new(all: State, views: Vec<State>, reports: Vec<Vec<Report>>) -> Self {
        let mut reporters: Vec<_> = reports.into_iter().map(Reporter::new).collect();
        reporters.resize_with(1 + views.len(), Reporter::default);
        Self { all, views, reporters }
    }

    /// Each of them with its reporter.
    fn with_reporters(&mut self) -> impl Iterator<Item = (&mut State, &mut Reporter)> {
        std::iter::once(&mut self.all).chain(&mut self.views).zip(&mut self.reporters)
    }

    /// That of the view `name`; all posts where none is named.
    pub(crate) fn of(&self, name: Option<&str>) -> Option<&State> {
        let Some(name) = name else { return Some(&self.all) };
        self.each().find(|state| state.settings().view == name)
    }

    /// The same, to change.
    pub(crate) fn of_mut(&mut self, name: Option<&str>) -> Option<&mut State> {
        let Some(name) = name else { return Some(&mut self.all) };
        let mut all = std::iter::once(&mut self.all).chain(&mut self.views);
        all.find(|state| state.settings().view == name)
    }

    /// All of them, that of all posts first.
    pub(crate) fn each(&self) -> impl Iterator<Item = &State> {
        std::iter::once(&self.all).chain(&self.views)
    }

    /// Does the same to all of them.
    pub(crate) fn each_mut(&mut self, what: impl FnMut(&mut State)) {
        std::iter::once(&mut self.all).chain(&mut self.views).for_each(what);
    }

    /// [`State::begin_batch`] of each with its part.
    pub(crate) fn begin_batch(&mut self, batch: &ExtractedBatch) {
        let parts = std::iter::once(batch).chain(&batch.views);
        for ((state, reporter), part) in self.with_reporters().zip(parts) {
            state.begin_batch(part, reporter);
        }
    }

    /// [`State::count_row`] of each with its part of the row `number`.
    pub(crate) fn count_row(&mut self, batch: &ExtractedBatch, number: usize, horizon: i64) {
        let parts = std::iter::once(batch).chain(&batch.views);
        for ((state, reporter), part) in self.with_reporters().zip(parts) {
            state.count_row(part, &part.rows[number], horizon, reporter);
        }
    }

    /// [`State::apply`] of each with its part of an update.
    pub(crate) fn apply(&mut self, update: PaneUpdate) {
        let parts = update.by_view(self.views.len());
        for ((state, reporter), part) in self.with_reporters().zip(&parts) {
            state.apply(part, reporter);
        }
    }

    /// [`State::show`] of each.
    pub(crate) fn show(&mut self, at: i64) {
        self.with_reporters().for_each(|(state, reporter)| state.show(at, reporter));
    }

    /// [`State::change_tag_filter`] of each.
    pub(crate) fn change_lists(&mut self, lists: &TagFilter) {
        self.each_mut(|state| state.change_tag_filter(lists.clone()));
    }

    /// Rankings made of all states at boundaries since the last call.
    pub(crate) fn take_reported(&mut self) -> Vec<Reported> {
        let mut reported = Vec::new();
        self.reporters.iter_mut().for_each(|reporter| reported.extend(reporter.take()));
        reported
    }
}
