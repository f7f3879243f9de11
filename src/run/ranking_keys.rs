//! Which rankings a plan has, and which of them a query means.

use crate::job::Plan;
use tagtide_trends::rank::ranking::Key;
use tagtide_trends::rank::{PUBLISHED_ROWS_MIN, Query};
use tagtide_trends::score::trending;

/// Rows published for each mode and window: at least so many for the page, at most so many
/// whatever the job prints at its end; more are asked for.
const ROWS: std::ops::RangeInclusive<usize> = PUBLISHED_ROWS_MIN..=1000;

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

/// The ranking that is shown by default.
pub(crate) fn default_key(plan: &Plan) -> Key {
    let (mode, window) = plan.count.default;
    let window_ms = if mode.has_window() { window.as_millis() as i64 } else { 0 };
    Key { mode, window_ms }
}

/// The rankings of a plan.
#[derive(Debug)]
pub(crate) struct RankingKeys {
    pub(crate) all: Vec<Key>,
    /// Which of them is shown by default.
    pub(crate) default: usize,
    /// Rows of each that is published.
    pub(crate) published_rows: usize,
}

impl RankingKeys {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (all, wanted) = (keys(plan), default_key(plan));
        let default = all.iter().position(|key| *key == wanted).unwrap_or(0);
        Self { all, default, published_rows: plan.count.top.clamp(*ROWS.start(), *ROWS.end()) }
    }

    /// The one that a query means; `None` if it is not configured.
    pub(crate) fn find(&self, query: &Query) -> Option<Key> {
        let default = self.all.get(self.default)?;
        let mode = query.mode.unwrap_or(default.mode);
        let window_ms = match query.window_s {
            _ if !mode.has_window() => 0,
            Some(seconds) => i64::try_from(seconds).ok()?.checked_mul(1000)?,
            None if default.window_ms > 0 => default.window_ms,
            None => self.all.iter().find(|key| key.mode == mode)?.window_ms,
        };
        self.all.iter().copied().find(|key| *key == Key { mode, window_ms })
    }
}
