//! Lists of strings and numbers in Python syntax: the wire of the original dashboard.
//!
//! [`parse_list`] reads the output of `str([...])` in Python 3 and Python 2 (`u'..'` prefixes, ints
//! with `L`, bytes of UTF-8 written as `\xe2\x80\xa6`). [`repr_text`], [`repr_texts`] and
//! [`repr_ints`] write the output of Python 3's `repr`. Nothing here evaluates anything, recurses,
//! or supports more of Python: no nested lists, no `\N{..}`, no raw or triple-quoted strings, no
//! ints beyond 64 bits.
//!
//! One deviation from Python 3: a run of `\x80`..`\xff` escapes that is valid UTF-8 is read as
//! those bytes (Python 2's meaning). Python 3 never prints such a run, because every byte that can
//! begin it is a printable Latin-1 letter, which `repr` prints unescaped.

use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// One element of a list.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A string.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number with a point or an exponent; always finite.
    Float(f64),
}

/// Why a text is not a list of strings and numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a python list of strings or numbers: {what} at byte {at}")]
pub struct LiteralError {
    /// What was found, or what is missing.
    pub what: &'static str,
    /// The place, in bytes from the start.
    pub at: usize,
}

/// Reads `['#a', "#b's"]`, `[12, 3L]`, `[]`. A tuple is read as a list.
///
/// # Errors
/// [`LiteralError`] for anything else.
pub fn parse_list(text: &str) -> Result<Vec<Literal>, LiteralError> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let close = match reader.next() {
        Some(b'[') => b']',
        Some(b'(') => b')',
        _ => return Err(LiteralError { what: "no opening bracket", at: 0 }),
    };
    let mut items = Vec::new();
    loop {
        reader.space();
        if reader.eat(close) {
            break;
        }
        items.push(reader.element()?);
        reader.space();
        if reader.eat(close) {
            break;
        }
        if !reader.eat(b',') {
            return Err(reader.error("no comma or closing bracket"));
        }
    }
    reader.space();
    if reader.at == text.len() { Ok(items) } else { Err(reader.error("text after the list")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &'static str) -> LiteralError {
        LiteralError { what, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn element(&mut self) -> Result<Literal, LiteralError> {
        match self.peek() {
            Some(b'\'' | b'"') => self.string(false).map(Literal::Text),
            Some(prefix @ (b'u' | b'U' | b'b' | b'B')) => {
                self.at += 1;
                if !matches!(self.peek(), Some(b'\'' | b'"')) {
                    return Err(self.error("no quote after a string prefix"));
                }
                self.string(prefix.eq_ignore_ascii_case(&b'u')).map(Literal::Text)
            }
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => self.number(),
            Some(_) => Err(self.error("neither a string nor a number")),
            None => Err(self.error("no closing bracket")),
        }
    }

    fn number(&mut self) -> Result<Literal, LiteralError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        if let Ok(int) = digits.parse::<i64>() {
            if !self.eat(b'L') {
                self.eat(b'l');
            }
            return Ok(Literal::Int(int));
        }
        let bad = LiteralError { what: "bad or too large number", at: start };
        if !digits.contains(['.', 'e', 'E']) {
            return Err(bad);
        }
        match digits.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Literal::Float(float)),
            _ => Err(bad),
        }
    }

    /// Reads one quoted string; `unicode` = `\xNN` is a code point even where a run is UTF-8.
    fn string(&mut self, unicode: bool) -> Result<String, LiteralError> {
        let quote = self.next();
        let mut out = Unescaped { text: String::new(), bytes: Vec::new(), high: None };
        loop {
            let plain = self.at;
            while !matches!(self.peek(), None | Some(b'\\' | b'\n' | b'\'' | b'"')) {
                self.at += 1;
            }
            if plain < self.at {
                out.flush();
                out.text.push_str(&self.text[plain..self.at]);
            }
            match self.next() {
                byte @ Some(b'\'' | b'"') if byte == quote => break,
                Some(byte @ (b'\'' | b'"')) => out.push(char::from(byte)),
                Some(b'\\') => self.escape(unicode, &mut out)?,
                _ => return Err(self.error("string without an end")),
            }
        }
        out.flush();
        Ok(out.text)
    }

    fn escape(&mut self, unicode: bool, out: &mut Unescaped) -> Result<(), LiteralError> {
        let Some(byte) = self.next() else { return Err(self.error("string without an end")) };
        match byte {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(char::from(byte)),
            b'a' => out.push('\x07'),
            b'b' => out.push('\x08'),
            b'f' => out.push('\x0c'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'v' => out.push('\x0b'),
            b'0'..=b'7' => {
                self.at -= 1;
                let code = self.octal();
                out.byte_or_char(code, unicode);
            }
            b'x' => {
                let code = self.hex(2)?;
                out.byte_or_char(code, unicode);
            }
            b'u' => {
                let code = self.hex(4)?;
                out.code_unit(code);
            }
            b'U' => {
                let code = self.hex(8)?;
                if code > 0x10_ffff {
                    return Err(self.error("escape beyond U+10FFFF"));
                }
                out.code_unit(code);
            }
            b'N' => return Err(self.error("a `\\N{..}` escape, which is not taken")),
            _ => {
                // Python keeps the backslash of an unknown escape.
                out.push('\\');
                self.at -= 1;
                let rest = self.text[self.at..].chars().next();
                self.at += rest.map_or(0, char::len_utf8);
                out.text.extend(rest);
            }
        }
        Ok(())
    }

    fn octal(&mut self) -> u32 {
        let mut code = 0;
        for _ in 0..3 {
            let Some(digit @ b'0'..=b'7') = self.peek() else { break };
            self.at += 1;
            code = code * 8 + u32::from(digit - b'0');
        }
        code
    }

    fn hex(&mut self, digits: usize) -> Result<u32, LiteralError> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.error("escape cut short")) };
            self.at += 1;
            code = code << 4 | digit;
        }
        Ok(code)
    }
}

/// A string while its escapes are decoded.
struct Unescaped {
    text: String,
    /// Bytes of a run of `\xNN` escapes of 0x80 and more.
    bytes: Vec<u8>,
    /// A high surrogate waiting for its low one.
    high: Option<u32>,
}

impl Unescaped {
    /// Ends a pending sequence: a lone surrogate becomes U+FFFD, a run of bytes is UTF-8 or code
    /// points.
    fn flush(&mut self) {
        if self.high.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.extend(self.bytes.iter().map(|byte| char::from(*byte))),
        }
        self.bytes.clear();
    }

    fn push(&mut self, char: char) {
        self.flush();
        self.text.push(char);
    }

    fn byte_or_char(&mut self, code: u32, unicode: bool) {
        match u8::try_from(code) {
            Ok(byte @ 0x80..) if !unicode => {
                if self.high.is_some() {
                    self.flush();
                }
                self.bytes.push(byte);
            }
            _ => self.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn code_unit(&mut self, code: u32) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, code) {
            self.high = None;
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (code - 0xdc00);
            self.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        self.flush();
        if (0xd800..=0xdbff).contains(&code) {
            self.high = Some(code);
        } else {
            self.text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// Appends the `repr` of one string.
pub fn repr_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if char == quote => {
                out.push('\\');
                out.push(char);
            }
            _ if is_printable(char) => out.push(char),
            _ => {
                let code = u32::from(char);
                // Writing to a String cannot fail.
                let _ = match code {
                    ..0x100 => write!(out, "\\x{code:02x}"),
                    0x100..0x1_0000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// What Python prints unescaped: no control, format, private or unassigned code point, and no
/// separator except the ASCII space.
fn is_printable(char: char) -> bool {
    use GeneralCategory as Category;
    match char {
        ' '..='~' => true,
        _ => !matches!(
            char.general_category(),
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
                | Category::SpaceSeparator
        ),
    }
}

/// `['#a', '#b']`.
#[must_use]
pub fn repr_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("[");
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        repr_text(&mut out, text);
    }
    out.push(']');
    out
}

/// `[12, 3]`.
#[must_use]
pub fn repr_ints(ints: impl IntoIterator<Item = u64>) -> String {
    let mut out = String::from("[");
    for (index, int) in ints.into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{int}");
    }
    out.push(']');
    out
}

/// Appends a finite float as Python's `repr` (and its `json`) does: the shortest digits that read
/// back the same, with an exponent below 1e-4 and from 1e16.
pub fn repr_float(out: &mut String, float: f64) {
    let shortest = format!("{float:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return };
    let exponent = exponent.parse::<i32>().unwrap_or_default();
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    // Of two equally near shortest texts Python takes the even one. Rounding to a given number of
    // digits does that; the shortest form does not.
    let even = format!("{float:.decimals$e}");
    let same = even.parse() == Ok(float);
    let mantissa =
        if same { even.split_once('e').map_or(mantissa, |(digits, _)| digits) } else { mantissa };
    if float != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a String cannot fail.
        let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
        return;
    }
    // Only the mantissa, without the exponent.
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if float.is_sign_negative() {
        out.push('-');
    }
    match usize::try_from(exponent) {
        Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
        Ok(whole) if digits.len() > whole + 1 => {
            out.push_str(&digits[..=whole]);
            out.push('.');
            out.push_str(&digits[whole + 1..]);
        }
        Ok(whole) => {
            out.push_str(&digits);
            out.extend(std::iter::repeat_n('0', whole + 1 - digits.len()));
            out.push_str(".0");
        }
    }
}

#[cfg(test)]
mod tests;
