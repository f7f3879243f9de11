//! Posts with an identity: duplicates, edits and deletes, and what each of them retracts.

use crate::state::State;
use crate::state::extracted_batch::{NO_TIME, PostKey};
use crate::state::post_memory::RememberedPost;
use crate::window::LATE;
use tagtide_posts::post::Op;

/// The hash of an author as author sets store it; 0 = unknown.
pub(super) fn short(author: u64) -> u32 {
    ((author >> 32) as u32).max(1)
}

pub(super) fn named(key: &PostKey) -> RememberedPost {
    let &PostKey { id, alias, revision, author, .. } = key;
    RememberedPost { id, alias, revision, author, ..RememberedPost::default() }
}

/// Whether a row counts, and when.
pub(super) enum Verdict {
    Count(i64),
    Drop,
}

impl State {
    /// Applies a post with an identity to the remembered ones.
    pub(super) fn apply_identity(&mut self, key: &PostKey, replaces: &[u64], at: i64) -> Verdict {
        if key.op == Op::DropAuthor {
            self.unsample(key, replaces);
            for number in self.remembered.by_author(key.author) {
                // Repeated after a reconnect, it does not concern later posts.
                if self.remembered.get(number).is_some_and(|post| at != NO_TIME && post.seen > at) {
                    continue;
                }
                self.retract(number);
                self.counters.deletes += 1;
            }
            return Verdict::Drop;
        }
        if key.id == 0 && key.alias == 0 {
            return if key.op == Op::Delete { Verdict::Drop } else { Verdict::Count(at) };
        }
        let known = self.known(key, replaces);
        // A repeated revision, or one after a newer one, replaces nothing.
        let is_repeated = key.op == Op::Update && self.remembered.is_known(key.id, key.revision);
        if !is_repeated {
            self.unsample(key, replaces);
        }
        match (key.op, known) {
            (Op::Create, None) => Verdict::Count(at),
            (Op::Create, Some(_)) => self.duplicate(),
            (Op::Update, Some(_)) if is_repeated => self.duplicate(),
            (Op::Update, None) => {
                self.counters.edits += 1;
                Verdict::Count(at)
            }
            (Op::Update, Some((_, old))) if old.left => {
                self.counters.edits += 1;
                Verdict::Count(old.at)
            }
            (Op::Update, Some((_, old))) if old.gone => self.duplicate(),
            (Op::Update, Some((number, old))) => {
                self.counters.edits += 1;
                self.retract(number);
                Verdict::Count(old.at)
            }
            (Op::Delete | Op::DropAuthor, Some((number, old))) => {
                if !old.gone {
                    self.retract(number);
                    self.counters.deletes += 1;
                } else if old.left {
                    self.mark_gone(number);
                }
                Verdict::Drop
            }
            (Op::Delete | Op::DropAuthor, None) => {
                self.counters.deletes_unknown += 1;
                let seen = if at == NO_TIME { self.marks.newest().unwrap_or(0) } else { at };
                let stone = RememberedPost { at: LATE, seen, gone: true, ..named(key) };
                self.remembered.add(stone, std::iter::empty());
                Verdict::Drop
            }
        }
    }

    /// The remembered post that `key` is about, and its number.
    fn known(&self, key: &PostKey, replaces: &[u64]) -> Option<(u64, RememberedPost)> {
        let names = [key.id, key.alias].into_iter().filter(|&name| name != 0);
        let known = names.map(|name| self.remembered.find(name)).find_map(|number| number);
        // An edit names all identities that it replaces; all but one were replaced before.
        let mut replaced = replaces.iter().filter_map(|&id| self.remembered.find(id));
        let known = known.or_else(|| replaced.clone().find(|&number| self.is_there(number)));
        let known = known.or_else(|| replaced.next_back());
        known.and_then(|number| Some((number, *self.remembered.get(number)?)))
    }

    fn is_there(&self, number: u64) -> bool {
        self.remembered.get(number).is_some_and(|memory| !memory.gone)
    }

    /// An edit takes a post out of this view; one that never fitted is ignored.
    pub(super) fn retract_original(&mut self, key: &PostKey, replaces: &[u64]) {
        if self.remembered.is_known(key.id, key.revision) {
            return;
        }
        if let Some((number, old)) = self.known(key, replaces).filter(|(_, old)| !old.gone) {
            self.retract(number);
            let left = RememberedPost { gone: true, left: true, tags: 0, ..old };
            self.remembered
                .add(RememberedPost { id: key.id, revision: key.revision, ..left }, [].into_iter());
        }
    }

    fn duplicate(&mut self) -> Verdict {
        self.counters.duplicates += 1;
        Verdict::Drop
    }

    fn retract(&mut self, number: u64) {
        let Some(memory) = self.remembered.get(number).copied() else { return };
        self.mark_gone(number);
        let mut ids = std::mem::take(&mut self.taken);
        ids.clear();
        for tag in self.remembered.tags(number) {
            let id = tag >> 3;
            // If a tag was evicted, its id may belong to another tag now.
            if !self.tags.is_live(id) || self.tags.since(id) > memory.admissions {
                continue;
            }
            ids.push(id);
            if tag & 7 > 0 {
                self.tags.count_spelling(id, (tag & 7) as u8, -1);
                if self.settings.keep_delta {
                    self.pending.unspelled.push(tag);
                }
            }
        }
        self.counters.posts = self.counters.posts.saturating_sub(1);
        let tagged = u64::from(!ids.is_empty());
        self.counters.tagged_posts = self.counters.tagged_posts.saturating_sub(tagged);
        self.counters.tags = self.counters.tags.saturating_sub(ids.len() as u64);
        let author = if memory.author == 0 { 0 } else { short(memory.author) };
        self.ring.retract(memory.at, &ids, author);
        self.taken = ids;
    }

    fn mark_gone(&mut self, number: u64) {
        self.remembered.mark_gone(number);
        if self.settings.keep_delta {
            self.pending.retracted.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Settings;
    use crate::state::extracted_batch::{ExtractedBatch, Row, UNORDERED};
    use crate::store::hash::Seed;
    use crate::window::Shape;
    use tagtide_posts::post::Batch;

    const SEED: Seed = Seed::new([7; 32]);

    fn state() -> State {
        let shape = Shape { pane_ms: 1000, windows_ms: vec![60_000], people: None, decay_ms: None };
        let settings = Settings {
            remembered_max_posts: 10,
            remembered_max_ms: i64::MAX,
            ..Settings::of(shape, Vec::new())
        };
        State::new(settings, SEED)
    }

    fn totals<const N: usize>(state: &mut State, tags: [&str; N]) -> [u64; N] {
        state.show(1000, &mut ());
        let total = |id| state.ring.total().count(id);
        tags.map(|tag| state.tags.find(tag.as_bytes()).map_or(0, total))
    }

    /// A post with one tag; `replaces` are the posts that it is an edit of.
    fn post(state: &mut State, op: Op, id: u64, replaces: &[u64], tag: &str) {
        revision(state, op, (id, 0), replaces, tag);
    }

    fn revision(
        state: &mut State,
        op: Op,
        (id, revision): (u64, u64),
        replaces: &[u64],
        tag: &str,
    ) {
        let mut batch = ExtractedBatch::default();
        batch.begin(Batch::default());
        batch.begin_post();
        batch.push_key(&SEED, tag.as_bytes(), tag.as_bytes(), true);
        batch.replaces = replaces.to_vec();
        let replaces_end = replaces.len() as u32;
        batch.posts.push(PostKey { op, id, revision, replaces_end, ..PostKey::default() });
        let row = Row { at: 1000, until: 1000, posts: 1, tagged: 1, entries_end: 1, post: 1 };
        batch.rows.push(row);
        state.begin_batch(&batch, &mut ());
        state.count_row(&batch, &row, i64::MAX, &mut ());
    }

    #[test]
    fn an_edit_of_an_edit_takes_the_newest_back() {
        let mut state = state();
        post(&mut state, Op::Create, 1, &[], "first");
        post(&mut state, Op::Update, 2, &[1], "second");
        post(&mut state, Op::Update, 3, &[1, 2], "third");
        post(&mut state, Op::Update, 3, &[1, 2], "third");
        assert_eq!(totals(&mut state, ["first", "second", "third"]), [0, 0, 1]);
        let counters = state.counters();
        assert_eq!((counters.posts, counters.edits, counters.duplicates), (1, 2, 1));
    }

    #[test]
    fn an_older_revision_told_again_replaces_no_newer_one() {
        let mut state = state();
        revision(&mut state, Op::Create, (1, 10), &[], "first");
        revision(&mut state, Op::Update, (1, 11), &[], "second");
        revision(&mut state, Op::Update, (1, 12), &[], "third");
        for (op, number, tag) in [(Op::Create, 10, "first"), (Op::Update, 11, "second")] {
            revision(&mut state, op, (1, number), &[], tag);
        }
        assert_eq!(totals(&mut state, ["first", "second", "third"]), [0, 0, 1]);
        let counters = state.counters();
        assert_eq!((counters.posts, counters.edits, counters.duplicates), (1, 2, 2));
    }

    #[test]
    fn an_older_revision_that_comes_late_replaces_no_newer_one() {
        let mut state = state();
        revision(&mut state, Op::Create, (1, 0), &[], "first");
        revision(&mut state, Op::Update, (1, 12), &[], "third");
        revision(&mut state, Op::Update, (1, 11), &[], "second");
        assert_eq!(totals(&mut state, ["first", "second", "third"]), [0, 0, 1]);
        for number in [UNORDERED | 2, UNORDERED | 1] {
            revision(&mut state, Op::Update, (1, number), &[], "second");
            revision(&mut state, Op::Update, (1, number), &[], "third");
            assert_eq!(totals(&mut state, ["first", "second", "third"]), [0, 1, 0]);
        }
    }
}
