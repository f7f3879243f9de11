//! Dense columns that grow without ever being copied.

/// Rows of one chunk.
pub const CHUNK: usize = 1 << 16;

/// A column indexed by tag id, stored in chunks: growing allocates one chunk and moves nothing, so
/// no post waits for a copy of five million counts.
#[derive(Debug, Default)]
pub struct Column<T> {
    chunks: Vec<Box<[T; CHUNK]>>,
}

impl<T: Copy + Default> Column<T> {
    /// Makes rows `0..rows` exist; new ones hold the default.
    pub fn grow(&mut self, rows: usize) {
        while self.chunks.len() * CHUNK < rows {
            let chunk = vec![T::default(); CHUNK].into_boxed_slice();
            self.chunks.extend(Box::<[T; CHUNK]>::try_from(chunk).ok());
        }
    }

    /// Rows that exist.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.chunks.len() * CHUNK
    }

    /// The row of `id`.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, id: u32) -> T {
        self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// The place of the row of `id`.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, id: u32) -> &T {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// The row of `id`, to change.
    #[inline(always)]
    pub fn at_mut(&mut self, id: u32) -> &mut T {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// `len` rows from `first` on, which lie in one chunk.
    #[inline(always)]
    #[must_use]
    pub fn run(&self, first: u32, len: usize) -> &[T] {
        let at = first as usize % CHUNK;
        &self.chunks[first as usize / CHUNK][at..at + len]
    }

    /// The same, to change.
    pub fn run_mut(&mut self, first: u32, len: usize) -> &mut [T] {
        let at = first as usize % CHUNK;
        &mut self.chunks[first as usize / CHUNK][at..at + len]
    }
}

/// The bits that are set, lowest first.
pub fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit)
    })
}
