//! History and alerts of a run.
//!
//! The state makes rankings as event time passes; here they go to the threads that make them
//! durable, under the number of the epoch that they belong to. The checkpoint waits for these
//! threads before it commits that epoch, so a crash loses none of them, and what is counted again
//! after it is written again in its place.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::EngineError;
use super::ranking_keys::{default_key, keys};
use super::state_settings::ms;
use crate::alert::{Notifier, Rules, RulesState};
use crate::history::Writer;
use crate::job::Plan;
use tagtide_trends::rank::Ranking;
use tagtide_trends::rank::report::{Report, Reported};
use tagtide_trends::score::trending;
use tagtide_trends::status::{AlertsStatus, HistoryStatus};

/// Rows of a ranking that are kept.
const KEPT_ROWS: usize = 50;
/// Rows that rules look at.
const LOOKED_AT_ROWS: usize = 1_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// An epoch waits so long for what belongs to it; each thread ends a wait by itself before.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The threads that write the history and deliver alerts.
#[derive(Clone, Default)]
pub(crate) struct ReportThreads {
    history: Option<Arc<Writer>>,
    telling: Option<Arc<Notifier>>,
}

/// Where the rankings go that the state makes at boundaries of event time.
#[derive(Default)]
pub(crate) struct Reports {
    threads: ReportThreads,
    rules: Option<Rules>,
    /// The rules have seen something since their state was last taken.
    changed: bool,
}

/// The rankings that a plan needs of a view at boundaries of event time, in a run that has a state
/// directory.
pub(crate) fn wanted(plan: &Plan, view: &str) -> Vec<Report> {
    let mut reports = Vec::new();
    let (default, pane_ms) = (default_key(plan), ms(plan.count.pane));
    if plan.history.is_some() {
        for key in keys(plan) {
            let every_ms = if key == default { MINUTE_MS } else { HOUR_MS };
            reports.push(Report { key, rows: KEPT_ROWS, every_ms });
        }
    }
    if plan.alerts.iter().any(|alert| alert.view == view) {
        let every_ms = trending::slide_ms(default.window_ms.max(pane_ms), pane_ms);
        reports.push(Report { key: default, rows: LOOKED_AT_ROWS, every_ms });
    }
    reports
}

impl Reports {
    /// Starts the threads. `rules` is what a checkpoint holds of the rules.
    ///
    /// # Errors
    /// Where alerts cannot be delivered. Without a history that cannot be opened the run goes on.
    pub(crate) fn start(
        dir: &Path,
        plan: &Plan,
        clock: &tagtide_posts::clock::Clock,
        rules: Option<&[u8]>,
    ) -> Result<Self, EngineError> {
        let history = plan.history.and_then(|history| {
            let started = Writer::start(dir, history.max_bytes);
            started.map_err(|error| tracing::warn!("no history is kept: {error}")).ok()
        });
        let mut reports = Self::default();
        reports.threads.history = history.map(Arc::new);
        if !plan.alerts.is_empty() {
            let telling = Notifier::start(dir, &plan.alerts, clock.clone())?;
            reports.threads.telling = Some(Arc::new(telling));
            let state = rules.and_then(RulesState::from_bytes).unwrap_or_default();
            reports.rules = Some(Rules::new(&plan.name, &plan.alerts, state));
        }
        Ok(reports)
    }

    /// Takes rankings in that belong to the epoch `epoch`.
    pub(crate) fn take(&mut self, epoch: u64, reported: impl Iterator<Item = Reported>) {
        let mut kept: Vec<Arc<Ranking>> = Vec::new();
        for Reported { rows, ranking } in reported {
            if rows == KEPT_ROWS {
                kept.push(Arc::new(ranking));
            } else if let (Some(rules), Some(telling)) = (&mut self.rules, &self.threads.telling) {
                let raised = rules.evaluate(&ranking);
                self.changed = true;
                // A thread that has died logs and counts what it no longer takes; the same below.
                telling.offer(epoch, raised);
            }
        }
        if let Some(history) = self.threads.history.as_ref().filter(|_| !kept.is_empty()) {
            history.offer(epoch, kept);
        }
    }

    /// What the checkpoint keeps of the rules, where that has changed.
    pub(crate) fn take_changed_rules(&mut self) -> Option<Vec<u8>> {
        if std::mem::take(&mut self.changed) { self.rules() } else { None }
    }

    /// What the checkpoint keeps of the rules.
    pub(crate) fn rules(&self) -> Option<Vec<u8>> {
        self.rules.as_ref().map(|rules| rules.state().to_bytes())
    }

    /// The threads, for the checkpoint to wait for.
    pub(crate) fn threads(&self) -> ReportThreads {
        self.threads.clone()
    }

    /// State of the history.
    pub(crate) fn history_status(&self) -> Option<HistoryStatus> {
        self.threads.history.as_ref().map(|history| history.status())
    }

    /// State of the alerts.
    pub(crate) fn alerts_status(&self) -> Option<AlertsStatus> {
        self.threads.telling.as_ref().map(|telling| telling.status())
    }
}

impl ReportThreads {
    /// Waits until everything that belongs to epochs up to `epoch` is durable.
    pub(crate) fn wait_for(&self, epoch: u64) {
        let history = self.history.as_ref().is_none_or(|h| h.wait_for(epoch, WAIT_MAX));
        let telling = self.telling.as_ref().is_none_or(|t| t.wait_for(epoch, WAIT_MAX));
        if !(history && telling) {
            tracing::warn!("history or alerts are behind; counting goes on without them");
        }
    }
}
