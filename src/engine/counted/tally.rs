//! Counts of one view, summed in plain hash maps until they are sent.

use std::collections::HashMap;

use super::edits::Edits;
use crate::job::Plan;
use crate::run::state_settings::ms;
use tagtide_trends::state::extracted_batch::{Entry, ExtractedBatch, PostKey, Row};
use tagtide_trends::state::pane_update::{AuthorSet, PaneCounts, PaneTag};
use tagtide_trends::status::Counters;

/// When a row is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Posts after this event time are from the future.
    pub(super) horizon: i64,
    /// Panes up to this one are closed.
    pub(super) closed_to: i64,
    /// Newest event time of any source.
    pub(super) newest: Option<i64>,
}

/// A tag with one spelling, as a number.
pub(super) type Name = u32;

/// Counts of one view.
pub(super) struct Tally {
    view: u16,
    pane_ms: i64,
    names: Names,
    panes: HashMap<i64, Pane>,
    edits: Edits,
    /// Tags of the row being counted.
    tags: Vec<Name>,
}

/// Keys and spellings by number.
#[derive(Default)]
struct Names {
    all: Vec<(Box<str>, Box<str>)>,
    numbers: HashMap<(Box<str>, Box<str>), Name>,
}

/// What came to a pane, and what was taken back from it.
#[derive(Default)]
struct Pane {
    plus: Sum,
    minus: Sum,
}

/// A sum of posts.
#[derive(Default)]
struct Sum {
    posts: i64,
    tagged: i64,
    /// In the order in which they came first.
    tags: Vec<Tag>,
    places: HashMap<Name, usize>,
}

/// A tag in a sum.
struct Tag {
    name: Name,
    posts: i32,
    authors: AuthorSet,
}

impl Tally {
    /// Of the view `view`; 0 = all posts.
    pub(super) fn new(view: u16, plan: &Plan) -> Self {
        Self {
            view,
            pane_ms: ms(plan.count.pane),
            names: Names::default(),
            panes: HashMap::new(),
            edits: Edits::new(plan.limits.remembered_max_posts, ms(plan.limits.remembered_max)),
            tags: Vec::new(),
        }
    }

    /// Counts the row `number` of `rows`; gives the posts that count, and what became of others.
    pub(super) fn count(&mut self, rows: &ExtractedBatch, number: usize, now: &Moment) -> Counters {
        let mut counters = Counters::default();
        let row = &rows.rows[number];
        if row.at > now.horizon {
            counters.future += u64::from(row.posts);
            return counters;
        }
        let key = row.post.checked_sub(1).map(|post| &rows.posts[post as usize]);
        let replaces = key.map_or(&[][..], |key| {
            let before = row.post.checked_sub(2).map_or(0, |b| rows.posts[b as usize].replaces_end);
            &rows.replaces[before as usize..key.replaces_end as usize]
        });
        let mut gone = Vec::new();
        let at = match key {
            Some(key) if row.posts == 0 => {
                self.edits.leave(key, replaces, &mut gone);
                None
            }
            None if row.posts == 0 => None,
            Some(key) => {
                self.edits.judge(key, replaces, (row.at, now.newest), &mut counters, &mut gone)
            }
            None => Some(row.at),
        };
        for post in gone {
            self.take_back(post.at, (post.author, &post.tags));
        }
        if let Some(at) = at {
            counters.posts += u64::from(row.posts);
            self.read(rows, number);
            self.add(at, row, key, now);
        }
        counters
    }

    /// Looks up the tags of a row.
    fn read(&mut self, rows: &ExtractedBatch, number: usize) {
        let before = number.checked_sub(1).map_or(0, |before| rows.rows[before].entries_end);
        let entries = &rows.entries[before as usize..rows.rows[number].entries_end as usize];
        self.tags.clear();
        for entry in entries {
            self.tags.push(self.names.number(entry, &rows.arena));
        }
    }

    fn add(&mut self, at: i64, row: &Row, key: Option<&PostKey>, now: &Moment) {
        let pane = at.div_euclid(self.pane_ms);
        let late = at == PaneCounts::LATE || pane <= now.closed_to;
        let pane = if late { PaneCounts::LATE } else { pane };
        let sum = &mut self.panes.entry(pane).or_default().plus;
        sum.posts += i64::from(row.posts);
        sum.tagged += i64::from(row.tagged);
        let who = key.map_or((0, 0), |key| (key.author, key.print));
        self.tags.iter().for_each(|&name| sum.add(name, who, 1));
        if let Some(key) = key.filter(|key| key.id != 0) {
            let at = if late { PaneCounts::LATE } else { at };
            self.edits.remember(key, (at, row.at), &self.tags, now.newest);
        }
    }

    fn take_back(&mut self, at: i64, (author, tags): (u64, &[Name])) {
        let late = at == PaneCounts::LATE;
        let pane = if late { PaneCounts::LATE } else { at.div_euclid(self.pane_ms) };
        let sum = &mut self.panes.entry(pane).or_default().minus;
        sum.posts -= 1;
        sum.tagged -= i64::from(!tags.is_empty());
        tags.iter().for_each(|&name| sum.add(name, (author, 0), -1));
    }

    /// Puts what has come since the last time into `plus`, pane by pane, and what was taken back
    /// into `minus`.
    pub(super) fn flush(&mut self, plus: &mut Vec<PaneCounts>, minus: &mut Vec<PaneCounts>) {
        let mut panes: Vec<_> = self.panes.drain().collect();
        panes.sort_unstable_by_key(|(pane, _)| *pane);
        for (pane, sums) in panes {
            for (sum, out) in [(sums.plus, &mut *plus), (sums.minus, &mut *minus)] {
                out.extend((sum.posts != 0).then(|| sum.counts(self.view, pane, &self.names)));
            }
        }
    }
}

impl Names {
    fn number(&mut self, entry: &Entry, arena: &[u8]) -> Name {
        let key = entry.with_key(arena, |key| String::from_utf8_lossy(key).into_owned());
        let typed = String::from_utf8_lossy(&entry.typed(arena)).into_owned();
        let name = (key.into_boxed_str(), typed.into_boxed_str());
        let next = self.all.len() as Name;
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.all.push(name.clone());
            next
        })
    }
}

impl Sum {
    fn add(&mut self, name: Name, (author, text): (u64, u32), posts: i32) {
        let next = self.tags.len();
        let place = *self.places.entry(name).or_insert(next);
        if place == next {
            self.tags.push(Tag { name, posts: 0, authors: AuthorSet::default() });
        }
        let tag = &mut self.tags[place];
        tag.posts += posts;
        tag.authors.add(author, text, posts);
    }

    fn counts(self, view: u16, pane: i64, names: &Names) -> PaneCounts {
        let tag = |Tag { name, posts, authors }: Tag| {
            let (key, display) = names.all[name as usize].clone();
            PaneTag { key, display, posts, authors: authors.authors() }
        };
        let (posts, tagged) = (self.posts, self.tagged);
        let tags = self.tags.into_iter().map(tag).collect();
        PaneCounts { view, pane, closed: false, posts, tagged, tags }
    }
}
