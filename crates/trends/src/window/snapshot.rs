//! The counts of a ring at one moment, to be read while counting goes on.

use crate::store::cow_column::HeldBytes;
use crate::window::decay::Decay;
use crate::window::first_seen::FirstSeenSnapshot;
use crate::window::ring::Ring;
use crate::window::sliding_window::Window;
use crate::window::total::Total;

/// Counts of a ring, open panes included, as they were when it was taken.
#[derive(Debug)]
pub struct RingSnapshot {
    /// As [`Ring::windows`].
    pub windows: Vec<Window>,
    /// As [`Ring::total`].
    pub total: Total,
    /// As [`Ring::decay`].
    pub decay: Option<Decay>,
    /// As [`Ring::has_people`].
    pub has_people: bool,
    /// As [`Ring::first_seen`].
    pub first_seen: FirstSeenSnapshot,
}

impl Ring {
    /// The counts as [`Ring::show`] has just made them. Costs a pointer for each chunk of a column.
    pub fn snapshot(&mut self) -> RingSnapshot {
        debug_assert!(self.shown_at.is_some(), "it holds what a ranking does");
        RingSnapshot {
            windows: self.windows.iter_mut().map(Window::snapshot).collect(),
            total: self.total.snapshot(),
            decay: self.decay.as_mut().map(Decay::snapshot),
            has_people: self.has_people(),
            first_seen: self.first_seen_snapshot(),
        }
    }
}

impl RingSnapshot {
    /// What it holds.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        let windows = self
            .windows
            .iter()
            .flat_map(|window| [window.column().held_bytes(), window.people_column().held_bytes()]);
        let decay = self.decay.iter().map(|decay| decay.column().held_bytes());
        let others = [self.total.column().held_bytes(), self.first_seen.held_bytes()];
        windows.chain(decay).chain(others).sum()
    }
}
