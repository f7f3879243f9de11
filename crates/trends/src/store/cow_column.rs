//! Dense columns that can be looked at while they change: copy on write, chunk by chunk.

use std::sync::Arc;

use crate::store::column::{CHUNK, ones};
use tagtide_simd::counts::{self, BLOCK};

/// A column indexed by tag id, as [`Column`](crate::store::column::Column), of which snapshots can
/// be taken: [`CowColumn::snapshot`] costs a pointer for each chunk of `N` rows. From then on the
/// first write to a chunk copies it, if a snapshot still holds it; otherwise the chunk is
/// taken back as it is.
///
/// A chunk that only the column holds is known by its kind, not by a count of references: so a
/// write costs one branch, and no atomic operation.
#[derive(Debug)]
pub struct CowColumn<T, const N: usize = CHUNK> {
    chunks: Vec<Chunk<T, N>>,
}

#[derive(Debug)]
enum Chunk<T, const N: usize> {
    /// In no snapshot.
    Own(Box<[T; N]>),
    /// It was in a snapshot, which may be gone.
    #[expect(clippy::redundant_allocation, reason = "the box moves in and out with no row copied")]
    Shared(Arc<Box<[T; N]>>),
}

/// Bytes that a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBytes {
    /// In chunks that others hold too: the columns themselves, where these have not changed.
    pub shared: usize,
    /// In chunks that only this snapshot holds: the columns have copied them since, to change them.
    pub exclusive: usize,
}

impl std::ops::Add for HeldBytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { shared: self.shared + other.shared, exclusive: self.exclusive + other.exclusive }
    }
}

impl std::iter::Sum for HeldBytes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), std::ops::Add::add)
    }
}

impl<T, const N: usize> Default for CowColumn<T, N> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T, const N: usize> Chunk<T, N> {
    #[inline(always)]
    fn rows(&self) -> &[T; N] {
        match self {
            Self::Own(own) => own,
            Self::Shared(shared) => shared,
        }
    }
}

impl CowColumn<u32> {
    /// Ids below `rows` whose value is at least `least`, ascending.
    pub fn at_least(&self, least: u32, rows: u32) -> impl Iterator<Item = u32> + '_ {
        let blocks = self.chunks().flat_map(|chunk| chunk.as_chunks::<BLOCK>().0);
        let blocks = blocks.take((rows as usize).div_ceil(BLOCK)).zip(0_u32..);
        let ids = blocks.flat_map(move |(block, number)| {
            ones(counts::at_least(block, least)).map(move |bit| number * BLOCK as u32 + bit)
        });
        ids.take_while(move |&id| id < rows)
    }
}

impl<T, const N: usize> CowColumn<T, N> {
    /// Rows that exist.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.chunks.len() * N
    }

    /// A reference to the row of `id`.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, id: u32) -> &T {
        &self.chunks[id as usize / N].rows()[id as usize % N]
    }

    /// Chunks in order, `N` rows each.
    pub fn chunks(&self) -> impl Iterator<Item = &[T; N]> {
        self.chunks.iter().map(Chunk::rows)
    }

    /// The column as it is now, whatever is written later. It is read on any thread, and never
    /// written.
    #[must_use]
    pub fn snapshot(&mut self) -> Self {
        let chunks = std::mem::take(&mut self.chunks).into_iter().map(|chunk| match chunk {
            Chunk::Own(own) => Arc::new(own),
            Chunk::Shared(shared) => shared,
        });
        let chunks: Vec<_> = chunks.collect();
        self.chunks = chunks.iter().map(Arc::clone).map(Chunk::Shared).collect();
        Self { chunks: chunks.into_iter().map(Chunk::Shared).collect() }
    }

    /// What a snapshot holds, in chunks: what rows point to is left out.
    #[must_use]
    pub fn held_bytes(&self) -> HeldBytes {
        let mut held = HeldBytes::default();
        for chunk in &self.chunks {
            match chunk {
                Chunk::Shared(shared) if Arc::strong_count(shared) > 1 => {
                    held.shared += size_of::<[T; N]>();
                }
                _ => held.exclusive += size_of::<[T; N]>(),
            }
        }
        held
    }
}

impl<T: Copy, const N: usize> CowColumn<T, N> {
    /// The row of `id`.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, id: u32) -> T {
        *self.at(id)
    }

    /// The row of `id`; the default if the column is shorter.
    #[must_use]
    pub fn get_or_default(&self, id: u32) -> T
    where
        T: Default,
    {
        if (id as usize) < self.rows() { self.get(id) } else { T::default() }
    }
}

impl<T: Clone + Default, const N: usize> CowColumn<T, N> {
    /// Makes rows `0..rows` exist; new ones hold the default.
    pub fn grow(&mut self, rows: usize) {
        while self.rows() < rows {
            let chunk = vec![T::default(); N].into_boxed_slice();
            self.chunks.extend(Box::<[T; N]>::try_from(chunk).ok().map(Chunk::Own));
        }
    }

    /// The row of `id`, to change.
    #[inline(always)]
    pub fn at_mut(&mut self, id: u32) -> &mut T {
        &mut self.chunk_mut(id as usize / N)[id as usize % N]
    }

    /// A chunk, to change: the rows of the ids that have its number when divided by `N`.
    #[inline(always)]
    pub fn chunk_mut(&mut self, number: usize) -> &mut [T; N] {
        if matches!(self.chunks[number], Chunk::Shared(_)) {
            self.take_back(number);
        }
        match &mut self.chunks[number] {
            Chunk::Own(own) => own,
            // It was taken back just above.
            Chunk::Shared(shared) => Arc::make_mut(shared).as_mut(),
        }
    }

    /// Makes a chunk this column's own: a copy if a snapshot holds it, itself otherwise.
    #[cold]
    #[inline(never)]
    fn take_back(&mut self, number: usize) {
        // Taken out and put back, as there is no placeholder for a chunk.
        let own = match self.chunks.swap_remove(number) {
            Chunk::Own(own) => own,
            Chunk::Shared(shared) => Arc::try_unwrap(shared).unwrap_or_else(|it| (*it).clone()),
        };
        self.chunks.push(Chunk::Own(own));
        let last = self.chunks.len() - 1;
        self.chunks.swap(number, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows of a chunk here.
    const N: usize = 4;

    fn rows<T: Clone>(column: &CowColumn<T, N>) -> Vec<T> {
        column.chunks().flat_map(|chunk| chunk.iter().cloned()).collect()
    }

    /// Where the rows of a chunk are in memory.
    fn places<T>(column: &CowColumn<T, N>) -> Vec<*const T> {
        column.chunks().map(|chunk| chunk.as_ptr()).collect()
    }

    proptest! {
        #[test]
        fn snapshots_are_plain_copies(
            steps in prop::collection::vec((0_u8..10, 0_u32..64, any::<u8>()), 1..200),
        ) {
            let mut column: CowColumn<u8, N> = CowColumn::default();
            let mut plain = Vec::new();
            let mut alive: Vec<(CowColumn<u8, N>, Vec<u8>)> = Vec::new();
            for (what, id, value) in steps {
                match what {
                    0..=5 => {
                        column.grow(id as usize + 1);
                        plain.resize(column.rows(), 0);
                        *column.at_mut(id) = value;
                        plain[id as usize] = value;
                    }
                    6 | 7 => alive.push((column.snapshot(), plain.clone())),
                    _ if alive.is_empty() => {}
                    _ => drop(alive.swap_remove(id as usize % alive.len())),
                }
                prop_assert_eq!(&rows(&column), &plain);
                for (snapshot, plain) in &alive {
                    prop_assert_eq!(&rows(snapshot), plain);
                }
            }
        }
    }

    #[test]
    fn a_chunk_is_copied_once_and_only_where_a_snapshot_holds_it() {
        let mut column: CowColumn<u32, N> = CowColumn::default();
        column.grow(3 * N);
        let before = places(&column);
        let snapshot = column.snapshot();
        assert_eq!(places(&column), before, "to take one moves nothing");
        *column.at_mut(5) = 1;
        let copied = places(&column);
        assert_eq!([copied[0], copied[2]], [before[0], before[2]]);
        assert_ne!(copied[1], before[1], "it was written");
        *column.at_mut(6) = 1;
        assert_eq!(places(&column), copied, "the copy is the column's own");
        let chunk = size_of::<[u32; N]>();
        assert_eq!(snapshot.held_bytes(), HeldBytes { shared: 2 * chunk, exclusive: chunk });
        drop(snapshot);
        *column.at_mut(0) = 1;
        assert_eq!(places(&column), copied, "no snapshot holds it any more");
    }

    #[test]
    fn rows_are_dropped_with_the_last_that_holds_them() {
        let row = Arc::new(());
        let mut column: CowColumn<Option<Arc<()>>, N> = CowColumn::default();
        column.grow(N);
        *column.at_mut(0) = Some(Arc::clone(&row));
        let snapshot = column.snapshot();
        *column.at_mut(1) = Some(Arc::clone(&row));
        assert_eq!(Arc::strong_count(&row), 4, "ours, the snapshot's, and two in the column");
        drop(snapshot);
        assert_eq!(Arc::strong_count(&row), 3);
        drop(column);
        assert_eq!(Arc::strong_count(&row), 1);
    }
}
