//! The result of extracting one [`Batch`]: rows of posts, and their tags as fixed-size entries.
//!
//! Buffers are recycled; nothing here allocates once they have grown to the size of a batch.

use std::collections::HashMap;

use crate::state::sample::Samples;
use crate::store::hash::{Seed, short_key};
use tagtide_extract::KEY_MAX_BYTES;
use tagtide_posts::post::{Batch, Op};

/// Longest spelling stored; folding can make a key shorter than the tag as typed.
const DISPLAY_MAX_BYTES: usize = 4 * KEY_MAX_BYTES;

/// One tag of one post, ready for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key padded with zeros, up to 16 bytes; a longer one is in the arena, and this is its
    /// offset.
    pub key: u128,
    /// Hash of the key, seeded per process.
    pub hash: u64,
    /// The spelling: bit i is set if byte i of the key is upper case; or, with
    /// [`Entry::SPELL_BYTES`], offset of a length-prefixed string in the arena.
    pub spelling: u32,
    /// Length of the key in bytes.
    pub len: u16,
    /// [`Entry::SPELL_BYTES`].
    pub flags: u16,
}

impl Entry {
    /// The spelling is not a mask.
    pub const SPELL_BYTES: u16 = 1;

    /// The bytes of a key longer than 16.
    #[must_use]
    pub fn long_key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.key as usize;
        &arena[start..start + self.len as usize]
    }

    /// What `look` sees in the bytes of the key.
    pub fn with_key<T>(&self, arena: &[u8], look: impl FnOnce(&[u8]) -> T) -> T {
        match self.len {
            len @ 0..=16 => look(&self.key.to_le_bytes()[..usize::from(len)]),
            _ => look(self.long_key(arena)),
        }
    }

    /// The tag as it was typed.
    #[must_use]
    pub fn typed(&self, arena: &[u8]) -> Vec<u8> {
        if self.flags & Self::SPELL_BYTES != 0 {
            return self.spelling_bytes(arena).to_vec();
        }
        let mut typed = self.with_key(arena, <[u8]>::to_vec);
        for (bit, byte) in typed.iter_mut().take(32).enumerate() {
            if self.spelling >> bit & 1 == 1 {
                byte.make_ascii_uppercase();
            }
        }
        typed
    }

    /// The spelling where it is not a mask.
    #[must_use]
    pub fn spelling_bytes<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.spelling as usize + 2;
        let len = u16::from_le_bytes([arena[start - 2], arena[start - 1]]);
        &arena[start..start + len as usize]
    }
}

/// Time of a delete without one in a replay: it moves no watermark.
pub const NO_TIME: i64 = i64::MIN;

/// Posts counted at once: one post if it has an identity or an author, else all neighbours in one
/// span of event time, a pane or a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Event time of its first post, milliseconds; [`NO_TIME`] if it has none.
    pub at: i64,
    /// Newest event time in it, milliseconds.
    pub until: i64,
    /// Posts.
    pub posts: u32,
    /// Posts with a tag.
    pub tagged: u32,
    /// End of its entries; they start where those of the row before end.
    pub entries_end: u32,
    /// Index into [`ExtractedBatch::posts`] plus one; 0 = posts without identity and author.
    pub post: u32,
}

/// Bit of revisions whose order is unknown.
pub const UNORDERED: u64 = 1 << 63;

/// Author and identity of a post, as keyed hashes; 0 = unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostKey {
    /// What it does.
    pub op: Op,
    /// Identity for delete and edit.
    pub id: u64,
    /// Second name of the identity within its source.
    pub alias: u64,
    /// Its revision: later ones are greater, except those with [`UNORDERED`], which can only be
    /// compared for equality; 0 = the first, or unknown.
    pub revision: u64,
    /// Author.
    pub author: u64,
    /// Fingerprint of the text, by which copies are known; 0 = none.
    pub print: u32,
    /// End of its earlier identities in [`ExtractedBatch::replaces`].
    pub replaces_end: u32,
}

/// Records that are not counted, and oddities, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Valid records that are not posts.
    pub control: u64,
    /// Not decoded.
    pub malformed: u64,
    /// Text with invalid UTF-8.
    pub invalid_utf8: u64,
    /// Tags longer than [`KEY_MAX_BYTES`].
    pub oversize_tags: u64,
    /// Reposts, if the job skips them.
    pub skipped_reposts: u64,
    /// Posts of bots, if the job skips them.
    pub skipped_bots: u64,
    /// Posts of accounts that are blocked.
    pub blocked: u64,
}

/// The result of extracting one batch.
#[derive(Debug, Default)]
pub struct ExtractedBatch {
    /// The batch it was made from; goes back to its source's pool.
    pub batch: Batch,
    /// Rows in order.
    pub rows: Vec<Row>,
    /// Identities and authors of rows that have them.
    pub posts: Vec<PostKey>,
    /// Earlier identities of edits.
    pub replaces: Vec<u64>,
    /// Tags in order.
    pub entries: Vec<Entry>,
    /// Keys longer than 16 bytes and spellings that are not masks.
    pub arena: Vec<u8>,
    /// Posts whose text is copied.
    pub samples: Samples,
    /// Counts by reason.
    pub odd: Oddities,
    /// For each view of the job its part, with one row for each of `rows`: a row without a fitting
    /// post has no posts, only its time.
    pub views: Vec<ExtractedBatch>,
    /// Start of the entries of the post being made.
    post_start: usize,
    /// A bit for each hash among them, so that most need no search.
    post_hashes: u64,
    /// Places of the first of them by hash, once there are many.
    post_places: HashMap<u64, usize>,
}

impl ExtractedBatch {
    /// Empties it for `batch`; buffers keep their capacity.
    pub fn begin(&mut self, batch: Batch) {
        self.batch = batch;
        self.rows.clear();
        self.posts.clear();
        self.replaces.clear();
        self.entries.clear();
        self.arena.clear();
        self.samples.clear();
        self.odd = Oddities::default();
        self.begin_post();
    }

    /// Adds one post at event time `at` with its tags, each a key and its spelling. `post` has its
    /// author and identity, without earlier identities. Workers write rows and entries directly.
    pub fn push_post<'a>(
        &mut self,
        seed: &Seed,
        at: i64,
        post: PostKey,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.begin_post();
        for (key, display) in tags {
            self.push_key(seed, key.as_bytes(), display.as_bytes(), true);
        }
        let replaces_end = self.replaces.len() as u32;
        self.posts.push(PostKey { replaces_end, ..post });
        self.rows.push(Row {
            at,
            until: at,
            posts: 1,
            tagged: u32::from(self.post_has_tags()),
            entries_end: self.entries.len() as u32,
            post: self.posts.len() as u32,
        });
    }

    /// The next entries belong to a new post.
    #[inline(always)]
    pub fn begin_post(&mut self) {
        self.post_start = self.entries.len();
        self.post_hashes = 0;
        if !self.post_places.is_empty() {
            self.post_places.clear();
        }
    }

    /// Empties the parts of `views` views.
    pub fn begin_views(&mut self, views: usize, source: u16) {
        self.views.resize_with(views, Self::default);
        for view in &mut self.views {
            view.begin(Batch::default());
            view.batch.source = source;
        }
    }

    /// Entries of the current post.
    #[inline]
    #[must_use]
    pub fn post_entries(&self) -> &[Entry] {
        &self.entries[self.post_start..]
    }

    /// Adds the entries of the current post of `from`.
    pub fn take_entries(&mut self, from: &Self) {
        for entry in from.post_entries() {
            let mut entry = *entry;
            if entry.len > 16 {
                let key = entry.long_key(&from.arena);
                entry.key = self.arena.len() as u128;
                self.arena.extend_from_slice(key);
            }
            if entry.flags & Entry::SPELL_BYTES != 0 {
                let start = entry.spelling as usize;
                let end = start + 2 + entry.spelling_bytes(&from.arena).len();
                entry.spelling = self.arena.len() as u32;
                self.arena.extend_from_slice(&from.arena[start..end]);
            }
            self.entries.push(entry);
        }
    }

    /// Adds the last row of `from`, which is one post, as a view counts it: if it does not fit, no
    /// post, but the identity if it is an edit.
    pub fn take_post(&mut self, from: &Self, fits: bool) {
        let Some(&row) = from.rows.last() else { return };
        if fits {
            self.take_entries(from);
        }
        let number = row.post.checked_sub(1).map(|number| number as usize);
        let key = number.map(|number| from.posts[number]);
        let post = match key.filter(|key| fits || key.op == Op::Update) {
            None => 0,
            Some(key) => {
                let before = number.and_then(|n| n.checked_sub(1));
                let start = before.map_or(0, |before| from.posts[before].replaces_end as usize);
                self.replaces.extend(&from.replaces[start..key.replaces_end as usize]);
                let replaces_end = self.replaces.len() as u32;
                self.posts.push(PostKey { replaces_end, ..key });
                self.posts.len() as u32
            }
        };
        let (posts, tagged) = if fits { (row.posts, row.tagged) } else { (0, 0) };
        let entries_end = self.entries.len() as u32;
        self.rows.push(Row { posts, tagged, entries_end, post, ..row });
    }

    /// Adds the rows of `from` as a view counts them: all, or only their times. For rows without
    /// identity and author.
    pub fn take_rows(&mut self, from: &Self, all: bool) {
        if all {
            self.entries.extend_from_slice(&from.entries);
            self.arena.extend_from_slice(&from.arena);
            self.rows.extend_from_slice(&from.rows);
        } else {
            let timed = |row: &Row| Row { posts: 0, tagged: 0, entries_end: 0, ..*row };
            self.rows.extend(from.rows.iter().map(timed));
        }
    }

    /// True where the current post has an entry.
    #[inline]
    #[must_use]
    pub fn post_has_tags(&self) -> bool {
        self.entries.len() > self.post_start
    }

    /// Adds an ASCII tag of at most 16 bytes that starts at `start` in `padded`; folds its case.
    #[inline(always)]
    pub fn push_short(&mut self, seed: &Seed, padded: &[u8], start: usize, len: usize, once: bool) {
        let Some(bytes) = padded.get(start..).and_then(|rest| rest.first_chunk::<16>()) else {
            let typed = &padded[start..start + len];
            return self.push_key(seed, &typed.to_ascii_lowercase(), typed, once);
        };
        let typed = u128::from_le_bytes(*bytes) & KEEP[len];
        // By halves: bytes are ASCII, so nothing carries from one to the next.
        let (low, high) = (upper_bits(typed as u64), upper_bits((typed >> 64) as u64));
        let key = typed | u128::from(high >> 2) << 64 | u128::from(low >> 2);
        let hash = seed.short(key, len);
        let spelling = movemask(low) | movemask(high) << 8;
        self.push(Entry { key, hash, spelling, len: len as u16, flags: 0 }, once);
    }

    /// Adds a tag of any length that is its own key and starts at `start` in `padded`.
    #[inline(always)]
    pub fn push_settled(
        &mut self,
        seed: &Seed,
        padded: &[u8],
        start: usize,
        len: usize,
        once: bool,
    ) {
        match padded.get(start..).and_then(|rest| rest.first_chunk::<16>()) {
            Some(bytes) if len <= 16 => {
                let key = u128::from_le_bytes(*bytes) & KEEP[len];
                let hash = seed.short(key, len);
                self.push(Entry { key, hash, spelling: 0, len: len as u16, flags: 0 }, once);
            }
            _ => {
                let key = &padded[start..start + len];
                self.push_key(seed, key, key, once);
            }
        }
    }

    /// Adds any tag: `key` folded, `display` as typed. Keys longer than [`KEY_MAX_BYTES`] are
    /// counted and dropped.
    pub fn push_key(&mut self, seed: &Seed, key: &[u8], display: &[u8], once: bool) {
        if key.is_empty() {
            return;
        }
        if key.len() > KEY_MAX_BYTES {
            self.odd.oversize_tags += 1;
            return;
        }
        let hash = seed.bytes(key);
        let (spelling, flags) = match case_mask(key, display) {
            Some(mask) => (mask, 0),
            None => {
                let at = self.arena.len() as u32;
                let short = &display[..display.len().min(DISPLAY_MAX_BYTES)];
                self.arena.extend_from_slice(&(short.len() as u16).to_le_bytes());
                self.arena.extend_from_slice(short);
                (at, Entry::SPELL_BYTES)
            }
        };
        let inline = if key.len() <= 16 {
            short_key(key)
        } else {
            let at = self.arena.len();
            self.arena.extend_from_slice(key);
            at as u128
        };
        self.push(Entry { key: inline, hash, spelling, len: key.len() as u16, flags }, once);
    }

    #[inline(always)]
    fn push(&mut self, entry: Entry, once: bool) {
        let bit = 1 << (entry.hash % 64);
        if once && self.post_hashes & bit != 0 && self.post_names(&entry) {
            return;
        }
        self.post_hashes |= bit;
        self.entries.push(entry);
    }

    #[cold]
    fn post_names(&mut self, entry: &Entry) -> bool {
        let mine = self.post_start..self.entries.len();
        if mine.len() < MANY_TAGS {
            return self.entries[mine].iter().any(|other| self.same_key(other, entry));
        }
        // With thousands of tags a search among all before each would be quadratic.
        for at in mine.start + self.post_places.len()..mine.end {
            self.post_places.entry(self.entries[at].hash).or_insert(at);
        }
        let place = self.post_places.get(&entry.hash);
        // Outsiders cannot choose two keys with one hash.
        place.is_some_and(|&at| self.same_key(&self.entries[at], entry))
    }

    #[inline(always)]
    fn same_key(&self, a: &Entry, b: &Entry) -> bool {
        a.hash == b.hash
            && a.len == b.len
            && if a.len <= 16 {
                a.key == b.key
            } else {
                a.long_key(&self.arena) == b.long_key(&self.arena)
            }
    }
}

/// From this number on, the tags of one post are found by their hash.
const MANY_TAGS: usize = 256;

/// Masks of the first 0 to 16 bytes.
const KEEP: [u128; 17] = {
    let mut keep = [0; 17];
    let mut len = 1;
    while len <= 16 {
        keep[len] = u128::MAX >> (128 - 8 * len);
        len += 1;
    }
    keep
};

/// Bit 7 of each byte that is an ASCII capital letter.
#[inline(always)]
fn upper_bits(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let from_a = word + ONES * (128 - b'A' as u64);
    let past_z = word + ONES * (128 - b'Z' as u64 - 1);
    from_a & !past_z & HIGH
}

/// Gathers bit 7 of each of the eight bytes.
#[inline(always)]
fn movemask(high: u64) -> u32 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    ((high >> 7).wrapping_mul(GATHER) >> 56) as u32
}

/// Not a mask.
pub(super) const NO_MASK: u32 = u32::MAX;

/// The spelling as a mask of capitals, where key and display differ in nothing else.
pub(super) fn case_mask(key: &[u8], display: &[u8]) -> Option<u32> {
    if key == display {
        return Some(0);
    }
    if key.len() != display.len() || key.len() > 32 {
        return None;
    }
    let mut mask = 0;
    for (i, (k, d)) in key.iter().zip(display).enumerate() {
        if k != d {
            if !d.is_ascii_uppercase() || d.to_ascii_lowercase() != *k {
                return None;
            }
            mask |= 1 << i;
        }
    }
    (mask != NO_MASK).then_some(mask)
}

#[cfg(test)]
mod tests;
