//! Where a JSON string ends, and where a JSON container ends, without looking at what is inside.
//!
//! Every function here is safe for any slice and any `at`: a vector load happens only where the
//! slice really has that many bytes from there, and the last bytes of a slice go through a copy
//! that is filled up with zeros. So padding after a record (`post::PAD`) is speed, never a
//! precondition. What lies between `end` and the end of the slice is read and ignored.
//!
//! [`scalar`] says the same a byte at a time; it is the meaning, the reference of the tests, and
//! what runs where AVX2 and carry-less multiplication are missing. Where AVX-512 is there too, a
//! block of 64 bytes is one register.
#![allow(unsafe_code)]

mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicU8, Ordering};

pub use plain::{Letters, Member, after_plain, digits};

/// Where a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringEnd {
    /// Index of the closing quote.
    pub quote: usize,
    /// True where the string holds a backslash.
    pub escaped: bool,
}

/// Finds the closing quote of a string whose first byte after the opening quote is `at`; `None`
/// where it does not close before `end`.
#[inline(always)]
#[must_use]
pub fn string_end(bytes: &[u8], at: usize, end: usize) -> Option<StringEnd> {
    #[cfg(target_arch = "x86_64")]
    {
        // Keys and most values end within 32 bytes: SSE2 is in every x86-64, so this part is
        // inlined into the caller, which a function that asks for AVX2 cannot be.
        if let Some(place) = x86::first_of_32(bytes, at) {
            let quote = at + place;
            if bytes.get(quote) == Some(&b'"') {
                return (quote < end).then_some(StringEnd { quote, escaped: false });
            }
        }
    }
    string_end_long(bytes, at, end)
}

/// [`string_end`] for what its first 32 bytes did not decide.
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
/// index after its closing bracket. `None` where it does not close before `end`, or where it may
/// nest `room` levels or more inside itself; that is said too early by what one block of 64 bytes
/// holds, never too late. Kinds of brackets are not told apart, and a backslash outside a string,
/// which no JSON has, hides a quote after it.
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

/// What the processor has of what [`x86`] is compiled for; asked once, then remembered. 1: too
/// little; 2: AVX2; 3: AVX-512 too.
#[cfg(target_arch = "x86_64")]
#[inline]
fn level() -> u8 {
    static SEEN: AtomicU8 = AtomicU8::new(0);
    match SEEN.load(Ordering::Relaxed) {
        0 => {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt");
            let avx512 =
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            let seen = 1 + u8::from(avx2) + u8::from(avx2 && avx512);
            SEEN.store(seen, Ordering::Relaxed);
            seen
        }
        seen => seen,
    }
}

/// The safe twins.
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
