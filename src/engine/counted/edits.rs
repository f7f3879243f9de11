//! Posts that have an identity: duplicates, edits, deletes, and what each takes back. The rules are
//! those of the state, which judges rows.

use super::tally::Name;
use tagtide_posts::post::Op;
use tagtide_trends::state::extracted_batch::{NO_TIME, PostKey};
use tagtide_trends::state::post_memory::{PostMemory, RememberedPost};
use tagtide_trends::status::Counters;
use tagtide_trends::window::LATE;

/// Posts that are remembered.
pub(super) struct Edits {
    posts: PostMemory,
}

/// A post that is taken back.
pub(super) struct Gone {
    /// Event time of its pane.
    pub(super) at: i64,
    pub(super) author: u64,
    pub(super) tags: Vec<Name>,
}

fn named(key: &PostKey) -> RememberedPost {
    let &PostKey { id, alias, revision, author, .. } = key;
    RememberedPost { id, alias, revision, author, ..RememberedPost::default() }
}

impl Edits {
    pub(super) fn new(posts: usize, age_ms: i64) -> Self {
        Self { posts: PostMemory::new(posts, age_ms) }
    }

    /// Event time at which a post counts; `None` = it does not. Posts that it takes back go to
    /// `gone`.
    pub(super) fn judge(
        &mut self,
        key: &PostKey,
        replaces: &[u64],
        (at, newest): (i64, Option<i64>),
        counters: &mut Counters,
        gone: &mut Vec<Gone>,
    ) -> Option<i64> {
        if key.op == Op::DropAuthor {
            for number in self.posts.by_author(key.author) {
                if self.posts.get(number).is_some_and(|post| at != NO_TIME && post.seen > at) {
                    continue;
                }
                self.take_back(number, gone);
                counters.deletes += 1;
            }
            return None;
        }
        if key.id == 0 && key.alias == 0 {
            return (key.op != Op::Delete).then_some(at);
        }
        let known = self.known(key, replaces);
        let is_known = key.op == Op::Update && self.posts.is_known(key.id, key.revision);
        match (key.op, known) {
            (Op::Create, None) => Some(at),
            (Op::Update, None) => {
                counters.edits += 1;
                Some(at)
            }
            (Op::Update, Some((number, old))) if !is_known && (old.left || !old.gone) => {
                counters.edits += 1;
                if !old.gone {
                    self.take_back(number, gone);
                }
                Some(old.at)
            }
            (Op::Create | Op::Update, Some(_)) => {
                counters.duplicates += 1;
                None
            }
            (Op::Delete | Op::DropAuthor, Some((number, old))) => {
                if !old.gone {
                    self.take_back(number, gone);
                    counters.deletes += 1;
                } else if old.left {
                    self.posts.mark_gone(number);
                }
                None
            }
            (Op::Delete | Op::DropAuthor, None) => {
                counters.deletes_unknown += 1;
                let seen = if at == NO_TIME { newest.unwrap_or(0) } else { at };
                let stone = RememberedPost { at: LATE, seen, gone: true, ..named(key) };
                self.posts.add(stone, std::iter::empty());
                None
            }
        }
    }

    /// After an edit a post fits this view no more.
    pub(super) fn leave(&mut self, key: &PostKey, replaces: &[u64], gone: &mut Vec<Gone>) {
        if self.posts.is_known(key.id, key.revision) {
            return;
        }
        if let Some((number, old)) = self.known(key, replaces).filter(|(_, old)| !old.gone) {
            self.take_back(number, gone);
            let (id, revision) = (key.id, key.revision);
            let left = RememberedPost { id, revision, gone: true, left: true, tags: 0, ..old };
            self.posts.add(left, std::iter::empty());
        }
    }

    /// Remembers a post that counts in the pane of `at` and came at `seen`.
    pub(super) fn remember(
        &mut self,
        key: &PostKey,
        (at, seen): (i64, i64),
        tags: &[Name],
        newest: Option<i64>,
    ) {
        self.posts.add(RememberedPost { at, seen, ..named(key) }, tags.iter().copied());
        self.posts.forget_old(newest.unwrap_or(i64::MIN));
    }

    /// The remembered post that `key` is about, and its number.
    fn known(&self, key: &PostKey, replaces: &[u64]) -> Option<(u64, RememberedPost)> {
        let names = [key.id, key.alias].into_iter().filter(|&name| name != 0);
        let known = names.map(|name| self.posts.find(name)).find_map(|number| number);
        let is_there = |number| self.posts.get(number).is_some_and(|memory| !memory.gone);
        let mut replaced = replaces.iter().filter_map(|&id| self.posts.find(id));
        let known = known.or_else(|| replaced.clone().find(|&number| is_there(number)));
        let known = known.or_else(|| replaced.next_back());
        known.and_then(|number| Some((number, *self.posts.get(number)?)))
    }

    fn take_back(&mut self, number: u64, gone: &mut Vec<Gone>) {
        let Some(&RememberedPost { at, author, .. }) = self.posts.get(number) else { return };
        let tags = self.posts.tags(number).collect();
        self.posts.mark_gone(number);
        gone.push(Gone { at, author, tags });
    }
}
