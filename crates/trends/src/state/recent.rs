//! The texts of the last posts with tags: what is posted with a tag.
//!
//! A ring in memory only: it is in no checkpoint, log or metric, and empty after a start. Bounded
//! by number and by the bytes of each post. From a fast stream it takes only as many posts of each
//! second of event time that it spans ten minutes. Deletes, edits and deleted accounts take posts
//! out at once.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::state::State;
use crate::state::extracted_batch::{ExtractedBatch, PostKey};
use crate::state::sample::{LANG_MAX_BYTES, NAME_MAX_BYTES, PostText, Sample, TEXT_MAX_BYTES};
use crate::store::index::Index;
use tagtide_posts::post::Op;

/// Seconds that a full ring spans at least.
const SPAN_S: usize = 600;
/// Most tags stored for a post.
const TAGS_MAX: usize = 64;
/// Most bytes that a post takes, with its places in the index.
pub const POST_MAX_BYTES: usize =
    size_of::<Kept>() + TEXT_MAX_BYTES + 2 * NAME_MAX_BYTES + LANG_MAX_BYTES + 4 * TAGS_MAX + 64;

/// One post.
#[derive(Debug, Default)]
struct Kept {
    at: i64,
    id: u64,
    alias: u64,
    author: u64,
    /// Admissions of tags when it was counted: a tag admitted later is not the one it named.
    admissions: u32,
    /// Its tags, each once; empty = the place is free.
    tags: SmallVec<[u32; 8]>,
    /// Text, author, address and language, with their ends in `ends`.
    bytes: String,
    ends: [u16; 3],
}

impl Kept {
    fn names(&self) -> impl Iterator<Item = u64> + use<> {
        [self.id, self.alias].into_iter().filter(|&name| name != 0)
    }

    fn shown(&self) -> PostText<'_> {
        let [text, author, url] = self.ends.map(usize::from);
        PostText {
            text: &self.bytes[..text],
            author: &self.bytes[text..author],
            url: &self.bytes[author..url],
            lang: &self.bytes[url..],
        }
    }

    fn write(&mut self, shown: &PostText<'_>) {
        self.bytes.clear();
        let parts = [shown.text, shown.author, shown.url, shown.lang];
        self.bytes.reserve_exact(parts.map(str::len).iter().sum());
        for (part, end) in [shown.text, shown.author, shown.url].iter().zip(&mut self.ends) {
            self.bytes.push_str(part);
            *end = self.bytes.len() as u16;
        }
        self.bytes.push_str(shown.lang);
    }
}

/// The last posts with tags.
#[derive(Debug, Default)]
pub struct Recent {
    max: usize,
    /// Filled in a circle; places are overwritten, so that a full ring allocates nothing.
    posts: Vec<Kept>,
    next: usize,
    held: usize,
    /// Places by identity and by second name.
    index: Index,
    /// Second of event time that is being filled, and how many posts it may still take.
    second: i64,
    left: usize,
}

impl Recent {
    /// Holds `max` posts; 0 = none.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, second: i64::MIN, ..Self::default() }
    }

    /// True if posts are stored.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.max > 0
    }

    /// Posts in it.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    fn add(
        &mut self,
        (at, admissions): (i64, u32),
        key: &PostKey,
        tags: impl Iterator<Item = u32>,
        shown: &PostText<'_>,
    ) {
        let second = at.div_euclid(1000);
        if second != self.second {
            (self.second, self.left) = (second, self.max.div_ceil(SPAN_S));
        }
        let mut unique: SmallVec<[u32; 8]> = tags.take(TAGS_MAX).collect();
        unique.sort_unstable();
        unique.dedup();
        if !self.is_on() || self.left == 0 || unique.is_empty() {
            return;
        }
        self.left -= 1;
        if self.posts.len() < self.max && self.next == self.posts.len() {
            self.posts.push(Kept::default());
        }
        let place = self.next;
        self.take_out(place);
        let post = &mut self.posts[place];
        (post.at, post.admissions, post.tags) = (at, admissions, unique);
        (post.id, post.alias, post.author) = (key.id, key.alias, key.author);
        post.write(shown);
        for name in post.names() {
            self.index.insert(name, place as u32);
        }
        self.held += 1;
        self.next = (place + 1) % self.max;
    }

    /// Frees a place; nothing of the post is left behind.
    fn take_out(&mut self, place: usize) {
        let post = &mut self.posts[place];
        if post.tags.is_empty() {
            return;
        }
        for name in post.names() {
            self.index.remove(name, place as u32);
        }
        post.tags.clear();
        post.bytes.clear();
        self.held -= 1;
    }

    /// Takes out the posts of this name.
    fn forget(&mut self, name: u64) {
        loop {
            let named = |&at: &usize| self.posts[at].names().any(|other| other == name);
            let found = self.index.matches(name).map(|at| at as usize).find(named);
            let Some(place) = found else { return };
            self.take_out(place);
        }
    }

    fn forget_author(&mut self, author: u64) {
        for place in 0..self.posts.len() {
            if author != 0 && self.posts[place].author == author {
                self.take_out(place);
            }
        }
    }

    /// Empties it.
    pub fn forget_all(&mut self) {
        (0..self.posts.len()).for_each(|place| self.take_out(place));
    }
}

/// One post that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// Event time, milliseconds.
    pub at: i64,
    /// Its text.
    pub shown: PostText<'a>,
}

impl State {
    /// The last posts with tags.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Empties the ring of recent posts: some of them may be of accounts that are blocked now.
    pub fn forget_recent(&mut self) {
        self.recent.forget_all();
    }

    /// Takes in the samples of a row that ends at `entries_end`; it counts at `at`, or not at all.
    pub(super) fn sample(
        &mut self,
        batch: &ExtractedBatch,
        entries_end: u32,
        key: Option<&PostKey>,
        at: Option<i64>,
    ) {
        let mine = |sample: &&Sample| sample.entries.end <= entries_end;
        while let Some(sample) = batch.samples.get(self.sampled).filter(mine) {
            self.sampled += 1;
            let Some(at) = at else { continue };
            let ids = &self.interned.ids;
            let ids = &ids[sample.entries.start as usize..sample.entries.end as usize];
            let ids = ids.iter().copied().filter(|&id| !self.filter_marks.is_dropped(id));
            // An edit counts at the time of the original; a late post has a time too.
            let edited = key.is_some_and(|key| key.op == Op::Update) && at != super::LATE;
            let at = if edited { at } else { sample.at };
            let who = key.copied().unwrap_or_default();
            let shown = batch.samples.shown(sample);
            self.recent.add((at, self.tags.admissions()), &who, ids, &shown);
        }
    }

    /// Takes out the posts that a record retracts or replaces.
    pub(super) fn unsample(&mut self, key: &PostKey, replaces: &[u64]) {
        if self.recent.held == 0 {
            return;
        }
        match key.op {
            Op::Create => {}
            Op::DropAuthor => self.recent.forget_author(key.author),
            Op::Delete | Op::Update => {
                let names = [key.id, key.alias].into_iter().chain(replaces.iter().copied());
                names.filter(|&name| name != 0).for_each(|name| self.recent.forget(name));
            }
        }
    }

    /// Tags of a post in the ring, without those evicted since.
    fn tags_of<'a>(&'a self, post: &'a Kept) -> impl Iterator<Item = u32> + 'a {
        let named = |&id: &u32| self.tags.is_live(id) && self.tags.since(id) <= post.admissions;
        post.tags.iter().copied().filter(named)
    }

    fn posts_with(&self, id: u32) -> impl Iterator<Item = &Kept> {
        self.recent.posts.iter().filter(move |post| self.tags_of(post).any(|other| other == id))
    }

    /// Posts in the ring with the tag `id`.
    #[must_use]
    pub fn recent_with(&self, id: u32) -> usize {
        self.posts_with(id).count()
    }

    /// Tags that occur with `id` in posts of the ring, most frequent first, ties by key; hidden
    /// ones are left out.
    #[must_use]
    pub fn related(&self, id: u32, top: usize) -> Vec<(u32, u32)> {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for post in self.posts_with(id) {
            for other in self.tags_of(post).filter(|&other| other != id) {
                *counts.entry(other).or_default() += 1;
            }
        }
        let mut all: Vec<_> =
            counts.into_iter().filter(|&(other, _)| self.may_list(other)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| self.tags.compare(a.0, b.0)));
        all.truncate(top);
        all
    }

    /// The newest posts of the ring with the tag `id`, newest first, each text once.
    #[must_use]
    pub fn recent_posts(&self, id: u32, most: usize) -> Vec<Read<'_>> {
        let posts = self.posts_with(id).map(|post| Read { at: post.at, shown: post.shown() });
        let mut posts: Vec<_> = posts.collect();
        posts.sort_unstable_by(|a, b| b.at.cmp(&a.at).then_with(|| a.shown.text.cmp(b.shown.text)));
        let mut chosen: Vec<Read<'_>> = Vec::new();
        for post in posts {
            if chosen.len() < most && chosen.iter().all(|one| one.shown.text != post.shown.text) {
                chosen.push(post);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
