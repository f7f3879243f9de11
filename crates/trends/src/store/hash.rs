//! Keyed 64-bit hash: folded multiplication over 16-byte steps.
//!
//! Two uses, two keys. Tables are seeded per process and the seed is never stored, so that
//! outsiders cannot choose tags that collide. Authors and posts are hashed with the key of the
//! state directory, so that a hash means the same after a restart.

/// Key of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u64; 4]);

impl Seed {
    /// A key from 32 bytes, which the caller should choose at random.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        let (mut words, mut at) = ([0; 4], 0);
        while at < 32 {
            words[at / 8] |= (bytes[at] as u64) << (8 * (at % 8));
            at += 1;
        }
        // The last word multiplies everything once more, and must not be even.
        words[3] |= 1;
        Self(words)
    }

    /// Hash of up to 16 bytes in `key`, with zeros after `len`.
    #[inline(always)]
    #[must_use]
    pub fn short(&self, key: u128, len: usize) -> u64 {
        let low = key as u64 ^ self.0[0];
        let high = (key >> 64) as u64 ^ self.0[1] ^ ((len as u64) << 56);
        fold(fold(low, high) ^ self.0[2], self.0[3])
    }

    /// Hash of bytes of any length; equal to [`Seed::short`] up to 16.
    #[inline]
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> u64 {
        if bytes.len() <= 16 {
            return self.short(short_key(bytes), bytes.len());
        }
        let mut state = self.0[2] ^ bytes.len() as u64;
        for step in bytes.chunks(16) {
            let mut key = [0; 16];
            key[..step.len()].copy_from_slice(step);
            let key = u128::from_le_bytes(key);
            state = fold(key as u64 ^ self.0[0] ^ state, (key >> 64) as u64 ^ self.0[1])
                .wrapping_add(state.rotate_left(29));
        }
        fold(state ^ self.0[2], self.0[3])
    }
}

/// Up to 16 bytes with zeros after them; no call for a copy of a few bytes.
#[inline(always)]
#[must_use]
pub fn short_key(bytes: &[u8]) -> u128 {
    let len = bytes.len();
    // Head and tail overlap, with equal bits.
    if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
        return u128::from(head) | u128::from(tail) << (8 * (len - 8));
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        return u128::from(head) | u128::from(tail) << (8 * (len - 4));
    }
    bytes.iter().rev().fold(0, |key, byte| key << 8 | u128::from(*byte))
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_hash_equal_and_lengths_differ() {
        let seed = Seed::new([7; 32]);
        assert_eq!(seed.bytes(b"rust"), seed.bytes(b"rust"));
        assert_ne!(seed.bytes(b"a"), seed.bytes(b"a\0"), "the length is part of the key");
        assert_ne!(seed.bytes(b"a"), Seed::new([8; 32]).bytes(b"a"));
    }

    #[test]
    fn short_keys_are_the_bytes_and_zeros() {
        let bytes: Vec<u8> = (1..=16).map(|n| n * 15).collect();
        for len in 0..=16 {
            let mut key = [0; 16];
            key[..len].copy_from_slice(&bytes[..len]);
            assert_eq!(short_key(&bytes[..len]), u128::from_le_bytes(key), "{len}");
        }
    }

    #[test]
    fn a_million_short_and_long_keys_spread_evenly() {
        let seed = Seed::new(*b"0123456789abcdef0123456789abcdef");
        for pad in ["", "a long key that needs more than one step of sixteen"] {
            let mut buckets = [0_u32; 256];
            for n in 0..100_000 {
                let hash = seed.bytes(format!("{pad}{n}").as_bytes());
                buckets[(hash >> 56) as usize] += 1;
            }
            let (low, high) = (buckets.iter().min(), buckets.iter().max());
            assert!(low > Some(&300) && high < Some(&490), "{low:?} {high:?}");
        }
    }
}
