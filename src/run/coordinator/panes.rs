//! Counts that an engine made by itself.

use tagtide_posts::post::Position;

use super::{Coordinator, Finished};
use crate::run::message::PaneBatch;
use tagtide_trends::state::pane_update::InputRange;

impl Coordinator {
    /// Applies a batch of counts, unless it does not begin where the last one ended: its posts were
    /// counted before, or some before it were not.
    pub(super) fn count_panes(&mut self, batch: PaneBatch) {
        let source = batch.source as usize;
        let recorded = |partition: &str| self.inboxes[source].position(partition);
        if !batch.updates.iter().all(|update| update.follows(recorded)) {
            self.parts.sources[source].dropped_updates += 1;
            return;
        }
        self.note_gap(source, batch.gap.as_deref());
        let mut to = Vec::new();
        for update in batch.updates {
            let end = |range: &InputRange| Position {
                partition: range.partition.clone(),
                at: range.to.clone(),
            };
            to.extend(update.input.iter().map(end));
            self.parts.state.apply(update);
        }
        self.parts.state.all.note(source, batch.posts, &batch.counters);
        self.first_event = self.first_event.or(batch.first);
        self.finish(Finished {
            source,
            bytes: batch.bytes,
            reads: batch.reads,
            complete_until: batch.complete_until,
            to: &to,
        });
    }
}
