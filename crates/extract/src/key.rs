//! The key of a tag, equal for all spellings of one hashtag.
//!
//! `NFKC_Casefold` until it no longer changes, invisible characters dropped, ZWNJ and ZWJ kept
//! inside, no leading sign. Accents stay.

use std::borrow::Cow;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::KEY_MAX_BYTES;
use super::chars::{is_default_ignorable, is_joiner, is_settled, is_sign};

/// Rounds after which folding stops. Two or three are enough for every known text.
const ROUNDS_MAX: usize = 8;

/// The key of `tag`; `None` if it is longer than [`KEY_MAX_BYTES`]. An empty key means that nothing
/// visible is left, so that it is not a tag.
///
/// Borrows if `tag` is its own key.
#[must_use]
pub fn fold(tag: &str) -> Option<Cow<'_, str>> {
    let tag = tag.trim_start_matches(is_sign);
    if is_plain(tag) {
        if tag.len() > KEY_MAX_BYTES {
            return None;
        }
        if !tag.bytes().any(|b| b.is_ascii_uppercase()) {
            return Some(Cow::Borrowed(tag));
        }
        return Some(Cow::Owned(tag.to_ascii_lowercase()));
    }
    let mut folder = Folder::default();
    let key = folder.fold(tag)?;
    Some(if key == tag { Cow::Borrowed(tag) } else { Cow::Owned(key.to_owned()) })
}

/// Cached keys of non-ASCII tags. A few hundred tags make up most of any stream.
const REMEMBERED: usize = 4096;

/// [`fold`] with reused buffers, for callers with many tags.
///
/// Caches the keys of recent tags that needed the Unicode tables. Each hash has one slot, so that
/// no input can make the cache slow or large.
#[derive(Debug, Default)]
pub struct Folder {
    key: String,
    next: String,
    remembered: Vec<Remembered>,
}

/// A tag and its key.
#[derive(Clone, Debug, Default)]
struct Remembered {
    tag: String,
    key: String,
}

impl Folder {
    /// The key of `tag`, as by [`fold`].
    pub fn fold(&mut self, tag: &str) -> Option<&str> {
        let tag = tag.trim_start_matches(is_sign);
        self.key.clear();
        if is_plain(tag) {
            if tag.len() > KEY_MAX_BYTES {
                return None;
            }
            self.key.push_str(tag);
            self.key.make_ascii_lowercase();
            return Some(&self.key);
        }
        if tag.len() > KEY_MAX_BYTES {
            self.fold_by_tables(tag);
            return (self.key.len() <= KEY_MAX_BYTES).then_some(&self.key);
        }
        if self.remembered.is_empty() {
            self.remembered.resize(REMEMBERED, Remembered::default());
        }
        let place = place(tag);
        if self.remembered[place].tag != tag {
            self.fold_by_tables(tag);
            let slot = &mut self.remembered[place];
            slot.tag.clear();
            slot.tag.push_str(tag);
            slot.key.clear();
            slot.key.push_str(&self.key);
        }
        let key = &self.remembered[place].key;
        (key.len() <= KEY_MAX_BYTES).then_some(key)
    }

    fn fold_by_tables(&mut self, tag: &str) {
        fold_once(tag, &mut self.key);
        for _ in 1..ROUNDS_MAX {
            self.next.clear();
            fold_once(&self.key, &mut self.next);
            std::mem::swap(&mut self.key, &mut self.next);
            if self.key == self.next {
                break;
            }
        }
    }
}

/// The cache slot of `tag`: its bytes, eight at a time, mixed by multiplication.
fn place(tag: &str) -> usize {
    let mut hash = tag.len() as u64;
    for step in tag.as_bytes().chunks(8) {
        let mut eight = [0; 8];
        eight[..step.len()].copy_from_slice(step);
        hash =
            (hash.rotate_left(5) ^ u64::from_le_bytes(eight)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (hash >> 52) as usize % REMEMBERED
}

/// Whether `tag` differs from its key only in the case of ASCII letters.
fn is_plain(tag: &str) -> bool {
    tag.chars().all(|c| c.is_ascii() || is_settled(c))
}

/// One round: NFKC, case fold, NFKC, then signs and joiners removed at the ends.
fn fold_once(from: &str, into: &mut String) {
    let visible = from.chars().filter(|&c| is_joiner(c) || !is_default_ignorable(c));
    into.extend(visible.nfkc().default_case_fold().nfkc());
    let end = into.trim_end_matches(is_joiner).len();
    into.truncate(end);
    let cut = |c| is_joiner(c) || is_sign(c);
    let start = into.len() - into.trim_start_matches(cut).len();
    if start > 0 {
        into.drain(..start);
    }
}

#[cfg(test)]
mod tests;
