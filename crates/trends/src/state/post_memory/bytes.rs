//! Remembered posts as a checkpoint section: most take two hashes, a few bytes beside them, and
//! their tags.

use std::ops::Range;

use crate::state::post_memory::{PostMemory, RememberedPost};
use crate::store::varint::{Many, Reader};
use crate::window::LATE;

/// Usual size of a post.
const USUAL_BYTES: usize = 28;

/// The author is known.
const AUTHOR: u64 = 1;
/// Unusual fields follow.
const ODD: u64 = 2;
/// Bits before the number of tags.
const BITS: u32 = 2;

const GONE: u64 = 1;
const LEFT: u64 = 2;
const ALIAS: u64 = 4;
const REVISION: u64 = 8;
/// It was late, so it is in no pane.
const OUTSIDE: u64 = 16;
/// Its pane has another time than its arrival.
const ELSEWHERE: u64 = 32;

/// Flags of the unusual fields.
fn odd(post: &RememberedPost) -> u64 {
    flags(&[
        (post.gone, GONE),
        (post.left, LEFT),
        (post.alias != 0, ALIAS),
        (post.revision != 0, REVISION),
        (post.at == LATE, OUTSIDE),
        (post.at != LATE && post.at != post.seen, ELSEWHERE),
    ])
}

/// Those that are set.
fn flags(all: &[(bool, u64)]) -> u64 {
    all.iter().filter(|flag| flag.0).fold(0, |set, flag| set | flag.1)
}

impl PostMemory {
    /// The first number; then for each post the number of its tags and flags, identity, author,
    /// time seen and admissions as steps from the post before, what the flags say, tags.
    pub fn to_bytes(&self, posts: Range<u64>) -> Vec<u8> {
        if posts.is_empty() {
            return Vec::new();
        }
        // Usually enough; growing in steps would copy it several times.
        let mut bytes = Vec::with_capacity((posts.end - posts.start) as usize * USUAL_BYTES);
        let mut out = Many::to(&mut bytes);
        out.put(posts.start);
        let (mut seen, mut admissions) = (0, 0);
        for number in posts {
            let Some(post) = self.get(number) else { continue };
            let odd = odd(post);
            let flags = flags(&[(post.author != 0, AUTHOR), (odd != 0, ODD)]);
            out.put(u64::from(post.tags) << BITS | flags);
            out.put_fixed(post.id);
            if flags & AUTHOR != 0 {
                out.put_fixed(post.author);
            }
            out.put_signed(post.seen.wrapping_sub(seen));
            out.put_signed(i64::from(post.admissions) - i64::from(admissions));
            (seen, admissions) = (post.seen, post.admissions);
            if odd != 0 {
                out.put(odd);
                if odd & ALIAS != 0 {
                    out.put_fixed(post.alias);
                }
                if odd & REVISION != 0 {
                    out.put_fixed(post.revision);
                }
                if odd & ELSEWHERE != 0 {
                    out.put_signed(post.at.wrapping_sub(post.seen));
                }
            }
            self.tags(number).for_each(|tag| out.put(u64::from(tag)));
        }
        drop(out);
        bytes
    }

    /// Remembers what [`PostMemory::to_bytes`] wrote; `None` where that is cut off.
    pub fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader::new(bytes);
        let mut number = reader.get()?;
        if number > self.range().end {
            // The posts between were remembered and forgotten within one epoch.
            self.forget_all();
            self.number_from(number);
        }
        let (mut seen, mut admissions) = (0_i64, 0_i64);
        let mut tags = Vec::new();
        while !reader.is_empty() {
            let head = reader.get()?;
            let id = reader.get_fixed()?;
            let author = if head & AUTHOR == 0 { 0 } else { reader.get_fixed()? };
            seen = seen.wrapping_add(reader.get_signed()?);
            admissions = admissions.checked_add(reader.get_signed()?)?;
            let odd = if head & ODD == 0 { 0 } else { reader.get()? };
            let alias = if odd & ALIAS == 0 { 0 } else { reader.get_fixed()? };
            let revision = if odd & REVISION == 0 { 0 } else { reader.get_fixed()? };
            let from = if odd & ELSEWHERE == 0 { 0 } else { reader.get_signed()? };
            let at = if odd & OUTSIDE == 0 { seen.wrapping_add(from) } else { LATE };
            let admissions = u32::try_from(admissions).ok()?;
            let (gone, left) = (odd & GONE != 0, odd & LEFT != 0);
            let named = RememberedPost { id, alias, revision, author, ..RememberedPost::default() };
            let post = RememberedPost { at, seen, admissions, gone, left, ..named };
            tags.clear();
            for _ in 0..head >> BITS {
                tags.push(reader.get_u32()?);
            }
            if number == self.range().end {
                self.add(post, tags.iter().copied());
            }
            number += 1;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_post() -> impl Strategy<Value = (RememberedPost, Vec<u32>)> {
        let times = (prop_oneof![Just(LATE), any::<i64>()], any::<i64>(), any::<bool>());
        let names = (any::<u64>(), 0_u64..3, 0_u64..3, 0_u64..3);
        let rest = (any::<u32>(), any::<bool>(), any::<bool>());
        let tags = prop::collection::vec(any::<u32>(), 0..70);
        (names, times, rest, tags).prop_map(|((id, alias, revision, author), times, rest, tags)| {
            let (at, seen, same) = times;
            let (admissions, gone, left) = rest;
            let at = if same { seen } else { at };
            let named = RememberedPost { id, alias, revision, author, ..RememberedPost::default() };
            (RememberedPost { at, seen, admissions, gone, left, ..named }, tags)
        })
    }

    fn all(of: &PostMemory) -> Vec<(RememberedPost, Vec<u32>)> {
        of.range().map(|number| (*of.get(number).unwrap(), of.tags(number).collect())).collect()
    }

    proptest! {
        #[test]
        fn what_is_told_is_remembered(
            posts in prop::collection::vec(any_post(), 1..20),
            (first, cut) in (any::<u32>(), 0_usize..200),
        ) {
            let mut memory = PostMemory::new(100, i64::MAX);
            memory.number_from(first.into());
            for (post, tags) in posts {
                memory.add(post, tags.into_iter());
            }
            let bytes = memory.to_bytes(memory.range());
            let mut again = PostMemory::new(100, i64::MAX);
            prop_assert_eq!(again.read(&bytes), Some(()));
            prop_assert_eq!(again.range(), memory.range());
            prop_assert_eq!(all(&again), all(&memory));
            // Read once more, it changes nothing.
            prop_assert_eq!(again.read(&bytes), Some(()));
            prop_assert_eq!(again.range(), memory.range());
            let _ = PostMemory::new(100, i64::MAX).read(&bytes[..cut.min(bytes.len())]);
        }
    }
}
