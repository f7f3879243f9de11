//! A cursor over one JSON object that reads what it is asked for and steps over the rest.
//!
//! A walk names the keys it wants, in nested closures, so its depth is that of the code, never
//! that of the input. Duplicate keys: the walk runs again for the later one, which wins. Inside a
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

/// The place of a value that was stepped over, to come back to.
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
        loop {
            match self.record.get(self.at) {
                Some(byte) if !super::is_space(*byte) => return Ok(*byte),
                Some(_) => self.at += 1,
                None => return Err(Stop::Odd),
            }
        }
    }

    #[inline(always)]
    fn expect(&mut self, wanted: u8) -> Result<(), Stop> {
        if self.peek()? != wanted {
            return Err(Stop::Odd);
        }
        self.at += 1;
        Ok(())
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

    /// Calls `each` with every key, the cursor before its value, which `each` has to step over.
    /// `false` where the value is no object; it is stepped over then.
    #[inline(always)]
    pub(crate) fn object<F>(&mut self, mut each: F) -> Result<bool, Stop>
    where
        F: FnMut(&mut Self, &'a [u8]) -> Result<(), Stop>,
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
            self.expect(b':')?;
            each(self, key)?;
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

    /// Calls `each` before every element, which `each` has to step over. `false` where the value
    /// is no array; it is stepped over then.
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
            each(self)?;
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

    /// Steps over a value and remembers where it stands.
    pub(crate) fn mark(&mut self) -> Result<Mark, Stop> {
        self.peek()?;
        let mark = Mark { at: self.at, depth: self.depth };
        self.skip()?;
        Ok(mark)
    }

    /// A second cursor before a value that was stepped over.
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
        let id = self.id()?;
        Ok(id.and_then(|id| id.to_str().parse().ok()))
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
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.record.get(self.at) {
            self.at += 1;
        }
        if self.at == from {
            return Err(Stop::Odd);
        }
        self.record.get(from..self.at).ok_or(Stop::Odd)
    }
}
