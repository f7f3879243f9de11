//! A fingerprint of a text, by which copies are known.
//!
//! Links, mentions, digits, case, markup and punctuation are taken off first, so that a text with
//! another link or number at its end is the same text. It is made of the bytes as delivered:
//! one platform writes one text in one way. Fingerprints are in checkpoints, so what they are made
//! of never changes.

use crate::simd::letters::{self, CLASSES, SPECIAL, STEP};

/// Shorter texts have no fingerprint: many people may say them by themselves.
const LETTERS_MIN: u32 = 20;

/// Letters gathered before they are hashed.
const GATHERED: usize = 256;

/// The fingerprint of a text; 0 = none.
#[must_use]
pub fn print(text: &[u8]) -> u32 {
    print_by(text, letters::gather)
}

#[inline(always)]
fn print_by(text: &[u8], gather: impl Fn(&[u8], usize, &mut [u8], usize) -> (usize, usize)) -> u32 {
    let mut gathered = [0_u8; GATHERED];
    let (mut hash, mut hashed, mut len, mut at) = (0, 0_u32, 0, 0);
    while at < text.len() {
        (at, len) = gather(text, at, &mut gathered, len);
        if text.get(at).is_some_and(|byte| CLASSES[*byte as usize] == SPECIAL) {
            let (letters, bytes) = special(text, at);
            len -= letters.min(len);
            at += bytes + 1;
        }
        if len + STEP > GATHERED {
            // What a link would take off again stays.
            let most = (len - 8) / 8 * 8;
            hash = gathered[..most].chunks_exact(8).fold(hash, fold);
            hashed += most as u32;
            gathered.copy_within(most.., 0);
            len -= most;
        }
    }
    let letters = hashed + len as u32;
    if letters < LETTERS_MIN {
        return 0;
    }
    gathered[len..].iter_mut().take(8).for_each(|byte| *byte = 0);
    hash = gathered[..len].chunks_exact(8).fold(hash, fold);
    let rest = len / 8 * 8;
    let last = (0..8).map(|i| gathered.get(rest + i).copied().unwrap_or(0));
    let last = last.fold(0, |word, byte| word << 8 | u64::from(byte)) ^ u64::from(letters);
    ((fold(hash, &last.to_le_bytes()) >> 32) as u32).max(1)
}

/// What a special byte leaves out: letters before it, and bytes after it.
#[cold]
fn special(text: &[u8], at: usize) -> (usize, usize) {
    let (before, after) = (&text[..at], &text[at + 1..]);
    let find = |wanted: fn(&u8) -> bool| after.iter().position(wanted);
    match text[at] {
        b'@' => (0, after.iter().take_while(|byte| is_of_name(**byte)).count()),
        b'<' => (0, find(|byte| *byte == b'>').map_or(0, |end| end + 1)),
        // As it stands, and as JSON may write it.
        _ if after.starts_with(b"//") || after.starts_with(b"\\/") => match scheme(before) {
            0 => (0, 0),
            letters => (letters, find(u8::is_ascii_whitespace).unwrap_or(after.len())),
        },
        _ => (0, 0),
    }
}

/// Length of the scheme that a text ends with, where it begins a word.
fn scheme(text: &[u8]) -> usize {
    let ends = |scheme: &[u8]| {
        let Some(start) = text.len().checked_sub(scheme.len()) else { return false };
        text[start..].eq_ignore_ascii_case(scheme)
            && start.checked_sub(1).is_none_or(|b| CLASSES[text[b] as usize] <= SPECIAL)
    };
    let schemes: [&[u8]; 2] = [b"https", b"http"];
    schemes.into_iter().find(|scheme| ends(scheme)).map_or(0, <[u8]>::len)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Eight letters at a time: multiplications wait for each other.
fn fold(hash: u64, letters: &[u8]) -> u64 {
    let word = letters.first_chunk().copied().map_or(0, u64::from_le_bytes);
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn what_a_copy_changes_is_left_out() {
        let text = "Vote for the best answer now #poll";
        let same = [
            "vote FOR the best answer now #Poll 17",
            "@somebody.example Vote for the best answer now! #poll",
            "Vote for the best answer now #poll https://example.org/x1?y=2",
            "<p>Vote for the <b>best</b> answer now #poll</p>",
            "https:\\/\\/example.org\\/z Vote for the best answer now #poll",
        ];
        for other in same {
            assert_eq!(print(other.as_bytes()), print(text.as_bytes()), "{other}");
        }
        let long = "Vote for the best answer now ".repeat(10);
        let prints: Vec<u32> = (200..280)
            .map(|at| print(format!("{} https://example.org/x{}", &long[..at], at).as_bytes()))
            .zip((200..280).map(|at| print(&long.as_bytes()[..at])))
            .inspect(|(with, without)| assert_eq!(with, without))
            .map(|both| both.0)
            .collect();
        assert!(prints.iter().collect::<std::collections::HashSet<_>>().len() > 60);
        assert_ne!(print(b"Vote for the worst answer now #poll"), print(text.as_bytes()));
        assert_ne!(print("Голосуйте за лучший ответ".as_bytes()), 0);
    }

    /// The letters one by one, and all of them kept: the meaning of a fingerprint.
    fn by_letters(text: &[u8]) -> u32 {
        let (mut letters, mut at) = (Vec::new(), 0);
        while let Some(&byte) = text.get(at) {
            match CLASSES[byte as usize] {
                SPECIAL => {
                    let (before, after) = special(text, at);
                    letters.truncate(letters.len().saturating_sub(before));
                    at += after;
                }
                class if class > SPECIAL => letters.push(class),
                _ => {}
            }
            at += 1;
        }
        if letters.len() < LETTERS_MIN as usize {
            return 0;
        }
        let hash = letters.chunks_exact(8).fold(0, fold);
        let mut last = [0; 8];
        let rest = letters.chunks_exact(8).remainder();
        last[..rest.len()].copy_from_slice(rest);
        let last = u64::from_be_bytes(last) ^ letters.len() as u64;
        ((fold(hash, &last.to_le_bytes()) >> 32) as u32).max(1)
    }

    proptest! {
        #[test]
        fn letters_are_gathered_alike_in_every_way(
            pieces in vec(select(&PIECES[..]), 0..120),
            bytes in vec(any::<u8>(), 0..40),
        ) {
            let mut text = pieces.concat().into_bytes();
            for text in [&text.clone(), { text.extend(bytes); &text }] {
                prop_assert_eq!(print(text), by_letters(text));
                prop_assert_eq!(print_by(text, letters::scalar::gather), by_letters(text));
            }
        }
    }

    /// Some of them special, some near to it.
    const PIECES: [&str; 18] = [
        "a",
        "Z",
        "[",
        "`",
        "{",
        "wordsWORDS",
        "sixteen letters.",
        " ",
        "12",
        "é",
        "日本",
        "@ann",
        "<b>",
        "<",
        ":",
        "https://a.example/x ",
        "xhttp://",
        "Http:\\/",
    ];

    #[test]
    fn fingerprints_stay_what_they_are() {
        assert_eq!(print(b"Vote for the best answer now #poll"), 0x7cfa_140a);
        assert_eq!(print("Голосуйте за лучший ответ".repeat(20).as_bytes()), 0x7dc5_5f7f);
    }

    #[test]
    fn what_many_may_say_by_themselves_is_no_copy() {
        assert_eq!(print(b"good morning #rust 2026"), 0);
        assert_eq!(print(b""), 0);
        assert_eq!(print(b"@"), 0);
        assert_eq!(print(b"h<"), 0);
    }
}
