//! State: everything that a run has counted, owned by one thread.
//!
//! A batch arrives as [`ExtractedBatch`]. Its tags are interned ([`table`]), its rows compared with
//! remembered posts ([`post_memory`], [`edits`]) and counted in panes ([`crate::window`]). Rankings
//! read the state, the checkpoint writes what has changed ([`checkpoint_sections`]).
//!
//! Pure: no I/O, no clock. The watermark before a post decides whether it is late, so counts depend
//! only on the order of the input, never on threads or speed.

mod apply;
pub mod boundaries;
pub mod checkpoint_sections;
pub mod columns;
mod edits;
mod evict;
pub mod extracted_batch;
mod names;
pub mod pane_update;
mod parts;
pub mod post_memory;
pub mod recent;
pub mod restore;
pub mod sample;
mod settings;
mod spelling;
pub mod table;
pub mod tag_filter;

pub use boundaries::Observer;
pub use names::Names;
pub use settings::Settings;

use crate::state::edits::{Verdict, named, short};
use crate::state::extracted_batch::{ExtractedBatch, NO_TIME, PostKey, Row};
use crate::state::parts::Parts;
use crate::state::post_memory::{PostMemory, RememberedPost};
use crate::state::recent::Recent;
use crate::state::tag_filter::{FilterMarks, TagFilter};
use crate::status::Counters;
use crate::store::cow_column::CowColumn;
use crate::store::hash::Seed;
use crate::window::LATE;

use crate::score::trending::{Options, Trending};
use crate::state::table::{Interned, Tags};
use crate::window::{Ring, Watermarks};

/// Everything that a run has counted.
#[derive(Debug)]
pub struct State {
    pub(crate) tags: Tags,
    pub(crate) ring: Ring,
    pub(crate) marks: Watermarks,
    pub(crate) remembered: PostMemory,
    recent: Recent,
    pub(crate) counters: Counters,
    pub(crate) posts_of: Vec<u64>,
    pub(crate) parts: Parts,
    pub(crate) pending: PendingDelta,
    /// Totals may be this much too large for tags admitted from now on.
    pub(crate) floor: u64,
    /// How much of each tag's total it may have inherited.
    pub(crate) errors: CowColumn<u64>,
    pub(crate) trending: Vec<Trending>,
    filter_marks: FilterMarks,
    /// Boundaries up to this event time are passed.
    passed: Option<i64>,
    settings: Settings,
    interned: Interned,
    /// Entries of the current batch that are processed.
    entry: usize,
    /// Spelled entries of the current batch that are processed.
    spelled: usize,
    /// Samples of the current batch that are processed.
    sampled: usize,
    taken: Vec<u32>,
    /// Tags of the current row that count, where not all do.
    counting: Vec<u32>,
    /// Room for the tags of an update.
    scratch: ExtractedBatch,
}

/// Changes since the last checkpoint record, apart from the panes.
#[derive(Debug, Default)]
pub(crate) struct PendingDelta {
    /// Sections that must be read before the rest.
    pub(crate) earlier: checkpoint_sections::RawSections,
    /// New tags, encoded as in their section.
    pub(crate) born: Vec<u8>,
    /// New spellings, encoded as in their section.
    pub(crate) new_spellings: Vec<u8>,
    /// Occurrences of spellings other than the first: id << 3 | number.
    pub(crate) spelled: Vec<u32>,
    /// The same, retracted.
    pub(crate) unspelled: Vec<u32>,
    /// Occurrences of them that were counted elsewhere, more or less.
    pub(crate) spelled_by: Vec<(u32, i64)>,
    /// Posts remembered from this number on are new.
    pub(crate) remembered_from: u64,
    /// Numbers of retracted posts.
    pub(crate) retracted: Vec<u64>,
}

impl State {
    /// An empty state; `seed` is the key of the tag table's hash.
    #[must_use]
    pub fn new(settings: Settings, seed: Seed) -> Self {
        let (posts, ms) = (settings.remembered_max_posts, settings.remembered_max_ms);
        let ring = Ring::new(&settings.shape, settings.keep_delta);
        let Settings { gates, compare, keep_delta, .. } = settings;
        let options = Options { gates, compare, keep_delta };
        let trending = settings.trending_ms.iter();
        let trending = trending.filter_map(|&ms| Trending::new(ms, &ring, options));
        Self {
            trending: trending.collect(),
            filter_marks: FilterMarks::new(settings.lists.clone()),
            passed: None,
            tags: Tags::new(seed),
            ring,
            marks: Watermarks::new(settings.sources, settings.lateness_ms, settings.hold_max_ms),
            remembered: PostMemory::new(posts, ms),
            recent: Recent::new(settings.recent_posts),
            counters: Counters::default(),
            posts_of: vec![0; settings.sources],
            parts: Parts::default(),
            pending: PendingDelta::default(),
            floor: 0,
            errors: CowColumn::default(),
            interned: Interned::default(),
            entry: 0,
            spelled: 0,
            sampled: 0,
            taken: Vec::new(),
            counting: Vec::new(),
            scratch: ExtractedBatch::default(),
            settings,
        }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Counts by tag id, in panes, windows and totals.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The tags, by id.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Takes in what a batch holds besides its rows, closes the panes that the watermark before it
    /// has passed, and looks its tags up. [`State::count_row`] follows for each row in order.
    pub fn begin_batch(&mut self, batch: &ExtractedBatch, observer: &mut dyn Observer) {
        if let Some(watermark) = self.marks.watermark() {
            self.advance(watermark, observer);
        }
        let (counters, odd) = (&mut self.counters, &batch.odd);
        counters.control += odd.control;
        counters.malformed += odd.malformed;
        counters.invalid_utf8 += odd.invalid_utf8;
        counters.oversize_tags += odd.oversize_tags;
        counters.skipped_reposts += odd.skipped_reposts;
        counters.skipped_bots += odd.skipped_bots;
        counters.blocked += odd.blocked;
        counters.oversize += batch.batch.dropped.oversize;
        counters.partial += batch.batch.dropped.partial;
        (self.entry, self.spelled, self.sampled) = (0, 0, 0);
        self.remembered.prefetch(batch.posts.iter().flat_map(|post| [post.id, post.alias]));
        self.name_tags(batch);
    }

    /// Looks up the tags of a batch, and admits those that are new.
    fn name_tags(&mut self, batch: &ExtractedBatch) {
        self.interned.ids.clear();
        self.interned.spelled.clear();
        self.make_room(batch);
        self.tags.intern(&batch.entries, &batch.arena, &mut self.interned);
        self.inherit();
        self.grow();
        self.filter_marks.apply(&self.tags, self.interned.born.iter().copied());
        // A tag that never counts would wait for its first pane for ever.
        let born = self.interned.born.iter().copied();
        self.ring.admitted(born.filter(|&id| !self.filter_marks.is_dropped(id)));
        if self.settings.keep_delta {
            self.note_names();
        }
        self.interned.born.clear();
        self.interned.learned.clear();
    }

    /// Counts one row of the current batch; posts after `horizon` (event time) are from the future
    /// and dropped.
    pub fn count_row(
        &mut self,
        batch: &ExtractedBatch,
        row: &Row,
        horizon: i64,
        observer: &mut dyn Observer,
    ) {
        let source = batch.batch.source as usize;
        let entries = self.entry..row.entries_end as usize;
        self.entry = entries.end;
        let key = (row.post > 0).then(|| &batch.posts[row.post as usize - 1]);
        let replaces = match key {
            Some(key) => {
                let before =
                    row.post.checked_sub(2).map_or(0, |b| batch.posts[b as usize].replaces_end);
                &batch.replaces[before as usize..key.replaces_end as usize]
            }
            None => &[],
        };
        let verdict = if row.at > horizon {
            self.counters.future += u64::from(row.posts);
            Verdict::Drop
        } else if row.posts == 0 {
            // The view has only the time of this row.
            if let Some(key) = key {
                self.retract_original(key, replaces);
            }
            Verdict::Drop
        } else {
            key.map_or(Verdict::Count(row.at), |key| self.apply_identity(key, replaces, row.at))
        };
        match verdict {
            Verdict::Count(at) => {
                self.count(at, row, key, entries);
                self.posts_of[source] += u64::from(row.posts);
                self.sample(batch, row.entries_end, key, Some(at));
            }
            Verdict::Drop => {
                self.retract_spellings(entries.end);
                self.sample(batch, row.entries_end, key, None);
            }
        }
        // Post by post, so that lateness does not depend on how the input is split into batches.
        if (NO_TIME + 1..=horizon).contains(&row.until)
            && self.marks.seen(source, row.until)
            && let Some(watermark) = self.marks.watermark()
        {
            self.advance(watermark, observer);
        }
    }

    /// Makes room for every tag that has an id.
    fn grow(&mut self) {
        let rows = self.tags.rows() as usize;
        self.ring.grow(rows);
        self.trending.iter_mut().for_each(|trending| trending.grow(rows));
    }

    fn count(
        &mut self,
        at: i64,
        row: &Row,
        key: Option<&PostKey>,
        entries: std::ops::Range<usize>,
    ) {
        let (posts, tagged) = (u64::from(row.posts), u64::from(row.tagged));
        self.counters.posts += posts;
        self.counters.tagged_posts += tagged;
        self.counters.tags += entries.len() as u64;
        let late = at == LATE || self.ring.is_late(at);
        let mut ids = &self.interned.ids[entries.clone()];
        if self.filter_marks.drops() {
            self.counting.clear();
            self.counting.extend(ids.iter().filter(|&&id| !self.filter_marks.is_dropped(id)));
            ids = &self.counting;
        }
        if late {
            self.counters.late += posts;
            self.ring.add_late(ids);
        } else {
            let who = key.filter(|key| key.author != 0).map(|key| (short(key.author), key.print));
            self.ring.add(at, posts, tagged, ids, who);
        }
        let spelled_from = self.spelled;
        let spelled = &self.interned.spelled[spelled_from..];
        let mine = spelled.iter().take_while(|(entry, _)| (*entry as usize) < entries.end).count();
        self.spelled += mine;
        for &(entry, number) in &spelled[..mine] {
            let id = self.interned.ids[entry as usize];
            if self.filter_marks.is_dropped(id) {
                self.tags.count_spelling(id, number, -1);
            } else if self.settings.keep_delta {
                self.pending.spelled.push(id << 3 | u32::from(number));
            }
        }
        if let Some(key) = key.filter(|key| key.id != 0) {
            let admissions = self.tags.admissions();
            let at = if late { LATE } else { at };
            let memory = RememberedPost { at, seen: row.at, admissions, ..named(key) };
            let mut spelled = spelled[..mine].iter().peekable();
            let start = entries.start;
            let all = self.interned.ids[entries].iter().enumerate().map(|(i, id)| {
                let number = spelled.next_if(|s| s.0 as usize == start + i).map_or(0, |s| s.1);
                id << 3 | u32::from(number)
            });
            let tags = all.filter(|tag| !self.filter_marks.is_dropped(tag >> 3));
            self.remembered.add(memory, tags);
            self.remembered.forget_old(self.marks.newest().unwrap_or(i64::MIN));
        }
    }

    /// Retracts the spellings of a dropped row's entries.
    fn retract_spellings(&mut self, entries_end: usize) {
        while let Some(&(entry, number)) = self.interned.spelled.get(self.spelled)
            && (entry as usize) < entries_end
        {
            self.tags.count_spelling(self.interned.ids[entry as usize], number, -1);
            self.spelled += 1;
        }
    }
}

impl State {
    /// Closes the panes that the watermark has passed and overlays the windows with open panes, for
    /// a ranking at event time `at`.
    pub fn show(&mut self, at: i64, observer: &mut dyn Observer) {
        if let Some(watermark) = self.marks.watermark() {
            self.advance(watermark, observer);
        }
        self.ring.show(at);
    }

    /// A live source has delivered everything up to `at` of our clock.
    pub fn live_until(&mut self, source: usize, at: i64) {
        self.marks.seen(source, at);
    }

    /// Takes over the event times of `other`, so that what is late there is late here.
    pub fn follow(&mut self, other: &Self) {
        for (source, newest) in other.marks.all_newest().iter().enumerate() {
            newest.inspect(|&at| {
                self.marks.seen(source, at);
            });
        }
    }

    /// A source has ended and no longer holds the watermark back.
    pub fn source_ended(&mut self, source: usize) {
        self.marks.ended(source);
    }

    /// Newest event time of all sources.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.marks.newest()
    }

    /// No post older than this is expected.
    #[must_use]
    pub fn watermark(&self) -> Option<i64> {
        self.marks.watermark()
    }

    /// Replaces the tag filter. Tags that are dropped from now on keep the counts they have.
    pub fn change_tag_filter(&mut self, filter: TagFilter) {
        self.filter_marks.change(filter, &self.tags);
        self.keep_waiting();
    }

    /// Tags that count and were in no pane yet wait for their first pane.
    fn keep_waiting(&mut self) {
        let Self { tags, ring, filter_marks, .. } = self;
        let waits = |&id: &u32| tags.is_live(id) && !filter_marks.is_dropped(id);
        ring.keep_waiting((0..tags.rows()).filter(waits));
    }

    /// True where rankings may list a tag.
    #[must_use]
    pub fn may_list(&self, id: u32) -> bool {
        !self.filter_marks.verdicts.is_hidden(id)
    }

    /// Counts by reason.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Posts counted from one source.
    #[must_use]
    pub fn posts_of(&self, source: usize) -> u64 {
        self.posts_of[source]
    }

    /// Tags with an all-time count.
    #[must_use]
    pub fn distinct_tags(&self) -> u64 {
        self.ring.total().distinct
    }

    /// True once tags were evicted at `tags_max`.
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.counters.evicted_tags > 0
    }

    /// A total is at most this much too large.
    #[must_use]
    pub fn error_bound(&self) -> u64 {
        self.floor
    }

    /// The total of this tag is at most this much too large.
    #[must_use]
    pub fn error_of(&self, id: u32) -> u64 {
        self.errors.get_or_default(id)
    }
}

#[cfg(test)]
mod tests;
