//! What all workers know: how posts become rows and tags.

use std::sync::{Arc, OnceLock, RwLock};

use crate::job::{Plan, SourcePlan, TextTime, TimePlan};
use crate::run::HashKeys;
use crate::run::state_settings::ms;
use tagtide_extract::wildcard::Patterns;
use tagtide_extract::{Occurrences, Rule};
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;
use tagtide_trends::store::hash::Seed;
use tagtide_trends::view::Filter;

/// What a worker knows about one source.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Format of its records; set before its first batch is sent.
    pub(crate) format: OnceLock<Format>,
    /// Event time of records that carry none.
    pub(crate) text_time: TextTime,
    /// Event time of the first line, where `text_time` goes by the line; set once it is open.
    pub(crate) start: OnceLock<EventTime>,
}

/// What all workers know.
#[derive(Debug)]
pub(crate) struct ExtractConfig {
    pub(crate) rule: Rule,
    pub(crate) occurrences: Occurrences,
    /// Length of the spans of event time that share a row.
    pub(crate) row_ms: i64,
    /// Key of the tag table's hash.
    pub(crate) tags: Seed,
    /// Key of the hashes of authors and posts.
    pub(crate) people: Seed,
    /// Texts get a fingerprint, by which copies are known.
    pub(crate) prints: bool,
    /// Accents are no part of a key.
    pub(crate) fold_accents: bool,
    /// Reposts count.
    pub(crate) reposts: bool,
    /// Posts of bots count.
    pub(crate) bots: bool,
    /// Some posts are copied to be read.
    pub(crate) samples: bool,
    /// Accounts whose posts do not count. Workers clone the `Arc` once for each batch.
    pub(crate) blocked: RwLock<Arc<Patterns>>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) views: Vec<Filter>,
}

impl ExtractConfig {
    /// Of a plan; `views` has the filter of each of its views.
    pub(crate) fn new(plan: &Plan, views: Vec<Filter>, keys: HashKeys) -> Self {
        let stream = |source: &SourcePlan| Stream {
            format: source.format.map_or_else(OnceLock::new, OnceLock::from),
            text_time: source.text_time,
            start: OnceLock::new(),
        };
        Self {
            rule: plan.rule,
            occurrences: plan.occurrences,
            row_ms: row_ms(plan),
            tags: keys.tags,
            people: keys.people,
            prints: plan.people.copies && plan.count.modes.iter().any(|mode| mode.needs_people()),
            fold_accents: plan.tags.fold_accents,
            reposts: plan.people.reposts,
            bots: plan.people.bots,
            samples: plan.limits.recent_posts > 0,
            blocked: RwLock::new(Arc::new(Patterns::new(plan.people.block.iter().cloned()))),
            streams: plan.sources.iter().map(stream).collect(),
            views,
        }
    }
}

/// Posts without identity that lie in one of these spans share a row. A row is counted at once, so
/// in a paced replay it must not span more than about a batch interval; panes hold a whole number.
fn row_ms(plan: &Plan) -> i64 {
    let pane_ms = ms(plan.count.pane);
    let TimePlan::Replay(Some(speed)) = plan.time else { return pane_ms };
    let tick_ms = (plan.batch.as_millis() as f64 * speed) as i64;
    let most = tick_ms.clamp(1, pane_ms);
    (1..=most).rev().find(|ms| pane_ms % ms == 0).unwrap_or(1)
}
