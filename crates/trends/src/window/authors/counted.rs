//! The authors of a pane that closes, as far as they were counted elsewhere.
//!
//! Those that are listed have rows like any others. What is left are posts of unknown authors, and
//! sketches of tags with more authors than a list holds.
//!
//! Of such a tag the rows hold the authors with the smallest hashes, one more than a crowd can
//! have. Rows are processed in the order of hashes, so by the last of them the crowd has
//! become a sample whose bound lies at or below it: authors that are not among the rows would all
//! have been beyond the sample, and of them the sliding sketch keeps nothing but the largest rank
//! of each register. So the tag is as it would be if all authors had rows, but for what only rows
//! tell of those beyond the sample: which of their posts are copies, how many are beyond the cap,
//! and that they have posted before.

use crate::window::authors::{AuthorCounts, AuthorRow, ClosedPanes, PaneAuthors};
use crate::window::counted::Sketched;
use crate::window::pane::{OpenPane, Pair};
use crate::window::sliding_window::Window;

impl AuthorCounts {
    /// Takes in what was counted elsewhere of a pane that closes, after its rows; `pairs` are its
    /// counts, which have each tag of it.
    pub(super) fn close_counted(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        open: &OpenPane,
        (pairs, rows): (&[Pair], &[AuthorRow]),
        taken: &mut PaneAuthors,
    ) {
        let now = open.index;
        let mut more = Vec::new();
        for (id, unknown) in open.counted.all_unknown() {
            let Ok(at) = pairs.binary_search_by_key(&id, |pair| pair.0) else { continue };
            let others = open.counted.sketch(id).map_or(0, |sketched| sketched.others);
            if others > 0 && !self.is_estimated(id) {
                // Its sender lists too few of its authors.
                self.make_sketch(kept, windows, (id, now), u32::MAX);
                taken.lasts[at] = 0;
                taken.alone.retain(|pair| pair.0 != id);
            }
            let first = rows.partition_point(|seen| seen.id < id);
            let of_rows = rows[first..].iter().take_while(|seen| (seen.id, seen.author) == (id, 0));
            let of_rows = of_rows.count() as u32;
            let first = open.unseen.partition_point(|gone| *gone < (id, 0));
            let gone = open.unseen[first..].iter().take_while(|gone| **gone == (id, 0));
            let gone = gone.count() as u32;
            // Those of rows were dealt with.
            let before = of_rows.saturating_sub(gone);
            let all = (of_rows + unknown).saturating_sub(gone);
            if self.is_estimated(id) {
                self.sketched.on_post(id, &[], all, now);
            } else if all > before {
                taken.lasts[at] += all - before;
                more.push((id, all - before));
            }
        }
        taken.alone.append(&mut more);
        taken.alone.sort_unstable();
        taken.alone.dedup_by(|more, sum| {
            let same = more.0 == sum.0;
            sum.1 += if same { more.1 } else { 0 };
            same
        });
        self.sketched.end(now);
        for sketched in &open.counted.sketches {
            self.sketched.merge(sketched.id, &sketched.registers, now);
        }
    }

    /// The posts of authors who are not listed were laid from `laid` on as if they had no author:
    /// they are as many people as the sketch of an open pane has beyond those that were `seen` in
    /// it, about.
    pub(super) fn overlay_sketched(
        &mut self,
        open: &OpenPane,
        seen: &[(u32, u32, i64)],
        laid: usize,
    ) {
        let laid = &mut self.overlaid[laid..];
        for Sketched { id, others, registers } in &open.counted.sketches {
            let below = |id: u32| seen.partition_point(|who| who.0 < id);
            let listed = (below(id.saturating_add(1)) - below(*id)) as u32;
            let people = (registers.estimate() as u32).saturating_sub(listed);
            if let Ok(at) = laid.binary_search_by_key(id, |laid| laid.id) {
                laid[at].count -= others.saturating_sub(people).min(laid[at].count);
            }
        }
    }

    /// Turns a crowd into a sketch, of which its members with a hash below `below` are a sample.
    pub(super) fn make_sketch(
        &mut self,
        kept: &mut ClosedPanes<'_>,
        windows: &mut [Window],
        (id, now): (u32, i64),
        below: u32,
    ) {
        let members = self.sets.of(id).filter(|(_, m)| !m.marks.only_copies());
        let members = members.map(|(author, m)| (Self::pane(m.last, now), author));
        self.sketched.make(kept, windows, (id, below), members);
        self.sets.mark_sample(id, true);
    }
}
