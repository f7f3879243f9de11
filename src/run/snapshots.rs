//! Snapshots of the columns that answer large questions, at most two per view.

use std::sync::{Arc, Weak};

use super::view_states::States;
use tagtide_trends::state::columns::ColumnSnapshot;

/// Snapshots of a view that are alive at the same time. Each holds as much memory as all columns of
/// the view, where every count has changed since. At this limit a question gets the newest of them.
const ALIVE_MAX: usize = 2;

/// The snapshots that are still being read.
#[derive(Default)]
pub(super) struct Snapshots {
    alive: Vec<Weak<ColumnSnapshot>>,
}

impl Snapshots {
    /// The columns of the view `name` at event time `at`, for which [`States::show`] was called.
    pub(super) fn take(
        &mut self,
        states: &mut States,
        name: Option<&str>,
        at: i64,
    ) -> Option<Arc<ColumnSnapshot>> {
        let state = states.of_mut(name)?;
        self.alive.retain(|snapshot| snapshot.strong_count() > 0);
        let alive = self.alive.iter().filter_map(Weak::upgrade);
        let same_view = |of: &Arc<ColumnSnapshot>| of.columns().view == state.settings().view;
        let mut newest_last = alive.filter(same_view);
        if let Some(newest) = newest_last.by_ref().skip(ALIVE_MAX - 1).last() {
            return Some(newest);
        }
        let snapshot = Arc::new(state.snapshot(at));
        self.alive.push(Arc::downgrade(&snapshot));
        Some(snapshot)
    }
}
