//! A fingerprint of a text, by which copies are known.
//!
//! Links, mentions, digits, case, markup and punctuation are taken off first, so that a text with
//! another link or number at its end is the same text. It is made of the bytes as delivered:
//! one platform writes one text in one way.

/// Shorter texts have no fingerprint: many people may say them by themselves.
const LETTERS_MIN: u32 = 20;

/// Left out.
const SKIP: u8 = 0;
/// `@`, `<` and `:`, which may begin or end something longer that is left out.
const SPECIAL: u8 = 1;

/// What each byte is: one of the above, or a letter, in lower case.
const CLASSES: [u8; 256] = {
    let mut classes = [SKIP; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'@' | b'<' | b':' => SPECIAL,
            letter @ b'a'..=b'z' => letter,
            letter @ b'A'..=b'Z' => letter | 0x20,
            other @ 0x80..=0xff => other,
            _ => SKIP,
        };
        byte += 1;
    }
    classes
};

/// Letters gathered before they are hashed.
const GATHERED: usize = 256;

/// The fingerprint of a text; 0 = none.
#[must_use]
pub fn print(text: &[u8]) -> u32 {
    let mut gathered = [0_u8; GATHERED];
    let (mut hash, mut hashed, mut len, mut at) = (0, 0_u32, 0, 0);
    while let Some(&byte) = text.get(at) {
        let class = CLASSES[byte as usize];
        // Always written, and kept where it is a letter: which bytes are letters cannot be
        // foretold, and this asks nothing.
        gathered[len] = class;
        len += usize::from(class > SPECIAL);
        if class == SPECIAL {
            let (letters, bytes) = special(text, at);
            len -= letters.min(len);
            at += bytes;
        }
        at += 1;
        if len == GATHERED {
            // What a link would take off again stays.
            let most = GATHERED - 8;
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

    #[test]
    fn what_many_may_say_by_themselves_is_no_copy() {
        assert_eq!(print(b"good morning #rust 2026"), 0);
        assert_eq!(print(b""), 0);
        assert_eq!(print(b"@"), 0);
        assert_eq!(print(b"h<"), 0);
    }
}
