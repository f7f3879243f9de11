//! Rankings and status of one tick.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::ranking_keys::RankingKeys;
use super::view_states::States;
use crate::job::{Plan, TimePlan, ViewPlan};
use tagtide_trends::rank::ranking::{self, Key};
use tagtide_trends::rank::sparkline;
use tagtide_trends::rank::{Query, Ranking, TickSnapshot};
use tagtide_trends::state::State;
use tagtide_trends::status::{
    AlertsStatus, CheckpointStatus, HistoryStatus, RunState, SinkStatus, SourceStatus, Status,
    ViewStatus,
};

/// The rate is that of the last ten seconds.
const RATE_MS: i64 = 10_000;

fn named(view: &ViewPlan) -> ViewStatus {
    ViewStatus { name: view.name.clone(), ..ViewStatus::default() }
}

fn view(state: &State) -> ViewStatus {
    let (name, posts) = (state.settings().view.clone(), state.counters().posts);
    ViewStatus { name, tags: state.distinct_tags(), posts }
}

fn scored_windows_s(keys: &[Key]) -> Vec<u64> {
    let scored = keys.iter().filter(|key| key.mode.is_scored());
    let mut windows: Vec<u64> = scored.map(|key| key.window_ms as u64 / 1000).collect();
    windows.sort_unstable();
    windows.dedup();
    windows
}

/// Makes what is published.
pub(crate) struct Publisher {
    pub(crate) keys: Arc<RankingKeys>,
    /// Made last.
    rankings: Vec<Arc<Ranking>>,
    batch: u64,
    rate: VecDeque<(i64, u64)>,
    /// How long the previous tick took.
    pub(crate) tick: Duration,
    status: Status,
    live: bool,
}

impl Publisher {
    pub(crate) fn new(plan: &Plan, started_at: i64) -> Self {
        let keys = RankingKeys::new(plan);
        let status = Status {
            job: plan.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            batch_ms: plan.batch.as_millis() as u64,
            tags_max: plan.limits.tags_max as u64,
            windows_s: plan.count.windows.iter().map(Duration::as_secs).collect(),
            scored_windows_s: scored_windows_s(&keys.all),
            modes: plan.count.modes.iter().map(|mode| mode.name().to_owned()).collect(),
            views: plan.views.iter().map(named).collect(),
            ..Status::default()
        };
        Self {
            keys: Arc::new(keys),
            rankings: Vec::new(),
            batch: 0,
            rate: VecDeque::new(),
            tick: Duration::ZERO,
            status,
            live: plan.time == TimePlan::Live,
        }
    }

    /// What is published before the first tick.
    pub(crate) fn first(&self) -> TickSnapshot {
        TickSnapshot {
            batch: 0,
            published_at: self.status.started_at,
            default: self.keys.default,
            rankings: Vec::new(),
            status: Arc::new(self.status.clone()),
        }
    }

    /// All rankings at event time `at`.
    pub(crate) fn rank(&mut self, states: &States, at: i64) -> Vec<Arc<Ranking>> {
        let mut rankings = Vec::with_capacity(self.rankings.len());
        // A replay at full speed shows no sparklines.
        let mut counts_left = if self.live { sparkline::COUNTS_MAX } else { 0 };
        for state in states.each() {
            for &key in &self.keys.all {
                let made = ranking::ranking(state, key, at, self.keys.published_rows);
                let Some(mut ranking) = made else { continue };
                ranking.set_changes(&self.rankings);
                if counts_left > 0 {
                    sparkline::fill(state, key, at, &mut counts_left, &mut ranking);
                }
                rankings.push(Arc::new(ranking));
            }
        }
        self.rankings.clone_from(&rankings);
        rankings
    }

    /// Puts rankings and status together.
    #[expect(clippy::too_many_arguments, reason = "one call, each argument of another owner")]
    pub(crate) fn publish(
        &mut self,
        rankings: Vec<Arc<Ranking>>,
        states: &States,
        clock: i64,
        last: bool,
        sources: &[SourceStatus],
        sinks: Vec<SinkStatus>,
        (checkpoint_epoch, checkpoint): (Option<u64>, Option<CheckpointStatus>),
        (history, alerts): (Option<HistoryStatus>, Option<AlertsStatus>),
    ) -> TickSnapshot {
        self.batch += 1;
        let state = &states.all;
        let newest = state.newest();
        let waits = |source: &SourceStatus| matches!(&*source.state, "connecting" | "retrying");
        let started = sources.iter().any(|source| !waits(source) || source.posts > 0);
        self.status = Status {
            state: match (last, started, self.live) {
                (true, ..) => RunState::Ended,
                (_, false, _) => RunState::Connecting,
                (_, _, true) => RunState::Live,
                (_, _, false) => RunState::Replay,
            },
            event_time: newest,
            watermark: state.watermark(),
            posts_per_s: self.rate(clock, state.counters().posts),
            lag_ms: newest.filter(|_| self.live).map(|newest| (clock - newest).max(0)),
            tick_ms: self.tick.as_secs_f64() * 1_000.0,
            checkpoint_epoch,
            checkpoint,
            tags: state.distinct_tags(),
            approximate: state.is_approximate(),
            counters: state.counters(),
            sources: sources.to_vec(),
            sinks,
            history,
            alerts,
            views: states.views.iter().map(view).collect(),
            ..self.status.clone()
        };
        TickSnapshot {
            batch: self.batch,
            published_at: clock,
            default: self.keys.default,
            rankings,
            status: Arc::new(self.status.clone()),
        }
    }

    /// A ranking with as many rows as are asked for; `None` if it is not configured.
    pub(crate) fn ranking(&self, states: &States, query: &Query, at: i64) -> Option<Ranking> {
        let state = states.of(query.view.as_deref())?;
        let mut ranking = ranking::ranking(state, self.keys.find(query)?, at, query.top)?;
        ranking.set_changes(&self.rankings);
        Some(ranking)
    }

    fn rate(&mut self, clock: i64, posts: u64) -> f64 {
        self.rate.push_back((clock, posts));
        while self.rate.len() > 2 && self.rate[1].0 <= clock - RATE_MS {
            self.rate.pop_front();
        }
        let (since, before) = self.rate[0];
        let ms = clock - since;
        if ms <= 0 { 0.0 } else { posts.saturating_sub(before) as f64 * 1000.0 / ms as f64 }
    }
}
