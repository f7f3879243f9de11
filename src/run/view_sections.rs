//! Views in the checkpoint: each has one section, which holds the sections of its state.

use std::collections::BTreeSet;

use super::state_settings::StateSettings;
use super::view_states::States;
use tagtide_trends::state::checkpoint_sections::{Raw, RawSections, Snapshotter, kind, read_view};
use tagtide_trends::state::restore::Restoring;
use tagtide_trends::state::{Settings, State};
use tagtide_trends::window::restore::CorruptSection;

/// What changed in every state since the last record.
pub(crate) fn take_pending(states: &mut States) -> RawSections {
    let mut sections = states.all.take_pending();
    sections.push(meta(&states.all));
    for view in &mut states.views {
        let mut inner = view.take_pending();
        inner.push(meta(view));
        sections.push(of_view(view, inner));
    }
    sections
}

/// The sections of every state that the last piece of a snapshot has.
pub(crate) fn meta_sections(states: &States) -> RawSections {
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
pub(crate) struct Pieces {
    all: Snapshotter,
    views: Vec<Snapshotter>,
    /// Views whose pieces are all taken.
    taken: usize,
}

impl Pieces {
    /// Begins with the first piece.
    pub(crate) fn new(states: &States) -> Self {
        let views = states.views.iter().map(Snapshotter::new).collect();
        Self { all: Snapshotter::new(&states.all), views, taken: 0 }
    }

    /// The next piece; `None` = all are taken.
    pub(crate) fn next(&mut self, states: &mut States, epoch: u64) -> Option<RawSections> {
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

/// The views of a job while a checkpoint is read.
pub(crate) struct ViewRestore {
    views: Vec<Reading>,
    /// Views in the last record that the job has not.
    unknown: BTreeSet<String>,
}

struct Reading {
    settings: Settings,
    state: Restoring,
    /// The record being read has it, or a piece.
    held: bool,
}

impl ViewRestore {
    /// Begins with nothing.
    pub(crate) fn new(settings: &StateSettings) -> Self {
        let reading = |of: &Settings| Reading {
            settings: of.clone(),
            state: Restoring::new(of.clone(), settings.tags),
            held: false,
        };
        Self { views: settings.views.iter().map(reading).collect(), unknown: BTreeSet::new() }
    }

    /// A record follows.
    pub(crate) fn begin_record(&mut self) {
        self.unknown.clear();
        self.views.iter_mut().for_each(|view| view.held = false);
    }

    /// A record was read. A view that is missing in it was not counted then, so what came before
    /// has a gap, and the view starts over.
    pub(crate) fn end_record(&mut self, settings: &StateSettings) {
        for view in self.views.iter_mut().filter(|view| !view.held) {
            view.state = Restoring::new(view.settings.clone(), settings.tags);
        }
    }

    /// Reads the section of a view.
    pub(crate) fn read(&mut self, epoch: u64, body: &[u8]) -> Result<bool, CorruptSection> {
        let section = read_view(body).ok_or(CorruptSection("a view's section ends too early"))?;
        let (name, filter, sections) = section;
        let same =
            |view: &&mut Reading| view.settings.view == name && view.settings.filter == filter;
        let Some(view) = self.views.iter_mut().find(same) else {
            self.unknown.insert(name.to_owned());
            return Ok(true);
        };
        view.held = true;
        let rest = view.state.read(epoch, &sections).map_err(|(_, corrupt)| corrupt)?;
        Ok(rest.is_empty())
    }

    /// Names of views that start empty, and of those that the job no longer has.
    pub(crate) fn added_and_dropped(&self) -> (Vec<String>, Vec<String>) {
        let name = |view: &Reading| view.settings.view.clone();
        let new = self.views.iter().filter(|view| !view.held).map(name).collect();
        let ours = |old: &&String| self.views.iter().any(|view| view.settings.view == **old);
        (new, self.unknown.iter().filter(|old| !ours(old)).cloned().collect())
    }

    /// The states, whose event time is as far as that of `all`.
    pub(crate) fn finish(self, all: &State) -> Result<Vec<State>, CorruptSection> {
        let finish = |view: Reading| {
            let mut state = view.state.finish()?;
            state.follow(all);
            Ok(state)
        };
        self.views.into_iter().map(finish).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::ExtractConfig;
    use crate::job::{Job, Plan, Purpose, check};
    use crate::run::HashKeys;
    use crate::run::view_states::open_views;
    use tagtide_extract::Extractor;
    use tagtide_posts::post::Batch;
    use tagtide_trends::rank::ranking::{Key, ranking};
    use tagtide_trends::rank::{Mode, Ranking};
    use tagtide_trends::state::checkpoint_sections::{Sections, encode};
    use tagtide_trends::state::extracted_batch::ExtractedBatch;
    use tagtide_trends::store::hash::Seed;

    const JOB: &str = "time = \"event\"\n[count]\nwindows = [\"1m\", \"5m\"]\n\
                       modes = [\"total\", \"count\", \"authors\", \"decay\"]\n\
                       [people]\nknown = true\n\
                       [view.odd]\nauthors = \"*1\"\n[view.long]\ntags = \"*_with_a_long_key*\"\n\
                       [[source]]\nkind = \"stdin\"\nformat = \"text+\"\n";

    fn plan() -> Plan {
        check(&Job::parse(JOB, "job.toml").expect("it parses"), Purpose::Run).expect("it is sound")
    }

    fn seed() -> Seed {
        Seed::new(*b"a key that is no secret, 32 long")
    }

    /// A hundred posts of one second.
    fn feed(config: &ExtractConfig, states: &mut States, second: i64) {
        let mut batch = Batch::default();
        for n in 0..100 {
            let (author, tag) = ((second + n) % 7, (second * n) % 50 + second / 200);
            let at = 1_767_571_200_000 + second * 1_000;
            let line = format!("u{author}\t{at}\t#t{tag} #T{tag}_with_a_long_key #Straße{tag}\n");
            batch.buffer().extend_from_slice(line.as_bytes());
        }
        let len = batch.buffer().len();
        batch.seal(len);
        let mut out = ExtractedBatch::default();
        out.begin(batch);
        config.extract(&mut Extractor::default(), &mut out);
        states.begin_batch(&out);
        (0..out.rows.len()).for_each(|row| states.count_row(&out, row, i64::MAX));
    }

    fn rankings(state: &mut State) -> Vec<Ranking> {
        let at = state.newest().expect("it has posts");
        state.show(at, &mut ());
        let of = |(mode, window_ms)| ranking(state, Key { mode, window_ms }, at, 1_000);
        [(Mode::Total, 0), (Mode::Count, 60_000), (Mode::Authors, 300_000), (Mode::Decay, 0)]
            .into_iter()
            .filter_map(of)
            .collect()
    }

    fn read(nested: &mut ViewRestore, epoch: u64, sections: &Sections) {
        for (of, body) in sections.iter().filter(|(of, _)| *of == kind::VIEW) {
            assert_eq!(nested.read(epoch, body), Ok(true), "{of}");
        }
    }

    #[test]
    fn views_come_back_from_a_snapshot_in_pieces_and_the_records_after_it() {
        let plan = plan();
        let made =
            || StateSettings::new(&plan, &open_views(&plan).expect("no files"), true, seed());
        let filters = open_views(&plan).expect("no files").into_iter().map(|view| view.filter);
        let keys = HashKeys { tags: seed(), people: seed() };
        let config = ExtractConfig::new(&plan, filters.collect(), keys);
        let mut states = made().empty();
        let (mut records, mut pieces) = (Vec::new(), Vec::new());
        let mut taking: Option<Pieces> = None;
        for epoch in 1..=140 {
            (0..5).for_each(|part| feed(&config, &mut states, 5 * epoch as i64 + part));
            records.push((epoch, encode(take_pending(&mut states))));
            if epoch == 50 {
                taking = Some(Pieces::new(&states));
            }
            match taking.as_mut().map(|taking| taking.next(&mut states, epoch)) {
                Some(Some(piece)) => pieces.push(encode(piece)),
                Some(None) => {
                    pieces.push(encode(meta_sections(&states)));
                    taking = None;
                }
                None => {}
            }
        }
        assert!(taking.is_none() && pieces.len() > 54, "the snapshot is whole: {}", pieces.len());
        let mut nested = ViewRestore::new(&made());
        pieces.iter().for_each(|piece| read(&mut nested, 0, piece));
        for (epoch, record) in records.iter().filter(|(epoch, _)| *epoch > 50) {
            nested.begin_record();
            read(&mut nested, *epoch, record);
            nested.end_record(&made());
        }
        assert_eq!(nested.added_and_dropped(), (Vec::new(), Vec::new()));
        let mut again = nested.finish(&states.all).expect("it fits together");
        for (again, live) in again.iter_mut().zip(&mut states.views) {
            let wanted = rankings(live);
            assert!(wanted.len() == 4 && wanted.iter().all(|one| one.trends.len() > 30));
            assert_eq!(rankings(again), wanted);
            assert_eq!(again.counters(), live.counters());
            let joined = live.ring().joined().expect("the job asks who is known");
            assert!(joined[1] > 0, "{joined:?}");
            assert_eq!(again.ring().joined(), Some(joined));
        }
    }
}
