//! Finds the end of a JSON string or container without parsing what is inside.
//!
//! Every function is safe for any slice and any `at`: a vector load happens only if the slice has
//! that many bytes from there, and the last bytes of a slice are read from a copy padded with
//! zeros. So padding after a record ([`crate::PAD`]) improves speed and is not a precondition.
//! Bytes between `end` and the end of the slice are read and ignored.
//!
//! [`scalar`] does the same one byte at a time. It is the definition, the reference of the tests,
//! and the fallback without AVX2 and carry-less multiplication. With AVX-512 a block of 64 bytes is
//! one register.
#![allow(unsafe_code)]

mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use crate::level::{Cached, Level};

pub use plain::{Letters, Member, after_plain, digits};

/// The end of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringEnd {
    /// Index of the closing quote.
    pub quote: usize,
    /// Whether the string contains a backslash.
    pub escaped: bool,
}

/// Finds the closing quote of a string whose first byte after the opening quote is `at`. `None` if
/// it does not close before `end`.
#[inline(always)]
#[must_use]
pub fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    #[cfg(target_arch = "x86_64")]
    {
        // Keys and most values end within 32 bytes. SSE2 is part of every x86-64, so this part can
        // be inlined into the caller, unlike a function that needs AVX2.
        if let Some(place) = x86::first_of_32(bytes, at) {
            let quote = at + place;
            if bytes.get(quote) == Some(&b'"') {
                return (quote < end).then_some(StringEnd { quote, escaped: false });
            }
        }
    }
    string_end_long(bytes, at, end)
}

/// [`string_end`] for strings longer than 32 bytes.
fn string_end_long(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    let end = end.min(bytes.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = x86::Avx512::detect() {
        return x86::Lanes::string_end(lanes, bytes, at, end);
    } else if let Some(lanes) = x86::Avx2::detect() {
        return x86::Lanes::string_end(lanes, bytes, at, end);
    }
    scalar::string_end(bytes, at, end)
}

/// Finds the end of an object or array whose first byte after the opening bracket is `at`: the
/// index after its closing bracket. `None` if it does not close before `end`, or may nest `room`
/// levels or more. The nesting check can trigger early by what one block of 64 bytes contains,
/// never late. Kinds of brackets are not distinguished, and a backslash outside a string (which is
/// not JSON) hides a quote after it.
#[must_use]
pub fn container_end(bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize> {
    let end = end.min(bytes.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = x86::Avx512::detect() {
        return x86::Lanes::container_end(lanes, bytes, at, end, room);
    } else if let Some(lanes) = x86::Avx2::detect() {
        return x86::Lanes::container_end(lanes, bytes, at, end, room);
    }
    scalar::container_end(bytes, at, end, room)
}

/// The instruction set that [`x86`] uses.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn level() -> Level {
    static LEVEL: Cached = Cached::new();
    LEVEL.get(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt");
    Level::new(avx2, is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"))
}

/// The safe equivalents.
pub mod scalar {
    use super::StringEnd;

    /// See [`super::string_end`].
    #[must_use]
    pub fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
        let mut escaped = false;
        let mut at = at;
        while at < end {
            match bytes.get(at)? {
                b'"' => return Some(StringEnd { quote: at, escaped }),
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        None
    }

    /// See [`super::container_end`]; exact about `room`.
    #[must_use]
    pub fn container_end(bytes: &[u8], at: usize, end: usize, room: u32) -> Option<usize> {
        let mut depth = 1u32;
        let mut at = at;
        while at < end {
            match bytes.get(at)? {
                b'"' => at = string_end(bytes, at + 1, end)?.quote,
                b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 1,
                b'{' | b'[' => {
                    depth += 1;
                    if depth > room {
                        return None;
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests;
