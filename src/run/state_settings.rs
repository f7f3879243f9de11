//! The settings of the states of a run, from its plan.

use std::time::Duration;

use super::ranking_keys::keys;
use super::reports;
use super::view_states::{States, View, tag_lists};
use crate::job::{Plan, TimePlan};
use tagtide_trends::rank::Mode;
use tagtide_trends::rank::report::Report;
use tagtide_trends::score::Gates;
use tagtide_trends::score::trending;
use tagtide_trends::state::{Settings, State};
use tagtide_trends::store::hash::Seed;
use tagtide_trends::view::ALL;
use tagtide_trends::window::Shape;
use tagtide_trends::window::authors::Rules;

/// How long a source that is gone holds the watermark of the others.
const HOLD_MAX_MS: i64 = 600_000;
/// Half-life of counts that decay.
const DECAY_MS: i64 = 3_600_000;

/// Settings of the state of all posts and of that of each view.
pub(crate) struct StateSettings {
    pub(crate) all: Settings,
    pub(crate) views: Vec<Settings>,
    /// Rankings made at boundaries from each of them, that of all posts first.
    pub(crate) reports: Vec<Vec<Report>>,
    /// Key of the hash of their tag tables.
    pub(crate) tags: Seed,
}

impl StateSettings {
    /// For `plan` with these views; `keep_delta` = there is a checkpoint.
    pub(crate) fn new(plan: &Plan, views: &[View], keep_delta: bool, tags: Seed) -> Self {
        let all = settings(plan, keep_delta);
        let of = |view: &View| Settings {
            view: view.name.clone(),
            filter: view.fingerprint,
            // Copies of posts are kept once, with all posts.
            recent_posts: 0,
            ..all.clone()
        };
        let names = std::iter::once(ALL).chain(views.iter().map(|view| &*view.name));
        let names = names.filter(|_| keep_delta);
        let reports = names.map(|name| reports::wanted(plan, name)).collect();
        Self { views: views.iter().map(of).collect(), all, reports, tags }
    }

    /// States in which nothing is counted yet.
    pub(crate) fn empty(self) -> States {
        let empty = |settings| State::new(settings, self.tags);
        let (all, views) = (empty(self.all), self.views.into_iter().map(empty).collect());
        States::new(all, views, self.reports)
    }
}

/// Whole milliseconds.
pub(crate) fn ms(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// How long a source that is gone holds the watermark of the others. In a replay sources are read
/// at different speeds, and wait for each other.
pub(crate) fn hold_max_ms(plan: &Plan) -> i64 {
    if plan.time == TimePlan::Live { HOLD_MAX_MS } else { i64::MAX }
}

/// The settings of the state of all posts.
pub(crate) fn settings(plan: &Plan, keep_delta: bool) -> Settings {
    let modes = &plan.count.modes;
    let keys = keys(plan);
    let scored = keys.iter().filter(|key| key.mode.is_scored());
    let mut asked: Vec<i64> = scored.map(|key| key.window_ms).collect();
    asked.sort_unstable();
    asked.dedup();
    Settings {
        windows_ms: plan.count.windows.iter().map(|window| ms(*window)).collect(),
        shape: Shape {
            pane_ms: ms(plan.count.pane),
            windows_ms: windows_ms(plan, &asked),
            people: modes.iter().any(|mode| mode.needs_people()).then(|| Rules {
                cap: plan.people.posts_max.unwrap_or(0),
                cap_ms: ms(plan.count.default.1),
                known: plan.people.known,
            }),
            decay_ms: modes.contains(&Mode::Decay).then_some(DECAY_MS),
        },
        lateness_ms: ms(plan.count.lateness),
        hold_max_ms: hold_max_ms(plan),
        sources: plan.sources.len(),
        tags_max: plan.limits.tags_max,
        remembered_max_posts: plan.limits.remembered_max_posts,
        remembered_max_ms: ms(plan.limits.remembered_max),
        recent_posts: plan.limits.recent_posts,
        trending_ms: asked,
        gates: Gates { min_count: plan.people.min_count, min_authors: plan.people.min_authors },
        compare: modes.iter().any(|mode| mode.is_comparison()),
        lists: tag_lists(plan),
        keep_delta,
        view: ALL.to_owned(),
        filter: 0,
    }
}

/// The windows of the job, and those that `trending` needs for each that it is asked for.
fn windows_ms(plan: &Plan, asked: &[i64]) -> Vec<i64> {
    let pane_ms = ms(plan.count.pane);
    let needed = asked.iter().flat_map(|&window| trending::windows_ms(window, pane_ms));
    let mut all: Vec<i64> =
        plan.count.windows.iter().map(|&window| ms(window)).chain(needed).collect();
    all.sort_unstable();
    all.dedup();
    all
}
