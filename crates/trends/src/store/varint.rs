//! Variable-length integers (LEB128) and byte strings, as checkpoint sections use them.

/// Appends `value` in 7-bit groups, lowest first.
#[inline]
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    if value < 1 << 28 {
        // Nearly every number: four bytes at once, then those that were too many go again.
        let (groups, len) = groups(value as u32);
        let end = out.len() + len;
        out.extend_from_slice(&groups.to_le_bytes());
        out.truncate(end);
        return;
    }
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends many numbers: they are gathered in a small buffer first, so that the vector is asked for
/// room once for hundreds of them. What is gathered is appended when this goes out of scope.
pub struct Many<'a> {
    out: &'a mut Vec<u8>,
    buffer: [u8; GATHERED],
    len: usize,
}

/// Bytes gathered before they are appended.
const GATHERED: usize = 1024;

/// Most bytes of one number.
const LONGEST: usize = 10;

impl<'a> Many<'a> {
    /// Appends to `out`.
    pub fn to(out: &'a mut Vec<u8>) -> Self {
        Self { out, buffer: [0; GATHERED], len: 0 }
    }

    /// Appends what [`put`] appends.
    #[inline]
    pub fn put(&mut self, value: u64) {
        if value < 1 << 28 {
            let (groups, len) = groups(value as u32);
            self.buffer[self.len..self.len + 4].copy_from_slice(&groups.to_le_bytes());
            self.len += len;
            self.make_room();
        } else {
            self.append();
            put(self.out, value);
        }
    }

    /// Appends what [`put_signed`] appends.
    #[inline]
    pub fn put_signed(&mut self, value: i64) {
        self.put(zigzag(value));
    }

    /// Appends eight bytes, little-endian.
    #[inline]
    pub fn put_fixed(&mut self, value: u64) {
        self.buffer[self.len..self.len + 8].copy_from_slice(&value.to_le_bytes());
        self.len += 8;
        self.make_room();
    }

    #[inline]
    fn make_room(&mut self) {
        if self.len > GATHERED - LONGEST {
            self.append();
        }
    }

    #[cold]
    fn append(&mut self) {
        self.out.extend_from_slice(&self.buffer[..self.len]);
        self.len = 0;
    }
}

impl Drop for Many<'_> {
    fn drop(&mut self) {
        self.append();
    }
}

/// The groups of a value below 2^28, and how many there are; bytes after them are zero.
#[inline]
fn groups(value: u32) -> (u32, usize) {
    let len = (value | 1).ilog2() / 7 + 1;
    let groups =
        value & 0x7f | value << 1 & 0x7f00 | value << 2 & 0x7f_0000 | value << 3 & 0x7f00_0000;
    let more = 0x0080_8080_u32 & ((1 << (8 * (len - 1))) - 1);
    (groups | more, len as usize)
}

/// Appends a signed value; small magnitudes of either sign are short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Appends a length and the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; every getter gives `None` at the end or on nonsense.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// True at the end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An unsigned value.
    #[inline]
    pub fn get(&mut self) -> Option<u64> {
        if let Some(four) = self.rest.first_chunk::<4>() {
            let word = u32::from_le_bytes(*four);
            let ends = !word & 0x8080_8080;
            if ends != 0 {
                let bits = ends.trailing_zeros() + 1;
                let word = word & (u32::MAX >> (32 - bits));
                self.rest = &self.rest[bits as usize / 8..];
                let [a, b] = [word & 0x7f, word >> 1 & 0x3f80];
                let [c, d] = [word >> 2 & 0x1f_c000, word >> 3 & 0x0fe0_0000];
                return Some(u64::from(a | b | c | d));
            }
        }
        self.get_long()
    }

    /// A long one, or one near the end.
    fn get_long(&mut self) -> Option<u64> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Some(value);
            }
        }
        None
    }

    /// An unsigned value that fits 32 bits.
    #[inline]
    pub fn get_u32(&mut self) -> Option<u32> {
        u32::try_from(self.get()?).ok()
    }

    /// A signed value.
    pub fn get_signed(&mut self) -> Option<i64> {
        let value = self.get()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Eight bytes, little-endian.
    pub fn get_fixed(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    /// One byte as it is.
    pub fn get_byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A byte string.
    pub fn get_bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.get()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [u64; 14] = [
        0,
        1,
        127,
        128,
        300,
        16_383,
        16_384,
        2_097_151,
        2_097_152,
        (1 << 28) - 1,
        1 << 28,
        u32::MAX as u64,
        u64::MAX,
        5,
    ];

    #[test]
    fn many_are_the_same_bytes() {
        let (mut one, mut many) = (vec![7], vec![7]);
        let mut gathering = Many::to(&mut many);
        for value in VALUES.into_iter().cycle().take(5_000) {
            put(&mut one, value);
            gathering.put(value);
            if value.is_multiple_of(3) {
                one.extend_from_slice(&value.to_le_bytes());
                gathering.put_fixed(value);
            }
        }
        drop(gathering);
        assert_eq!(one, many);
    }

    #[test]
    fn what_was_put_comes_back_and_a_cut_gives_none() {
        let mut out = Vec::new();
        for value in VALUES {
            put(&mut out, value);
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            put_signed(&mut out, value);
        }
        put_bytes(&mut out, b"tag");
        let mut lengths = VALUES.map(|value| {
            let mut out = Vec::new();
            put(&mut out, value);
            out.len()
        });
        lengths.sort_unstable();
        assert_eq!(lengths, [1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 10]);
        let mut reader = Reader::new(&out);
        for value in VALUES {
            assert_eq!(reader.get(), Some(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(reader.get_signed(), Some(value));
        }
        assert_eq!(reader.get_bytes(), Some(&b"tag"[..]));
        assert!(reader.is_empty() && reader.get().is_none());
        assert_eq!(Reader::new(&[0x80; 12]).get(), None, "no end");
        assert_eq!(Reader::new(&[5, b'x']).get_bytes(), None, "shorter than its length");
    }
}
