//! Rankings and status of one tick.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::view_states::States;
use crate::job::{Plan, TimePlan, ViewPlan};
use tagtide_trends::rank::ranking::{self, Key, Places};
use tagtide_trends::rank::sparkline;
use tagtide_trends::rank::{PUBLISHED_ROWS_MIN, Query, Ranking, TickSnapshot};
use tagtide_trends::score::trending;
use tagtide_trends::state::State;
use tagtide_trends::status::{
    AlertsStatus, CheckpointStatus, HistoryStatus, RunState, SinkStatus, SourceStatus, Status,
    ViewStatus,
};

/// Rows published for each mode and window: at least so many for the page, at most so many
/// whatever the job prints at its end; more are asked for.
const ROWS: std::ops::RangeInclusive<usize> = PUBLISHED_ROWS_MIN..=1000;
/// The rate is that of the last ten seconds.
const RATE_MS: i64 = 10_000;

/// Every ranking of a plan: each mode over each window that it can have.
pub(crate) fn keys(plan: &Plan) -> Vec<Key> {
    let mut keys = Vec::new();
    for &mode in &plan.count.modes {
        if !mode.has_window() {
            keys.push(Key { mode, window_ms: 0 });
            continue;
        }
        let windows = plan.count.windows.iter().map(|window| window.as_millis() as i64);
        let pane_ms = plan.count.pane.as_millis() as i64;
        let fits = |window: &i64| !mode.is_scored() || trending::can_ask(*window, pane_ms);
        keys.extend(windows.filter(fits).map(|window_ms| Key { mode, window_ms }));
    }
    keys
}

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

/// The ranking that is shown by default.
pub(crate) fn default_key(plan: &Plan) -> Key {
    let (mode, window) = plan.count.default;
    let window_ms = if mode.has_window() { window.as_millis() as i64 } else { 0 };
    Key { mode, window_ms }
}

/// Makes what is published.
pub(crate) struct Publisher {
    keys: Vec<Key>,
    default: usize,
    top: usize,
    /// Of all posts, then of each view.
    places: Vec<Places>,
    batch: u64,
    rate: VecDeque<(i64, u64)>,
    /// How long the previous tick took.
    pub(crate) tick: Duration,
    status: Status,
    live: bool,
}

impl Publisher {
    pub(crate) fn new(plan: &Plan, started_at: i64) -> Self {
        let keys = keys(plan);
        let wanted = default_key(plan);
        let default = keys.iter().position(|key| *key == wanted).unwrap_or(0);
        let status = Status {
            job: plan.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            batch_ms: plan.batch.as_millis() as u64,
            tags_max: plan.limits.tags_max as u64,
            windows_s: plan.count.windows.iter().map(Duration::as_secs).collect(),
            scored_windows_s: scored_windows_s(&keys),
            modes: plan.count.modes.iter().map(|mode| mode.name().to_owned()).collect(),
            views: plan.views.iter().map(named).collect(),
            ..Status::default()
        };
        Self {
            keys,
            default,
            top: plan.count.top,
            places: (0..=plan.views.len()).map(|_| Places::default()).collect(),
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
            default: self.default,
            rankings: Vec::new(),
            status: Arc::new(self.status.clone()),
        }
    }

    /// All rankings at event time `at`.
    pub(crate) fn rank(&mut self, states: &States, at: i64) -> Vec<Arc<Ranking>> {
        let rows = self.top.clamp(*ROWS.start(), *ROWS.end());
        let mut rankings = Vec::with_capacity(self.keys.len() * self.places.len());
        // Nobody looks at sparklines in a replay at full speed.
        let mut counts_left = if self.live { sparkline::COUNTS_MAX } else { 0 };
        for (state, places) in states.each().zip(&mut self.places) {
            for &key in &self.keys {
                if let Some(mut ranking) = ranking::ranking(state, key, at, rows) {
                    places.note(key, &mut ranking);
                    if counts_left > 0 {
                        sparkline::fill(state, key, at, &mut counts_left, &mut ranking);
                    }
                    rankings.push(Arc::new(ranking));
                }
            }
        }
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
            default: self.default,
            rankings,
            status: Arc::new(self.status.clone()),
        }
    }

    /// A ranking with as many rows as are asked for; `None` if it is not configured.
    pub(crate) fn ranking(&self, states: &States, query: &Query, at: i64) -> Option<Ranking> {
        let default = self.keys.get(self.default)?;
        let mode = query.mode.unwrap_or(default.mode);
        let window_ms = match query.window_s {
            _ if !mode.has_window() => 0,
            Some(seconds) => i64::try_from(seconds).ok()?.checked_mul(1000)?,
            None if default.window_ms > 0 => default.window_ms,
            None => self.keys.iter().find(|key| key.mode == mode)?.window_ms,
        };
        let key = self.keys.iter().find(|key| **key == Key { mode, window_ms })?;
        let state = states.of(query.view.as_deref())?;
        let mut ranking = ranking::ranking(state, *key, at, query.top)?;
        let number = states.each().position(|each| std::ptr::eq(each, state))?;
        self.places[number].compare(*key, &mut ranking);
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
