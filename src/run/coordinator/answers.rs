//! Commands and questions to the coordinator.

use std::sync::Arc;

use super::{Coordinator, Parts};
use crate::run::handle::Command;
use crate::run::live_query::{Answer, Question};
use crate::run::{EngineError, Summary};
use tagtide_trends::rank::Query;

impl Coordinator {
    /// Does what a handle asks for.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Ask(question, to) => {
                let _ = to.send(self.answer(question));
            }
            Command::ChangeLists(tags, accounts) => {
                self.parts.state.change_lists(&tags);
                if self.parts.engine.block(accounts) {
                    // Names are not stored, so it is not known which posts are theirs.
                    self.parts.state.all.forget_recent();
                }
            }
            Command::End(top, to) => self.ends.push((top, to)),
            Command::Wake => {}
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        let at = self.now();
        self.parts.state.show(at);
        let of = |view: Option<String>| self.parts.state.of(view.as_deref());
        match question {
            Question::Columns { view } => {
                let Parts { snapshots, state, .. } = &mut self.parts;
                snapshots.take(state, view.as_deref(), at).into()
            }
            Question::Ranking(query) => {
                self.parts.publisher.ranking(&self.parts.state, &query, at).into()
            }
            Question::Tag { view, key } => {
                of(view).and_then(|state| tagtide_trends::rank::ranking::tag(state, &key)).into()
            }
            Question::Explain { view, key, window_s } => {
                let window_ms = i64::try_from(window_s).ok().and_then(|s| s.checked_mul(1_000));
                let explain =
                    |(state, ms)| tagtide_trends::rank::explain::explain(state, &key, ms, at);
                of(view).zip(window_ms).and_then(explain).into()
            }
        }
    }

    /// The end of the run, or why it failed; the error is given once.
    pub(super) fn summary(&mut self, top: usize) -> Result<Summary, EngineError> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let everything = Query { mode: None, window_s: None, view: None, top };
        Ok(Summary {
            ranking: self.answer(Question::Ranking(everything)).ranking().unwrap_or_default(),
            status: Arc::clone(&self.parts.published.borrow().status),
            first_event: self.first_event,
            distinct_tags: self.parts.state.all.distinct_tags(),
        })
    }
}
