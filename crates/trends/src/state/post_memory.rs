//! Remembered posts, so that deletes, edits and duplicates can be recognised.
//!
//! Bounded twice: by number and by age; the oldest are forgotten first. A delete seen before its
//! post leaves a tombstone, which is remembered like a post.

mod bytes;

use std::collections::VecDeque;

use crate::state::extracted_batch::UNORDERED;
use crate::store::index::Index;

/// Revisions of one post that are found by its name.
const NAMESAKES: usize = 16;

/// Numbers wrap around here; far fewer posts are remembered at a time.
const WRAP: u64 = u32::MAX as u64;

/// A number as the index stores it.
fn short(number: u64) -> u32 {
    (number % WRAP) as u32
}

/// One remembered post; its tags are in [`PostMemory`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RememberedPost {
    /// Identity; 0 where only the second name is known.
    pub id: u64,
    /// Its second name within its source; 0 = none.
    pub alias: u64,
    /// Revision, as [`PostKey`](crate::state::extracted_batch::PostKey) has it.
    pub revision: u64,
    /// Author; 0 = unknown.
    pub author: u64,
    /// Event time of its pane, or [`LATE`](crate::window::LATE).
    pub at: i64,
    /// Event time for forgetting: that of its pane, or of its arrival if it was late.
    pub seen: i64,
    /// Admissions of tags when it was counted: a tag admitted later is not the one it named.
    pub admissions: u32,
    /// Number of its tags; filled in when it is remembered.
    pub tags: u16,
    /// It was retracted.
    pub gone: bool,
    /// An edit took it out of the view; another may bring it back.
    pub left: bool,
}

/// The last posts with an identity.
#[derive(Debug)]
pub struct PostMemory {
    max_posts: usize,
    max_age_ms: i64,
    posts: VecDeque<RememberedPost>,
    /// Tags of `posts`, in the same order: id << 3 | spelling number.
    tags: VecDeque<u32>,
    /// Number of the first post in `posts`.
    first: u64,
    /// Numbers by identity and by second name, which are keyed hashes; a repeated name has several.
    /// Numbers are stored as [`short`].
    index: Index,
    /// Start of each post's tags, as a running number.
    starts: VecDeque<u64>,
    /// Tags forgotten so far.
    tags_dropped: u64,
}

impl PostMemory {
    /// Remembers `max_posts` posts for `max_age_ms` of event time.
    #[must_use]
    pub fn new(max_posts: usize, max_age_ms: i64) -> Self {
        Self {
            max_posts,
            max_age_ms,
            posts: VecDeque::new(),
            tags: VecDeque::new(),
            first: 0,
            index: Index::default(),
            starts: VecDeque::new(),
            tags_dropped: 0,
        }
    }

    /// Number of the latest post with this name.
    #[must_use]
    pub fn find(&self, name: u64) -> Option<u64> {
        let named = |&at: &usize| {
            self.posts.get(at).is_some_and(|post| post.id == name || post.alias == name)
        };
        let numbers = self.index.matches(name);
        let latest = numbers.map(|number| self.at(number)).filter(named).max()?;
        Some(self.first + latest as u64)
    }

    /// The place of a post, by its number as the index stores it.
    fn at(&self, number: u32) -> usize {
        let first = u64::from(short(self.first));
        ((u64::from(number) + WRAP - first) % WRAP) as usize
    }

    /// True where a post with this identity was remembered at this revision, or a later one.
    #[must_use]
    pub fn is_known(&self, id: u64, revision: u64) -> bool {
        let is_known = |post: &RememberedPost| {
            let ordered = (post.revision | revision) & UNORDERED == 0;
            post.revision == revision || ordered && post.revision > revision
        };
        let mut posts = self.index.matches(id).filter_map(|number| self.posts.get(self.at(number)));
        posts.any(|post| post.id == id && is_known(post))
    }

    /// Prefetches what [`PostMemory::find`] will read for these names, and what has to be forgotten
    /// for as many posts, so that cache misses overlap.
    pub fn prefetch(&self, names: impl Iterator<Item = u64>) {
        let mut posts = self.posts.iter();
        for name in names.filter(|&name| name != 0) {
            self.index.prefetch(name);
            if self.posts.len() >= self.max_posts
                && let Some(oldest) = posts.next()
            {
                self.index.prefetch(oldest.id);
            }
        }
    }

    /// A remembered post by its number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&RememberedPost> {
        self.posts.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Tags of a post: id << 3 | spelling number.
    pub fn tags(&self, number: u64) -> impl Iterator<Item = u32> + '_ {
        let at = (number - self.first) as usize;
        let start = (self.starts[at] - self.tags_dropped) as usize;
        self.tags.range(start..start + self.posts[at].tags as usize).copied()
    }

    /// Remembers a post; its number is returned.
    pub fn add(&mut self, mut post: RememberedPost, tags: impl Iterator<Item = u32>) -> u64 {
        let number = self.first + self.posts.len() as u64;
        self.starts.push_back(self.tags_dropped + self.tags.len() as u64);
        let before = self.tags.len();
        // Tags beyond this many are not retracted with their post.
        self.tags.extend(tags.take(u16::MAX as usize));
        post.tags = (self.tags.len() - before) as u16;
        for name in [post.id, post.alias].into_iter().filter(|&name| name != 0) {
            self.index.insert(name, short(number));
            if post.revision != 0 {
                self.bound(name);
            }
        }
        self.posts.push_back(post);
        while self.posts.len() > self.max_posts {
            self.forget_first();
        }
        number
    }

    /// Only the newest few revisions of a post are found by its name: each search goes through all
    /// of them.
    fn bound(&mut self, name: u64) {
        let places = || self.index.matches(name).map(|number| self.at(number));
        if places().count() > NAMESAKES
            && let Some(oldest) = places().min()
        {
            self.index.remove(name, short(self.first + oldest as u64));
        }
    }

    /// Marks a post as retracted for good.
    pub fn mark_gone(&mut self, number: u64) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(post) = at.and_then(|at| self.posts.get_mut(at)) {
            post.gone = true;
            post.left = false;
        }
    }

    /// Forgets posts older than the bound, `newest` being the newest event time.
    pub fn forget_old(&mut self, newest: i64) {
        let keep_from = newest.saturating_sub(self.max_age_ms);
        while self.posts.front().is_some_and(|post| post.seen < keep_from) {
            self.forget_first();
        }
    }

    /// Numbers of the posts of one author that were not retracted.
    #[must_use]
    pub fn by_author(&self, author: u64) -> Vec<u64> {
        let mine = self.posts.iter().enumerate().filter(|(_, p)| p.author == author && !p.gone);
        mine.map(|(at, _)| self.first + at as u64).collect()
    }

    /// Number of the first post remembered, and of the next one to come.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.posts.len() as u64
    }

    /// Starts numbering at `first`; only for an empty memory, when a checkpoint is read.
    pub fn number_from(&mut self, first: u64) {
        debug_assert!(self.posts.is_empty(), "numbers are fixed once a post is remembered");
        self.first = first;
    }

    /// Forgets all; numbering goes on.
    pub fn forget_all(&mut self) {
        while !self.posts.is_empty() {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(post) = self.posts.pop_front() else { return };
        self.starts.pop_front();
        self.tags.drain(..post.tags as usize);
        self.tags_dropped += u64::from(post.tags);
        for name in [post.id, post.alias].into_iter().filter(|&name| name != 0) {
            self.index.remove(name, short(self.first));
        }
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: u64, at: i64) -> RememberedPost {
        let author = id % 2 + 1;
        RememberedPost { id, author, at, seen: at, ..RememberedPost::default() }
    }

    #[test]
    fn the_oldest_are_forgotten_first_by_number_and_by_age() {
        let mut memory = PostMemory::new(3, 1000);
        for id in 1..=5 {
            memory.add(post(id, id as i64 * 100), [id as u32, 7].into_iter());
        }
        assert_eq!(memory.range(), 2..5);
        assert_eq!((memory.find(2), memory.find(3)), (None, Some(2)));
        assert_eq!(memory.tags(3).collect::<Vec<_>>(), [4, 7]);
        assert_eq!(memory.by_author(2), [2, 4], "posts 3 and 5");
        memory.mark_gone(4);
        assert_eq!(memory.by_author(2), [2]);
        memory.forget_old(1401);
        assert_eq!(memory.range(), 4..5);
        assert_eq!(memory.tags(4).collect::<Vec<_>>(), [5, 7]);
        memory.forget_old(i64::MAX);
        assert!(memory.range().is_empty() && memory.find(5).is_none());
    }

    #[test]
    fn an_identity_remembered_twice_is_the_later_one() {
        let mut memory = PostMemory::new(2, 1000);
        memory.add(post(9, 1), [].into_iter());
        memory.add(post(9, 2), [].into_iter());
        memory.add(post(8, 3), [].into_iter());
        assert_eq!(memory.find(9), Some(1), "forgetting the first left the second");
    }

    #[test]
    fn of_many_revisions_the_newest_few_are_found() {
        let mut memory = PostMemory::new(1000, 1000);
        for revision in 1..=100 {
            memory.add(RememberedPost { revision, ..post(9, 1) }, [].into_iter());
        }
        assert_eq!((memory.find(9), memory.index.matches(9).count()), (Some(99), NAMESAKES));
        assert!(memory.is_known(9, 100) && memory.is_known(9, 3) && !memory.is_known(9, 101));
        memory.forget_all();
        assert_eq!(memory.index.matches(9).count(), 0);
    }

    #[test]
    fn numbers_may_go_round() {
        let mut memory = PostMemory::new(3, 1000);
        memory.number_from(u64::from(u32::MAX) * 5 - 2);
        let mut last = 0;
        for id in 1..=9 {
            last = memory.add(post(id, 1), [].into_iter());
            assert_eq!(memory.find(id), Some(last));
        }
        assert_eq!((memory.find(6), memory.find(7)), (None, Some(last - 2)));
    }
}
