//! Counts that an engine made by itself.

use super::{Coordinator, Finished};
use crate::run::message::{PaneBatch, Step};

impl Coordinator {
    /// Applies a batch of counts, unless it does not begin where the last one ended: its posts were
    /// counted before, or some before it were not.
    pub(super) fn count_panes(&mut self, batch: PaneBatch) {
        let source = batch.source as usize;
        if !self.inboxes[source].is_at(&batch.from) {
            self.parts.sources[source].dropped_updates += 1;
            return;
        }
        self.note_gap(source, batch.gap.as_deref());
        let states = &mut self.parts.state;
        for step in &batch.steps {
            match step {
                Step::Count(update) => states.apply(update),
                Step::Reached(at) => states.each_mut(|state| state.live_until(source, *at)),
            }
        }
        states.all.note(source, batch.posts, &batch.counters);
        self.first_event = self.first_event.or(batch.first);
        self.finish(Finished {
            source,
            bytes: batch.bytes,
            reads: batch.reads,
            complete_until: batch.complete_until,
            to: &batch.to,
        });
    }
}
