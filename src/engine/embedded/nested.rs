//! Views in the checkpoint: each has a section in which its own sections stand.

use std::collections::BTreeSet;

use crate::engine::embedded::views::{Makings, States};
use crate::state::restore::Restoring;
use crate::state::sections::{Raw, RawSections, Snapshotter, kind, read_view};
use crate::state::{Settings, State};
use crate::window::restore::Nonsense;

/// What changed in every state since the last record.
pub(super) fn news(states: &mut States) -> RawSections {
    let mut sections = states.all.take_news();
    sections.push(meta(&states.all));
    for view in &mut states.views {
        let mut inner = view.take_news();
        inner.push(meta(view));
        sections.push(of_view(view, inner));
    }
    sections
}

/// What the last piece of a snapshot says of every state.
pub(super) fn metas(states: &States) -> RawSections {
    let views = states.views.iter().map(|view| of_view(view, vec![meta(view)]));
    std::iter::once(meta(&states.all)).chain(views).collect()
}

fn meta(state: &State) -> Raw {
    Raw::Body(kind::META, serde_json::to_vec(&state.meta()).expect("numbers are JSON"))
}

fn of_view(view: &State, sections: RawSections) -> Raw {
    let Settings { view: name, filter, .. } = view.settings();
    Raw::View(name.clone(), *filter, sections)
}

/// A snapshot of all states, one after the other.
pub(super) struct Pieces {
    all: Snapshotter,
    views: Vec<Snapshotter>,
    /// Views whose pieces are all taken.
    taken: usize,
}

impl Pieces {
    /// Begins with the first piece.
    pub(super) fn new(states: &States) -> Self {
        let views = states.views.iter().map(Snapshotter::new).collect();
        Self { all: Snapshotter::new(&states.all), views, taken: 0 }
    }

    /// The next piece; `None` = all are taken.
    pub(super) fn next(&mut self, states: &mut States, epoch: u64) -> Option<RawSections> {
        if let Some(piece) = self.all.next(&mut states.all, epoch) {
            return Some(piece);
        }
        while let Some(taking) = self.views.get_mut(self.taken) {
            let view = &mut states.views[self.taken];
            if let Some(piece) = taking.next(view, epoch) {
                return Some(vec![of_view(view, piece)]);
            }
            self.taken += 1;
        }
        None
    }
}

/// The views of a job, being put together from what a checkpoint holds of them.
pub(super) struct Nested {
    views: Vec<Reading>,
    /// Views in the last record that are none of the job.
    strange: BTreeSet<String>,
}

struct Reading {
    settings: Settings,
    state: Restoring,
    /// It stands in the record being read, or in a piece.
    held: bool,
}

impl Nested {
    /// Begins with nothing.
    pub(super) fn new(makings: &Makings) -> Self {
        let reading = |settings: &Settings| Reading {
            settings: settings.clone(),
            state: Restoring::new(settings.clone(), makings.tags),
            held: false,
        };
        Self { views: makings.views.iter().map(reading).collect(), strange: BTreeSet::new() }
    }

    /// A record follows.
    pub(super) fn begin_record(&mut self) {
        self.strange.clear();
        self.views.iter_mut().for_each(|view| view.held = false);
    }

    /// A record is read. A view that does not stand in it was not counted then: what was told of
    /// it before has a gap, so it begins anew.
    pub(super) fn end_record(&mut self, makings: &Makings) {
        for view in self.views.iter_mut().filter(|view| !view.held) {
            view.state = Restoring::new(view.settings.clone(), makings.tags);
        }
    }

    /// Reads the section of a view.
    pub(super) fn read(&mut self, epoch: u64, body: &[u8]) -> Result<bool, Nonsense> {
        let told = read_view(body).ok_or(Nonsense("a view's section ends too early"))?;
        let (name, filter, sections) = told;
        let same =
            |view: &&mut Reading| view.settings.view == name && view.settings.filter == filter;
        let Some(view) = self.views.iter_mut().find(same) else {
            self.strange.insert(name.to_owned());
            return Ok(true);
        };
        view.held = true;
        let mut known = true;
        for (of, body) in sections {
            known &= view.state.read(epoch, of, body)?;
        }
        Ok(known)
    }

    /// Names of views that start empty, and of those that the job no longer has.
    pub(super) fn strange(&self) -> (Vec<String>, Vec<String>) {
        let name = |view: &Reading| view.settings.view.clone();
        let new = self.views.iter().filter(|view| !view.held).map(name).collect();
        let ours = |old: &&String| self.views.iter().any(|view| view.settings.view == **old);
        (new, self.strange.iter().filter(|old| !ours(old)).cloned().collect())
    }

    /// The states, whose event time is as far as that of `all`.
    pub(super) fn finish(self, all: &State) -> Result<Vec<State>, Nonsense> {
        let finish = |view: Reading| {
            let mut state = view.state.finish()?;
            state.follow(all);
            Ok(state)
        };
        self.views.into_iter().map(finish).collect()
    }
}
