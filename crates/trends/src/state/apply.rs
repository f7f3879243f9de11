//! Takes in counts that were made elsewhere.
//!
//! An update is turned into what its posts would have left behind: names of tags, rows of authors
//! and sums in open panes, all-time counts of late ones. From there on nothing tells whether posts
//! or counts came in.

use std::borrow::Cow;

use crate::state::boundaries::Observer;
use crate::state::edits::short;
use crate::state::pane_update::{How, PaneCounts, PaneTag, PaneUpdate};
use crate::state::{LATE, State};
use crate::status::Counters;
use crate::window::authors::AuthorRow;
use crate::window::counted::{Change, Counts};
use tagtide_posts::post::Batch;

/// What a tag of an update is called here.
#[derive(Clone, Copy, Debug)]
struct Name {
    id: u32,
    /// Number of its spelling.
    spelling: u8,
    /// The table has counted one use of the spelling.
    counted: bool,
}

impl State {
    /// Takes in an update, whose panes are all of this state's view; those that the watermark
    /// before it has passed are closed first, and those that it passes itself afterwards.
    ///
    /// Whether an update that adds begins where the one before it ended is for the caller to say
    /// ([`PaneUpdate::follows`]), who also knows which posts are from the future. Posts of a source
    /// and records that were not counted do not follow from an update; see [`State::counters`].
    pub fn apply(&mut self, update: &PaneUpdate, observer: &mut dyn Observer) {
        if let Some(watermark) = self.marks.watermark() {
            self.advance(watermark, observer);
        }
        let panes: Vec<Cow<'_, PaneCounts>> = match &update.how {
            How::Add => update.panes.iter().map(Cow::Borrowed).collect(),
            How::Replace { part, version } => {
                self.forget_parts();
                let panes = update.panes.iter();
                let replace = |pane| self.replace((update.source, part), *version, pane);
                panes.filter_map(replace).map(Cow::Owned).collect()
            }
        };
        let names = self.name_panes(&panes);
        let mut names = names.iter();
        for pane in &panes {
            self.count_pane(pane, &mut names);
        }
        self.mark(update, observer);
    }

    /// Moves the watermark of the partitions, or the part, that an update is about.
    fn mark(&mut self, update: &PaneUpdate, observer: &mut dyn Observer) {
        let Some(watermark) = update.watermark(self.ring.pane_ms()) else { return };
        let at = watermark.saturating_add(self.settings.lateness_ms);
        let source = usize::from(update.source);
        let newer = match &update.how {
            How::Replace { part, .. } => self.marks.seen_in(source, part, at),
            How::Add if update.input.is_empty() => self.marks.seen_in(source, "", at),
            How::Add => {
                let partitions = update.input.iter().map(|range| &range.partition);
                // Each of them is to be seen.
                partitions.filter(|of| self.marks.seen_in(source, of, at)).count() > 0
            }
        };
        if newer && let Some(watermark) = self.marks.watermark() {
            self.advance(watermark, observer);
        }
    }

    /// Looks up the tags of panes, in their order, and admits those that are new; `None` for those
    /// that are too long, and for those that are taken back and not known.
    fn name_panes(&mut self, panes: &[Cow<'_, PaneCounts>]) -> Vec<Option<Name>> {
        let mut batch = std::mem::take(&mut self.scratch);
        batch.begin(Batch::default());
        let seed = *self.tags.seed();
        let tags = || panes.iter().flat_map(|pane| &pane.tags);
        for tag in tags().filter(|tag| tag.adds()) {
            batch.push_key(&seed, tag.key.as_bytes(), tag.display.as_bytes(), false);
        }
        self.counters.oversize_tags += batch.odd.oversize_tags;
        self.name_tags(&batch);
        self.scratch = batch;
        let mut ids = self.interned.ids.iter().zip(0_u32..);
        let mut spelled = self.interned.spelled.iter().peekable();
        let mut name = |tag: &PaneTag| {
            if !tag.adds() {
                let name = self.tags.spelling(tag.key.as_bytes(), tag.display.as_bytes());
                return name.map(|(id, spelling)| Name { id, spelling, counted: false });
            }
            if !Self::is_key(&tag.key) {
                return None;
            }
            let (&id, entry) = ids.next()?;
            let spelling = spelled.next_if(|of| of.0 == entry).map_or(0, |of| of.1);
            Some(Name { id, spelling, counted: true })
        };
        tags().map(&mut name).collect()
    }

    fn is_key(key: &str) -> bool {
        (1..=tagtide_extract::KEY_MAX_BYTES).contains(&key.len())
    }

    fn count_pane<'a>(
        &mut self,
        pane: &PaneCounts,
        names: &mut impl Iterator<Item = &'a Option<Name>>,
    ) {
        let late = pane.pane == PaneCounts::LATE || self.ring.is_closed(pane.pane);
        let counters = &mut self.counters;
        counters.posts = counters.posts.saturating_add_signed(pane.posts);
        counters.tagged_posts = counters.tagged_posts.saturating_add_signed(pane.tagged);
        if late {
            counters.late += u64::try_from(pane.posts).unwrap_or(0);
        }
        let (posts, tagged) = (pane.posts, pane.tagged);
        let mut counts = Counts { posts, tagged, ..Counts::default() };
        for (tag, name) in pane.tags.iter().zip(names) {
            let Some(name) = *name else { continue };
            self.counters.tags = self.counters.tags.saturating_add_signed(tag.posts.into());
            let dropped = self.filter_marks.is_dropped(name.id);
            self.spell(name, if dropped { 0 } else { tag.posts });
            if !dropped {
                lower(tag, name.id, &mut counts);
            }
        }
        if late {
            let is_marked = pane.pane == PaneCounts::LATE;
            let index = if is_marked { self.ring.pane_of(LATE) } else { pane.pane };
            self.ring.add_late_counts(&counts.take_more());
            self.ring.take_counts(index, counts);
        } else {
            self.ring.add_counts(pane.pane, counts);
        }
    }

    /// Counts uses of a spelling.
    fn spell(&mut self, name: Name, posts: i32) {
        if name.spelling == 0 {
            return;
        }
        let by = i64::from(posts) - i64::from(name.counted);
        self.tags.count_spelling(name.id, name.spelling, by);
        if posts != 0 && self.settings.keep_delta {
            let tag = name.id << 3 | u32::from(name.spelling);
            self.pending.spelled_by.push((tag, posts.into()));
        }
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

/// Adds what a tag has to `counts`.
fn lower(tag: &PaneTag, id: u32, counts: &mut Counts) {
    let sketch = tag.authors.sketch();
    let others = sketch.map_or(0, |(_, others)| others.into());
    let registers = sketch.map(|sketch| sketch.0).filter(|registers| !registers.is_empty());
    let mut unknown = i64::from(tag.posts) - others;
    let members = tag.authors.members().iter();
    for member in members.filter(|member| member.author != 0 && member.posts != 0) {
        unknown -= i64::from(member.posts);
        let seen = AuthorRow { id, author: short(member.author), print: member.text };
        counts.members.push((seen, member.posts));
    }
    if unknown != 0 || others != 0 || registers.is_some() {
        counts.changes.push(Change { id, unknown, others, registers: registers.cloned() });
    }
}
