//! A fingerprint of a text, by which copies are known.
//!
//! Links, mentions, digits, case, markup and punctuation are taken off first, so that a text with
//! another link or number at its end is the same text. It is made of the bytes as delivered:
//! one platform writes one text in one way.

/// Shorter texts have no fingerprint: many people may say them by themselves.
const LETTERS_MIN: u32 = 20;

const SKIP: u8 = 0;
const MENTION: u8 = 1;
const MARKUP: u8 = 2;
const DIGIT: u8 = 3;

/// What each byte is: one of the above, or a letter, in lower case.
const CLASSES: [u8; 256] = {
    let mut classes = [SKIP; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'@' => MENTION,
            b'<' => MARKUP,
            b'0'..=b'9' => DIGIT,
            letter @ b'a'..=b'z' => letter,
            letter @ b'A'..=b'Z' => letter | 0x20,
            other @ 0x80..=0xff => other,
            _ => SKIP,
        };
        byte += 1;
    }
    classes
};

/// The fingerprint of a text; 0 = none.
#[must_use]
pub fn print(text: &[u8]) -> u32 {
    let (mut hash, mut word, mut letters, mut at) = (0_u64, 0_u64, 0_u32, 0);
    let mut in_word = false;
    while let Some(&byte) = text.get(at) {
        let class = CLASSES[byte as usize];
        match class {
            SKIP => {}
            MENTION => at += word_len(&text[at + 1..]),
            MARKUP => at += text[at..].iter().position(|&byte| byte == b'>').unwrap_or(0),
            DIGIT => {}
            _ if !in_word && class == b'h' && is_link(&text[at..]) => {
                let end = text[at..].iter().position(u8::is_ascii_whitespace);
                at += end.unwrap_or(text.len() - at) - 1;
            }
            letter => {
                // Eight letters at a time: multiplications wait for each other.
                word = word << 8 | u64::from(letter);
                letters += 1;
                if letters.is_multiple_of(8) {
                    hash = fold(hash, word);
                }
            }
        }
        in_word = class > DIGIT;
        at += 1;
    }
    if letters < LETTERS_MIN {
        return 0;
    }
    let rest = word & ((1 << (8 * (letters % 8))) - 1);
    ((fold(hash, rest ^ u64::from(letters)) >> 32) as u32).max(1)
}

fn fold(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Length of the name at the start.
fn word_len(text: &[u8]) -> usize {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.iter().take_while(|byte| in_name(byte)).count()
}

fn is_link(text: &[u8]) -> bool {
    let start =
        |with: &[u8]| text.len() > with.len() && text[..with.len()].eq_ignore_ascii_case(with);
    // As it stands, and as JSON may write it.
    start(b"https://") || start(b"http://") || start(b"https:\\/") || start(b"http:\\/")
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
