//! Which tags changed since the last checkpoint record.

use crate::store::column::ones;

/// A set of tags, a bit each.
#[derive(Debug, Default)]
pub struct DirtySet {
    bits: Vec<u64>,
    any: bool,
}

impl DirtySet {
    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.bits.resize(self.bits.len().max(rows.div_ceil(64)), 0);
    }

    /// Adds a tag.
    pub fn mark(&mut self, id: u32) {
        self.any = true;
        self.bits[id as usize / 64] |= 1 << (id % 64);
    }

    /// Adds tags; neighbours are written together if the ids are ordered.
    pub fn mark_all(&mut self, ids: impl Iterator<Item = u32>) {
        let (mut word, mut bits) = (0, 0);
        for id in ids {
            let mine = id as usize / 64;
            if mine != word {
                self.put(word, bits);
                (word, bits) = (mine, 0);
            }
            bits |= 1 << (id % 64);
        }
        self.put(word, bits);
    }

    fn put(&mut self, word: usize, bits: u64) {
        if bits != 0 {
            self.any = true;
            self.bits[word] |= bits;
        }
    }

    /// The tags by id; the set is empty again.
    pub fn take(&mut self) -> Vec<u32> {
        let mut ids = Vec::new();
        self.take_to(&mut ids);
        ids
    }

    /// Puts the tags behind `ids`, by id; the set is empty again.
    pub fn take_to(&mut self, ids: &mut Vec<u32>) {
        // Most epochs change nothing, and need no look at all tags.
        if !std::mem::take(&mut self.any) {
            return;
        }
        for (word, bits) in (0..).zip(&mut self.bits) {
            ids.extend(ones(std::mem::take(bits)).map(|bit| word * 64 + bit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let mut changed = DirtySet::default();
        changed.grow(200);
        [199, 0, 64, 63, 64].into_iter().for_each(|id| changed.mark(id));
        assert_eq!(changed.take(), [0, 63, 64, 199]);
        assert_eq!(changed.take(), [0_u32; 0]);
        changed.mark_all([].into_iter());
        assert_eq!(changed.take(), [0_u32; 0]);
        changed.mark_all([199, 0, 64, 63, 64].into_iter());
        assert_eq!(changed.take(), [0, 63, 64, 199]);
    }
}
