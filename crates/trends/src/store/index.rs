//! Hash -> 32-bit number; the caller stores the numbered values and compares them.
//!
//! Open addressing with 8-byte slots, in 256 parts by the highest bits of the hash, so that growing
//! pauses for one part only. Half of a slot is hash, so a number that is offered is nearly always
//! the right one. The hash must be keyed, so that outsiders cannot choose hashes that collide.

use tagtide_simd::prefetch;

const PARTS: usize = 256;

/// The numbers, by hash; one hash may have several.
#[derive(Debug)]
pub struct Index {
    parts: Box<[Part; PARTS]>,
}

/// slot = lower half of the hash << 32 | number + 1; 0 = empty.
#[derive(Debug, Default)]
struct Part {
    slots: Vec<u64>,
    used: usize,
}

fn slot(hash: u64, number: u32) -> u64 {
    hash << 32 | u64::from(number + 1)
}

impl Default for Index {
    fn default() -> Self {
        Self { parts: Box::new(std::array::from_fn(|_| Part::default())) }
    }
}

#[inline(always)]
fn part_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

impl Index {
    #[inline(always)]
    fn part(&self, hash: u64) -> &Part {
        &self.parts[part_of(hash)]
    }

    /// Asks for what [`Index::matches`] will read first.
    #[inline(always)]
    pub fn prefetch(&self, hash: u64) {
        let part = self.part(hash);
        if let Some(slot) = part.slots.get(part.home(hash)) {
            prefetch(slot);
        }
    }

    /// Numbers whose hash agrees in its stored half.
    #[inline(always)]
    pub fn matches(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        self.part(hash).matches(hash)
    }

    /// An index of `numbers` with their hashes, part by part: one part fits in the cache, the
    /// whole does not. `None` if two of them are the `same`.
    pub fn build(
        numbers: impl Iterator<Item = (u64, u32)>,
        same: impl Fn(u32, u32) -> bool,
    ) -> Option<Self> {
        // A sixteenth more than the mean is enough for nearly every part.
        let expected = numbers.size_hint().1.unwrap_or(0) / PARTS * 17 / 16;
        let mut by_part: Vec<_> = (0..PARTS).map(|_| Vec::with_capacity(expected)).collect();
        for (hash, number) in numbers {
            by_part[part_of(hash)].push(slot(hash, number));
        }
        let mut index = Self::default();
        for (part, slots) in index.parts.iter_mut().zip(by_part) {
            // At most two thirds full: as large as it was before, for nearly all numbers.
            part.slots = vec![0; (slots.len() * 3 / 2).next_power_of_two().max(16)];
            part.used = slots.len();
            for slot in slots {
                if part.matches(slot >> 32).any(|other| same(other, slot as u32 - 1)) {
                    return None;
                }
                part.place(slot);
            }
        }
        Some(index)
    }

    /// Bytes of its slots.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| size_of_val(part.slots.as_slice())).sum()
    }

    /// Adds a number below `u32::MAX`.
    pub fn insert(&mut self, hash: u64, number: u32) {
        self.parts[part_of(hash)].insert(hash, number);
    }

    /// Takes a number out, if it is there.
    pub fn remove(&mut self, hash: u64, number: u32) {
        self.parts[part_of(hash)].remove(hash, number);
    }
}

impl Part {
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline(always)]
    fn matches(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let mut at = self.home(hash);
        std::iter::from_fn(move || {
            loop {
                let slot = *self.slots.get(at)?;
                if slot == 0 {
                    return None;
                }
                at = (at + 1) & (self.slots.len() - 1);
                // The low bits chose the slot; the high half distinguishes keys.
                if (slot >> 32) as u32 == hash as u32 {
                    return Some(slot as u32 - 1);
                }
            }
        })
    }

    fn insert(&mut self, hash: u64, number: u32) {
        if self.used * 4 >= self.slots.len() * 3 {
            let doubled = (self.slots.len() * 2).max(16);
            let old = std::mem::replace(&mut self.slots, vec![0; doubled]);
            for slot in old.into_iter().filter(|&slot| slot != 0) {
                self.place(slot);
            }
        }
        self.place(slot(hash, number));
        self.used += 1;
    }

    fn place(&mut self, slot: u64) {
        let mut at = self.home(slot >> 32);
        while self.slots[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    /// Takes one slot out and closes the gap, so that no lookup ever meets a tombstone.
    fn remove(&mut self, hash: u64, number: u32) {
        let mask = self.slots.len().wrapping_sub(1);
        let wanted = slot(hash, number);
        let mut at = self.home(hash);
        while self.slots.get(at) != Some(&wanted) {
            if self.slots.get(at).is_none_or(|&slot| slot == 0) {
                return;
            }
            at = (at + 1) & mask;
        }
        self.used -= 1;
        let mut next = (at + 1) & mask;
        while self.slots[next] != 0 {
            let home = self.home(self.slots[next] >> 32);
            // It may move back into the gap only if its home does not lie between.
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(at) & mask) {
                self.slots[at] = self.slots[next];
                at = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[at] = 0;
    }
}
