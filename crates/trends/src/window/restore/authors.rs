//! Restores the authors of a ring: members from the parts of a snapshot, and the rows after them.
//!
//! The members of a part are as of its epoch. Until the records have reached it, the part waits,
//! and their rows of its tags are skipped. At the end of each record the panes that were closed in
//! it are closed again, in order.

use std::collections::{BTreeMap, VecDeque};

use smallvec::SmallVec;

use crate::store::column::Column;
use crate::store::varint::Reader;
use crate::window::author_sections::OpenRows;
use crate::window::author_sets::{EXACT_MAX, Marks, Member, PRINTS, Print};
use crate::window::authors::{AuthorCounts, AuthorRow, ClosedPanes};
use crate::window::counted::{Change, PaneChanges};
use crate::window::pane::{OpenPane, Pair};
use crate::window::restore::{CUT, CorruptSection, UNKNOWN};
use crate::window::ring::Ring;
use crate::window::sliding_hll::REGISTERS;

/// Authors being restored.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) people: AuthorCounts,
    open: BTreeMap<i64, OpenRows>,
    /// Parts whose epoch the records have not reached, by epoch.
    waiting: VecDeque<(u64, Part)>,
    rows: u32,
}

/// A part of a snapshot, encoded.
#[derive(Debug)]
pub enum Part {
    /// Authors of some tags.
    AuthorSets(Vec<u8>),
    /// Some of the returning authors. These parts come first.
    Returning(Vec<u8>),
    /// Posts that count towards the cap.
    PostCaps(Vec<u8>),
    /// What was counted elsewhere of open panes.
    Counted(Vec<u8>),
}

/// Panes are restored separately from authors: there are none to change here.
fn nothing(pane_ms: i64, run: impl FnOnce(&mut ClosedPanes<'_>)) {
    let (mut closed, mut minutes) = (VecDeque::new(), VecDeque::new());
    run(&mut ClosedPanes { closed: &mut closed, minutes: &mut minutes, pane_ms });
}

impl Replay {
    pub(super) fn new(people: AuthorCounts) -> Self {
        Self { people, open: BTreeMap::new(), waiting: VecDeque::new(), rows: 0 }
    }

    pub(super) fn grow(&mut self, rows: u32) {
        self.rows = self.rows.max(rows);
        self.people.grow(self.rows as usize);
    }

    /// Stores a part until the records have reached its epoch.
    pub(super) fn wait(&mut self, part: Part) -> Result<(), CorruptSection> {
        let (Part::AuthorSets(body)
        | Part::Returning(body)
        | Part::PostCaps(body)
        | Part::Counted(body)) = &part;
        let epoch = Reader::new(body).get().ok_or(CUT)?;
        self.waiting.push_back((epoch, part));
        Ok(())
    }

    /// Takes in the parts that were taken before `epoch`.
    pub(super) fn reach(&mut self, epoch: u64) -> Result<(), CorruptSection> {
        while let Some((_, part)) = self.waiting.pop_front_if(|part| part.0 < epoch) {
            match part {
                Part::AuthorSets(body) => self.part(&body)?,
                Part::Returning(body) => self.known(&body)?,
                Part::PostCaps(body) => self.caps(&body)?,
                Part::Counted(body) => self.counted_before(&body)?,
            }
        }
        Ok(())
    }

    /// Some of the returning authors, and in the first part the authors of open panes.
    fn known(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        reader.get().ok_or(CUT)?;
        self.close_to(reader.get_signed().ok_or(CUT)?);
        let Self { people: AuthorCounts { known: Some(known), .. }, open, .. } = self else {
            return Ok(());
        };
        let came = |pane, author| open.entry(pane).or_default().came.push(author);
        known.read(&mut reader, came).ok_or(CUT)
    }

    fn caps(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        reader.get().ok_or(CUT)?;
        self.close_to(reader.get_signed().ok_or(CUT)?);
        let span = reader.get_signed().ok_or(CUT)?;
        while !reader.is_empty() {
            let (id, author) = (self.id(&mut reader)?, reader.get_u32().ok_or(CUT)?);
            let posts = reader.get().and_then(|posts| u8::try_from(posts).ok()).ok_or(CUT)?;
            self.people.post_caps.restore(span, (id, author), posts);
        }
        Ok(())
    }

    fn part(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        reader.get().ok_or(CUT)?;
        let closed_to = reader.get_signed().ok_or(CUT)?;
        self.close_to(closed_to);
        self.people.swept_at = closed_to;
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = self.id(&mut reader)?;
            let len = reader.get().filter(|&len| len <= EXACT_MAX as u64).ok_or(CUT)?;
            for _ in 0..len {
                let (author, member) = read_member(&mut reader).ok_or(CUT)?;
                self.people.sets.push(id, author, member);
            }
        }
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = self.id(&mut reader)?;
            let below = reader.get_u32().ok_or(CUT)?;
            let mut registers = Vec::with_capacity(REGISTERS);
            for _ in 0..REGISTERS {
                let mut entries = SmallVec::new();
                for _ in 0..reader.get().ok_or(CUT)? {
                    entries.push(reader.get_u32().ok_or(CUT)?);
                }
                registers.push(entries);
            }
            self.people.sets.mark_sample(id, true);
            self.people.sketched.restore((id, below), registers.into_iter());
        }
        for _ in 0..reader.get().ok_or(CUT)? {
            let id = self.id(&mut reader)?;
            let mut prints = [Print::default(); PRINTS];
            for print in &mut prints {
                let bytes = reader.get_fixed().ok_or(CUT)?;
                let (author, minute) = ((bytes >> 32) as u16, (bytes >> 48) as u16);
                *print = Print { print: bytes as u32, author, minute };
            }
            self.people.sets.set_prints(id, prints);
        }
        while !reader.is_empty() {
            let index = self.seen(&mut reader, |_| true, |_, _| ())?;
            let rows = self.open.entry(index).or_default();
            for _ in 0..reader.get().ok_or(CUT)? {
                let id = reader.get_u32().ok_or(CUT)?;
                rows.unseen.push((id, reader.get_u32().ok_or(CUT)?));
            }
        }
        Ok(())
    }

    /// Reads the rows of one pane, of the tags that `newer` selects, and appends them; passes each
    /// post without author to `alone`. Returns the pane.
    pub(super) fn seen(
        &mut self,
        reader: &mut Reader<'_>,
        newer: impl Fn(u32) -> bool,
        mut alone: impl FnMut(i64, u32),
    ) -> Result<i64, CorruptSection> {
        let index = reader.get_signed().ok_or(CUT)?;
        for _ in 0..reader.get().ok_or(CUT)? {
            let who = reader.get_fixed().ok_or(CUT)?;
            let (author, print) = (who as u32, (who >> 32) as u32);
            if author != 0 && self.people.known.is_some() {
                // Also of tags that were evicted since.
                self.open.entry(index).or_default().came.push(author);
            }
            for _ in 0..reader.get().ok_or(CUT)? {
                let id = self.id(reader)?;
                if author == 0 {
                    alone(index, id);
                }
                if newer(id) {
                    let rows = self.open.entry(index).or_default();
                    rows.seen.push(AuthorRow { id, author, print });
                }
            }
        }
        Ok(index)
    }

    fn counted_before(&mut self, body: &[u8]) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        reader.get().ok_or(CUT)?;
        self.close_to(reader.get_signed().ok_or(CUT)?);
        while !reader.is_empty() {
            let mut pane = PaneChanges::read(&mut reader, self.rows)?;
            self.counted(pane.index, &mut pane.changes);
        }
        Ok(())
    }

    /// What was counted elsewhere of an open pane changes.
    pub(super) fn counted(&mut self, index: i64, changes: &mut [Change]) {
        if !changes.is_empty() {
            self.open.entry(index).or_default().counted.change(changes);
        }
    }

    /// Reads who was taken back; gives each post without author to `alone`.
    pub(super) fn left(
        &mut self,
        body: &[u8],
        newer: impl Fn(u32) -> bool,
        mut alone: impl FnMut(i64, u32),
    ) -> Result<(), CorruptSection> {
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let closed_to = reader.get_signed().ok_or(CUT)?;
            let index = reader.get_signed().ok_or(CUT)?;
            let author = reader.get_u32().ok_or(CUT)?;
            // An author retracted from a closed pane was counted in it before.
            self.close_to(closed_to);
            for _ in 0..reader.get().ok_or(CUT)? {
                let id = self.id(&mut reader)?;
                if author == 0 {
                    alone(index, id);
                }
                if !newer(id) {
                    continue;
                }
                if index > closed_to {
                    self.open.entry(index).or_default().unseen.push((id, author));
                    continue;
                }
                let people = &mut self.people;
                nothing(people.pane_ms(), |kept| {
                    people.left(kept, &mut [], (id, author, index), closed_to);
                });
            }
        }
        Ok(())
    }

    fn id(&self, reader: &mut Reader<'_>) -> Result<u32, CorruptSection> {
        reader.get_u32().filter(|&id| id < self.rows).ok_or(UNKNOWN)
    }

    /// Closes panes again.
    pub(super) fn close_to(&mut self, to: i64) {
        while let Some(first) = self.open.first_entry().filter(|first| *first.key() <= to) {
            let (index, OpenRows { seen, unseen, came, counted }) = first.remove_entry();
            let mut pairs = self.people.sort(&seen);
            if !counted.is_empty() {
                pairs = with(&pairs, &counted.pairs);
            }
            let mut open = OpenPane { index, seen, unseen, came, counted, ..OpenPane::default() };
            let people = &mut self.people;
            nothing(people.pane_ms(), |kept| {
                people.close(kept, &mut [], &mut open, &pairs);
            });
        }
    }

    /// Forgets evicted tags.
    pub(super) fn evict(&mut self, marked: &Column<bool>, ids: impl Iterator<Item = u32>) {
        ids.for_each(|id| self.people.forget(id));
        for rows in self.open.values_mut() {
            rows.seen.retain(|seen| !marked.get(seen.id));
            rows.unseen.retain(|gone| !marked.get(gone.0));
            rows.counted.retain(|id| !marked.get(id));
        }
    }

    /// This record counts no authors.
    pub(super) fn reset(&mut self) {
        self.people = self.people.cleared();
        self.open.clear();
    }

    /// This record has no returning authors: a run without the rule wrote it.
    pub(super) fn forget_known(&mut self) {
        if let Some(known) = &mut self.people.known {
            *known = known.cleared();
            self.open.values_mut().for_each(|rows| rows.came.clear());
        }
    }

    /// Moves the authors to a ring with its panes: the authors counted in each pane follow from the
    /// members.
    pub(super) fn finish(
        mut self,
        ring: &mut Ring,
        from: i64,
        joined: Option<[u64; 2]>,
    ) -> Result<(), CorruptSection> {
        self.reach(u64::MAX)?;
        let now = ring.closed_to;
        self.close_to(now);
        self.people.outdate(now);
        self.people.prune_sketched(&mut [], now);
        self.people.from = from;
        match (joined, &mut self.people.known) {
            (Some(joined), Some(known)) => known.set_joined(joined),
            _ => self.forget_known(),
        }
        for open in &mut ring.open {
            let rows = self.open.remove(&open.index).unwrap_or_default();
            let OpenRows { seen, unseen, came, counted } = rows;
            (open.seen, open.unseen, open.came) = (seen, unseen, came);
            // Who has a row stands in the log.
            let all = std::mem::replace(&mut open.counted, counted);
            for (id, posts) in all.pairs {
                let logged = posts.saturating_sub(open.counted.of(id));
                open.log.extend(std::iter::repeat_n(id, logged as usize));
            }
            open.in_total = open.log.len();
            Ring::mark_saved(open);
        }
        for closed in ring.closed.iter_mut().chain(&mut ring.minutes) {
            closed.lasts = vec![0; closed.pairs.len()];
        }
        let (people, pane_ms) = (self.people, ring.pane_ms);
        let (closed, minutes) = (&mut ring.closed, &mut ring.minutes);
        let mut kept = ClosedPanes { closed, minutes, pane_ms };
        for id in (0..people.sets.rows()).filter(|&id| !people.is_estimated(id)) {
            for member in people.sets.members(id) {
                if people.is_alive(&member, now) && member.counts() {
                    kept.count(AuthorCounts::pane(member.last, now), id);
                }
            }
        }
        for closed in ring.closed.iter_mut().chain(&mut ring.minutes) {
            closed.keep_alone(|id| !people.is_estimated(id));
        }
        ring.people = Some(people);
        Ok(())
    }
}

/// These counts and more of them, each tag once, ascending.
fn with(pairs: &[Pair], more: &[Pair]) -> Vec<Pair> {
    let mut all = [pairs, more].concat();
    all.sort_unstable();
    all.dedup_by(|more, sum| {
        let same = more.0 == sum.0;
        sum.1 += if same { more.1 } else { 0 };
        same
    });
    all
}

fn read_member(reader: &mut Reader<'_>) -> Option<(u32, Member)> {
    let who = reader.get_fixed()?;
    let posts = reader.get_u32().filter(|&posts| posts < 1 << 18)?;
    // A field that is no longer used.
    reader.get_byte()?;
    let member = Member {
        last: (who >> 32) as u32,
        posts: (posts >> 1) as u16,
        marks: Marks::new(posts & 1 == 1, posts >> 17 == 1),
    };
    Some((who as u32, member))
}
