//! A cursor over one JSON object that reads what it is asked for and steps over the rest.
//!
//! A walk names the keys it wants, in nested closures, so its depth is that of the code, never
//! that of the input. Duplicate keys: the walk sees both, so the later one wins. Inside a
//! value that nobody asked for only strings and brackets are looked at, so an invalid literal in
//! there is not seen. What the cursor cannot take is [`Stop::Odd`]: an escaped key, a bad literal
//! where it looks, something after the end, more than [`DEPTH_MAX`] levels.

use crate::decode::DecodeError;
use crate::post::Raw;
use crate::simd::json::{container_end, string_end};

/// Levels of nesting that a record may have.
pub(crate) const DEPTH_MAX: u32 = 128;

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not what the fast path takes; the tolerant path decides.
    Odd,
    /// The record is understood, and is no post.
    Wrong(DecodeError),
}

/// The place of a value, to come back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    at: usize,
    depth: u32,
}

/// The cursor. It stands before a value, or after one.
pub(crate) struct Walker<'a> {
    /// The buffer up to wherever it goes on past the record: vector loads may run over the end.
    padded: &'a [u8],
    /// The same buffer cut at the end of the record.
    record: &'a [u8],
    at: usize,
    depth: u32,
    /// The record was written anew by the tolerant path: nothing in it nests too deep, and a key
    /// that still has a backslash is none that a walk asks for.
    clean: bool,
}

impl<'a> Walker<'a> {
    /// A cursor before the value at `start`; the record ends before `end`.
    pub(crate) fn new(padded: &'a [u8], start: usize, end: usize) -> Self {
        Self { padded, record: &padded[..end], at: start, depth: 0, clean: false }
    }

    /// A cursor over a record that the tolerant path wrote.
    pub(crate) fn clean(record: &'a [u8]) -> Self {
        Self { clean: true, ..Self::new(record, 0, record.len()) }
    }

    /// `Ok` where nothing but white space follows.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Ok(_) => Err(Stop::Odd),
            Err(_) => Ok(()),
        }
    }

    /// The next byte that is not white space; the cursor stands on it.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<u8, Stop> {
        match self.record.get(self.at) {
            Some(byte) if *byte > b' ' => Ok(*byte),
            _ => self.peek_past_space(),
        }
    }

    #[cold]
    fn peek_past_space(&mut self) -> Result<u8, Stop> {
        loop {
            match self.record.get(self.at) {
                Some(byte) if !super::is_space(*byte) => return Ok(*byte),
                Some(_) => self.at += 1,
                None => return Err(Stop::Odd),
            }
        }
    }

    #[inline(always)]
    fn enter(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX && !self.clean {
            return Err(Stop::Odd);
        }
        Ok(())
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Calls `each` with every key, the cursor before its value; what `each` does not read is
    /// stepped over. `false` where the value is no object.
    #[inline(always)]
    pub(crate) fn object<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self, &'a [u8]) -> Result<(), Stop>,
    {
        self.members(|w, key| each(w, key).map(|()| true))
    }

    /// The same, for as long as `each` says `true`; the rest of the object is stepped over then.
    #[inline(always)]
    pub(crate) fn members<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self, &'a [u8]) -> Result<bool, Stop>,
    {
        if self.peek()? != b'{' {
            self.skip()?;
            return Ok(false);
        }
        self.enter()?;
        if self.peek()? == b'}' {
            self.leave();
            return Ok(true);
        }
        loop {
            if self.peek()? != b'"' {
                return Err(Stop::Odd);
            }
            let (key, escaped) = self.quoted()?;
            if escaped && !self.clean {
                return Err(Stop::Odd);
            }
            if self.peek()? != b':' {
                return Err(Stop::Odd);
            }
            self.at += 1;
            self.peek()?;
            let value = self.at;
            let go_on = each(self, key)?;
            if self.at == value {
                self.skip()?;
            }
            if !go_on {
                self.at = self.end_of_container(self.at)?;
                self.depth -= 1;
                return Ok(true);
            }
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.leave();
                    return Ok(true);
                }
                _ => return Err(Stop::Odd),
            }
        }
    }

    /// Calls `each` before every element; what `each` does not read is stepped over. `false`
    /// where the value is no array.
    #[inline(always)]
    pub(crate) fn array<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self) -> Result<(), Stop>,
    {
        if self.peek()? != b'[' {
            self.skip()?;
            return Ok(false);
        }
        self.enter()?;
        if self.peek()? == b']' {
            self.leave();
            return Ok(true);
        }
        loop {
            self.peek()?;
            let value = self.at;
            each(self)?;
            if self.at == value {
                self.skip()?;
            }
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.leave();
                    return Ok(true);
                }
                _ => return Err(Stop::Odd),
            }
        }
    }

    /// Where the value at the cursor stands; does not read it.
    #[inline(always)]
    pub(crate) fn mark(&self) -> Mark {
        Mark { at: self.at, depth: self.depth }
    }

    /// What lies between a mark and the cursor.
    pub(crate) fn since(&self, mark: Mark) -> &'a [u8] {
        self.record.get(mark.at..self.at).unwrap_or_default()
    }

    /// A second cursor, before a value seen earlier.
    pub(crate) fn back_to(&self, mark: Mark) -> Self {
        Self { at: mark.at, depth: mark.depth, ..*self }
    }

    /// Steps over a value.
    #[inline(always)]
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        match self.peek()? {
            b'"' => {
                self.quoted()?;
            }
            b'{' | b'[' => {
                let room = if self.clean { u32::MAX } else { DEPTH_MAX.saturating_sub(self.depth) };
                let end = container_end(self.padded, self.at + 1, self.record.len(), room);
                self.at = end.ok_or(Stop::Odd)?;
            }
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => {
                self.digits()?;
            }
        }
        Ok(())
    }

    /// The end of the container that the cursor is in, from `at` inside it.
    fn end_of_container(&self, at: usize) -> Result<usize, Stop> {
        let room = if self.clean { u32::MAX } else { (DEPTH_MAX + 1).saturating_sub(self.depth) };
        container_end(self.padded, at, self.record.len(), room).ok_or(Stop::Odd)
    }

    /// A string; `None` for any other value, which is stepped over.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Option<Raw<'a>>, Stop> {
        if self.peek()? != b'"' {
            self.skip()?;
            return Ok(None);
        }
        let (bytes, escaped) = self.quoted()?;
        Ok(Some(if escaped { Raw::Json(bytes) } else { Raw::Plain(bytes) }))
    }

    /// An identifier: a string, or a number as it stands; `None` for any other value.
    #[inline(always)]
    pub(crate) fn id(&mut self) -> Result<Option<Raw<'a>>, Stop> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => Ok(Some(Raw::Plain(self.digits()?))),
            _ => self.string(),
        }
    }

    /// An integer, or a string that holds one; `None` for any other value or beyond 64 bits.
    pub(crate) fn integer(&mut self) -> Result<Option<i64>, Stop> {
        Ok(match self.id()? {
            Some(Raw::Plain(digits)) => str::from_utf8(digits).ok().and_then(|it| it.parse().ok()),
            Some(escaped) => escaped.to_str().parse().ok(),
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

    /// The inside of the string that the cursor stands on, and whether it has escapes.
    #[inline(always)]
    fn quoted(&mut self) -> Result<(&'a [u8], bool), Stop> {
        let from = self.at + 1;
        let end = string_end(self.padded, from, self.record.len()).ok_or(Stop::Odd)?;
        self.at = end.quote + 1;
        Ok((self.record.get(from..end.quote).ok_or(Stop::Odd)?, end.escaped))
    }

    #[inline(always)]
    fn literal(&mut self, word: &'static [u8]) -> Result<(), Stop> {
        if self.record.get(self.at..self.at + word.len()) != Some(word) {
            return Err(Stop::Odd);
        }
        self.at += word.len();
        Ok(())
    }

    /// The bytes of a number; whether they make one is not looked at.
    #[inline(always)]
    fn digits(&mut self) -> Result<&'a [u8], Stop> {
        let from = self.at;
        let is_part = |byte: &u8| NUMBER[usize::from(*byte)];
        while self.record.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        if self.at == from {
            return Err(Stop::Odd);
        }
        self.record.get(from..self.at).ok_or(Stop::Odd)
    }
}

/// The bytes that numbers are written with.
const NUMBER: [bool; 256] = {
    let mut part = [false; 256];
    let mut n = 0;
    while n < 15 {
        part[b"0123456789+-.eE"[n] as usize] = true;
        n += 1;
    }
    part
};
