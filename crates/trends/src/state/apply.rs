//! Takes in counts that were made elsewhere.

use std::collections::BTreeMap;

use crate::state::edits::short;
use crate::state::extracted_batch::ExtractedBatch;
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
        let mut batch = ExtractedBatch::default();
        let seed = *self.tags.seed();
        for tag in &update.tags {
            for _ in 0..tag.posts.unsigned_abs() {
                batch.begin_post();
                batch.push_key(&seed, tag.key.as_bytes(), tag.display.as_bytes(), false);
            }
        }
        self.begin_batch(&batch, observer);
        let at = update.pane.saturating_mul(self.ring.pane_ms());
        let late = update.pane == PaneCounts::LATE || self.ring.is_late(at);
        let ids = std::mem::take(&mut self.interned.ids);
        let mut gone: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let (mut entry, mut spelled) = (0, 0);
        for tag in &update.tags {
            let end = entry + tag.posts.unsigned_abs() as usize;
            self.spell(&ids, &mut spelled, end, tag.posts > 0);
            let mine = &ids[entry..end];
            entry = end;
            let mut left = mine;
            let dropped = |id: &&u32| self.filter_marks.is_dropped(**id);
            if mine.first().as_ref().is_none_or(dropped) {
                continue;
            }
            if tag.posts > 0 && late {
                self.ring.add_late(mine);
                continue;
            }
            if let Authors::Listed(members) = &tag.authors {
                for member in members {
                    let posts = (member.posts.unsigned_abs() as usize).min(left.len());
                    let (theirs, rest) = left.split_at(posts);
                    left = rest;
                    if tag.posts > 0 {
                        let who = Some((short(member.author), member.text));
                        self.ring.add(at, 0, 0, theirs, who);
                    } else {
                        gone.entry(short(member.author)).or_default().extend(theirs);
                    }
                }
            }
            if tag.posts > 0 {
                self.ring.add(at, 0, 0, left, None);
            } else if !left.is_empty() {
                gone.entry(0).or_default().extend(left);
            }
        }
        self.interned.ids = ids;
        self.count_posts(update, late, at);
        if update.posts < 0 {
            self.take_posts_back(update, at, gone);
        }
    }

    /// Counts the spellings of entries up to `end`, which are in already, or takes them back.
    fn spell(&mut self, ids: &[u32], from: &mut usize, end: usize, plus: bool) {
        while let Some(&(entry, number)) = self.interned.spelled.get(*from)
            && (entry as usize) < end
        {
            *from += 1;
            let id = ids[entry as usize];
            if self.filter_marks.is_dropped(id) {
                self.tags.count_spelling(id, number, -1);
                continue;
            }
            let tag = id << 3 | u32::from(number);
            if plus {
                self.pending.spelled.push(tag);
            } else {
                self.tags.count_spelling(id, number, -1);
                self.tags.count_spelling(id, number, -1);
                self.pending.unspelled.push(tag);
            }
        }
        if !self.settings.keep_delta {
            self.pending.spelled.clear();
            self.pending.unspelled.clear();
        }
    }

    fn count_posts(&mut self, update: &PaneCounts, late: bool, at: i64) {
        let counters = &mut self.counters;
        let tags: i64 = update.tags.iter().map(|tag| i64::from(tag.posts)).sum();
        counters.posts = counters.posts.saturating_add_signed(update.posts);
        counters.tagged_posts = counters.tagged_posts.saturating_add_signed(update.tagged);
        counters.tags = counters.tags.saturating_add_signed(tags);
        if let (Ok(posts), Ok(tagged)) = (update.posts.try_into(), update.tagged.try_into()) {
            if late {
                counters.late += posts;
            } else {
                self.ring.add(at, posts, tagged, &[], None);
            }
        }
    }

    /// Takes posts back as if one by one: of each author at least one, whose tags are in `gone`.
    fn take_posts_back(&mut self, update: &PaneCounts, at: i64, gone: BTreeMap<u32, Vec<u32>>) {
        let mut posts: Vec<(u32, Vec<u32>)> = gone.into_iter().collect();
        let tagged = update.tagged.unsigned_abs() as usize;
        let mut more = tagged.saturating_sub(posts.len());
        for number in 0..posts.len() {
            while more > 0 && posts[number].1.len() > 1 {
                let (author, tags) = &mut posts[number];
                let one = (*author, tags.split_off(tags.len() - 1));
                posts.push(one);
                more -= 1;
            }
        }
        let all = (update.posts.unsigned_abs() as usize).max(posts.len());
        posts.resize(all, (0, Vec::new()));
        posts.iter().for_each(|(author, tags)| self.ring.retract(at, tags, *author));
    }

    /// Notes what an engine that counts itself reports besides its counts.
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
