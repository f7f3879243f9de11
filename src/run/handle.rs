//! The handle on a run, for those who watch, ask and stop it.

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use tokio::sync::watch;

use super::live_query::{Answer, LiveQuery, Question};
use super::ranking_keys::RankingKeys;
use super::shutdown::Shutdown;
use super::view_states::tag_lists;
use super::{EngineError, Summary};
use crate::job::Plan;
use tagtide_extract::wildcard::Patterns;
use tagtide_trends::rank::ranking::{Key, snapshot_ranking};
use tagtide_trends::rank::{Query, Ranking, TickSnapshot};
use tagtide_trends::state::tag_filter::TagFilter;

/// What a handle sends to the coordinator.
pub(super) enum Command {
    /// A question, and where its answer goes.
    Ask(Question, Sender<Answer>),
    /// To be answered once the run has ended: rows of the final ranking.
    End(usize, Sender<Result<Summary, EngineError>>),
    /// Other lists of tags and of accounts.
    ChangeLists(Box<TagFilter>, Patterns),
    /// The [`Shutdown`] flag was set.
    Wake,
}

/// A handle on a started run; cheap to clone.
#[derive(Clone)]
pub struct Run {
    watch: watch::Receiver<Arc<TickSnapshot>>,
    keys: Arc<RankingKeys>,
    commands: Sender<Command>,
    shutdown: Shutdown,
}

impl Run {
    pub(super) fn new(
        watch: watch::Receiver<Arc<TickSnapshot>>,
        keys: Arc<RankingKeys>,
        commands: Sender<Command>,
        shutdown: Shutdown,
    ) -> Self {
        Self { watch, keys, commands, shutdown }
    }

    /// Every published ranking; the receiver sees the newest and may miss some.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<TickSnapshot>> {
        self.watch.clone()
    }

    /// Asks it to drain, checkpoint and end; `now` ends it without draining.
    pub fn stop(&self, now: bool) {
        if now {
            self.shutdown.now();
        } else {
            self.shutdown.drain();
        }
        let _ = self.commands.try_send(Command::Wake);
    }

    /// Takes over the lists of tags and accounts of `plan`, and nothing else of it.
    pub fn change_lists(&self, plan: &Plan) {
        let accounts = Patterns::new(plan.people.block.iter().cloned());
        let _ = self.commands.send(Command::ChangeLists(Box::new(tag_lists(plan)), accounts));
    }

    /// A ranking of many rows, made on this thread while counting goes on.
    fn rank_here(&self, query: &Query, key: Key) -> Option<Ranking> {
        let columns = self.ask(Question::Columns { view: query.view.clone() }).columns()?;
        let mut ranking = snapshot_ranking(&columns, key, query.top)?;
        drop(columns);
        let published = Arc::clone(&self.watch.borrow());
        ranking.set_changes(&published.rankings);
        Some(ranking)
    }

    /// Waits for the end. `top` = rows of [`Summary::ranking`].
    ///
    /// # Errors
    /// [`EngineError`] where the run failed; only the first call gets it.
    pub fn join(&self, top: usize) -> Result<Summary, EngineError> {
        let (to, answer) = bounded(1);
        self.commands.send(Command::End(top, to)).map_err(|_| EngineError::Gone)?;
        answer.recv().map_err(|_| EngineError::Gone)?
    }
}

impl LiveQuery for Run {
    fn ask(&self, question: Question) -> Answer {
        if let Question::Ranking(query) = &question
            && query.top > self.keys.published_rows
            && let Some(key) = self.keys.find(query).filter(|key| !key.mode.is_scored())
        {
            return self.rank_here(query, key).into();
        }
        let (to, answer) = bounded(1);
        let sent = self.commands.send(Command::Ask(question, to));
        sent.ok().and_then(|()| answer.recv().ok()).unwrap_or(Answer::Nothing)
    }
}
