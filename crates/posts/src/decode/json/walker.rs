//! A cursor over one JSON object that reads the requested values and skips the rest.
//!
//! A walk requests keys in nested closures, so its depth is that of the code, not of the input. It
//! sees duplicate keys in order, so the last one wins. Inside a skipped value only strings and
//! brackets are examined, so an invalid literal there is not noticed. Everything that the cursor
//! cannot handle is [`Stop::Odd`]: an escaped key, a bad literal in a value that is read, bytes
//! after the end, more than [`DEPTH_MAX`] levels.

use crate::decode::DecodeError;
use crate::post::Raw;
use tagtide_simd::json::{self, Letters, Member, after_plain, container_end, string_end};

/// Most levels of nesting of a record.
pub(crate) const DEPTH_MAX: u32 = 128;

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not supported by the fast path; the tolerant path decides.
    Odd,
    /// The record is understood, and is not a post.
    Wrong(DecodeError),
}

/// Requested keys: a bit for each first letter, by length. A filter: it can let other keys through,
/// but never rejects one of these.
pub(crate) struct Keys(Letters);

impl Keys {
    /// Every key.
    pub(crate) const ALL: Self = Self([u32::MAX; 32]);

    /// These keys, shorter than 32 bytes and not empty.
    pub(crate) const fn of(keys: &[&str]) -> Self {
        let mut bits = [0; 32];
        let mut n = 0;
        while n < keys.len() {
            let key = keys[n].as_bytes();
            bits[key.len()] |= 1 << (key[0] % 32);
            n += 1;
        }
        Self(bits)
    }

    #[inline(always)]
    const fn is_all(&self) -> bool {
        self.0[0] != 0
    }

    #[inline(always)]
    fn may_hold(&self, key: &[u8]) -> bool {
        let first = key.first().copied().unwrap_or_default();
        self.0.get(key.len()).is_none_or(|bits| bits >> (first % 32) & 1 == 1)
    }
}

/// The place of a value, to return to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    at: usize,
    depth: u32,
}

/// The bytes of a record. The caller holds the current place in a variable, so that it stays in a
/// register; in the cursor it would go through memory at every step.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    /// The buffer, including bytes after the record, because vector loads can run past its end.
    padded: &'a [u8],
    /// The same buffer cut at the end of the record.
    record: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// The next byte from `at` that is not white space, and its place.
    #[inline(always)]
    fn peek(self, at: usize) -> Result<(usize, u8), Stop> {
        match self.record.get(at) {
            Some(byte) if *byte > b' ' => Ok((at, *byte)),
            _ => self.peek_past_space(at),
        }
    }

    #[cold]
    fn peek_past_space(self, at: usize) -> Result<(usize, u8), Stop> {
        let rest = self.record.get(at..).unwrap_or_default();
        let space = rest.iter().position(|byte| !super::is_space(*byte)).ok_or(Stop::Odd)?;
        Ok((at + space, rest[space]))
    }

    /// The key at `at`, or the next one that passes `keys`. Returns place and first byte of its
    /// value, then the key. `room` is that of values.
    #[inline(always)]
    fn key(
        self,
        at: usize,
        room: u32,
        clean: bool,
        keys: &Keys,
    ) -> Result<(usize, u8, &'a [u8]), Stop> {
        let mut at = at;
        if !keys.is_all() {
            let member = after_plain(self.padded, at, self.record.len(), room, &keys.0);
            if let Member { at, key: Some(length) } = member {
                let quote = at + 1 + length as usize;
                let key = self.record.get(at + 1..quote).ok_or(Stop::Odd)?;
                let (value, byte) = self.peek(quote + 2)?;
                return Ok((value, byte, key));
            }
            at = member.at;
        }
        let (after, key, escaped) = self.quoted(at)?;
        if escaped && !clean {
            return Err(Stop::Odd);
        }
        let (colon, byte) = self.peek(after)?;
        if byte != b':' {
            return Err(Stop::Odd);
        }
        let (value, byte) = self.peek(colon + 1)?;
        Ok((value, byte, key))
    }

    /// The string whose opening quote is at `at`: the place after it, its inside, and whether it
    /// has escapes.
    #[inline(always)]
    fn quoted(self, at: usize) -> Result<(usize, &'a [u8], bool), Stop> {
        let end = string_end(self.padded, at + 1, self.record.len()).ok_or(Stop::Odd)?;
        let inside = self.record.get(at + 1..end.quote).ok_or(Stop::Odd)?;
        Ok((end.quote + 1, inside, end.escaped))
    }

    /// The place after the value that begins at `at` with `byte`.
    #[inline(always)]
    fn skip(self, at: usize, byte: u8, room: u32) -> Result<usize, Stop> {
        match byte {
            b'"' => Ok(self.quoted(at)?.0),
            b'{' | b'[' => self.end_of_container(at + 1, room),
            b't' => self.literal(at, b"true"),
            b'f' => self.literal(at, b"false"),
            b'n' => self.literal(at, b"null"),
            _ => Ok(at + self.digits(at)?.len()),
        }
    }

    /// The place after the container around `at`.
    fn end_of_container(self, at: usize, room: u32) -> Result<usize, Stop> {
        container_end(self.padded, at, self.record.len(), room).ok_or(Stop::Odd)
    }

    #[inline(always)]
    fn literal(self, at: usize, word: &'static [u8]) -> Result<usize, Stop> {
        match self.record.get(at..at + word.len()) {
            Some(bytes) if bytes == word => Ok(at + word.len()),
            _ => Err(Stop::Odd),
        }
    }

    /// The bytes of a number, not validated.
    #[inline(always)]
    fn digits(self, at: usize) -> Result<&'a [u8], Stop> {
        let is_part = |byte: &u8| NUMBER[usize::from(*byte)];
        let mut to = at;
        // Most numbers are only digits, which is faster to check than every byte.
        while let Some(Ok(eight)) = self.record.get(to..to + 8).map(<[u8; 8]>::try_from) {
            let digits = json::digits(u64::from_le_bytes(eight));
            to += digits;
            if digits < 8 {
                break;
            }
        }
        while self.record.get(to).is_some_and(is_part) {
            to += 1;
        }
        if to == at { Err(Stop::Odd) } else { Ok(&self.record[at..to]) }
    }
}

/// The bytes that occur in numbers.
const NUMBER: [bool; 256] = {
    let mut part = [false; 256];
    let mut n = 0;
    while n < 15 {
        part[b"0123456789+-.eE"[n] as usize] = true;
        n += 1;
    }
    part
};

/// The cursor. It is before a value, or after one.
pub(crate) struct Walker<'a> {
    bytes: Bytes<'a>,
    at: usize,
    depth: u32,
    /// The record was rewritten by the tolerant path: nothing in it nests too deep, and a key that
    /// still has a backslash is not a requested one.
    clean: bool,
}

impl<'a> Walker<'a> {
    /// A cursor before the value at `start`; the record ends before `end`.
    pub(crate) fn new(padded: &'a [u8], start: usize, end: usize) -> Self {
        let bytes = Bytes { padded, record: &padded[..end] };
        Self { bytes, at: start, depth: 0, clean: false }
    }

    /// A cursor over a record that the tolerant path wrote.
    pub(crate) fn clean(record: &'a [u8]) -> Self {
        Self { clean: true, ..Self::new(record, 0, record.len()) }
    }

    /// `Ok` if only white space follows.
    pub(crate) fn finish(&self) -> Result<(), Stop> {
        match self.bytes.peek(self.at) {
            Ok(_) => Err(Stop::Odd),
            Err(_) => Ok(()),
        }
    }

    /// The next byte that is not white space, with the cursor on it.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<u8, Stop> {
        let byte;
        (self.at, byte) = self.bytes.peek(self.at)?;
        Ok(byte)
    }

    /// Levels that can still nest from the cursor.
    #[inline(always)]
    fn room(&self) -> u32 {
        if self.clean { u32::MAX } else { DEPTH_MAX.saturating_sub(self.depth) }
    }

    /// Calls `each` with every key, the cursor before its value. Values that `each` does not read
    /// are skipped. `false` if the value is not an object.
    #[inline(always)]
    pub(crate) fn object<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self, &'a [u8]) -> Result<(), Stop>,
    {
        self.members(&Keys::ALL, |w, key| each(w, key).map(|()| true))
    }

    /// The same for keys that pass `keys`, as long as `each` returns `true`; the rest of the object
    /// is skipped.
    #[inline(always)]
    pub(crate) fn members<F>(&mut self, keys: &Keys, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self, &'a [u8]) -> Result<bool, Stop>,
    {
        if self.peek()? != b'{' {
            self.skip()?;
            return Ok(false);
        }
        let (bytes, clean, room) = (self.bytes, self.clean, self.room());
        self.depth += 1;
        let (mut at, mut byte) = bytes.peek(self.at + 1)?;
        while byte != b'}' {
            if byte != b'"' || room == 0 {
                return Err(Stop::Odd);
            }
            let key;
            (at, byte, key) = bytes.key(at, room - 1, clean, keys)?;
            let mut go_on = true;
            let value = at;
            if keys.may_hold(key) {
                self.at = at;
                go_on = each(self, key)?;
                at = self.at;
            }
            if at == value {
                at = bytes.skip(at, byte, room - 1)?;
            }
            if !go_on {
                at = bytes.end_of_container(at, room)? - 1;
                break;
            }
            (at, byte) = bytes.peek(at)?;
            if byte == b',' {
                (at, byte) = bytes.peek(at + 1)?;
                // A comma before the closing bracket is not JSON.
                if byte == b'}' {
                    return Err(Stop::Odd);
                }
            } else if byte != b'}' {
                return Err(Stop::Odd);
            }
        }
        self.at = at + 1;
        self.depth -= 1;
        Ok(true)
    }

    /// Calls `each` before every element. Elements that `each` does not read are skipped. `false`
    /// if the value is not an array.
    #[inline(always)]
    pub(crate) fn array<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self) -> Result<(), Stop>,
    {
        if self.peek()? != b'[' {
            self.skip()?;
            return Ok(false);
        }
        if self.room() == 0 {
            return Err(Stop::Odd);
        }
        self.depth += 1;
        self.at += 1;
        let mut is_first = true;
        while self.peek()? != b']' || !is_first {
            let value = self.at;
            each(self)?;
            if self.at == value {
                self.skip()?;
            }
            is_first = false;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(Stop::Odd),
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(true)
    }

    /// Marks the value at the cursor, without reading it.
    #[inline(always)]
    pub(crate) fn mark(&self) -> Mark {
        Mark { at: self.at, depth: self.depth }
    }

    /// The bytes between a mark and the cursor.
    pub(crate) fn since(&self, mark: Mark) -> &'a [u8] {
        self.bytes.record.get(mark.at..self.at).unwrap_or_default()
    }

    /// A second cursor, before a value seen earlier.
    pub(crate) fn back_to(&self, mark: Mark) -> Self {
        Self { at: mark.at, depth: mark.depth, ..*self }
    }

    /// Skips a value.
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        let byte = self.peek()?;
        self.at = self.bytes.skip(self.at, byte, self.room())?;
        Ok(())
    }

    /// A string; `None` for any other value, which is skipped.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<Raw<'a>>, Stop> {
        if self.peek()? != b'"' {
            self.skip()?;
            return Ok(None);
        }
        let (after, inside, escaped) = self.bytes.quoted(self.at)?;
        self.at = after;
        Ok(Some(if escaped { Raw::Json(inside) } else { Raw::Plain(inside) }))
    }

    /// An identifier: a string, or the digits of a number; `None` for any other value.
    #[inline(always)]
    pub(crate) fn id(&mut self) -> Result<Option<Raw<'a>>, Stop> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => {
                let digits = self.bytes.digits(self.at)?;
                self.at += digits.len();
                Ok(Some(Raw::Plain(digits)))
            }
            _ => self.string(),
        }
    }

    /// An integer, or a string that holds one; `None` for any other value or beyond 64 bits.
    pub(crate) fn integer(&mut self) -> Result<Option<i64>, Stop> {
        Ok(match self.id()? {
            Some(Raw::Plain(digits)) => integer(digits),
            Some(escaped) => integer(escaped.to_str().as_bytes()),
            None => None,
        })
    }

    /// `true` or `false`; `None` for any other value.
    pub(crate) fn boolean(&mut self) -> Result<Option<bool>, Stop> {
        let value = match self.peek()? {
            b't' => Some(true),
            b'f' => Some(false),
            _ => None,
        };
        self.skip()?;
        Ok(value)
    }
}

/// The value of eight digits, the highest in the lowest byte: pairs are joined, then pairs of
/// pairs.
#[inline(always)]
fn eight_digits(word: u64) -> i64 {
    let ones = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_FFFF_0000_FFFF;
    (fours.wrapping_mul(10_000 << 32 | 1) >> 32) as i64
}

/// A decimal integer with an optional `-`; `None` beyond 64 bits.
pub(crate) fn integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    // Too few digits to overflow.
    if digits.len() < 19 {
        let mut number = 0i64;
        let mut odd = false;
        let mut rest = digits;
        while let Some((eight, more)) = rest.split_first_chunk() {
            let word = u64::from_le_bytes(*eight);
            odd |= json::digits(word) < 8;
            number = number * 100_000_000 + eight_digits(word);
            rest = more;
        }
        for byte in rest {
            let digit = byte.wrapping_sub(b'0');
            odd |= digit > 9;
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
        }
        let number = if negative { -number } else { number };
        return (!odd).then_some(number);
    }
    let mut number = 0i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        let digit = if negative { -i64::from(digit) } else { i64::from(digit) };
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    Some(number)
}
