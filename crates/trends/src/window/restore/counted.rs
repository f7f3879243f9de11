//! Reads what was counted elsewhere of open panes.

use crate::store::varint::Reader;
use crate::window::counted::PaneChanges;
use crate::window::restore::parts::Parts;
use crate::window::restore::{CorruptSection, Restore};

impl Restore {
    /// Reads how what was counted elsewhere of open panes changed in a record of `epoch`.
    ///
    /// # Errors
    /// [`CorruptSection`] where the bytes do not hold what they should.
    pub fn counted(
        &mut self,
        epoch: u64,
        body: &[u8],
        rows: u32,
        newer: impl Fn(u32) -> bool,
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let PaneChanges { index, authors, mut changes } = PaneChanges::read(&mut reader, rows)?;
            let minute = self.minute_of(index);
            let mut ignored = Parts::default();
            let parts = match (self.stamps.before(epoch, minute), self.minutes.get_mut(&minute)) {
                (false, _) => &mut ignored,
                (true, Some(whole)) => whole,
                (true, None) => self.panes.entry(index).or_default(),
            };
            for change in &changes {
                let id = change.id;
                parts.change(change, authors);
                match u64::try_from(change.posts()) {
                    _ if !newer(id) => {}
                    Ok(more) => self.ring.total.add(id, more),
                    Err(_) => self.ring.total.take(id, change.posts().unsigned_abs()),
                }
            }
            if let Some(people) = self.people.as_mut().filter(|_| authors) {
                changes.retain(|change| newer(change.id));
                people.counted(index, &mut changes);
            }
        }
        Ok(())
    }
}
