//! Changes of a ring since the last checkpoint record, and the pieces of a full snapshot.
//!
//! The ring hands over copies of logs and shared lists of counts, which is cheap; another thread
//! sums and encodes them ([`PaneDelta::put`]). A pane is written as: index, posts, posts with a
//! tag, number of pairs, pairs. Numbers are variable-length integers; the first three are signed,
//! as retracted posts may make them negative.

use std::sync::Arc;

use crate::store::varint::{Many, put, put_signed};
use crate::window::author_sections::{Retracted, put_seen};
use crate::window::authors::AuthorRow;
use crate::window::counted::PaneChanges;
use crate::window::pane::{Beyond, ClosedPane, OpenPane, Pair};
use crate::window::ring::{MINUTE_MS, Ring, step_of};

/// Changes gathered for the next checkpoint record.
#[derive(Debug, Default)]
pub struct Delta {
    /// Panes, oldest change first.
    pub panes: Vec<PaneDelta>,
    /// Ids counted late, one for each occurrence.
    pub late: Vec<u32>,
    /// Occurrences counted late elsewhere.
    pub late_pairs: Vec<Pair>,
    /// What was counted elsewhere of open panes.
    pub counted: Vec<PaneChanges>,
    /// Posts taken back: pane and ids.
    pub minus: Vec<(i64, Vec<u32>)>,
    /// Panes, and the authors of their tags.
    pub seen: AuthorRows,
    /// Rows that were taken by [`Ring::take_rows`], encoded.
    pub encoded_rows: Vec<u8>,
    /// Posts retracted from stored closed panes.
    pub left: Vec<Retracted>,
    /// Posts of closed panes beyond the cap: pane, and the change of each.
    pub beyond: Vec<(i64, Vec<Surplus>)>,
}

/// Panes, and the authors of their tags.
pub type AuthorRows = Vec<(i64, Vec<AuthorRow>)>;

/// Tag, author, and the change in the number of their posts beyond the cap.
pub type Surplus = (u32, u32, i64);

/// The changes of one pane.
#[derive(Debug)]
pub struct PaneDelta {
    index: i64,
    posts: i64,
    tagged: i64,
    counts: Counts,
}

#[derive(Debug)]
enum Counts {
    /// Sums.
    Pairs(Arc<Vec<Pair>>),
    /// One id for each occurrence, and for each that was taken back; others summed up.
    Log { plus: Vec<u32>, minus: Vec<u32>, pairs: Vec<Pair> },
}

/// A pane of a snapshot, or a minute of panes.
#[derive(Debug)]
pub struct PanePiece {
    minute: bool,
    /// Occurrences of evicted tags.
    other: u64,
    pane: PaneDelta,
    /// Posts without author.
    alone: Counts,
    /// Posts beyond the cap.
    beyond: Vec<Beyond>,
}

impl PaneDelta {
    /// A pane has so many posts more, and posts with a tag.
    pub(super) fn posts(index: i64, posts: i64, tagged: i64) -> Self {
        Self { index, posts, tagged, counts: Counts::Pairs(Arc::default()) }
    }

    /// Appends it in the form of a pane.
    pub fn put(self, out: &mut Vec<u8>) {
        put_signed(out, self.index);
        put_signed(out, self.posts);
        put_signed(out, self.tagged);
        self.counts.put(out);
    }
}

impl Counts {
    fn is_empty(&self) -> bool {
        match self {
            Self::Pairs(pairs) => pairs.is_empty(),
            Self::Log { plus, pairs, .. } => plus.is_empty() && pairs.is_empty(),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Pairs(pairs) => put_pairs(out, &pairs),
            Self::Log { plus, minus, pairs } => put_pairs(out, &sum(plus, minus, pairs)),
        }
    }
}

impl PanePiece {
    fn closed(closed: &ClosedPane, minute: bool) -> Self {
        let (posts, tagged) = (closed.posts as i64, closed.tagged as i64);
        let counts = Counts::Pairs(Arc::clone(&closed.pairs));
        let pane = PaneDelta { index: closed.index, posts, tagged, counts };
        let alone = Counts::Pairs(Arc::clone(&closed.alone));
        Self { minute, other: closed.other, pane, alone, beyond: closed.beyond.clone() }
    }

    /// `authors`: posts without an author are listed separately.
    fn open(open: &OpenPane, authors: bool) -> Self {
        let (posts, tagged) = (open.posts as i64, open.tagged as i64);
        let pairs = open.counted.pairs.clone();
        let counts = Counts::Log { plus: open.log.clone(), minus: open.minus.clone(), pairs };
        let pane = PaneDelta { index: open.index, posts, tagged, counts };
        let seen = open.seen.iter().filter(|seen| seen.author == 0).map(|seen| seen.id);
        let unseen = open.unseen.iter().filter(|gone| gone.1 == 0).map(|gone| gone.0);
        let pairs = open.counted.all_unknown().filter(|_| authors).collect();
        let alone = Counts::Log { plus: seen.collect(), minus: unseen.collect(), pairs };
        Self { minute: false, other: open.other, pane, alone, beyond: Vec::new() }
    }

    /// Appends 1 for a minute, else 0, occurrences of evicted tags, and the pane; to `alone`, if it
    /// has posts without author among others: the same flag, index, pairs; to `beyond`, if it has
    /// posts beyond the cap: flag, index, these as in a delta.
    pub fn put(self, out: &mut Vec<u8>, alone: &mut Vec<u8>, beyond: &mut Vec<u8>) {
        if !self.beyond.is_empty() {
            beyond.push(u8::from(self.minute));
            let all = self.beyond.iter().map(|&(id, who, by)| (id, who, i64::from(by)));
            put_surplus(beyond, self.pane.index, all);
        }
        if !self.alone.is_empty() {
            alone.push(u8::from(self.minute));
            put_signed(alone, self.pane.index);
            self.alone.put(alone);
        }
        out.push(u8::from(self.minute));
        put(out, self.other);
        self.pane.put(out);
    }
}

impl Delta {
    /// The bodies of its sections: panes, late pairs in the form of one pane, posts taken back
    /// (pane, number of ids, ids), rows of people, whom they lost, what was beyond the cap (pane,
    /// number, and for each: tag, author, more or less), and what was counted elsewhere.
    #[must_use]
    pub fn encode(self) -> [Vec<u8>; 7] {
        let [mut panes, mut late, mut minus, mut left, mut beyond, mut counted] =
            <[Vec<u8>; 6]>::default();
        let mut people = self.encoded_rows;
        self.panes.into_iter().for_each(|pane| pane.put(&mut panes));
        if !self.late.is_empty() || !self.late_pairs.is_empty() {
            let minus = Vec::new();
            let counts = Counts::Log { plus: self.late, minus, pairs: self.late_pairs };
            PaneDelta { index: 0, posts: 0, tagged: 0, counts }.put(&mut late);
        }
        for (index, ids) in self.minus {
            put_signed(&mut minus, index);
            put(&mut minus, ids.len() as u64);
            ids.iter().for_each(|&id| put(&mut minus, u64::from(id)));
        }
        put_rows(&mut people, &self.seen);
        self.left.iter().for_each(|gone| gone.put(&mut left));
        for (index, surplus) in self.beyond {
            put_surplus(&mut beyond, index, surplus.into_iter());
        }
        self.counted.iter().for_each(|changes| changes.put(&mut counted));
        [panes, late, minus, people, left, beyond, counted]
    }
}

/// Appends author rows.
pub fn put_rows(out: &mut Vec<u8>, rows: &AuthorRows) {
    rows.iter().for_each(|(index, seen)| put_seen(out, *index, seen));
}

fn put_surplus(out: &mut Vec<u8>, index: i64, all: impl ExactSizeIterator<Item = Surplus>) {
    put_signed(out, index);
    put(out, all.len() as u64);
    for (id, author, by) in all {
        put(out, u64::from(id));
        put(out, u64::from(author));
        put_signed(out, by);
    }
}

fn put_pairs(out: &mut Vec<u8>, pairs: &[Pair]) {
    put(out, pairs.len() as u64);
    let mut many = Many::to(out);
    for &(id, count) in pairs {
        many.put(u64::from(id));
        many.put(u64::from(count));
    }
}

/// Sums by id, never below zero. Sorted, because the thread that encodes has no column of all
/// tags to sum in.
fn sum(mut plus: Vec<u32>, mut minus: Vec<u32>, mut all: Vec<Pair>) -> Vec<Pair> {
    plus.sort_unstable();
    minus.sort_unstable();
    let mut minus = minus.into_iter().peekable();
    all.extend(plus.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)));
    all.sort_unstable();
    let mut pairs = Vec::new();
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let (id, mut count) = (same[0].0, same.iter().map(|pair| pair.1).sum::<u32>());
        while let Some(taken) = minus.next_if(|&taken| taken <= id) {
            count = count.saturating_sub(u32::from(taken == id));
        }
        if count > 0 {
            pairs.push((id, count));
        }
    }
    pairs
}

impl Ring {
    /// All changes since the last call. Empty without a checkpoint.
    pub fn take_delta(&mut self) -> Delta {
        let mut open = std::mem::take(&mut self.open);
        open.iter_mut().for_each(|pane| self.save_open(pane, None));
        self.open = open;
        self.delta.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes author rows out of the delta, once there are `least`; encoded, they belong to the next
    /// one ([`Delta::encoded_rows`]).
    pub fn take_rows(&mut self, least: usize) -> Option<AuthorRows> {
        let rows = |delta: &Delta| delta.seen.iter().map(|(_, seen)| seen.len()).sum::<usize>();
        let delta = self.delta.as_mut().filter(|delta| rows(delta) >= least)?;
        Some(std::mem::take(&mut delta.seen))
    }

    /// Adds occurrences of open panes that are not in the totals yet, for ids from `first` on: the
    /// totals of a snapshot must include the records before it. Adding all of them to the column
    /// would cost far more than searching them for few ids.
    pub fn add_untotalled(&self, first: u32, counts: &mut [u64]) {
        for id in self.open.iter().flat_map(|open| &open.log[open.in_total..]) {
            if let Some(count) = counts.get_mut(id.wrapping_sub(first) as usize) {
                *count += 1;
            }
        }
    }

    /// Adds the changes of an open pane to the delta; `whole` = the sums of its log, when it
    /// closes.
    pub(super) fn save_open(&mut self, open: &mut OpenPane, whole: Option<&Arc<Vec<Pair>>>) {
        let Some(delta) = &mut self.delta else { return };
        let saved = open.saved;
        if saved.seen < open.seen.len() {
            let asked = self.people.as_ref().is_none_or(|people| people.known.is_some());
            let news = match whole {
                // It is not read any more.
                Some(_) if saved.seen == 0 && !asked => std::mem::take(&mut open.seen),
                _ => open.seen[saved.seen..].to_vec(),
            };
            delta.seen.push((open.index, news));
            open.saved.seen = open.seen.len();
        }
        let (posts, tagged) = (open.posts as i64, open.tagged as i64);
        if saved.log == open.log.len() && saved.posts == posts && saved.tagged == tagged {
            return;
        }
        let counts = match whole {
            Some(pairs) if saved.log == 0 => Counts::Pairs(Arc::clone(pairs)),
            _ => Counts::Log {
                plus: open.log[saved.log..].to_vec(),
                minus: Vec::new(),
                pairs: Vec::new(),
            },
        };
        let (posts, tagged) = (posts - saved.posts, tagged - saved.tagged);
        delta.panes.push(PaneDelta { index: open.index, posts, tagged, counts });
        Self::mark_saved(open);
    }

    /// Panes of the next minutes after `cursor`, until they contain `budget` counts or all are
    /// taken, and the last minute of them. Empty if none was left.
    ///
    /// A minute is always taken whole, so that panes that merge to minutes between two calls are
    /// neither missed nor taken twice.
    pub fn snapshot_panes(&self, cursor: i64, budget: usize) -> (i64, Vec<PanePiece>) {
        let minute_of = |index| step_of(index, self.pane_ms, MINUTE_MS);
        let minutes = self.minutes.iter().map(|m| (m.index, m.pairs.len()));
        let closed = self.closed.iter().map(|c| (minute_of(c.index), c.pairs.len()));
        let open = self.open.iter();
        let open = open.map(|o| (minute_of(o.index), o.log.len() + o.counted.pairs.len()));
        let (mut last, mut held) = (cursor, 0);
        for (minute, len) in minutes.chain(closed).chain(open).filter(|(m, _)| *m > cursor) {
            if held >= budget && minute != last {
                break;
            }
            (last, held) = (minute, held + len);
        }
        let taken = |minute: i64| cursor < minute && minute <= last;
        let minutes =
            self.minutes.iter().filter(|m| taken(m.index)).map(|m| PanePiece::closed(m, true));
        let closed = self.closed.iter().filter(|c| taken(minute_of(c.index)));
        let open = self.open.iter().filter(|o| taken(minute_of(o.index)));
        let open = open.map(|open| PanePiece::open(open, self.people.is_some()));
        (last, minutes.chain(closed.map(|c| PanePiece::closed(c, false))).chain(open).collect())
    }
}
