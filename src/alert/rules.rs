//! Rules: one ranking per slide in, alerts about changes out. Pure: the same slides produce the
//! same alerts, in the same order, with the same keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Alert, key};
use crate::job::{AlertOn, AlertPlan};
use tagtide_extract::wildcard;
use tagtide_trends::rank::{Ranking, Trend};

/// Most tags whose quiet time a rule remembers; beyond that, the oldest are forgotten.
pub const QUIET_TAGS_MAX: usize = 10_000;

/// The status of a row at a new peak.
const PEAK: &str = "rising";

/// The rules of one job and their state.
#[derive(Clone, Debug)]
pub struct Rules {
    job: String,
    plans: Vec<AlertPlan>,
    state: RulesState,
}

/// State of all rules, part of the checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RulesState {
    /// By name of the rule.
    rules: BTreeMap<String, RuleState>,
}

/// State of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RuleState {
    /// Condition of the rule; a changed rule starts empty.
    on: AlertOn,
    view: String,
    /// Mode of the ranking that `before` is from.
    mode: String,
    window_s: Option<u64>,
    /// The last slide that was evaluated, event time in ms.
    at: i64,
    /// Tags that matched the condition then, with their places.
    before: BTreeMap<String, u32>,
    /// Tags of recent alerts and the time of the alert, event time in ms.
    #[serde(rename = "told")]
    alerted: BTreeMap<String, i64>,
}

impl RulesState {
    /// As bytes for a checkpoint.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Maps with strings as keys and finite numbers always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the bytes of a checkpoint; `None` if they are not valid.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl Rules {
    /// The rules of a job, continuing from `state`. A new or changed rule starts empty.
    #[must_use]
    pub fn new(job: &str, plans: &[AlertPlan], state: RulesState) -> Self {
        let mut state = state;
        state.rules.retain(|name, seen| {
            let same = |plan: &&AlertPlan| plan.on == seen.on && plan.view == seen.view;
            plans.iter().any(|plan| plan.name == *name && same(&plan))
        });
        Self { job: job.to_owned(), plans: plans.to_vec(), state }
    }

    /// The state for the checkpoint.
    #[must_use]
    pub fn state(&self) -> &RulesState {
        &self.state
    }

    /// Evaluates the ranking of one view at the end of a slide, when all its panes are closed.
    ///
    /// A tag that is not in the rows counts as gone. The first ranking of a rule records the
    /// current places and raises only peaks. A slide that was evaluated before and a provisional
    /// ranking raise nothing.
    pub fn evaluate(&mut self, ranking: &Ranking) -> Vec<Alert> {
        let mut raised = Vec::new();
        if ranking.provisional {
            return raised;
        }
        for plan in self.plans.iter().filter(|plan| plan.view == ranking.view) {
            let mut first = false;
            let seen = self.state.rules.entry(plan.name.clone()).or_insert_with(|| {
                first = true;
                RuleState::new(plan, ranking)
            });
            if !first && ranking.at <= seen.at {
                continue;
            }
            if seen.mode != ranking.mode || seen.window_s != ranking.window_s {
                let alerted = std::mem::take(&mut seen.alerted);
                *seen = RuleState { alerted, ..RuleState::new(plan, ranking) };
                first = true;
            }
            let changes = seen.changes(ranking, first);
            seen.at = ranking.at;
            for change in changes {
                if seen.is_quiet(change.tag(), plan, ranking.at) {
                    continue;
                }
                seen.alerted.insert(change.tag().to_owned(), ranking.at);
                raised.push(change.alert(&self.job, plan, ranking));
            }
            seen.forget(plan, ranking.at);
        }
        raised
    }
}

/// A change that a rule reports.
enum Change<'a> {
    Row(&'a Trend, Option<u32>),
    Left(String, u32),
}

impl RuleState {
    fn new(plan: &AlertPlan, ranking: &Ranking) -> Self {
        Self {
            on: plan.on.clone(),
            view: plan.view.clone(),
            mode: ranking.mode.clone(),
            window_s: ranking.window_s,
            at: ranking.at,
            before: BTreeMap::new(),
            alerted: BTreeMap::new(),
        }
    }

    /// Changes since the previous slide in the order of the ranking, then the tags that left.
    fn changes<'a>(&mut self, ranking: &'a Ranking, first: bool) -> Vec<Change<'a>> {
        let matching = || ranking.trends.iter().filter(|row| matches(&self.on, row));
        if self.on == AlertOn::Peak {
            return matching().map(|row| Change::Row(row, None)).collect();
        }
        let now: BTreeMap<String, u32> =
            matching().map(|row| (row.tag.clone(), row.rank)).collect();
        let watched = matches!(self.on, AlertOn::Watch(_));
        let mut changes = Vec::new();
        for row in matching() {
            let before = self.before.get(&row.tag).copied();
            if before.is_none() || (watched && before != Some(row.rank)) {
                changes.push(Change::Row(row, before));
            }
        }
        for (tag, rank) in std::mem::take(&mut self.before) {
            if watched && !now.contains_key(&tag) {
                changes.push(Change::Left(tag, rank));
            }
        }
        self.before = now;
        if first { Vec::new() } else { changes }
    }

    fn is_quiet(&self, tag: &str, plan: &AlertPlan, at: i64) -> bool {
        self.alerted.get(tag).is_some_and(|alerted| at - alerted < quiet_ms(plan))
    }

    /// Forgets expired quiet times, and the oldest beyond [`QUIET_TAGS_MAX`].
    fn forget(&mut self, plan: &AlertPlan, at: i64) {
        self.alerted.retain(|_, alerted| at - *alerted < quiet_ms(plan));
        let Some(excess) =
            self.alerted.len().checked_sub(QUIET_TAGS_MAX).filter(|excess| *excess > 0)
        else {
            return;
        };
        let mut oldest: Vec<_> = self.alerted.iter().map(|(tag, at)| (*at, tag.clone())).collect();
        oldest.sort_unstable();
        for (_, tag) in oldest.into_iter().take(excess) {
            self.alerted.remove(&tag);
        }
    }
}

fn quiet_ms(plan: &AlertPlan) -> i64 {
    i64::try_from(plan.quiet.as_millis()).unwrap_or(i64::MAX)
}

/// True if the row fulfils the condition.
fn matches(on: &AlertOn, row: &Trend) -> bool {
    match on {
        AlertOn::Peak => row.status.as_deref() == Some(PEAK),
        AlertOn::Top(n) => row.rank <= *n,
        // A mode without scores ranks by the count.
        AlertOn::Score(bound) => row.score.unwrap_or(row.count as f64) > *bound,
        AlertOn::Lift(bound) => row.lift.is_some_and(|lift| lift > *bound),
        AlertOn::Watch(patterns) => {
            patterns.iter().any(|pattern| wildcard::matches(pattern, &row.tag))
        }
    }
}

impl Change<'_> {
    fn tag(&self) -> &str {
        match self {
            Self::Row(row, _) => &row.tag,
            Self::Left(tag, _) => tag,
        }
    }

    fn alert(&self, job: &str, plan: &AlertPlan, ranking: &Ranking) -> Alert {
        let tag = self.tag().to_owned();
        let (display, before, trend) = match self {
            Self::Row(row, before) => {
                let trend = Trend { series: None, change: None, ..Trend::clone(row) };
                (row.display.clone(), *before, Some(trend))
            }
            Self::Left(tag, before) => (tag.clone(), Some(*before), None),
        };
        Alert {
            key: key::of(job, &plan.name, ranking.at, &tag),
            job: job.to_owned(),
            rule: plan.name.clone(),
            on: word(&plan.on).to_owned(),
            view: ranking.view.clone(),
            mode: ranking.mode.clone(),
            window_s: ranking.window_s,
            at: ranking.at,
            text: sentence(&plan.on, &display, before, trend.as_ref()),
            tag,
            display,
            before,
            trend,
            test: false,
        }
    }
}

/// The value of `on` in a job file.
pub(super) fn word(on: &AlertOn) -> &'static str {
    match on {
        AlertOn::Peak => "peak",
        AlertOn::Top(_) => "top",
        AlertOn::Score(_) => "score",
        AlertOn::Lift(_) => "lift",
        AlertOn::Watch(_) => "watch",
    }
}

/// The alert as a sentence.
fn sentence(on: &AlertOn, display: &str, before: Option<u32>, row: Option<&Trend>) -> String {
    let tag = if display.contains('#') { display.to_owned() } else { format!("#{display}") };
    let Some(row) = row else {
        return format!("{tag} left the ranking, from place {}", before.unwrap_or_default());
    };
    let what = match on {
        AlertOn::Peak => "is at a new peak".to_owned(),
        AlertOn::Top(n) => format!("entered the first {n}"),
        AlertOn::Score(bound) => format!("has a score over {bound}"),
        AlertOn::Lift(bound) => format!("is over {bound} times the usual"),
        AlertOn::Watch(_) => match before {
            Some(before) => format!("moved from place {before} to {}", row.rank),
            None => "appeared".to_owned(),
        },
    };
    let authors = row.authors.map(|authors| format!(" by {authors} people")).unwrap_or_default();
    let score = row.score.map(|score| format!(", score {score:.1}")).unwrap_or_default();
    let lift = row.lift.map(|lift| format!(", {lift:.1} times the usual")).unwrap_or_default();
    format!("{tag} {what}: place {}, {} posts{authors}{score}{lift}", row.rank, row.count)
}
