//! Takes in counts that were made elsewhere.

use crate::state::extracted::Extracted;
use crate::state::identity::short;
use crate::state::pane_update::{Authors, PaneCounts, PaneUpdate};
use crate::state::{Observer, State};
use crate::status::Counters;

impl State {
    /// Counts of panes of this view.
    pub fn apply(&mut self, update: &PaneUpdate, observer: &mut dyn Observer) {
        for pane in &update.panes {
            self.apply_pane(pane, observer);
        }
        if let Some(watermark) = update.watermark {
            let at = watermark.saturating_add(self.settings.lateness_ms);
            if self.marks.seen(update.source.into(), at)
                && let Some(watermark) = self.marks.watermark()
            {
                self.advance(watermark, observer);
            }
        }
    }

    fn apply_pane(&mut self, update: &PaneCounts, observer: &mut dyn Observer) {
        let mut batch = Extracted::default();
        for tag in &update.tags {
            for _ in 0..tag.posts {
                batch.begin_post();
                let seed = *self.tags.seed();
                batch.push_key(&seed, tag.key.as_bytes(), tag.display.as_bytes(), false);
            }
        }
        self.begin_batch(&batch, observer);
        let at = update.pane.saturating_mul(self.ring.pane_ms());
        let late = update.pane == PaneCounts::LATE || self.ring.is_late(at);
        let (posts, tagged) = (update.posts as u64, update.tagged as u64);
        self.counters.posts += posts;
        self.counters.tagged_posts += tagged;
        self.counters.tags += batch.entries.len() as u64;
        self.counters.late += if late { posts } else { 0 };
        for &(entry, number) in &self.interned.spelled {
            let id = self.interned.ids[entry as usize];
            if self.settings.keep_delta {
                self.news.spelled.push(id << 3 | u32::from(number));
            }
        }
        let mut from = 0;
        for tag in &update.tags {
            let ids: Vec<u32> = self.interned.ids[from..from + tag.posts as usize].to_vec();
            from += tag.posts as usize;
            if late {
                self.ring.add_late(&ids);
                continue;
            }
            let mut left = &ids[..];
            if let Authors::Listed(members) = &tag.authors {
                for member in members {
                    let (mine, rest) = left.split_at(member.posts as usize);
                    self.ring.add(at, 0, 0, mine, Some((short(member.author), member.text)));
                    left = rest;
                }
            }
            self.ring.add(at, 0, 0, left, None);
        }
        if !late {
            self.ring.add(at, posts, tagged, &[], None);
        }
    }

    /// Notes what an engine that counts by itself says besides its counts.
    pub fn note(&mut self, source: usize, posts: u64, counters: &Counters) {
        self.posts_of[source] += posts;
        let mine = &mut self.counters;
        mine.control += counters.control;
        mine.malformed += counters.malformed;
        mine.oversize += counters.oversize;
        mine.partial += counters.partial;
        mine.invalid_utf8 += counters.invalid_utf8;
        mine.oversize_tags += counters.oversize_tags;
        mine.future += counters.future;
        mine.duplicates += counters.duplicates;
        mine.deletes += counters.deletes;
        mine.deletes_unknown += counters.deletes_unknown;
        mine.edits += counters.edits;
        mine.skipped_reposts += counters.skipped_reposts;
        mine.skipped_bots += counters.skipped_bots;
        mine.blocked += counters.blocked;
    }
}
